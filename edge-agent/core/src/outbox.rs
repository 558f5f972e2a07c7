//! What the outbox does with what must last.
//!
//! [`flight`] decides what is sent, sent again and forgotten; [`receipts`] tells which record a broker has confirmed,
//! where there is no hub; [`budget`] decides what is given up when the disk's share is used. The records themselves are
//! the program's: here they are numbers.

pub mod flight;

pub mod receipts;

pub mod budget;
