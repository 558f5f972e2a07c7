//! The edge's clock: dates that never step back within one run.
//!
//! A date is the date at the program's start plus the time since then by a clock that never steps, which the kernel
//! disciplines by NTP all the same. What is done when the system's clock is set is decided by [`edge_core::wall_clock`]:
//! forward it is followed, and each capture clock begins anew by itself; a few seconds back, dates run slower for a while;
//! hours back, the program begins anew. The hub is unharmed, since it measures this clock's offset to its own.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use edge_core::Moment;
use edge_core::wall_clock::{Follow, WallClock};
use omma_protocol::time::CaptureTime;
use omma_runtime::made::made;
use serde::Serialize;

use crate::health::Why;

/// The clock of this process. Clones share it.
#[derive(Debug, Clone)]
pub struct EdgeClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    /// Date of `started`, µs since the epoch.
    started_us: AtomicI64,
    wall: Mutex<WallClock>,
}

/// What `/state` shows of the system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ClockState {
    /// Whether it is later than when this program was made. Where it is not, no date is right yet: a board without a
    /// battery begins in 1970, and waits for its time server.
    pub plausible: bool,
    /// How often it was set, since the start.
    pub steps: u64,
    /// By how much it was set last, s; negative where it was set back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_step_s: Option<f64>,
    /// How long ago that was, s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_step_ago_s: Option<u64>,
    /// How far it is ahead of the dates of this edge, s; negative where it is behind.
    pub system_ahead_s: f64,
}

impl EdgeClock {
    /// Starts at the system's date.
    pub fn start() -> Self {
        let (started, started_us) = (Instant::now(), AtomicI64::new(system_us()));
        Self(Arc::new(Inner { started, started_us, wall: Mutex::default() }))
    }

    /// Time since the start.
    pub fn now(&self) -> Moment {
        self.0.started.elapsed()
    }

    /// The instant of a moment, for timers.
    pub fn instant(&self, moment: Moment) -> tokio::time::Instant {
        (self.0.started + moment).into()
    }

    /// The moment of an instant.
    pub fn moment(&self, instant: Instant) -> Moment {
        instant.saturating_duration_since(self.0.started)
    }

    /// The date of an instant.
    pub fn date(&self, instant: Instant) -> CaptureTime {
        CaptureTime(self.0.started_us.load(Ordering::Relaxed)) + self.moment(instant)
    }

    /// The date now.
    pub fn date_now(&self) -> CaptureTime {
        self.date(Instant::now())
    }

    /// Compares with the system's clock and follows it; to be called every few seconds. Says where the program has to
    /// begin anew.
    pub fn follow(&self) -> Option<Why> {
        self.follow_to(system_us())
    }

    fn follow_to(&self, system_us: i64) -> Option<Why> {
        let now = Instant::now();
        let ahead_us = system_us.saturating_sub(self.date(now).0);
        let (follow, set_us) = {
            let mut wall = self.0.wall.lock().unwrap_or_else(PoisonError::into_inner);
            let before = wall.steps();
            let follow = wall.see(self.moment(now), ahead_us);
            (follow, wall.last().filter(|_| wall.steps() > before).map(|step| step.by_us))
        };
        if let Some(by_us) = set_us {
            tracing::info!(seconds = by_us / 1_000_000, "the system's clock was set");
        }
        match follow {
            Follow::Keep => None,
            Follow::Move(us) => {
                self.0.started_us.fetch_add(us, Ordering::Relaxed);
                None
            }
            Follow::Anew => {
                let seconds = -ahead_us / 1_000_000;
                tracing::warn!(seconds, "the system's clock was set back: beginning anew, so that dates are right");
                Some(Why::ClockSetBack)
            }
        }
    }

    /// For `/state`.
    pub fn state(&self) -> ClockState {
        let wall = self.0.wall.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = |us: i64| us as f64 / 1e6;
        ClockState {
            plausible: system_us() >= made_us(),
            steps: wall.steps(),
            last_step_s: wall.last().map(|step| seconds(step.by_us)),
            last_step_ago_s: wall.last().map(|step| self.now().saturating_sub(step.at).as_secs()),
            system_ahead_s: seconds(wall.ahead_us()),
        }
    }
}

/// The date by the system's clock, which may be set: for what is no picture and happens beside the edge's own clock.
pub(crate) fn system_date() -> CaptureTime {
    CaptureTime(system_us())
}

fn system_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// When this program was made: a clock that says less is not set.
fn made_us() -> i64 {
    i64::try_from(made().as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: i64 = 1_000_000;

    #[test]
    fn clock_steps_forward_are_followed_and_show() {
        let clock = EdgeClock::start();
        let at = Instant::now();
        let (before, system) = (clock.date(at).0, system_us());
        assert_eq!(clock.follow_to(system), None);
        assert_eq!(clock.state().steps, 0);
        assert_eq!(clock.follow_to(system + 7200 * S), None);
        let moved = clock.date(at).0 - before;
        assert!((moved - 7200 * S).abs() < S, "{moved}");
        let state = clock.state();
        assert!(state.steps == 1 && state.last_step_s.is_some_and(|by| (by - 7200.0).abs() < 1.0), "{state:?}");
    }

    #[test]
    fn clock_steps_back() {
        let clock = EdgeClock::start();
        let at = Instant::now();
        let before = clock.date(at);
        // Right after the start it is waited whether the clock finds its place.
        assert_eq!(clock.follow_to(system_us() - 7200 * S), None);
        assert_eq!(clock.date(at), before, "a date does not come twice");
        let state = clock.state();
        assert!((state.system_ahead_s + 7200.0).abs() < 1.0 && state.steps == 1, "{state:?}");
    }

    #[test]
    fn a_date_is_the_systems_date_and_later_than_this_program() {
        let clock = EdgeClock::start();
        assert!((clock.date_now().0 - system_us()).abs() < S);
        assert!(clock.state().plausible);
    }
}
