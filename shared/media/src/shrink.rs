//! A part of a plane → a plane of another size, without gaps between its rows.
//!
//! By convolution with a triangle as wide as the shrinking asks for, which looks at every sample of the part and at none
//! beside it. Sampling four neighbours only would be faster by some tenths of a millisecond, but from 1080p on it skips
//! most samples: thin distant persons with them, and others flicker.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::part::Part;

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
        if rows.len() < part.height as usize {
            return Err(format!("{} rows where the part has {}", rows.len(), part.height));
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    const PLANE: [u8; 23] = [1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0, 9, 10, 11, 12, 0, 0, 13, 14, 15, 16, 0];

    fn shrink(part: Part, size: (u32, u32)) -> Result<Vec<u8>, String> {
        let mut to = vec![99; (size.0 * size.1) as usize];
        Shrinker::default().shrink(&PLANE, 6, part, &mut to, size).map(|()| to)
    }

    #[test]
    fn a_part_is_cut_out_or_shrunk_without_what_lies_beside_it() {
        let part = Part { left: 2, top: 2, width: 2, height: 2 };
        assert_eq!(shrink(part, (2, 2)), Ok(vec![11, 12, 15, 16]));
        assert_eq!(shrink(Part { height: 1, ..part }, (1, 1)), Ok(vec![12]));
        assert_eq!(shrink(Part { left: 0, top: 0, width: 4, height: 4 }, (1, 1)), Ok(vec![9]));
    }

    #[test]
    fn a_plane_that_ends_before_the_part_is_refused_rather_than_filled_up_with_what_was_there() {
        let part = Part { left: 0, top: 2, width: 4, height: 4 };
        for size in [(4, 4), (2, 2)] {
            assert_eq!(shrink(part, size), Err("2 rows where the part has 4".to_owned()));
        }
        for size in [(6, 1), (3, 1)] {
            assert!(shrink(Part { left: 0, top: 3, width: 6, height: 1 }, size).is_err());
        }
    }
}
