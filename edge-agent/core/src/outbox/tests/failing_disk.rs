//! Random histories of a disk that fills up, fails, answers too late, and comes back, of an edge that is killed at any of these moments and
//! between any two pieces that memory is written back in, and of connections that are cut: flight and memory beside a model of
//! the disk, and a hub that stores each number once.
//! `OMMA_HISTORIES` says how many (10,000 unless set), `OMMA_SEED` which.

mod step;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use omma_protocol::event::Lasting;
use omma_protocol::id::OutboxId;
use proptest::prelude::*;

use super::disk::Put;
use super::history::run;
use super::things::{id, number, thing};
use crate::Moment;
use crate::outbox::flight::{Flight, Kind, Next};
use crate::outbox::pace::Pace;
use crate::outbox::stand_in::write_back::Taken;
use crate::outbox::stand_in::{Served, StandIn};
use step::{Disk, Happens, Step, step};

/// Some twenty states.
const MEMORY: u64 = 10_000;

struct World {
    now: Moment,
    drawn: u64,
    disk: Disk,
    /// What is on it, and which outbox that is.
    id: OutboxId,
    newest: u64,
    records: BTreeMap<u64, Lasting>,
    /// What it took and has not answered yet, and whether that was all of it.
    late: Option<(Taken, bool)>,
    stand_in: StandIn,
    flight: Flight,
    numbered: OutboxId,
    /// What the uplink was told last, and whether that was another since it looked.
    shown: OutboxId,
    changed: bool,
    things: u32,
    events: u64,
    open: BTreeSet<u64>,
    /// Lost when there was no room, or with memory.
    lost: BTreeSet<u32>,
    /// The edge heard that the hub has them, and no disk that takes nothing keeps them.
    forgotten: BTreeSet<u32>,
    wire: VecDeque<(OutboxId, u64, Lasting)>,
    /// The hub's store.
    store: BTreeMap<(OutboxId, u64), u32>,
    arrived: BTreeSet<u32>,
    /// States, in the order of their first arrival.
    states: Vec<u32>,
    unanswered: BTreeMap<OutboxId, Vec<u64>>,
    answers: VecDeque<(OutboxId, Vec<[u64; 2]>)>,
    /// Whether what waited on the disk was ever passed over.
    broke: bool,
}

fn flight() -> Flight {
    Flight::new(8, Pace::new(1_000_000))
}

impl World {
    fn new() -> Self {
        let disk = id(1);
        Self {
            now: Moment::ZERO,
            drawn: 1,
            disk: Disk::Works,
            id: disk,
            newest: 0,
            records: BTreeMap::new(),
            late: None,
            stand_in: StandIn::new(disk, MEMORY),
            flight: flight(),
            numbered: disk,
            shown: disk,
            changed: false,
            things: 0,
            events: 0,
            open: BTreeSet::new(),
            lost: BTreeSet::new(),
            forgotten: BTreeSet::new(),
            wire: VecDeque::new(),
            store: BTreeMap::new(),
            arrived: BTreeSet::new(),
            states: vec![],
            unanswered: BTreeMap::new(),
            answers: VecDeque::new(),
            broke: false,
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Happens(all) => all.iter().for_each(|happens| self.happens(*happens)),
            Step::DiskFails(how) => self.disk = *how,
            Step::DiskWorks => self.disk = Disk::Works,
            Step::TryAgain(room) => self.try_again(usize::from(*room)),
            Step::WriteBack(pieces, room) => (0..*pieces).for_each(|_| {
                if self.stand_in.is_returning() {
                    self.write_piece(usize::from(*room));
                    self.tell();
                }
            }),
            Step::Connect => {
                self.renumber();
                self.flight.connected(self.told().1);
                self.wire.clear();
            }
            Step::Cut => self.cut(),
            Step::Send(n) => (0..*n).for_each(|_| self.send()),
            Step::Deliver(n) => (0..*n).for_each(|_| self.deliver()),
            Step::Answer => {
                let answers = std::mem::take(&mut self.unanswered).into_iter();
                self.answers.extend(answers.map(|(of, all)| (of, omma_protocol::wire::mqtt::ranges(all))));
            }
            Step::DeliverAnswers => {
                while let Some((of, ranges)) = self.answers.pop_front() {
                    self.renumber();
                    if of == self.numbered {
                        let newest = self.told().1;
                        let stored = self.flight.acknowledged(&ranges, self.now, newest);
                        self.delete(of, &stored);
                    }
                }
            }
            Step::Later(ms) => self.now += Duration::from_millis(u64::from(*ms)),
            Step::KillEdge => {
                self.cut();
                self.lost.extend(self.stand_in.unsaved(usize::MAX, u64::MAX).iter().map(|(_, what)| number(what)));
                self.stand_in = StandIn::new(self.id, MEMORY);
                let left: BTreeSet<u32> = self.records.values().map(number).collect();
                self.forgotten.retain(|thing| !left.contains(thing));
                self.late = None;
                if matches!(self.disk, Disk::Broken | Disk::Late) {
                    self.fails();
                }
                self.flight = flight();
                self.changed = true;
                self.open.clear();
            }
        }
        self.tell();
        let memory = self.stand_in.memory();
        assert!(memory.is_none_or(|memory| memory.bytes() <= MEMORY), "more is in memory than may be");
        let unsaved = self.stand_in.unsaved(usize::MAX, u64::MAX);
        let on_disk: BTreeSet<u32> = self.records.values().map(number).collect();
        assert_eq!(on_disk.len(), self.records.len(), "something is on the disk twice: {:?}", self.records);
        // What the disk has not answered for is in memory too.
        let answered = self.late.map_or(u64::MAX, |(late, _)| late.before);
        let on_disk = self.records.range(..=answered).map(|(_, what)| what);
        let waiting: Vec<u32> = on_disk.chain(unsaved.iter().map(|(_, what)| what)).map(number).collect();
        let different: BTreeSet<u32> = waiting.iter().copied().collect();
        assert_eq!(different.len(), waiting.len(), "something is in two places: {waiting:?}");
        let returning = self.stand_in.is_returning();
        assert!(!returning || self.told().0 == self.id, "the uplink's numbers change more than once");
    }

    fn happens(&mut self, happens: Happens) {
        let pick = |which: u8| self.open.iter().nth(usize::from(which) % self.open.len().max(1)).copied();
        let put = match happens {
            Happens::Opens => {
                self.events += 1;
                Some(Put::Opened(self.events))
            }
            Happens::Goes(which) => pick(which).map(Put::Updated),
            Happens::Ends(which) => pick(which).map(Put::Closed),
            Happens::Incident => Some(Put::Incident),
            Happens::Pictured(which, bytes) => pick(which).map(|event| Put::Picture { event, bytes: bytes.into() }),
        };
        let Some(put) = put else { return };
        match put {
            Put::Opened(event) => drop(self.open.insert(event)),
            Put::Closed(event) => drop(self.open.remove(&event)),
            _ => {}
        }
        self.things += 1;
        let what = thing(self.things, put);
        if !self.stand_in.is_on() {
            if self.disk == Disk::Works {
                self.newest += 1;
                self.records.insert(self.newest, what.clone());
                return self.stand_in.kept(self.newest, what);
            }
            self.fails();
            if self.disk == Disk::Late {
                self.late = Some((Taken { before: self.newest, kept: 1, deleted: true }, true));
                self.newest += 1;
                self.records.insert(self.newest, what.clone());
                let given_up = self.stand_in.put_late(vec![what]);
                return self.lost.extend(given_up.iter().map(|held| number(&held.what)));
            }
        }
        let given_up = self.stand_in.put(what);
        self.lost.extend(given_up.iter().map(|held| number(&held.what)));
    }

    fn fails(&mut self) {
        self.drawn += 1;
        let readable = !matches!(self.disk, Disk::Broken | Disk::Late);
        self.broke |= !readable;
        let given_up = self.stand_in.begin(id(self.drawn), readable);
        self.lost.extend(given_up.iter().map(|held| number(&held.what)));
    }

    fn try_again(&mut self, room: usize) {
        if self.stand_in.is_on() && !self.stand_in.is_returning() {
            self.write_piece(room);
        }
    }

    fn write_piece(&mut self, room: usize) {
        if let Some((taken, all)) = self.late.take_if(|_| self.disk != Disk::Late) {
            self.stand_in.written_late(taken);
            if !all {
                self.disk = Disk::Full { brim: false };
                self.fails();
            }
            return;
        }
        if self.late.is_some() {
            return self.fails();
        }
        if matches!(self.disk, Disk::Broken | Disk::Full { brim: true }) {
            return self.fails();
        }
        let piece = self.stand_in.piece();
        let nothing = piece.records.is_empty() && piece.deleted.is_empty() && piece.passed.is_empty();
        assert!(!nothing || self.stand_in.count_unsaved() == 0, "a piece is never nothing of something");
        piece.deleted.iter().for_each(|sequence| drop(self.records.remove(sequence)));
        let takes = matches!(self.disk, Disk::Works | Disk::Late);
        if !takes && !piece.passed.is_empty() {
            return self.fails();
        }
        let room = if takes { room } else { 0 };
        let before = self.newest;
        for what in piece.records.iter().take(room) {
            self.newest += 1;
            self.records.insert(self.newest, what.clone());
        }
        let taken = Taken { before, kept: room.min(piece.records.len()), deleted: true };
        if self.disk == Disk::Late {
            self.late = Some((taken, room >= piece.records.len()));
            self.stand_in.is_late(&piece);
            return self.fails();
        }
        self.stand_in.written(&piece, taken);
        if room < piece.records.len() {
            self.disk = Disk::Full { brim: false };
            self.fails();
        }
    }

    fn delete(&mut self, of: OutboxId, sequences: &[u64]) {
        let known = |sequence: &u64| match self.stand_in.memory().filter(|memory| memory.id() == of) {
            Some(memory) => memory.get(*sequence).map(|held| number(&held.what)),
            None if of == self.id => self.records.get(sequence).map(number),
            None => None,
        };
        let heard: Vec<u32> = sequences.iter().filter_map(known).collect();
        self.forgotten.extend(heard);
        self.stand_in.acknowledged(of, sequences);
        if matches!(self.disk, Disk::Works | Disk::Full { brim: false }) && self.late.is_none() {
            let deleted = self.stand_in.deleted(usize::MAX);
            deleted.iter().for_each(|sequence| drop(self.records.remove(sequence)));
            self.stand_in.gone(&deleted);
        }
    }

    fn served(&self) -> Served {
        self.stand_in.served(self.records.len() as u64)
    }

    /// What the uplink is told: which outbox, and its newest number.
    fn told(&self) -> (OutboxId, u64) {
        match self.stand_in.memory().filter(|_| self.served() == Served::Memory) {
            Some(memory) => (memory.id(), memory.newest()),
            None => (self.id, self.newest),
        }
    }

    fn tell(&mut self) {
        let (id, _) = self.told();
        self.changed |= std::mem::replace(&mut self.shown, id) != id;
    }

    fn renumber(&mut self) {
        if std::mem::take(&mut self.changed) {
            self.numbered = self.shown;
            self.flight.begin_anew(self.told().1);
        }
    }

    fn read(&mut self, which: Next) -> Option<(u64, Lasting)> {
        if self.served() == Served::Disk {
            if matches!(self.disk, Disk::Broken | Disk::Late) {
                self.fails();
                self.tell();
                return None;
            }
            let of = |(sequence, what): (&u64, &Lasting)| (*sequence, what.clone());
            let mut waiting = match which {
                Next::Again(sequence) => self.records.range(sequence..=sequence),
                Next::First { from, to, .. } => self.records.range(from..=to),
                Next::Wait(_) => return None,
            };
            let is_it = |kind_of: Kind| match which {
                Next::First { kind, .. } => kind_of == kind,
                _ => true,
            };
            return waiting
                .find(|(sequence, what)| is_it(Kind::of(what)) && !self.stand_in.is_deleted(**sequence))
                .map(of);
        }
        let memory = self.stand_in.memory()?;
        match which {
            Next::Again(sequence) => memory.get(sequence).map(|held| (sequence, held.what.clone())),
            Next::First { kind, from, to } => {
                memory.first(kind, from, to).map(|(sequence, held)| (sequence, held.what.clone()))
            }
            Next::Wait(_) => None,
        }
    }

    fn cut(&mut self) {
        self.flight.disconnected();
        self.wire.clear();
    }

    fn send(&mut self) {
        self.tell();
        self.renumber();
        let (id, newest) = self.told();
        let next = self.flight.next(self.now, newest);
        match (next, self.read(next)) {
            (Next::Wait(_), _) => {}
            (_, Some((sequence, what))) => {
                assert!(
                    !self.forgotten.contains(&number(&what)),
                    "{what:?} arrived, which was heard, and is sent again"
                );
                self.flight.sent(sequence, Kind::of(&what), 1, self.now);
                self.wire.push_back((id, sequence, what));
            }
            (Next::Again(sequence), None) => self.flight.gone(sequence),
            (Next::First { kind, to, .. }, None) => self.flight.nothing(kind, to),
        }
    }

    fn deliver(&mut self) {
        let Some((id, sequence, what)) = self.wire.pop_front() else { return };
        let number = number(&what);
        let stored = *self.store.entry((id, sequence)).or_insert(number);
        assert_eq!(stored, number, "{sequence} of {id} was given to something else before");
        if self.arrived.insert(number) && Kind::of(&what) == Kind::Event {
            self.states.push(number);
        }
        self.unanswered.entry(id).or_default().push(sequence);
    }

    /// Nothing fails any more. Whether everything arrived.
    fn settles(&mut self) -> bool {
        let tried = [Step::DiskWorks, Step::TryAgain(255), Step::DiskWorks, Step::TryAgain(255)];
        for step in tried.into_iter().chain([Step::WriteBack(255, 255), Step::Connect]) {
            self.apply(&step);
        }
        for _ in 0..10_000 {
            if self.records.is_empty() && !self.stand_in.is_on() {
                return true;
            }
            for step in [Step::Send(40), Step::Deliver(200), Step::Answer, Step::DeliverAnswers] {
                self.apply(&step);
            }
            if let Next::Wait(Some(wake)) = self.flight.next(self.now, self.told().1) {
                self.now = self.now.max(wake);
            }
        }
        false
    }
}

#[test]
fn no_number_is_given_twice_and_nothing_lost_but_what_memory_lost() {
    run(prop::collection::vec(step(), 1..150), |history| {
        let mut world = World::new();
        history.iter().for_each(|step| world.apply(step));
        prop_assert!(world.settles(), "{} wait", world.records.len());
        for thing in 1..=world.things {
            prop_assert!(world.arrived.contains(&thing) || world.lost.contains(&thing), "{thing} was lost");
        }
        prop_assert!(world.broke || world.states.is_sorted(), "states out of order: {:?}", world.states);
        Ok(())
    });
}
