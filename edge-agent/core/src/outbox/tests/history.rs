//! Random histories: flight, pace and budget beside a disk, a connection that keeps order but may be cut with all that
//! is on its way, a broker that may forget who listens, a hub that stores each number once and whose acknowledgements
//! may be lost. `OMMA_HISTORIES` says how many (10,000 unless set), `OMMA_SEED` which.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::disk::{Disk, Put};
use crate::Moment;
use crate::outbox::flight::{Flight, INCIDENTS, Kind, Next, PICTURES};
use crate::outbox::pace::{BURST, Pace};

const WINDOW: usize = 8;
/// Some seventy states: histories use it up with states alone.
const BUDGET: u64 = 15_000;
/// Bytes a second.
const RATE: u64 = 500;

#[derive(Debug, Clone)]
enum Step {
    Happens(Vec<Happens>),
    Connect,
    Cut,
    /// The broker is killed: what was on its way is lost, and until the hub is back it passes everything to nobody.
    KillBroker,
    HubIsBack,
    Send(u8),
    Deliver(u8),
    /// The hub answers, by ranges or one by one.
    Answer {
        ranges: bool,
    },
    LoseAnswers,
    DeliverAnswers,
    Later(u16),
    /// The edge is killed: it knows no more than its disk.
    RestartEdge,
}

/// The number picks one of the events that are open.
#[derive(Debug, Clone, Copy)]
enum Happens {
    Opens,
    Goes(u8),
    Ends(u8),
    Pictured(u8, u16),
    Incident,
}

fn step() -> impl Strategy<Value = Step> {
    let happens = prop_oneof![
        3 => Just(Happens::Opens),
        2 => any::<u8>().prop_map(Happens::Goes),
        2 => any::<u8>().prop_map(Happens::Ends),
        2 => (any::<u8>(), 500u16..8000).prop_map(|(which, bytes)| Happens::Pictured(which, bytes)),
        1 => Just(Happens::Incident),
    ];
    prop_oneof![
        5 => prop::collection::vec(happens, 1..12).prop_map(Step::Happens),
        2 => Just(Step::Connect),
        1 => Just(Step::Cut),
        1 => Just(Step::KillBroker),
        2 => Just(Step::HubIsBack),
        6 => (1u8..40).prop_map(Step::Send),
        6 => (1u8..40).prop_map(Step::Deliver),
        4 => any::<bool>().prop_map(|ranges| Step::Answer { ranges }),
        1 => Just(Step::LoseAnswers),
        4 => Just(Step::DeliverAnswers),
        3 => (0u16..60_000).prop_map(Step::Later),
        1 => Just(Step::RestartEdge),
    ]
}

struct World {
    now: Moment,
    flight: Flight,
    disk: Disk,
    events: u64,
    /// The newest on disk when the connection began.
    past: u64,
    /// Handed over in the life of this connection.
    handed: BTreeSet<u64>,
    wire: VecDeque<u64>,
    hub_listens: bool,
    /// The hub's store, and its events in the order of first arrival.
    store: BTreeSet<u64>,
    arrived: Vec<u64>,
    unanswered: Vec<u64>,
    answers: VecDeque<Vec<[u64; 2]>>,
    /// What of the past's pictures has gone and is not covered by the rate, and when that was.
    ahead: (u64, Moment),
}

fn flight() -> Flight {
    Flight::new(WINDOW, Pace::new(RATE))
}

impl World {
    fn new() -> Self {
        Self {
            now: Moment::ZERO,
            flight: flight(),
            disk: Disk::new(BUDGET, true),
            events: 0,
            past: 0,
            handed: BTreeSet::new(),
            wire: VecDeque::new(),
            hub_listens: true,
            store: BTreeSet::new(),
            arrived: vec![],
            unanswered: vec![],
            answers: VecDeque::new(),
            ahead: (0, Moment::ZERO),
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Happens(all) => all.iter().for_each(|happens| self.happens(*happens)),
            Step::Connect => {
                self.flight.connected(self.disk.newest);
                self.past = self.disk.newest;
                self.wire.clear();
                self.handed.clear();
            }
            Step::Cut => self.cut(),
            Step::KillBroker => {
                self.cut();
                self.answers.clear();
                self.hub_listens = false;
            }
            Step::HubIsBack => self.hub_listens = true,
            Step::Send(n) => (0..*n).for_each(|_| self.send()),
            Step::Deliver(n) => (0..*n).for_each(|_| self.deliver()),
            Step::Answer { .. } if !self.hub_listens => {}
            Step::Answer { ranges: true } => {
                self.answers.push_back(omma_protocol::wire::mqtt::ranges(std::mem::take(&mut self.unanswered)));
            }
            Step::Answer { ranges: false } => {
                self.answers.extend(self.unanswered.drain(..).map(|sequence| vec![[sequence, sequence]]));
            }
            Step::LoseAnswers => self.answers.clear(),
            Step::DeliverAnswers => {
                while let Some(answer) = self.answers.pop_front() {
                    for sequence in self.flight.acknowledged(&answer, self.now, self.disk.newest) {
                        assert!(self.store.contains(&sequence), "{sequence} was forgotten and is not stored");
                        self.disk.remove(sequence);
                    }
                }
            }
            Step::Later(ms) => self.now += Duration::from_millis(u64::from(*ms)),
            Step::RestartEdge => {
                self.cut();
                self.flight = flight();
                self.ahead = (0, self.now);
            }
        }
    }

    fn cut(&mut self) {
        self.flight.disconnected();
        self.wire.clear();
    }

    fn happens(&mut self, happens: Happens) {
        let open = &self.disk.open;
        let pick = |which: u8| open.iter().nth(usize::from(which) % open.len().max(1)).copied();
        let put = match happens {
            Happens::Opens => {
                self.events += 1;
                Some(Put::Opened(self.events))
            }
            Happens::Goes(which) => pick(which).map(Put::Updated),
            Happens::Ends(which) => pick(which).map(Put::Closed),
            Happens::Incident => Some(Put::Incident),
            Happens::Pictured(which, bytes) => pick(which).map(|event| Put::Picture { event, bytes: u64::from(bytes) }),
        };
        if let Some(put) = put {
            self.disk.put(put);
            assert!(self.disk.used <= BUDGET, "{} bytes used", self.disk.used);
        }
    }

    fn send(&mut self) {
        match self.flight.next(self.now, self.disk.newest) {
            Next::Again(sequence) => match self.disk.get(sequence) {
                Some(_) => self.hand_over(sequence),
                None => self.flight.gone(sequence),
            },
            Next::First { kind, from, to } => match self.disk.first(kind, from, to) {
                Some((sequence, _)) => self.hand_over(sequence),
                None => self.flight.nothing(kind, to),
            },
            Next::Wait(until) => assert!(until.is_none_or(|until| until > self.now), "woken for nothing"),
        }
    }

    fn hand_over(&mut self, sequence: u64) {
        let record = self.disk.get(sequence).expect("it was read");
        if record.kind != Kind::Event {
            let waits = self.disk.events.keys().find(|event| !self.handed.contains(event));
            assert_eq!(waits, None, "{sequence}, a {:?}, goes before a state", record.kind);
            if record.kind == Kind::Picture && sequence <= self.past {
                let earned = self.now.saturating_sub(self.ahead.1).as_micros() as u64 * RATE / 1_000_000;
                self.ahead = (self.ahead.0.saturating_sub(earned) + record.bytes, self.now);
                assert!(self.ahead.0 <= RATE * BURST.as_secs() + record.bytes + RATE, "{} ahead", self.ahead.0);
            }
        }
        self.handed.insert(sequence);
        self.wire.push_back(sequence);
        self.flight.sent(sequence, record.kind, record.bytes, self.now);
        assert!(self.flight.len() <= WINDOW + PICTURES + INCIDENTS, "{} in flight", self.flight.len());
    }

    fn deliver(&mut self) {
        let Some(sequence) = self.wire.pop_front() else { return };
        if self.hub_listens {
            let event = self.disk.get(sequence).is_some_and(|record| record.kind == Kind::Event);
            if self.store.insert(sequence) && event {
                self.arrived.push(sequence);
            }
            self.unanswered.push(sequence);
        }
    }

    /// Nothing fails any more. Whether everything arrived.
    fn settles(&mut self) -> bool {
        self.apply(&Step::HubIsBack);
        self.apply(&Step::Connect);
        for _ in 0..10_000 {
            if self.disk.is_empty() {
                return self.flight.is_empty();
            }
            for step in [Step::Send(40), Step::Deliver(200), Step::Answer { ranges: true }, Step::DeliverAnswers] {
                self.apply(&step);
            }
            if let Next::Wait(Some(wake)) = self.flight.next(self.now, self.disk.newest) {
                self.now = self.now.max(wake);
            }
        }
        false
    }
}

#[expect(clippy::disallowed_methods, reason = "how long to try, and with which seed, is up to who runs the test")]
fn number<T: std::str::FromStr>(variable: &str, otherwise: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// As many random histories as are asked for.
pub(super) fn run<T: std::fmt::Debug>(
    histories: impl Strategy<Value = T>,
    check: impl Fn(T) -> Result<(), TestCaseError>,
) {
    let config =
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(number("OMMA_HISTORIES", 10_000)) };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("OMMA_SEED", 1u64).to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    if let Err(failure) = runner.run(&histories, check) {
        panic!("{failure}");
    }
}

#[test]
fn nothing_lost_nothing_doubled_order_kept() {
    run(prop::collection::vec(step(), 1..150), |history| {
        let mut world = World::new();
        history.iter().for_each(|step| world.apply(step));
        prop_assert!(world.settles(), "{} and {} wait", world.disk.events.len(), world.disk.pictures.len());
        prop_assert!(world.arrived.is_sorted(), "states first arrived out of order: {:?}", world.arrived);
        for sequence in 1..=world.disk.newest {
            let known = world.store.contains(&sequence) || world.disk.given_up.contains_key(&sequence);
            prop_assert!(known, "{sequence} was lost");
        }
        prop_assert!(world.store.last().is_none_or(|last| *last <= world.disk.newest));
        Ok(())
    });
}
