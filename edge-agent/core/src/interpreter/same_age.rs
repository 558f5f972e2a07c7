//! Sessions that a camera closes at the same age each.
//!
//! Nobody tells that keep-alives are refused: over TCP the camera closes the session when its time is out, and pictures go on in the
//! next one. What closes at the same age twice in a row is no restart of the camera and no cable, but a time-out; with a
//! password that is what a renewed nonce does.

use std::time::Duration;

/// How far two ages may be apart: cameras look for dead sessions once in a while.
const APART: Duration = Duration::from_secs(2);
/// The shortest time-out that a camera may have: what ends sooner, ends by another fault.
const SHORTEST: Duration = Duration::from_secs(10);

/// Whether two sessions ended at the same age.
pub fn is_same(age: Duration, before: Duration) -> bool {
    age.abs_diff(before) <= APART
}

/// The last session of a camera.
#[derive(Debug, Default)]
pub struct SameAge(Option<Duration>);

impl SameAge {
    /// A session ended at this age, from its first picture on; `closed` by the camera, and not otherwise. Gives whether the one
    /// before it ended in the same way.
    pub fn ended(&mut self, age: Option<Duration>, closed: bool) -> bool {
        let age = age.filter(|age| closed && *age >= SHORTEST);
        let before = std::mem::replace(&mut self.0, age);
        age.zip(before).is_some_and(|(age, before)| is_same(age, before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[test]
    fn two_in_a_row_of_the_same_age_are_a_time_out() {
        let mut ages = SameAge::default();
        assert!(!ages.ended(Some(60 * S), true) && ages.ended(Some(61 * S), true));
    }

    #[test]
    fn a_camera_that_closes_each_session_at_once_has_no_time_out() {
        let mut ages = SameAge::default();
        assert!(!(1..9).any(|_| ages.ended(Some(S), true)));
    }

    #[test]
    fn neither_restarts_nor_silence_are() {
        let mut ages = SameAge::default();
        for (age, closed) in [(Some(60), true), (Some(90), true), (Some(90), false), (Some(90), true), (None, true)] {
            assert!(!ages.ended(age.map(Duration::from_secs), closed));
        }
    }
}
