//! Which units of which group of pictures go on to the bus.
//!
//! Each group arrives on a stream of its own, so that a late old one and a new one can arrive side by side. A camera's
//! units pass in order of decoding; as soon as the first unit of a higher group is there, lower groups are over:
//!
//! ```text
//! group 3   K P P P · ·            late rest: over
//! group 4           K P P P …      passes from its key picture on
//! ```

use std::collections::BTreeMap;

use omma_protocol::id::CameraId;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::REORDERED;

/// What to do with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Pass,
    /// A higher group has begun: drop it, and the rest of its stream.
    Over,
    /// A group begins with something that is no key picture, or a unit was taken longer before one that came before it than
    /// reordering explains, or when the latest was: the edge breaks the protocol. The same time as an older one's passes,
    /// since only the latest is remembered.
    Broken,
}

/// The groups of one connection.
#[derive(Debug, Default)]
pub struct Groups {
    cameras: BTreeMap<CameraId, Newest>,
}

#[derive(Debug)]
struct Newest {
    group: u64,
    /// The latest so far.
    last: CaptureTime,
}

impl Groups {
    /// Judges one unit of `group`.
    pub fn unit(&mut self, camera: &CameraId, group: u64, key: bool, time: CaptureTime) -> Verdict {
        let newest = self.cameras.get_mut(camera);
        match newest {
            Some(newest) if group < newest.group => Verdict::Over,
            Some(newest) if group == newest.group => {
                if time == newest.last || newest.last.since(time) > REORDERED {
                    return Verdict::Broken;
                }
                newest.last = newest.last.max(time);
                Verdict::Pass
            }
            _ if !key => Verdict::Broken,
            Some(newest) => {
                *newest = Newest { group, last: time };
                Verdict::Pass
            }
            None => {
                self.cameras.insert(camera.clone(), Newest { group, last: time });
                Verdict::Pass
            }
        }
    }

    /// Whether a stream that carries `group` is worth reading on.
    pub fn is_over(&self, camera: &CameraId, group: u64) -> bool {
        self.cameras.get(camera).is_some_and(|newest| group < newest.group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_new_group_ends_the_old_one_at_its_first_unit() {
        let (mut groups, door) = (Groups::default(), "door".parse().unwrap());
        let mut unit = |group, key, t| groups.unit(&door, group, key, CaptureTime(t));
        assert_eq!(unit(3, true, 10), Verdict::Pass);
        assert_eq!(unit(3, false, 20), Verdict::Pass);
        assert_eq!(unit(3, false, 20), Verdict::Broken);
        assert_eq!(unit(4, false, 40), Verdict::Broken);
        assert_eq!(unit(3, false, 30), Verdict::Pass);
        assert_eq!(unit(4, true, 50), Verdict::Pass);
        assert_eq!(unit(3, false, 40), Verdict::Over);
        assert!(groups.is_over(&door, 3) && !groups.is_over(&door, 4));
    }

    #[test]
    fn pictures_that_were_sent_in_another_order_than_taken_pass() {
        let (mut groups, door) = (Groups::default(), "door".parse().unwrap());
        let mut unit = |key, ms: i64| groups.unit(&door, 3, key, CaptureTime(ms * 1000));
        for (n, ms) in [10_000, 10_120, 10_040, 10_080].into_iter().enumerate() {
            assert_eq!(unit(n == 0, ms), Verdict::Pass);
        }
        assert_eq!(unit(false, 9_119), Verdict::Broken, "more than a second before the latest");
    }

    #[test]
    fn an_edge_whose_clock_was_set_back_starts_afresh_with_the_next_group() {
        let (mut groups, door) = (Groups::default(), "door".parse().unwrap());
        assert_eq!(groups.unit(&door, 0, true, CaptureTime(1_000)), Verdict::Pass);
        assert_eq!(groups.unit(&door, 1, true, CaptureTime(10)), Verdict::Pass);
    }

    proptest! {
        #[test]
        fn however_streams_interleave_what_passes_decodes(
            order in prop::collection::vec(0usize..4, 1..80),
        ) {
            // Four groups of ten units, each read in order, interleaved at will.
            let (mut groups, camera) = (Groups::default(), "c".parse().unwrap());
            let (mut next, mut passed) = ([0usize; 4], vec![]);
            for group in order {
                let at = next[group];
                next[group] += 1;
                let time = CaptureTime((group * 100 + at) as i64);
                if groups.unit(&camera, group as u64, at == 0, time) == Verdict::Pass {
                    passed.push((group, at));
                }
            }
            for pair in passed.windows(2) {
                let ((g0, a0), (g1, a1)) = (pair[0], pair[1]);
                prop_assert!(g1 == g0 && a1 == a0 + 1 || g1 > g0 && a1 == 0, "{passed:?}");
            }
            prop_assert!(passed.first().is_none_or(|&(_, at)| at == 0));
        }
    }
}
