//! Where the stream is: its key pictures, what the decoder already has, and what must be decoded to go on.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// Looks back go no further than this, nor do kept units: 12 s of 4 Mbit/s are 6 MB.
const LOOK_BACK: Duration = Duration::from_secs(12);
/// Longer without a unit, or a step back in time: what came before says nothing of what comes.
const GAP: Duration = Duration::from_secs(5);

/// What to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing; but keep it, as [`Gate::keep_from`](super::Gate::keep_from) says.
    Skip,
    /// Decode it. The decoder has what it builds on.
    Decode,
    /// Decode the kept units from the key picture of this time on, up to and with this one.
    DecodeFrom(CaptureTime),
}

#[derive(Debug, Default)]
pub(super) struct Groups {
    now: Option<CaptureTime>,
    /// The last key picture, and the one before it where that is not too long ago.
    key: Option<CaptureTime>,
    previous: Option<CaptureTime>,
    /// Time between the last two.
    length: Duration,
    /// Units from the last key picture on, and of the group before.
    units: u64,
    units_before: u64,
    /// Whether the decoder has every unit from the last key picture on.
    decoding: bool,
}

impl Groups {
    /// Takes the next unit. Gives the time since the one before; `None` where the stream begins anew.
    pub(super) fn see(&mut self, time: CaptureTime, key: bool) -> Option<Duration> {
        let before = self.now.replace(time);
        let passed = before.filter(|&before| before <= time).map(|before| time.since(before)).filter(|&p| p <= GAP);
        if before.is_some() && passed.is_none() {
            self.interrupted();
        }
        if key {
            self.previous = self.key.filter(|&key| time.since(key) <= LOOK_BACK);
            self.length = self.key.map_or(self.length, |key| time.since(key));
            (self.units_before, self.units, self.key) = (self.units, 0, Some(time));
        }
        self.units += 1;
        passed
    }

    /// Units were lost: nothing can be decoded before the next key picture.
    pub(super) fn interrupted(&mut self) {
        (self.key, self.previous, self.decoding) = (None, None, false);
        (self.units, self.units_before) = (0, 0);
    }

    /// How the unit seen last comes to be decoded, and how many units that is.
    pub(super) fn decode(&mut self) -> (Order, u64) {
        let (Some(key), Some(now)) = (self.key, self.now) else { return (Order::Skip, 0) };
        let goes_on = std::mem::replace(&mut self.decoding, true) || key == now;
        if goes_on { (Order::Decode, 1) } else { (Order::DecodeFrom(key), self.units) }
    }

    /// The unit seen last is not decoded.
    pub(super) fn skip(&mut self) {
        self.decoding = false;
    }

    /// The key picture to look back from, the last one or where there is one the one before it, and how many units
    /// that is.
    pub(super) fn look_back(&mut self, further: bool) -> (Option<CaptureTime>, u64) {
        self.decoding = self.key.is_some();
        match self.previous.filter(|_| further) {
            Some(previous) => (Some(previous), self.units_before + self.units),
            None => (self.key, self.units),
        }
    }

    pub(super) fn is_key(&self, time: CaptureTime) -> bool {
        self.key == Some(time)
    }

    pub(super) fn keep_from(&self) -> Option<CaptureTime> {
        self.previous.or(self.key)
    }

    /// Whether the running group is longer than the last whole one.
    pub(super) fn is_overdue(&self) -> bool {
        self.length() > self.length
    }

    /// The longer of the last whole group and the one that runs. Zero while nothing is known.
    pub(super) fn length(&self) -> Duration {
        let running = self.now.zip(self.key).map_or(Duration::ZERO, |(now, key)| now.since(key));
        self.length.max(running)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> CaptureTime {
        CaptureTime(ms * 1000)
    }

    #[test]
    fn what_was_skipped_is_decoded_from_the_key_picture_on() {
        let mut groups = Groups::default();
        groups.see(at(0), false);
        assert_eq!(groups.decode(), (Order::Skip, 0), "nothing to begin with");
        groups.see(at(100), true);
        assert_eq!(groups.decode(), (Order::Decode, 1));
        groups.see(at(200), false);
        groups.skip();
        groups.see(at(300), false);
        assert_eq!(groups.decode(), (Order::DecodeFrom(at(100)), 3));
        groups.see(at(400), false);
        assert_eq!(groups.decode(), (Order::Decode, 1));
        assert_eq!(groups.look_back(true), (Some(at(100)), 4), "there is none before");
        groups.see(at(500), true);
        assert_eq!((groups.look_back(true), groups.look_back(false)), ((Some(at(100)), 5), (Some(at(500)), 1)));
        assert_eq!((groups.keep_from(), groups.length()), (Some(at(100)), Duration::from_millis(400)));
    }

    #[test]
    fn a_loss_a_gap_and_a_step_back_wait_for_a_key_picture() {
        for (next, lost) in [(200, true), (9_000, false), (-1, false)] {
            let mut groups = Groups::default();
            groups.see(at(0), true);
            groups.decode();
            if lost {
                groups.interrupted();
            }
            assert_eq!(groups.see(at(next), false).is_some(), lost);
            assert_eq!((groups.decode(), groups.keep_from()), ((Order::Skip, 0), None));
        }
    }
}
