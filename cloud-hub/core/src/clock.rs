//! How far an edge's clock is from the hub's, from pings over its connection.
//!
//! A ping sent at `s` and answered by the edge's clock `e` comes back at `r`: the edge answered somewhere between, so
//! that `e - hub` lies within `e - (s + r) / 2 ± (r - s) / 2` (RFC 5905 §8). The answer with the shortest round trip
//! says most. Two answers whose intervals do not meet prove that a clock was set meanwhile: what was measured before
//! is forgotten.

use std::collections::VecDeque;
use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// Answers kept. At one ping every five seconds the best of a minute and a half.
const WINDOW: usize = 18;
/// Pings whose answer is waited for; an older one is given up.
const OUTSTANDING: usize = 8;
/// Pings at one a second, after which [`SLOW`] follows.
const EARLY: u64 = 10;
const FAST: Duration = Duration::from_secs(1);
const SLOW: Duration = Duration::from_secs(5);
/// Crystals differ by up to 100 parts in a million, so that over the window intervals may part by this much unset.
const DRIFT_US: i64 = 10_000;
/// Round trips longer than this say nothing of use.
const MAX_ROUND_TRIP_US: i64 = 10_000_000;

/// One edge's clock, for the life of one connection. Times are µs since the epoch on the hub's clock.
#[derive(Debug, Default)]
pub struct EdgeClock {
    next: u64,
    sent: VecDeque<(u64, i64)>,
    answers: VecDeque<Measured>,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The edge's clock minus the hub's, µs.
    pub offset_us: i64,
    /// The round trip, µs: the offset is right within half of it.
    pub round_trip_us: i64,
}

impl EdgeClock {
    /// A ping is being sent: returns its number.
    pub fn ping(&mut self, now_us: i64) -> u64 {
        let ping = self.next;
        self.next += 1;
        self.sent.push_back((ping, now_us));
        if self.sent.len() > OUTSTANDING {
            self.sent.pop_front();
        }
        ping
    }

    /// How long after a ping the next one follows: often at first, so that the clock is known soon.
    pub fn interval(&self) -> Duration {
        if self.next < EARLY { FAST } else { SLOW }
    }

    /// A ping was answered. Returns the best that is known now; `None` for an answer to nothing that was asked, and
    /// for one that took too long or came before its question because a clock was set.
    pub fn pong(&mut self, ping: u64, edge: CaptureTime, now_us: i64) -> Option<Measured> {
        let at = self.sent.iter().position(|&(p, _)| p == ping)?;
        let (_, sent_us) = self.sent.remove(at)?;
        let round_trip_us = now_us.checked_sub(sent_us)?;
        if !(0..=MAX_ROUND_TRIP_US).contains(&round_trip_us) {
            return None;
        }
        let offset_us = edge.0.checked_sub(sent_us.checked_add(round_trip_us / 2)?)?;
        let new = Measured { offset_us, round_trip_us };
        self.answers.retain(|old| old.meets(new));
        self.answers.push_back(new);
        if self.answers.len() > WINDOW {
            self.answers.pop_front();
        }
        self.best()
    }

    /// The best that is known.
    pub fn best(&self) -> Option<Measured> {
        self.answers.iter().rev().min_by_key(|m| m.round_trip_us).copied()
    }
}

impl Measured {
    fn meets(self, other: Self) -> bool {
        let apart = self.offset_us.abs_diff(other.offset_us);
        apart <= (self.round_trip_us / 2 + other.round_trip_us / 2 + DRIFT_US).unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: i64 = 1_790_000_000_000_000;

    #[test]
    fn the_shortest_round_trip_wins() {
        let mut clock = EdgeClock::default();
        let slow = clock.ping(START);
        clock.pong(slow, CaptureTime(START + 5_000 + 39_000), START + 40_000).unwrap();
        let quick = clock.ping(START + 1_000_000);
        let best = clock.pong(quick, CaptureTime(START + 1_000_000 + 5_000 + 500), START + 1_001_000).unwrap();
        assert_eq!(best, Measured { offset_us: 5_000, round_trip_us: 1_000 });
    }

    #[test]
    fn a_clock_that_was_set_is_believed_at_once() {
        let mut clock = EdgeClock::default();
        let before = clock.ping(START);
        clock.pong(before, CaptureTime(START), START + 100).unwrap();
        let after = clock.ping(START + 1_000_000);
        let hour = 3_600_000_000;
        let best = clock.pong(after, CaptureTime(START + 1_000_000 + hour), START + 1_000_000 + 5_000).unwrap();
        assert_eq!(best.offset_us, hour - 2_500);
    }

    #[test]
    fn answers_to_nothing_are_ignored() {
        let mut clock = EdgeClock::default();
        assert_eq!(clock.pong(0, CaptureTime(0), 0), None);
        let ping = clock.ping(START);
        assert_eq!(clock.pong(ping, CaptureTime(START), START - 1), None, "the hub's clock was set back");
        assert_eq!(clock.pong(ping, CaptureTime(START), START + 1), None, "answered twice");
        assert_eq!(clock.best(), None);
    }

    proptest! {
        #[test]
        fn the_truth_lies_within_half_the_round_trip(
            truth in -1_000_000_000i64..1_000_000_000,
            ways in prop::collection::vec((0i64..200_000, 0i64..200_000), 1..60),
        ) {
            let (mut clock, mut now) = (EdgeClock::default(), START);
            for (there, back) in ways {
                let ping = clock.ping(now);
                let edge = CaptureTime(now + there + truth);
                now += there + back;
                let best = clock.pong(ping, edge, now).unwrap();
                prop_assert!((best.offset_us - truth).abs() <= best.round_trip_us / 2 + 1);
                now += 1_000_000;
            }
        }

        #[test]
        fn garbage_never_panics(pongs in prop::collection::vec((0u64..20, any::<i64>(), any::<i64>()), 0..60)) {
            let mut clock = EdgeClock::default();
            for (ping, edge, now) in pongs {
                clock.ping(now);
                clock.pong(ping, CaptureTime(edge), now);
            }
        }
    }
}
