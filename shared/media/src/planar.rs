//! A planar picture in memory that is used again, for what makes pictures one after the other.

use crate::frame::{Colour, Matrix, Planes, Range};

/// What the samples mean: the matrix of JFIF, and the range of video.
pub const COLOUR: Colour = Colour { range: Range::Limited, matrix: Matrix::Bt601 };

/// 4:2:0 of even sides, or no picture.
#[derive(Debug, Default)]
pub(crate) struct Planar {
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
    pub(crate) fn planes(&self) -> Planes<'_> {
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
