//! The flight beside a model of everything around it: a disk, a connection that keeps order but may be cut with all
//! that is on its way, a broker that may forget who listens, a hub that stores each number once and whose
//! acknowledgements may be lost.

use std::collections::{BTreeSet, VecDeque};

use super::*;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    Put(u8),
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
    Evict,
    RestartEdge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..20).prop_map(Step::Put),
        2 => Just(Step::Connect),
        2 => Just(Step::Cut),
        1 => Just(Step::KillBroker),
        2 => Just(Step::HubIsBack),
        6 => (1u8..40).prop_map(Step::Send),
        6 => (1u8..40).prop_map(Step::Deliver),
        4 => any::<bool>().prop_map(|ranges| Step::Answer { ranges }),
        1 => Just(Step::LoseAnswers),
        4 => Just(Step::DeliverAnswers),
        3 => (0u16..30_000).prop_map(Step::Later),
        1 => Just(Step::Evict),
        1 => Just(Step::RestartEdge),
    ]
}

struct World {
    now: Moment,
    flight: Flight,
    disk: BTreeSet<u64>,
    newest: u64,
    evicted: BTreeSet<u64>,
    wire: VecDeque<u64>,
    hub_listens: bool,
    /// The hub's store, in the order of first arrival.
    store: Vec<u64>,
    unanswered: Vec<u64>,
    answers: VecDeque<Vec<[u64; 2]>>,
    copies: usize,
}

impl World {
    fn new() -> Self {
        Self {
            now: Moment::ZERO,
            flight: Flight::new(8),
            disk: BTreeSet::new(),
            newest: 0,
            evicted: BTreeSet::new(),
            wire: VecDeque::new(),
            hub_listens: true,
            store: vec![],
            unanswered: vec![],
            answers: VecDeque::new(),
            copies: 0,
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put(n) => {
                for _ in 0..*n {
                    self.newest += 1;
                    self.disk.insert(self.newest);
                }
            }
            Step::Connect => self.flight.connected(),
            Step::Cut => {
                self.flight.disconnected();
                self.wire.clear();
            }
            Step::KillBroker => {
                self.flight.disconnected();
                self.wire.clear();
                self.answers.clear();
                self.hub_listens = false;
            }
            Step::HubIsBack => self.hub_listens = true,
            Step::Send(n) => (0..*n).for_each(|_| self.send()),
            Step::Deliver(n) => {
                for _ in 0..*n {
                    let Some(sequence) = self.wire.pop_front() else { break };
                    if !self.hub_listens {
                        continue;
                    }
                    if self.store.contains(&sequence) {
                        self.copies += 1;
                    } else {
                        self.store.push(sequence);
                    }
                    self.unanswered.push(sequence);
                }
            }
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
                    for sequence in self.flight.acknowledged(&answer) {
                        self.disk.remove(&sequence);
                    }
                }
            }
            Step::Later(ms) => self.now += Duration::from_millis(u64::from(*ms)),
            Step::Evict => {
                if let Some(oldest) = self.disk.pop_first() {
                    self.evicted.insert(oldest);
                }
            }
            Step::RestartEdge => {
                self.flight = Flight::new(8);
                self.wire.clear();
            }
        }
    }

    fn send(&mut self) {
        match self.flight.next(self.now, self.newest) {
            Next::Again(sequence) if self.disk.contains(&sequence) => self.put_on_wire(sequence),
            Next::Again(sequence) => self.flight.gone(sequence),
            Next::From(from) => match self.disk.range(from..).next().copied() {
                Some(sequence) => self.put_on_wire(sequence),
                None => self.flight.none_before(self.newest + 1),
            },
            Next::Wait(_) => {}
        }
    }

    fn put_on_wire(&mut self, sequence: u64) {
        self.wire.push_back(sequence);
        self.flight.sent(sequence, self.now);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn nothing_lost_nothing_doubled_order_kept(history in prop::collection::vec(step(), 1..200)) {
        let mut world = World::new();
        for step in &history {
            world.apply(step);
            prop_assert!(world.flight.len() <= 8);
            for sequence in 1..=world.newest {
                let safe = world.disk.contains(&sequence) || world.store.contains(&sequence) || world.evicted.contains(&sequence);
                prop_assert!(safe, "{sequence} is nowhere after {step:?}");
            }
        }
        // From here on nothing fails: everything arrives.
        world.apply(&Step::HubIsBack);
        world.apply(&Step::Connect);
        for _ in 0..10_000 {
            if world.disk.is_empty() {
                break;
            }
            for step in [Step::Send(40), Step::Deliver(200), Step::Answer { ranges: true }, Step::DeliverAnswers] {
                world.apply(&step);
            }
            if let Next::Wait(Some(wake)) = world.flight.next(world.now, world.newest) {
                world.now = world.now.max(wake);
            }
        }
        prop_assert!(world.disk.is_empty() && world.flight.is_empty());
        let stored: BTreeSet<u64> = world.store.iter().copied().collect();
        prop_assert_eq!(stored.len(), world.store.len());
        for sequence in 1..=world.newest {
            prop_assert!(stored.contains(&sequence) || world.evicted.contains(&sequence), "{sequence} was lost");
        }
        prop_assert!(world.store.is_sorted(), "first arrivals out of order: {:?}", world.store);
    }
}

#[test]
fn a_broken_acknowledgement_deletes_nothing_unsent() {
    let mut flight = Flight::new(4);
    flight.connected();
    flight.sent(1, Moment::ZERO);
    assert!(flight.acknowledged(&[[9, 2], [u64::MAX, 0]]).is_empty());
    assert_eq!(flight.acknowledged(&[[0, u64::MAX], [0, u64::MAX]]), [1]);
    assert_eq!(flight.next(Moment::ZERO, 5), Next::From(2));
}

#[test]
fn repetitions_to_a_hub_that_is_away_thin_out() {
    let mut flight = Flight::new(4);
    flight.connected();
    flight.sent(1, Moment::ZERO);
    let mut now = Moment::ZERO;
    let mut copies = 0;
    while now < Duration::from_secs(3600) {
        let Next::Wait(Some(wake)) = flight.next(now, 1) else { panic!("due at once") };
        now = wake;
        assert_eq!(flight.next(now, 1), Next::Again(1));
        flight.sent(1, now);
        copies += 1;
    }
    assert!(copies <= 30, "{copies} copies in an hour");
}

#[test]
fn an_outbox_that_was_set_aside_begins_anew() {
    let mut flight = Flight::new(4);
    flight.connected();
    flight.sent(5000, Moment::ZERO);
    flight.acknowledged(&[[5000, 5000]]);
    flight.begin_anew();
    assert_eq!(flight.next(Moment::ZERO, 1), Next::From(0));
}

#[test]
fn sequences_at_the_end_of_their_range_do_not_overflow() {
    let mut flight = Flight::new(4);
    flight.connected();
    flight.sent(u64::MAX, Moment::ZERO);
    assert_eq!(flight.acknowledged(&[[u64::MAX, u64::MAX]]), [u64::MAX]);
}
