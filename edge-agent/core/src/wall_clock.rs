//! What to do when the system's clock is set while the program runs.
//!
//! The edge's own dates are the date at the start plus the time since then, so that they never step back: frames are
//! identified by their date. [`WallClock::see`] compares them with the system's clock every few seconds:
//!
//! | the system's clock is | |
//! |---|---|
//! | within a second | nothing |
//! | ahead (a board without a battery has found its time server: 1970 is over) | followed at once |
//! | up to [`SLEW_BELOW_US`] behind | the edge's dates run slower by [`SLEW_PER_MILLE`], until both agree |
//! | further behind | begun anew: dates that are hours wrong must not stay, and must not come twice within one run |

use std::time::Duration;

use crate::Moment;

/// Less than this is no step: the kernel disciplines the clock that never steps too.
pub const STEP_US: i64 = 1_000_000;
/// Further behind than this, dates are not waited for.
pub const SLEW_BELOW_US: i64 = 10_000_000;
/// How much slower dates run while they are a little ahead: no viewer sees it.
pub const SLEW_PER_MILLE: i64 = 1;
/// Nothing is begun anew sooner after the start.
pub const STAYS: Duration = Duration::from_secs(60);
/// Longest time that one look slews for.
const LONGEST_LOOK: Duration = Duration::from_secs(60);

/// What the caller does with the edge's dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Follow {
    /// Nothing.
    Keep,
    /// Moves them by this many µs.
    Move(i64),
    /// Begins the whole program anew: see the head of the module.
    Anew,
}

/// A step of the system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// By how much, µs; negative where it was set back.
    pub by_us: i64,
    /// When it was noticed.
    pub at: Moment,
}

/// Watches the system's clock. Owned by whoever keeps the edge's.
#[derive(Debug, Default)]
pub struct WallClock {
    looked: Moment,
    ahead_us: i64,
    steps: u64,
    last: Option<Step>,
}

impl WallClock {
    /// The system's clock is `ahead_us` ahead of the edge's dates; negative where it is behind. `now` is the time since
    /// the start.
    pub fn see(&mut self, now: Moment, ahead_us: i64) -> Follow {
        let passed = now.saturating_sub(self.looked).min(LONGEST_LOOK);
        self.looked = now;
        let by_us = ahead_us.saturating_sub(self.ahead_us);
        if by_us.saturating_abs() > STEP_US {
            self.steps += 1;
            self.last = Some(Step { by_us, at: now });
        }
        let follow = if ahead_us > STEP_US {
            Follow::Move(ahead_us)
        } else if ahead_us < -SLEW_BELOW_US {
            if now >= STAYS { Follow::Anew } else { Follow::Keep }
        } else if ahead_us < -STEP_US {
            let most = i64::try_from(passed.as_micros()).unwrap_or(i64::MAX) / 1000 * SLEW_PER_MILLE;
            Follow::Move(ahead_us.max(-most))
        } else {
            Follow::Keep
        };
        self.ahead_us = match follow {
            Follow::Move(us) => ahead_us - us,
            Follow::Keep | Follow::Anew => ahead_us,
        };
        follow
    }

    /// How often it was set, since the start.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The last time that it was set.
    pub fn last(&self) -> Option<Step> {
        self.last
    }

    /// How far the system's clock is ahead of the edge's dates, µs; negative where it is behind.
    pub fn ahead_us(&self) -> i64 {
        self.ahead_us
    }
}

#[cfg(test)]
mod tests;
