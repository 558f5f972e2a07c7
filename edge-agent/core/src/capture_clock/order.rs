//! The order of a stream's capture times.
//!
//! ```text
//! sent    I P B B P B B
//! stamp   0 3 1 2 6 4 5      a B-picture's time is that of the picture taken after it, less what is between their stamps
//! ```

use std::collections::VecDeque;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::REORDERED;

use super::micros;

/// Pictures that one may be sent after and be shown before (`MaxDpbFrames`, H.264 §A.3.1).
const MOST: usize = 16;

/// Follows one stream. Whatever comes in, no time is given twice.
#[derive(Debug, Default)]
pub(super) struct Order {
    latest: Option<CaptureTime>,
    /// Later than this is every time that is given: the latest of before the stamps began anew, or of too long ago.
    floor: Option<CaptureTime>,
    /// The last pictures' stamps, in ticks since the relation began, and the times they were given.
    recent: VecDeque<(i64, CaptureTime)>,
}

impl Order {
    /// The stamps that come have nothing to do with those of before.
    pub(super) fn anew(&mut self) {
        self.recent.clear();
        self.floor = self.latest;
    }

    /// By how many ticks a picture is stamped before the last ones' latest; 0 where it is not.
    pub(super) fn back(&self, ticks: i64) -> i64 {
        self.recent.iter().map(|(other, _)| other.saturating_sub(ticks)).max().unwrap_or_default().max(0)
    }

    /// The time of the next picture, which is `time` where nothing speaks against that.
    pub(super) fn place(&mut self, ticks: i64, time: CaptureTime, reorders: bool) -> CaptureTime {
        let time = match self.latest {
            Some(latest) if time.ticks() <= latest.ticks() => {
                let between = if reorders { self.between(ticks, latest) } else { None };
                between.unwrap_or_else(|| next_tick(latest))
            }
            _ => time,
        };
        self.latest = self.latest.max(Some(time));
        self.recent.push_back((ticks, time));
        if self.recent.len() > MOST {
            let oldest = self.recent.pop_front().map(|(_, time)| time);
            self.floor = self.floor.max(oldest);
        }
        time
    }

    /// The time of a picture that was taken before one that was sent before it, where it fits among theirs.
    fn between(&self, ticks: i64, latest: CaptureTime) -> Option<CaptureTime> {
        let (next, its_time) =
            self.recent.iter().filter(|(other, _)| *other > ticks).min_by_key(|(other, _)| *other)?;
        let time = CaptureTime(its_time.0.saturating_sub(micros(next.saturating_sub(ticks))).max(0));
        let fits = self.recent.iter().all(|(other, its_time)| match *other > ticks {
            true => time.ticks() < its_time.ticks(),
            false => time.ticks() > its_time.ticks(),
        });
        let is_new = self.floor.is_none_or(|floor| time.ticks() > floor.ticks());
        (fits && is_new && latest.since(time) <= REORDERED).then_some(time)
    }
}

/// The first µs of the next tick of 90 kHz.
fn next_tick(time: CaptureTime) -> CaptureTime {
    let ticks = i128::from(time.ticks()) + 1;
    CaptureTime(i64::try_from((ticks * 100 + 8) / 9).unwrap_or(i64::MAX))
}
