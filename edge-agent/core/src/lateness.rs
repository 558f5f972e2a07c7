//! When a reader that has fallen behind gives up the rest of a group of pictures.
//!
//! What is looked at late is of little use, and decoding all of it late takes the time that would make it prompt. But after
//! a short hold-up a decoder that is fast enough is prompt again by itself, and must not lose a group for it. So it is
//! given up where the reader is late and has not become less late over a stretch of the stream.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

/// From which age on a unit is late.
const LATE: Duration = Duration::from_millis(200);
/// Over what stretch of the stream a late reader must have caught up something.
const STRETCH: Duration = Duration::from_millis(100);

/// One reader's lateness.
#[derive(Debug, Default)]
pub struct Lateness {
    /// Where it was looked at last while late, and how late it was there.
    since: Option<(CaptureTime, Duration)>,
}

impl Lateness {
    /// The unit of `time` is the next to be decoded, and came `age` ago. Whether to go on with the next key picture
    /// instead.
    pub fn gives_up(&mut self, time: CaptureTime, age: Duration) -> bool {
        if age <= LATE {
            self.since = None;
            return false;
        }
        match self.since {
            Some((began, was)) if time.since(began) >= STRETCH => {
                self.since = Some((time, age));
                age >= was
            }
            // A clock that was set back begins anew.
            Some((began, _)) if time >= began => false,
            _ => {
                self.since = Some((time, age));
                false
            }
        }
    }

    /// It goes on elsewhere in the stream.
    pub fn begin_again(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_micros(33_333);
    const GROUP: u32 = 60;

    /// A minute of 30 pictures a second, in groups of two seconds, read by someone who takes `cost` for each and is held
    /// up once. Returns how many were decoded, and the greatest age at which one was begun.
    fn read(cost: Duration, held_up: Duration) -> (u32, Duration) {
        let (mut lateness, mut now, mut decoded, mut oldest) = (Lateness::default(), Duration::ZERO, 0, Duration::ZERO);
        let mut skips = false;
        for n in 0..1800u32 {
            let came = INTERVAL * n;
            now = now.max(came);
            if n == 310 {
                now += held_up;
            }
            if n % GROUP == 0 {
                skips = false;
                lateness.begin_again();
            }
            let age = now - came;
            skips = skips || lateness.gives_up(CaptureTime(came.as_micros() as i64), age);
            if !skips {
                (decoded, oldest, now) = (decoded + 1, oldest.max(age), now + cost);
            }
        }
        (decoded, oldest)
    }

    #[test]
    fn who_is_fast_enough_loses_nothing_after_a_hold_up() {
        for cost in [5, 15, 25] {
            let (decoded, _) = read(Duration::from_millis(cost), Duration::from_millis(900));
            assert_eq!(decoded, 1800, "at {cost} ms");
        }
    }

    #[test]
    fn who_can_never_keep_up_sees_the_beginning_of_each_group_and_is_not_much_late() {
        for (cost, least) in [(40, 1000), (70, 300), (130, 150)] {
            let (decoded, oldest) = read(Duration::from_millis(cost), Duration::ZERO);
            assert!(decoded >= least, "at {cost} ms only {decoded}");
            assert!(oldest <= Duration::from_millis(750), "at {cost} ms {oldest:?} late");
        }
    }
}
