//! A part of a plane → a plane of another size, without gaps between its rows.
//!
//! By convolution with a triangle as wide as the shrinking asks for, which looks at every sample of the part and at none
//! beside it. Sampling four neighbours only would be faster by some tenths of a millisecond, but from 1080p on it skips
//! most samples: thin distant persons with them, and others flicker.
//!
//! To just the half each new sample is the mean of its four, which takes a twentieth of the time that a triangle does; what
//! is to be shrunk to a quarter or less is halved so first.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions, Resizer};

use crate::part::Part;

/// Shrinks planes, and keeps what it needs for that from one to the next.
#[derive(Debug, Default)]
pub struct Shrinker {
    resizer: Resizer,
    packed: Vec<u8>,
    /// For each time that a plane is halved before it is shrunk, the largest so far.
    halved: Vec<Vec<u8>>,
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
        size: (u32, u32),
    ) -> Result<(), String> {
        self.shrink_halved(0, plane, stride, part, to, size)
    }

    /// What was halved so many times before.
    fn shrink_halved(
        &mut self,
        times: usize,
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
        if (part.width, part.height) == (2 * width, 2 * height) {
            return halve(rows, left, to, width as usize);
        }
        let even = part.width.is_multiple_of(2) && part.height.is_multiple_of(2);
        if even && part.width >= 4 * width && part.height >= 4 * height {
            let half = Part { left: 0, top: 0, width: part.width / 2, height: part.height / 2 };
            let samples = (half.width * half.height) as usize;
            if self.halved.len() == times {
                self.halved.push(vec![]);
            }
            let mut halved = std::mem::take(&mut self.halved[times]);
            // Never shorter: a picture's chroma follows its luma, and what is added anew is written twice.
            halved.resize(halved.len().max(samples), 0);
            let stride = half.width as usize;
            let shrunk = halve(rows, left, &mut halved[..samples], stride)
                .and_then(|()| self.shrink_halved(times + 1, &halved[..samples], stride, half, to, (width, height)));
            self.halved[times] = halved;
            return shrunk;
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

/// Fills `to`, rows of `width` samples, with the means of two by two samples of `rows` from `left` on.
fn halve<'a>(mut rows: impl Iterator<Item = &'a [u8]>, left: usize, to: &mut [u8], width: usize) -> Result<(), String> {
    for to in to.chunks_exact_mut(width.max(1)) {
        let mut row = || rows.next()?.get(left..left + 2 * width);
        let (above, below) = row().zip(row()).ok_or("a row ends before the part does")?;
        halve_rows(above, below, to);
    }
    Ok(())
}

/// By itself and in blocks of a known length, so that the compiler does all of a block at once: a fifth of the time.
#[inline(never)]
fn halve_rows(above: &[u8], below: &[u8], to: &mut [u8]) {
    let ((blocks, end), (above, end_above), (below, end_below)) =
        (to.as_chunks_mut::<16>(), above.as_chunks::<32>(), below.as_chunks::<32>());
    for ((to, above), below) in blocks.iter_mut().zip(above).zip(below) {
        for i in 0..16 {
            to[i] = mean([above[2 * i], above[2 * i + 1], below[2 * i], below[2 * i + 1]]);
        }
    }
    let pairs = end_above.as_chunks().0.iter().zip(end_below.as_chunks().0);
    for (to, (&[a, b], &[c, d])) in end.iter_mut().zip(pairs) {
        *to = mean([a, b, c, d]);
    }
}

/// Rounded, halves up.
fn mean([a, b, c, d]: [u8; 4]) -> u8 {
    ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4) as u8
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
    fn to_the_half_each_sample_is_the_mean_of_its_four_and_to_less_of_all_that_it_stands_for() {
        let (width, height) = (80, 8);
        let plane: Vec<u8> = (0..width * height).map(|i| (i * 37 % 251) as u8).collect();
        let part = Part { left: 0, top: 0, width: width as u32, height: height as u32 };
        let shrunk = |times: usize| {
            let mut to = vec![0; width / times * (height / times)];
            let size = ((width / times) as u32, (height / times) as u32);
            Shrinker::default().shrink(&plane, width, part, &mut to, size).map(|()| to)
        };
        let mean = |times: usize, i: usize| {
            let (left, top) = (i % (width / times) * times, i / (width / times) * times);
            let samples = (0..times * times).map(|n| u32::from(plane[(top + n / times) * width + left + n % times]));
            f64::from(samples.sum::<u32>()) / (times * times) as f64
        };
        let halved = shrunk(2).unwrap();
        assert!(
            halved.iter().enumerate().all(|(i, &sample)| f64::from(sample) == (mean(2, i) + 0.01).round()),
            "{halved:?}"
        );
        let quarter = shrunk(4).unwrap();
        assert!(
            quarter.iter().enumerate().all(|(i, &sample)| (f64::from(sample) - mean(4, i)).abs() <= 1.0),
            "{quarter:?}"
        );
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
