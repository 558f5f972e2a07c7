//! What the scene looks like when nothing happens, and how far a picture is from that.
//!
//! Each cell has a mean and a mean deviation. A picture is first fitted to the background by one gain and one offset,
//! so that the camera's exposure, a cloud and dusk take nothing up; what is left is measured in each cell's own
//! deviations, so that rain, leaves and infrared noise become part of the scene within some pictures.

use omma_protocol::geometry::Rect;

use super::thumbnail::Thumbnail;

/// Black of limited-range luma (ITU-R BT.601): what a gain leaves where it is.
const BLACK: f32 = 16.0;
/// A cell this near to black says nothing of the gain.
const MIN_LIGHT: f32 = 4.0;
/// Least deviation in luma, so that a still, noiseless scene does not take fright at the quantiser's steps.
const MIN_DEVIATION: f32 = 1.0;
/// Deviation of a cell that is not yet known, in luma.
const FIRST_DEVIATION: f32 = 1.5;
/// A difference over this many luma steps is a thing, not noise, and says no more of the deviation.
const MAX_NOISE: f32 = 8.0;
/// From the mean of absolute differences to the deviation of a normal distribution: √(π/2).
const TO_SIGMA: f32 = 1.25;
/// One cell by itself must differ this much more than two that touch: noise seldom strikes twice side by side.
const SINGLE: f32 = 1.6;
/// From here a cell counts as changed, in deviations.
pub(super) const CHANGED: f32 = 4.0;
/// How much one picture in vain moves the background, where it still changes and where it has stopped changing, and
/// the deviations; and how many deviations two pictures may differ that show the same.
const ABSORB: f32 = 0.05;
const ABSORB_AT_REST: f32 = 0.5;
const ABSORB_NOISE: f32 = 0.1;
const RESTS: f32 = 2.0;

/// How a picture differs from the background.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Change {
    /// The strongest pair of neighbours, in deviations; a single cell counts [`SINGLE`] times less.
    pub(super) score: f32,
    /// Share of cells that changed, `0.0..=1.0`.
    pub(super) share: f32,
}

#[derive(Debug, Default)]
pub(super) struct Background {
    columns: usize,
    means: Vec<f32>,
    deviations: Vec<f32>,
    /// Of the last picture compared: difference in luma after the fit, NaN where masked.
    differences: Vec<f32>,
    /// The same in deviations.
    scores: Vec<f32>,
    /// The picture of the last probe in vain.
    vain: Vec<f32>,
    scratch: Vec<f32>,
}

impl Background {
    /// Whether it is of pictures like this one.
    pub(super) fn is_of(&self, picture: &Thumbnail) -> bool {
        picture.means.len() == self.means.len() && picture.columns == self.columns
    }

    /// How far `picture` is from what was learnt. The first picture, and the first of another size, becomes the
    /// background itself.
    pub(super) fn compare(&mut self, picture: &Thumbnail) -> Change {
        if !self.is_of(picture) {
            self.replace(picture);
        }
        let lit = |mean: f32| (mean - BLACK).max(MIN_LIGHT);
        let ratios = picture.means.iter().zip(&self.means).map(|(now, then)| (now - BLACK) / lit(*then));
        let gain = median(&mut self.scratch, ratios).unwrap_or(1.0);
        self.differences.clear();
        self.differences
            .extend(picture.means.iter().zip(&self.means).map(|(now, then)| now - BLACK - (then - BLACK) * gain));
        let offset = median(&mut self.scratch, self.differences.iter().copied()).unwrap_or(0.0);
        self.scores.clear();
        for (difference, deviation) in self.differences.iter_mut().zip(&self.deviations) {
            *difference -= offset;
            let score = difference.abs() / deviation.max(MIN_DEVIATION);
            self.scores.push(if score.is_nan() { 0.0 } else { score });
        }
        self.change()
    }

    fn change(&self) -> Change {
        let mut change = Change::default();
        let mut changed = 0;
        for (at, &score) in self.scores.iter().enumerate() {
            let right =
                if (at + 1) % self.columns == 0 { 0.0 } else { self.scores.get(at + 1).copied().unwrap_or(0.0) };
            let below = self.scores.get(at + self.columns).copied().unwrap_or(0.0);
            change.score = change.score.max(score / SINGLE).max(score.min(right.max(below)));
            changed += usize::from(score > CHANGED);
        }
        change.share = changed as f32 / self.scores.len().max(1) as f32;
        change
    }

    /// Moves the background towards `picture`, which must be the one compared last, by `rate`, `0.0..=1.0`. Cells that
    /// touch one of `things` stay as they are: a thing must not become the scene.
    pub(super) fn learn(&mut self, picture: &Thumbnail, rate: f32, things: &[Rect]) {
        let columns = self.columns.max(1);
        let rows = self.means.len() / columns;
        for at in 0..self.means.len().min(picture.means.len()) {
            let now = picture.means[at];
            let x = ((at % columns) as f32 + 0.5) / columns as f32;
            let y = ((at / columns) as f32 + 0.5) / rows as f32;
            let covered = |thing: &Rect| x >= thing.x && x < thing.right() && y >= thing.y && y < thing.bottom();
            if now.is_nan() || things.iter().any(covered) {
                continue;
            }
            self.deviations[at] += rate / 2.0 * (self.noise(at) - self.deviations[at]);
            self.means[at] += rate * (now - self.means[at]);
        }
    }

    fn noise(&self, at: usize) -> f32 {
        TO_SIGMA * self.differences[at].abs().min(MAX_NOISE)
    }

    /// The detector finds nothing of interest in `picture`, the one compared last. What looks as it did at the last
    /// probe in vain, such as a chair that was moved, soon is the scene; what still changes may become something.
    pub(super) fn absorb(&mut self, picture: &Thumbnail) {
        for at in 0..self.means.len().min(picture.means.len()) {
            let now = picture.means[at];
            let rests = self
                .vain
                .get(at)
                .is_some_and(|then| (now - then).abs() < RESTS * self.deviations[at].max(MIN_DEVIATION));
            if !now.is_nan() {
                self.deviations[at] += ABSORB_NOISE * (self.noise(at) - self.deviations[at]);
                self.means[at] += if rests { ABSORB_AT_REST } else { ABSORB } * (now - self.means[at]);
            }
        }
        self.vain.clone_from(&picture.means);
    }

    /// Another scene: what was learnt is void.
    pub(super) fn replace(&mut self, picture: &Thumbnail) {
        self.columns = picture.columns;
        self.means.clone_from(&picture.means);
        self.deviations = vec![FIRST_DEVIATION; picture.means.len()];
        self.differences = vec![0.0; picture.means.len()];
        self.scores = vec![0.0; picture.means.len()];
        self.vain.clear();
    }
}

/// The median of what is a number.
fn median(scratch: &mut Vec<f32>, values: impl Iterator<Item = f32>) -> Option<f32> {
    scratch.clear();
    scratch.extend(values.filter(|value| !value.is_nan()));
    let middle = scratch.len() / 2;
    (!scratch.is_empty()).then(|| *scratch.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(means: &[f32]) -> Thumbnail {
        Thumbnail { columns: 4, rows: means.len() / 4, means: means.to_vec() }
    }

    fn learnt() -> (Background, Vec<f32>) {
        let means: Vec<f32> = (0..24).map(|at| 40.0 + 5.0 * at as f32).collect();
        let mut background = Background::default();
        background.compare(&picture(&means));
        (background, means)
    }

    #[test]
    fn exposure_is_fitted_away_and_a_thing_is_not() {
        let (mut background, means) = learnt();
        let brighter: Vec<f32> = means.iter().map(|mean| 16.0 + (mean - 16.0) * 1.4 + 2.0).collect();
        assert!(background.compare(&picture(&brighter)).score < 2.0);
        let mut thing = brighter;
        (thing[9], thing[10]) = (30.0, 30.0);
        let change = background.compare(&picture(&thing));
        assert!(change.score > 10.0 && change.share == 2.0 / 24.0, "{change:?}");
    }

    #[test]
    fn one_noisy_cell_counts_less_than_two_that_touch_and_rows_do_not_touch_round_the_edge() {
        let (mut background, means) = learnt();
        let score = |changed: &[usize], background: &mut Background| {
            let mut now = means.clone();
            changed.iter().for_each(|&at| now[at] += 9.0);
            background.compare(&picture(&now)).score
        };
        let pair = score(&[9, 10], &mut background);
        assert!(pair > 5.5 && score(&[5, 9], &mut background) == pair);
        for apart in [vec![9], vec![9, 11], vec![7, 8]] {
            assert!(score(&apart, &mut background) < 4.0, "{apart:?}");
        }
    }

    #[test]
    fn noise_becomes_the_scene_and_what_is_under_a_thing_does_not() {
        let (mut background, means) = learnt();
        let thing = Rect { x: 0.0, y: 0.0, w: 0.25, h: 0.25 };
        for n in 0..200 {
            let swing = if n % 2 == 0 { 6.0 } else { -6.0 };
            let mut now = means.clone();
            (now[0], now[14]) = (200.0, means[14] + swing);
            background.compare(&picture(&now));
            background.learn(&picture(&now), 0.1, &[thing]);
        }
        let mut now = means.clone();
        now[14] += 9.0;
        assert!(background.compare(&picture(&now)).score < 2.0);
        now[0] = 200.0;
        assert!(background.compare(&picture(&now)).score > 50.0, "it was never learnt");
    }

    #[test]
    fn what_the_detector_calls_nothing_and_does_not_move_soon_is_the_scene() {
        let (mut background, means) = learnt();
        let mut now = means;
        (now[9], now[10]) = (150.0, 150.0);
        let probes = (1..20).find(|_| {
            background.absorb(&picture(&now));
            background.compare(&picture(&now)).score < CHANGED
        });
        assert!(probes <= Some(7) && probes.is_some(), "{probes:?}");
    }

    #[test]
    fn a_picture_all_masked_or_of_another_size_is_no_change() {
        let (mut background, _) = learnt();
        assert_eq!(background.compare(&picture(&[f32::NAN; 24])), Change::default());
        assert_eq!(background.compare(&picture(&[90.0; 12])), Change::default());
        assert_eq!(background.compare(&Thumbnail::default()), Change::default());
    }
}
