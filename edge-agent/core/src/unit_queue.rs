//! The joint between a source and one reader of its units.
//!
//! Units depend on the ones before them, so a full queue can't drop one: it drops all it has and everything up to the
//! next key picture, and counts them. The reader then goes on with a key picture, which says that it begins anew.

use std::collections::VecDeque;
use std::time::Duration;

use omma_protocol::unit::AccessUnit;

use crate::Moment;

/// How much a reader may be behind. Whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// From the oldest waiting picture to the newest, by capture time.
    pub span: Duration,
    /// Coded bytes waiting.
    pub bytes: usize,
    /// Pictures waiting.
    pub units: usize,
}

impl Bound {
    /// Two seconds of stream; 16 MB and 240 pictures bound what a broken camera could make of two seconds.
    pub const STREAM: Self = Self { span: Duration::from_secs(2), bytes: 16 << 20, units: 240 };
    /// Two groups of pictures of 12 s, the longest that the gate looks back into; 24 s of 10 Mbit/s.
    pub const LOOK_BACK: Self = Self { span: Duration::from_secs(24), bytes: 32 << 20, units: 1440 };
}

/// A unit and when its last packet came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// The unit.
    pub unit: AccessUnit,
    /// When it was whole.
    pub at: Moment,
    /// Whether it does not go on from the unit before: the stream began, or units were lost.
    pub anew: bool,
}

/// Units waiting for one reader.
#[derive(Debug)]
pub struct UnitQueue {
    bound: Bound,
    waiting: VecDeque<Arrived>,
    bytes: usize,
    skipping: bool,
}

impl UnitQueue {
    /// Empty; begins with the first key picture.
    pub fn new(bound: Bound) -> Self {
        Self { bound, waiting: VecDeque::new(), bytes: 0, skipping: true }
    }

    /// The reader has the group up to here from elsewhere: the next unit continues it.
    pub fn resume(&mut self) {
        self.skipping = false;
    }

    /// The stream broke off: what comes before the next key picture continues nothing.
    pub fn interrupt(&mut self) {
        self.skipping = true;
    }

    /// Takes a unit in, and says of it whether it begins anew. Returns how many were dropped for it, itself included.
    pub fn push(&mut self, mut arrived: Arrived) -> usize {
        arrived.anew = self.skipping;
        if arrived.unit.key {
            self.skipping = false;
        }
        if self.skipping {
            return 1;
        }
        let mut dropped = 0;
        if self.would_overflow(&arrived.unit) {
            dropped = self.waiting.len();
            self.waiting.clear();
            self.bytes = 0;
            arrived.anew = true;
            if !arrived.unit.key {
                self.skipping = true;
                return dropped + 1;
            }
        }
        self.bytes += arrived.unit.data.len();
        self.waiting.push_back(arrived);
        dropped
    }

    /// Hands the oldest out.
    pub fn pop(&mut self) -> Option<Arrived> {
        let arrived = self.waiting.pop_front()?;
        self.bytes -= arrived.unit.data.len();
        Some(arrived)
    }

    /// The reader gives up what it has of the group: it goes on with the newest key picture that waits, or else with the
    /// next one, which begins anew. Returns how many were dropped.
    pub fn skip(&mut self) -> usize {
        let key = self.waiting.iter().rposition(|arrived| arrived.unit.key);
        let dropped = key.unwrap_or(self.waiting.len());
        self.bytes -= self.waiting.drain(..dropped).map(|arrived| arrived.unit.data.len()).sum::<usize>();
        match self.waiting.front_mut() {
            Some(key) => key.anew = true,
            None => self.skipping = true,
        }
        dropped
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn would_overflow(&self, unit: &AccessUnit) -> bool {
        self.waiting.front().is_some_and(|oldest| {
            unit.time.since(oldest.unit.time) > self.bound.span
                || self.bytes + unit.data.len() > self.bound.bytes
                || self.waiting.len() >= self.bound.units
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::time::CaptureTime;
    use omma_protocol::unit::Codec;
    use proptest::prelude::*;

    fn unit(n: usize, key: bool, bytes: usize) -> Arrived {
        let unit =
            AccessUnit { time: CaptureTime(n as i64 * 100_000), key, codec: Codec::H264, data: vec![0; bytes].into() };
        Arrived { unit, at: Moment::ZERO, anew: false }
    }

    proptest! {
        /// What comes out begins with a key picture, and after a gap goes on with one; what went in came out or was
        /// counted; the bound holds.
        #[test]
        fn a_reader_can_decode_all_it_gets(history in prop::collection::vec((0u8..10, 0usize..400, 0u8..16), 1..400)) {
            let bound = Bound { span: Duration::from_secs(2), bytes: 3_000, units: 12 };
            let mut queue = UnitQueue::new(bound);
            let (mut dropped, mut out, mut taken_in) = (0, vec![], 0);
            for (kind, bytes, read) in history {
                dropped += queue.push(unit(taken_in, kind == 0, bytes));
                taken_in += 1;
                prop_assert!(queue.len() <= bound.units && queue.bytes <= bound.bytes.max(400));
                match read {
                    0 => {
                        dropped += queue.skip();
                        out.push(None);
                    }
                    1..8 => out.extend(queue.pop().map(Some)),
                    _ => {}
                }
            }
            while let Some(arrived) = queue.pop() {
                out.push(Some(arrived));
            }
            prop_assert_eq!((out.iter().flatten().count() + dropped, queue.bytes), (taken_in, 0));
            let mut before: Option<i64> = None;
            for arrived in out {
                // What comes after a skip begins anew, even where nothing lay between.
                let Some(arrived) = arrived else {
                    before = None;
                    continue;
                };
                let gap = before.is_none_or(|b| arrived.unit.time.0 != b + 100_000);
                prop_assert_eq!(gap, arrived.anew);
                prop_assert!(!gap || arrived.unit.key, "after {before:?} came {:?}", arrived.unit.time);
                before = Some(arrived.unit.time.0);
            }
        }
    }

    #[test]
    fn a_reader_that_skips_goes_on_with_the_newest_key_picture() {
        let mut queue = UnitQueue::new(Bound::STREAM);
        (0..9).for_each(|n| assert_eq!(queue.push(unit(n, n % 4 == 0, 9)), 0));
        assert_eq!((queue.skip(), queue.len(), queue.bytes), (8, 1, 9));
        let key = queue.pop().unwrap();
        assert_eq!((key.unit.time, key.anew), (CaptureTime(800_000), true));
        // None waits: what comes next is of no use.
        assert_eq!((queue.skip(), queue.push(unit(9, false, 9)), queue.push(unit(10, true, 9))), (0, 1, 0));
        assert!(queue.pop().unwrap().anew);
    }

    #[test]
    fn two_seconds_wait_and_no_more() {
        let mut queue = UnitQueue::new(Bound::STREAM);
        let dropped: usize = (0..=20).map(|n| queue.push(unit(n, n == 0, 9))).sum();
        assert_eq!((dropped, queue.len()), (0, 21));
        assert_eq!(queue.push(unit(21, false, 9)), 22);
        assert_eq!(queue.push(unit(22, false, 9)), 1);
        assert_eq!((queue.push(unit(23, true, 9)), queue.len()), (0, 1));
    }
}
