//! Which frames are looked at: so many a second, by capture time.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// Chooses frames at an even rate, by capture time.
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
        let next = match self.due {
            // A quarter early is not early: a camera's jitter must not turn every second frame into every third.
            Some(due) if time < due - self.interval / 4 && due.since(time) <= 2 * self.interval => return false,
            Some(due) if time >= due - self.interval / 4 && time < due + self.interval => due + self.interval,
            // The first frame, one after a gap, or the clock was set back: the rhythm begins anew.
            _ => time + self.interval,
        };
        self.due = Some(next);
        true
    }

    /// The time between two looks.
    pub fn interval(&self) -> Duration {
        self.interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(rate: f32, times: impl IntoIterator<Item = i64>) -> usize {
        let mut pace = Pace::new(rate);
        times.into_iter().filter(|us| pace.takes(CaptureTime(*us))).count()
    }

    #[test]
    fn the_rate_is_met_whatever_the_camera_sends() {
        for (rate, fps, expected) in
            [(10.0, 10, 200), (10.0, 30, 200), (5.0, 10, 100), (5.0, 25, 100), (10.0, 4, 80), (2.0, 15, 40)]
        {
            let got = taken(rate, (0..fps * 20).map(|n| n * 1_000_000 / fps));
            assert!(got.abs_diff(expected) <= 1, "{rate}/s of {fps}/s: {got} instead of {expected}");
        }
    }

    #[test]
    fn after_a_gap_or_a_clock_set_back_it_goes_on_at_once() {
        assert_eq!(taken(10.0, [0, 3_600_000_000, 3_600_100_000]), 3);
        assert_eq!(taken(10.0, [3_600_000_000, 0, 100_000]), 3);
    }

    #[test]
    fn nonsense_rates_are_harmless() {
        for rate in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE] {
            assert!(taken(rate, (0..20).map(|n| n * 100_000)) >= 1, "{rate}");
        }
    }
}
