//! Cutting a byte stream into access units, for files: over RTP a camera says itself where a unit ends.

use omma_protocol::unit::Codec;

use super::nal::{Nal, nals};
use super::{detect_codec, h264, h265};

/// The access units of a whole byte stream (H.264 §7.4.1.2.3, H.265 §7.4.2.4.4), in order. Together they are the
/// stream, byte for byte; what comes before the first start code goes with the first unit.
///
/// A new primary coded picture is known by its first slice beginning at the first macroblock. Arbitrary slice order
/// and redundant slices, which break that rule, exist in Baseline and Extended profile only, and no camera or encoder
/// that can be bought sends them.
pub fn split_access_units(stream: &[u8]) -> Vec<&[u8]> {
    if stream.is_empty() {
        return vec![];
    }
    let codec = detect_codec(stream).unwrap_or(Codec::H264);
    let mut units = vec![];
    let (mut begin, mut has_picture) = (0, false);
    for nal in nals(stream) {
        if has_picture && begins_unit(&nal, codec) {
            units.push(&stream[begin..nal.offset]);
            (begin, has_picture) = (nal.offset, false);
        }
        has_picture |= nal.is_slice(codec);
    }
    units.push(&stream[begin..]);
    units
}

/// Whether a NAL unit behind a coded picture is the first of the next access unit.
fn begins_unit(nal: &Nal<'_>, codec: Codec) -> bool {
    match codec {
        Codec::H264 => match nal.h264_type() {
            // SEI, SPS, PPS, access unit delimiter, and the types reserved to come before a picture.
            6..=9 | 14..=18 => true,
            _ => h264::slice_head(nal).is_some_and(|head| head.first_macroblock == 0),
        },
        Codec::H265 => match nal.h265_type() {
            // VPS, SPS, PPS, access unit delimiter, prefix SEI, and the types reserved or free to come before one.
            h265::VPS..=35 | 39 | 41..=44 | 48..=55 => true,
            _ => h265::begins_picture(nal),
        },
    }
}
