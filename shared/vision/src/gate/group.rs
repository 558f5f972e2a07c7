//! Where the stream is: its key pictures, what the decoder already has, and what must be decoded to go on.

use std::time::Duration;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::REORDERED;

/// A group that lasts longer is not kept and not looked back into; the last one and as much before it are the most that is
/// kept: 24 s, of 0.5 Mbit/s 1.5 MB. Most cameras send a key picture every 1 to 4 s, those that save every 10.
pub(super) const LONGEST: Duration = Duration::from_secs(12);
/// Longer without a unit, or a step back in time by more than reordering explains: what came before says nothing of what comes.
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
    /// The latest so far.
    now: Option<CaptureTime>,
    /// The last key picture, and the last decoded one before it where that is not too long ago.
    key: Option<CaptureTime>,
    previous: Option<CaptureTime>,
    /// Whether the last key picture has not been decoded.
    skipped: bool,
    /// Whether that is the unit seen last.
    at_key: bool,
    /// Time between the last two.
    length: Duration,
    /// Whether the decoder has every unit from the last key picture on.
    decoding: bool,
    /// Units up to the next key picture are not told of.
    passed_over: bool,
}

impl Groups {
    /// Takes the next unit. Gives the time since the latest before, nothing for a picture that was taken before that and
    /// sent after it; `None` where the stream begins anew.
    pub(super) fn see(&mut self, time: CaptureTime, key: bool) -> Option<Duration> {
        let before = self.now;
        let now = before.filter(|before| before.since(time) <= REORDERED).map_or(time, |before| before.max(time));
        self.now = Some(now);
        let gap = if std::mem::take(&mut self.passed_over) { LONGEST } else { GAP };
        let passed = before.filter(|&before| before <= now).map(|before| now.since(before)).filter(|&p| p <= gap);
        if before.is_some() && passed.is_none() {
            self.interrupted();
        }
        if key {
            let decoded = if std::mem::replace(&mut self.skipped, true) { self.previous } else { self.key };
            // Where that is too long ago, what was not decoded is as good.
            self.previous = decoded.into_iter().chain(self.key).find(|&key| time.since(key) <= LONGEST);
            self.length = self.key.map_or(self.length, |key| time.since(key));
            self.key = Some(time);
        }
        self.at_key = key;
        passed
    }

    /// Units were lost: nothing can be decoded before the next key picture.
    pub(super) fn interrupted(&mut self) {
        (self.key, self.previous, self.decoding, self.skipped) = (None, None, false, false);
    }

    /// There was no time for the rest of the group: the stream goes on with its next key picture.
    pub(super) fn passed_over(&mut self) {
        self.interrupted();
        self.passed_over = true;
    }

    /// How the unit seen last comes to be decoded.
    pub(super) fn decode(&mut self) -> Order {
        let Some(key) = self.key else { return Order::Skip };
        self.skipped = false;
        let goes_on = std::mem::replace(&mut self.decoding, true) || self.at_key;
        if goes_on { Order::Decode } else { Order::DecodeFrom(key) }
    }

    /// The unit seen last is not decoded.
    pub(super) fn skip(&mut self) {
        self.decoding = false;
    }

    /// The key picture to look back from: the last one, or where there is one the last decoded one before it.
    pub(super) fn look_back(&mut self, further: bool) -> Option<CaptureTime> {
        let from = if further { self.keep_from() } else { self.kept_key() };
        self.decoding |= from.is_some();
        self.skipped &= from.is_none();
        from
    }

    /// The newest unit's time.
    pub(super) fn now(&self) -> Option<CaptureTime> {
        self.now
    }

    /// The key picture of the running group.
    pub(super) fn last_key(&self) -> Option<CaptureTime> {
        self.key
    }

    /// Whether the frame of `time` is the last key picture or the one before: a decoder may hand it over late.
    pub(super) fn is_key(&self, time: CaptureTime) -> bool {
        self.key == Some(time) || self.previous == Some(time)
    }

    pub(super) fn keep_from(&self) -> Option<CaptureTime> {
        let key = self.kept_key()?;
        Some(self.previous.unwrap_or(key))
    }

    fn kept_key(&self) -> Option<CaptureTime> {
        self.key.filter(|&key| self.now.is_some_and(|now| now.since(key) <= LONGEST))
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
        assert_eq!(groups.decode(), Order::Skip, "nothing to begin with");
        groups.see(at(100), true);
        assert_eq!(groups.decode(), Order::Decode);
        groups.see(at(200), false);
        groups.skip();
        groups.see(at(300), false);
        assert_eq!(groups.decode(), Order::DecodeFrom(at(100)));
        groups.see(at(400), false);
        assert_eq!(groups.decode(), Order::Decode);
        assert_eq!(groups.look_back(true), Some(at(100)), "there is none before");
        groups.see(at(500), true);
        assert_eq!((groups.look_back(true), groups.look_back(false)), (Some(at(100)), Some(at(500))));
        assert_eq!((groups.keep_from(), groups.length()), (Some(at(100)), Duration::from_millis(400)));
    }

    #[test]
    fn what_follows_a_key_picture_that_was_not_decoded_is_kept_from_the_one_before_it() {
        let mut groups = Groups::default();
        let mut kept = vec![];
        for (n, decoded) in [true, false, true, true, false, false].into_iter().enumerate() {
            groups.see(at(200 * n as i64), true);
            if decoded {
                groups.decode();
            } else {
                groups.skip();
            }
            groups.see(at(200 * n as i64 + 100), false);
            groups.skip();
            kept.push(groups.keep_from().map(|from| from.0 / 200_000));
        }
        assert_eq!(kept, [Some(0), Some(0), Some(0), Some(2), Some(3), Some(3)]);
        assert_eq!(groups.look_back(true), Some(at(600)));
        groups.see(at(1200), true);
        assert_eq!(groups.keep_from(), Some(at(1000)), "decoded by the look back");
    }

    #[test]
    fn pictures_that_lead_a_key_picture_do_not_make_it_one_that_was_not_decoded() {
        let mut groups = Groups::default();
        for key in [1000, 3000, 5000, 7000, 9000, 11_000, 13_000, 15_000] {
            groups.see(at(key), true);
            assert_eq!(groups.decode(), Order::Decode);
            for leading in [key - 80, key - 40, key, key + 40] {
                groups.see(at(leading), false);
                groups.skip();
            }
            assert_eq!(groups.keep_from(), Some(at((key - 2000).max(1000))));
        }
        groups.see(at(17_000), true);
        groups.skip();
        groups.see(at(16_960), false);
        assert_eq!(groups.decode(), Order::DecodeFrom(at(17_000)), "the decoder has not had that");
    }

    #[test]
    fn before_a_group_that_became_long_the_one_that_was_not_decoded_is_kept() {
        let mut groups = Groups::default();
        groups.see(at(0), true);
        groups.decode();
        for (ms, key) in [(4000, true), (8000, false), (12_000, false), (13_000, true)] {
            groups.see(at(ms), key);
            groups.skip();
        }
        assert_eq!(groups.keep_from(), Some(at(4000)));
    }

    #[test]
    fn a_loss_a_gap_and_a_step_back_wait_for_a_key_picture() {
        for (next, lost) in [(200, true), (9_000, false), (-1_001, false)] {
            let mut groups = Groups::default();
            groups.see(at(0), true);
            groups.decode();
            if lost {
                groups.interrupted();
            }
            assert_eq!(groups.see(at(next), false).is_some(), lost);
            assert_eq!((groups.decode(), groups.keep_from()), (Order::Skip, None));
        }
    }

    #[test]
    fn a_picture_that_was_taken_before_one_that_was_sent_before_it_goes_on() {
        let mut groups = Groups::default();
        let sent = [(0, true), (120, false), (40, false), (80, false), (240, false)];
        let passed = sent.map(|(ms, key)| (groups.see(at(ms), key), groups.decode()));
        let ms = |ms| (Some(Duration::from_millis(ms)), Order::Decode);
        assert_eq!(passed, [(None, Order::Decode), ms(120), ms(0), ms(0), ms(120)]);
        assert_eq!(groups.keep_from(), Some(at(0)));
    }

    #[test]
    fn the_rest_of_a_long_group_that_was_passed_over_is_no_gap() {
        let mut groups = Groups::default();
        for key in 0..3 {
            assert_eq!(groups.see(at(key * 10_000), true).is_some(), key > 0);
            groups.see(at(key * 10_000 + 40), false);
            groups.passed_over();
            assert_eq!((groups.decode(), groups.keep_from()), (Order::Skip, None));
        }
        groups.see(at(29_000), false);
        assert_eq!(groups.see(at(35_000), true), None, "nothing was passed over since");
    }
}
