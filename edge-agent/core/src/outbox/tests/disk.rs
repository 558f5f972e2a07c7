//! A disk in memory that follows the outbox's rules, and checks each choice of the budget by looking at everything.

use std::collections::{BTreeMap, BTreeSet};

use crate::outbox::budget::{Oldest, victim};
use crate::outbox::flight::Kind;

/// What a state of an event takes.
pub(super) const STATE: u64 = 220;

#[derive(Debug, Clone, Copy)]
pub(in crate::outbox) enum Put {
    Opened(u64),
    Updated(u64),
    Closed(u64),
    Picture { event: u64, bytes: u64 },
    Incident,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) kind: Kind,
    pub(super) event: u64,
    pub(super) bytes: u64,
}

pub(super) struct Disk {
    pub(super) events: BTreeMap<u64, Record>,
    pub(super) pictures: BTreeMap<u64, Record>,
    pub(super) incidents: BTreeMap<u64, Record>,
    pub(super) open: BTreeSet<u64>,
    pub(super) newest: u64,
    pub(super) used: u64,
    pub(super) budget: u64,
    pub(super) given_up: BTreeMap<u64, Record>,
    /// Whether each choice is compared with the one that a look at all records gives.
    pub(super) checked: bool,
}

impl Disk {
    pub(super) fn new(budget: u64, checked: bool) -> Self {
        Self {
            events: BTreeMap::new(),
            pictures: BTreeMap::new(),
            incidents: BTreeMap::new(),
            open: BTreeSet::new(),
            newest: 0,
            used: 0,
            budget,
            given_up: BTreeMap::new(),
            checked,
        }
    }

    pub(super) fn put(&mut self, put: Put) -> u64 {
        let record = match put {
            Put::Opened(event) | Put::Updated(event) | Put::Closed(event) => {
                Record { kind: Kind::Event, event, bytes: STATE }
            }
            Put::Picture { event, bytes } => Record { kind: Kind::Picture, event, bytes },
            Put::Incident => Record { kind: Kind::Incident, event: 0, bytes: STATE },
        };
        while let Some(sequence) = victim(self.used + record.bytes, self.budget, self.oldest()) {
            if record.kind == Kind::Picture && self.pictures.is_empty() {
                break;
            }
            self.give_up(sequence);
        }
        let sequence = self.newest + 1;
        self.of(record.kind).insert(sequence, record);
        self.newest = sequence;
        self.used += record.bytes;
        match put {
            Put::Opened(event) | Put::Updated(event) => drop(self.open.insert(event)),
            Put::Closed(event) => drop(self.open.remove(&event)),
            Put::Picture { .. } | Put::Incident => {}
        }
        while let Some(sequence) = victim(self.used, self.budget, self.oldest()) {
            self.give_up(sequence);
        }
        self.newest
    }

    pub(super) fn get(&self, sequence: u64) -> Option<Record> {
        [&self.events, &self.pictures, &self.incidents].iter().find_map(|records| records.get(&sequence)).copied()
    }

    pub(super) fn first(&self, kind: Kind, from: u64, to: u64) -> Option<(u64, Record)> {
        let records = match kind {
            Kind::Event => &self.events,
            Kind::Picture => &self.pictures,
            Kind::Incident => &self.incidents,
        };
        records.range(from..=to).next().map(|(&sequence, &record)| (sequence, record))
    }

    pub(super) fn remove(&mut self, sequence: u64) -> Option<Record> {
        let record = self.get(sequence)?;
        self.of(record.kind).remove(&sequence);
        self.used -= record.bytes;
        Some(record)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.pictures.is_empty() && self.incidents.is_empty()
    }

    fn of(&mut self, kind: Kind) -> &mut BTreeMap<u64, Record> {
        match kind {
            Kind::Event => &mut self.events,
            Kind::Picture => &mut self.pictures,
            Kind::Incident => &mut self.incidents,
        }
    }

    fn is_closed(&self, record: &Record) -> bool {
        !self.open.contains(&record.event)
    }

    fn oldest(&self) -> Oldest {
        let first = |records: &BTreeMap<u64, Record>| records.keys().next().copied();
        let closed = self.events.iter().find(|(_, record)| self.is_closed(record)).map(|(&sequence, _)| sequence);
        let (picture, event, incident) = (first(&self.pictures), first(&self.events), first(&self.incidents));
        let closed = closed.into_iter().chain(incident).min();
        Oldest { picture, closed, any: [picture, event, incident].into_iter().flatten().min() }
    }

    fn give_up(&mut self, sequence: u64) {
        let record = self.get(sequence).expect("what is given up is there");
        if self.checked {
            let picture = self.pictures.keys().min();
            let closed = self.events.iter().filter(|(_, record)| self.is_closed(record)).map(|(key, _)| key).min();
            let closed = closed.into_iter().chain(self.incidents.keys()).min();
            let expected = picture.or(closed).or(self.events.keys().min());
            assert_eq!(Some(&sequence), expected, "pictures first, then closed events and incidents, each the oldest");
        }
        self.remove(sequence);
        self.given_up.insert(sequence, record);
    }
}
