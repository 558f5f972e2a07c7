//! A coded picture as it is sent: NAL units, not a byte stream.

use bytes::Bytes;
use omma_media::bitstream::h264;
use omma_media::bitstream::nal::nals;

/// One coded picture, cut into NAL units without start codes; none is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator) struct Picture {
    /// Whether decoding can begin here.
    pub(in crate::simulator) key: bool,
    /// In the order they are sent.
    pub(in crate::simulator) nals: Vec<Bytes>,
}

impl Picture {
    /// The NAL units of an access unit, which lies within `stream`.
    pub(super) fn cut(stream: &Bytes, unit: &[u8]) -> Self {
        let nals: Vec<Bytes> = nals(unit).map(|nal| stream.slice_ref(nal.bytes)).collect();
        Self { key: nals.iter().any(|nal| nal_type(nal) == h264::IDR), nals }
    }
}

/// `nal_unit_type` of a unit that is not empty.
pub(in crate::simulator) fn nal_type(nal: &[u8]) -> u8 {
    nal[0] & 0x1f
}

/// What a decoder must know first: one sequence and one picture parameter set, each a NAL unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator) struct ParameterSets {
    pub(in crate::simulator) sps: Bytes,
    pub(in crate::simulator) pps: Bytes,
}

impl ParameterSets {
    /// The first ones of these NAL units.
    pub(super) fn find(nals: &[Bytes]) -> Option<Self> {
        let first = |kind| nals.iter().find(|nal| nal_type(nal) == kind).cloned();
        Some(Self { sps: first(h264::SPS)?, pps: first(h264::PPS)? })
    }
}
