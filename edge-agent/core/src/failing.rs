//! When looks that fail are no bad luck any more: what can't look says so, and what can't be used is made anew.
//!
//! ```text
//! works ──fails──▶ doubted ──[`TIMES`] in a row, and for [`FOR`]──▶ down ──works──▶ works
//!   ▲                 │                                              └─ made anew at once, then every 30 s to 10 min
//!   └──────works──────┘
//! ```

use std::time::Duration;

use crate::Moment;

/// Failures in a row, and how long they have gone on, from which on it is down.
const TIMES: u32 = 10;
const FOR: Duration = Duration::from_secs(5);
/// Time from the first attempt to make it anew to the second; doubles each time.
const AGAIN: Duration = Duration::from_secs(30);
const AGAIN_MAX: Duration = Duration::from_secs(600);

/// Failures in a row of one thing.
#[derive(Debug, Default)]
pub struct Failing {
    since: Option<Moment>,
    times: u32,
}

impl Failing {
    /// It failed. Whether it is down.
    pub fn failed(&mut self, now: Moment) -> bool {
        let since = *self.since.get_or_insert(now);
        self.times = self.times.saturating_add(1);
        self.times >= TIMES && now.saturating_sub(since) >= FOR
    }

    /// It did not.
    pub fn worked(&mut self) {
        *self = Self::default();
    }
}

/// The same of what can be made anew.
#[derive(Debug, Default)]
pub struct Renewal {
    failing: Failing,
    down: bool,
    /// When it may be made anew again, and how long after that.
    due: Moment,
    wait: Duration,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet.
    Doubted,
    /// It is down.
    Down {
        /// Whether to make it anew now.
        renew: bool,
    },
}

impl Renewal {
    /// It failed.
    pub fn failed(&mut self, now: Moment) -> Verdict {
        if !self.failing.failed(now) {
            return Verdict::Doubted;
        }
        self.down = true;
        let renew = now >= self.due;
        if renew {
            self.wait = (self.wait * 2).clamp(AGAIN, AGAIN_MAX);
            self.due = now + self.wait;
        }
        Verdict::Down { renew }
    }

    /// It did not. Whether it was down.
    pub fn worked(&mut self) -> bool {
        let was_down = self.down;
        *self = Self::default();
        was_down
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn a_detector_that_fails_at_every_look_is_down_and_one_that_fails_now_and_then_is_not() {
        let (mut always, mut often) = (Failing::default(), Failing::default());
        let down: Vec<u32> = (0..60).filter(|n| always.failed(S * *n / 5)).collect();
        assert_eq!(down.first(), Some(&25), "five seconds at five looks a second");
        for n in 0..600 {
            assert!(!often.failed(S * n));
            if n % 9 == 8 {
                often.worked();
            }
        }
        let mut seldom = Failing::default();
        let down: Vec<u32> = (0..12).filter(|n| seldom.failed(60 * S * *n)).collect();
        assert_eq!(down, [9, 10, 11], "a gate that is closed asks once a minute");
    }

    #[test]
    fn it_is_made_anew_at_once_and_then_more_and_more_seldom_until_it_works() {
        let mut renewal = Renewal::default();
        let mut renewed = |from: u32| -> Vec<u32> {
            (from..from + 3600).filter(|s| renewal.failed(S * *s) == Verdict::Down { renew: true }).collect()
        };
        let first = renewed(1000);
        assert_eq!(first, [1009, 1039, 1099, 1219, 1459, 1939, 2539, 3139, 3739, 4339]);
        assert!(renewal.worked() && !renewal.worked());
        assert_eq!(renewal.failed(5000 * S), Verdict::Doubted);
        assert!((5001..5009).all(|s| renewal.failed(S * s) == Verdict::Doubted));
        assert_eq!(renewal.failed(5009 * S), Verdict::Down { renew: true });
    }
}
