//! How far apart looks really are: a camera may give a picture every two seconds, and a detector take as long, whatever the rate
//! is set to. What waits for a thing to be found again waits for looks, and not only for seconds.

use std::collections::VecDeque;
use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// Times between two looks that are remembered: one in the middle, and two on each side that say nothing.
const REMEMBERED: usize = 5;
/// The slowest there is: a snapshot every ten seconds, and its answer. Longer is no cadence: nobody looked because nothing
/// changed, or the stream was away.
const SLOWEST: Duration = Duration::from_secs(12);

/// The time between two looks of one stream, as a rule.
#[derive(Debug, Clone, Default)]
pub struct Cadence {
    last: Option<CaptureTime>,
    gaps: VecDeque<Duration>,
}

impl Cadence {
    /// The frame of `time` is looked at. One that is not after the last says nothing.
    pub fn look(&mut self, time: CaptureTime) {
        let gap = self.last.replace(time).map(|last| time.since(last));
        if let Some(gap) = gap.filter(|gap| !gap.is_zero()) {
            self.gaps.truncate(REMEMBERED - 1);
            self.gaps.push_front(gap);
        }
    }

    /// Nobody looks for a while: the time to the next look says nothing.
    pub fn pause(&mut self) {
        self.last = None;
    }

    /// The time between two looks: the middle one of the last five, the lower of two in the middle. Zero before the second look.
    pub fn spacing(&self) -> Duration {
        let Some(middle) = self.gaps.len().checked_sub(1).map(|last| last / 2) else { return Duration::ZERO };
        let mut gaps = [Duration::MAX; REMEMBERED];
        for (place, gap) in gaps.iter_mut().zip(&self.gaps) {
            *place = *gap;
        }
        gaps.sort_unstable();
        gaps[middle].min(SLOWEST)
    }

    /// How long a thing may be out of sight: two looks in a row may miss it.
    pub fn patience(&self) -> Duration {
        two_looks_missed(self.spacing())
    }
}

/// How long a thing may be out of sight where looks are so far apart: two in a row may miss it.
pub(crate) fn two_looks_missed(spacing: Duration) -> Duration {
    spacing.saturating_mul(7) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spacing(times: &[i64]) -> u128 {
        let mut cadence = Cadence::default();
        times.iter().for_each(|ms| cadence.look(CaptureTime(ms * 1000)));
        cadence.spacing().as_millis()
    }

    #[test]
    fn it_is_the_time_between_two_looks_whatever_one_or_two_of_them_say() {
        for (times, expected) in [
            (&[][..], 0),
            (&[7000], 0),
            (&[0, 2000], 2000),
            (&[0, 200, 60_000], 200),
            (&[0, 200, 400, 600, 300_000, 300_200, 600_000], 200),
            (&[0, 2000, 4000, 4600, 8000, 10_000], 2000),
            // The clock was set back.
            (&[0, 2000, 4000, 1000, 3000], 2000),
            (&[0, 60_000, 120_000], 12_000),
        ] {
            assert_eq!(spacing(times), expected, "{times:?}");
        }
    }

    #[test]
    fn a_pause_is_none_of_it() {
        let mut cadence = Cadence::default();
        for ms in [0, 200, 60_000, 60_200, 120_000, 180_000, 240_000] {
            if ms % 60_000 == 0 {
                cadence.pause();
            }
            cadence.look(CaptureTime(ms * 1000));
        }
        assert_eq!(cadence.spacing().as_millis(), 200);
    }
}
