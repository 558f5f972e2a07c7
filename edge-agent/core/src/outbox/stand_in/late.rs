//! A write that the disk has not answered in time, and may take all the same.
//!
//! What it holds stays in memory, is sent from there, and is marked. When the answer comes, what was taken is on the disk alone
//! again, under the number that it got there; what was acknowledged meanwhile is to be deleted from there, and what memory gave up
//! meanwhile is there all the same. Nothing else is written before: a record would be on the disk twice, and a disk
//! that is always late would get it again and again.

use std::collections::BTreeSet;

use omma_protocol::event::{Event, Lasting};

use super::StandIn;
use super::write_back::{Piece, Taken};
use crate::outbox::memory::Held;

/// What is known of a write that the disk has not answered yet.
#[derive(Debug, Default)]
pub(super) struct Late {
    deleted: Vec<u64>,
    passed: Vec<Event>,
    /// Places of those that were acknowledged meanwhile.
    pub(super) acknowledged: BTreeSet<usize>,
}

impl StandIn {
    /// The disk has not answered for this piece in time. To be said before [`StandIn::begin`].
    pub fn is_late(&mut self, piece: &Piece) {
        let (deleted, passed) = (piece.deleted.clone(), piece.passed.clone());
        self.late = Some(Late { deleted, passed, acknowledged: BTreeSet::new() });
        let places = piece.numbers.iter().enumerate();
        self.memory
            .iter_mut()
            .for_each(|memory| places.clone().for_each(|(place, number)| memory.is_late(*number, place)));
    }

    /// Puts into memory what was put on the disk, for which that has not answered in time. To be said after
    /// [`StandIn::begin`]. Gives what is given up for it.
    pub fn put_late(&mut self, all: Vec<Lasting>) -> Vec<Held> {
        self.late = Some(Late::default());
        let Some(memory) = &mut self.memory else { return vec![] };
        let held = all.into_iter().enumerate().map(|(place, what)| Held { late: Some(place), ..Held::alone(what) });
        super::lost(held.flat_map(|held| memory.put(held)).collect())
    }

    /// The disk has answered for what was late. What it took is there alone.
    pub fn written_late(&mut self, taken: Taken) {
        let Some(late) = self.late.take() else { return };
        self.took(&late.deleted, &late.passed, taken.deleted);
        let places = self.memory.iter().flat_map(|memory| memory.iter());
        let there: Vec<(u64, u64)> = places
            .filter_map(|(number, held)| Some((number, held.late.filter(|place| *place < taken.kept)?)))
            .map(|(number, place)| (number, taken.number(place)))
            .collect();
        there.into_iter().for_each(|(in_memory, on_disk)| self.moves(in_memory, on_disk));
        let acknowledged = late.acknowledged.into_iter().filter(|place| *place < taken.kept);
        self.deleted.extend(acknowledged.map(|place| taken.number(place)));
        self.nothing_is_late();
        self.ends();
    }

    /// The disk has taken nothing of what was late.
    pub fn nothing_is_late(&mut self) {
        self.late = None;
        self.memory.iter_mut().for_each(|memory| memory.nothing_is_late());
    }
}
