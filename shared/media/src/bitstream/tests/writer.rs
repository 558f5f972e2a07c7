//! Writes fields as [`super::super::bits`] reads them.

#[derive(Debug, Clone, Default)]
pub(super) struct Writer {
    bits: Vec<bool>,
}

impl Writer {
    pub(super) fn u(mut self, n: u32, value: u32) -> Self {
        self.bits.extend((0..n).rev().map(|i| value >> i & 1 == 1));
        self
    }

    pub(super) fn flag(self, value: bool) -> Self {
        self.u(1, u32::from(value))
    }

    pub(super) fn ue(self, value: u32) -> Self {
        let code = u64::from(value) + 1;
        let zeros = 63 - code.leading_zeros();
        self.u(zeros, 0).u(1, 1).u(zeros, (code & ((1 << zeros) - 1)) as u32)
    }

    pub(super) fn se(self, value: i32) -> Self {
        self.ue(if value > 0 { 2 * value as u32 - 1 } else { 2 * value.unsigned_abs() })
    }

    /// The NAL unit: header, stop bit, emulation prevention.
    pub(super) fn nal(self, header: &[u8]) -> Vec<u8> {
        let mut out = header.to_vec();
        let mut zeros = 0;
        let with_stop = self.u(1, 1);
        for bits in with_stop.bits.chunks(8) {
            let byte = bits.iter().enumerate().fold(0u8, |byte, (i, &bit)| byte | u8::from(bit) << (7 - i));
            if zeros >= 2 && byte <= 3 {
                out.push(3);
                zeros = 0;
            }
            zeros = if byte == 0 { zeros + 1 } else { 0 };
            out.push(byte);
        }
        out
    }
}
