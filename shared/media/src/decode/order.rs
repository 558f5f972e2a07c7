//! Which capture time belongs to the picture that comes out of the decoder.
//!
//! In order, it is the time of the unit that went in. Reordered, pictures come out as they are to be shown, so that
//! the earliest time among the units that went in and have not come out is the one.

use std::collections::BTreeSet;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::AccessUnit;

use crate::bitstream::h264::{Reordering, has_b_slice};
use crate::bitstream::nal::nals;

/// Most pictures that a decoder may hold back (`MaxDpbFrames`, H.264 §A.3.1), and the one being decoded.
const MAX_PENDING: usize = 17;

/// Follows one stream's order.
#[derive(Debug, Default)]
pub(super) struct Order {
    reordered: bool,
    /// Whether B slices are to be looked for, because the parameter set rules them out as little as it announces them.
    unsaid: bool,
    /// Whether one has come.
    revealed: bool,
    /// Times of units that went in and did not come out. Empty while the stream is in order.
    pending: BTreeSet<CaptureTime>,
}

impl Order {
    pub(super) fn is_reordered(&self) -> bool {
        self.reordered
    }

    /// A new parameter set is in force.
    pub(super) fn announced(&mut self, reordering: Reordering) {
        self.unsaid = reordering == Reordering::Unsaid;
        self.reordered = reordering == Reordering::Announced || (self.unsaid && self.revealed);
    }

    /// Whether a B slice has come that nothing had announced.
    pub(super) fn has_revealed(&self) -> bool {
        self.revealed
    }

    /// Goes on with a stream of which that is known.
    pub(super) fn know(&mut self, revealed: bool) {
        self.revealed = revealed;
        if self.unsaid {
            self.reordered = revealed;
        }
    }

    /// What went in will not come out.
    pub(super) fn forget_pending(&mut self) {
        self.pending.clear();
    }

    /// Whether a unit shows for the first time that the stream is reordered, which nothing had said. From the next key
    /// picture on it is taken as that.
    pub(super) fn is_revealed_by(&mut self, unit: &AccessUnit) -> bool {
        let revealed = self.unsaid && !self.reordered && has_b_slice(&unit.data);
        self.reordered |= revealed;
        self.revealed |= revealed;
        revealed
    }

    /// A unit goes in.
    pub(super) fn sent(&mut self, unit: &AccessUnit) {
        if self.reordered && nals(&unit.data).any(|nal| nal.is_slice(unit.codec)) {
            self.pending.insert(unit.time);
            if self.pending.len() > MAX_PENDING {
                // A picture was lost in the decoder; its time must not be given to all that follow.
                self.pending.pop_first();
            }
        }
    }

    /// The time of a picture that came out when the unit of `sent` went in.
    pub(super) fn shown(&mut self, sent: CaptureTime) -> Option<CaptureTime> {
        if self.reordered { self.pending.pop_first() } else { Some(sent) }
    }
}
