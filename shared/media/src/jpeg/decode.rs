//! JPEG file → picture, as cameras send them one after the other.
//!
//! 1. Huffman tables are put in where a camera leaves them out, as those of motion JPEG do ([`huffman`]);
//! 2. decoded to luma, or to interleaved YCbCr of full resolution, whatever the sampling;
//! 3. to planar 4:2:0 of even sides and limited range, which every H.264 decoder and browser takes for granted.
//!
//! Of a picture that was cut off the decoder may make up the rest. Whoever takes it off the network sees to it that it
//! is whole.

mod huffman;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::planar::{Planar, SizeError, check_size};

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not a JPEG, or a damaged one, or one that was cut off.
    #[error("decode a JPEG of {bytes} bytes: {reason}")]
    Broken {
        /// Its size.
        bytes: usize,
        /// What the decoder says.
        reason: String,
    },
    /// Neither grey nor YCbCr.
    #[error("decode a JPEG: its colours are {0}: expected YCbCr or grey")]
    Colours(String),
    /// Too small or too large.
    #[error(transparent)]
    Size(#[from] SizeError),
}

/// Decodes pictures one after the other. Used by one thread.
#[derive(Debug, Default)]
pub struct Decoder {
    /// As the JPEG decoder gives them: one sample a pixel, or three.
    samples: Vec<u8>,
}

impl Decoder {
    /// Decodes a picture. An odd side loses its last row or column.
    ///
    /// # Errors
    /// See [`DecodeError`]; there is no picture then.
    pub fn decode(&mut self, jpeg: &[u8], into: &mut Planar) -> Result<(), DecodeError> {
        into.clear();
        let broken = |reason: String| DecodeError::Broken { bytes: jpeg.len(), reason };
        let whole = huffman::with_tables(jpeg);
        // Between the segments of its head a camera may say what it likes.
        let options = DecoderOptions::default()
            .set_strict_mode(false)
            .set_max_width(usize::from(u16::MAX))
            .set_max_height(usize::from(u16::MAX));
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(&whole[..]), options);
        decoder.decode_headers().map_err(|e| broken(e.to_string()))?;
        let (width, height) = decoder.dimensions().ok_or_else(|| broken("it has no size".to_owned()))?;
        check_size(width as u32, height as u32)?;
        let colours = match decoder.input_colorspace() {
            Some(ColorSpace::Luma) => ColorSpace::Luma,
            Some(ColorSpace::YCbCr) => ColorSpace::YCbCr,
            other => {
                return Err(DecodeError::Colours(other.map_or("unknown".to_owned(), |other| format!("{other:?}"))));
            }
        };
        // But not within its picture.
        decoder.set_options(options.jpeg_set_out_colorspace(colours).set_strict_mode(true));
        self.samples.resize(width * height * colours.num_components(), 0);
        decoder.decode_into(&mut self.samples).map_err(|e| broken(e.to_string()))?;
        let planes = into.resize(width, height);
        match colours {
            ColorSpace::Luma => take_grey(&self.samples, width, planes),
            _ => take_colour(&self.samples, width, planes),
        }
        Ok(())
    }
}

fn take_grey(samples: &[u8], stride: usize, [luma, u, v]: [&mut [u8]; 3]) {
    let width = stride & !1;
    for (to, from) in luma.chunks_exact_mut(width).zip(samples.chunks_exact(stride)) {
        for (to, from) in to.iter_mut().zip(from) {
            *to = LUMA[usize::from(*from)];
        }
    }
    u.fill(128);
    v.fill(128);
}

/// Chroma is the mean of two by two samples: its place is then that of JPEG and MPEG-1, between them.
fn take_colour(samples: &[u8], stride: usize, [luma, u, v]: [&mut [u8]; 3]) {
    let width = stride & !1;
    let rows = samples.chunks_exact(2 * 3 * stride).zip(luma.chunks_exact_mut(2 * width));
    let chroma_rows = u.chunks_exact_mut(width / 2).zip(v.chunks_exact_mut(width / 2));
    for ((from, luma), (u, v)) in rows.zip(chroma_rows) {
        let (top, bottom) = from.split_at(3 * stride);
        let (luma_top, luma_bottom) = luma.split_at_mut(width);
        let pairs = top.chunks_exact(6).zip(bottom.chunks_exact(6));
        let to = luma_top.chunks_exact_mut(2).zip(luma_bottom.chunks_exact_mut(2)).zip(u.iter_mut().zip(v));
        for ((a, b), ((y_top, y_bottom), (u, v))) in pairs.zip(to) {
            (y_top[0], y_top[1]) = (LUMA[usize::from(a[0])], LUMA[usize::from(a[3])]);
            (y_bottom[0], y_bottom[1]) = (LUMA[usize::from(b[0])], LUMA[usize::from(b[3])]);
            let mean =
                |at: usize| ([a[at], a[at + 3], b[at], b[at + 3]].map(usize::from).iter().sum::<usize>() + 2) / 4;
            (*u, *v) = (CHROMA[mean(1)], CHROMA[mean(2)]);
        }
    }
}

/// From full to limited range (ITU-R BT.601 §2.5.1).
const LUMA: [u8; 256] = limited(219, 16, 0);
const CHROMA: [u8; 256] = limited(224, 128, 128);

const fn limited(steps: i32, zero: i32, middle: i32) -> [u8; 256] {
    let mut table = [0; 256];
    let mut full = 0;
    while full < 256 {
        let twice = 2 * steps * (full - middle);
        let rounded = (if twice < 0 { twice - 255 } else { twice + 255 }) / 510;
        table[full as usize] = (zero + rounded) as u8;
        full += 1;
    }
    table
}

#[cfg(test)]
mod tests;
