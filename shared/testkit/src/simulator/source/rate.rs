//! How many pictures a second.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Pictures a second, in thousandths, so that time never drifts by rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    thousandths: u32,
}

impl Rate {
    /// When picture `index` is due, counted from picture 0.
    pub fn time_of(self, index: u64) -> Duration {
        let nanos = u128::from(index) * 1_000_000_000_000 / u128::from(self.thousandths);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many pictures were due by `elapsed`, not counting picture 0.
    pub fn index_at(self, elapsed: Duration) -> u64 {
        (elapsed.as_nanos() * u128::from(self.thousandths) / 1_000_000_000_000) as u64
    }

    /// Pictures a second.
    pub fn hz(self) -> f32 {
        self.thousandths as f32 / 1000.0
    }
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hz: f64 = text.parse().map_err(|_| ())?;
        if (0.1..=240.0).contains(&hz) { Ok(Self { thousandths: (hz * 1000.0).round() as u32 }) } else { Err(()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.thousandths) / 1000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_does_not_drift() {
        let rate: Rate = "30".parse().unwrap();
        assert_eq!(rate.time_of(30 * 86_400), Duration::from_secs(86_400));
        for index in [0, 1, 2, 1_000_001] {
            assert_eq!(rate.index_at(rate.time_of(index) + Duration::from_micros(1)), index);
        }
    }
}
