//! The byte stream format: NAL units behind start codes (H.264 Annex B, the same in H.265).

use memchr::memmem;
use omma_protocol::unit::Codec;

use super::{h264, h265};

/// One NAL unit of a byte stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nal<'a> {
    /// Where its start code begins, in bytes from the beginning of the stream.
    pub offset: usize,
    /// The unit itself, header first, without start code and trailing zeros. Never empty.
    pub bytes: &'a [u8],
}

impl Nal<'_> {
    /// `nal_unit_type` of an H.264 unit (Table 7-1).
    pub fn h264_type(&self) -> u8 {
        self.bytes[0] & 0x1f
    }

    /// `nal_unit_type` of an H.265 unit (Table 7-1).
    pub fn h265_type(&self) -> u8 {
        self.bytes[0] >> 1 & 0x3f
    }

    /// Whether this is a slice of a coded picture (VCL).
    pub fn is_slice(&self, codec: Codec) -> bool {
        match codec {
            Codec::H264 => (1..=5).contains(&self.h264_type()),
            Codec::H265 => self.h265_type() < 32,
        }
    }

    /// Whether this is a sequence parameter set.
    pub fn is_sequence_parameter_set(&self, codec: Codec) -> bool {
        match codec {
            Codec::H264 => self.h264_type() == h264::SPS,
            Codec::H265 => self.h265_type() == h265::SPS,
        }
    }
}

/// The NAL units of a byte stream, in order. Bytes before the first start code are passed over.
pub fn nals(stream: &[u8]) -> Nals<'_> {
    Nals { stream, next: next_start_code(stream, 0) }
}

/// See [`nals`].
#[derive(Debug, Clone)]
pub struct Nals<'a> {
    stream: &'a [u8],
    /// The next start code: where it begins and where the unit behind it begins.
    next: Option<(usize, usize)>,
}

impl<'a> Iterator for Nals<'a> {
    type Item = Nal<'a>;

    fn next(&mut self) -> Option<Nal<'a>> {
        loop {
            let (offset, begin) = self.next?;
            self.next = next_start_code(self.stream, begin);
            let end = self.next.map_or(self.stream.len(), |(next, _)| next);
            let bytes = self.stream.get(begin..end)?;
            let len = bytes.iter().rposition(|&b| b != 0).map_or(0, |last| last + 1);
            if len > 0 {
                return Some(Nal { offset, bytes: &bytes[..len] });
            }
        }
    }
}

/// The first `00 00 01` at or behind `from`, together with a zero byte before it: where it begins and ends.
fn next_start_code(stream: &[u8], from: usize) -> Option<(usize, usize)> {
    let at = from + memmem::find(stream.get(from..)?, &[0, 0, 1])?;
    let zero_byte = at > from && stream[at - 1] == 0;
    Some((at - usize::from(zero_byte), at + 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn start_codes_of_three_and_four_bytes_and_trailing_zeros() {
        let stream = [9, 0, 0, 1, 0x67, 1, 0, 0, 0, 1, 0x68, 2, 0, 0, 0, 0, 1, 0x65, 0, 0, 1, 0, 0, 1, 0x41];
        let got: Vec<_> = nals(&stream).map(|n| (n.offset, n.bytes.to_vec())).collect();
        assert_eq!(got, [(1, vec![0x67, 1]), (6, vec![0x68, 2]), (13, vec![0x65]), (21, vec![0x41])]);
    }

    proptest! {
        #[test]
        fn units_read_back_as_written(
            units in prop::collection::vec((prop::collection::vec(1u8.., 1..60), any::<bool>()), 0..10),
        ) {
            let mut stream = vec![];
            for (unit, long) in &units {
                stream.extend_from_slice(if *long { &[0, 0, 0, 1] } else { &[0, 0, 1] });
                stream.extend_from_slice(unit);
            }
            let got: Vec<_> = nals(&stream).map(|n| n.bytes.to_vec()).collect();
            prop_assert_eq!(got, units.into_iter().map(|(unit, _)| unit).collect::<Vec<_>>());
        }

        #[test]
        fn garbage_gives_units_within_the_stream(stream in prop::collection::vec(0u8..3, 0..200)) {
            let mut end = 0;
            let first = stream.windows(3).position(|bytes| bytes == [0, 0, 1]);
            prop_assert_eq!(next_start_code(&stream, 0).map(|(_, end)| end - 3), first);
            for nal in nals(&stream) {
                prop_assert!(nal.offset >= end && !nal.bytes.is_empty());
                end = nal.offset + 3 + nal.bytes.len();
                prop_assert!(end <= stream.len());
            }
        }
    }
}
