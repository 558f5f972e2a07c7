//! Looks beyond the camera's rate: while something was found that no track follows, whoever it is shall be found in the first
//! picture that shows him, and not in the first of every second one that does.
//!
//! At five looks a second of ten pictures, who is found in every second picture is followed at once or, where those are the
//! others, for as long as that goes on not at all. So until a track moves each picture is looked at, where the detector has
//! nothing else to do, from the first on that was not clear. The tracker takes care that more looks confirm nothing that fewer
//! would not ([`one_look`](crate::track::TrackerConfig::one_look)).

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use super::still::Seen;

/// Time between two looks, at least: ten a second, a quarter early.
const EVERY: Duration = Duration::from_millis(75);
/// How long after something was found.
const FOR: Duration = Duration::from_secs(1);
/// Looks before a track must have come of it.
const MOST: u32 = 20;

/// When to look beyond the rate.
#[derive(Debug)]
pub(super) struct Spare {
    from: CaptureTime,
    until: CaptureTime,
    left: u32,
    /// The look that was asked for last, until it or the next was made.
    asked: Option<CaptureTime>,
    /// Whether the one before was not made.
    refused: bool,
}

impl Default for Spare {
    fn default() -> Self {
        Self { from: NEVER, until: NEVER, left: 0, asked: None, refused: false }
    }
}

impl Spare {
    /// A probe of the frame of `time` found news, which began after the first picture that is not clear; or, where that is not
    /// known, hardly before `time`.
    pub(super) fn open(&mut self, time: CaptureTime, seeks: bool) {
        self.from = if seeks { NEVER } else { time };
        (self.until, self.left) = (time + FOR, MOST);
    }

    /// Whether to look at the frame of `time`; `last` is the one looked at before.
    pub(super) fn takes(&mut self, time: CaptureTime, last: CaptureTime) -> bool {
        let due = self.left > 0 && time >= self.from && time <= self.until && time.since(last) >= EVERY;
        if due {
            self.asked = Some(time);
            self.left -= 1;
        }
        due
    }

    /// What was seen in the frame of `time`.
    pub(super) fn see(&mut self, time: CaptureTime, seen: Seen) {
        if let Some(asked) = self.asked.take_if(|asked| *asked <= time) {
            self.refused = asked < time;
        }
        match seen {
            Seen::Moves => (self.until, self.left) = (NEVER, MOST),
            Seen::News => self.until = self.until.max(time + FOR),
            Seen::Nothing => {}
        }
    }

    /// Times before mean nothing any more.
    pub(super) fn restart(&mut self) {
        *self = Self { refused: self.refused, ..Self::default() };
    }

    /// Whether the last was not made, since the detector had something else to do.
    pub(super) fn is_refused(&self) -> bool {
        self.refused || self.asked.is_some()
    }
}

const NEVER: CaptureTime = CaptureTime(i64::MIN);
