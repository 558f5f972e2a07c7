//! Tracks → events: what is worth keeping of what was followed.
//!
//! ```text
//!       a rule wants it, `min_duration`       better view, or still there after a while
//! confirmed ─────────────────────────▶ Opened ──────────────▶ Updated* ──┐
//!     └─ gone before: nothing             └── not seen for `close_after` ─┴──▶ Closed
//! ```
//!
//! - **Which things make events** the camera's [`rule`]s say. A rule makes one event of a thing, which then goes on until
//!   the thing is gone, wherever it goes. Without rules, every confirmed thing makes one.
//! - **A view's quality** is its score times the square root of its area, halved where the box touches the picture's
//!   edge and the thing is cut off: twice as near counts like twice as sure. A view `better` times as good as the best
//!   so far is told of with a new picture, at most every `picture_every`.
//! - **A thing that goes on** is told of after `update_every`, then after twice that, and so on up to `update_max`:
//!   a car parked for a day is a few hundred messages, not seventeen thousand.
//! - **A thing that stands still** is often missed by the detector for seconds. Its event stays open for
//!   `close_after_still`, and a new track of its class in its place goes on with the same event.
//! - **Where looks are seldom**, because the camera gives few pictures or the detector is slow ([`Cadence`]), all of this waits for
//!   longer: two looks in a row may miss a thing.
//! - **While nobody looks because nothing changes** ([`Events::unchanged`]), what stood still stays, and time passes for
//!   it: its event goes on, a rule's time in a zone is over, a schedule begins.
//! - **What left while nobody looked** the gate's probes miss ([`Events::probed`]): from the first that does its event neither goes on
//!   nor closes, until one finds it again or, after six in a row, it is gone since it was there last.
//!
//! - **Where the camera shows another view** ([`Events::turn`]), what is open is closed.
//!
//! This step never reads a clock and draws nothing from the system: ids come from capture times and a seeded
//! generator. Nothing is kept but for things (see [`rule`]) and open events, of which there are at most `max_open`.

pub mod rule;

pub mod parked;

mod open;

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::{Analyst, Detection};
use omma_protocol::event::{Cause, Event};
use omma_protocol::id::{CameraId, EventId};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::Track;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::cadence::{Cadence, two_looks_missed};
use crate::track::Life;
use crate::view::Turn;
use open::{Open, Sight, Step, Subject};
use parked::ParkedThing;
use rule::config::RulesConfig;
use rule::{Crowd, Gathering, Rules, Thing, Things, Want};

/// When events open, change and close.
#[derive(Debug, Clone, PartialEq)]
pub struct EventsConfig {
    /// How long a thing must have been there, from its first detection on.
    pub min_duration: Duration,
    /// After how long a thing that goes on is first told of again; doubles each time.
    pub update_every: Duration,
    /// The longest silence about a thing that goes on.
    pub update_max: Duration,
    /// The shortest time between two pictures of one event.
    pub picture_every: Duration,
    /// How many times better than the best view so far a view must be to be told of. Over 1.
    pub better: f32,
    /// How long after a thing was last seen its event closes, at least: two looks in a row may miss it. For half of that it counts
    /// as there.
    pub close_after: Duration,
    /// The same for a thing that stood still.
    pub close_after_still: Duration,
    /// How long a thing must have stayed in its place to stand still.
    pub still_after: Duration,
    /// Most open events. At the bound a new one waits until another closes.
    pub max_open: usize,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            min_duration: Duration::from_millis(400),
            update_every: Duration::from_secs(5),
            update_max: Duration::from_secs(300),
            picture_every: Duration::from_secs(1),
            better: 1.3,
            close_after: Duration::from_secs(2),
            close_after_still: Duration::from_secs(15),
            still_after: Duration::from_secs(3),
            max_open: 64,
        }
    }
}

impl EventsConfig {
    /// For so many looks a second: two in a row may miss a thing, however seldom they are.
    pub fn looking(self, rate: f32) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / f64::from(rate)).unwrap_or_default();
        self.waiting(two_looks_missed(interval))
    }

    /// No event closes sooner than that after its thing was last seen.
    fn waiting(self, patience: Duration) -> Self {
        let (close_after, close_after_still) = (self.close_after.max(patience), self.close_after_still.max(patience));
        Self { close_after, close_after_still, ..self }
    }
}

/// Further apart than any two frames of one stream, key pictures of an idle one included: the clock that dates them was
/// set, as on a board without a battery that has found its time server. Who was there then did not stay for those hours:
/// as at the end of a stream, what is open is closed. Where looks are more seldom than this, after as long as they wait.
const LEAP: Duration = Duration::from_secs(15 * 60);

/// A new state of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The state.
    pub event: Event,
    /// Whether the frame just seen is the best view so far, so that its picture is to be kept under this revision.
    pub picture: bool,
}

/// The events of one stream. Owned by one task.
#[derive(Debug)]
pub struct Events {
    as_set: EventsConfig,
    /// The same for how far apart looks really are.
    config: EventsConfig,
    cadence: Cadence,
    camera: CameraId,
    analyst: Arc<Analyst>,
    random: StdRng,
    rules: Rules,
    things: Things,
    crowds: Vec<Crowd>,
    /// In the order of opening.
    open: Vec<Open>,
    /// The newest time that was told of.
    told: Option<CaptureTime>,
    refused: u64,
}

impl Events {
    /// No events yet. `seed` makes the random part of event ids and must differ from run to run.
    pub fn new(
        camera: CameraId,
        analyst: Arc<Analyst>,
        config: EventsConfig,
        rules: RulesConfig,
        seed: [u8; 32],
    ) -> Self {
        let rules = Rules::new(rules);
        Self {
            config: config.clone(),
            as_set: config,
            cadence: Cadence::default(),
            camera,
            analyst,
            random: StdRng::from_seed(seed),
            crowds: rules.crowds(),
            rules,
            things: Things::default(),
            open: vec![],
            told: None,
            refused: 0,
        }
    }

    /// Another detector may look than before: changes from now on bear its name.
    pub fn looked_at_by(&mut self, analyst: Arc<Analyst>) {
        self.analyst = analyst;
    }

    /// Takes the confirmed tracks of one frame, each with its life so far. `aspect` is the picture's width over its
    /// height. Changes come in the order of the events' opening.
    pub fn see(&mut self, time: CaptureTime, aspect: f32, tracks: &[(Track, Life)]) -> Vec<Change> {
        let mut changes = if self.is_leap(time) { self.finish() } else { vec![] };
        if let Some(before) = self.told.replace(time) {
            self.trust(before);
        }
        self.cadence.look(time);
        self.config = self.as_set.clone().waiting(self.cadence.patience());
        self.rules.see(&mut self.things, time, aspect, tracks, &self.config);
        self.go_on(time, |open, thing| open.see(time, &Sight::of(&thing.track)));
        self.open_for_things(time);
        self.open_for_crowds(time);
        changes.extend(self.step(time));
        changes
    }

    /// Nobody looked at the frame of `time` because nothing had changed since the last one told of: what stood still in
    /// that is still there. A time that is not after all others says nothing. Changes have no pictures.
    pub fn unchanged(&mut self, time: CaptureTime) -> Vec<Change> {
        let Some(before) = self.told.filter(|before| *before < time) else { return vec![] };
        if self.is_leap(time) {
            return self.finish();
        }
        self.told = Some(time);
        self.rules.stay(&mut self.things, before, time, &self.config);
        self.go_on(time, |open, _| open.stay(time));
        self.open_for_things(time);
        self.open_for_crowds(time);
        self.step(time).into_iter().map(|change| Change { picture: false, ..change }).collect()
    }

    /// A probe found these in the frame of `time`, which nobody looked at else. Where that makes something gone that was at rest: the
    /// tracks of what is at rest still. Its event closes as time passes.
    pub fn probed(&mut self, time: CaptureTime, found: &[Detection]) -> Option<Vec<Track>> {
        let before = self.told?;
        let gone = self.things.probe(time, found, before, &self.config);
        self.go_on(before, |open, _| open.stay(before));
        gone.then(|| self.things.at_rest(before, &self.config).cloned().collect())
    }

    /// Somebody looks again, who says more than probes do: what these have missed was there until then.
    fn trust(&mut self, before: CaptureTime) {
        if self.things.trust(before) {
            self.go_on(before, |open, _| open.stay(before));
        }
    }

    /// Whether the clock was set between the last time that was told of and this one.
    fn is_leap(&self, time: CaptureTime) -> bool {
        self.told.is_some_and(|told| time.since(told) > LEAP.max(self.config.close_after))
    }

    /// Closes what is open: the stream has ended. Each event is closed at the last frame its thing was seen in.
    pub fn finish(&mut self) -> Vec<Change> {
        let ended = std::mem::take(&mut self.open);
        ended.iter().for_each(|open| open.subject.close(&mut self.things));
        self.told = None;
        self.rules.end(&mut self.things);
        self.crowds.iter_mut().for_each(Crowd::end);
        ended
            .into_iter()
            .map(|mut open| {
                let step = open.close();
                change(&open, step, &self.camera, &self.analyst)
            })
            .collect()
    }

    /// The next frame is of another view than the last: what is open is closed, as at the end of the stream, and what is
    /// parked is known again only where it was parked.
    pub fn turn(&mut self, turn: Turn) -> Vec<Change> {
        if turn == Turn::None {
            return vec![];
        }
        let ended = self.finish();
        self.things.turn(turn);
        ended
    }

    /// What is parked, for a later run of the program.
    pub fn parked(&self) -> Vec<ParkedThing> {
        self.rules.parked(&self.things)
    }

    /// Before the first frame, of time `now`: what an earlier run had parked is known again, where it was last seen no longer
    /// ago than it had stood. `aspect` is the picture's width over its height.
    pub fn know(&mut self, parked: &[ParkedThing], now: CaptureTime, aspect: f32) {
        self.rules.know(&mut self.things, parked, now, aspect);
    }

    /// Events that are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// How often a thing in a frame had to wait for its event because too many were open.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// What is open sees its thing in this frame.
    fn go_on(&mut self, time: CaptureTime, see: impl Fn(&mut Open, &Thing)) {
        for open in &mut self.open {
            let Subject::Thing { id, rule } = open.subject else { continue };
            let Some(thing) = self.things.find(id).filter(|thing| thing.last_seen == time) else { continue };
            see(open, thing);
            if let Some(why) = self.rules.why_now(time, thing, rule) {
                open.grow(why);
            }
        }
    }

    fn open_for_things(&mut self, time: CaptureTime) {
        for thing in self.things.seen_at(time) {
            for Want { rule, direction, why, since } in self.rules.wants(time, thing, &self.config) {
                if self.open.len() >= self.config.max_open {
                    self.refused += 1;
                    continue;
                }
                thing.tell(rule, direction);
                let subject = Subject::Thing { id: thing.id, rule };
                let cause = Cause { rule: self.rules.name(rule), why };
                let id = event_id(&mut self.random, time);
                self.open.push(Open::new(id, subject, cause, time, Sight::of(&thing.track), since, &self.config));
            }
        }
    }

    fn open_for_crowds(&mut self, time: CaptureTime) {
        for crowd in &mut self.crowds {
            let seen = crowd.see(time, &self.rules, &self.things, &self.config);
            let Some(Gathering { since, due, sight, why }) = seen else { continue };
            let subject = Subject::Crowd { rule: crowd.rule() };
            if let Some(open) = self.open.iter_mut().find(|open| open.subject == subject) {
                open.see(time, &sight);
                open.grow(why);
            } else if due && self.open.len() >= self.config.max_open {
                self.refused += 1;
            } else if due {
                let cause = Cause { rule: self.rules.name(crowd.rule()), why };
                let id = event_id(&mut self.random, time);
                self.open.push(Open::new(id, subject, cause, time, sight, since, &self.config));
            }
        }
    }

    fn step(&mut self, time: CaptureTime) -> Vec<Change> {
        let mut changes = vec![];
        self.open.retain_mut(|open| {
            let thing = match open.subject {
                Subject::Thing { id, .. } => self.things.find(id),
                Subject::Crowd { .. } => None,
            };
            let patience = match thing {
                Some(thing) if thing.is_doubted() => Duration::MAX,
                Some(thing) if thing.stands_still(&self.config) => self.config.close_after_still,
                _ => self.config.close_after,
            };
            let (step, keep) = open.step(time, patience, &self.config);
            changes.extend(step.map(|step| change(open, step, &self.camera, &self.analyst)));
            if !keep {
                open.subject.close(&mut self.things);
            }
            keep
        });
        changes
    }
}

fn event_id(random: &mut StdRng, time: CaptureTime) -> EventId {
    let mut bytes = [0; 10];
    random.fill_bytes(&mut bytes);
    let millis = u64::try_from(time.as_micros() / 1000).unwrap_or(0);
    EventId(uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid())
}

fn change(open: &Open, step: Step, camera: &CameraId, analyst: &Arc<Analyst>) -> Change {
    Change { event: open.event(step, camera.clone(), Arc::clone(analyst)), picture: step.picture }
}

#[cfg(test)]
mod tests;
