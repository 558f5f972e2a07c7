//! When a program that takes too much memory has to go, so that a leak ends in an orderly restart and not in the
//! kernel's choice of what to kill.

use std::time::Duration;

use crate::Moment;

/// How long it may be over its limit: a burst of pictures is no leak.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Nobody goes before this time after the start, unless it is set: where the limit is simply too low, an edge that starts again every ten
/// minutes still sees most of what happens, and one that starts again all the time sees nothing.
pub const STAYS: Duration = Duration::from_secs(600);

/// What to make of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within the limit.
    Within,
    /// Over it, for this long.
    Over(Duration),
    /// Over it for too long: go.
    Leave,
}

/// What one process may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes. `None` where nothing is set.
    pub max: Option<u64>,
    /// How long after its start it stays whatever it takes.
    pub stays: Duration,
}

/// Watches one process.
#[derive(Debug, Clone, Copy)]
pub struct MemoryGuard {
    stays: Duration,
    over_since: Option<Moment>,
}

impl MemoryGuard {
    /// Of a process that stays for so long whatever it takes.
    pub fn new(stays: Duration) -> Self {
        Self { stays, over_since: None }
    }

    /// Takes a figure: `resident` of at most `max` bytes. `now` is the time since the process's start.
    pub fn see(&mut self, now: Moment, resident: u64, max: u64) -> Verdict {
        if resident <= max {
            self.over_since = None;
            return Verdict::Within;
        }
        let over = now.saturating_sub(*self.over_since.get_or_insert(now));
        if over >= PATIENCE && now >= self.stays { Verdict::Leave } else { Verdict::Over(over) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const MAX: u64 = 300_000_000;

    #[test]
    fn a_leak_ends_in_a_restart_and_a_burst_does_not() {
        let mut guard = MemoryGuard::new(STAYS);
        let start = STAYS * 2;
        assert_eq!(guard.see(start, MAX + 1, MAX), Verdict::Over(Duration::ZERO));
        assert_eq!(guard.see(start + S * 50, MAX + 1, MAX), Verdict::Over(S * 50));
        assert_eq!(guard.see(start + S * 60, MAX, MAX), Verdict::Within);
        assert_eq!(guard.see(start + S * 70, MAX + 1, MAX), Verdict::Over(Duration::ZERO));
        assert_eq!(guard.see(start + S * 130, MAX + 1, MAX), Verdict::Leave);
    }

    #[test]
    fn a_limit_that_is_too_low_restarts_no_faster_than_every_ten_minutes() {
        let mut guard = MemoryGuard::new(STAYS);
        let left = (0..).map(|n| S * 10 * n).find(|&now| guard.see(now, MAX + 1, MAX) == Verdict::Leave);
        assert_eq!(left, Some(STAYS));
        let mut hasty = MemoryGuard::new(PATIENCE);
        assert_eq!(
            (0..).map(|n| S * 10 * n).find(|&now| hasty.see(now, MAX + 1, MAX) == Verdict::Leave),
            Some(PATIENCE)
        );
    }
}
