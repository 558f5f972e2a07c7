//! Which message a broker has confirmed.
//!
//! A confirmation (PUBACK, MQTT 5 §3.4) names a packet id. The client gives a message its id when it sends it, not when
//! it is handed the message. But it sends in the order in which it was handed messages, and says each id as it sends:
//!
//! ```text
//!  handed ──▶ queue, oldest first ──sent(id)──▶ under id ──answered(id)──▶ which message
//!                     └───────────connection ended────┴──▶ nothing is known of it
//! ```
//!
//! 1. [`Receipts::handed`]: the client took a message. Every message that gets an id counts, also one that is no record.
//! 2. [`Receipts::sent`]: the client has sent the oldest of them, under this id.
//! 3. [`Receipts::answered`] gives the message that went under the id, which is free again.
//! 4. [`Receipts::connection_ended`]: the client has dropped what it had, and begins anew.
//!
//! A record taken for another would be forgotten without being sent. So what can't be is never guessed at: it is
//! [`Miscounted`], and the caller begins anew with another connection.

use std::collections::{BTreeMap, VecDeque};

/// A message that gets a packet id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    /// The record of this number.
    Record(u64),
    /// The value of the moment of this serial ([`crate::retained`]).
    Value(u64),
    /// An answer to somebody's question.
    Answer,
    /// Anything else, such as the edge's status, or a record of an outbox that is no more.
    Other,
}

/// The client sent more than it was handed, or under an id that still waits for its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the MQTT client sends in another order than it was handed messages: nothing that it confirms can be relied on"
)]
pub struct Miscounted;

/// The messages of one connection. Owned by the uplink's task.
#[derive(Debug, Default)]
pub struct Receipts {
    handed: VecDeque<Message>,
    sent: BTreeMap<u16, Message>,
}

impl Receipts {
    /// The client took this message.
    pub fn handed(&mut self, message: Message) {
        self.handed.push_back(message);
    }

    /// The client has sent the oldest message that it had not sent.
    ///
    /// # Errors
    /// When that can't be.
    pub fn sent(&mut self, id: u16) -> Result<(), Miscounted> {
        let message = self.handed.pop_front().ok_or(Miscounted)?;
        match self.sent.insert(id, message) {
            None => Ok(()),
            Some(_) => Err(Miscounted),
        }
    }

    /// The broker has answered what was sent under this id: what was it?
    pub fn answered(&mut self, id: u16) -> Option<Message> {
        self.sent.remove(&id)
    }

    /// Nothing that was handed over or sent will be answered.
    pub fn connection_ended(&mut self) {
        self.handed.clear();
        self.sent.clear();
    }

    /// The disk's records were lost and numbers begin anew: what is under way are records of the old ones.
    pub fn begin_anew(&mut self) {
        let under_way = self.handed.iter_mut().chain(self.sent.values_mut());
        under_way.filter(|message| matches!(message, Message::Record(_))).for_each(|message| *message = Message::Other);
    }
}

#[cfg(test)]
mod tests;
