//! How the gate's state changes.
//!
//! ```text
//! Learning ─ `LEARN` over ─▶ Idle, or Active where something moves
//! Idle ─ sizes tell, or a thumbnail differs ─▶ Looking     (a glance: everything is decoded, thumbnails compared)
//! Looking ─ nothing for `GLANCE`, or `LONGEST_GLANCE` over, or no budget left ─▶ Idle
//! Idle, Looking ─ a probe finds news ─▶ Active
//! any ─ what was seen is over ─▶ Idle ─ the first probe is answered ─▶ Learning
//! Active ─ no moving track for `hold` ─▶ Idle
//! ```

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use super::config::Mode;
use super::machine::{Gate, Look, NEVER, PROBE_AGAIN};
use super::report::{Reason, State};
use super::sizes::Moves;
use super::still::{STILL_AFTER, Still};
use crate::pace::Pace;

/// Time at the beginning in which all is decoded and looked at: at least five groups of pictures of 2 s, from which on
/// medians of sizes are trusted.
const LEARN: Duration = Duration::from_secs(12);
/// What was at rest for this long while the gate learnt was there before.
pub(super) const AT_REST_FROM_THE_START: Duration = Duration::from_secs(6);
/// A glance ends when nothing has changed for the first, and at the latest after the second: one group of pictures of
/// most cameras and half of the next.
const GLANCE: Duration = Duration::from_millis(600);
const LONGEST_GLANCE: Duration = Duration::from_secs(3);
/// What stands still gives no sign: one probe after this time without any detection.
pub(super) const SAFETY: Duration = Duration::from_secs(60);

impl Gate {
    /// The stream begins, again after a gap, or the clock was set back: times before mean nothing.
    pub(super) fn begin(&mut self, time: CaptureTime) -> Duration {
        self.sizes.interrupted();
        self.sizes.trust();
        self.scene.restart();
        self.spare.restart();
        self.pace = Pace::new(self.config.rate);
        (self.probe_due, self.detected, self.tracked, self.in_vain, self.moved) = (NEVER, NEVER, NEVER, NEVER, NEVER);
        self.enter(if self.state == State::Looking { State::Idle } else { self.state }, time);
        Duration::ZERO
    }

    /// What was seen is over, and nobody is told of it any more: the stream is silent, its pictures can't be looked at, or nobody wants
    /// them to be. Who is there, and that nobody is, is for looks to say. They begin when a probe is answered, as at the start, and not
    /// before: there may be no stream, or no detector. What the scene and its sizes usually are is known still.
    pub fn is_over(&mut self) {
        (self.still, self.moved) = (Still::default(), NEVER);
        if self.config.mode == Mode::Gated {
            self.enter(State::Idle, self.since);
            (self.detected, self.probe_due, self.anew) = (NEVER, NEVER, true);
        }
    }

    pub(super) fn count(&mut self, passed: Duration) {
        self.counts.received += 1;
        self.counts.watched += passed;
        if matches!(self.state, State::Learning | State::Active) {
            self.counts.open += passed;
        }
    }

    /// Changes the state by what time and sizes say.
    pub(super) fn step(&mut self, time: CaptureTime, moves: Option<Moves>) {
        match (self.state, moves) {
            (State::Learning, _) if time.since(self.since) >= LEARN => {
                self.still.remember(AT_REST_FROM_THE_START);
                self.sizes.calm();
                let (state, sign) =
                    if self.is_something_there(time) { (State::Active, self.sign) } else { (State::Idle, time) };
                self.enter(state, time);
                self.sign = sign;
            }
            (State::Active, _) if time.since(self.sign) >= self.hold() => {
                self.still.remember(STILL_AFTER);
                self.sizes.calm();
                self.enter(State::Idle, time);
            }
            (State::Idle, Some(_)) if !self.budget.glance() => {
                self.counts.over_budget += 1;
                self.sizes.calm();
            }
            (State::Idle, Some(moves)) => {
                self.counts.glances += 1;
                self.reason = moves.into();
                self.enter(State::Looking, time);
            }
            (State::Looking, _) => self.glance_on(time, moves.is_some()),
            _ => {}
        }
    }

    fn glance_on(&mut self, time: CaptureTime, moves: bool) {
        self.units += 1;
        if moves || self.scene.fires() {
            self.sign = time;
        }
        if time.since(self.sign) >= GLANCE || time.since(self.since) >= LONGEST_GLANCE {
            self.end_glance(time);
        }
    }

    fn end_glance(&mut self, time: CaptureTime) {
        self.sizes.in_vain(self.units);
        self.enter(State::Idle, time);
    }

    /// An idle or looking gate has a new thumbnail: is it worth a probe?
    pub(super) fn judge(&mut self, time: CaptureTime, is_key: bool) -> Look {
        let looking = self.state == State::Looking;
        let differs = self.scene.differs(is_key);
        let safety = is_key && time.since(self.detected) >= SAFETY;
        if !differs && !safety {
            self.scene.follow(looking, &[]);
            return Look::Pass;
        }
        // What the detector has just called nothing becomes the scene, slowly.
        if time < self.probe_due {
            self.scene.follow(looking, &[]);
            return Look::Pass;
        }
        if !safety && !self.budget.probe() {
            self.counts.over_budget += 1;
            self.scene.follow(looking, &[]);
            if looking {
                // Nobody has looked whether it was in vain.
                self.sizes.calm();
                self.end_glance(time);
            }
            return Look::Pass;
        }
        if !looking {
            self.reason = if differs { Reason::Thumbnail } else { Reason::Safety };
            if differs {
                self.enter(State::Looking, time);
            }
        }
        self.counts.probes += 1;
        Look::Probe
    }

    pub(super) fn enter(&mut self, state: State, time: CaptureTime) {
        if state == State::Looking {
            self.probe_wait = PROBE_AGAIN;
        }
        if state != State::Looking || self.state != State::Idle {
            self.scene.calm();
        }
        if state == State::Idle {
            self.cadence.pause();
        }
        self.state = state;
        (self.since, self.sign, self.followed, self.units) = (time, time, false, 0);
    }

    /// Whether something moving was followed just now: sizes and scene are not what they usually are.
    pub(super) fn is_something_there(&self, time: CaptureTime) -> bool {
        let open = matches!(self.state, State::Learning | State::Active);
        open && (self.followed || self.state == State::Active) && time.since(self.sign) < self.hold()
    }
}
