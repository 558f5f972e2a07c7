//! RTP packets without content (RFC 3550 §5.1), taken out of a stream that shows no gap for it.
//!
//! Where one has the marker bit, which ends a picture (RFC 6184 §5.1), that is lost with it: the packet before it, which could
//! have it instead, has gone on already. The library then ends the picture with the next one's first packet.

use super::framing::PACKET_HEAD;

/// Sources that are told apart in one connection. Packets of further ones go through as they are.
const MAX_SOURCES: usize = 8;
/// Fixed header of RTP, bytes.
const FIXED: usize = 12;

/// How many packets were taken out of each source's stream.
#[derive(Debug, Default)]
pub struct Sequences(Vec<Source>);

#[derive(Debug)]
struct Source {
    /// Channel and SSRC: two streams of a camera may have the same.
    id: (u8, u32),
    taken_out: u16,
    /// The sequence number of the last one: a packet that comes twice is counted once.
    last: u16,
}

impl Sequences {
    /// Whether an interleaved packet goes on. Its sequence number is lowered by those that were taken out before it, so that
    /// only what is really lost is missing.
    pub fn admit(&mut self, packet: &mut [u8]) -> bool {
        let Some((head, rtp)) = packet.split_at_mut_checked(PACKET_HEAD).filter(|(_, rtp)| is_rtp(rtp)) else {
            return true;
        };
        let id = (head[1], u32::from_be_bytes([rtp[8], rtp[9], rtp[10], rtp[11]]));
        let sequence = u16::from_be_bytes([rtp[2], rtp[3]]);
        let room = self.0.len() < MAX_SOURCES;
        match (self.0.iter_mut().find(|source| source.id == id), is_empty(rtp)) {
            (Some(source), true) => {
                source.taken_out = source.taken_out.wrapping_add(u16::from(source.last != sequence));
                source.last = sequence;
                false
            }
            (Some(source), false) => {
                rtp[2..4].copy_from_slice(&sequence.wrapping_sub(source.taken_out).to_be_bytes());
                true
            }
            (None, true) if room => {
                self.0.push(Source { id, taken_out: 1, last: sequence });
                false
            }
            (None, _) => true,
        }
    }
}

/// Version 2, and not RTCP, which may come on any channel (RFC 5761 §4).
fn is_rtp(packet: &[u8]) -> bool {
    packet.len() >= FIXED && packet[0] >> 6 == 2 && !(192..=223).contains(&packet[1])
}

/// Whether nothing stands between header and padding.
fn is_empty(rtp: &[u8]) -> bool {
    let mut begin = FIXED + 4 * usize::from(rtp[0] & 0x0f);
    if rtp[0] & 0x10 != 0 {
        let Some(&[high, low]) = rtp.get(begin + 2..begin + 4) else { return false };
        begin += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
    }
    let padding = if rtp[0] & 0x20 != 0 { usize::from(rtp[rtp.len() - 1]) } else { 0 };
    // A header that is longer than its packet is another fault than this one.
    begin <= rtp.len() && begin + padding == rtp.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(first: u8, kind: u8, sequence: u16, source: u8, rest: &[u8]) -> Vec<u8> {
        let mut packet = vec![b'$', 0, 0, 0, first, kind];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0, 0, 0, 1, 0, 0, 0, source]);
        packet.extend(rest);
        packet
    }

    fn sequence(packet: &[u8]) -> u16 {
        u16::from_be_bytes([packet[6], packet[7]])
    }

    #[test]
    fn the_numbers_close_up_and_a_real_gap_stays() {
        let mut sequences = Sequences::default();
        let mut seen = vec![];
        for (number, content) in [(65_534, &b"a"[..]), (65_535, b""), (0, b"b"), (1, b""), (2, b"c"), (5, b"d")] {
            let mut packet = packet(0x80, 96, number, 1, content);
            if sequences.admit(&mut packet) {
                seen.push(sequence(&packet));
            }
        }
        assert_eq!(seen, [65_534, 65_535, 0, 3]);
        let mut other = packet(0x80, 96, 7, 2, b"x");
        assert!(sequences.admit(&mut other) && sequence(&other) == 7, "another source's numbers are its own");
        let mut other = packet(0x80, 96, 7, 1, b"x");
        other[1] = 2;
        assert!(sequences.admit(&mut other) && sequence(&other) == 7, "another channel's numbers are its own");
    }

    #[test]
    fn an_empty_packet_that_comes_twice_is_counted_once() {
        let mut sequences = Sequences::default();
        for number in [3, 3] {
            assert!(!sequences.admit(&mut packet(0x80, 96, number, 1, b"")));
        }
        let mut next = packet(0x80, 96, 4, 1, b"x");
        assert!(sequences.admit(&mut next) && sequence(&next) == 3);
    }

    #[test]
    fn only_rtp_without_content_is_taken_out() {
        for (first, kind, rest, goes_on) in [
            (0x80, 96, &b""[..], false),
            (0x80, 0xe0, b"", false),
            // A contributing source, an extension of a word, padding.
            (0x81, 96, b"csrc", false),
            (0x90, 96, b"\0\0\0\x01word", false),
            (0xa0, 96, b"\0\0\x03", false),
            (0x91, 96, b"csrc\0\0\0\x01wordx", true),
            (0xa0, 96, b"x\x01", true),
            // Headers that are cut off, RTCP, another version.
            (0x8f, 96, b"", true),
            (0x90, 96, b"\0\0\x01", true),
            (0x80, 200, b"", true),
            (0x40, 96, b"", true),
        ] {
            assert_eq!(Sequences::default().admit(&mut packet(first, kind, 1, 1, rest)), goes_on, "{first:x} {rest:?}");
        }
        assert!(Sequences::default().admit(&mut [b'$', 0, 0, 0]));
    }

    #[test]
    fn of_many_sources_some_go_through_as_they_are() {
        let mut sequences = Sequences::default();
        let admitted = (0..20).filter(|source| sequences.admit(&mut packet(0x80, 96, 1, *source, b""))).count();
        assert_eq!(admitted, 20 - MAX_SOURCES);
    }
}
