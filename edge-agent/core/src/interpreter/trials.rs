//! Which mends a camera gets, judged by what comes of them.
//!
//! ```text
//!  not tried ──fault named──▶ on trial ──picture, or another fault──▶ kept
//!      ▲                         │ no picture; the same age again
//!      └──────10 minutes─────────┴──▶ in vain
//! ```
//!
//! One that helped is kept while the program runs: what it failed by later is told as any other failure.

use std::time::Duration;

use super::same_age::{SameAge, is_same};
use super::{Mend, Mends};
use crate::Moment;
use crate::doctor::report::Way;

/// How long one that did not help is left alone. Whether the camera was live meanwhile makes no difference: one that closes its
/// sessions for another reason than its nonce is live in between, each time.
pub const IN_VAIN: Duration = Duration::from_secs(600);

/// How an attempt or a session ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// How its packets came, or were to come.
    pub way: Way,
    /// The fault that the library named, where that is one of these.
    pub fault: Option<Mend>,
    /// Since the first picture, where there was one.
    pub age: Option<Duration>,
    /// The camera closed the connection, and it wants a password.
    pub closed: bool,
    /// The camera could not be reached or had no session free: nothing was tried.
    pub absent: bool,
}

/// The mends of one camera.
#[derive(Debug, Default)]
pub struct Trials {
    mends: Mends,
    /// The last one, until it is judged, with the age at which sessions ended, where it is for that.
    trial: Option<(Mend, Option<Duration>)>,
    /// Until when each is not tried this way. No more than the mends, twice.
    vain: Vec<(Mend, Way, Moment)>,
    ages: SameAge,
}

impl Trials {
    /// What is put right in the next attempt.
    pub fn mends(&self) -> Mends {
        self.mends
    }

    /// Judges the mend that was on trial, and gives the one that is from here on.
    pub fn ended(&mut self, now: Moment, ended: Ended) -> Option<Mend> {
        let Ended { way, fault, age, .. } = ended;
        if ended.absent {
            return None;
        }
        self.vain.retain(|(_, _, until)| *until > now);
        let expired = self.ages.ended(age, ended.closed).then_some(Mend::Nonce);
        let found = fault.or(expired).filter(|mend| {
            mend.works_over(way)
                && !self.mends.has(*mend)
                && !self.vain.iter().any(|(vain, by, _)| (*vain, *by) == (*mend, way))
        });
        if let Some((mend, before)) = self.trial {
            let helped = match (age, before) {
                _ if found.is_some() => Some(true),
                (None, _) => Some(false),
                (Some(_), None) => Some(true),
                (Some(age), Some(before)) if ended.closed && is_same(age, before) => Some(false),
                (Some(age), Some(before)) => (age > before).then_some(true),
            };
            if helped == Some(false) {
                self.mends.remove(mend);
                self.vain.push((mend, way, now + IN_VAIN));
            }
            if helped.is_some() {
                self.trial = None;
            }
        }
        let found = found?;
        self.mends.insert(found);
        self.trial = Some((found, age.filter(|_| fault.is_none())));
        Some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const FAILED: Ended = Ended { way: Way::Tcp, fault: None, age: None, closed: false, absent: false };
    const PLAYED: Ended = Ended { age: Some(S), ..FAILED };

    fn named(fault: Mend) -> Ended {
        Ended { fault: Some(fault), ..FAILED }
    }

    fn closed(seconds: u64) -> Ended {
        Ended { age: Some(S * u32::try_from(seconds).unwrap()), closed: true, ..FAILED }
    }

    fn kept(trials: &Trials) -> Vec<Mend> {
        trials.mends().iter().collect()
    }

    #[test]
    fn a_mend_that_does_not_help_is_dropped_and_not_tried_again_at_once() {
        // Once it is in place the library may name the same fault, or none.
        for then in [named(Mend::Ssrc), FAILED] {
            let mut trials = Trials::default();
            assert_eq!(trials.ended(S, named(Mend::Ssrc)), Some(Mend::Ssrc));
            assert_eq!((trials.ended(S * 2, then), kept(&trials)), (None, vec![]));
            assert_eq!(trials.ended(S * 3, named(Mend::Ssrc)), None);
            assert_eq!(trials.ended(S * 4, PLAYED), None);
            assert_eq!(trials.ended(S * 5, named(Mend::Ssrc)), None, "neither after a session that played without it");
            let over_udp = Ended { way: Way::Udp, ..named(Mend::Ssrc) };
            assert_eq!(
                trials.ended(S * 6, over_udp),
                Some(Mend::Ssrc),
                "over the other transport it is another question"
            );
            assert_eq!(trials.ended(S * 7, Ended { way: Way::Udp, ..FAILED }), None);
            assert_eq!(trials.ended(S * 2 + IN_VAIN, named(Mend::Ssrc)), Some(Mend::Ssrc));
        }
    }

    #[test]
    fn a_mend_that_helped_is_kept() {
        for then in [PLAYED, named(Mend::RtpInfo)] {
            let mut trials = Trials::default();
            assert_eq!(trials.ended(S, named(Mend::ContentType)), Some(Mend::ContentType));
            trials.ended(S * 2, then);
            trials.ended(S * 3, FAILED);
            assert_eq!((trials.ended(S * 4, named(Mend::ContentType)), kept(&trials)), (None, vec![Mend::ContentType]));
        }
    }

    #[test]
    fn a_camera_that_is_away_proves_nothing() {
        let mut trials = Trials::default();
        assert_eq!(trials.ended(S, named(Mend::Session)), Some(Mend::Session));
        assert_eq!(trials.ended(S * 2, Ended { absent: true, ..FAILED }), None);
        trials.ended(S * 3, PLAYED);
        assert_eq!(kept(&trials), [Mend::Session]);
    }

    #[test]
    fn a_camera_that_closes_at_the_same_age_with_another_nonce_too_is_left_alone() {
        let mut trials = Trials::default();
        assert_eq!((trials.ended(S, closed(60)), trials.ended(S * 60, closed(61))), (None, Some(Mend::Nonce)));
        // Ended by something else before its time: not known yet.
        assert_eq!((trials.ended(S * 90, PLAYED), kept(&trials)), (None, vec![Mend::Nonce]));
        assert_eq!((trials.ended(S * 150, closed(60)), kept(&trials)), (None, vec![]));
        assert_eq!((trials.ended(S * 210, closed(60)), trials.ended(S * 270, closed(60))), (None, None));
        assert_eq!(trials.ended(S * 150 + IN_VAIN, closed(60)), Some(Mend::Nonce));
        // It lived longer: that was it.
        assert_eq!((trials.ended(S * 1000, closed(200)), kept(&trials)), (None, vec![Mend::Nonce]));
    }

    #[test]
    fn what_can_not_be_put_right_over_udp_is_not_tried_there() {
        let over_udp = Ended { way: Way::Udp, ..named(Mend::EmptyPackets) };
        assert_eq!(Trials::default().ended(S, over_udp), None);
    }
}
