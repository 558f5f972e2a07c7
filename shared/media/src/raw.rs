//! Raw picture → planar 4:2:0, as video devices give them.
//!
//! The samples are taken for what [`crate::planar::COLOUR`] says, BT.601 and limited range: the kernel's default for what a webcam
//! calls sRGB. Chroma that has every row keeps every second of them.

use yuv::{BufferStoreMut, YuvPackedImage, YuvPlanarImageMut, yuyv422_to_yuv420};

use crate::planar::{Planar, SizeError, check_size};

/// How a raw picture's samples lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Packed 4:2:2: Y, Cb, Y, Cr.
    Yuyv,
    /// 4:2:0: all rows of Y, then rows of Cb and Cr in turn.
    Nv12,
}

/// What a raw picture's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Where its samples lie.
    pub layout: Layout,
    /// Width in luma samples.
    pub width: u32,
    /// Height in luma samples.
    pub height: u32,
    /// Bytes from one row to the next, in each plane.
    pub stride: u32,
}

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// Too small or too large.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// The rows are not all there, or overlap.
    #[error("a raw picture of {bytes} bytes, of {stride} in a row: expected at least {needed}, of {row}")]
    Short {
        /// Its size.
        bytes: usize,
        /// Bytes from one row to the next.
        stride: usize,
        /// The size that it should have.
        needed: usize,
        /// Bytes of samples in a row.
        row: usize,
    },
    /// The conversion refused.
    #[error("convert a raw picture: {0}")]
    Refused(String),
}

/// Converts a picture. An odd side loses its last row or column.
///
/// # Errors
/// See [`RawError`]; there is no picture then.
pub fn convert(format: Format, data: &[u8], into: &mut Planar) -> Result<(), RawError> {
    into.clear();
    check_size(format.width, format.height)?;
    let (full_width, full_height, stride) = (format.width as usize, format.height as usize, format.stride as usize);
    let (row, rows) = match format.layout {
        Layout::Yuyv => (2 * full_width.next_multiple_of(2), full_height),
        Layout::Nv12 => (full_width.next_multiple_of(2), full_height + full_height.div_ceil(2)),
    };
    let needed = stride.max(row).saturating_mul(rows);
    if stride < row || data.len() < needed {
        return Err(RawError::Short { bytes: data.len(), stride, needed, row });
    }
    let (width, height) = (full_width & !1, full_height & !1);
    let converted = match format.layout {
        // It takes no more rows than it converts.
        Layout::Yuyv => unpack(&data[..stride * height], stride, (width, height), into.resize(width, height)),
        Layout::Nv12 => {
            let (luma, chroma) = data.split_at(stride * full_height);
            deinterleave((luma, stride), (chroma, stride), (full_width, full_height), into);
            Ok(())
        }
    };
    if converted.is_err() {
        into.clear();
    }
    converted
}

fn unpack(
    data: &[u8],
    stride: usize,
    (width, height): (usize, usize),
    [y, u, v]: [&mut [u8]; 3],
) -> Result<(), RawError> {
    let (width, height) = (width as u32, height as u32);
    let packed = YuvPackedImage { yuy: data, yuy_stride: stride as u32, width, height };
    let mut planar = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: width,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: width / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: width / 2,
        width,
        height,
    };
    yuyv422_to_yuv420(&mut planar, &packed).map_err(|e| RawError::Refused(e.to_string()))
}

/// NV12 as three planes: luma, and chroma in turn, each with the bytes from one row to the next. An odd side loses its last
/// row or column.
pub(crate) fn deinterleave(
    (luma, luma_stride): (&[u8], usize),
    (chroma, chroma_stride): (&[u8], usize),
    (width, height): (usize, usize),
    into: &mut Planar,
) {
    let (width, height) = (width & !1, height & !1);
    let [y, u, v] = into.resize(width, height);
    for (to, from) in y.chunks_exact_mut(width).zip(luma.chunks_exact(luma_stride)) {
        to.copy_from_slice(&from[..width]);
    }
    split(chroma, chroma_stride, width / 2, u, v);
}

/// Two planes of rows of `width` samples, out of rows of their samples in turn.
fn split(both: &[u8], stride: usize, width: usize, u: &mut [u8], v: &mut [u8]) {
    let rows = u.chunks_exact_mut(width).zip(v.chunks_exact_mut(width));
    for ((u, v), from) in rows.zip(both.chunks_exact(stride)) {
        for ((u, v), pair) in u.iter_mut().zip(v).zip(from.chunks_exact(2)) {
            (*u, *v) = (pair[0], pair[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Luma counts up from row to row and pixel to pixel; chroma is one for two rows, as after every conversion.
    fn luma(x: usize, y: usize) -> u8 {
        (16 + y * 7 + x) as u8
    }

    fn chroma(x: usize, y: usize) -> (u8, u8) {
        ((100 + x / 2 + y / 2) as u8, (200 - x / 2 - y / 2) as u8)
    }

    fn yuyv(width: usize, height: usize, padding: usize) -> Vec<u8> {
        let mut data = vec![];
        for y in 0..height {
            for x in (0..width.next_multiple_of(2)).step_by(2) {
                let (u, v) = chroma(x, y);
                data.extend([luma(x, y), u, luma(x + 1, y), v]);
            }
            data.extend(vec![255; padding]);
        }
        data
    }

    fn nv12(width: usize, height: usize, padding: usize) -> Vec<u8> {
        let mut data = vec![];
        for y in 0..height {
            data.extend((0..width.next_multiple_of(2)).map(|x| luma(x, y)).chain(vec![255; padding]));
        }
        for y in (0..height).step_by(2) {
            for x in (0..width).step_by(2) {
                let (u, v) = chroma(x, y);
                data.extend([u, v]);
            }
            data.extend(vec![255; padding]);
        }
        data
    }

    fn format(layout: Layout, width: usize, height: usize, padding: usize) -> Format {
        let row = width.next_multiple_of(2) * if layout == Layout::Yuyv { 2 } else { 1 };
        Format { layout, width: width as u32, height: height as u32, stride: (row + padding) as u32 }
    }

    #[test]
    fn both_layouts_give_the_same_picture_whatever_their_padding() {
        let mut picture = Planar::default();
        // 70 is more than one step of any vector unit, and leaves a rest; odd sides lose a row and a column.
        for (width, height, padding) in [(16, 16, 0), (70, 18, 0), (70, 18, 6), (33, 17, 2)] {
            for (layout, data) in
                [(Layout::Yuyv, yuyv(width, height, padding)), (Layout::Nv12, nv12(width, height, padding))]
            {
                convert(format(layout, width, height, padding), &data, &mut picture).unwrap();
                let planes = picture.planes();
                let (even_width, even_height) = (width & !1, height & !1);
                assert!(planes.is_sound() && (planes.width, planes.height) == (even_width as u32, even_height as u32));
                for (at, &y) in planes.y.iter().enumerate() {
                    assert_eq!(y, luma(at % even_width, at / even_width), "{layout:?} {width}x{height} at {at}");
                }
                for (at, uv) in planes.u.iter().copied().zip(planes.v.iter().copied()).enumerate() {
                    let (x, y) = (at % (even_width / 2) * 2, at / (even_width / 2) * 2);
                    assert_eq!(uv, chroma(x, y), "{layout:?} {width}x{height} at {x}, {y}");
                }
            }
        }
    }

    #[test]
    fn what_is_too_short_or_of_no_size_is_refused_and_leaves_no_picture() {
        let mut picture = Planar::default();
        for layout in [Layout::Yuyv, Layout::Nv12] {
            let (whole, data) = (format(layout, 32, 16, 0), vec![128; 32 * 16 * 2]);
            assert!(convert(whole, &data, &mut picture).is_ok());
            let short = convert(whole, &data[..32 * 16], &mut picture).unwrap_err();
            assert!(matches!(short, RawError::Short { bytes: 512, .. }), "{short}");
            assert!(!picture.planes().is_sound());
            assert!(convert(Format { stride: 31, ..whole }, &data, &mut picture).is_err());
            assert!(convert(Format { stride: u32::MAX, ..whole }, &data, &mut picture).is_err());
            assert!(matches!(convert(format(layout, 8, 8, 0), &data, &mut picture), Err(RawError::Size(_))));
        }
    }
}
