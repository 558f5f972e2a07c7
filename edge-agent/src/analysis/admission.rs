//! Whether a camera's units are looked at just now: detection can be switched off and on.

use edge_core::unit_queue::Arrived;
use tokio::sync::watch;

/// What is done with a unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// It is looked at.
    Look(Arrived),
    /// It is not, and it is the first: what was seen before is over.
    Close,
    /// It is not.
    Pass,
}

/// One camera's.
#[derive(Debug)]
pub(super) struct Admission {
    wanted: watch::Receiver<bool>,
    /// Whether the last unit was looked at.
    looks: bool,
}

impl Admission {
    pub(super) fn new(wanted: watch::Receiver<bool>) -> Self {
        Self { wanted, looks: true }
    }

    /// After a pause the next key picture is waited for.
    pub(super) fn admit(&mut self, mut arrived: Arrived) -> Admitted {
        let looked = self.looks;
        self.looks = *self.wanted.borrow() && (looked || arrived.unit.key);
        match (looked, self.looks) {
            (true, true) => Admitted::Look(arrived),
            (true, false) => Admitted::Close,
            (false, false) => Admitted::Pass,
            (false, true) => {
                arrived.anew = true;
                Admitted::Look(arrived)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use edge_core::Moment;
    use omma_protocol::time::CaptureTime;
    use omma_protocol::unit::{AccessUnit, Codec};

    use super::*;

    fn arrived(key: bool) -> Arrived {
        let unit = AccessUnit { time: CaptureTime(0), key, codec: Codec::H264, data: vec![0].into() };
        Arrived { unit, at: Moment::ZERO, anew: false }
    }

    #[test]
    fn a_pause_ends_what_was_seen_and_a_key_picture_ends_the_pause() {
        let wanted = watch::Sender::new(true);
        let mut admission = Admission::new(wanted.subscribe());
        assert_eq!(admission.admit(arrived(false)), Admitted::Look(arrived(false)));
        wanted.send_replace(false);
        assert_eq!(admission.admit(arrived(true)), Admitted::Close);
        assert_eq!(admission.admit(arrived(true)), Admitted::Pass);
        wanted.send_replace(true);
        assert_eq!(admission.admit(arrived(false)), Admitted::Pass);
        assert_eq!(admission.admit(arrived(true)), Admitted::Look(Arrived { anew: true, ..arrived(true) }));
        assert_eq!(admission.admit(arrived(false)), Admitted::Look(arrived(false)));
    }
}
