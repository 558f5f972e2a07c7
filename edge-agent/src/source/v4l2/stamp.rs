//! When a picture was taken, from what its buffer says.
//!
//! Drivers stamp buffers by the clock that [`Instant`] is of on Linux, CLOCK_MONOTONIC, with the picture's beginning or
//! end. An [`Instant`] can't be made of a number, but the age of a picture is the same by both.

use std::time::{Duration, Instant};

/// Older than this no picture is; a stamp that says so is by another clock.
const OLDEST: Duration = Duration::from_secs(2);
/// A driver that reckons a device's clock into the kernel's may be a little ahead.
const AHEAD: Duration = Duration::from_millis(50);

/// When a picture was taken that is there at `now`, which is `clock` by CLOCK_MONOTONIC. `stamp` is by the same clock,
/// `None` where the driver does not say. Without a stamp that can be true it is `now`.
pub fn taken(stamp: Option<Duration>, clock: Duration, now: Instant) -> Instant {
    let Some(stamp) = stamp.filter(|stamp| *stamp <= clock + AHEAD) else { return now };
    match clock.saturating_sub(stamp) {
        age if age <= OLDEST => now.checked_sub(age).unwrap_or(now),
        _ => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_believed_where_it_can_be_true() {
        let now = Instant::now() + Duration::from_secs(1000);
        let ms = Duration::from_millis;
        for (stamp, age) in [
            (Some(ms(99_960)), ms(40)),
            (Some(ms(98_000)), ms(2000)),
            (Some(ms(100_000)), ms(0)),
            // A little ahead, far ahead (the date), far behind (another clock), none.
            (Some(ms(100_030)), ms(0)),
            (Some(ms(1_793_491_200_000)), ms(0)),
            (Some(ms(5)), ms(0)),
            (None, ms(0)),
        ] {
            assert_eq!(now - taken(stamp, ms(100_000), now), age, "{stamp:?}");
        }
    }
}
