//! How fast pictures of the past are sent, so that a week's worth of them does not fill a thin uplink.
//!
//! A token bucket, kept as the moment until which what was sent is paid for: within any time `t`, no more goes out than
//! `rate × (t + BURST)` and one picture.

use std::time::Duration;

use crate::Moment;

/// So much may go out at once after a quiet time: a short outage is made good without waiting.
pub const BURST: Duration = Duration::from_secs(8);

/// The limit. Owned by the flight.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Bytes a second, 1 or more.
    rate: u64,
    paid_until: Moment,
}

impl Pace {
    /// So many bytes a second.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), paid_until: Moment::ZERO }
    }

    /// From when on the next picture may go.
    pub fn ready(&self) -> Moment {
        self.paid_until.saturating_sub(BURST)
    }

    /// So many bytes have gone.
    pub fn spend(&mut self, bytes: u64, now: Moment) {
        let cost = Duration::from_micros(bytes.saturating_mul(1_000_000) / self.rate);
        self.paid_until = self.paid_until.max(now).saturating_add(cost);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_quiet_time_a_burst_goes_and_then_the_rate() {
        let mut pace = Pace::new(1000);
        let mut now = Duration::from_secs(100);
        for _ in 0..8 {
            assert!(pace.ready() <= now);
            pace.spend(1000, now);
        }
        pace.spend(500, now);
        assert_eq!(pace.ready(), now + Duration::from_millis(500));
        now += Duration::from_secs(3600);
        assert!(pace.ready() <= now);
        pace.spend(9000, now);
        assert_eq!(pace.ready(), now + Duration::from_secs(1), "what was not used does not gather");
        pace.spend(u64::MAX, Duration::MAX);
        assert!(Pace::new(0).ready() <= Moment::ZERO);
    }
}
