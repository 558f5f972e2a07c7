//! A week offline, then a thin uplink, in simulated time: eight cameras go on seeing things all the while.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use super::disk::{Disk, Put, Record};
use crate::Moment;
use crate::outbox::flight::{Flight, Kind, Next, PICTURES, WINDOW};
use crate::outbox::pace::{BURST, Pace};

const CAMERAS: u64 = 8;
const WEEK: Moment = Duration::from_secs(7 * 24 * 3600);
const HOUR: Duration = Duration::from_secs(3600);
/// What the uplink carries, bytes a second: 4 Mbit/s.
const LINK: u64 = 500_000;
/// What the past's pictures may take of it.
const RATE: u64 = 250_000;
const BIGGEST: u64 = 60_000;
/// A state as JSON, with its headers.
const MESSAGE: u64 = 700;
const ROUND_TRIP: Duration = Duration::from_millis(60);

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// What the cameras see: each event opens, has a picture, goes on, has a better one, closes.
struct Cameras {
    seeded: Seeded,
    /// When, of which event, which of its five moments.
    coming: BinaryHeap<Reverse<(Moment, u64, u8)>>,
    events: u64,
}

impl Cameras {
    fn new(seed: u64) -> Self {
        let mut cameras = Self { seeded: Seeded(seed), coming: BinaryHeap::new(), events: 0 };
        for _ in 0..CAMERAS {
            cameras.opens(Moment::ZERO);
        }
        cameras
    }

    fn opens(&mut self, now: Moment) {
        self.events += 1;
        self.coming.push(Reverse((now + Duration::from_millis(self.seeded.below(240_000)), self.events, 0)));
    }

    fn next(&self) -> Moment {
        self.coming.peek().map_or(Moment::MAX, |Reverse((at, ..))| *at)
    }

    fn happens(&mut self) -> (Moment, Put) {
        let Reverse((now, event, moment)) = self.coming.pop().expect("the cameras never end");
        let put = match moment {
            0 => Put::Opened(event),
            1 | 3 => Put::Picture { event, bytes: BIGGEST / 3 + self.seeded.below(BIGGEST * 2 / 3) },
            2 => Put::Updated(event),
            _ => Put::Closed(event),
        };
        if moment < 4 {
            self.coming.push(Reverse((now + Duration::from_millis(self.seeded.below(15_000)), event, moment + 1)));
        } else {
            self.opens(now);
        }
        (now, put)
    }
}

/// The budget holds; what is left are all states of open events and the newest of the rest; the rest is counted.
fn check_disk(disk: &Disk, states: &BTreeSet<u64>) {
    assert!(disk.used <= disk.budget, "{} bytes of {} used", disk.used, disk.budget);
    let left = (disk.events.len() + disk.pictures.len()) as u64;
    assert_eq!(left + disk.given_up.len() as u64, disk.newest, "each record is there or counted");
    let lost = |kind| disk.given_up.iter().filter(move |(_, record)| record.kind == kind);
    assert!(lost(Kind::Event).all(|(_, record)| !disk.open.contains(&record.event)), "an open event was given up");
    let oldest_kept = disk.events.iter().find(|(_, record)| !disk.open.contains(&record.event));
    let newest_lost = lost(Kind::Event).next_back();
    if let (Some((kept, _)), Some((lost, _))) = (oldest_kept, newest_lost) {
        assert!(kept > lost, "state {lost} was given up, and {kept} kept");
    }
    let newest_lost = lost(Kind::Picture).next_back();
    if let (Some((kept, _)), Some((lost, _))) = (disk.pictures.first_key_value(), newest_lost) {
        assert!(kept > lost, "picture {lost} was given up, and {kept} kept");
    }
    let known = disk.events.keys().chain(lost(Kind::Event).map(|(sequence, _)| sequence));
    assert_eq!(known.copied().collect::<BTreeSet<_>>(), *states, "states were lost in silence");
}

struct Uplink {
    flight: Flight,
    /// When the link has carried all that was handed to it.
    free: Moment,
    /// When the hub's answer for each comes back.
    answers: VecDeque<(Moment, u64)>,
    /// Pictures of the past: when and how much.
    past: Vec<(Moment, u64)>,
    arrived: u64,
}

impl Uplink {
    fn hand_over(&mut self, sequence: u64, record: Record, mark: u64, now: Moment) {
        let bytes = if record.kind == Kind::Event { MESSAGE } else { record.bytes };
        self.free = self.free.max(now) + Duration::from_micros(bytes * 1_000_000 / LINK);
        self.answers.push_back((self.free + ROUND_TRIP, sequence));
        self.flight.sent(sequence, record.kind, bytes, now);
        if record.kind == Kind::Picture && sequence <= mark {
            self.past.push((now, bytes));
        }
    }
}

/// Connects and goes on for an hour or until everything of the past has arrived. When the last old state had, and the longest that a
/// state which happened after it took.
fn reconnect(disk: &mut Disk, cameras: &mut Cameras, began: Moment) -> (Moment, Duration, Uplink) {
    let mark = disk.newest;
    let flight = Flight::new(WINDOW, Pace::new(RATE));
    let mut uplink = Uplink { flight, free: began, answers: VecDeque::new(), past: vec![], arrived: 0 };
    uplink.flight.connected(mark);
    let (mut now, mut caught_up, mut slowest) = (began, None, Duration::ZERO);
    let mut happened: VecDeque<(u64, Moment)> = VecDeque::new();
    let past = |disk: &Disk, kind| disk.first(kind, 1, mark).is_some();
    while now < began + HOUR || past(disk, Kind::Event) || past(disk, Kind::Picture) {
        assert!(now < began + WEEK, "the past never arrives");
        let wake = match uplink.flight.next(now, disk.newest) {
            Next::Again(sequence) => panic!("{sequence} again, and nothing was lost"),
            Next::First { kind, from, to } => {
                match disk.first(kind, from, to) {
                    Some((sequence, record)) => uplink.hand_over(sequence, record, mark, now),
                    None => uplink.flight.nothing(kind, to),
                }
                continue;
            }
            Next::Wait(until) => until.unwrap_or(Moment::MAX),
        };
        let answer = uplink.answers.front().map_or(Moment::MAX, |(at, _)| *at);
        now = wake.min(answer).min(cameras.next());
        if answer <= now {
            let (_, sequence) = uplink.answers.pop_front().expect("it is there");
            for stored in uplink.flight.acknowledged(&[[sequence, sequence]], now, disk.newest) {
                let record = disk.remove(stored).expect("the budget is not used up any more");
                if record.kind == Kind::Event {
                    uplink.arrived += 1;
                    assert!(stored > mark || caught_up.is_none());
                }
                if happened.front().is_some_and(|(oldest, _)| *oldest == stored)
                    && let Some((_, at)) = happened.pop_front()
                    && caught_up.is_some_and(|caught_up| at > caught_up)
                {
                    slowest = slowest.max(now - at);
                }
            }
            if caught_up.is_none() && !past(disk, Kind::Event) {
                caught_up = Some(now);
            }
        } else if cameras.next() <= now {
            let (at, put) = cameras.happens();
            let sequence = disk.put(put);
            if !matches!(put, Put::Picture { .. }) {
                happened.push_back((sequence, at));
            }
        }
    }
    (caught_up.unwrap_or(now), slowest, uplink)
}

/// Any stretch of time carried no more of the past's pictures than the rate allows, with its burst.
fn check_pace(past: &[(Moment, u64)]) {
    for stretch in [60, 600, 3600].map(Duration::from_secs) {
        let (mut first, mut sum) = (0, 0);
        for (at, bytes) in past {
            sum += bytes;
            while past[first].0 + stretch < *at {
                sum -= past[first].1;
                first += 1;
            }
            let allowed = RATE * (stretch + BURST).as_secs() + BIGGEST;
            assert!(sum <= allowed, "{sum} bytes within {stretch:?}, and {allowed} are allowed");
        }
    }
}

#[test]
fn a_week_offline_is_made_good_without_delaying_what_happens_now() {
    // Half of each budget holds records; the second is used up by states alone.
    for (seed, budget) in [(1, 256_000_000), (2, 256_000_000), (3, 8_000_000), (4, 8_000_000)] {
        let mut cameras = Cameras::new(seed);
        let mut disk = Disk::new(budget, false);
        let mut states = BTreeSet::new();
        while cameras.next() < WEEK {
            let (_, put) = cameras.happens();
            let sequence = disk.put(put);
            if !matches!(put, Put::Picture { .. }) {
                states.insert(sequence);
            }
        }
        check_disk(&disk, &states);
        let given_up = (disk.given_up.len(), disk.given_up.values().filter(|lost| lost.kind == Kind::Event).count());
        assert!(given_up.0 > 0 && (given_up.1 > 0) == (budget < 100_000_000), "{given_up:?}");
        let (states, pictures) = (disk.events.len(), disk.pictures.len());

        let (caught_up, slowest, uplink) = reconnect(&mut disk, &mut cameras, WEEK);
        check_pace(&uplink.past);
        println!(
            "seed {seed}: {states} states and {pictures} pictures waited, {} and {} given up; the states had arrived \
             after {:.0} s, the pictures took {:.0} s; what happened after took {:.2} s at most",
            given_up.1,
            given_up.0 - given_up.1,
            (caught_up - WEEK).as_secs_f64(),
            uplink.past.last().map_or(0.0, |(at, _)| (*at - WEEK).as_secs_f64()),
            slowest.as_secs_f64(),
        );
        assert_eq!(uplink.past.len(), pictures);
        assert!(uplink.arrived >= states as u64);
        assert!(caught_up - WEEK < Duration::from_secs(600), "the states alone took {:?}", caught_up - WEEK);
        // At worst it finds a full window of new pictures and one of the past's on the link.
        let worst = Duration::from_micros((PICTURES as u64 + 1) * BIGGEST * 1_000_000 / LINK) + 2 * ROUND_TRIP;
        assert!(slowest <= worst, "a state that happened took {slowest:?}");
    }
}
