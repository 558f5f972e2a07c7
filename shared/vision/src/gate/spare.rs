//! Looks beyond the camera's rate: while something was found that no track follows, whoever it is shall be found in the first
//! picture that shows him, and not in the first of every second one that does.
//!
//! At five looks a second of ten pictures, who is found in every second picture is followed at once or, where those are the
//! others, for as long as that goes on not at all. So until a track moves twice as many are looked at, where nobody has to wait
//! for that, from the first on that was not clear. The tracker takes care that more looks confirm nothing that fewer would not
//! ([`update_beyond_rate`](crate::track::Tracker::update_beyond_rate)).

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use super::still::Seen;

/// Time between two looks, at least: ten a second, a quarter early. Where the rate is less than five, half of its own.
const EVERY: Duration = Duration::from_millis(75);
/// How long after something was found.
const FOR: Duration = Duration::from_secs(1);
/// Looks each time that the gate opens.
const MOST: f32 = 20.0;
/// Looks a second after these, so that what flickers in front of an open gate costs 20 a minute, and not ten a second.
const PER_SECOND: f32 = 1.0 / 3.0;
/// How long a look that was not made says that the next will not be: a machine that is busy is so for longer than somebody
/// walks past, and who comes in an hour need not care.
const BUSY_FOR: Duration = Duration::from_secs(60);

/// When to look beyond the rate.
#[derive(Debug)]
pub(super) struct Spare {
    from: CaptureTime,
    until: CaptureTime,
    left: f32,
    /// The look that was asked for last.
    asked: CaptureTime,
    /// How much longer the machine is taken to be busy.
    busy: Duration,
}

impl Default for Spare {
    fn default() -> Self {
        Self { from: NEVER, until: NEVER, left: 0.0, asked: NEVER, busy: Duration::ZERO }
    }
}

impl Spare {
    /// So much time has passed.
    pub(super) fn elapsed(&mut self, time: Duration) {
        self.left = (self.left + PER_SECOND * time.as_secs_f32()).min(MOST);
        self.busy = self.busy.saturating_sub(time);
    }

    /// A probe of the frame of `time` found news, which began after the first picture that is not clear; or, where that is not
    /// known, hardly before `time`.
    pub(super) fn open(&mut self, time: CaptureTime, seeks: bool) {
        self.from = if seeks { NEVER } else { time };
        (self.until, self.left) = (time + FOR, MOST);
    }

    /// Whether to look at the frame of `time`; `last` is the one looked at before, `interval` that of the rate.
    pub(super) fn takes(&mut self, time: CaptureTime, last: CaptureTime, interval: Duration) -> bool {
        let every = EVERY.max(interval * 3 / 8);
        let due = self.left >= 1.0 && time >= self.from && time <= self.until && time.since(last) >= every;
        if due {
            self.asked = time;
        }
        due
    }

    /// What was seen in the frame of `time`. Says whether it was looked at beyond the rate.
    pub(super) fn see(&mut self, time: CaptureTime, seen: Seen) -> bool {
        let made = self.asked == time;
        if made {
            (self.asked, self.busy) = (NEVER, Duration::ZERO);
            self.left -= 1.0;
        }
        match seen {
            Seen::Moves => self.until = NEVER,
            Seen::News => self.until = self.until.max(time + FOR),
            Seen::Nothing => {}
        }
        made
    }

    /// The look that was asked for last was not made: others would have waited for it.
    pub(super) fn refused(&mut self) {
        self.busy = BUSY_FOR;
    }

    /// Times before mean nothing any more.
    pub(super) fn restart(&mut self) {
        (self.from, self.until, self.asked) = (NEVER, NEVER, NEVER);
    }

    /// Whether the next look might not be made either.
    pub(super) fn is_busy(&self) -> bool {
        !self.busy.is_zero()
    }
}

const NEVER: CaptureTime = CaptureTime(i64::MIN);
