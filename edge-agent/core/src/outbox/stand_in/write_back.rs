//! How memory goes back to a disk that takes something again: in pieces, between which whoever waits for the outbox is served.
//!
//! 1. [`StandIn::piece`] is what the disk is to take next: first what is to be deleted from it and how far events came that
//!    went on from memory, then the oldest records, in order.
//! 2. [`StandIn::written`] is said when all of that is flushed. Until then memory has it, so that a piece which failed is written
//!    again. With the last piece memory [ends](StandIn::is_on).
//! 3. [`StandIn::begin`] is said when the disk fails in between: what was written stays there, memory has the rest.
//!
//! The first piece after a failure is one record, each further one twice as many, up to [`RECORDS`]: a disk that is too slow
//! for a whole piece, and is given up as silent while it writes it, still takes all at last.
//!
//! Who is killed between two pieces loses what was not written yet, and nothing else: a record is on the disk or in memory, never
//! in both, and on the disk it is sent under the disk's number alone.

use omma_protocol::event::{Event, Lasting};

use super::StandIn;

/// Most records of a piece: as many as the disk takes at once from who puts them.
pub const RECORDS: usize = 256;
/// Most bytes of a piece of more than one record: a slow card takes it within seconds.
pub const BYTES: u64 = 500_000;
/// Most records that are deleted with a piece: days of a disk that takes nothing may have left very many to be deleted.
pub const DELETED: usize = 1000;

/// What the disk is to take at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Numbers on the disk, which are deleted first.
    pub deleted: Vec<u64>,
    /// Newest states of events that arrived without ever being on the disk. Else the next start would take the event for what
    /// the disk last knew, and end it with a revision that the hub drops.
    pub passed: Vec<Event>,
    /// What is put then, in order.
    pub records: Vec<Lasting>,
    /// Their numbers in memory.
    numbers: Vec<u64>,
}

impl StandIn {
    /// What the disk is to take next; empty where nothing is left.
    pub fn piece(&self) -> Piece {
        let (numbers, records) = self.unsaved(self.piece, BYTES).into_iter().unzip();
        Piece { deleted: self.deleted(DELETED), passed: self.passed.values().cloned().collect(), records, numbers }
    }

    /// The piece is on disk, of its records the first `kept`, under the numbers after `before`.
    pub fn written(&mut self, piece: &Piece, before: u64, kept: usize) {
        (self.readable, self.returning) = (true, true);
        self.drop_copies();
        self.gone(&piece.deleted);
        piece.passed.iter().for_each(|event| drop(self.passed.remove(&event.id)));
        for (in_memory, on_disk) in piece.numbers.iter().take(kept).zip(before + 1..) {
            if let Some(held) = self.memory.as_mut().and_then(|memory| memory.remove(*in_memory)) {
                self.kept(on_disk, held.what);
            }
        }
        self.piece = (self.piece * 2).min(RECORDS);
        if self.count_unsaved() == 0 && self.deleted.is_empty() && self.passed.is_empty() {
            (self.memory, self.returning) = (None, false);
        }
    }

    /// Whether memory is being written back, and there is more of it.
    pub fn is_returning(&self) -> bool {
        self.returning
    }
}
