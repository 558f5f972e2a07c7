//! The plan with a decoder that checks what it is given, and a detector that sees what is there.

use edge_core::Moment;
use omma_protocol::geometry::Rect;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_vision::gate::Tier;
use omma_vision::track::{Tracker, TrackerConfig};

use super::*;

const COLUMNS: usize = 40;
const ROWS: usize = 22;
const GROUP: usize = 20;

/// A camera of ten pictures a second and an edge that does as the plan says.
struct Edge {
    plan: Plan,
    number: usize,
    /// Somebody crosses the scene from this picture on, in 80 pictures.
    walk: Option<usize>,
    /// He makes no picture larger: found at the next key picture.
    unnoticed: bool,
    /// Time between pictures, ms.
    every: i64,
    group: usize,
    lost: bool,
    /// The decoder holds each picture back until the next unit, as in a reordered stream.
    reorders: bool,
    /// The decoder fails at what is no key picture.
    fails: bool,
    /// Units that come while the past is decoded.
    slow: bool,
    decoder: Option<usize>,
    held: Option<usize>,
    decoded: usize,
    probes: usize,
    /// Pictures that the tracker had, and whether they were of the past.
    looks: Vec<(usize, bool)>,
    /// The newest picture that had come when the past was looked at last.
    newest_then: usize,
    unchanged: Vec<usize>,
    /// Pictures in which somebody was followed.
    followed: Vec<usize>,
    tracker: Tracker,
}

impl Edge {
    fn new(mode: Mode) -> Self {
        Self {
            plan: Plan::new(GateConfig { mode, ..GateConfig::default() }),
            number: 0,
            walk: None,
            unnoticed: false,
            every: 100,
            group: GROUP,
            lost: false,
            reorders: false,
            fails: false,
            slow: false,
            decoder: None,
            held: None,
            decoded: 0,
            probes: 0,
            looks: vec![],
            newest_then: 0,
            unchanged: vec![],
            followed: vec![],
            tracker: Tracker::new(TrackerConfig::default().looking(5.0)),
        }
    }

    /// After two quiet minutes.
    fn settled() -> Self {
        let mut edge = Self::new(Mode::Gated);
        edge.run(1200);
        assert!(edge.is_closed(), "{:?}", edge.plan.report());
        edge.forget();
        edge
    }

    fn is_closed(&self) -> bool {
        matches!(self.plan.report().state, State::Idle | State::Looking)
    }

    fn forget(&mut self) {
        (self.decoded, self.probes) = (0, 0);
        self.looks.clear();
    }

    fn run(&mut self, pictures: usize) {
        let end = self.number + pictures;
        while self.number < end {
            let arrived = self.picture();
            self.plan.take(arrived);
            while let Some(task) = self.plan.next() {
                if self.slow && self.plan.is_behind() {
                    let arrived = self.picture();
                    self.plan.take(arrived);
                }
                self.decode(&task);
            }
            assert!(self.plan.is_done());
            while let Some(time) = self.plan.unchanged() {
                self.unchanged.push(self.number_of(time));
            }
        }
    }

    fn time(&self, number: usize) -> CaptureTime {
        CaptureTime(1_000_000_000 + number as i64 * self.every * 1000)
    }

    /// When a picture comes.
    fn moment(&self, number: usize) -> Moment {
        Moment::from_millis(number as u64 * self.every as u64)
    }

    fn number_of(&self, time: CaptureTime) -> usize {
        ((time.0 - 1_000_000_000) / (self.every * 1000)) as usize
    }

    fn walker(&self, number: usize) -> Option<f32> {
        let since = number.checked_sub(self.walk?).filter(|since| *since < 80)?;
        Some(0.9 * since as f32 / 80.0)
    }

    fn picture(&mut self) -> Arrived {
        let number = self.number;
        self.number += 1;
        let key = number.is_multiple_of(self.group);
        let moving = if self.walker(number).is_some() && !self.unnoticed { 300.0 } else { 0.0 };
        let bytes = if key { 20_000.0 } else { (9.0 + 0.06 * noise(number, 0)).exp2() + moving };
        let data = vec![0; bytes as usize].into();
        let unit = AccessUnit { time: self.time(number), key, codec: Codec::H264, data };
        Arrived { unit, at: self.moment(number), anew: std::mem::take(&mut self.lost) }
    }

    fn decode(&mut self, task: &Task) {
        let number = self.number_of(task.arrived.unit.time);
        let key = task.arrived.unit.key;
        assert!(!task.anew || key);
        if task.anew {
            self.held = None;
        } else {
            assert!(key || self.decoder == Some(number - 1), "the decoder has not what picture {number} builds on");
        }
        self.decoded += 1;
        if self.fails && !key {
            self.decoder = None;
            return self.plan.broken();
        }
        self.decoder = Some(number);
        let shown = if self.reorders { self.held.replace(number) } else { Some(number) };
        if let Some(shown) = shown {
            self.frame(shown);
        }
        if task.alone && shown != Some(number) && !self.plan.is_behind() {
            self.decoder = None;
            self.plan.flushed();
            if let Some(held) = self.held.take() {
                self.frame(held);
            }
        }
    }

    fn frame(&mut self, number: usize) {
        let (time, walker) = (self.time(number), self.walker(number));
        let rect = walker.map(|x| Rect { x, y: 0.3, w: 0.1, h: 0.3 });
        let found: Vec<_> =
            rect.into_iter().map(|rect| Detection { label: "person".into(), score: 0.7, rect }).collect();
        match self.plan.frame(time, |_| thumbnail(number, rect)) {
            Look::Pass => {}
            Look::Probe => {
                self.probes += 1;
                self.plan.probed(time, &found);
            }
            look @ (Look::Detect | Look::Spare) => {
                self.looks.push((number, self.plan.is_past(self.moment(number))));
                let tracks = match look {
                    Look::Spare => self.tracker.update_beyond_rate(time, found.clone()),
                    _ => self.tracker.update(time, found.clone()),
                };
                self.followed.extend((!tracks.is_empty()).then_some(number));
                self.plan.tracked(time, &found, &tracks);
                if self.plan.is_behind() {
                    self.newest_then = self.number - 1;
                }
                self.plan.looked_back(self.moment(self.number - 1));
                assert!(self.unchanged.last() < Some(&number), "events were told that nothing had changed by then");
            }
        }
    }
}

/// Near enough to a normal distribution, and the same each time.
fn noise(number: usize, place: usize) -> f32 {
    let mut state = (number as u64) << 32 | place as u64;
    let mut uniform = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ mixed >> 31) >> 40) as f32 / (1 << 24) as f32
    };
    (0..12).map(|_| uniform()).sum::<f32>() - 6.0
}

fn thumbnail(number: usize, walker: Option<Rect>) -> Thumbnail {
    let mean = |at: usize| {
        let (x, y) = ((at % COLUMNS) as f32 / COLUMNS as f32, (at / COLUMNS) as f32 / ROWS as f32);
        let there = walker.is_some_and(|r| x >= r.x && x < r.right() && y >= r.y && y < r.bottom());
        if there { 25.0 } else { 60.0 + (at * 37 % 100) as f32 + 0.3 * noise(number, at) }
    };
    Thumbnail { columns: COLUMNS, rows: ROWS, means: (0..COLUMNS * ROWS).map(mean).collect() }
}

#[test]
fn who_walks_past_an_idle_camera_is_followed_from_the_beginning_in_order() {
    for (reorders, slow) in [(false, false), (true, false), (false, true)] {
        let mut edge = Edge::settled();
        (edge.reorders, edge.slow) = (reorders, slow);
        edge.run(600);
        assert!(edge.decoded < 100, "{} of 600 units decoded", edge.decoded);
        assert!(edge.looks.is_empty() && edge.probes < 5, "{} probes", edge.probes);
        // With each key picture that was decoded: every second.
        assert!(edge.unchanged.len() > 38 && edge.unchanged.is_sorted(), "{:?}", edge.unchanged);

        // Eighteen pictures before the next key picture.
        edge.run(22);
        edge.unnoticed = true;
        let begin = edge.number;
        edge.walk = Some(begin);
        edge.run(150);
        let numbers: Vec<_> = edge.looks.iter().map(|(number, _)| *number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "in the order of capture, each once: {numbers:?}");
        let first = numbers.iter().find(|number| **number >= begin);
        assert!(first.is_some_and(|first| *first <= begin + 2), "began at {begin}: {numbers:?}");
        assert!(edge.looks.iter().any(|(_, past)| *past) && edge.looks.iter().any(|(_, past)| !*past));
        assert!(numbers.len() >= 38, "five a second: {numbers:?}");
        assert!(edge.is_closed(), "{:?}", edge.plan.report());
    }
}

#[test]
fn before_a_camera_with_a_snapshot_every_two_seconds_or_more_somebody_is_followed() {
    for every in [1600, 2000, 4000, 10_000] {
        let mut edge = Edge::new(Mode::Gated);
        (edge.every, edge.group) = (every, 1);
        edge.run(60);
        // Gaps of over five seconds begin the stream anew: it learns for ever, and each picture is looked at.
        assert_eq!(edge.is_closed(), every <= 5000, "every {every} ms: {:?}", edge.plan.report());
        let begin = edge.number;
        edge.walk = Some(begin);
        edge.run(80);
        assert!(
            edge.followed.first().is_some_and(|first| *first <= begin + 2),
            "every {every} ms: {:?}",
            edge.followed
        );
        assert!(edge.followed.len() >= 76, "every {every} ms: {:?}", edge.followed);
    }
}

#[test]
fn who_came_while_the_past_was_looked_at_is_not_passed_over() {
    let mut edge = Edge::settled();
    (edge.slow, edge.unnoticed) = (true, true);
    edge.run(22);
    edge.walk = Some(edge.number);
    edge.run(150);
    let (past, live): (Vec<_>, Vec<_>) = edge.looks.iter().copied().partition(|(_, past)| *past);
    let (last, first) = (past.last().expect("a look back").0, live[0].0);
    assert!(last < first && last + 2 >= edge.newest_then, "{} had come: {past:?}, then {live:?}", edge.newest_then);
    assert!(past.windows(2).all(|two| two[1].0 - two[0].0 <= 2), "{past:?}");
}

#[test]
fn what_came_while_the_past_is_looked_at_is_the_backlog_and_not_how_old_the_past_is() {
    let mut plan = Plan::new(GateConfig { mode: Mode::Always, ..GateConfig::default() });
    let unit = |ms: u64, key| Arrived {
        unit: AccessUnit { time: CaptureTime(ms as i64 * 1000), key, codec: Codec::H264, data: vec![0].into() },
        at: Moment::from_millis(ms),
        anew: false,
    };
    let backlog = |plan: &Plan, at, now| plan.backlog(Moment::from_millis(at), Moment::from_millis(now)).as_millis();
    assert!(plan.decode_from(vec![unit(1000, true), unit(1100, false)]));
    assert_eq!(plan.next().map(|task| task.arrived.at), Some(Moment::from_millis(1000)));
    assert!(plan.is_behind());
    assert_eq!(backlog(&plan, 1000, 3000), 0, "nothing waits");
    plan.take(unit(3100, false));
    plan.take(unit(3200, false));
    assert_eq!(backlog(&plan, 1000, 3500), 400);
    while plan.is_behind() {
        plan.next();
    }
    assert_eq!(backlog(&plan, 3100, 3500), 400);
}

#[test]
fn a_decoder_that_fails_does_not_hold_the_gate_shut() {
    let mut edge = Edge::settled();
    edge.fails = true;
    edge.run(20 - edge.number % GROUP + 5);
    edge.walk = Some(edge.number);
    edge.run(40);
    assert!(edge.probes > 0 && !edge.looks.is_empty(), "key pictures are still looked at");
    edge.fails = false;
    edge.run(40);
    assert!(edge.looks.len() > 5, "{:?}", edge.looks);
}

#[test]
fn after_a_loss_nothing_is_looked_back_at_beyond_it() {
    let mut edge = Edge::settled();
    edge.run(GROUP);
    // Up to the next key picture all is lost.
    edge.number = (edge.number + 5).next_multiple_of(GROUP);
    let begin = edge.number;
    edge.lost = true;
    edge.walk = Some(begin - 10);
    edge.run(60);
    assert!(edge.looks.first().is_some_and(|(number, _)| *number >= begin), "{:?}", edge.looks);
}

#[test]
fn without_key_pictures_everything_is_decoded() {
    let mut edge = Edge::new(Mode::Gated);
    edge.group = 1_000_000;
    edge.run(300);
    assert_eq!((edge.plan.report().tier, edge.plan.goes_on), (Tier::EveryPicture, true));
    assert!(edge.decoded >= 300, "{}", edge.decoded);
    edge.run(600);
    edge.walk = Some(edge.number);
    edge.forget();
    edge.run(30);
    assert!(edge.decoded >= 30 && edge.looks.len() > 5, "{:?}", edge.looks);
}

#[test]
fn over_its_bound_an_open_gate_goes_on_and_an_idle_one_waits_for_a_key_picture() {
    let mut edge = Edge::new(Mode::Gated);
    // 1,800 units in two groups of 7.2 s: more than are kept.
    (edge.every, edge.group) = (8, 900);
    edge.run(1480);
    assert_eq!(edge.decoded, 1480, "while it learns everything is decoded");
    edge.run(8000);
    assert!(edge.is_closed(), "{:?}", edge.plan.report());
    edge.run(900 - edge.number % 900 + 600);
    assert!(edge.plan.kept.last_group().next().is_none(), "let go");
    edge.forget();
    edge.run(900);
    assert!(edge.decoded > 0, "key pictures are decoded all the same");
}

#[test]
fn always_decodes_each_unit_once_and_keeps_none() {
    let mut edge = Edge::new(Mode::Always);
    edge.run(300);
    edge.lost = true;
    edge.run(100);
    assert_eq!((edge.decoded, edge.probes, edge.looks.len()), (400, 0, 200));
    assert!(edge.looks.iter().all(|(_, past)| !past) && edge.plan.kept.last_group().next().is_none());
    assert_eq!(edge.plan.report().tier, Tier::Always);
}
