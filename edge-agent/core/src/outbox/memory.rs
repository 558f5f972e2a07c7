//! An outbox in memory: numbered, bounded, and gone with the program.
//!
//! Over its budget the oldest pictures go first, then the oldest states of closed events and incidents, as on disk
//! ([`super::budget`]); no event goes for a picture.

use std::collections::{BTreeMap, BTreeSet};

use omma_protocol::event::{Event, Lasting, Phase};
use omma_protocol::id::{EventId, OutboxId};

use super::budget::{Oldest, victim};
use super::flight::Kind;

/// What a state of an event or an incident is taken to be, bytes.
const STATE: u64 = 512;

/// A record in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// What it is.
    pub what: Lasting,
    /// Its number on the disk, where it lies there too.
    pub on_disk: Option<u64>,
    /// Its place in the write that the disk has not answered yet ([`super::stand_in::late`]).
    pub late: Option<usize>,
}

impl Held {
    /// In memory alone.
    pub fn alone(what: Lasting) -> Self {
        Self { what, on_disk: None, late: None }
    }

    /// What it takes of memory, about.
    pub fn bytes(&self) -> u64 {
        match &self.what {
            Lasting::Picture(picture) => picture.bytes() as u64 + STATE,
            Lasting::Event(_) | Lasting::Incident(_) => STATE,
        }
    }
}

/// Records by their numbers. One thread owns it.
#[derive(Debug)]
pub struct Memory {
    id: OutboxId,
    newest: u64,
    records: BTreeMap<u64, Held>,
    pictures: BTreeSet<u64>,
    /// States of events and incidents.
    states: BTreeSet<u64>,
    /// Events whose newest state is not the last.
    open: BTreeSet<EventId>,
    bytes: u64,
    budget: u64,
}

impl Memory {
    /// Nothing in it. `budget` in bytes.
    pub fn new(id: OutboxId, budget: u64) -> Self {
        let (records, pictures, states, open) = Default::default();
        Self { id, newest: 0, records, pictures, states, open, bytes: 0, budget }
    }

    /// Which outbox this is.
    pub fn id(&self) -> OutboxId {
        self.id
    }

    /// The newest number.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// What they take.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts it under the next number. Gives what is given up for it, which may be itself.
    pub fn put(&mut self, held: Held) -> Vec<Held> {
        self.put_as(self.newest + 1, held)
    }

    /// Puts it under a number above all before.
    pub fn put_as(&mut self, sequence: u64, held: Held) -> Vec<Held> {
        let incoming = held.bytes();
        let mut given_up = vec![];
        while self.bytes + incoming > self.budget {
            let oldest = self.oldest();
            if matches!(held.what, Lasting::Picture(_)) && oldest.picture.is_none() {
                break;
            }
            let Some(victim) = victim(self.bytes + incoming, self.budget, oldest) else { break };
            given_up.extend(self.remove(victim));
        }
        self.newest = sequence;
        self.bytes += incoming;
        match &held.what {
            Lasting::Picture(_) => self.pictures.insert(sequence),
            _ => self.states.insert(sequence),
        };
        if let Lasting::Event(Event { id, phase, .. }) = &held.what {
            match phase {
                Phase::Closed => self.open.remove(id),
                Phase::Opened | Phase::Updated => self.open.insert(*id),
            };
        }
        self.records.insert(sequence, held);
        while let Some(victim) = victim(self.bytes, self.budget, self.oldest_if_over()) {
            given_up.extend(self.remove(victim));
        }
        given_up
    }

    /// The record of this number.
    pub fn get(&self, sequence: u64) -> Option<&Held> {
        self.records.get(&sequence)
    }

    /// The first of a kind in a range of numbers.
    pub fn first(&self, kind: Kind, from: u64, to: u64) -> Option<(u64, &Held)> {
        if from > to {
            return None;
        }
        let numbers = if kind == Kind::Picture { &self.pictures } else { &self.states };
        let records = numbers.range(from..=to).filter_map(|sequence| Some((*sequence, self.records.get(sequence)?)));
        records.into_iter().find(|(_, held)| Kind::of(&held.what) == kind)
    }

    /// Takes a record out.
    pub fn remove(&mut self, sequence: u64) -> Option<Held> {
        let held = self.records.remove(&sequence)?;
        self.pictures.remove(&sequence);
        self.states.remove(&sequence);
        self.bytes -= held.bytes();
        Some(held)
    }

    /// None of them is on disk any more.
    pub fn is_alone(&mut self) {
        self.records.values_mut().for_each(|held| held.on_disk = None);
    }

    /// This one is the `place`th of a write that the disk has not answered yet.
    pub(super) fn is_late(&mut self, sequence: u64, place: usize) {
        self.records.entry(sequence).and_modify(|held| held.late = Some(place));
    }

    /// No write is late any more.
    pub(super) fn nothing_is_late(&mut self) {
        self.records.values_mut().for_each(|held| held.late = None);
    }

    /// All records, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, &Held)> {
        self.records.iter().map(|(sequence, held)| (*sequence, held))
    }

    /// Spares the search where there is room.
    fn oldest_if_over(&self) -> Oldest {
        if self.bytes > self.budget { self.oldest() } else { Oldest::default() }
    }

    fn oldest(&self) -> Oldest {
        let picture = self.pictures.first().copied();
        // Only events under way are passed over, and there are as many as things in view.
        let is_over = |sequence: &&u64| match self.records.get(sequence).map(|held| &held.what) {
            Some(Lasting::Event(event)) => !self.open.contains(&event.id),
            _ => true,
        };
        let closed = if picture.is_some() { None } else { self.states.iter().find(is_over).copied() };
        Oldest { picture, closed, any: self.records.keys().next().copied() }
    }
}

#[cfg(test)]
mod tests;
