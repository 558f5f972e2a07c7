//! The units that the analysis may have to look back at: from a key picture on, without a gap.
//!
//! ```text
//!             ┌── unit: kept; what is before `from` goes ──┐
//! Empty ──key picture──▶ Holding ──────────────────────────┘
//!   ▲                       │ over the bound, or cleared: all goes
//!   └───────────────────────┘
//! ```
//!
//! Coded bytes are shared with whoever else has the unit; nothing is copied.

use std::collections::VecDeque;

use omma_protocol::time::CaptureTime;

use crate::unit_queue::{Arrived, Bound};

/// Kept units of one stream, in the order of decoding. Owned by the camera's analysis.
#[derive(Debug)]
pub struct KeptUnits {
    bound: Bound,
    units: VecDeque<Arrived>,
    bytes: usize,
}

impl KeptUnits {
    /// Empty; begins with the first key picture.
    pub fn new(bound: Bound) -> Self {
        Self { bound, units: VecDeque::new(), bytes: 0 }
    }

    /// Takes the next unit of the stream.
    pub fn push(&mut self, arrived: Arrived) {
        // The clock was set back: by times alone, what is older could not be told from what is newer.
        if arrived.unit.key && self.units.back().is_some_and(|last| last.unit.time > arrived.unit.time) {
            self.clear();
        }
        if arrived.unit.key || !self.units.is_empty() {
            self.bytes += arrived.unit.data.len();
            self.units.push_back(arrived);
        }
    }

    /// Keeps only what is from the key picture of `from` on; nothing where there is none. `false`: even that was over
    /// the bound, and all was let go.
    pub fn keep_from(&mut self, from: Option<CaptureTime>) -> bool {
        while let Some(first) = self.units.front().filter(|first| from.is_none_or(|from| first.unit.time < from)) {
            self.bytes -= first.unit.data.len();
            self.units.pop_front();
        }
        let span = self.units.front().zip(self.units.back()).map(|(first, last)| last.unit.time.since(first.unit.time));
        let fits = span.is_none_or(|span| span <= self.bound.span)
            && self.bytes <= self.bound.bytes
            && self.units.len() <= self.bound.units;
        if !fits {
            self.clear();
        }
        fits
    }

    /// What is kept from the key picture of this time on. Nothing where that is not kept.
    pub fn from(&self, key: CaptureTime) -> impl Iterator<Item = &Arrived> {
        let at = self.units.iter().position(|kept| kept.unit.key && kept.unit.time == key);
        self.units.iter().skip(at.unwrap_or(self.units.len()))
    }

    /// What is kept from the last key picture on.
    pub fn last_group(&self) -> impl Iterator<Item = &Arrived> {
        let at = self.units.iter().rposition(|kept| kept.unit.key);
        self.units.iter().skip(at.unwrap_or(self.units.len()))
    }

    /// Lets everything go until the next key picture, as after a unit was lost.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use omma_protocol::unit::{AccessUnit, Codec};

    use super::*;
    use crate::Moment;

    const BOUND: Bound = Bound { span: Duration::from_secs(24), bytes: 1000, units: 30 };

    fn unit(seconds: i64, key: bool, bytes: usize) -> Arrived {
        let time = CaptureTime(seconds * 1_000_000);
        let unit = AccessUnit { time, key, codec: Codec::H264, data: vec![0; bytes].into() };
        Arrived { unit, at: Moment::ZERO, anew: false }
    }

    fn seconds<'a>(units: impl Iterator<Item = &'a Arrived>) -> Vec<i64> {
        units.map(|kept| kept.unit.time.0 / 1_000_000).collect()
    }

    #[test]
    fn two_groups_are_kept_and_what_is_before_goes() {
        let mut kept = KeptUnits::new(BOUND);
        for n in 1..10 {
            kept.push(unit(n, n % 3 == 0, 10));
            assert!(kept.keep_from((n >= 3).then_some(CaptureTime((n / 3 * 3 - 3).max(3) * 1_000_000))));
        }
        assert_eq!(seconds(kept.from(CaptureTime(6_000_000))), [6, 7, 8, 9]);
        assert_eq!((seconds(kept.last_group()), kept.bytes), (vec![9], 40));
        assert_eq!(seconds(kept.from(CaptureTime(3_000_000))), Vec::<i64>::new(), "it is gone");
        assert_eq!(seconds(kept.from(CaptureTime(7_000_000))), Vec::<i64>::new(), "nothing begins there");
        assert!(kept.keep_from(None) && kept.units.is_empty() && kept.bytes == 0);
    }

    #[test]
    fn over_any_bound_all_goes_until_the_next_key_picture() {
        for (step, bytes, number) in [(9, 1, 4), (1, 400, 3), (0, 1, 31)] {
            let mut kept = KeptUnits::new(BOUND);
            for n in 0..number {
                assert!(kept.keep_from(Some(CaptureTime(0))), "{n} of {number}");
                kept.push(unit(n * step, n == 0, bytes));
            }
            assert!(!kept.keep_from(Some(CaptureTime(0))) && kept.units.is_empty() && kept.bytes == 0);
            kept.push(unit(100, false, 1));
            assert!(kept.units.is_empty());
            kept.push(unit(101, true, 1));
            assert_eq!(seconds(kept.last_group()), [101]);
        }
    }

    #[test]
    fn a_clock_set_back_begins_anew() {
        let mut kept = KeptUnits::new(BOUND);
        kept.push(unit(50, true, 10));
        kept.push(unit(51, false, 10));
        kept.push(unit(7, true, 10));
        assert!(kept.keep_from(Some(CaptureTime(7_000_000))));
        assert_eq!((seconds(kept.last_group()), kept.bytes), (vec![7], 10));
    }
}
