//! A picture small enough to be compared: the mean luma of each cell.

use omma_media::frame::Planes;

/// Side of a cell in luma samples, doubled until there are no more than [`MAX_CELLS`]. A macroblock of H.264 (§3.1);
/// smaller cells saw more noise and no more persons.
const CELL: usize = 16;
/// Enough for 1920×1088 in cells of 16: 120 × 68 = 8,160. Bounds the gate's memory.
pub const MAX_CELLS: usize = 8192;
/// No picture is larger (H.264 §A.3: level 6.2).
const MAX_SIDE: usize = 16_384;
/// Rows and columns in which a mask is kept: finer than any thumbnail.
const MASK_SIDE: usize = 256;

/// Areas whose motion counts for nothing: a tree, a road behind the fence, the camera's own clock.
///
/// Things *found* there still count: a mask says where to expect motion, not where to look away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mask {
    /// One bit a point, row by row; empty where nothing is masked.
    bits: Vec<u64>,
}

impl Mask {
    /// The union of polygons, each a list of corners `(x, y)`, `0.0..=1.0` from left to right and from top to bottom.
    /// The last corner is joined to the first; less than three corners cover nothing.
    pub fn new(polygons: &[Vec<(f32, f32)>]) -> Self {
        let mut mask = Self::default();
        for (row, column) in (0..MASK_SIDE).flat_map(|row| (0..MASK_SIDE).map(move |column| (row, column))) {
            let (x, y) = ((column as f32 + 0.5) / MASK_SIDE as f32, (row as f32 + 0.5) / MASK_SIDE as f32);
            if polygons.iter().any(|polygon| is_inside(polygon, x, y)) {
                mask.bits.resize(MASK_SIDE * MASK_SIDE / 64, 0);
                let at = row * MASK_SIDE + column;
                mask.bits[at / 64] |= 1 << (at % 64);
            }
        }
        mask
    }

    /// Whether the point lies in a masked area.
    pub fn covers(&self, x: f32, y: f32) -> bool {
        let place = |v: f32| ((v * MASK_SIDE as f32) as usize).min(MASK_SIDE - 1);
        let at = place(y) * MASK_SIDE + place(x);
        self.bits.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 == 1)
    }
}

/// Even-odd rule: how many sides does a ray to the right cross?
fn is_inside(polygon: &[(f32, f32)], x: f32, y: f32) -> bool {
    let mut inside = false;
    let before = polygon.iter().cycle().skip(polygon.len().saturating_sub(1));
    for (&(x0, y0), &(x1, y1)) in before.zip(polygon) {
        if (y0 > y) != (y1 > y) && x < (x1 - x0) * (y - y0) / (y1 - y0) + x0 {
            inside = !inside;
        }
    }
    inside
}

/// Mean luma of each cell, `0.0..=255.0`, row by row; NaN where a [`Mask`] covers the cell's centre.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Thumbnail {
    /// Cells in a row.
    pub columns: usize,
    /// Rows of cells.
    pub rows: usize,
    /// `columns * rows` means.
    pub means: Vec<f32>,
}

impl Thumbnail {
    /// The thumbnail of a decoded picture. Cells at the right and bottom edge may be smaller than the others. A picture
    /// whose luma is shorter than its size says gives an empty thumbnail, which the gate takes for none.
    pub fn of(planes: &Planes<'_>, mask: &Mask) -> Self {
        let (width, height, stride) = (planes.width as usize, planes.height as usize, planes.y_stride);
        let fits = height.checked_sub(1).and_then(|rows| rows.checked_mul(stride)?.checked_add(width));
        if width == 0
            || stride < width
            || width.max(height) > MAX_SIDE
            || fits.is_none_or(|samples| samples > planes.y.len())
        {
            return Self::default();
        }
        let mut cell = CELL;
        while width.div_ceil(cell) * height.div_ceil(cell) > MAX_CELLS {
            cell *= 2;
        }
        let (columns, rows) = (width.div_ceil(cell), height.div_ceil(cell));
        let mut means = Vec::with_capacity(columns * rows);
        // Across and then down, by pieces of a fixed length, whose bytes the compiler adds in one instruction or two.
        let mut sums = vec![0u32; columns];
        let lines: Vec<&[u8]> = planes.y.chunks(stride).take(height).map(|line| &line[..width]).collect();
        for (row, lines) in lines.chunks(cell).enumerate() {
            sums.fill(0);
            for line in lines {
                let (pieces, rest) = line.as_chunks::<CELL>();
                for (sum, pieces) in sums.iter_mut().zip(pieces.chunks(cell / CELL)) {
                    *sum += pieces.iter().map(add).sum::<u32>();
                }
                sums[columns - 1] += rest.iter().map(|&sample| u32::from(sample)).sum::<u32>();
            }
            let y = (row * cell + lines.len() / 2) as f32 / height as f32;
            means.extend(sums.iter().enumerate().map(|(column, &sum)| {
                let across = cell.min(width - column * cell);
                let x = (column * cell + across / 2) as f32 / width as f32;
                if mask.covers(x, y) { f32::NAN } else { sum as f32 / (across * lines.len()) as f32 }
            }));
        }
        Self { columns, rows, means }
    }
}

fn add(piece: &[u8; CELL]) -> u32 {
    piece.iter().map(|&sample| u32::from(sample)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_media::frame::Colour;
    use proptest::prelude::*;

    fn thumbnail(y: &[u8], width: u32, height: u32, y_stride: usize, mask: &Mask) -> Thumbnail {
        let planes = Planes { width, height, y, u: &[], v: &[], y_stride, uv_stride: 0, colour: Colour::default() };
        Thumbnail::of(&planes, mask)
    }

    #[test]
    fn cells_are_means_and_padding_is_not_looked_at() {
        let mut y = vec![255; 48 * 20];
        for (row, column) in (0..20).flat_map(|row| (0..40).map(move |column| (row, column))) {
            y[row * 48 + column] = if row >= 16 { 9 } else { [10, 20, 30][column / 16] };
        }
        let got = thumbnail(&y, 40, 20, 48, &Mask::default());
        assert_eq!((got.columns, got.rows), (3, 2));
        assert_eq!(got.means, [10.0, 20.0, 30.0, 9.0, 9.0, 9.0]);
    }

    #[test]
    fn a_large_picture_has_larger_cells() {
        let y = vec![7; 3840 * 2160];
        let got = thumbnail(&y, 3840, 2160, 3840, &Mask::default());
        assert!((got.columns, got.rows) == (120, 68) && got.means.iter().all(|&mean| mean == 7.0));
    }

    proptest! {
        #[test]
        fn each_cell_is_the_mean_of_its_samples(
            (width, height) in prop_oneof![(1..80usize, 1..80usize), Just((3000, 33)), Just((9000, 300))],
            gap in 0..3usize,
            seed in any::<u32>(),
        ) {
            let stride = width + gap;
            let y: Vec<u8> = (0..(stride * height) as u32).map(|n| ((n ^ seed).wrapping_mul(0x9e37_79b9) >> 24) as u8).collect();
            let got = thumbnail(&y, width as u32, height as u32, stride, &Mask::default());
            let cell = width.div_ceil(got.columns).next_power_of_two().max(CELL);
            prop_assert_eq!((got.columns, got.rows), (width.div_ceil(cell), height.div_ceil(cell)));
            for (n, mean) in got.means.iter().enumerate() {
                let (top, left) = (n / got.columns * cell, n % got.columns * cell);
                let (down, across) = (top..height.min(top + cell), left..width.min(left + cell));
                let samples = down.len() * across.len();
                let rows = down.map(|row| &y[row * stride..][across.clone()]);
                let sum: u32 = rows.flatten().map(|&sample| u32::from(sample)).sum();
                prop_assert_eq!(*mean, sum as f32 / samples as f32, "cell {}", n);
            }
        }
    }

    #[test]
    fn what_is_masked_is_no_number() {
        let left = Mask::new(&[vec![(0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)], vec![(0.0, 0.0), (1.0, 1.0)]]);
        let got = thumbnail(&[5; 64 * 16], 64, 16, 64, &left);
        assert_eq!(got.means.iter().map(|mean| mean.is_nan()).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(left.covers(0.2, 1.0) && !left.covers(0.9, 0.0) && !Mask::default().covers(0.5, 0.5));
    }

    #[test]
    fn a_plane_that_is_too_short_gives_nothing() {
        for (width, height, stride) in [(64, 17, 64), (64, 16, 32), (0, 4, 64), (1, u32::MAX, usize::MAX)] {
            assert_eq!(thumbnail(&[5; 64 * 16], width, height, stride, &Mask::default()), Thumbnail::default());
        }
        assert_eq!(thumbnail(&[], 0, 0, 0, &Mask::default()), Thumbnail::default());
    }
}
