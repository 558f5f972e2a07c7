//! What the outbox does with what must last.
//!
//! [`flight`] decides what is sent, sent again and forgotten; [`pace`] how fast pictures of the past are sent;
//! [`floor`] whether they go behind live video or beside it;
//! [`receipts`] tells which record a broker has confirmed, where there is no hub; [`budget`] decides what is given up when
//! the disk's share is used. The records themselves are the program's: here they are numbers and kinds. But while the
//! disk takes nothing they are in [`memory`], and [`stand_in`] decides from where they are sent.

pub mod flight;

pub mod pace;

pub mod floor;

pub mod receipts;

pub mod budget;

pub mod memory;

pub mod stand_in;

#[cfg(test)]
mod tests;
