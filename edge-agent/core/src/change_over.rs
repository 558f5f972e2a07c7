//! Which way a camera's packets come, and when the other one is tried.
//!
//! ```text
//!        refused, or no picture
//!   TCP ───────────────────────▶ UDP
//!    ▲                            │
//!    └── refused, or no picture ──┘
//! ```
//!
//! Where nothing is asked for, TCP comes first: it passes firewalls and loses nothing. A way that has brought pictures
//! is kept for longer, [`PATIENCE`] attempts: a camera that starts answers long before it has pictures. Attempts that
//! fail before packets were asked for, or for another reason, such as a wrong password, say nothing about the way.

use crate::doctor::report::{Asked, Way};

/// Attempts in a row without a picture after which a way that has brought some before is given up.
pub const PATIENCE: u32 = 3;

/// What a failed attempt says about its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The camera does not serve this way (461).
    Refused,
    /// It was agreed on, and no picture came.
    NoPicture,
    /// Nothing.
    None,
}

/// One camera's choice. Owned by the task that connects to it.
#[derive(Debug)]
pub struct ChangeOver {
    way: Way,
    fixed: bool,
    /// The way on which the first picture came.
    known: Option<Way>,
    /// Whether this way has ever brought pictures.
    proven: bool,
    /// Whether it has brought some in the present session.
    brings: bool,
    /// Attempts in a row without a picture.
    failures: u32,
    /// Attempts in a row that were refused.
    refusals: u32,
}

impl ChangeOver {
    /// What was asked for is never left.
    pub fn new(asked: Asked) -> Self {
        let way = match asked {
            Asked::Auto | Asked::Tcp => Way::Tcp,
            Asked::Udp => Way::Udp,
        };
        Self { way, fixed: asked != Asked::Auto, known: None, proven: false, brings: false, failures: 0, refusals: 0 }
    }

    /// The way for the next attempt.
    pub fn way(&self) -> Way {
        self.way
    }

    /// A picture came.
    pub fn picture(&mut self) {
        (self.proven, self.brings, self.failures, self.refusals) = (true, true, 0, 0);
        self.known.get_or_insert(self.way);
    }

    /// Whether the camera has refused one way and the other one is still to be tried: nothing to trouble anyone with.
    pub fn is_finding_out(&self) -> bool {
        !self.fixed && self.refusals == 1
    }

    /// The attempt or the session ended. Gives the other way where the next attempt is to take that.
    pub fn failed(&mut self, evidence: Evidence) -> Option<Way> {
        let brought = std::mem::take(&mut self.brings);
        let refused = evidence == Evidence::Refused;
        self.refusals = if refused { self.refusals.saturating_add(1) } else { 0 };
        // The other way was for an emergency, such as a camera that was long in starting: each session on it is the last.
        if brought
            && !self.fixed
            && let Some(known) = self.known.filter(|known| *known != self.way)
        {
            (self.way, self.proven, self.failures) = (known, false, 0);
            return Some(known);
        }
        if self.fixed || brought || evidence == Evidence::None {
            return None;
        }
        self.failures += 1;
        let patience = if self.proven { PATIENCE } else { 1 };
        if !refused && self.failures < patience {
            return None;
        }
        self.way = match self.way {
            Way::Tcp => Way::Udp,
            Way::Udp => Way::Tcp,
        };
        (self.proven, self.failures) = (false, 0);
        Some(self.way)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_camera_of_one_way_is_found_at_the_second_attempt() {
        for evidence in [Evidence::Refused, Evidence::NoPicture] {
            let mut choice = ChangeOver::new(Asked::Auto);
            assert_eq!((choice.way(), choice.failed(evidence)), (Way::Tcp, Some(Way::Udp)));
            choice.picture();
            assert_eq!((choice.failed(Evidence::NoPicture), choice.way()), (None, Way::Udp));
        }
    }

    #[test]
    fn after_an_emergency_the_known_way_is_taken_again() {
        let mut choice = ChangeOver::new(Asked::Auto);
        choice.picture();
        for _ in 0..=PATIENCE {
            choice.failed(Evidence::NoPicture);
        }
        assert_eq!(choice.way(), Way::Udp);
        choice.picture();
        assert_eq!(choice.failed(Evidence::None), Some(Way::Tcp));
        choice.picture();
        assert_eq!((choice.failed(Evidence::NoPicture), choice.way()), (None, Way::Tcp));
    }

    #[test]
    fn a_camera_that_refuses_both_ways_is_told() {
        let mut choice = ChangeOver::new(Asked::Auto);
        choice.failed(Evidence::Refused);
        assert!(choice.is_finding_out());
        choice.failed(Evidence::Refused);
        assert!(!choice.is_finding_out());
        choice.failed(Evidence::None);
        assert!(!choice.is_finding_out());
        let mut fixed = ChangeOver::new(Asked::Udp);
        fixed.failed(Evidence::Refused);
        assert!(!fixed.is_finding_out());
    }

    #[test]
    fn a_proven_way_is_kept_while_the_camera_starts() {
        let mut choice = ChangeOver::new(Asked::Auto);
        choice.picture();
        for failed in 0..=PATIENCE {
            assert_eq!(choice.way(), Way::Tcp, "after {failed} failures");
            choice.failed(Evidence::NoPicture);
        }
        assert_eq!(choice.way(), Way::Udp);
    }

    #[test]
    fn what_was_asked_for_is_kept_and_a_wrong_password_says_nothing() {
        for (asked, way) in [(Asked::Tcp, Way::Tcp), (Asked::Udp, Way::Udp)] {
            let mut choice = ChangeOver::new(asked);
            assert_eq!((choice.failed(Evidence::Refused), choice.way()), (None, way));
        }
        let mut choice = ChangeOver::new(Asked::Auto);
        assert_eq!((choice.failed(Evidence::None), choice.way()), (None, Way::Tcp));
    }

    proptest! {
        /// However a camera fails, both ways are tried within twice the patience.
        #[test]
        fn neither_way_is_forgotten(history in prop::collection::vec((any::<bool>(), any::<bool>()), 0..40)) {
            let mut choice = ChangeOver::new(Asked::Auto);
            for (picture, refused) in history {
                if picture {
                    choice.picture();
                }
                choice.failed(if refused { Evidence::Refused } else { Evidence::NoPicture });
            }
            let changes = (0..2 * PATIENCE).filter(|_| choice.failed(Evidence::NoPicture).is_some()).count();
            prop_assert!(changes >= 2);
        }
    }
}
