//! What stands in for a disk that takes nothing: full, read-only, away, or silent.
//!
//! ```text
//!             the disk takes nothing                 nothing is left on a disk that can be read, or it can't be
//! disk alone ────────────────────────▶ disk served ◀────────────────────────────────────────▶ memory served
//!     ▲                                  │     ▲ the disk takes nothing any more                  │
//!     │ memory is empty                  ▼     │                                                  │
//!     └──────────────────────────── written back, disk served ◀───────────────────────────────────┘
//!                                                       the disk took a piece
//! ```
//!
//! 1. While the disk works, a copy of what it holds of this run stays in memory, the newest of it ([`StandIn::kept`]).
//! 2. When it takes nothing ([`StandIn::begin`]), what is put goes into an outbox in memory, under an id drawn for it:
//!    its numbers mean nothing to any later run, so that none is ever given to something else. A disk that is full is
//!    read on, and the memory waits behind it; of one that can't be read the copies go into memory, before all else.
//! 3. The uplink is served from one of them at a time ([`StandIn::served`]), and its acknowledgements are of that one. Those
//!    of records that lie on the disk are remembered until it takes them ([`StandIn::acknowledged`]), and so are the newest
//!    states of events that only memory had: the disk must know which events are under way ([`StandIn::passed`]).
//! 4. When the disk takes something again, memory goes there in order, piece by piece ([`write_back`]). What is put meanwhile
//!    goes into memory, behind what waits there. The disk is served from its first piece on, so that the uplink's numbers
//!    change once.
//! 5. What the disk was asked to write and has not answered for in time stays in memory until it answers ([`late`]).
//!
//! A record that was under way in between is sent once more, under its new number; the hub knows it by its event and
//! revision.

pub mod late;

pub mod write_back;

use std::collections::{BTreeMap, BTreeSet};

use omma_protocol::event::{Event, Lasting, Phase};
use omma_protocol::id::{EventId, OutboxId};

use super::memory::{Held, Memory};

/// Events whose newest state is remembered while the disk takes nothing. Over it those that are closed are forgotten, then any:
/// what the disk takes such an event for is then older than what the hub knows.
const PASSED: usize = 1000;

/// Which outbox the uplink is served from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// That on disk.
    Disk,
    /// That in memory.
    Memory,
}

/// What memory does for the disk. One thread owns it.
#[derive(Debug)]
pub struct StandIn {
    budget: u64,
    /// Copies of what is on disk, under their numbers there.
    copies: Memory,
    /// While the disk takes nothing.
    memory: Option<Memory>,
    /// Whether the disk can be read.
    readable: bool,
    /// Whether memory is being written back: the disk took the last piece.
    returning: bool,
    /// Most records of the next piece.
    piece: usize,
    /// Acknowledged, and still on the disk.
    deleted: BTreeSet<u64>,
    /// The newest state of each event that was acknowledged and never was on the disk.
    passed: BTreeMap<EventId, Event>,
    /// Those of them that were the last, and that the disk knows of: at most [`PASSED`], while memory stands in.
    closed: BTreeMap<EventId, Event>,
    /// The write that the disk has not answered yet.
    late: Option<late::Late>,
}

impl StandIn {
    /// For an outbox on disk. `budget` bytes are what waits in memory, and a quarter of that the copies, at the most.
    pub fn new(disk: OutboxId, budget: u64) -> Self {
        let copies = Memory::new(disk, budget / 4);
        let (deleted, passed, closed) = (BTreeSet::new(), BTreeMap::new(), BTreeMap::new());
        Self {
            budget,
            copies,
            memory: None,
            readable: true,
            returning: false,
            piece: 1,
            deleted,
            passed,
            closed,
            late: None,
        }
    }

    /// The disk has this under that number.
    pub fn kept(&mut self, sequence: u64, what: Lasting) {
        // What finds no room is on the disk alone.
        drop(self.copies.put_as(sequence, Held { on_disk: Some(sequence), ..Held::alone(what) }));
    }

    /// The disk has these no more: deleted or given up.
    pub fn gone(&mut self, sequences: &[u64]) {
        for sequence in sequences {
            self.copies.remove(*sequence);
            self.deleted.remove(sequence);
        }
    }

    /// The outbox that is on disk now. Where it is another one, what the old one held counts no more.
    pub fn disk_is(&mut self, id: OutboxId) {
        if self.copies.id() == id {
            return;
        }
        self.copies = Memory::new(id, self.budget / 4);
        self.deleted.clear();
        self.memory.iter_mut().for_each(Memory::is_alone);
    }

    /// The disk takes nothing, and `readable` says whether what it holds can be read. `fresh` becomes the id of the memory
    /// where one begins. Gives what is given up.
    pub fn begin(&mut self, fresh: OutboxId, readable: bool) -> Vec<Held> {
        let was_readable = std::mem::replace(&mut self.readable, readable);
        (self.returning, self.piece) = (false, 1);
        if readable {
            self.drop_copies();
        }
        if self.memory.is_some() && (readable || !was_readable) {
            return vec![];
        }
        let mut memory = Memory::new(fresh, self.budget);
        let before = self.memory.take();
        let mut given_up = vec![];
        if !readable {
            let copies = self.copies.iter().filter(|(sequence, _)| !self.deleted.contains(sequence));
            copies.for_each(|(_, held)| given_up.extend(memory.put(held.clone())));
        }
        let waited = before.iter().flat_map(Memory::iter).filter(|(_, held)| held.on_disk.is_none());
        waited.for_each(|(_, held)| given_up.extend(memory.put(held.clone())));
        self.memory = Some(memory);
        lost(given_up)
    }

    /// Whether memory stands in.
    pub fn is_on(&self) -> bool {
        self.memory.is_some()
    }

    /// A disk that can be read serves what it holds itself: in memory nothing of it would be forgotten when it is acknowledged.
    fn drop_copies(&mut self) {
        if let Some(memory) = &mut self.memory {
            let copies: Vec<u64> =
                memory.iter().filter(|(_, held)| held.on_disk.is_some()).map(|(sequence, _)| sequence).collect();
            copies.into_iter().for_each(|sequence| drop(memory.remove(sequence)));
        }
    }

    /// Puts something into memory. Gives what is given up for it.
    pub fn put(&mut self, what: Lasting) -> Vec<Held> {
        self.memory.as_mut().map(|memory| lost(memory.put(Held::alone(what)))).unwrap_or_default()
    }

    /// Which of them the uplink is served from, where the disk holds `waiting` records.
    pub fn served(&self, waiting: u64) -> Served {
        let drained = !self.readable || waiting <= self.deleted.len() as u64;
        if self.memory.is_some() && !self.returning && drained { Served::Memory } else { Served::Disk }
    }

    /// The outbox in memory.
    pub fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// Records of the outbox `of` are safe elsewhere. Those on the disk are in [`StandIn::deleted`] now, until it is said
    /// that they are [`StandIn::gone`].
    pub fn acknowledged(&mut self, of: OutboxId, sequences: &[u64]) {
        if of == self.copies.id() {
            self.deleted.extend(sequences);
        } else if let Some(memory) = self.memory.as_mut().filter(|memory| memory.id() == of) {
            let removed: Vec<Held> = sequences.iter().filter_map(|sequence| memory.remove(*sequence)).collect();
            for held in removed {
                if let (Some(late), Some(place)) = (&mut self.late, held.late) {
                    late.acknowledged.insert(place);
                }
                match held {
                    Held { on_disk: Some(sequence), .. } => drop(self.deleted.insert(sequence)),
                    Held { what: Lasting::Event(event), .. } => self.pass(event),
                    Held { .. } => {}
                }
            }
        }
    }

    fn pass(&mut self, event: Event) {
        if self.passed.get(&event.id).is_none_or(|known| known.revision < event.revision) {
            self.passed.insert(event.id, event);
        }
        if self.passed.len() > PASSED {
            self.passed.retain(|_, event| event.phase != Phase::Closed);
        }
        while self.passed.len() > PASSED {
            self.passed.pop_first();
        }
    }

    /// What is to be deleted from the disk, the oldest first: no more than `records` of it.
    pub fn deleted(&self, records: usize) -> Vec<u64> {
        self.deleted.iter().copied().take(records).collect()
    }

    /// Whether this record, which the disk still has, was acknowledged.
    pub fn is_deleted(&self, on_disk: u64) -> bool {
        self.deleted.contains(&on_disk)
    }

    /// How many are to be deleted.
    pub fn count_deleted(&self) -> u64 {
        self.deleted.len() as u64
    }

    /// What is in memory and not on disk, the oldest first: no more than `records`, and of more than `bytes` only one.
    pub fn unsaved(&self, records: usize, bytes: u64) -> Vec<(u64, Lasting)> {
        let all = self.memory.iter().flat_map(Memory::iter).filter(|(_, held)| held.on_disk.is_none()).take(records);
        let within = all.scan(0, |sum, (sequence, held)| {
            let first = *sum == 0;
            *sum += held.bytes();
            (first || *sum <= bytes).then(|| (sequence, held.what.clone()))
        });
        within.collect()
    }

    /// How many are in memory and not on disk.
    pub fn count_unsaved(&self) -> u64 {
        self.memory.iter().flat_map(Memory::iter).filter(|(_, held)| held.on_disk.is_none()).count() as u64
    }
}

/// What is on the disk is not lost.
fn lost(mut given_up: Vec<Held>) -> Vec<Held> {
    given_up.retain(|held| held.on_disk.is_none());
    given_up
}
