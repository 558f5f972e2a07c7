//! Reading fields of a parameter set or slice header.
//!
//! Every read is bounded by the bytes given and answers `None` behind their end, so that a parser written with `?`
//! can't panic or run away whatever a camera sends.

/// Most bytes of a NAL unit that are ever unescaped: parameter sets and the heads of slices are far shorter.
const MAX_RBSP: usize = 4096;

/// The raw byte sequence payload of a NAL unit (H.264 §7.3.1, H.265 §7.3.1.1): the `03` of each `00 00 03` is taken
/// out. Only the first 4 KiB are of use to anyone here, so no more are given.
pub(super) fn rbsp(nal: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(nal.len().min(MAX_RBSP));
    let mut zeros = 0;
    for &byte in nal.iter().take(MAX_RBSP) {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        out.push(byte);
    }
    out
}

/// Reads from the most significant bit of the first byte on.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, position: 0 }
    }

    /// `u(n)`, `n` up to 32.
    pub(super) fn u(&mut self, n: u32) -> Option<u32> {
        let mut value = 0u32;
        for _ in 0..n {
            value = value << 1 | u32::from(self.flag()?);
        }
        Some(value)
    }

    /// `u(1)`.
    pub(super) fn flag(&mut self) -> Option<bool> {
        let byte = self.bytes.get(self.position / 8)?;
        let bit = byte >> (7 - self.position % 8) & 1;
        self.position += 1;
        Some(bit == 1)
    }

    /// Passes over `n` bits.
    pub(super) fn skip(&mut self, n: usize) -> Option<()> {
        self.position = self.position.checked_add(n)?;
        (self.position <= self.bytes.len() * 8).then_some(())
    }

    /// `ue(v)`: exponential Golomb (H.264 §9.1). More than 31 leading zeros is no value that fits.
    pub(super) fn ue(&mut self) -> Option<u32> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return None;
            }
        }
        Some(((1u64 << zeros) - 1) as u32 + self.u(zeros)?)
    }

    /// `se(v)`: signed exponential Golomb (H.264 §9.1.1).
    pub(super) fn se(&mut self) -> Option<i32> {
        let code = i64::from(self.ue()?);
        let magnitude = (code + 1) / 2;
        i32::try_from(if code % 2 == 1 { magnitude } else { -magnitude }).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn golomb_codes_of_the_standard() {
        // 1 | 010 | 011 | 00100 | 00101 | 1 ...
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1100_0000]);
        assert_eq!([(); 6].map(|()| bits.ue()), [0, 1, 2, 3, 4, 0].map(Some));
        let mut bits = Bits::new(&[0b1010_0110, 0b0100_0010, 0b1100_0000]);
        assert_eq!([(); 6].map(|()| bits.se()), [0, 1, -1, 2, -2, 0].map(Some));
    }

    #[test]
    fn the_longest_code_fits_and_a_longer_one_is_refused() {
        let longest = [0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(Bits::new(&longest).ue(), Some(u32::MAX - 1));
        assert_eq!(Bits::new(&[0; 16]).ue(), None);
        assert_eq!(Bits::new(&[]).ue(), None);
    }

    #[test]
    fn emulation_prevention_is_taken_out() {
        assert_eq!(rbsp(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 0, 3]), [1, 0, 0, 1, 0, 0, 0, 0, 0, 3]);
        assert_eq!(rbsp(&vec![7; 10_000]).len(), MAX_RBSP);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40), reads in prop::collection::vec(0u8..5, 0..40)) {
            let mut bits = Bits::new(&bytes);
            for read in reads {
                match read {
                    0 => drop(bits.ue()),
                    1 => drop(bits.se()),
                    2 => drop(bits.u(32)),
                    3 => drop(bits.skip(usize::MAX)),
                    _ => drop(bits.flag()),
                }
            }
        }
    }
}
