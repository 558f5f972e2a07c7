//! The units since the last key picture: what a new viewer, a detector woken up or a link restored begins with.

use omma_protocol::unit::AccessUnit;

/// Keeps the current group of pictures of one stream. Owned by one task.
///
/// ```text
///             ┌── other unit: kept ──┐
/// Empty ──key picture──▶ Holding ────┘
///   ▲                       │ over the bound: emptied, counted
///   └───────────────────────┘
/// ```
///
/// A key picture replaces what is held. Units that are not preceded by a key picture are of use to nobody and are not
/// kept. A group that grows over the bound is let go as a whole, since a group without its middle can't be decoded.
#[derive(Debug)]
pub struct GroupBuffer {
    units: Vec<AccessUnit>,
    bytes: usize,
    max_units: usize,
    max_bytes: usize,
    overflows: u64,
}

impl GroupBuffer {
    /// A buffer for at most `max_units` units of together at most `max_bytes` bytes.
    pub fn new(max_units: usize, max_bytes: usize) -> Self {
        Self { units: vec![], bytes: 0, max_units, max_bytes, overflows: 0 }
    }

    /// Takes the next unit of the stream.
    pub fn push(&mut self, unit: AccessUnit) {
        if unit.key {
            self.clear();
        } else if self.units.is_empty() {
            return;
        }
        self.bytes += unit.data.len();
        self.units.push(unit);
        if self.units.len() > self.max_units || self.bytes > self.max_bytes {
            self.clear();
            self.overflows += 1;
        }
    }

    /// From the last key picture on; empty where there is none.
    pub fn units(&self) -> &[AccessUnit] {
        &self.units
    }

    /// Lets everything go until the next key picture, as after a unit was lost.
    pub fn clear(&mut self) {
        self.units.clear();
        self.bytes = 0;
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How often a group was let go because it was over the bound.
    pub fn overflows(&self) -> u64 {
        self.overflows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::time::CaptureTime;
    use omma_protocol::unit::Codec;

    fn unit(time: i64, key: bool, bytes: usize) -> AccessUnit {
        AccessUnit { time: CaptureTime(time), key, codec: Codec::H264, data: vec![0; bytes].into() }
    }

    fn held(buffer: &GroupBuffer) -> Vec<i64> {
        buffer.units().iter().map(|u| u.time.0).collect()
    }

    #[test]
    fn holds_from_the_last_key_picture_on() {
        let mut buffer = GroupBuffer::new(10, 1000);
        for (time, key) in [(1, false), (2, true), (3, false), (4, true), (5, false)] {
            buffer.push(unit(time, key, 10));
        }
        assert_eq!((held(&buffer), buffer.bytes(), buffer.overflows()), (vec![4, 5], 20, 0));
    }

    #[test]
    fn over_either_bound_it_waits_for_the_next_key_picture() {
        for (units, bytes) in [(2, 1000), (10, 25)] {
            let mut buffer = GroupBuffer::new(units, bytes);
            for (time, key) in [(1, true), (2, false), (3, false), (4, false)] {
                buffer.push(unit(time, key, 10));
            }
            assert_eq!((held(&buffer), buffer.bytes(), buffer.overflows()), (vec![], 0, 1));
            buffer.push(unit(5, true, 10));
            assert_eq!(held(&buffer), [5]);
        }
    }
}
