//! Fits a decoded picture into a network's input: `[1, 3, height, width]` f32 planes.
//!
//! 1. The three planes are shrunk as they are ([`Shrinker`]). Shrinking first is the cheaper order: what is left to
//!    convert is the small picture.
//! 2. The small picture becomes blue, green and red (or red, green and blue).
//! 3. Each pixel becomes `(p - mean) / std` in the plane of its colour, and what the picture doesn't cover is padded.
//!
//! All buffers are kept from picture to picture and made anew only when the picture's size changes.

use omma_media::frame::{Matrix, Planes, Range};
use omma_media::part::Part;
use omma_media::shrink::Shrinker;
use omma_protocol::geometry::Rect;
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv420_to_bgr, yuv420_to_rgb};

use crate::head::Candidate;
use crate::manifest::{Anchor, Color, Input, Resize};

/// Fits pictures into one network's input.
pub struct Letterbox {
    input: Input,
    shrinker: Shrinker,
    small: Option<Small>,
}

/// The small picture, and the size of the picture it is made for.
struct Small {
    source: (u32, u32),
    placement: Placement,
    planes: [Plane; 3],
    pixels: Vec<u8>,
}

/// A plane without gaps between its rows.
struct Plane {
    width: u32,
    height: u32,
    samples: Vec<u8>,
}

/// Where the picture lies in the network's input, in the input's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Columns left of it.
    pub left: usize,
    /// Rows above it.
    pub top: usize,
    /// Its columns.
    pub width: usize,
    /// Its rows.
    pub height: usize,
}

/// Why a picture can't be fitted in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LetterboxError {
    /// Planes too short for the size they claim, or no picture at all.
    #[error("a picture of {width}x{height} whose planes don't hold it")]
    Unsound {
        /// Claimed width.
        width: u32,
        /// Claimed height.
        height: u32,
    },
    /// What the resizer or the colour conversion said.
    #[error("fit a picture of {width}x{height} into the input: {reason}")]
    Convert {
        /// Width.
        width: u32,
        /// Height.
        height: u32,
        /// What it said.
        reason: String,
    },
}

impl Letterbox {
    /// For a network of this input.
    pub fn new(input: &Input) -> Self {
        Self { input: input.clone(), shrinker: Shrinker::default(), small: None }
    }

    /// Fills `out`, `3 · height · width` values of the input, and says where the picture lies in it.
    pub fn fill(&mut self, planes: Planes<'_>, out: &mut [f32]) -> Result<Placement, LetterboxError> {
        let (width, height) = (planes.width, planes.height);
        if !planes.is_sound() {
            return Err(LetterboxError::Unsound { width, height });
        }
        let convert = |reason: String| LetterboxError::Convert { width, height, reason };
        let mut small = match self.small.take() {
            Some(small) if small.source == (width, height) => small,
            _ => Small::new(&self.input, width, height),
        };
        let sources = [
            (planes.y, planes.y_stride, width, height),
            (planes.u, planes.uv_stride, planes.chroma_width(), planes.chroma_height()),
            (planes.v, planes.uv_stride, planes.chroma_width(), planes.chroma_height()),
        ];
        for (to, (plane, stride, width, height)) in small.planes.iter_mut().zip(sources) {
            let part = Part { left: 0, top: 0, width, height };
            let shrunk = self.shrinker.shrink(plane, stride, part, &mut to.samples, (to.width, to.height));
            shrunk.map_err(convert)?;
        }
        self.colour(planes, &mut small).map_err(convert)?;
        self.normalise(&small, out);
        let placement = small.placement;
        self.small = Some(small);
        Ok(placement)
    }

    fn colour(&self, planes: Planes<'_>, small: &mut Small) -> Result<(), String> {
        let Placement { width, height, .. } = small.placement;
        let [y, u, v] = &small.planes;
        let picture = YuvPlanarImage {
            y_plane: &y.samples,
            y_stride: y.width,
            u_plane: &u.samples,
            u_stride: u.width,
            v_plane: &v.samples,
            v_stride: v.width,
            width: width as u32,
            height: height as u32,
        };
        let range = match planes.colour.range {
            Range::Limited => YuvRange::Limited,
            Range::Full => YuvRange::Full,
        };
        let matrix = match planes.colour.matrix {
            Matrix::Bt601 => YuvStandardMatrix::Bt601,
            Matrix::Bt709 => YuvStandardMatrix::Bt709,
        };
        let convert = match self.input.color {
            Color::Bgr => yuv420_to_bgr,
            Color::Rgb => yuv420_to_rgb,
        };
        convert(&picture, &mut small.pixels, 3 * width as u32, range, matrix).map_err(|e| e.to_string())
    }

    fn normalise(&self, small: &Small, out: &mut [f32]) {
        let Placement { left, top, width, height } = small.placement;
        let pad = match self.input.resize {
            Resize::Letterbox { pad, .. } => f32::from(pad),
            Resize::Stretch => 0.0,
        };
        for (channel, plane) in out.chunks_exact_mut(self.input.width * self.input.height).enumerate() {
            let scale = 1.0 / self.input.std[channel];
            let offset = -self.input.mean[channel] * scale;
            let pad = pad * scale + offset;
            let (above, rest) = plane.split_at_mut(top * self.input.width);
            let (beside, below) = rest.split_at_mut(height * self.input.width);
            above.fill(pad);
            below.fill(pad);
            let rows = beside.chunks_exact_mut(self.input.width).zip(small.pixels.chunks_exact(3 * width));
            for (row, pixels) in rows {
                row[..left].fill(pad);
                row[left + width..].fill(pad);
                for (value, pixel) in row[left..left + width].iter_mut().zip(pixels.chunks_exact(3)) {
                    *value = f32::from(pixel[channel]) * scale + offset;
                }
            }
        }
    }
}

impl Small {
    fn new(input: &Input, width: u32, height: u32) -> Self {
        let placement = Placement::of(input, width, height);
        let (w, h) = (placement.width as u32, placement.height as u32);
        let plane = |width: u32, height: u32| Plane { width, height, samples: vec![0; (width * height) as usize] };
        let chroma = || plane(w.div_ceil(2), h.div_ceil(2));
        let pixels = vec![0; 3 * placement.width * placement.height];
        Self { source: (width, height), placement, planes: [plane(w, h), chroma(), chroma()], pixels }
    }
}

impl Placement {
    /// Where a picture of this size lies in the input.
    pub fn of(input: &Input, width: u32, height: u32) -> Self {
        let Resize::Letterbox { anchor, .. } = input.resize else {
            return Self { left: 0, top: 0, width: input.width, height: input.height };
        };
        let scale = (input.width as f64 / f64::from(width)).min(input.height as f64 / f64::from(height));
        let side = |side: u32, most: usize| ((f64::from(side) * scale).round() as usize).clamp(1, most);
        let (width, height) = (side(width, input.width), side(height, input.height));
        let (left, top) = match anchor {
            Anchor::TopLeft => (0, 0),
            Anchor::Centre => ((input.width - width) / 2, (input.height - height) / 2),
        };
        Self { left, top, width, height }
    }

    /// A box of the input as a part of the picture, cut to it.
    pub fn to_picture(&self, found: &Candidate) -> Rect {
        let x = |x: f32| (x - self.left as f32) / self.width as f32;
        let y = |y: f32| (y - self.top as f32) / self.height as f32;
        Rect::from_corners(x(found.left), y(found.top), x(found.right), y(found.bottom)).clamped()
    }
}

#[cfg(test)]
mod tests;
