//! A part of a plane → a plane of another size, without gaps between its rows.
//!
//! By convolution with a triangle as wide as the shrinking asks for, which looks at every sample of the part and at none
//! beside it. Sampling four neighbours only would be faster by some tenths of a millisecond, but from 1080p on it skips
//! most samples: thin distant persons with them, and others flicker.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::jpeg::part::Part;

/// Shrinks planes, and keeps what it needs for that from one to the next.
#[derive(Debug, Default)]
pub struct Shrinker {
    resizer: Resizer,
    packed: Vec<u8>,
}

impl Shrinker {
    /// Fills `to`, a plane of `(width, height)` samples, with `part` of a plane whose rows begin `stride` samples apart.
    ///
    /// # Errors
    /// In words: the part does not lie in the plane, or `to` is not as long as its size says.
    pub fn shrink(
        &mut self,
        plane: &[u8],
        stride: usize,
        part: Part,
        to: &mut [u8],
        (width, height): (u32, u32),
    ) -> Result<(), String> {
        let (left, bottom) = (part.left as usize, (part.top + part.height) as usize);
        let rows = plane.chunks(stride.max(1)).take(bottom).skip(part.top as usize);
        if (part.width, part.height) == (width, height) {
            for (row, to) in rows.zip(to.chunks_exact_mut((width as usize).max(1))) {
                to.copy_from_slice(row.get(left..left + to.len()).ok_or("a row ends before the part does")?);
            }
            return Ok(());
        }
        // The resizer wants whole rows, and the last one of a borrowed plane may end with its last sample.
        let (plane, stride, part) = if plane.len() >= bottom * stride {
            (plane, stride, part)
        } else {
            self.packed.clear();
            for row in rows {
                let row = row.get(left..left + part.width as usize).ok_or("a row ends before the part does")?;
                self.packed.extend_from_slice(row);
            }
            (self.packed.as_slice(), part.width as usize, Part { left: 0, top: 0, ..part })
        };
        let whole = TypedImageRef::<U8>::from_buffer(stride as u32, part.top + part.height, plane)
            .map_err(|e| e.to_string())?;
        // Cut to a view rather than by the resizer's own crop box, whose filter looks at what lies beyond its edge.
        let source =
            TypedCroppedImage::new(whole, part.left, part.top, part.width, part.height).map_err(|e| e.to_string())?;
        // Typed, because the untyped call brings the code of every pixel format there is.
        let mut to = TypedImage::<U8>::from_buffer(width, height, to).map_err(|e| e.to_string())?;
        let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
        self.resizer.resize_typed(&source, &mut to, &options).map_err(|e| e.to_string())
    }
}
