//! Payloads of H.265 (RFC 7798), without decoding order numbers.

use bytes::Bytes;

use super::super::quirk::Quirk;
use super::super::source::h265_type;
use super::{MAX_PAYLOAD, Packetiser, Packets};

/// Aggregation packet.
const AP: u8 = 48;
/// Fragmentation unit.
const FU: u8 = 49;
/// A slice that others may refer to (TRAIL_R).
const SLICE: u8 = 1;
/// Bytes before the content of a fragment: the payload header and the FU header.
const FU_HEADERS: usize = 3;

impl Packetiser {
    /// Appends the packets of one picture's NAL units to `out`: parameter sets together, what is too long in pieces.
    pub(super) fn packetise_h265(&mut self, mut nals: &[Bytes], stamp: u32, out: &mut Packets) {
        while let [nal, rest @ ..] = nals {
            let whole = !self.quirks.has(Quirk::SingleFragments);
            let together = if whole { parameter_sets_in_front(nals) } else { 0 };
            if together > 1 {
                self.aggregate_h265(&nals[..together], stamp, together == nals.len(), out);
                nals = &nals[together..];
                continue;
            }
            let last = rest.is_empty();
            if nal.len() > MAX_PAYLOAD || !whole {
                self.fragment_h265(nal, stamp, last, out);
            } else {
                self.packet(stamp, self.marks(last), &[nal], out);
            }
            nals = rest;
        }
    }

    /// Aggregation packet (RFC 7798 §4.4.2). Layer and temporal id are the lowest of those inside, which a video
    /// parameter set in front has.
    fn aggregate_h265(&mut self, nals: &[Bytes], stamp: u32, last: bool, out: &mut Packets) {
        let mut payload = header(&nals[0], AP).to_vec();
        for nal in nals {
            payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
            payload.extend_from_slice(nal);
        }
        self.packet(stamp, self.marks(last), &[&payload], out);
    }

    /// Fragmentation units (RFC 7798 §4.4.3).
    fn fragment_h265(&mut self, nal: &[u8], stamp: u32, last: bool, out: &mut Packets) {
        let [high, low] = header(nal, FU);
        let (kind, size) = (h265_type(nal), MAX_PAYLOAD - FU_HEADERS);
        let body = &nal[2..];
        let count = body.len().div_ceil(size);
        for (i, piece) in body.chunks(size).enumerate() {
            let (start, end) = (i == 0, i + 1 == count);
            let told = if !start && self.quirks.has(Quirk::FragmentTypeChanges) { SLICE } else { kind };
            let fu = (u8::from(start) << 7) | (u8::from(end) << 6) | told;
            self.packet(stamp, self.marks(last && end), &[&[high, low, fu], piece], out);
            if !end && self.quirks.has(Quirk::EmptyFragments) {
                self.packet(stamp, false, &[&[high, low, told]], out);
            }
        }
    }
}

/// A unit's header with another type (RFC 7798 §1.1.4).
fn header(nal: &[u8], kind: u8) -> [u8; 2] {
    [(nal[0] & 0x81) | (kind << 1), nal[1]]
}

/// How many parameter sets stand in front and fit one packet together.
fn parameter_sets_in_front(nals: &[Bytes]) -> usize {
    let mut size = 2;
    nals.iter()
        .take_while(|nal| {
            size += 2 + nal.len();
            matches!(h265_type(nal), 32..=34) && size <= MAX_PAYLOAD
        })
        .count()
}

#[cfg(test)]
mod tests {
    use omma_protocol::time::CaptureTime;
    use omma_protocol::unit::Codec;
    use proptest::prelude::*;

    use super::super::super::source::Picture;
    use super::*;

    /// What a player puts together again.
    fn depacketise(packets: &Packets) -> Vec<Vec<u8>> {
        let mut nals: Vec<Vec<u8>> = vec![];
        for packet in packets.iter() {
            let payload = &packet[12..];
            match h265_type(payload) {
                AP => {
                    let mut rest = &payload[2..];
                    while let Some((length, after)) = rest.split_first_chunk::<2>() {
                        let (nal, after) = after.split_at(usize::from(u16::from_be_bytes(*length)));
                        nals.push(nal.to_vec());
                        rest = after;
                    }
                }
                FU => {
                    if payload[2] & 0x80 != 0 {
                        nals.push(vec![(payload[0] & 0x81) | ((payload[2] & 0x3f) << 1), payload[1]]);
                    }
                    nals.last_mut().unwrap().extend_from_slice(&payload[FU_HEADERS..]);
                }
                _ => nals.push(payload.to_vec()),
            }
        }
        nals
    }

    fn nal() -> impl Strategy<Value = Bytes> {
        let size = prop_oneof![3usize..60, 1390usize..1410, 2790usize..2810, 4000usize..9000];
        // Types up to 40 are those of the standard that a camera sends; temporal ids from 1 on.
        (prop_oneof![Just(32u8), Just(33), Just(34), 0u8..41], 1u8..8, size).prop_map(|(kind, temporal, size)| {
            let body = (2..size).map(|i| i as u8);
            [kind << 1, temporal].into_iter().chain(body).collect::<Vec<_>>().into()
        })
    }

    proptest! {
        #[test]
        fn a_picture_comes_out_as_it_went_in(nals in prop::collection::vec(nal(), 1..8)) {
            let mut packets = Packets::default();
            let picture = Picture { codec: Codec::H265, key: true, nals: nals.clone() };
            Packetiser::new(7, 1, 99).packetise(&picture, CaptureTime(0), &mut packets);
            prop_assert_eq!(depacketise(&packets), nals.iter().map(|n| n.to_vec()).collect::<Vec<_>>());
            let count = packets.iter().count();
            for (i, packet) in packets.iter().enumerate() {
                prop_assert!(packet.len() <= 12 + MAX_PAYLOAD);
                prop_assert_eq!(packet[1] >> 7 == 1, i + 1 == count, "marker on the last packet only");
            }
        }
    }

    #[test]
    fn parameter_sets_go_together_and_no_fragment_is_first_and_last() {
        let long = [&[0x26, 1][..], &[7; MAX_PAYLOAD]].concat();
        let sets: [&[u8]; 3] = [&[0x40, 1, 2], &[0x42, 1, 3], &[0x44, 1, 4]];
        let nals = sets.into_iter().chain([&long[..]]).map(Bytes::copy_from_slice).collect();
        let mut packets = Packets::default();
        Packetiser::new(1, 0, 0).packetise(
            &Picture { codec: Codec::H265, key: true, nals },
            CaptureTime(0),
            &mut packets,
        );
        let kinds: Vec<u8> = packets.iter().map(|packet| h265_type(&packet[12..])).collect();
        assert_eq!(kinds, [AP, FU, FU]);
        let marks: Vec<u8> = packets.iter().skip(1).map(|packet| packet[14]).collect();
        assert_eq!(marks, [0x80 | 19, 0x40 | 19]);
    }
}
