//! Whether every step that has work gets on with it.
//!
//! ```text
//!            beat              beat
//! Resting ─────────▶ Working ◀──────╮   silent for longer than its patience: stuck
//!    ▲                 │  ╰─────────╯
//!    ╰──────rest───────╯
//! ```
//!
//! 1. A step that takes work up says [`Vitals::beat`], and says it again with each piece that is done.
//! 2. Before it waits for work, or for another step, which has a pulse of its own, it says [`Vitals::rest`].
//! 3. Whoever watches says [`Vitals::look`] every few seconds, and is told who is stuck.
//!
//! So an idle camera, a camera that is away, a silent network and a full disk that is waited for stop nobody's pulse:
//! they give no work, or what tries again goes on beating.
//!
//! Only time that the watcher has seen counts: a process that was stopped and goes on, or a machine so busy that the
//! watcher itself came late, must not find all its steps stuck at once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Moment;

/// Most that one look counts, however long ago the last one was.
pub const LONGEST_LOOK: Duration = Duration::from_secs(5);

/// One step of [`Vitals`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(usize);

/// A step that has work and does not get on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Its name.
    pub step: String,
    /// For how long it has not beaten, as far as it was watched.
    pub silent: Duration,
}

/// The pulses of all steps.
#[derive(Debug, Default)]
pub struct Vitals {
    steps: BTreeMap<StepId, Step>,
    next: usize,
    looked: Moment,
}

#[derive(Debug)]
struct Step {
    name: String,
    patience: Duration,
    /// Since its last beat; `None` while it rests.
    silent: Option<Duration>,
}

impl Vitals {
    /// Adds a step, resting. `patience` is how long one piece of its work may take on the slowest machine.
    pub fn add(&mut self, name: String, patience: Duration) -> StepId {
        let id = StepId(self.next);
        self.next += 1;
        self.steps.insert(id, Step { name, patience, silent: None });
        id
    }

    /// The step has ended.
    pub fn remove(&mut self, step: StepId) {
        self.steps.remove(&step);
    }

    /// The step has taken work up, or has done a piece of it.
    pub fn beat(&mut self, step: StepId) {
        self.set(step, Some(Duration::ZERO));
    }

    /// The step waits for work, or for another step.
    pub fn rest(&mut self, step: StepId) {
        self.set(step, None);
    }

    fn set(&mut self, step: StepId, silent: Option<Duration>) {
        if let Some(step) = self.steps.get_mut(&step) {
            step.silent = silent;
        }
    }

    /// Who is stuck, in the order in which the steps were added. To be asked more often than [`LONGEST_LOOK`].
    pub fn look(&mut self, now: Moment) -> Vec<Stuck> {
        let passed = now.saturating_sub(self.looked).min(LONGEST_LOOK);
        self.looked = now;
        let mut stuck = vec![];
        for step in self.steps.values_mut() {
            let Some(silent) = &mut step.silent else { continue };
            *silent += passed;
            if *silent > step.patience {
                stuck.push(Stuck { step: step.name.clone(), silent: *silent });
            }
        }
        stuck
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(30);

    fn one() -> (Vitals, StepId) {
        let mut vitals = Vitals::default();
        let step = vitals.add("analysis door".to_owned(), PATIENCE);
        (vitals, step)
    }

    #[test]
    fn a_decoder_that_never_returns_is_stuck() {
        let (mut vitals, step) = one();
        vitals.beat(step);
        assert!((1..=30).all(|second| vitals.look(S * second).is_empty()));
        assert_eq!(vitals.look(S * 31), [Stuck { step: "analysis door".to_owned(), silent: S * 31 }]);
        vitals.beat(step);
        assert_eq!(vitals.look(S * 32), [], "it was only slow");
    }

    #[test]
    fn an_idle_camera_is_not_stuck_for_a_year() {
        let (mut vitals, step) = one();
        vitals.beat(step);
        vitals.rest(step);
        assert!((1..=365 * 24).all(|hour| vitals.look(S * 3600 * hour).is_empty()));
    }

    #[test]
    fn a_process_that_was_stopped_for_an_hour_goes_on() {
        let (mut vitals, step) = one();
        vitals.beat(step);
        assert_eq!(vitals.look(S), []);
        assert_eq!(vitals.look(S * 3600), [], "the watcher was stopped too");
    }

    proptest! {
        /// Against a plain reference: when each step last beat, and whether it rests.
        #[test]
        fn who_works_in_silence_is_found_and_nobody_else(
            history in prop::collection::vec((1u64..5000, 0usize..3, 0u8..4), 1..400),
        ) {
            let mut vitals = Vitals::default();
            let steps: Vec<_> = (0..3).map(|n| vitals.add(n.to_string(), PATIENCE)).collect();
            let mut beaten: [Option<Moment>; 3] = [None; 3];
            let mut now = Moment::ZERO;
            for (ms, who, what) in history {
                // Beats come right after a look, so that what was watched is what has passed.
                now += Duration::from_millis(ms);
                let stuck: Vec<_> = vitals.look(now).into_iter().map(|stuck| stuck.step).collect();
                for (n, beaten) in beaten.iter().enumerate() {
                    let silent = beaten.is_some_and(|beaten| now - beaten > PATIENCE);
                    prop_assert_eq!(stuck.contains(&n.to_string()), silent, "step {} at {:?}", n, now);
                }
                match what {
                    0 => { vitals.beat(steps[who]); beaten[who] = Some(now); }
                    1 => { vitals.rest(steps[who]); beaten[who] = None; }
                    _ => {}
                }
            }
        }
    }
}
