//! Which frames are looked at: so many a second, by capture time.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// Chooses frames at an even rate.
#[derive(Debug)]
pub struct Pace {
    interval: Duration,
    due: Option<CaptureTime>,
}

impl Pace {
    /// `rate` looks a second; a rate that is no positive number is taken as one a second.
    pub fn new(rate: f32) -> Self {
        let interval = Duration::try_from_secs_f32(1.0 / rate).unwrap_or(Duration::from_secs(1));
        Self { interval: interval.max(Duration::from_micros(1)), due: None }
    }

    /// Whether the frame taken at `time` is looked at.
    pub fn takes(&mut self, time: CaptureTime) -> bool {
        // A camera at 10 pictures a second and a rate of 5 meet every second picture, and a rounding of one µs must
        // not make it every third: a frame that is early by less than a quarter of the interval is taken.
        let slack = self.interval / 4;
        match self.due {
            Some(due) if time < due - slack => false,
            // After a gap the rhythm begins anew instead of catching up.
            Some(due) if time < due + self.interval => {
                self.due = Some(due + self.interval);
                true
            }
            _ => {
                self.due = Some(time + self.interval);
                true
            }
        }
    }

    /// The time between two looks.
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(rate: f32, fps: i64, seconds: i64) -> usize {
        let mut pace = Pace::new(rate);
        (0..fps * seconds).filter(|n| pace.takes(CaptureTime(n * 1_000_000 / fps))).count()
    }

    #[test]
    fn the_rate_is_met_whatever_the_camera_sends() {
        for (rate, fps, expected) in [(5.0, 10, 100), (5.0, 30, 100), (5.0, 25, 100), (5.0, 4, 80), (2.0, 15, 40)] {
            let got = taken(rate, fps, 20);
            assert!(got.abs_diff(expected) <= 1, "{rate}/s of {fps}/s: {got} instead of {expected}");
        }
    }

    #[test]
    fn nonsense_rates_are_harmless() {
        for rate in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE] {
            assert!(taken(rate, 10, 2) >= 1, "{rate}");
        }
    }

    #[test]
    fn a_gap_is_not_caught_up() {
        let mut pace = Pace::new(5.0);
        assert!(pace.takes(CaptureTime(0)));
        assert!(pace.takes(CaptureTime(60_000_000)));
        assert!(!pace.takes(CaptureTime(60_050_000)));
    }
}
