//! What is said of a camera in the log, and then not again for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use edge_core::Moment;

/// How often the same is said while it goes on.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// When each kind of fault was said last.
#[derive(Debug, Default)]
pub(super) struct Told(BTreeMap<&'static str, Moment>);

impl Told {
    /// Whether it is to be said now. It then counts as said.
    pub(super) fn is_due(&mut self, kind: &'static str, now: Moment) -> bool {
        let due = self.0.get(kind).is_none_or(|told| now.saturating_sub(*told) >= TELL_AGAIN);
        if due {
            self.0.insert(kind, now);
        }
        due
    }

    /// Whatever comes next is new.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 12 lines a second, 200 MB a day.
    #[test]
    fn a_camera_whose_timestamps_jump_at_every_second_unit_does_not_fill_the_log() {
        let mut told = Told::default();
        let jumps = (0..12 * 600).map(|n| Duration::from_millis(1000) * n / 12);
        assert_eq!(jumps.filter(|now| told.is_due("timestamp jumped", *now)).count(), 10, "of ten minutes");
    }

    #[test]
    fn another_fault_and_one_after_the_camera_was_live_are_said_at_once() {
        let mut told = Told::default();
        assert!(told.is_due("refused", Moment::ZERO) && told.is_due("silent", Moment::ZERO));
        assert!(!told.is_due("refused", Duration::from_secs(59)));
        told.clear();
        assert!(told.is_due("refused", Duration::from_secs(59)));
    }
}
