//! A thin and lossy link, one way of it: what becomes of each datagram, from its length, the time and a seed.
//!
//! ```text
//! lost by chance? ─▶ waits for those before it ─▶ on the wire, at the rate ─▶ delay ─▶ arrives
//!      └▶ gone        └▶ gone, where it would wait longer than the queue is
//! ```
//!
//! Datagrams keep their order.

pub mod relay;

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// What a link is like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Bits a second.
    pub rate: u64,
    /// From one end to the other, beside the time on the wire.
    pub delay: Duration,
    /// Longest wait for those before it.
    pub queue: Duration,
    /// Share of datagrams that are lost by chance, `0..=1`.
    pub loss: f64,
}

/// One way of a link.
#[derive(Debug)]
pub struct Link {
    shape: Shape,
    dice: StdRng,
    /// When the wire is free again.
    free: Duration,
}

impl Link {
    /// With nothing on it.
    pub fn new(shape: Shape, seed: u64) -> Self {
        Self { shape, dice: StdRng::seed_from_u64(seed), free: Duration::ZERO }
    }

    /// The link is like this from now on. What is on it stays.
    pub fn reshape(&mut self, shape: Shape) {
        self.shape = shape;
    }

    /// A datagram of so many bytes comes to it at `now`, which never goes back. When it arrives; `None` where it is lost.
    pub fn carry(&mut self, bytes: usize, now: Duration) -> Option<Duration> {
        if self.dice.random_bool(self.shape.loss.clamp(0.0, 1.0)) {
            return None;
        }
        let begins = self.free.max(now);
        if begins.saturating_sub(now) > self.shape.queue {
            return None;
        }
        let on_wire = (bytes as u64 * 8).saturating_mul(1_000_000) / self.shape.rate.max(1);
        self.free = begins + Duration::from_micros(on_wire);
        Some(self.free + self.shape.delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const THIN: Shape =
        Shape { rate: 1_000_000, delay: Duration::from_millis(20), queue: Duration::from_millis(30), loss: 0.0 };

    #[test]
    fn a_datagram_takes_its_time_on_the_wire_after_those_before_it() {
        let mut link = Link::new(THIN, 1);
        let arrivals: Vec<_> = [(1250, 0), (1250, 0), (1250, 5), (125, 100)]
            .map(|(bytes, at)| link.carry(bytes, at * MS).map(|at| at.as_millis()))
            .to_vec();
        assert_eq!(arrivals, [Some(30), Some(40), Some(50), Some(121)]);
    }

    #[test]
    fn a_full_queue_loses_what_comes_and_delivers_its_rate() {
        let mut link = Link::new(THIN, 1);
        let carried = (0..1000).filter(|n| link.carry(1250, *n * MS).is_some()).count();
        // A tenth at the rate, and what the queue held in the end.
        assert!((100..=104).contains(&carried), "{carried}");
    }

    #[test]
    fn chance_follows_from_the_seed_and_is_about_its_share() {
        let lost = |seed| {
            let mut link = Link::new(Shape { loss: 0.1, rate: u64::MAX, ..THIN }, seed);
            (0..1000).filter(|n| link.carry(1250, *n * MS).is_none()).collect::<Vec<_>>()
        };
        assert_eq!(lost(7), lost(7));
        assert_ne!(lost(7), lost(8));
        assert!((60..140).contains(&lost(7).len()), "{}", lost(7).len());
    }
}
