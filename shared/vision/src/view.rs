//! Whether the camera still shows what it showed. One that was turned, or a stream that was cut, shows other things: none
//! of them is one that was followed before, and none is parked since yesterday.
//!
//! 1. Each picture that is looked at becomes a [`Thumbnail`].
//! 2. Two are of one view where their cells are bright and dark alike: by the correlation of the cells' means, which
//!    exposure, dusk and lamps hardly change. A picture without contrast says nothing.
//! 3. A view that was left is remembered for [`REMEMBERED`]: a lorry before the lens drives on.
//!
//! Five looks a second of eight films correlate by 0.84 and more where things are small, and by 0.50 at least where persons fill
//! half of the picture; other parts of the same scenes by -0.04 to 0.31, where much is alike by 0.66. Cars that fill a road seen
//! from above leave 0.10, of a contrast of 11. So no cut is told rather than a wrong one.
//!
//! Between two looks a turning camera shows most of the same; that is followed, and is no cut.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use crate::gate::Thumbnail;

/// The least correlation of two pictures of one view.
const SAME: f32 = 0.35;
/// Standard deviation of a picture's cells, in levels of luma, under which it says nothing.
const FLAT: f32 = 20.0;
/// How long a view that was left may come back.
const REMEMBERED: Duration = Duration::from_secs(10);

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
    /// The last picture.
    last: Option<Thumbnail>,
}

impl View {
    /// Takes the picture that is looked at next.
    pub fn see(&mut self, time: CaptureTime, picture: Thumbnail) -> Turn {
        if self.left.is_some_and(|left| time.since(left) > REMEMBERED) {
            (self.left, self.home) = (None, None);
        }
        let same = |other: &Option<Thumbnail>| other.as_ref().and_then(|other| correlation(other, &picture));
        let (like_last, like_home) = (same(&self.last), same(&self.home));
        let turn = match (like_last, like_home) {
            (Some(last), _) if last >= SAME => Turn::None,
            (Some(_), Some(home)) if home >= SAME => Turn::Back,
            (Some(_), _) if self.left.is_some() => Turn::Astray,
            (Some(_), _) => Turn::Away,
            // The first, of another size, or without contrast; the last is kept where this one says nothing.
            (None, _) => {
                if contrast(&picture).is_some() {
                    *self = Self { last: Some(picture), ..Self::default() };
                }
                return Turn::None;
            }
        };
        let before = self.last.replace(picture);
        match turn {
            Turn::Away => (self.home, self.left) = (before, Some(time)),
            Turn::Back => (self.home, self.left) = (None, None),
            Turn::None | Turn::Astray => {}
        }
        turn
    }
}

/// Mean and standard deviation of a picture with contrast.
fn contrast(picture: &Thumbnail) -> Option<(f32, f32)> {
    let cells = picture.means.len() as f32;
    let mean = picture.means.iter().sum::<f32>() / cells;
    let variance = picture.means.iter().map(|cell| (cell - mean).powi(2)).sum::<f32>() / cells;
    (variance.sqrt() >= FLAT).then_some((mean, variance.sqrt()))
}

/// Pearson's, `-1.0..=1.0`; `None` where one has no contrast or they are of different sizes.
fn correlation(a: &Thumbnail, b: &Thumbnail) -> Option<f32> {
    if (a.columns, a.rows) != (b.columns, b.rows) {
        return None;
    }
    let ((mean_a, deviation_a), (mean_b, deviation_b)) = (contrast(a)?, contrast(b)?);
    let products = a.means.iter().zip(&b.means).map(|(a, b)| (a - mean_a) * (b - mean_b));
    Some(products.sum::<f32>() / (a.means.len() as f32 * deviation_a * deviation_b))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_view_that_was_left_comes_back_within_ten_seconds_and_not_later() {
        let at = |ms: u32, seed| (ms, scene(seed, ms.into(), |luma| luma));
        assert_eq!(
            turns([at(0, 1), at(200, 2), at(400, 2), at(600, 3), at(800, 1), at(1000, 1), at(1200, 2)]),
            [Turn::None, Turn::Away, Turn::None, Turn::Astray, Turn::Back, Turn::None, Turn::Away]
        );
        assert_eq!(turns([at(0, 1), at(200, 2), at(10_300, 1)]), [Turn::None, Turn::Away, Turn::Away]);
        assert_eq!(turns([at(0, 1), at(200, 2), at(10_300, 2), at(10_400, 1)]).last(), Some(&Turn::Away));
    }

    #[test]
    fn another_size_says_nothing() {
        let small = Thumbnail { columns: 2, rows: 2, means: vec![0.0, 90.0, 10.0, 250.0] };
        assert_eq!(turns([(0, scene(1, 0, |luma| luma)), (200, small.clone()), (400, small)]), [Turn::None; 3]);
        assert_eq!(turns([(0, Thumbnail::default()), (200, Thumbnail::default())]), [Turn::None; 2]);
    }
}
