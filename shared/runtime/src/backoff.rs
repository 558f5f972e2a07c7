//! How long to wait before trying again.
//!
//! Each failure doubles the wait up to a bound. Jitter spreads the tries of many edges that lost the same hub, so that
//! they do not come back all at once. Pure and seeded: the same seed gives the same waits.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Exponential back-off with jitter. A wait is drawn evenly from the upper half of the current step.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    step: Duration,
    random: u64,
}

impl Backoff {
    /// Waits from `first`, doubled up to `max`. Two that share a fate should not share a `seed`.
    pub fn new(first: Duration, max: Duration, seed: u64) -> Self {
        Self { first, max, step: first.min(max), random: seed }
    }

    /// The wait after one more failure.
    pub fn delay(&mut self) -> Duration {
        let half = self.step / 2;
        let wait = half + half.mul_f64(self.unit());
        self.step = self.step.saturating_mul(2).min(self.max);
        wait
    }

    /// It worked: the next failure waits as shortly as the first.
    pub fn reset(&mut self) {
        self.step = self.first.min(self.max);
    }

    /// The next number in `0.0..1.0`, by SplitMix64 (Steele, Lea, Flood 2014): jitter needs no better.
    fn unit(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A seed that differs between processes and between calls.
pub fn random_seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(n: u64) -> Duration {
        Duration::from_millis(n)
    }

    #[test]
    fn waits_double_up_to_the_bound_and_start_again() {
        for seed in 0..100 {
            let mut backoff = Backoff::new(ms(100), ms(1000), seed);
            for full in [100, 200, 400, 800, 1000, 1000] {
                let wait = backoff.delay();
                assert!(ms(full / 2) <= wait && wait <= ms(full), "seed {seed}: {wait:?} of {full} ms");
            }
            backoff.reset();
            assert!(backoff.delay() <= ms(100));
        }
    }

    #[test]
    fn seeds_spread_the_tries() {
        let first = |seed| Backoff::new(ms(100), ms(1000), seed).delay();
        assert_eq!(first(1), first(1));
        let distinct: std::collections::BTreeSet<_> = (0..100).map(first).collect();
        assert!(distinct.len() > 90, "{} distinct waits of 100", distinct.len());
    }

    #[test]
    fn extreme_bounds_do_not_overflow() {
        let mut backoff = Backoff::new(Duration::MAX, Duration::MAX, 1);
        assert!(backoff.delay() >= Duration::MAX / 4);
        assert_eq!(Backoff::new(ms(5), Duration::ZERO, 1).delay(), Duration::ZERO);
    }
}
