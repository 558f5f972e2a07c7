//! How memory goes back to a disk that takes something again: in pieces, between which whoever waits for the outbox is served.
//!
//! 1. [`StandIn::piece`] is what the disk is to take next: first what is to be deleted from it and how far events came that
//!    went on from memory, then the oldest records, in order.
//! 2. [`StandIn::written`] is said when all of that is flushed. Until then memory has it, so that a piece which failed is written
//!    again. With the last piece memory [ends](StandIn::is_on).
//!    Where the disk is late with its answer, that is said first, and the answer when it comes ([`super::late`]).
//! 3. [`StandIn::begin`] is said when the disk fails in between: what was written stays there, memory has the rest.
//!
//! The first piece after a failure is one record, each further one twice as many, up to [`RECORDS`]. What goes before the records
//! is bounded as they are, and no record goes before all of that: a disk that is too slow for a whole piece, and is given up as
//! silent while it writes it, still takes all at last.
//!
//! Who is killed between two pieces loses what was not written yet, and nothing else: a record is on the disk or in memory, never
//! in both, and on the disk it is sent under the disk's number alone.

use omma_protocol::event::{Event, Lasting, Phase};

use super::{PASSED, StandIn};

/// Most records of a piece: as many as the disk takes at once from who puts them.
pub const RECORDS: usize = 256;
/// Most bytes of a piece of more than one record: a slow card takes it within seconds.
pub const BYTES: u64 = 500_000;
/// Most records that are deleted with a piece: days of a disk that takes nothing may have left very many to be deleted.
pub const DELETED: usize = 1000;
/// Most records that are deleted for each that a piece may have.
const DELETED_FOR_EACH: usize = 4;

/// What the disk is to take at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Numbers on the disk, which are deleted first, at most [`DELETED`].
    pub deleted: Vec<u64>,
    /// Newest states of events that arrived without ever being on the disk. Else the next start would take the event for what
    /// the disk last knew, and end it with a revision that the hub drops.
    pub passed: Vec<Event>,
    /// What is put then, in order.
    pub records: Vec<Lasting>,
    /// Their numbers in memory.
    pub(super) numbers: Vec<u64>,
}

/// What the disk took of a piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The number before its first record's.
    pub before: u64,
    /// How many of its records are flushed, from the first on.
    pub kept: usize,
    /// Whether what was to be deleted is known to be: not where a flush failed, since then it may come back.
    pub deleted: bool,
}

impl Taken {
    /// The number of the record in this place of the piece.
    pub(super) fn number(self, place: usize) -> u64 {
        self.before + 1 + place as u64
    }
}

impl StandIn {
    /// What the disk is to take next; empty where nothing is left.
    pub fn piece(&self) -> Piece {
        let deleted = self.deleted((self.piece * DELETED_FOR_EACH).min(DELETED));
        let passed: Vec<Event> = self.passed.values().take(self.piece).cloned().collect();
        // They come first.
        let is_all = deleted.len() == self.deleted.len() && passed.len() == self.passed.len();
        let records = if is_all { self.unsaved(self.piece, BYTES) } else { vec![] };
        let (numbers, records) = records.into_iter().unzip();
        Piece { deleted, passed, records, numbers }
    }

    /// The disk took this of the piece.
    pub fn written(&mut self, piece: &Piece, taken: Taken) {
        self.took(&piece.deleted, &piece.passed, taken.deleted);
        for (place, in_memory) in piece.numbers.iter().take(taken.kept).enumerate() {
            self.moves(*in_memory, taken.number(place));
        }
        self.piece = (self.piece * 2).min(RECORDS);
        self.ends();
    }

    /// The disk works, and has what goes before the records of a piece.
    pub(super) fn took(&mut self, deleted: &[u64], passed: &[Event], are_deleted: bool) {
        (self.readable, self.returning) = (true, true);
        self.drop_copies();
        if are_deleted {
            self.gone(deleted);
        }
        for event in passed {
            // It may have gone on since.
            if self.passed.get(&event.id).is_some_and(|known| known.revision <= event.revision) {
                self.passed.remove(&event.id);
                self.has_closed(event);
            }
        }
    }

    /// A record of memory is on the disk now, and there alone.
    pub(super) fn moves(&mut self, in_memory: u64, on_disk: u64) {
        let Some(held) = self.memory.as_mut().and_then(|memory| memory.remove(in_memory)) else { return };
        if let Lasting::Event(event) = &held.what
            && let Some(closed) = self.closed.get(&event.id)
        {
            // An older state was written after it: for the disk the event is under way again until it is told once more.
            self.passed.insert(event.id, closed.clone());
        }
        self.kept(on_disk, held.what);
    }

    /// The disk knows that this event is over, which arrived from memory: older states of it may still wait there.
    fn has_closed(&mut self, event: &Event) {
        if event.phase == Phase::Closed {
            self.closed.insert(event.id, event.clone());
        }
        while self.closed.len() > PASSED {
            self.closed.pop_first();
        }
    }

    /// Memory ends where nothing is left for the disk to take.
    pub(super) fn ends(&mut self) {
        if self.count_unsaved() == 0 && self.deleted.is_empty() && self.passed.is_empty() {
            (self.memory, self.returning) = (None, false);
            self.closed.clear();
        }
    }

    /// Whether memory is being written back, and there is more of it.
    pub fn is_returning(&self) -> bool {
        self.returning
    }
}

#[cfg(test)]
mod tests;
