//! Whether records go behind live video, or beside it.
//!
//! ```text
//!                 nothing, or too little, is answered for as long as the floor allows
//!  Behind video ─────────────────────────────────────────────────────────────────────▶ Beside video
//!       ▲                                                                                   │
//!       └─────────────────────────── answered as the floor promises ────────────────────────┘
//! ```
//!
//! Over one connection, live video goes first and records take what is left, so that an outage's pictures cost no live
//! frame. Where video alone overfills the uplink nothing is ever left: there is a newer unit at every moment. So records are
//! promised [`RATE`], or an equal share where the uplink has less: behind that they go beside video until they have caught up.
//!
//! A fluid virtual clock: what is answered moves it on by the time that it takes at the promised rate. It never runs ahead, so
//! that a good hour earns nothing, and falls behind by [`DEBT`] at most, so that a bad one is not paid for by the next.

use std::time::Duration;

use crate::Moment;

/// What records may count on, bytes a second: some 20 states of events, or a picture of 50 KB in 3 s.
pub const RATE: u64 = 16_000;
/// How long they wait in any case. A key picture's burst is over by then on an uplink that holds the video.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// What is made good of a time in which not even an equal share was enough.
pub const DEBT: Duration = Duration::from_secs(10);

/// The promise. Owned by who sends records over a connection that video goes over too.
#[derive(Debug, Clone, Copy, Default)]
pub struct Floor {
    unanswered: u64,
    /// What was answered is what [`RATE`] would have brought until then.
    paid_until: Moment,
}

impl Floor {
    /// So many bytes are on their way now, or wait to be let onto it. To be said whenever that changes.
    pub fn unanswered(&mut self, bytes: u64, now: Moment) {
        if self.unanswered == 0 {
            self.paid_until = now;
        }
        let answered = self.unanswered.saturating_sub(bytes);
        if answered > 0 {
            let paid_until = self.paid_until.saturating_add(at_rate(answered));
            self.paid_until = paid_until.min(now).max(now.saturating_sub(allowed(bytes).saturating_add(DEBT)));
        }
        self.unanswered = bytes;
    }

    /// From when on records go beside video if nothing more is answered; `None` where none are on their way.
    pub fn due(&self) -> Option<Moment> {
        (self.unanswered > 0).then(|| self.paid_until.saturating_add(allowed(self.unanswered)))
    }
}

/// For so much to be answered.
fn allowed(bytes: u64) -> Duration {
    PATIENCE + at_rate(bytes)
}

fn at_rate(bytes: u64) -> Duration {
    Duration::from_micros(bytes.saturating_mul(1_000_000) / RATE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_gets_on_as_promised_or_faster_stays_behind_video() {
        let (mut floor, mut now) = (Floor::default(), 100 * SECOND);
        assert_eq!(floor.due(), None);
        for bytes_a_second in [RATE, 10 * RATE] {
            floor.unanswered(20 * RATE, now);
            for left in (0..20 * RATE).rev().step_by(bytes_a_second as usize) {
                now += SECOND;
                assert!(floor.due().is_some_and(|due| due > now), "{left} left");
                floor.unanswered(left, now);
            }
            floor.unanswered(0, now);
            assert_eq!(floor.due(), None);
        }
    }

    #[test]
    fn what_is_starved_goes_beside_video_until_it_has_caught_up() {
        let (mut floor, begun) = (Floor::default(), 100 * SECOND);
        floor.unanswered(4 * RATE, begun);
        assert_eq!(floor.due(), Some(begun + PATIENCE + 4 * SECOND));
        // More that comes to it is not more to wait for than itself.
        floor.unanswered(5 * RATE, begun + SECOND);
        assert_eq!(floor.due(), Some(begun + PATIENCE + 5 * SECOND));
        // One answer late: it is behind for what is left.
        let late = begun + 9 * SECOND;
        floor.unanswered(4 * RATE, late);
        assert_eq!(floor.due(), Some(begun + PATIENCE + 5 * SECOND));
        assert!(floor.due().is_some_and(|due| due <= late));
        floor.unanswered(0, late);
        floor.unanswered(RATE, late);
        assert_eq!(floor.due(), Some(late + PATIENCE + SECOND), "begun anew");
    }

    #[test]
    fn a_good_hour_earns_nothing_and_a_bad_one_is_not_made_good() {
        let (mut floor, mut now) = (Floor::default(), 100 * SECOND);
        floor.unanswered(1000 * RATE, now);
        floor.unanswered(RATE, now + SECOND);
        now += SECOND;
        assert_eq!(floor.due(), Some(now + PATIENCE + SECOND));
        now += 3600 * SECOND;
        floor.unanswered(RATE / 2, now);
        assert_eq!(floor.due(), Some(now - DEBT));
        floor.unanswered(u64::MAX, now);
        assert!(floor.due().is_some_and(|due| due > now));
    }

    proptest! {
        /// Beside a link that gives records nothing while they are behind and `share` while beside: whatever they are, they
        /// get what is promised, but for the patience and one of what is under way.
        #[test]
        fn a_promise_is_kept(record in 100..200_000u64, share in RATE..20 * RATE) {
            let (mut floor, mut now) = (Floor::default(), Duration::ZERO);
            let (mut left, mut answered) = (record, 0);
            floor.unanswered(record, now);
            let tick = Duration::from_millis(20);
            while now < 600 * SECOND {
                now += tick;
                if floor.due().is_some_and(|due| due <= now) {
                    left = left.saturating_sub(share / 50);
                    if left == 0 {
                        answered += record;
                        floor.unanswered(0, now);
                        floor.unanswered(record, now);
                        left = record;
                    }
                }
            }
            // Each record alone: it waits for the patience and its own time at the rate, then goes at the share.
            let at_worst = PATIENCE + at_rate(record) + Duration::from_secs_f64(record as f64 / share as f64) + SECOND;
            let promised = (600.0 / at_worst.as_secs_f64()).floor() as u64 * record;
            prop_assert!(answered >= promised, "{answered} of {promised}");
        }
    }
}
