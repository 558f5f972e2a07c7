//! The gate's face: what is told goes in, what to do comes out. How its state changes: [`states`](super::states).

use std::time::Duration;

use omma_protocol::detection::Detection;
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::Track;

use super::budget::Budget;
use super::config::{GateConfig, Mode};
use super::group::{Groups, Order};
use super::report::{Counts, Reason, Report, State};
use super::scene::Scene;
use super::sizes::Sizes;
use super::spare::Spare;
use super::states::{AT_REST_FROM_THE_START, SAFETY};
use super::still::{STILL_AFTER, Seen, Still};
use super::thumbnail::{Mask, Thumbnail};
use super::tier::{Tier, Why, choose};
use crate::cadence::Cadence;
use crate::pace::Pace;

/// Time to the next probe after one in vain, how much it grows with each of the same glance, and how far.
pub(super) const PROBE_AGAIN: Duration = Duration::from_millis(200);
const PROBE_GROWTH: f32 = 1.4;
const PROBE_LONGEST: Duration = Duration::from_secs(2);
/// How long what a probe found holds the gate open before a track comes of it.
const UNPROVEN: Duration = Duration::from_secs(10);
/// A thing's box is enlarged by this share on each side before the scene around it is learnt: boxes cut off shadows.
const AROUND: f32 = 0.2;
/// Longer groups are crossed between two key pictures: sizes alone tell of who does. None of theirs is passed over.
const WARY_GROUP: Duration = Duration::from_secs(4);
/// Most boxes that the learning goes around.
const MAX_THINGS: usize = 64;

/// What to do with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Nothing.
    Pass,
    /// Detect, and tell [`Gate::probed`]. Not for the tracker: the gate may ask for this frame again.
    Probe,
    /// Detect, follow, and tell [`Gate::tracked`].
    Detect,
    /// The same, but only where nobody has to wait for it, else tell [`Gate::refused`]; and the tracker is told that it is
    /// [beyond the rate](crate::track::Tracker::update_beyond_rate).
    Spare,
}

/// Gates one camera.
#[derive(Debug)]
pub struct Gate {
    pub(super) config: GateConfig,
    pub(super) groups: Groups,
    pub(super) sizes: Sizes,
    pub(super) scene: Scene,
    pub(super) still: Still,
    pub(super) budget: Budget,
    pub(super) pace: Pace,
    /// Of the looks at the rate while it is open, whose answers came.
    pub(super) cadence: Cadence,
    pub(super) spare: Spare,
    pub(super) state: State,
    pub(super) reason: Reason,
    pub(super) tier: (Tier, Why),
    pub(super) counts: Counts,
    /// When this state began; while looking the last sign of motion, while open the last moving track.
    pub(super) since: CaptureTime,
    pub(super) sign: CaptureTime,
    /// Whether it looks back and has not come to where something begins.
    pub(super) seeks: bool,
    /// Whether the next probe that is answered has it look at everything, whatever that finds.
    pub(super) anew: bool,
    /// The last probe that found nothing: the scene has been learnt from what it was made in.
    pub(super) in_vain: CaptureTime,
    /// Whether anything has been followed in this state.
    pub(super) followed: bool,
    /// The newest frame in which a track was elsewhere than before.
    pub(super) moved: CaptureTime,
    /// When a probe may be made again, and how long to wait after the next.
    pub(super) probe_due: CaptureTime,
    pub(super) probe_wait: Duration,
    /// The newest frame that was detected in, by probes too; and the newest that the tracker has.
    pub(super) detected: CaptureTime,
    pub(super) tracked: CaptureTime,
    /// Where things were in the last frame detected in, enlarged.
    pub(super) things: Vec<Rect>,
    /// Units of this glance.
    pub(super) units: usize,
}

pub(super) const NEVER: CaptureTime = CaptureTime(i64::MIN);

impl Gate {
    /// A gate that knows nothing.
    pub fn new(config: GateConfig) -> Self {
        Self {
            groups: Groups::default(),
            sizes: Sizes::new(),
            scene: Scene::new(),
            still: Still::default(),
            budget: Budget::new(),
            pace: Pace::new(config.rate),
            cadence: Cadence::default(),
            spare: Spare::default(),
            state: if config.mode == Mode::Always { State::Active } else { State::Learning },
            reason: Reason::Start,
            tier: choose(&config, Tier::KeyPictures, None, Duration::ZERO),
            counts: Counts::default(),
            since: NEVER,
            sign: NEVER,
            seeks: false,
            anew: false,
            in_vain: NEVER,
            followed: false,
            moved: NEVER,
            probe_due: NEVER,
            probe_wait: PROBE_AGAIN,
            detected: NEVER,
            tracked: NEVER,
            things: vec![],
            units: 0,
            config,
        }
    }

    /// Takes the next unit of the stream, in the order of decoding. `bytes` is its coded size.
    pub fn unit(&mut self, time: CaptureTime, key: bool, bytes: usize) -> Order {
        let last_key = self.groups.last_key();
        let passed = match self.groups.see(time, key) {
            Some(passed) => passed,
            None => self.begin(time),
        };
        self.count(passed);
        self.budget.elapsed(passed);
        self.spare.elapsed(passed);
        let moves = self.sizes.see(key, bytes, passed, self.budget.doubt().max(self.wariness()));
        if key || self.groups.is_overdue() {
            self.tier = choose(&self.config, self.tier.0, self.sizes.smallest_change(), self.groups.length());
        }
        if self.config.mode == Mode::Gated {
            self.step(time, moves);
        }
        if !self.is_something_there(time) {
            self.sizes.learn();
        }
        let shows = key && !self.may_pass_over(time, last_key);
        if shows || self.state != State::Idle || self.tier.0.decodes_all() {
            self.groups.decode()
        } else {
            self.groups.skip();
            Order::Skip
        }
    }

    /// Whether the key picture of `time` would hardly show what is not known already: nobody was there at the one before, and
    /// sizes, which would have told of who came since, were as usual. Never two in a row, and none that is promised to be looked at.
    fn may_pass_over(&self, time: CaptureTime, last_key: Option<CaptureTime>) -> bool {
        self.promise() < self.groups.length()
            && last_key.is_some_and(|key| self.scene.was_clear_at(key))
            && self.sizes.was_still(self.budget.doubt())
            && self.groups.length() <= WARY_GROUP
            && time.since(self.detected) < SAFETY
    }

    /// How much more than usual a sign must be for what was in vain lately. Where sizes promise nothing, and the next key
    /// picture is near, they need not be followed each time that they tell.
    fn wariness(&self) -> f32 {
        let promised = self.tier.0 == Tier::Sizes;
        if promised || self.groups.length() > WARY_GROUP { 1.0 } else { self.sizes.wariness() }
    }

    /// Takes a frame that came out of the decoder; `thumbnail` is asked for where it is needed.
    pub fn frame(&mut self, time: CaptureTime, thumbnail: impl FnOnce(&Mask) -> Thumbnail) -> Look {
        let mut thumbnail = Some(thumbnail);
        self.counts.decoded += 1;
        let is_key = self.groups.is_key(time);
        let open = matches!(self.state, State::Learning | State::Active);
        if self.config.mode == Mode::Gated
            && !self.scene.has_seen(time)
            && (is_key || !open)
            && let Some(thumbnail) = thumbnail.take()
        {
            self.scene.see(time, is_key, thumbnail(&self.config.mask), self.budget.doubt());
            if !open {
                return self.judge(time, is_key);
            }
            self.scene.follow(false, &self.things);
        }
        // Where looks back meet what was open before, the tracker has had the frame.
        if !open || time <= self.tracked {
            return Look::Pass;
        }
        // The tracker hears of the present after all of the past: what is clear takes a thumbnail's time and not a look's.
        let past = thumbnail.take().filter(|_| self.seeks && time < self.since);
        self.seeks = past.is_some_and(|thumbnail| self.scene.was_clear(&thumbnail(&self.config.mask)));
        if self.seeks {
            return Look::Pass;
        }
        let look = if self.pace.takes(time) {
            self.counts.detections += 1;
            Look::Detect
        } else if self.config.mode == Mode::Gated && self.spare.takes(time, self.tracked, self.pace.interval()) {
            Look::Spare
        } else {
            return Look::Pass;
        };
        self.tracked = time;
        look
    }

    /// Takes what a probe of the frame of `time` found. Where it is news, the gate is open, and the kept units from the
    /// key picture returned on are to be decoded again, up to the newest, their frames told to
    /// [`Gate::frame`] in order. `None`: it is not, or there is no past at hand.
    pub fn probed(&mut self, time: CaptureTime, detections: &[Detection]) -> Option<CaptureTime> {
        self.detected = self.detected.max(time);
        if std::mem::take(&mut self.anew) {
            self.reason = Reason::Start;
            self.pace = Pace::new(self.config.rate);
            self.enter(State::Learning, time);
            return None;
        }
        if !self.still.probe(detections, self.config.min_score) {
            self.scene.in_vain();
            self.in_vain = time;
            self.probe_due = time + self.probe_wait;
            self.probe_wait = self.probe_wait.mul_f32(PROBE_GROWTH).min(PROBE_LONGEST);
            return None;
        }
        // One large picture is where it begins, and before a key picture that was clear nobody was there; whatever else
        // tells may tell late.
        let key = self.groups.last_key().filter(|key| *key < time);
        let clear = |key| self.reason == Reason::LargePicture || self.scene.was_clear_at(key);
        let begins_here = !self.groups.is_key(time) && key.is_some_and(clear);
        let from = self.groups.look_back(!begins_here);
        self.counts.hits += 1;
        self.budget.found();
        self.sizes.trust();
        self.pace = Pace::new(self.config.rate);
        self.enter(State::Active, time);
        // Who stood there all the time is part of the scene, and who was there at a probe in vain may be.
        self.seeks = from.is_some_and(|from| self.in_vain < from) && self.reason != Reason::Safety;
        self.spare.open(time, self.seeks);
        from
    }

    /// Takes what a frame that was detected in holds: all that was found, whatever its score, and the confirmed tracks.
    /// Nothing, too, is worth being told.
    pub fn tracked(&mut self, time: CaptureTime, detections: &[Detection], tracks: &[Track]) {
        self.detected = self.detected.max(time);
        let good = detections.iter().filter(|detection| detection.score >= self.config.min_score);
        self.things = good.take(MAX_THINGS).map(|detection| enlarged(detection.rect)).collect();
        let rests_after = if self.state == State::Learning { AT_REST_FROM_THE_START } else { STILL_AFTER };
        let seen = self.still.see(time, detections, self.config.min_score, tracks, rests_after);
        if self.still.has_moved() {
            self.moved = self.moved.max(time);
        }
        let beyond_rate = self.spare.see(time, seen);
        if beyond_rate {
            self.counts.detections += 1;
        } else {
            self.cadence.look(time);
        }
        match seen {
            Seen::Moves => (self.sign, self.followed) = (self.sign.max(time), true),
            Seen::News if !self.followed && time.since(self.since) < UNPROVEN => self.sign = self.sign.max(time),
            Seen::News | Seen::Nothing => {}
        }
    }

    /// For how long it stays open without a sign. Longer than the tracker keeps a thing, whatever the rate and however few pictures
    /// the camera gives.
    pub(super) fn hold(&self) -> Duration {
        self.config.hold.max(self.pace.interval().max(self.cadence.spacing()).saturating_mul(4))
    }

    /// Others would have had to wait for a look beyond the rate, so that it was not made.
    pub fn refused(&mut self) {
        self.spare.refused();
    }

    /// Of what rests, whoever is told of it still has these alone: whatever else the next probe finds is news, in its place of
    /// before too. Else what was taken to be gone, and is not, would be there for nobody until it moves.
    pub fn forget_all_but(&mut self, there: &[Track]) {
        self.still.forget_all_but(there);
    }

    /// Units were lost, or the stream broke off: what comes before the next key picture continues nothing.
    pub fn interrupted(&mut self) {
        self.groups.interrupted();
        self.sizes.interrupted();
    }

    /// There was no time for the rest of the group: what comes next is the stream's next key picture.
    pub fn passed_over(&mut self) {
        self.groups.passed_over();
        self.sizes.interrupted();
    }

    /// The caller keeps units from this time on: from the last decoded key picture before the last one. `None`: none need be kept.
    pub fn keep_from(&self) -> Option<CaptureTime> {
        self.groups.keep_from()
    }

    /// How soon a thing is told of. A group is all that is promised where a probe was in vain within what is kept, since the clear
    /// past is then not passed over, and looking at all of it takes longer than is promised else; and where there was no time for
    /// looks beyond the rate a moment ago. Nothing is told of before two looks at the rate could have found it.
    fn promise(&self) -> Duration {
        let group = self.groups.length();
        let promise = self.tier.0.promise(group);
        let looks_at_all = self.keep_from().is_some_and(|from| self.in_vain >= from);
        let promise = if looks_at_all || self.spare.is_busy() { promise.max(group) } else { promise };
        promise.max(self.pace.interval())
    }

    /// Whether something moves. An open gate was opened by that; who looks at everything must have seen it.
    fn moves(&self) -> bool {
        match self.state {
            State::Idle | State::Looking => false,
            State::Active if self.config.mode == Mode::Gated => true,
            State::Learning | State::Active => {
                self.moved != NEVER && self.groups.now().is_some_and(|now| now.since(self.moved) < self.hold())
            }
        }
    }

    /// What the gate does and why.
    pub fn report(&self) -> Report {
        let (tier, why) = self.tier;
        Report {
            state: self.state,
            reason: self.reason,
            moves: self.moves(),
            tier,
            why,
            promise: self.promise(),
            smallest_change: self.sizes.smallest_change(),
            still: self.still.known(),
            counts: self.counts,
        }
    }
}

fn enlarged(rect: Rect) -> Rect {
    let (dx, dy) = (rect.w * AROUND, rect.h * AROUND);
    Rect { x: rect.x - dx, y: rect.y - dy, w: rect.w + 2.0 * dx, h: rect.h + 2.0 * dy }
}
