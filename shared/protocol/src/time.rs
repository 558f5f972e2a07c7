//! Capture time: with the stream, the identity of a frame.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a picture was taken: microseconds since the Unix epoch, on the clock of the edge that has the camera.
///
/// `(StreamId, CaptureTime)` identifies a frame everywhere. Any two of one stream are at least one tick of the RTP clock
/// apart, so that [`CaptureTime::rtp`] is an identity too. Frames come in the
/// order of their times; access units come in the order of decoding ([`crate::unit::REORDERED`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CaptureTime(pub i64);

impl CaptureTime {
    /// Ticks a second of the RTP clock of video (RFC 6184 §8.2.1).
    pub const RTP_HZ: i64 = 90_000;

    /// Microseconds since the Unix epoch.
    pub fn as_micros(self) -> i64 {
        self.0
    }

    /// Ticks of 90 kHz since the Unix epoch, rounded down. Not wrapped.
    pub fn ticks(self) -> u64 {
        // i128 because a year-2026 stamp times 9 still fits i64, but garbage from a wire must not overflow.
        (i128::from(self.0) * 9).div_euclid(100) as u64
    }

    /// The RTP timestamp that viewers see: [`CaptureTime::ticks`] modulo 2^32.
    pub fn rtp(self) -> u32 {
        self.ticks() as u32
    }

    /// Time since an earlier moment; zero where `earlier` is in fact later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0) as u64)
    }
}

impl Add<Duration> for CaptureTime {
    type Output = Self;
    fn add(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl Sub<Duration> for CaptureTime {
    type Output = Self;
    fn sub(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(d.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl fmt::Display for CaptureTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtp_wraps_and_never_panics() {
        assert_eq!(CaptureTime(0).rtp(), 0);
        assert_eq!(CaptureTime(1_000_000).rtp(), 90_000);
        let wrap_us = (1i64 << 32) * 100 / 9 + 12;
        assert_eq!(CaptureTime(wrap_us).rtp(), 1);
        for garbage in [i64::MIN, -1, i64::MAX] {
            let _ = CaptureTime(garbage).rtp();
        }
    }

    #[test]
    fn since_is_zero_for_the_future() {
        assert_eq!(CaptureTime(5).since(CaptureTime(9)), Duration::ZERO);
        assert_eq!(CaptureTime(i64::MAX).since(CaptureTime(i64::MIN)).as_micros(), i64::MAX as u128);
    }
}
