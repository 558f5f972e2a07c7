//! Which records are on their way.
//!
//! ```text
//!            sent                    acknowledged by the hub's store
//! on disk ─────────▶ in flight ─────────────────────────────────────▶ forgotten
//!                      │   ▲
//!                      └───┘ again: after every reconnect, and when no acknowledgement came in time
//! ```
//!
//! 1. [`Flight::next`] says which record to read from disk: one to send again, or the first from a number on.
//! 2. The caller sends it and says so with [`Flight::sent`].
//! 3. [`Flight::acknowledged`] turns the hub's ranges into the records that may be deleted.
//!
//! Records go out in the order of their numbers, again after a reconnect. That alone does not keep their arrival in
//! order: a broker that has just come back confirms what it passes to nobody, while the hub still finds its way. So
//! each connection begins with the oldest record alone, repeated until the hub's store answers; then the window opens,
//! and over a connection that keeps order each first arrival is in order. Only records that were sent in this life of the program can be acknowledged: whatever a
//! broken hub says, nothing is forgotten unsent.
//!
//! Without a hub ([`Flight::without_hub`]) the broker's own confirmation acknowledges. It comes over the connection that
//! the record went over, or never; so nothing is sent twice over one connection but what was [refused](Flight::refused).

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Moment;

/// First wait for the answer that opens the window; doubles like any other.
pub const PROBE: Duration = Duration::from_secs(1);
/// Most records in flight.
pub const WINDOW: usize = 32;
/// First wait for an acknowledgement; doubles with each repetition, because a broker that lives while the hub does not
/// would queue every copy.
pub const RESEND: Duration = Duration::from_secs(10);
/// Longest wait for an acknowledgement.
pub const RESEND_MAX: Duration = Duration::from_secs(160);

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// This record again; [`Flight::gone`] where it is no longer on disk.
    Again(u64),
    /// The first record with this number or a higher one; [`Flight::none_before`] where there is none.
    From(u64),
    /// Nothing before this moment, or before something happens.
    Wait(Option<Moment>),
}

#[derive(Debug, Clone, Copy)]
struct Sent {
    /// `None` until it is sent over the present connection.
    at: Option<Moment>,
    wait: Duration,
    /// Whether it is sent again after this wait. Else only the next connection does that.
    again: bool,
}

/// The records in flight. Owned by the uplink's task.
#[derive(Debug)]
pub struct Flight {
    window: usize,
    /// Whether an answer can be lost while the connection holds.
    impatient: bool,
    connected: bool,
    /// Whether the hub's store has answered over the present connection.
    heard: bool,
    next: u64,
    in_flight: BTreeMap<u64, Sent>,
}

impl Flight {
    /// Nothing in flight, not connected; the first record to be sent is the oldest on disk.
    pub fn new(window: usize) -> Self {
        let window = window.max(1);
        Self { window, impatient: true, connected: false, heard: false, next: 0, in_flight: BTreeMap::new() }
    }

    /// As [`Flight::new`], where the broker's own confirmation acknowledges.
    pub fn without_hub(window: usize) -> Self {
        Self { impatient: false, ..Self::new(window) }
    }

    /// A connection is up. What was in flight is sent again: nobody knows what the old connection lost.
    pub fn connected(&mut self) {
        self.connected = true;
        self.heard = false;
        for sent in self.in_flight.values_mut() {
            *sent = Sent { at: None, wait: PROBE, again: self.impatient };
        }
    }

    /// The disk's records were lost and numbers begin anew: nothing is in flight.
    pub fn begin_anew(&mut self) {
        (self.heard, self.next) = (false, 0);
        self.in_flight.clear();
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.connected = false;
    }

    /// What to send now, where `newest` is the highest number that is safely on disk (0 for none).
    pub fn next(&self, now: Moment, newest: u64) -> Next {
        if !self.connected {
            return Next::Wait(None);
        }
        let open = if self.heard { self.window } else { 1 };
        let due = |sent: &Sent| sent.at.is_none_or(|at| sent.again && now >= at + sent.wait);
        if let Some((&sequence, _)) = self.in_flight.iter().take(open).find(|(_, sent)| due(sent)) {
            return Next::Again(sequence);
        }
        if self.in_flight.len() < open && self.next <= newest {
            return Next::From(self.next);
        }
        let waiting = self.in_flight.values().take(open).filter(|sent| sent.again);
        Next::Wait(waiting.filter_map(|sent| Some(sent.at? + sent.wait)).min())
    }

    /// The record was handed to the connection.
    pub fn sent(&mut self, sequence: u64, now: Moment) {
        let again = self.in_flight.get(&sequence).is_some_and(|sent| sent.at.is_some());
        let wait = if self.heard { RESEND } else { PROBE };
        let sent = self.in_flight.entry(sequence).or_insert(Sent { at: None, wait, again: true });
        if again {
            sent.wait = (sent.wait * 2).min(RESEND_MAX);
        }
        (sent.at, sent.again) = (Some(now), self.impatient);
        self.next = self.next.max(sequence.saturating_add(1));
    }

    /// The broker does not take the record. It is tried again after a wait, the oldest one first and alone: whatever the
    /// reason, the others would hardly fare better.
    pub fn refused(&mut self, sequence: u64, now: Moment) {
        self.heard = false;
        if let Some(sent) = self.in_flight.get_mut(&sequence) {
            (sent.at, sent.again) = (Some(now), true);
        }
    }

    /// The record is no longer on disk.
    pub fn gone(&mut self, sequence: u64) {
        self.in_flight.remove(&sequence);
    }

    /// There is no record below `sequence` left to send for the first time.
    pub fn none_before(&mut self, sequence: u64) {
        self.next = self.next.max(sequence);
    }

    /// The hub's store has these inclusive ranges. Returns the records that were in flight: the caller deletes them.
    /// Ranges turned inside out and numbers never sent are ignored.
    pub fn acknowledged(&mut self, ranges: &[[u64; 2]]) -> Vec<u64> {
        let mut stored = vec![];
        for &[first, last] in ranges.iter().filter(|[first, last]| first <= last) {
            stored.extend(self.in_flight.range(first..=last).map(|(&sequence, _)| sequence));
            for sequence in &stored {
                self.in_flight.remove(sequence);
            }
        }
        if !stored.is_empty() {
            self.heard = true;
            // The hub's store is alive: what it has not said yet it will say soon, or has lost.
            for sent in self.in_flight.values_mut() {
                sent.wait = RESEND;
            }
        }
        stored
    }

    /// How many are in flight.
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }
}

#[cfg(test)]
mod tests;
