//! How long to wait before the next attempt.
//!
//! Delays double from a base to a bound; each is drawn from the upper half of its nominal length, so that a hundred
//! edges that lost the same hub do not come back in the same instant.

use std::time::Duration;

/// Doubling delays with seeded jitter.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    bound: Duration,
    attempt: u32,
    state: u64,
}

impl Backoff {
    /// The first delay is at most `base`, none is above `bound`.
    pub fn new(base: Duration, bound: Duration, seed: u64) -> Self {
        Self { base, bound: bound.max(base), attempt: 0, state: seed }
    }

    /// The delay before the next attempt, and counts it.
    pub fn next_delay(&mut self) -> Duration {
        let nominal = self.base.saturating_mul(1u32.checked_shl(self.attempt).unwrap_or(u32::MAX)).min(self.bound);
        // Beyond 16 doublings every real bound has long been reached.
        self.attempt = (self.attempt + 1).min(16);
        nominal.mul_f64(0.5 + 0.5 * self.unit())
    }

    /// Attempts counted since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempt
    }

    /// After a success the next delay begins at the base again.
    pub fn succeeded(&mut self) {
        self.attempt = 0;
    }

    /// Uniform in `0.0..1.0` by SplitMix64 (Steele, Lea, Flood 2014): jitter needs no better.
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn delays_stay_between_half_and_whole_of_their_nominal_length(seed: u64, base_ms in 1u64..2_000, times in 1u64..40) {
            let base = Duration::from_millis(base_ms);
            let bound = base * times as u32;
            let mut backoff = Backoff::new(base, bound, seed);
            for attempt in 0..70u32 {
                let nominal = base.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(bound);
                let delay = backoff.next_delay();
                prop_assert!(delay <= nominal && delay >= nominal.mul_f64(0.499), "{attempt}: {delay:?} of {nominal:?}");
            }
            backoff.succeeded();
            prop_assert!(backoff.next_delay() <= base);
        }
    }

    #[test]
    fn two_seeds_do_not_march_in_step() {
        let mut a = Backoff::new(Duration::from_secs(1), Duration::from_secs(1), 1);
        let mut b = Backoff::new(Duration::from_secs(1), Duration::from_secs(1), 2);
        assert!((0..5).any(|_| a.next_delay() != b.next_delay()));
    }
}
