//! A planar picture in memory that is used again, for what makes pictures one after the other: a JPEG decoder
//! ([`crate::jpeg::decode`]), a converter ([`crate::raw`]).

use crate::frame::{Colour, Matrix, Planes, Range};

/// What the samples mean: the matrix of JFIF, and the range of video.
pub const COLOUR: Colour = Colour { range: Range::Limited, matrix: Matrix::Bt601 };

/// Shortest side of a picture, in samples: one macroblock, which an H.264 encoder needs.
pub const MIN_SIDE: u32 = 16;
/// Longest side and shortest side of the largest picture, in samples: what an H.264 encoder takes here.
pub const MAX_SIDES: (u32, u32) = (3840, 2160);

/// Outside [`MIN_SIDE`] and [`MAX_SIDES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a picture of {width}x{height}: expected {MIN_SIDE}x{MIN_SIDE} to {}x{}: choose another size in the camera",
    MAX_SIDES.0, MAX_SIDES.1
)]
pub struct SizeError {
    /// Its width.
    pub width: u32,
    /// Its height.
    pub height: u32,
}

/// Whether an H.264 encoder takes a picture of this size.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), SizeError> {
    let (short, long) = (width.min(height), width.max(height));
    let fits = short >= MIN_SIDE && long <= MAX_SIDES.0 && short <= MAX_SIDES.1;
    if fits { Ok(()) } else { Err(SizeError { width, height }) }
}

/// 4:2:0 of even sides, or no picture.
#[derive(Debug, Default)]
pub struct Planar {
    luma: Vec<u8>,
    /// Both chroma planes, one behind the other.
    chroma: Vec<u8>,
    width: usize,
    height: usize,
}

impl Planar {
    /// No picture any more.
    pub(crate) fn clear(&mut self) {
        (self.width, self.height) = (0, 0);
    }

    /// A picture of this size, whose samples are to be written: Y, Cb, Cr, without padding. An odd side loses its last row
    /// or column.
    pub(crate) fn resize(&mut self, width: usize, height: usize) -> [&mut [u8]; 3] {
        (self.width, self.height) = (width & !1, height & !1);
        self.luma.resize(self.width * self.height, 0);
        self.chroma.resize(self.width * self.height / 2, 0);
        let (u, v) = self.chroma.split_at_mut(self.width * self.height / 4);
        [&mut self.luma, u, v]
    }

    /// The picture; not sound where there is none.
    pub fn planes(&self) -> Planes<'_> {
        let Self { width, height, .. } = *self;
        let (u, v) = self.chroma.split_at(self.chroma.len() / 2);
        Planes {
            width: width as u32,
            height: height as u32,
            y: &self.luma,
            u,
            v,
            y_stride: width,
            uv_stride: width / 2,
            colour: COLOUR,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_that_can_not_be_encoded_are_named() {
        for (width, height, fits) in
            [(3840, 2160, true), (2160, 3840, true), (3840, 2162, false), (3841, 16, false), (15, 64, false)]
        {
            assert_eq!(check_size(width, height).is_ok(), fits, "{width}x{height}");
        }
        let said = check_size(15, 64).unwrap_err().to_string();
        assert!(said.contains("15x64") && said.contains("3840x2160"), "{said}");
    }
}
