//! A change of configuration on trial: is it kept, or taken back because it cut the edge off?
//!
//! ```text
//!             applied              connected for `STEADY`
//!  Settled ───────────▶ Trial ───────────────────────────────▶ Keep ──▶ Settled
//!                         │  away for the patience, or never steady
//!                         └──────────────────────────────────▶ RollBack ──▶ Settled
//! ```
//!
//! A broker that goes away by chance at that time takes the change back too: who wants it can't tell it from the change,
//! and neither can the edge.

use std::time::Duration;

use crate::Moment;

/// How long the edge must have been connected after a change.
pub const STEADY: Duration = Duration::from_secs(15);
/// A connection that comes and goes for this many patiences is no connection.
const RESTLESS: u32 = 5;

/// What becomes of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep,
    /// It is taken back.
    RollBack,
}

/// The trial of one change at a time.
#[derive(Debug)]
pub struct Rollout {
    patience: Duration,
    up: bool,
    /// Since when the connection is as it is.
    since: Moment,
    /// When the change that is on trial was made.
    applied: Option<Moment>,
}

impl Rollout {
    /// Nothing is on trial. `patience`: how long the edge may be away before a change is taken back.
    pub fn new(patience: Duration) -> Self {
        Self { patience, up: false, since: Moment::ZERO, applied: None }
    }

    /// A change was made. One that was on trial before is not any more.
    pub fn applied(&mut self, now: Moment) {
        self.applied = Some(now);
    }

    /// Whether the edge is connected to its broker.
    pub fn link(&mut self, up: bool, now: Moment) {
        if self.up != up {
            (self.up, self.since) = (up, now);
        }
    }

    /// What becomes of the change, where that is known. Then nothing is on trial any more.
    pub fn poll(&mut self, now: Moment) -> Option<Verdict> {
        let (at, verdict) = self.next()?;
        if now < at {
            return None;
        }
        self.applied = None;
        Some(verdict)
    }

    /// When to poll.
    pub fn wake(&self) -> Option<Moment> {
        self.next().map(|(at, _)| at)
    }

    /// What will become of it if the connection stays as it is.
    fn next(&self) -> Option<(Moment, Verdict)> {
        let applied = self.applied?;
        let since = self.since.max(applied);
        let restless = applied + self.patience * RESTLESS;
        let (wait, verdict) = if self.up { (STEADY, Verdict::Keep) } else { (self.patience, Verdict::RollBack) };
        let at = since + wait;
        Some(if at <= restless { (at, verdict) } else { (restless, Verdict::RollBack) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Duration = Duration::from_secs(60);

    fn on_trial(up: bool) -> Rollout {
        let mut rollout = Rollout::new(PATIENCE);
        rollout.link(up, SECOND);
        rollout.applied(10 * SECOND);
        rollout
    }

    #[test]
    fn a_change_that_leaves_the_edge_connected_is_kept() {
        let mut rollout = on_trial(true);
        assert_eq!((rollout.wake(), rollout.poll(24 * SECOND)), (Some(25 * SECOND), None));
        assert_eq!(rollout.poll(25 * SECOND), Some(Verdict::Keep));
        rollout.link(false, 26 * SECOND);
        assert_eq!((rollout.wake(), rollout.poll(999 * SECOND)), (None, None), "what happens later is not its fault");
    }

    #[test]
    fn a_change_that_cuts_the_edge_off_is_taken_back() {
        let mut rollout = on_trial(true);
        rollout.link(false, 12 * SECOND);
        assert_eq!(rollout.poll(71 * SECOND), None);
        assert_eq!(rollout.poll(72 * SECOND), Some(Verdict::RollBack));
    }

    #[test]
    fn a_short_cut_is_forgiven_and_a_connection_that_comes_and_goes_is_not() {
        let mut rollout = on_trial(true);
        rollout.link(false, 12 * SECOND);
        rollout.link(true, 60 * SECOND);
        assert_eq!(rollout.poll(75 * SECOND), Some(Verdict::Keep));

        let mut rollout = on_trial(true);
        let verdict = (11..).find_map(|second: u32| {
            rollout.link(second % 10 < 5, second * SECOND);
            rollout.poll(second * SECOND).map(|verdict| (second, verdict))
        });
        assert_eq!(verdict, Some((310, Verdict::RollBack)));
    }

    proptest! {
        /// Beside a witness that looks at each second: kept after 15 in a row up, taken back after 60 in a row down.
        #[test]
        fn every_change_is_decided_and_rightly(spans in proptest::collection::vec(1u32..90, 1..30), up: bool) {
            let mut rollout = on_trial(up);
            let (mut second, mut up, mut run) = (10u32, up, 0u32);
            let mut verdict = None;
            // At the end it stays as it is.
            'all: for span in spans.into_iter().chain([400]) {
                for _ in 0..span {
                    second += 1;
                    run += 1;
                    verdict = rollout.poll(second * SECOND);
                    if verdict.is_some() {
                        break 'all;
                    }
                }
                up = !up;
                run = 0;
                rollout.link(up, second * SECOND);
            }
            let restless = second == 310;
            match verdict {
                Some(Verdict::Keep) => prop_assert!(up && run == 15),
                Some(Verdict::RollBack) => prop_assert!(restless || (!up && run == 60)),
                None => prop_assert!(false, "undecided after {second} s"),
            }
            prop_assert!(second <= 310);
        }
    }
}
