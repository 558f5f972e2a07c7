//! Flight and receipts beside a model of everything around them: a disk, an MQTT client that gives packet ids as rumqttc
//! does, a connection that may be cut with all that is on its way, a broker that answers in any order and may refuse.

use std::collections::BTreeSet;

use super::*;
use crate::outbox::flight::PICTURES;
use crate::outbox::pace::BURST;
use proptest::prelude::*;

const WINDOW: usize = 8;
/// Fewer than the window, so that ids come round to what still waits.
const IDS: u16 = 5;

/// Which outbox, and which number in it; `None` for the status.
type Content = Option<(u32, u64)>;

#[derive(Debug, Clone, Copy)]
enum Told {
    Sent(u16),
    Answered { id: u16, taken: bool },
}

/// As rumqttc 0.25 (`v5/state.rs`): requests in order; ids go round, also for what is no publish; where an id still
/// waits, the publish and all behind it wait for its answer, and a refusing answer does not end that.
#[derive(Default)]
struct Client {
    requests: VecDeque<Content>,
    last_id: u16,
    waiting: BTreeMap<u16, Content>,
    collision: Option<(u16, Content)>,
    wire: VecDeque<(u16, Content)>,
    events: VecDeque<Told>,
}

impl Client {
    fn next_id(&mut self) -> u16 {
        self.last_id = self.last_id % IDS + 1;
        self.last_id
    }

    fn request(&mut self) {
        if self.waiting.len() >= usize::from(IDS) || self.collision.is_some() {
            return;
        }
        let Some(content) = self.requests.pop_front() else { return };
        let id = self.next_id();
        if self.waiting.contains_key(&id) {
            self.collision = Some((id, content));
        } else {
            self.send(id, content);
        }
    }

    fn send(&mut self, id: u16, content: Content) {
        self.waiting.insert(id, content);
        self.wire.push_back((id, content));
        self.events.push_back(Told::Sent(id));
    }

    fn hear(&mut self, id: u16, taken: bool) {
        self.events.push_back(Told::Answered { id, taken });
        self.waiting.remove(&id).expect("it was sent");
        if let Some((_, content)) = self.collision.take_if(|(collided, _)| taken && *collided == id) {
            self.send(id, content);
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// So many; the bits say which are pictures.
    Put(u8, u32),
    Connect,
    /// The owner has not noticed yet, and goes on handing over.
    Cut,
    Send(u8),
    Request(u8),
    /// Takes an id and is no publish.
    Subscribe,
    Broker {
        refuses: bool,
        messages: u8,
    },
    /// The broker's answers reach the client, in any order.
    Answer(u8, u8),
    Tell(u8),
    Later(u16),
    SetAside,
    RestartEdge,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1u8..20, any::<u32>()).prop_map(|(n, pictures)| Step::Put(n, pictures)),
        2 => Just(Step::Connect),
        1 => Just(Step::Cut),
        6 => (1u8..20).prop_map(Step::Send),
        6 => (1u8..20).prop_map(Step::Request),
        1 => Just(Step::Subscribe),
        6 => (prop::bool::weighted(0.2), 1u8..20).prop_map(|(refuses, messages)| Step::Broker { refuses, messages }),
        6 => (1u8..20, any::<u8>()).prop_map(|(n, which)| Step::Answer(n, which)),
        6 => (1u8..40).prop_map(Step::Tell),
        2 => (0u16..30_000).prop_map(Step::Later),
        1 => Just(Step::SetAside),
        1 => Just(Step::RestartEdge),
    ]
}

struct World {
    now: Moment,
    flight: Flight,
    receipts: Receipts,
    outbox: u32,
    disk: BTreeMap<u64, Kind>,
    newest: u64,
    /// The newest on disk when the connection began.
    past: u64,
    /// Handed over in the life of this connection.
    handed: BTreeSet<u64>,
    /// What of the past's pictures has gone and is not covered by the rate, and when that was.
    ahead: (u64, Moment),
    most_ahead: u64,
    client: Client,
    /// Whether the connection carries anything.
    alive: bool,
    connection: usize,
    answers: Vec<(u16, bool)>,
    /// What the broker has taken, over which connection, in order.
    taken: Vec<(usize, u32, u64)>,
    /// The states of each outbox.
    states: BTreeSet<(u32, u64)>,
}

impl World {
    fn new() -> Self {
        Self {
            now: Moment::ZERO,
            flight: flight(WINDOW),
            receipts: Receipts::default(),
            outbox: 0,
            disk: BTreeMap::new(),
            newest: 0,
            past: 0,
            handed: BTreeSet::new(),
            ahead: (0, Moment::ZERO),
            most_ahead: 0,
            client: Client::default(),
            alive: false,
            connection: 0,
            answers: vec![],
            taken: vec![],
            states: BTreeSet::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match *step {
            Step::Put(n, pictures) => {
                for bit in 0..n {
                    self.newest += 1;
                    let kind = if pictures >> bit & 1 == 1 { Kind::Picture } else { Kind::Event };
                    self.disk.insert(self.newest, kind);
                    if kind == Kind::Event {
                        self.states.insert((self.outbox, self.newest));
                    }
                }
            }
            Step::Connect => {
                self.apply(&Step::Cut);
                self.end();
                self.alive = true;
                self.connection += 1;
                self.hand(None, Message::Other);
                self.flight.connected(self.newest);
                self.past = self.newest;
                self.handed.clear();
            }
            Step::Cut => {
                self.alive = false;
                self.client.wire.clear();
                self.answers.clear();
            }
            Step::Send(n) => (0..n).for_each(|_| self.send()),
            Step::Request(n) => (0..n).filter(|_| self.alive).for_each(|_| self.client.request()),
            Step::Subscribe => drop(self.client.next_id()),
            Step::Broker { refuses, messages } => {
                for _ in 0..messages {
                    let Some((id, content)) = self.client.wire.pop_front() else { break };
                    if let Some((outbox, sequence)) = content.filter(|_| !refuses) {
                        self.taken.push((self.connection, outbox, sequence));
                    }
                    self.answers.push((id, !refuses));
                }
            }
            Step::Answer(n, which) => {
                for _ in 0..n {
                    if self.answers.is_empty() {
                        break;
                    }
                    let (id, taken) = self.answers.remove(usize::from(which) % self.answers.len());
                    self.client.hear(id, taken);
                }
            }
            Step::Tell(n) => (0..n).for_each(|_| self.tell()),
            Step::Later(ms) => self.now += Duration::from_millis(u64::from(ms)),
            Step::SetAside => {
                self.outbox += 1;
                self.disk.clear();
                (self.newest, self.past) = (0, 0);
                self.handed.clear();
                self.flight.begin_anew(0);
                self.receipts.begin_anew();
            }
            Step::RestartEdge => {
                self.apply(&Step::Cut);
                (self.flight, self.receipts) = (flight(WINDOW), Receipts::default());
                self.ahead = (0, self.now);
                self.client = Client::default();
            }
        }
    }

    /// What the client knew before the end is told before the end is.
    fn end(&mut self) {
        while !self.client.events.is_empty() {
            self.tell();
        }
        self.flight.disconnected();
        self.receipts.connection_ended();
        self.client = Client::default();
    }

    fn tell(&mut self) {
        match self.client.events.pop_front() {
            Some(Told::Sent(id)) => self.receipts.sent(id).expect("the client keeps the order"),
            Some(Told::Answered { id, taken }) => {
                let Some(Message::Record(sequence)) = self.receipts.answered(id) else { return };
                if taken {
                    for sequence in self.flight.acknowledged(&[[sequence, sequence]], self.now, self.newest) {
                        self.disk.remove(&sequence);
                    }
                } else {
                    self.flight.refused(sequence, self.now);
                }
            }
            None => {}
        }
    }

    fn send(&mut self) {
        match self.flight.next(self.now, self.newest) {
            Next::Again(sequence) => match self.disk.get(&sequence) {
                Some(&kind) => self.hand_record(sequence, kind),
                None => self.flight.gone(sequence),
            },
            Next::First { kind, from, to } => {
                let first =
                    self.disk.range(from..=to).find(|(_, found)| **found == kind).map(|(&sequence, _)| sequence);
                match first {
                    Some(sequence) => self.hand_record(sequence, kind),
                    None => self.flight.nothing(kind, to),
                }
            }
            Next::Wait(until) => assert!(until.is_none_or(|until| until > self.now), "woken for nothing"),
        }
    }

    fn hand_record(&mut self, sequence: u64, kind: Kind) {
        if kind == Kind::Picture {
            let mut states = self.disk.iter().filter(|(_, kind)| **kind == Kind::Event);
            let waits = states.find(|(state, _)| !self.handed.contains(state));
            assert_eq!(waits, None, "picture {sequence} goes before a state");
            if sequence <= self.past {
                let earned = self.now.saturating_sub(self.ahead.1).as_micros() as u64 * RATE / 1_000_000;
                self.ahead = (self.ahead.0.saturating_sub(earned) + PICTURE, self.now);
                self.most_ahead = self.most_ahead.max(self.ahead.0);
            }
        }
        self.handed.insert(sequence);
        self.hand(Some((self.outbox, sequence)), Message::Record(sequence));
        let bytes = if kind == Kind::Event { STATE } else { PICTURE };
        self.flight.sent(sequence, kind, bytes, self.now);
    }

    fn hand(&mut self, content: Content, message: Message) {
        self.client.requests.push_back(content);
        self.receipts.handed(message);
    }

    fn states_taken(&self) -> Vec<u64> {
        let mut numbers = self.numbers_taken();
        numbers.retain(|sequence| self.states.contains(&(self.outbox, *sequence)));
        numbers
    }

    fn numbers_taken(&self) -> Vec<u64> {
        self.taken.iter().filter(|(_, outbox, _)| *outbox == self.outbox).map(|(.., sequence)| *sequence).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn nothing_is_forgotten_before_the_broker_has_taken_it(history in prop::collection::vec(step(), 1..300)) {
        let mut world = World::new();
        for step in &history {
            world.apply(step);
            prop_assert!(world.flight.len() <= WINDOW + PICTURES);
            let taken: BTreeSet<u64> = world.numbers_taken().into_iter().collect();
            for sequence in 1..=world.newest {
                prop_assert!(world.disk.contains_key(&sequence) || taken.contains(&sequence), "{sequence} after {step:?}");
            }
        }
        // From here on nothing fails: everything is taken and forgotten.
        world.apply(&Step::Connect);
        for _ in 0..10_000 {
            if world.disk.is_empty() {
                break;
            }
            let broker = Step::Broker { refuses: false, messages: 20 };
            for step in [Step::Send(20), Step::Request(20), broker, Step::Answer(20, 0), Step::Tell(40)] {
                world.apply(&step);
            }
            if let Next::Wait(Some(wake)) = world.flight.next(world.now, world.newest) {
                world.now = world.now.max(wake);
            }
        }
        prop_assert!(world.disk.is_empty() && world.flight.is_empty());
        let copies: BTreeSet<_> = world.taken.iter().collect();
        prop_assert_eq!(copies.len(), world.taken.len(), "taken twice over one connection: {:?}", world.taken);
        if !history.iter().any(|step| matches!(step, Step::Broker { refuses: true, .. })) {
            let (mut known, states) = (BTreeSet::new(), world.states_taken());
            let first: Vec<u64> = states.into_iter().filter(|sequence| known.insert(*sequence)).collect();
            prop_assert!(first.is_sorted(), "states first arrived out of order: {:?}", first);
            let allowed = RATE * BURST.as_secs() + PICTURE + RATE;
            prop_assert!(world.most_ahead <= allowed, "{} bytes ahead", world.most_ahead);
        }
    }
}
