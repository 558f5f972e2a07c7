//! A moving pattern, and a clock in its top left corner that survives coding: it is read back from decoded pictures to
//! measure how long they took. Pure.
//!
//! The clock is a row of [`CELLS`] squares: white, black, then the lowest 24 bits of the Unix time in milliseconds,
//! highest first, white for 1. It begins again every 4 h 39 min.

/// Side of a square in pixels: two macroblocks, so that no square's coding touches its neighbour's middle.
pub const CELL: usize = 32;
/// Number of squares.
pub const CELLS: usize = 26;
/// The least width of a picture that holds them.
pub const MIN_WIDTH: usize = CELL * CELLS;

const BITS: usize = CELLS - 2;
const WHITE: u8 = 235;
const BLACK: u8 = 16;
const PERIOD: usize = 640;

/// Fills the luma plane, rows of `width` bytes, with diagonal waves that move three pixels a picture.
pub fn draw(luma: &mut [u8], width: usize, number: u64) {
    let wave: Vec<u8> = (0..width + PERIOD).map(|i| (40 + i % PERIOD / 4) as u8).collect();
    for (row, pixels) in luma.chunks_exact_mut(width).enumerate() {
        let shift = (row as u64 + number * 3) as usize % PERIOD;
        pixels.copy_from_slice(&wave[shift..shift + width]);
    }
}

/// Draws the clock into a luma plane whose rows are `stride` ≥ [`MIN_WIDTH`] bytes and which has [`CELL`] rows or more.
pub fn burn(luma: &mut [u8], stride: usize, millis: u32) {
    for row in luma.chunks_exact_mut(stride).take(CELL) {
        for (cell, pixels) in row.chunks_exact_mut(CELL).take(CELLS).enumerate() {
            let white = match cell {
                0 => true,
                1 => false,
                cell => millis >> (BITS + 1 - cell) & 1 == 1,
            };
            pixels.fill(if white { WHITE } else { BLACK });
        }
    }
}

/// Reads the clock: the lowest 24 bits of milliseconds. `None` where the picture is too small or has no clock: the
/// first two squares are not white and black, or some square is grey.
pub fn read(luma: &[u8], stride: usize) -> Option<u32> {
    if stride < MIN_WIDTH || luma.len() < stride * CELL {
        return None;
    }
    let white = |cell: usize| {
        // The middle quarter; edges are blurred by coding.
        let (from, to) = (CELL / 4, CELL * 3 / 4);
        let rows = luma.chunks_exact(stride).skip(from).take(to - from);
        let sum: u32 =
            rows.flat_map(|row| &row[cell * CELL + from..cell * CELL + to]).map(|&pixel| u32::from(pixel)).sum();
        match sum / ((to - from) * (to - from)) as u32 {
            0..=80 => Some(false),
            170.. => Some(true),
            _ => None,
        }
    };
    if !white(0)? || white(1)? {
        return None;
    }
    (2..CELLS).try_fold(0, |bits, cell| Some(bits << 1 | u32::from(white(cell)?)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_burned_is_read(millis: u32, number in 0u64..1 << 40, extra in 0usize..3, noise in 0u8..40) {
            let width = MIN_WIDTH + extra * 16;
            let mut luma = vec![0; width * (CELL + 8)];
            draw(&mut luma, width, number);
            burn(&mut luma, width, millis);
            for (i, pixel) in luma.iter_mut().enumerate() {
                *pixel = pixel.saturating_add(if i % 2 == 0 { noise } else { 0 }).saturating_sub(noise / 2);
            }
            prop_assert_eq!(read(&luma, width), Some(millis & 0xff_ffff));
        }
    }

    #[test]
    fn no_clock_is_read_where_there_is_none() {
        let mut luma = vec![0; MIN_WIDTH * CELL];
        assert_eq!(read(&luma, MIN_WIDTH), None);
        draw(&mut luma, MIN_WIDTH, 7);
        assert_eq!(read(&luma, MIN_WIDTH), None);
        assert_eq!(read(&luma, 64), None);
        assert_eq!(read(&[], MIN_WIDTH), None);
    }
}
