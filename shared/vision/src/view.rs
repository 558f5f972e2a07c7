//! Whether the camera still shows what it showed. One that was turned, or a stream that was cut, shows other things: none
//! of them is one that was followed before, and none is parked since yesterday.
//!
//! 1. Each picture that is looked at becomes a [`Thumbnail`], and that 4 × 4 blocks.
//! 2. Two blocks are alike where their cells are bright and dark alike: by the correlation of the cells' means. Blocks
//!    without contrast say nothing, and a picture in which half of them have none: a yard by night with one lamp.
//! 3. Two pictures are of one view where half of their blocks are. A lamp, the sun or a lorry change some blocks, and the light
//!    on all of them by much the same within each.
//! 4. A view that was left is remembered for [`REMEMBERED`]: a lorry before the lens drives on.
//!
//! Five looks a second of five films have a median of 0.99 and more where things are small, and of 0.72 at least where persons
//! fill half of the picture; lit from elsewhere by calculation, of 0.64 at least. Other parts of the same scenes have 0.71 where
//! they are a twelfth of the picture apart, and 0.37 at most elsewhere.
//!
//! Between two looks a turning camera shows most of the same; that is followed, and is no cut.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use crate::gate::Thumbnail;

/// Blocks across, and down.
const BLOCKS: usize = 4;
/// So many must have contrast for a picture to say something.
const SPEAKING: usize = BLOCKS * BLOCKS / 2;
/// The least median of the blocks' correlations of two pictures of one view.
const SAME: f32 = 0.5;
/// Standard deviation of a block's cells, in levels of luma, under which it says nothing.
const FLAT: f64 = 8.0;
/// How long a view that was left may come back.
const REMEMBERED: Duration = Duration::from_secs(10);
/// Two pictures further apart are not compared: between them it may have become night.
const APART: Duration = Duration::from_secs(60);

/// What a picture shows, after those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Turn {
    /// The same view, or nothing is known.
    #[default]
    None,
    /// Another view than the one that was there.
    Away,
    /// Again another, and the first is still remembered.
    Astray,
    /// The view that was left a moment ago.
    Back,
}

/// The views of one stream.
#[derive(Debug, Default)]
pub struct View {
    /// The last picture of the view that was there before it was left.
    home: Option<Thumbnail>,
    /// Since when it is left.
    left: Option<CaptureTime>,
    /// The last picture, and when it was taken.
    last: Option<(CaptureTime, Thumbnail)>,
}

impl View {
    /// Takes the picture that is looked at next.
    pub fn see(&mut self, time: CaptureTime, picture: Thumbnail) -> Turn {
        if self.left.is_some_and(|left| time.since(left) > REMEMBERED) {
            (self.left, self.home) = (None, None);
        }
        let near = self.last.as_ref().filter(|(last, _)| time.since(*last) <= APART);
        let Some(like_last) = near.and_then(|(_, last)| likeness(last, &picture)) else {
            // One without contrast says nothing; the first, and one of another size or time, begins anew.
            if likeness(&picture, &picture).is_some() {
                *self = Self { last: Some((time, picture)), ..Self::default() };
            }
            return Turn::None;
        };
        let is_home = || self.home.as_ref().and_then(|home| likeness(home, &picture)).is_some_and(|like| like >= SAME);
        let turn = match self.left {
            _ if like_last >= SAME => Turn::None,
            None => Turn::Away,
            Some(_) if is_home() => Turn::Back,
            Some(_) => Turn::Astray,
        };
        let before = self.last.replace((time, picture));
        match turn {
            Turn::Away => (self.home, self.left) = (before.map(|(_, picture)| picture), Some(time)),
            Turn::Back => (self.home, self.left) = (None, None),
            Turn::None | Turn::Astray => {}
        }
        turn
    }

    /// The last picture that says something.
    pub fn last(&self) -> Option<&Thumbnail> {
        self.last.as_ref().map(|(_, picture)| picture)
    }

    /// Whether the last picture shows another view than that one. False where one of them says nothing.
    pub fn is_other_than(&self, picture: &Thumbnail) -> bool {
        self.last().and_then(|last| likeness(last, picture)).is_some_and(|like| like < SAME)
    }
}

/// The median of the blocks' correlations, `-1.0..=1.0`; `None` where too few blocks have contrast in both, or they are of
/// different sizes.
fn likeness(a: &Thumbnail, b: &Thumbnail) -> Option<f32> {
    if (a.columns, a.rows) != (b.columns, b.rows) {
        return None;
    }
    let blocks = (0..BLOCKS * BLOCKS).map(|n| (n / BLOCKS, n % BLOCKS));
    let mut alike: Vec<f32> = blocks.filter_map(|(row, column)| correlation(block(a, b, row, column))).collect();
    alike.sort_unstable_by(f32::total_cmp);
    alike.get(alike.len() / 2).copied().filter(|_| alike.len() >= SPEAKING)
}

/// The cells of a block, of two pictures of one size.
fn block(a: &Thumbnail, b: &Thumbnail, row: usize, column: usize) -> impl Iterator<Item = (f32, f32)> {
    let part = |whole: usize, n: usize| whole * n / BLOCKS..whole * (n + 1) / BLOCKS;
    let (down, across) = (part(a.rows, row), part(a.columns, column));
    let width = a.columns.max(1);
    let lines = a.means.chunks(width).zip(b.means.chunks(width)).skip(down.start).take(down.len());
    lines.flat_map(move |(a, b)| {
        let a = a.get(across.clone()).unwrap_or_default();
        let b = b.get(across.clone()).unwrap_or_default();
        a.iter().copied().zip(b.iter().copied())
    })
}

/// Pearson's, `-1.0..=1.0`; `None` where one has no contrast.
///
/// In one pass, with sums in 64 bits: differences of sums of squares are exact to far less than a level of luma.
fn correlation(cells: impl Iterator<Item = (f32, f32)>) -> Option<f32> {
    let sums = cells.fold([0.0_f64; 6], |[count, a, b, aa, bb, ab], (x, y)| {
        let (x, y) = (f64::from(x), f64::from(y));
        [count + 1.0, a + x, b + y, aa + x * x, bb + y * y, ab + x * y]
    });
    let [mean_a, mean_b, mean_aa, mean_bb, mean_ab] = [1, 2, 3, 4, 5].map(|n| sums[n] / sums[0]);
    let deviation_a = (mean_aa - mean_a * mean_a).sqrt();
    let deviation_b = (mean_bb - mean_b * mean_b).sqrt();
    let contrast = deviation_a >= FLAT && deviation_b >= FLAT;
    contrast.then(|| ((mean_ab - mean_a * mean_b) / (deviation_a * deviation_b)) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIDE: usize = 24;

    /// A scene of its own for each seed, with noise that differs from picture to picture.
    fn scene(seed: u64, picture: u64, light: impl Fn(f32) -> f32) -> Thumbnail {
        let random = |a: u64, b: u64| {
            let mixed = (a.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ b).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 40) as f32 / (1 << 24) as f32
        };
        let cell = |n: u64| light(40.0 + 150.0 * random(seed, n / 5) + 4.0 * random(picture + 1000, n));
        Thumbnail { columns: SIDE, rows: SIDE, means: (0..(SIDE * SIDE) as u64).map(cell).collect() }
    }

    fn turns(pictures: impl IntoIterator<Item = (u32, Thumbnail)>) -> Vec<Turn> {
        let mut view = View::default();
        let begin = CaptureTime(1_700_000_000_000_000);
        pictures.into_iter().map(|(ms, picture)| view.see(begin + Duration::from_millis(ms.into()), picture)).collect()
    }

    #[test]
    fn light_noise_and_things_are_no_other_view() {
        let mut with_a_lorry = scene(1, 4, |luma| luma);
        with_a_lorry.means[..SIDE * SIDE / 3].fill(90.0);
        let pictures = [
            scene(1, 0, |luma| luma),
            scene(1, 1, |luma| 0.4 * luma + 20.0),
            scene(1, 2, |luma| (1.8 * luma).min(255.0)),
            scene(1, 3, |luma| 0.02 * luma), // Lights out: no contrast.
            scene(1, 3, |luma| 0.5 * luma),
            with_a_lorry,
        ];
        let turns = turns(pictures.into_iter().enumerate().map(|(n, picture)| (n as u32 * 200, picture)));
        assert_eq!(turns, [Turn::None; 6]);
    }

    #[test]
    fn a_lamp_that_lights_a_yard_from_elsewhere_is_no_other_view() {
        // By the sun from above, by a lamp from the left, by another from below, and by one in a corner of the dark.
        let lit = |light: fn(f32, f32) -> f32| {
            let mut picture = scene(1, 0, |luma| luma);
            for (n, cell) in picture.means.iter_mut().enumerate() {
                let (x, y) = ((n % SIDE) as f32 / SIDE as f32, (n / SIDE) as f32 / SIDE as f32);
                *cell = (*cell * light(x, y)).min(255.0);
            }
            picture
        };
        let pictures = [
            lit(|_, y| 1.3 - 0.9 * y),
            lit(|x, _| 1.4 - 1.1 * x),
            lit(|_, y| 0.3 + y),
            lit(|x, y| if x < 0.25 && y < 0.25 { 1.2 } else { 0.03 }),
            lit(|x, _| 0.3 + 1.1 * x),
        ];
        let turns = turns(pictures.into_iter().enumerate().map(|(n, picture)| (n as u32 * 200, picture)));
        assert_eq!(turns, [Turn::None; 5]);
    }

    #[test]
    fn a_view_that_was_left_comes_back_within_ten_seconds_and_not_later() {
        let at = |ms: u32, seed| (ms, scene(seed, ms.into(), |luma| luma));
        assert_eq!(
            turns([at(0, 1), at(200, 2), at(400, 2), at(600, 3), at(800, 1), at(1000, 1), at(1200, 2)]),
            [Turn::None, Turn::Away, Turn::None, Turn::Astray, Turn::Back, Turn::None, Turn::Away]
        );
        assert_eq!(turns([at(0, 1), at(200, 2), at(10_300, 1)]), [Turn::None, Turn::Away, Turn::Away]);
        assert_eq!(turns([at(0, 1), at(200, 2), at(10_300, 2), at(10_400, 1)]).last(), Some(&Turn::Away));
        assert_eq!(turns([at(0, 1), at(60_100, 2), at(60_300, 1)]), [Turn::None, Turn::None, Turn::Away]);
    }

    proptest! {
        #[test]
        fn in_one_pass_it_is_the_correlation_of_the_definition(
            cells in prop::collection::vec((0.0f32..=255.0, 0.0f32..=255.0), 0..600),
            (scale, shift) in (0.0f32..=1.0, 0.0f32..200.0),
        ) {
            let cells: Vec<_> = cells.into_iter().map(|(a, b)| (a * scale + shift, (a + b) / 2.0)).collect();
            let count = cells.len() as f64;
            let mean = |of: &dyn Fn(f64, f64) -> f64| {
                cells.iter().map(|(a, b)| of(f64::from(*a), f64::from(*b))).sum::<f64>() / count
            };
            let (a, b) = (mean(&|a, _| a), mean(&|_, b| b));
            let (of_a, of_b) = (mean(&|x, _| (x - a).powi(2)).sqrt(), mean(&|_, y| (y - b).powi(2)).sqrt());
            let got = correlation(cells.iter().copied());
            // At the very bound rounding decides.
            prop_assume!((of_a - FLAT).abs() > 1e-6 && (of_b - FLAT).abs() > 1e-6);
            prop_assert_eq!(got.is_some(), of_a >= FLAT && of_b >= FLAT);
            if let Some(got) = got {
                let expected = mean(&|x, y| (x - a) * (y - b)) / (of_a * of_b);
                prop_assert!((f64::from(got) - expected).abs() < 1e-6, "{got}, expected {expected}");
            }
        }
    }

    #[test]
    fn another_size_says_nothing() {
        let small = Thumbnail { columns: 2, rows: 2, means: vec![0.0, 90.0, 10.0, 250.0] };
        assert_eq!(turns([(0, scene(1, 0, |luma| luma)), (200, small.clone()), (400, small)]), [Turn::None; 3]);
        assert_eq!(turns([(0, Thumbnail::default()), (200, Thumbnail::default())]), [Turn::None; 2]);
    }
}
