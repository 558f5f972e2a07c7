//! Which unit is decoded next: the gate's orders, carried out over the units that are kept.
//!
//! ```text
//! take(unit) ─▶ waiting ─▶ gate ─┬─ skip: kept only
//!                                ├─ decode: it alone            ┐
//!                                └─ decode from a key picture   ├─▶ next() ─▶ decoder ─▶ frame() ─▶ Look
//!                       a probe found news: look back ──────────┘
//! ```
//!
//! - Units are told to the gate one by one, each when all before it has been decoded. While the past is being decoded,
//!   what comes meanwhile waits here.
//! - Where the gate asks for what is no longer kept, it is told that the stream was interrupted; so it is after a loss and
//!   after a picture that could not be decoded. It then waits for the next key picture.
//! - With the setting `always` the gate only counts and paces: every unit is decoded and none is kept.
//!
//! No I/O, no clock, no decoder and no detector: the [`Looker`](super::Looker) has those.

use std::collections::VecDeque;
use std::time::Duration;

use edge_core::Moment;
use edge_core::kept_units::KeptUnits;
use edge_core::unit_queue::{Arrived, Bound};
use omma_protocol::detection::Detection;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::Track;
use omma_vision::gate::{Gate, GateConfig, Look, Mask, Mode, Order, Report, State, Thumbnail};

/// Time between two moments of which events are told that nothing has changed, at least.
const QUIET_EVERY: Duration = Duration::from_secs(1);

/// One camera's plan.
#[derive(Debug)]
pub(super) struct Plan {
    gate: Gate,
    always: bool,
    kept: KeptUnits,
    /// Not yet told to the gate.
    waiting: VecDeque<Arrived>,
    todo: VecDeque<Task>,
    /// Whether the decoder has every unit of the group up to the newest that was told.
    goes_on: bool,
    /// How many units the gate was told of.
    told: u64,
    /// Frames in which an idle gate saw nothing new.
    quiet: VecDeque<CaptureTime>,
    /// What came until then, came while the past was looked at.
    behind_until: Option<Moment>,
}

/// A unit to be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Task {
    pub(super) arrived: Arrived,
    /// It is a key picture that does not follow what the decoder has, and may be of before.
    pub(super) anew: bool,
    /// None may follow that would bring its picture out.
    pub(super) alone: bool,
}

impl Plan {
    pub(super) fn new(config: GateConfig) -> Self {
        Self {
            always: config.mode == Mode::Always,
            gate: Gate::new(config),
            kept: KeptUnits::new(Bound::LOOK_BACK),
            waiting: VecDeque::new(),
            todo: VecDeque::new(),
            goes_on: false,
            told: 0,
            quiet: VecDeque::new(),
            behind_until: None,
        }
    }

    /// Takes the next unit of the stream.
    pub(super) fn take(&mut self, arrived: Arrived) {
        self.waiting.push_back(arrived);
    }

    /// The unit that would be decoded next, where it is of the present.
    pub(super) fn upcoming(&self) -> Option<&Arrived> {
        self.waiting.front().filter(|arrived| !self.is_past(arrived.at))
    }

    /// Gives up what was taken and not yet told: the reader goes on with a key picture. Returns how many units that were.
    pub(super) fn give_up(&mut self) -> usize {
        let dropped = self.waiting.len();
        self.waiting.clear();
        self.lose();
        self.gate.passed_over();
        dropped
    }

    /// Whether another unit may be taken while the past is being decoded. Where not, it waits in the camera's queue,
    /// which drops and counts what it can't hold.
    pub(super) fn has_room(&self) -> bool {
        let bytes: usize = self.waiting.iter().map(|arrived| arrived.unit.data.len()).sum();
        self.waiting.len() < Bound::LOOK_BACK.units && bytes < Bound::LOOK_BACK.bytes
    }

    /// The next unit to decode. `None` where all that was taken has been told, and decoded or skipped.
    pub(super) fn next(&mut self) -> Option<Task> {
        while self.todo.is_empty() {
            let arrived = self.waiting.pop_front()?;
            self.tell(arrived);
        }
        self.todo.pop_front()
    }

    /// Whether newer units than the one handed out last are to be decoded already: it is of the past.
    pub(super) fn is_behind(&self) -> bool {
        !self.todo.is_empty()
    }

    /// Whether a frame whose unit came `at` is of the past: each of these is looked at, none makes room for a newer one. So is
    /// what came while the past was looked at: in it begins what the gate was opened for.
    pub(super) fn is_past(&self, at: Moment) -> bool {
        self.is_behind() || self.behind_until.is_some_and(|until| at <= until)
    }

    /// A frame of the past has been looked at, or passed over.
    pub(super) fn looked_back(&mut self, now: Moment) {
        if self.is_behind() {
            self.behind_until = Some(now);
        }
    }

    /// How long the unit has waited whose turn is next after the past, where there is one; after it, the one that came `at`.
    pub(super) fn backlog(&self, at: Moment, now: Moment) -> Duration {
        let next = if self.is_behind() { self.waiting.front().map(|arrived| arrived.at) } else { Some(at) };
        next.map_or(Duration::ZERO, |next| now.saturating_sub(next))
    }

    /// Whether what is decoded next may go on from what was decoded last.
    pub(super) fn goes_on(&self) -> bool {
        self.goes_on || self.is_behind()
    }

    /// How many units the gate was told of.
    pub(super) fn told(&self) -> u64 {
        self.told
    }

    /// Whether nothing is left to decode.
    pub(super) fn is_done(&self) -> bool {
        self.todo.is_empty() && self.waiting.is_empty()
    }

    /// A frame came out of the decoder.
    pub(super) fn frame(&mut self, time: CaptureTime, thumbnail: impl FnOnce(&Mask) -> Thumbnail) -> Look {
        let look = self.gate.frame(time, thumbnail);
        let idle = look == Look::Pass && self.gate.report().state == State::Idle;
        // The clock was set back.
        if self.quiet.back().is_some_and(|last| *last > time) {
            self.quiet.clear();
        }
        if idle && self.quiet.back().is_none_or(|last| time.since(*last) >= QUIET_EVERY) {
            self.quiet.push_back(time);
        }
        look
    }

    /// What a probe found. Where it is news, what is kept is decoded again.
    pub(super) fn probed(&mut self, time: CaptureTime, found: &[Detection]) {
        let Some(key) = self.gate.probed(time, found) else { return };
        self.quiet.clear();
        let from = self.kept.from(key).cloned().collect();
        self.decode_from(from);
    }

    /// What a frame that was detected in holds.
    pub(super) fn tracked(&mut self, time: CaptureTime, found: &[Detection], tracks: &[Track]) {
        self.gate.tracked(time, found, tracks);
    }

    /// Of what rests, the events have these alone.
    pub(super) fn forget_all_but(&mut self, there: &[Track]) {
        self.gate.forget_all_but(there);
    }

    /// What was seen is over, and nobody is told of it any more.
    pub(super) fn is_over(&mut self) {
        self.gate.is_over();
    }

    /// A look beyond the rate was not made, since others would have waited for it.
    pub(super) fn refused(&mut self) {
        self.gate.refused();
    }

    /// The unit handed out last could not be decoded.
    pub(super) fn broken(&mut self) {
        self.lose();
    }

    /// The decoder was emptied of what it held back, and begins at a key picture.
    pub(super) fn flushed(&mut self) {
        self.goes_on = false;
    }

    /// The next moment in which nothing had changed, of those that no look back will reach any more.
    pub(super) fn unchanged(&mut self) -> Option<CaptureTime> {
        let from = self.gate.keep_from();
        self.quiet.pop_front_if(|time| from.is_none_or(|from| *time < from))
    }

    pub(super) fn report(&self) -> Report {
        self.gate.report()
    }

    fn tell(&mut self, arrived: Arrived) {
        self.told += 1;
        if arrived.anew {
            self.lose();
        }
        let (time, key, bytes) = (arrived.unit.time, arrived.unit.key, arrived.unit.data.len());
        if self.always {
            self.gate.unit(time, key, bytes);
            self.goes_on = true;
            self.todo.push_back(Task { arrived, anew: false, alone: false });
            return;
        }
        self.kept.push(arrived.clone());
        match self.gate.unit(time, key, bytes) {
            Order::Skip => self.goes_on = false,
            Order::Decode if key || self.goes_on => {
                let report = self.gate.report();
                let alone = key && report.state == State::Idle && !report.tier.decodes_all();
                self.goes_on = true;
                self.todo.push_back(Task { arrived, anew: false, alone });
            }
            // The decoder was emptied since.
            Order::Decode => {
                let group = self.kept.last_group().cloned().collect();
                self.decode_or_lose(group);
            }
            Order::DecodeFrom(key) => {
                let from = self.kept.from(key).cloned().collect();
                self.decode_or_lose(from);
            }
        }
        // Afterwards: a group that has become too long to be kept is decoded once more from its beginning.
        let fits = self.kept.keep_from(self.gate.keep_from());
        if !fits && !self.goes_on {
            self.lose();
        }
    }

    /// Puts kept units in the place of what was left to decode. `false`, and nothing is changed, where there are none.
    fn decode_from(&mut self, units: Vec<Arrived>) -> bool {
        if units.is_empty() {
            return false;
        }
        let tasks = units.into_iter().enumerate();
        self.todo = tasks.map(|(n, arrived)| Task { arrived, anew: n == 0, alone: false }).collect();
        self.goes_on = true;
        true
    }

    fn decode_or_lose(&mut self, units: Vec<Arrived>) {
        if !self.decode_from(units) {
            self.lose();
        }
    }

    /// Nothing goes on from before: the next key picture is waited for.
    fn lose(&mut self) {
        self.gate.interrupted();
        self.kept.clear();
        if !self.always {
            self.todo.clear();
        }
        self.goes_on = false;
    }
}

#[cfg(test)]
mod tests;
