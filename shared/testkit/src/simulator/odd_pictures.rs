//! What quirks make of a picture before it is cut into packets. Pure.

use std::borrow::Cow;

use bytes::Bytes;
use omma_media::bitstream::h264;
use omma_protocol::unit::Codec;

use super::quirk::{Quirk, Quirks};
use super::source::{Picture, nal_type};

/// SEI units before each picture of a flood.
const FLOOD: usize = 20;
/// An access unit delimiter of any slice type (H.264 §7.3.2.4).
const DELIMITER: &[u8] = &[0x09, 0xf0];
/// User data, unregistered: 16 bytes of a name and one of content (H.264 §D.1.7).
const SEI: &[u8] = &[
    0x06, 0x05, 0x11, 0x6f, 0x6d, 0x6d, 0x61, 0x6f, 0x6d, 0x6d, 0x61, 0x6f, 0x6d, 0x6d, 0x61, 0x6f, 0x6d, 0x6d, 0x61,
    0x2a, 0x80,
];
const START_CODE: &[u8] = &[0, 0, 0, 1];

/// The NAL units that are sent for a picture. Of H.265 nothing is odd here.
pub(super) fn nals<'a>(picture: &'a Picture, quirks: &Quirks) -> Cow<'a, [Bytes]> {
    let mut nals = Cow::Borrowed(picture.nals.as_slice());
    if picture.codec != Codec::H264 {
        return nals;
    }
    if quirks.has(Quirk::LongSps) {
        for nal in nals.to_mut().iter_mut().filter(|nal| nal_type(nal) == h264::SPS) {
            *nal = long_sps(nal);
        }
    }
    if quirks.has(Quirk::OutOfBandOnly) {
        nals.to_mut().retain(|nal| !is_parameter_set(nal));
    }
    if quirks.has(Quirk::MarkerOnSei) {
        let behind_sets = nals.iter().take_while(|nal| is_parameter_set(nal)).count();
        nals.to_mut().insert(behind_sets, Bytes::from_static(SEI));
    }
    if quirks.has(Quirk::SeiFlood) {
        let flood = std::iter::once(DELIMITER).chain(std::iter::repeat_n(SEI, FLOOD)).map(Bytes::from_static);
        nals = flood.chain(nals.iter().cloned()).collect();
    }
    if quirks.has(Quirk::AnnexBInRtp) {
        nals = Cow::Owned(vec![nals.join(START_CODE).into()]);
    }
    nals
}

/// A sequence parameter set with a byte too many.
pub(super) fn long_sps(sps: &[u8]) -> Bytes {
    [sps, &[0x80]].concat().into()
}

fn is_parameter_set(nal: &[u8]) -> bool {
    matches!(nal_type(nal), h264::SPS | h264::PPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NALS: [&[u8]; 3] = [&[0x67, 1], &[0x68, 2], &[0x65, 3]];

    #[test]
    fn only_what_is_asked_for_changes() {
        let picture = Picture { codec: Codec::H264, key: true, nals: NALS.map(Bytes::from_static).to_vec() };
        let kinds = |quirk: Option<Quirk>| {
            nals(&picture, &quirk.into_iter().collect()).iter().map(|nal| nal_type(nal)).collect::<Vec<_>>()
        };
        assert_eq!(kinds(None), [7, 8, 5]);
        assert_eq!(kinds(Some(Quirk::NoOrigin)), [7, 8, 5]);
        assert_eq!(kinds(Some(Quirk::OutOfBandOnly)), [5]);
        assert_eq!(nals(&picture, &[Quirk::LongSps].into_iter().collect())[0], [0x67, 1, 0x80][..]);
        assert_eq!(kinds(Some(Quirk::MarkerOnSei)), [7, 8, 6, 5]);
        assert_eq!(kinds(Some(Quirk::SeiFlood))[..3], [9, 6, 6]);
        let joined = nals(&picture, &[Quirk::AnnexBInRtp].into_iter().collect());
        assert_eq!(joined[0], [0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 1, 0x65, 3][..]);
    }
}
