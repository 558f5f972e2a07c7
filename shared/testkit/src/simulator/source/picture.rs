//! A coded picture as it is sent: NAL units, not a byte stream.

use bytes::Bytes;
use omma_media::bitstream::nal::nals;
use omma_media::bitstream::{h264, h265, is_key};
use omma_protocol::unit::Codec;

/// One coded picture, cut into NAL units without start codes; none is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator) struct Picture {
    /// How it is coded.
    pub(in crate::simulator) codec: Codec,
    /// Whether decoding can begin here.
    pub(in crate::simulator) key: bool,
    /// In the order they are sent.
    pub(in crate::simulator) nals: Vec<Bytes>,
}

impl Picture {
    /// The NAL units of an access unit, which lies within `stream`.
    pub(super) fn cut(codec: Codec, stream: &Bytes, unit: &[u8]) -> Self {
        let nals = nals(unit).map(|nal| stream.slice_ref(nal.bytes)).collect();
        Self { codec, key: is_key(codec, unit), nals }
    }
}

/// `nal_unit_type` of an H.264 unit that is not empty.
pub(in crate::simulator) fn nal_type(nal: &[u8]) -> u8 {
    nal[0] & 0x1f
}

/// `nal_unit_type` of an H.265 unit that is not empty.
pub(in crate::simulator) fn h265_type(nal: &[u8]) -> u8 {
    nal[0] >> 1 & 0x3f
}

/// What a decoder must know first: one of each parameter set, each a NAL unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator) struct ParameterSets {
    /// Of H.265, which has one more; `None` of H.264.
    pub(in crate::simulator) vps: Option<Bytes>,
    pub(in crate::simulator) sps: Bytes,
    pub(in crate::simulator) pps: Bytes,
}

impl ParameterSets {
    /// The first ones of these NAL units.
    pub(super) fn find(codec: Codec, nals: &[Bytes]) -> Option<Self> {
        let first = |type_of: fn(&[u8]) -> u8, kind| nals.iter().find(|nal| type_of(nal) == kind).cloned();
        Some(match codec {
            Codec::H264 => Self { vps: None, sps: first(nal_type, h264::SPS)?, pps: first(nal_type, h264::PPS)? },
            Codec::H265 => Self {
                vps: Some(first(h265_type, h265::VPS)?),
                sps: first(h265_type, h265::SPS)?,
                pps: first(h265_type, h265::PPS)?,
            },
        })
    }

    /// What they are of.
    pub(in crate::simulator) fn codec(&self) -> Codec {
        if self.vps.is_some() { Codec::H265 } else { Codec::H264 }
    }
}
