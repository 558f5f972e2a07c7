//! What one reader has yet to read. Pure: no clock, no lock, no waker.
//!
//! ```text
//!            key picture arrives
//!   seeking ─────────────────────▶ following
//!      ▲                               │
//!      └───────────────────────────────┘
//!        full: what is queued is dropped
//! ```
//!
//! A coded picture is of no use without those before it, back to the key picture. So a full queue does not lose one
//! picture but all that it holds, and goes on at the next key picture: the reader is then at the present again, instead
//! of a whole queue behind it for ever.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use omma_protocol::track::FrameResult;
use omma_protocol::unit::AccessUnit;

use super::Item;

/// Most units queued: about two seconds of a fast camera.
pub const MAX_UNITS: usize = 128;
/// Most bytes of units queued.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most results queued. Each stands alone, so the oldest one goes.
pub const MAX_RESULTS: usize = 64;

/// A bounded queue of units and results, in order of arrival.
#[derive(Debug, Default)]
pub struct Queue {
    /// The group that was cached when the reader came. It is shared memory and ends by itself, so the bound leaves it out.
    replay: VecDeque<Item>,
    items: VecDeque<Item>,
    units: usize,
    bytes: usize,
    results: usize,
    following: bool,
}

impl Queue {
    /// Begins with the cached group: empty, or beginning with a key picture. The reader comes at `now`.
    pub fn new(replay: Vec<AccessUnit>, now: Instant) -> Self {
        let replay: VecDeque<Item> = replay.into_iter().map(|unit| Item::Unit { unit, arrived: now }).collect();
        Self { following: !replay.is_empty(), replay, ..Self::default() }
    }

    /// Adds a unit. Returns how many units were dropped because the reader is too slow; those that merely precede the
    /// first key picture are not counted.
    pub fn push_unit(&mut self, unit: AccessUnit, arrived: Instant) -> usize {
        let mut dropped = 0;
        let full = self.units >= MAX_UNITS || self.bytes + unit.data.len() > MAX_BYTES;
        if self.following && full {
            dropped = self.drop_units();
            self.following = false;
            if !unit.key {
                dropped += 1;
            }
        }
        if unit.key {
            self.following = true;
        }
        if self.following {
            self.units += 1;
            self.bytes += unit.data.len();
            self.items.push_back(Item::Unit { unit, arrived });
        }
        dropped
    }

    /// Adds a result. Returns how many were dropped.
    pub fn push_result(&mut self, result: Arc<FrameResult>) -> usize {
        let mut dropped = 0;
        if self.results >= MAX_RESULTS
            && let Some(oldest) = self.items.iter().position(|item| matches!(item, Item::Result(_)))
        {
            self.items.remove(oldest);
            self.results -= 1;
            dropped = 1;
        }
        self.results += 1;
        self.items.push_back(Item::Result(result));
        dropped
    }

    /// The next thing to read.
    pub fn pop(&mut self) -> Option<Item> {
        if let Some(item) = self.replay.pop_front() {
            return Some(item);
        }
        let item = self.items.pop_front()?;
        match &item {
            Item::Unit { unit, .. } => {
                self.units -= 1;
                self.bytes -= unit.data.len();
            }
            Item::Result(_) => self.results -= 1,
        }
        Some(item)
    }

    fn drop_units(&mut self) -> usize {
        let dropped = self.units + self.replay.len();
        self.replay.clear();
        self.items.retain(|item| matches!(item, Item::Result(_)));
        (self.units, self.bytes) = (0, 0);
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::time::CaptureTime;
    use omma_protocol::unit::Codec;
    use proptest::prelude::*;

    fn unit(n: i64, key: bool, len: usize) -> AccessUnit {
        AccessUnit { time: CaptureTime(n), key, codec: Codec::H264, data: vec![0; len].into() }
    }

    fn push(queue: &mut Queue, unit: AccessUnit) -> usize {
        queue.push_unit(unit, Instant::now())
    }

    fn read(queue: &mut Queue) -> Vec<(i64, bool)> {
        std::iter::from_fn(|| queue.pop())
            .filter_map(|item| match item {
                Item::Unit { unit, .. } => Some((unit.time.0, unit.key)),
                Item::Result(_) => None,
            })
            .collect()
    }

    #[test]
    fn without_a_cached_group_reading_begins_at_a_key_picture() {
        let mut queue = Queue::new(vec![], Instant::now());
        assert_eq!(push(&mut queue, unit(1, false, 1)), 0);
        assert_eq!(push(&mut queue, unit(2, true, 1)), 0);
        assert_eq!(push(&mut queue, unit(3, false, 1)), 0);
        assert_eq!(read(&mut queue), [(2, true), (3, false)]);
    }

    #[test]
    fn a_full_queue_skips_to_the_next_key_picture() {
        let mut queue = Queue::new(vec![unit(0, true, 1)], Instant::now());
        for n in 1..=MAX_UNITS as i64 {
            assert_eq!(push(&mut queue, unit(n, false, 1)), 0);
        }
        assert_eq!(push(&mut queue, unit(500, false, 1)), MAX_UNITS + 2);
        assert_eq!(push(&mut queue, unit(501, false, 1)), 0);
        assert_eq!(push(&mut queue, unit(502, true, 1)), 0);
        assert_eq!(read(&mut queue), [(502, true)]);
    }

    #[test]
    fn a_full_queue_takes_a_key_picture_at_once() {
        let mut queue = Queue::new(vec![unit(0, true, 1)], Instant::now());
        assert_eq!(push(&mut queue, unit(1, false, MAX_BYTES)), 0);
        assert_eq!(push(&mut queue, unit(2, true, 9)), 2);
        assert_eq!(read(&mut queue), [(2, true)]);
    }

    proptest! {
        /// However the writer and the reader interleave: what is read can be decoded, is in order, and every unit since
        /// the first key picture was either read or counted as dropped, but for those passed over while seeking.
        #[test]
        fn what_is_read_can_be_decoded(steps in prop::collection::vec((any::<bool>(), 0usize..40, 0usize..30), 1..60)) {
            let mut queue = Queue::new(vec![], Instant::now());
            let mut next = 0;
            let mut got = vec![];
            for (key, write, reads) in steps {
                for i in 0..write {
                    next += 1;
                    push(&mut queue, unit(next, key && i == 0, 1 << 16));
                    prop_assert!(queue.units <= MAX_UNITS && queue.bytes <= MAX_BYTES);
                }
                for _ in 0..reads {
                    if let Some(Item::Unit { unit, .. }) = queue.pop() {
                        got.push((unit.time.0, unit.key));
                    }
                }
            }
            got.extend(read(&mut queue));
            for (i, &(n, key)) in got.iter().enumerate() {
                prop_assert!(key || (i > 0 && got[i - 1].0 + 1 == n), "unit {n} follows a gap and is no key picture");
            }
        }
    }
}
