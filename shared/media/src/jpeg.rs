//! Picture → JPEG file, straight from YCbCr: no detour over red, green and blue. The way back is [`decode`].
//!
//! 1. cut to the wanted part, which begins at even samples, so that chroma stays in place;
//! 2. shrink the three planes;
//! 3. from the stream's range and matrix to those of JFIF (full range, BT.601), row by row as the encoder asks.

pub mod decode;

use bytes::Bytes;
use jpeg_encoder::{ImageBuffer, JpegColorType, SamplingFactor};

use crate::frame::{Matrix, Planes, Range};
use crate::part::Part;
use crate::shrink::Shrinker;

/// Why there is no JPEG.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JpegError {
    /// The planes are too short for the picture's size, or there is no picture.
    #[error("the planes of a picture of {width}x{height} are incomplete")]
    Planes {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// The wanted part is empty, reaches out of the picture, or begins at an odd sample.
    #[error("{part:?} can't be cut out of a picture of {width}x{height}")]
    Part {
        /// Which.
        part: Part,
        /// The picture's width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// A step failed.
    #[error("{doing}: {reason}")]
    Failed {
        /// Which.
        doing: &'static str,
        /// Why.
        reason: String,
    },
}

/// Encodes a picture, or a part of it, shrunk so that its longer side has at most `max_side` samples, at `quality` 1 to
/// 100. 4:2:0, baseline, with JFIF header. A smaller picture is not enlarged.
///
/// # Errors
/// See [`JpegError`].
pub fn encode(planes: Planes<'_>, part: Option<Part>, max_side: u32, quality: u8) -> Result<Bytes, JpegError> {
    let (width, height) = (planes.width, planes.height);
    if !planes.is_sound() {
        return Err(JpegError::Planes { width, height });
    }
    let part = part.unwrap_or(Part { left: 0, top: 0, width, height });
    if !part.is_within(width, height) {
        return Err(JpegError::Part { part, width, height });
    }
    let picture = Picture::new(&planes, part, max_side)?;
    let mut file = Vec::with_capacity(picture.y.len() / 4);
    let mut encoder = jpeg_encoder::Encoder::new(&mut file, quality.clamp(1, 100));
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode_image(picture)
        .map_err(|error| JpegError::Failed { doing: "encode a JPEG", reason: error.to_string() })?;
    Ok(file.into())
}

/// What the JPEG encoder reads: planes of the final size without padding.
struct Picture {
    width: u16,
    height: u16,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    to_jfif: ToJfif,
}

impl Picture {
    fn new(planes: &Planes<'_>, part: Part, max_side: u32) -> Result<Self, JpegError> {
        let (width, height) = fit(part.width, part.height, max_side);
        let chroma_size = (width.div_ceil(2), height.div_ceil(2));
        let mut shrinker = Shrinker::default();
        let mut shrink = |plane: &[u8], stride: usize, part: Part, (width, height): (u16, u16)| {
            let mut samples = vec![0; usize::from(width) * usize::from(height)];
            let size = (u32::from(width), u32::from(height));
            let shrunk = shrinker.shrink(plane, stride, part, &mut samples, size);
            shrunk.map(|()| samples).map_err(|reason| JpegError::Failed { doing: "shrink a picture", reason })
        };
        Ok(Self {
            y: shrink(planes.y, planes.y_stride, part, (width, height))?,
            u: shrink(planes.u, planes.uv_stride, part.chroma(), chroma_size)?,
            v: shrink(planes.v, planes.uv_stride, part.chroma(), chroma_size)?,
            width,
            height,
            to_jfif: ToJfif::from(planes.colour.range, planes.colour.matrix),
        })
    }
}

/// The size whose longer side is at most `max_side`, and at most what a JPEG can have (16 bits).
fn fit(width: u32, height: u32, max_side: u32) -> (u16, u16) {
    let scale = (f64::from(max_side) / f64::from(width.max(height))).min(1.0);
    let side = |n: u32| (f64::from(n) * scale).round().clamp(1.0, f64::from(u16::MAX)) as u16;
    (side(width), side(height))
}

impl ImageBuffer for Picture {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, row: u16, [y, u, v, _]: &mut [Vec<u8>; 4]) {
        let (width, row) = (usize::from(self.width), usize::from(row));
        let half = width.div_ceil(2);
        let chroma = row / 2 * half..row / 2 * half + half;
        let filled = y.len();
        let mut room = [&mut *y, &mut *u, &mut *v].map(|buffer| {
            buffer.resize(filled + 2 * half, 0);
            buffer[filled..].as_chunks_mut().0
        });
        let (pairs, last) = self.y[row * width..][..width].as_chunks();
        self.to_jfif.pairs(pairs, &self.u[chroma.clone()], &self.v[chroma.clone()], &mut room);
        if let &[last] = last {
            let mut room = room.map(|pairs| &mut pairs[half - 1..]);
            self.to_jfif.pairs(&[[last; 2]], &self.u[chroma.end - 1..], &self.v[chroma.end - 1..], &mut room);
        }
        for buffer in [y, u, v] {
            buffer.truncate(filled + width);
        }
    }
}

/// Fixed-point factors (16 bits behind the point) from a stream's YCbCr to that of JFIF.
struct ToJfif {
    black: i32,
    luma: i32,
    luma_of: [i32; 2],
    cb_of: [i32; 2],
    cr_of: [i32; 2],
}

impl ToJfif {
    fn from(range: Range, matrix: Matrix) -> Self {
        let (black, luma, chroma) = match range {
            Range::Limited => (16, 255.0 / 219.0, 255.0 / 224.0),
            Range::Full => (0, 1.0, 1.0),
        };
        // The matrix of BT.601 times the inverse of that of BT.709.
        let [luma_of, cb_of, cr_of] = match matrix {
            Matrix::Bt601 => [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]],
            Matrix::Bt709 => [[0.101_58, 0.196_08], [0.989_85, -0.110_65], [-0.072_45, 0.983_38]],
        };
        let fixed = |factors: [f64; 2]| factors.map(|f| (f * chroma * 65536.0).round() as i32);
        let luma = (luma * 65536.0_f64).round() as i32;
        Self { black, luma, luma_of: fixed(luma_of), cb_of: fixed(cb_of), cr_of: fixed(cr_of) }
    }

    /// Pairs of luma samples and the chroma of each, in full resolution. By an index, since the compiler then does many at
    /// once: a quarter of the time that iterators over pairs take.
    fn pairs(&self, luma: &[[u8; 2]], cb: &[u8], cr: &[u8], [y, u, v]: &mut [&mut [[u8; 2]]; 3]) {
        let n = luma.len();
        let (cb, cr) = (&cb[..n], &cr[..n]);
        let (y, u, v) = (&mut y[..n], &mut u[..n], &mut v[..n]);
        for i in 0..n {
            let (shift, cb, cr) = self.chroma(cb[i], cr[i]);
            y[i] = luma[i].map(|sample| self.luma(sample, shift));
            (u[i], v[i]) = ([cb; 2], [cr; 2]);
        }
    }

    /// Chroma, and what it adds to luma in fixed point.
    fn chroma(&self, cb: u8, cr: u8) -> (i32, u8, u8) {
        let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
        let of = |factors: [i32; 2]| factors[0] * cb + factors[1] * cr;
        (of(self.luma_of), rounded(of(self.cb_of) + (128 << 16)), rounded(of(self.cr_of) + (128 << 16)))
    }

    fn luma(&self, y: u8, shift: i32) -> u8 {
        rounded((i32::from(y) - self.black) * self.luma + shift)
    }
}

fn rounded(fixed: i32) -> u8 {
    ((fixed + (1 << 15)) >> 16).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests;
