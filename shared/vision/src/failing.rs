//! When looks that fail are no bad luck any more: what can't look says so, and what can't be used is made anew.
//!
//! ```text
//! works ──fails──▶ doubted ──[`TIMES`] in a row, and for [`FOR`]──▶ down ──works──▶ works
//!   ▲                 │                                              └─ made anew at once, then every 30 s to 10 min
//!   └──────works──────┘
//! ```
//!
//! Where it can't be made anew there is none, which can't come to work by itself: that is tried every 30 s ([`Renewal::gone`]).
//!
//! What was made anew is sound once it has worked for [`SOUND`]; what is down again before is made anew no sooner than it would have
//! been.

use std::collections::BTreeSet;
use std::time::Duration;

/// Failures in a row, and how long they have gone on, from which on it is down.
const TIMES: u32 = 10;
const FOR: Duration = Duration::from_secs(5);
/// Time from the first attempt to make it anew to the second; doubles each time.
const AGAIN: Duration = Duration::from_secs(30);
const AGAIN_MAX: Duration = Duration::from_secs(600);
/// How long it must work for the attempts of before to be forgotten.
const SOUND: Duration = Duration::from_secs(60);

/// Failures in a row of one thing.
#[derive(Debug, Default)]
pub struct Failing {
    since: Option<Duration>,
    times: u32,
}

impl Failing {
    /// It failed, `now` on a clock that never steps. Whether it is down.
    pub fn failed(&mut self, now: Duration) -> bool {
        let since = *self.since.get_or_insert(now);
        self.times = self.times.saturating_add(1);
        self.times >= TIMES && now.saturating_sub(since) >= FOR
    }

    /// It did not.
    pub fn worked(&mut self) {
        *self = Self::default();
    }
}

/// The same of what cameras share, each with its name `K`, and what can be made anew.
#[derive(Debug)]
pub struct Renewal<K> {
    failing: Failing,
    /// Whose looks failed since it is down.
    down_for: BTreeSet<K>,
    /// When it may be made anew again, and how long after that.
    due: Duration,
    wait: Duration,
    /// Since when it works, having been made anew.
    works_since: Option<Duration>,
}

impl<K> Default for Renewal<K> {
    fn default() -> Self {
        let (failing, down_for) = (Failing::default(), BTreeSet::new());
        Self { failing, down_for, due: Duration::ZERO, wait: Duration::ZERO, works_since: None }
    }
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

impl<K: Ord + Clone> Renewal<K> {
    /// It failed at a look of the camera's.
    pub fn failed(&mut self, camera: &K, now: Duration) -> Verdict {
        if !self.failing.failed(now) {
            return Verdict::Doubted;
        }
        self.works_since = None;
        self.down_for.insert(camera.clone());
        let renew = now >= self.due;
        if renew {
            self.wait = (self.wait * 2).clamp(AGAIN, AGAIN_MAX);
            self.due = now + self.wait;
        }
        Verdict::Down { renew }
    }

    /// It could not be made anew, and there is none now. A further attempt takes nothing from anybody who could look.
    pub fn gone(&mut self, now: Duration) {
        (self.wait, self.due) = (AGAIN, now + AGAIN);
    }

    /// It did not. Whether it was down.
    pub fn worked(&mut self, now: Duration) -> bool {
        self.failing.worked();
        let since = *self.works_since.get_or_insert(now);
        if now.saturating_sub(since) >= SOUND {
            (self.due, self.wait) = (Duration::ZERO, Duration::ZERO);
        }
        !std::mem::take(&mut self.down_for).is_empty()
    }

    /// The camera is not looked at any more. Whether it is now down for nobody, and was for this one.
    pub fn leaves(&mut self, camera: &K) -> bool {
        self.down_for.remove(camera) && self.down_for.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use omma_protocol::id::CameraId;

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

    fn camera(name: &str) -> CameraId {
        name.parse().unwrap()
    }

    /// The seconds in which it is made anew, where it works in these and fails in all others.
    fn renewed(
        renewal: &mut Renewal<CameraId>,
        seconds: std::ops::Range<u32>,
        works: impl Fn(u32) -> bool,
    ) -> Vec<u32> {
        let mut renews = |s: u32| {
            if works(s) {
                renewal.worked(S * s);
                return false;
            }
            renewal.failed(&camera("door"), S * s) == Verdict::Down { renew: true }
        };
        seconds.filter(|s| renews(*s)).collect()
    }

    #[test]
    fn it_is_made_anew_at_once_and_then_more_and_more_seldom_until_it_works() {
        let mut renewal = Renewal::default();
        let first = renewed(&mut renewal, 1000..4600, |_| false);
        assert_eq!(first, [1009, 1039, 1099, 1219, 1459, 1939, 2539, 3139, 3739, 4339]);
        assert!(renewal.worked(4600 * S) && !renewal.worked(4660 * S));
        assert_eq!(renewal.failed(&camera("door"), 5000 * S), Verdict::Doubted);
        assert_eq!(renewed(&mut renewal, 5001..5020, |_| false), [5009]);
    }

    /// It was loaded anew every five seconds, and nobody could look meanwhile.
    #[test]
    fn what_works_once_after_each_time_that_it_is_made_anew_is_not_made_anew_all_the_time() {
        let mut renewal = Renewal::default();
        // Once in twenty seconds.
        let times = renewed(&mut renewal, 1000..2000, |s| s % 20 == 0);
        assert_eq!(times, [1010, 1050, 1110, 1230, 1470, 1950]);
    }

    /// Memory was short for a minute: nobody looked for ten more.
    #[test]
    fn what_could_not_be_made_anew_is_tried_again_soon_however_long_it_was_down() {
        let mut renewal = Renewal::default();
        assert_eq!(renewed(&mut renewal, 1000..2000, |_| false).last(), Some(&1939));
        let mut tried = vec![];
        for s in 2000..2700 {
            if renewal.failed(&camera("door"), S * s) == (Verdict::Down { renew: true }) {
                renewal.gone(S * s);
                tried.push(s);
            }
        }
        assert_eq!(tried, [2539, 2569, 2599, 2629, 2659, 2689]);
    }

    #[test]
    fn it_is_down_for_nobody_once_all_whose_looks_failed_have_left() {
        let mut renewal = Renewal::default();
        let (door, yard) = (camera("door"), camera("yard"));
        (0..20).for_each(|s| assert_ne!(renewal.failed(&door, S * s), Verdict::Down { renew: s != 9 }));
        renewal.failed(&yard, 20 * S);
        assert!(!renewal.leaves(&camera("hall")) && !renewal.leaves(&door) && renewal.leaves(&yard));
        assert!(!renewal.leaves(&yard) && !renewal.worked(21 * S));
    }
}
