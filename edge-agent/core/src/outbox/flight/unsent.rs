//! How far each lane has been sent.
//!
//! | lane | what | goes |
//! |---|---|---|
//! | events | every state of an event | first, in the order of their numbers |
//! | incidents | what befell the edge | while no state waits to be sent |
//! | live | pictures put since the past ended | while no state waits to be sent |
//! | past | older pictures | while nothing else waits to be sent, one at a time, at a limited [pace](crate::outbox::pace) |
//!
//! The past ends with the newest record that was on disk when the connection or the outbox that is sent from began, or when a store that had been silent
//! for long, or a broker that had refused for long, answered again.

use super::Kind;

/// The first number in each lane that has not been sent.
#[derive(Debug)]
pub(super) struct Unsent {
    event: u64,
    incident: u64,
    live: u64,
    past: u64,
    /// The newest number of the past.
    mark: u64,
}

/// A lane of pictures, or that of events, or that of incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lane {
    Event,
    Incident,
    Live,
    Past,
}

impl Unsent {
    /// Numbers begin at 1, and there is no past.
    pub(super) fn new() -> Self {
        Self { event: 1, incident: 1, live: 1, past: 1, mark: 0 }
    }

    /// The lane of a record.
    pub(super) fn lane(&self, kind: Kind, sequence: u64) -> Lane {
        match kind {
            Kind::Event => Lane::Event,
            Kind::Incident => Lane::Incident,
            Kind::Picture if sequence > self.mark => Lane::Live,
            Kind::Picture => Lane::Past,
        }
    }

    /// The numbers, first and last, among which a lane's next record is, where `newest` is the newest on disk.
    pub(super) fn range(&self, lane: Lane, newest: u64) -> Option<(u64, u64)> {
        let (from, to) = match lane {
            Lane::Event => (self.event, newest),
            Lane::Incident => (self.incident, newest),
            Lane::Live => (self.live.max(self.mark.saturating_add(1)), newest),
            Lane::Past => (self.past, self.mark.min(newest)),
        };
        (from <= to).then_some((from, to))
    }

    /// Nothing up to `last` is left to be sent for the first time in that lane.
    pub(super) fn through(&mut self, kind: Kind, last: u64) {
        let cursor = match self.lane(kind, last) {
            Lane::Event => &mut self.event,
            Lane::Incident => &mut self.incident,
            Lane::Live => &mut self.live,
            Lane::Past => &mut self.past,
        };
        *cursor = last.saturating_add(1).max(*cursor);
    }

    /// What is on disk now is of the past. `forgotten` is the oldest picture that was sent and is to be sent anew.
    pub(super) fn end_past(&mut self, newest: u64, forgotten: Option<u64>) {
        if self.past > self.mark {
            // All of the old past has been sent, and of what was live everything before this.
            self.past = self.live.max(self.past);
        }
        self.past = forgotten.map_or(self.past, |oldest| oldest.min(self.past));
        self.mark = newest.max(self.mark);
    }
}
