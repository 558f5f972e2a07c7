//! Parameter sets before each key picture (H.264 §7.4.1.2.1), which some encoders send only once.

use bytes::{Bytes, BytesMut};
use omma_media::bitstream::h264::{IDR, PPS, SPS};
use omma_media::bitstream::nal::nals;
use omma_protocol::unit::Codec;

/// `nal_unit_type` of the access unit delimiter, before which nothing may stand.
const DELIMITER: u8 = 9;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The parameter sets that came last.
#[derive(Debug, Default)]
pub struct ParameterSets {
    sps: Vec<u8>,
    pps: Vec<u8>,
}

impl ParameterSets {
    /// An access unit as it goes on, in Annex B, and whether it is a key picture: then with the sets before it, where it has
    /// none of its own.
    /// `None` for one without a picture, whose sets are kept.
    pub fn complete(&mut self, unit: &[u8]) -> Option<(Bytes, bool)> {
        let (mut sps, mut pps, mut is_picture, mut is_key, mut begin) = (vec![], vec![], false, false, None);
        for nal in nals(unit) {
            let kind = nal.h264_type();
            match kind {
                SPS => append(&mut sps, nal.bytes),
                PPS => append(&mut pps, nal.bytes),
                _ => {}
            }
            is_picture |= nal.is_slice(Codec::H264);
            is_key |= kind == IDR;
            if kind != DELIMITER {
                begin = begin.or(Some(nal.offset));
            }
        }
        let has_own = !sps.is_empty() && !pps.is_empty();
        keep(&mut self.sps, sps);
        keep(&mut self.pps, pps);
        let begin = begin.filter(|_| is_picture)?;
        if !is_key || has_own {
            return Some((Bytes::copy_from_slice(unit), is_key));
        }
        let (before, rest) = unit.split_at_checked(begin)?;
        let mut whole = BytesMut::with_capacity(unit.len() + self.sps.len() + self.pps.len());
        for part in [before, &self.sps[..], &self.pps[..], rest] {
            whole.extend_from_slice(part);
        }
        Some((whole.freeze(), true))
    }
}

fn append(sets: &mut Vec<u8>, nal: &[u8]) {
    sets.extend_from_slice(&START_CODE);
    sets.extend_from_slice(nal);
}

fn keep(kept: &mut Vec<u8>, new: Vec<u8>) {
    if !new.is_empty() {
        *kept = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPS_NAL: &[u8] = &[0x67, 66, 1];
    const PPS_NAL: &[u8] = &[0x68, 7];
    const KEY: &[u8] = &[0x65, 1];
    const OTHER: &[u8] = &[0x41, 2];
    const AUD: &[u8] = &[0x09, 0x10];

    fn unit(nals: &[&[u8]]) -> Vec<u8> {
        let mut unit = vec![];
        nals.iter().for_each(|nal| append(&mut unit, nal));
        unit
    }

    #[test]
    fn an_encoder_that_sends_its_sets_once_gets_them_before_each_key_picture() {
        let mut sets = ParameterSets::default();
        assert_eq!(sets.complete(&unit(&[SPS_NAL, PPS_NAL])), None, "no picture");
        for (given, expected) in [
            (unit(&[KEY]), unit(&[SPS_NAL, PPS_NAL, KEY])),
            (unit(&[OTHER]), unit(&[OTHER])),
            (unit(&[AUD, KEY, KEY]), unit(&[AUD, SPS_NAL, PPS_NAL, KEY, KEY])),
            (unit(&[SPS_NAL, PPS_NAL, KEY]), unit(&[SPS_NAL, PPS_NAL, KEY])),
        ] {
            let key = given.windows(2).any(|two| two == KEY);
            assert_eq!(sets.complete(&given), Some((expected.into(), key)));
        }
    }

    #[test]
    fn new_sets_take_the_place_of_the_old_and_garbage_is_no_picture() {
        let mut sets = ParameterSets::default();
        let (new_sps, new_pps): (&[u8], &[u8]) = (&[0x67, 77, 9], &[0x68, 8]);
        drop(sets.complete(&unit(&[SPS_NAL, PPS_NAL, KEY])));
        assert_eq!(sets.complete(&unit(&[new_sps, new_pps])), None);
        assert_eq!(sets.complete(&unit(&[KEY])), Some((unit(&[new_sps, new_pps, KEY]).into(), true)));
        assert_eq!(sets.complete(b"no stream"), None);
        assert_eq!(sets.complete(&[]), None);
    }
}
