//! How much of the same is told in an hour: a program that crashes on and on would fill an outbox with the news of it.
//!
//! The first [`SINGLY`] of an hour are told one by one. What comes then is held back: of unclean ends one stands for all of
//! them when the hour is over, reports wait ([`super::KEPT`] of them lie there). The hour begins with the first of them, by
//! the system's clock; one that is set by an hour or more ends it.
//!
//! Deciding: what is told and the time come in.

use serde::{Deserialize, Serialize};

use super::UncleanEnd;

/// So many of an hour are told singly.
pub(super) const SINGLY: u64 = 3;
const HOUR_US: i64 = 3600 * 1_000_000;

/// How many there were in the hour that began with the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hour {
    since_us: i64,
    count: u64,
}

impl Hour {
    pub(super) fn add(&mut self, count: u64, now_us: i64) {
        if self.is_over(now_us) {
            *self = Self { since_us: now_us, count: 0 };
        }
        self.count = self.count.saturating_add(count);
    }

    /// How many more may be told singly.
    pub(super) fn left(&self, now_us: i64) -> u64 {
        if self.is_over(now_us) { SINGLY } else { SINGLY.saturating_sub(self.count) }
    }

    /// Also where none has begun.
    fn is_over(&self, now_us: i64) -> bool {
        self.count == 0 || now_us.saturating_sub(self.since_us).saturating_abs() >= HOUR_US
    }
}

/// Unclean ends of an hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ends {
    hour: Hour,
    /// The last one that was held back, which stands for all of them.
    held: Option<UncleanEnd>,
}

impl Ends {
    /// One was found, and nobody was told yet of those in `untold`: puts there what is to be told now.
    pub(super) fn found(&mut self, end: UncleanEnd, now_us: i64, untold: &mut Vec<UncleanEnd>) {
        untold.extend(self.over(now_us));
        let singly = self.hour.left(now_us) > 0;
        self.hour.add(1, now_us);
        if singly {
            untold.push(end);
        } else {
            let before = self.held.take().map_or(0, |held| held.before + 1);
            self.held = Some(UncleanEnd { before, ..end });
        }
    }

    /// What was held back, once the hour is over.
    pub(super) fn over(&mut self, now_us: i64) -> Option<UncleanEnd> {
        if self.hour.is_over(now_us) { self.held.take() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * 1_000_000;

    fn end(number: u64) -> UncleanEnd {
        UncleanEnd { number, began_us: 0, agent: "a".into(), machine_restarted: false, before: 0 }
    }

    /// Numbers of the ends that are told, and for how many more each stands.
    fn told(untold: &[UncleanEnd]) -> Vec<(u64, u64)> {
        untold.iter().map(|end| (end.number, end.before)).collect()
    }

    #[test]
    fn a_crash_loop_is_told_three_times_and_once_an_hour_and_no_end_is_lost() {
        let (mut ends, mut untold) = (Ends::default(), vec![]);
        for number in 1..=100 {
            ends.found(end(number), number as i64 * MINUTE / 10, &mut untold);
        }
        assert_eq!(told(&untold), [(1, 0), (2, 0), (3, 0)]);
        assert_eq!(ends.over(59 * MINUTE), None);
        let last = ends.over(61 * MINUTE).unwrap();
        assert_eq!((last.number, last.before), (100, 96), "of 100, 3 were told, and this is the last of 97");
        assert_eq!(ends.over(61 * MINUTE), None);
        // A loop that goes on for a day: each hour begins with three.
        let (mut ends, mut untold) = (Ends::default(), vec![]);
        for number in 0..24 * 60 {
            ends.found(end(number), number as i64 * MINUTE, &mut untold);
        }
        untold.extend(ends.over(i64::MAX));
        assert_eq!(untold.len(), 24 * (3 + 1));
        assert_eq!(untold.iter().map(|end| end.before + 1).sum::<u64>(), 24 * 60);
    }

    #[test]
    fn ends_that_are_rare_are_all_told() {
        let (mut ends, mut untold) = (Ends::default(), vec![]);
        for number in 0..50 {
            ends.found(end(number), number as i64 * 30 * MINUTE, &mut untold);
        }
        assert_eq!(told(&untold), (0..50).map(|number| (number, 0)).collect::<Vec<_>>());
    }

    #[test]
    fn one_more_than_may_be_told_singly_is_told_when_the_hour_is_over_or_the_clock_is_set() {
        for later in [60 * MINUTE, 50 * 365 * 24 * 60 * MINUTE, -60 * MINUTE] {
            let (mut ends, mut untold) = (Ends::default(), vec![]);
            for number in 1..=4 {
                ends.found(end(number), 0, &mut untold);
            }
            assert_eq!(ends.over(later.signum() * 59 * MINUTE), None);
            assert_eq!(ends.over(later).map(|end| (end.number, end.before)), Some((4, 0)), "{later}");
        }
    }
}
