//! Cuts pictures into RTP packets (RFC 3550; RFC 6184 packetisation mode 1, of H.265 RFC 7798) and makes sender
//! reports. Pure.

mod h265;

use std::time::Duration;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::Codec;

use super::odd_pictures;
use super::quirk::{AFTER, ENCODED_AFTER, Quirk, Quirks};
use super::sdp::PAYLOAD_TYPE;
use super::source::{Picture, nal_type};

/// Longest payload, so that the packet fits an Ethernet frame with IPv6, UDP and RTP headers.
const MAX_PAYLOAD: usize = 1400;
/// Longest payload of a camera that knows no such limit: a datagram of IPv4 holds 65,507 bytes.
const LARGE_PAYLOAD: usize = 60_000;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
/// Seconds from NTP's epoch, 1900, to Unix's.
const NTP_OFFSET: u64 = 2_208_988_800;
/// Ticks of 90 kHz in a second.
const HZ: u32 = 90_000;
/// SEI (H.264 table 7-1).
const SEI: u8 = 6;
/// The first type of a slice.
const SLICE: u8 = 1;
/// What an odd RTP clock gains or loses: far more than a crystal, so that it shows within seconds.
const DRIFT_PER_MILLE: u32 = 4;
/// Ticks from the stamp before the first one to it.
const BEFORE: u32 = 3000;

/// Packets end to end in one buffer, which is used again and again.
#[derive(Debug, Default)]
pub(super) struct Packets {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Packets {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, &end)| &self.bytes[start..end])
    }
}

/// One RTP stream's state: what its next packet is numbered, what it has sent.
#[derive(Debug)]
pub(super) struct Packetiser {
    ssrc: u32,
    sequence: u16,
    stamp_offset: u32,
    packets: u32,
    octets: u32,
    reports: u32,
    /// When the first picture was taken.
    begun: Option<CaptureTime>,
    /// The stamp of the picture before.
    last_stamp: Option<u32>,
    /// Whether the stamps have made their jump.
    jumped: bool,
    quirks: Quirks,
}

impl Packetiser {
    /// All three are random (RFC 3550 §5.1). A picture's stamp is its capture time, which as a rule is when it is
    /// sent, at 90 kHz plus `stamp_offset`.
    pub(super) fn new(ssrc: u32, sequence: u16, stamp_offset: u32) -> Self {
        let quirks = Quirks::default();
        Self {
            ssrc,
            sequence,
            stamp_offset,
            packets: 0,
            octets: 0,
            reports: 0,
            begun: None,
            last_stamp: None,
            jumped: false,
            quirks,
        }
    }

    pub(super) fn with_quirks(self, quirks: Quirks) -> Self {
        Self { quirks, ..self }
    }

    /// Takes what is given instead of what is random.
    pub(super) fn begin_as(&mut self, ssrc: Option<u32>, sequence: Option<u16>) {
        self.ssrc = ssrc.unwrap_or(self.ssrc);
        self.sequence = sequence.unwrap_or(self.sequence);
    }

    pub(super) fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// The sequence number of the next packet.
    pub(super) fn sequence(&self) -> u16 {
        self.sequence
    }

    /// The stamp of a picture that is sent at `time`.
    pub(super) fn stamp_of_picture(&self, time: CaptureTime) -> u32 {
        let late = if self.quirks.has(Quirk::EncodesLate) { ENCODED_AFTER } else { Duration::ZERO };
        self.stamp(time - late)
    }

    /// The stamp of `time`.
    fn stamp(&self, time: CaptureTime) -> u32 {
        let drift = time.since(self.begun.unwrap_or(time)) * DRIFT_PER_MILLE / 1000;
        let time = if self.quirks.has(Quirk::ClockFast) {
            time + drift
        } else if self.quirks.has(Quirk::ClockSlow) {
            time - drift
        } else {
            time
        };
        time.rtp().wrapping_add(self.stamp_offset)
    }

    /// Appends the packets of one picture to `out`.
    pub(super) fn packetise(&mut self, picture: &Picture, time: CaptureTime, out: &mut Packets) {
        self.set_stamps(time);
        let stamp = self.stamp_of_picture(time);
        let before = self.last_stamp.replace(stamp);
        if self.quirks.has(Quirk::EmptyPackets) {
            self.packet(stamp, false, &[], out);
        }
        if picture.codec == Codec::H265 {
            return self.packetise_h265(&picture.nals, stamp, out);
        }
        let max = if self.quirks.has(Quirk::LargePackets) { LARGE_PAYLOAD } else { MAX_PAYLOAD };
        let nals = odd_pictures::nals(picture, &self.quirks);
        let mut nals = &*nals;
        if self.quirks.has(Quirk::SetsOfBefore) {
            let old = before.unwrap_or(stamp.wrapping_sub(BEFORE));
            let sets = parameter_sets_in_front(nals);
            for (place, set) in nals[..sets].iter().enumerate() {
                self.packet(old, before.is_none() && place == 0, &[set], out);
            }
            nals = &nals[sets..];
        }
        while let [nal, rest @ ..] = nals {
            let together = if self.quirks.has(Quirk::SingleFragments) { 0 } else { parameter_sets_in_front(nals) };
            if together > 1 {
                let marker = self.marks(together == nals.len());
                self.aggregate(&nals[..together], stamp, marker, out);
                nals = &nals[together..];
                continue;
            }
            let on_sei = self.quirks.has(Quirk::MarkerOnSei) && nal_type(nal) == SEI;
            let marker = self.marks(rest.is_empty() || on_sei);
            if nal.len() > max {
                self.fragment(nal, max - 2, stamp, marker, out);
            } else if self.quirks.has(Quirk::SingleFragments) {
                self.fragment(nal, nal.len(), stamp, marker, out);
            } else {
                self.packet(stamp, marker, &[nal], out);
            }
            nals = rest;
        }
    }

    fn marks(&self, wanted: bool) -> bool {
        wanted && !self.quirks.has(Quirk::NoMarker)
    }

    /// What the quirks make of the stamps from this picture on.
    fn set_stamps(&mut self, time: CaptureTime) {
        let begun = *self.begun.get_or_insert(time);
        if begun == time && self.quirks.has(Quirk::StampsFromZero) {
            self.stamp_offset = 0u32.wrapping_sub(time.rtp());
        }
        if begun == time && self.quirks.has(Quirk::StampsRollOver) {
            self.stamp_offset = 0u32.wrapping_sub(HZ / 2).wrapping_sub(time.rtp());
        }
        if self.jumped || time.since(begun) < AFTER {
            return;
        }
        self.jumped = true;
        if self.quirks.has(Quirk::StampsJump) {
            self.stamp_offset = self.stamp_offset.wrapping_add(2 * 3600 * HZ);
        }
        if self.quirks.has(Quirk::StampsGoBack) {
            self.stamp_offset = self.stamp_offset.wrapping_sub(30 * HZ);
        }
        if self.quirks.has(Quirk::StampsRestart) {
            self.stamp_offset = 0u32.wrapping_sub(time.rtp());
        }
    }

    /// STAP-A (RFC 6184 §5.7.1).
    fn aggregate(&mut self, nals: &[bytes::Bytes], stamp: u32, last: bool, out: &mut Packets) {
        // NRI is the highest of those inside.
        let nri = nals.iter().map(|nal| nal[0] & 0x60).max().unwrap_or_default();
        let mut payload = vec![nri | STAP_A];
        for nal in nals {
            payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
            payload.extend_from_slice(nal);
        }
        self.packet(stamp, last, &[&payload], out);
    }

    /// FU-A (RFC 6184 §5.8), `size` bytes of the unit in each.
    fn fragment(&mut self, nal: &[u8], size: usize, stamp: u32, marker: bool, out: &mut Packets) {
        let (header, body) = (nal[0], &nal[1..]);
        let count = body.len().div_ceil(size);
        let indicator = (header & 0xe0) | FU_A;
        let reserved = u8::from(self.quirks.has(Quirk::FragmentReservedBit)) << 5;
        for (i, piece) in body.chunks(size).enumerate() {
            let (start, end) = (i == 0, i + 1 == count);
            let kind = if !start && self.quirks.has(Quirk::FragmentTypeChanges) { SLICE } else { header & 0x1f };
            let fu = (u8::from(start) << 7) | (u8::from(end) << 6) | reserved | kind;
            self.packet(stamp, marker && end, &[&[indicator, fu], piece], out);
            if !end && self.quirks.has(Quirk::EmptyFragments) {
                self.packet(stamp, false, &[&[indicator, reserved | kind]], out);
            }
        }
    }

    fn packet(&mut self, stamp: u32, marker: bool, payload: &[&[u8]], out: &mut Packets) {
        let start = out.bytes.len();
        out.bytes.extend_from_slice(&[0x80, (u8::from(marker) << 7) | PAYLOAD_TYPE]);
        out.bytes.extend_from_slice(&self.sequence.to_be_bytes());
        out.bytes.extend_from_slice(&stamp.to_be_bytes());
        out.bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        for piece in payload {
            out.bytes.extend_from_slice(piece);
        }
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add((out.bytes.len() - start - 12) as u32);
        out.ends.push(out.bytes.len());
    }

    /// A sender report with the sender's name (RFC 3550 §6.4.1, §6.5), as of `now`: NTP and RTP stamp name one moment.
    pub(super) fn report(&mut self, now: CaptureTime) -> Vec<u8> {
        let ahead = self.quirks.has(Quirk::NtpSteps) && self.reports % 2 == 1;
        self.reports = self.reports.wrapping_add(1);
        let told = if ahead { now + Duration::from_secs(3600) } else { now };
        let micros = told.as_micros().max(0) as u64;
        let seconds = (micros / 1_000_000).wrapping_add(NTP_OFFSET) as u32;
        let fraction = (((micros % 1_000_000) << 32) / 1_000_000) as u32;
        let cname = b"omma-camera";
        // The item's two bytes and text, the closing zero, and zeros up to a multiple of four.
        let chunk = (2 + cname.len() + 1).next_multiple_of(4);
        let mut report = Vec::with_capacity(28 + 8 + chunk);
        report.extend_from_slice(&[0x80, 200, 0, 6]);
        for word in [self.ssrc, seconds, fraction, self.stamp(now), self.packets, self.octets] {
            report.extend_from_slice(&word.to_be_bytes());
        }
        report.extend_from_slice(&[0x81, 202, 0, (1 + chunk / 4) as u8]);
        report.extend_from_slice(&self.ssrc.to_be_bytes());
        report.extend_from_slice(&[1, cname.len() as u8]);
        report.extend_from_slice(cname);
        report.resize(28 + 8 + chunk, 0);
        report
    }
}

/// How many parameter sets stand in front and fit one packet together.
fn parameter_sets_in_front(nals: &[bytes::Bytes]) -> usize {
    let mut size = 1;
    nals.iter()
        .take_while(|nal| {
            size += 2 + nal.len();
            matches!(nal_type(nal), 7 | 8) && size <= MAX_PAYLOAD
        })
        .count()
}

#[cfg(test)]
#[path = "rtp_tests.rs"]
mod tests;
