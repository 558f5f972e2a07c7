//! The edge's clock: dates that never step back.
//!
//! A date is the date at the program's start plus the time since then by a clock that never steps, which the kernel
//! disciplines by NTP all the same. When the system's clock is set *forward* by more than a second (a board without a
//! battery that has found its time server) the clock follows, and each capture clock begins anew by itself. When it is
//! set *back* the clock stays as it is until the next start: frames are identified by their date, and a date must not
//! come twice. The hub is unharmed, since it measures this clock's offset to its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use edge_core::Moment;
use omma_protocol::time::CaptureTime;
use tokio_util::sync::CancellationToken;

const STEP_US: i64 = 1_000_000;
const LOOK: Duration = Duration::from_secs(10);

/// The clock of this process. Clones share it.
#[derive(Debug, Clone)]
pub struct EdgeClock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    /// Date of `started`, µs since the epoch. Only ever grows.
    started_us: AtomicI64,
}

impl EdgeClock {
    /// Starts at the system's date.
    pub fn start() -> Self {
        Self(Arc::new(Inner { started: Instant::now(), started_us: AtomicI64::new(system_us()) }))
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

    /// Follows the system's clock until `token` is cancelled.
    pub async fn follow(self, token: CancellationToken) {
        let mut told_back = false;
        while token.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
            let ahead_us = system_us() - self.date_now().0;
            if self.follow_step(ahead_us) {
                tracing::info!(seconds = ahead_us / 1_000_000, "the system's clock was set forward: following");
            } else if ahead_us < -STEP_US && !told_back {
                told_back = true;
                let seconds = -ahead_us / 1_000_000;
                tracing::warn!(seconds, "the system's clock was set back: dates stay ahead until the next start");
            }
        }
    }

    fn follow_step(&self, ahead_us: i64) -> bool {
        let forward = ahead_us > STEP_US;
        if forward {
            self.0.started_us.fetch_add(ahead_us, Ordering::Relaxed);
        }
        forward
    }
}

fn system_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_steps_forward_are_followed_and_backward_ones_are_not() {
        let clock = EdgeClock::start();
        let at = Instant::now();
        let before = clock.date(at);
        for (ahead_us, moved_us) in
            [(900_000, 0), (-3_600_000_000, 0), (5_000_000, 5_000_000), (i64::MIN / 2, 5_000_000)]
        {
            clock.follow_step(ahead_us);
            assert_eq!(clock.date(at).0 - before.0, moved_us, "after {ahead_us}");
        }
    }

    #[test]
    fn a_date_is_the_systems_date() {
        assert!((EdgeClock::start().date_now().0 - system_us()).abs() < STEP_US);
    }
}
