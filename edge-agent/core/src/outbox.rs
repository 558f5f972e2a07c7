//! What the outbox does with what must last.
//!
//! [`flight`] decides what is sent, sent again and forgotten; [`pace`] how fast pictures of the past are sent;
//! [`receipts`] tells which record a broker has confirmed, where there is no hub; [`budget`] decides what is given up when
//! the disk's share is used. The records themselves are the program's: here they are numbers and kinds.

pub mod flight;

pub mod pace;

pub mod receipts;

pub mod budget;

#[cfg(test)]
mod tests;
