//! Access units → RTP payloads of H.264 (RFC 6184, packetization mode 1). Pure.
//!
//! Done once for each stream and picture, however many watch it: the payloads are shared, and only what differs from
//! viewer to viewer (header, encryption) is made for each.
//!
//! Small NAL units that follow each other travel together (STAP-A, §5.7.1), so that a key picture's parameter sets
//! can't be lost without it; one that is too long is cut (FU-A, §5.8) into pieces of one size, the last one excepted,
//! so that the kernel can send them all in one call.

use std::sync::Arc;
use std::time::Instant;

use omma_media::bitstream::nal::nals;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::AccessUnit;

/// Longest payload, in bytes. With 12 bytes of RTP header, 16 of header extensions and 16 of authentication it stays
/// within the 1,200 bytes of UDP that every path on which WebRTC works lets through.
pub const MAX_PAYLOAD: usize = 1140;

const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;
const TYPE: u8 = 0x1f;
/// `forbidden_zero_bit` and `nal_ref_idc`.
const HIGH_BITS: u8 = 0xe0;

const SPS: u8 = 7;
/// Says only where a unit ends, which RTP's marker bit does (RFC 6184 §5.7: receivers must not need it).
const DELIMITER: u8 = 9;
/// Bytes that a constant-rate encoder adds to fill its rate.
const FILLER: u8 = 12;

/// One coded picture as RTP payloads, in order. The last one carries the marker bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packets {
    /// When the picture was taken.
    pub time: CaptureTime,
    /// The same moment on our clock, as far as it was known when the picture came.
    pub taken: Instant,
    /// Whether decoding can begin here.
    pub key: bool,
    /// `profile_idc` of the SPS, where the picture carries one.
    pub profile: Option<u8>,
    /// The payloads. Empty where the unit holds nothing to be sent.
    pub payloads: Vec<Arc<[u8]>>,
    /// Bytes of all payloads.
    pub bytes: usize,
}

impl Packets {
    /// Cuts one access unit of H.264, taken at `taken` on our clock.
    pub fn new(unit: &AccessUnit, taken: Instant) -> Self {
        let mut cutter = Cutter::default();
        let mut profile = None;
        for nal in nals(&unit.data) {
            match nal.h264_type() {
                // 0 and those from 24 on are no part of a picture (H.264 table 7-1), and would be read as packets of several
                // units or parts of one (RFC 6184 table 1).
                DELIMITER | FILLER | 0 | STAP_A.. => continue,
                SPS => profile = nal.bytes.get(1).copied().or(profile),
                _ => {}
            }
            cutter.push(nal.bytes);
        }
        let payloads = cutter.finish();
        let bytes = payloads.iter().map(|p| p.len()).sum();
        Self { time: unit.time, taken, key: unit.key, profile, payloads, bytes }
    }
}

#[derive(Default)]
struct Cutter<'a> {
    payloads: Vec<Arc<[u8]>>,
    /// Small units that will travel together.
    small: Vec<&'a [u8]>,
    /// Length of the STAP-A that they would make.
    small_len: usize,
}

impl<'a> Cutter<'a> {
    fn push(&mut self, nal: &'a [u8]) {
        if nal.len() > MAX_PAYLOAD {
            self.flush();
            self.cut(nal);
            return;
        }
        let joined = self.small_len.max(1) + 2 + nal.len();
        if joined > MAX_PAYLOAD {
            self.flush();
        }
        self.small_len = self.small_len.max(1) + 2 + nal.len();
        self.small.push(nal);
    }

    fn flush(&mut self) {
        match self.small.as_slice() {
            [] => return,
            [single] => self.payloads.push(Arc::from(*single)),
            several => {
                let mut payload = Vec::with_capacity(self.small_len);
                // §5.7.1: the F bit is set if it is in any unit, NRI is the highest of all.
                let forbidden = several.iter().fold(0, |bits, nal| bits | nal[0] & 0x80);
                let importance = several.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
                payload.push(forbidden | importance | STAP_A);
                for nal in several {
                    payload.extend((nal.len() as u16).to_be_bytes());
                    payload.extend(*nal);
                }
                self.payloads.push(payload.into());
            }
        }
        self.small.clear();
        self.small_len = 0;
    }

    fn cut(&mut self, nal: &[u8]) {
        let (indicator, kind) = (nal[0] & HIGH_BITS | FU_A, nal[0] & TYPE);
        let pieces = nal[1..].chunks(MAX_PAYLOAD - 2);
        let last = pieces.len() - 1;
        for (i, piece) in pieces.enumerate() {
            let start = if i == 0 { FU_START } else { 0 };
            let end = if i == last { FU_END } else { 0 };
            let mut payload = Vec::with_capacity(2 + piece.len());
            payload.extend([indicator, start | end | kind]);
            payload.extend(piece);
            self.payloads.push(payload.into());
        }
    }

    fn finish(mut self) -> Vec<Arc<[u8]>> {
        self.flush();
        self.payloads
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::unit::Codec;
    use proptest::prelude::*;

    fn unit(nals: &[Vec<u8>]) -> AccessUnit {
        let mut data = vec![];
        for nal in nals {
            data.extend([0, 0, 0, 1]);
            data.extend(nal);
        }
        AccessUnit { time: CaptureTime(9), key: true, codec: Codec::H264, data: data.into() }
    }

    fn cut(unit: &AccessUnit) -> Packets {
        Packets::new(unit, Instant::now())
    }

    /// A receiver, written from the RFC and not from the sender.
    fn receive(payloads: &[Arc<[u8]>]) -> Vec<Vec<u8>> {
        let mut out: Vec<Vec<u8>> = vec![];
        for p in payloads {
            match p[0] & 0x1f {
                24 => {
                    let mut rest = &p[1..];
                    while !rest.is_empty() {
                        let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
                        out.push(rest[2..2 + len].to_vec());
                        rest = &rest[2 + len..];
                    }
                }
                28 => {
                    if p[1] & 0x80 != 0 {
                        out.push(vec![p[0] & 0xe0 | p[1] & 0x1f]);
                    }
                    out.last_mut().unwrap().extend(&p[2..]);
                }
                _ => out.push(p.to_vec()),
            }
        }
        out
    }

    #[test]
    fn parameter_sets_travel_with_each_other_and_long_units_are_cut_evenly() {
        let nals = [vec![0x67, 0x42, 1], vec![0x68, 2], [vec![0x65], vec![7; 3000]].concat()];
        let packets = cut(&unit(&nals));
        assert_eq!(packets.profile, Some(0x42));
        let sizes: Vec<_> = packets.payloads.iter().map(|p| p.len()).collect();
        assert_eq!(sizes, [1 + 2 + 3 + 2 + 2, MAX_PAYLOAD, MAX_PAYLOAD, 2 + 3000 - 2 * (MAX_PAYLOAD - 2)]);
        assert_eq!(packets.payloads[0][0], 0x60 | 24);
        assert_eq!(packets.bytes, sizes.iter().sum::<usize>());
    }

    #[test]
    fn what_only_frames_or_fills_is_left_out() {
        let packets = cut(&unit(&[vec![9, 0xf0], vec![0x41, 1], vec![12, 0xff, 0xff]]));
        assert_eq!(packets.payloads, [Arc::from([0x41, 1])]);
        assert!(cut(&unit(&[])).payloads.is_empty());
    }

    #[test]
    fn what_would_be_read_as_a_packet_of_others_is_left_out() {
        let nals: Vec<_> = (0..32u8).filter(|kind| ![9, 12].contains(kind)).map(|kind| vec![0x60 | kind, 1]).collect();
        let sent: Vec<_> = receive(&cut(&unit(&nals)).payloads).iter().map(|nal| nal[0] & TYPE).collect();
        assert_eq!(sent, (1..24).filter(|kind| ![9, 12].contains(kind)).collect::<Vec<u8>>());
    }

    proptest! {
        #[test]
        fn a_receiver_gets_every_unit_whole(
            kinds in prop::collection::vec((prop::sample::select(vec![1u8, 5, 6, 7, 8]), 0u8..4), 0..8),
            lengths in prop::collection::vec(prop_oneof![1usize..60, 1100usize..1180, 2000usize..5000], 8),
        ) {
            let nals: Vec<Vec<u8>> = kinds
                .iter()
                .zip(lengths)
                .map(|(&(kind, importance), len)| {
                    let mut nal = vec![importance << 5 | kind];
                    nal.extend((0..len).map(|i| (i % 250 + 2) as u8));
                    nal
                })
                .collect();
            let packets = cut(&unit(&nals));
            prop_assert!(packets.payloads.iter().all(|p| p.len() <= MAX_PAYLOAD));
            prop_assert_eq!(receive(&packets.payloads), nals);
        }

        #[test]
        fn garbage_is_cut_without_panic(data in prop::collection::vec(0u8..3, 0..4000)) {
            let unit = AccessUnit { data: data.into(), ..unit(&[]) };
            prop_assert!(cut(&unit).payloads.iter().all(|p| !p.is_empty() && p.len() <= MAX_PAYLOAD));
        }
    }
}
