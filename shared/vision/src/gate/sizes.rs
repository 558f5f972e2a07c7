//! What the sizes of coded pictures say, without decoding one.
//!
//! A predicted picture of a still scene costs what its noise costs; something that moves costs more. How much is usual
//! depends on the place in the group of pictures more than on anything else (with places .98 of the frames with a
//! person were found by sizes alone, without them .02), so each place has its own history.
//!
//! 1. residual: log2 of the size, less the median of the last [`GROUPS`] pictures at the same place;
//! 2. less the level, which follows light and weather slowly; in units of the residuals' robust deviation;
//! 3. over a threshold, or over a cumulative sum for what is slow (CUSUM; Page, Biometrika 1954): something moves.

use std::collections::VecDeque;
use std::time::Duration;

/// Pictures remembered at each place.
const GROUPS: usize = 24;
/// Pictures at a place from which its median is trusted.
const MIN_GROUPS: usize = 5;
/// Places told apart. From [`EXACT`] on, [`COARSE`] pictures share one: that far from the key picture sizes have settled.
const PLACES: usize = 128;
const EXACT: usize = 64;
const COARSE: usize = 8;
/// Residuals from which deviation and tail are taken: 20 to 60 s of video.
const RESIDUALS: usize = 600;
/// Pictures after which they are sorted again.
const REFRESH: u32 = 20;
/// Residuals from which on the deviation is trusted.
const MIN_RESIDUALS: usize = 40;
/// Least deviation in log2: a noiseless encoder's sizes repeat to the byte.
const MIN_SIGMA: f32 = 0.02;
/// From the median absolute deviation to the deviation of a normal distribution.
const MAD_TO_SIGMA: f32 = 1.4826;
/// The 99.5th percentile of a normal distribution, in deviations; a stream whose own is higher has a heavier tail.
const NORMAL_TAIL: f32 = 2.576;
const TAIL_PERCENTILE: f32 = 0.995;
/// The tail raises the threshold this far at most: more would be things that were there while it learnt.
const MAX_TAIL: f32 = 2.0;
/// One picture this far over the usual says that something moves, in deviations.
const SINGLE: f32 = 4.0;
/// The cumulative sum: what is taken off for each picture, the most one picture counts, and where it tells.
const CUSUM_SLACK: f32 = 0.5;
const CUSUM_CLIP: f32 = 3.0;
const CUSUM_LIMIT: f32 = 6.0;
/// The level follows upwards within this time, seconds.
const LEVEL_SECONDS: f32 = 15.0;
/// The same sum downwards: over this the level drops at once to the median of the last pictures.
const FALL_SLACK: f32 = 0.7;
const FALL_LIMIT: f32 = 12.0;
const FALL_PICTURES: usize = 12;
/// A sign in vain: the next must be so much more than the last had to be, or as much as that one was where that is more;
/// at most so much more than the thresholds; forgotten within this time, seconds. Rate control makes the same large
/// pictures again and again: without this a sub-stream of nobody was decoded for 22 pictures every ten seconds.
const WARIER: f32 = 1.25;
const MAX_WARINESS: f32 = 2.0;
const WARY_SECONDS: f32 = 120.0;
/// No rise beyond this says more of a stream, log2.
const MAX_RISE: f32 = 8.0;
/// No picture is taken to stand for more time than this, seconds.
const MAX_INTERVAL: f32 = 1.0;

/// Why the sizes say that something moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moves {
    /// One picture was large.
    Single,
    /// Many were a little larger.
    Slowly,
}

/// The sizes of one stream. About 20 KB.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// By place: log2 of the last sizes.
    history: Vec<VecDeque<f32>>,
    residuals: VecDeque<f32>,
    since_refresh: u32,
    sigma: f32,
    tail: f32,
    level: f32,
    /// Median over the places of what is usual.
    typical: Option<f32>,
    rising: f32,
    falling: f32,
    /// How much more than usual a sign must be because others were in vain, from 1 on.
    wariness: f32,
    /// The strongest sign since the last glance, in thresholds; 0 without one.
    told: f32,
    /// Place of the last picture; `None` before the first key picture and after a gap.
    place: Option<usize>,
    /// Pictures that were summed up since the last key picture; `None` where that was broken off.
    summed: Option<usize>,
    /// The same of the last group: 0 where it was broken off.
    group: usize,
    /// The last picture's, until it is learnt.
    fresh: Option<Fresh>,
    scratch: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
struct Fresh {
    place: usize,
    log_size: f32,
    residual: Option<f32>,
    seconds: f32,
}

impl Sizes {
    pub(super) fn new() -> Self {
        Self { history: vec![VecDeque::new(); PLACES], sigma: 0.1, tail: 1.0, wariness: 1.0, ..Self::default() }
    }

    /// Takes the next unit of the stream, `passed` after the one before. `doubt`,
    /// from 1 on, is how much more than usual it takes. Says whether something moves.
    pub(super) fn see(&mut self, key: bool, bytes: usize, passed: Duration, doubt: f32) -> Option<Moves> {
        self.fresh = None;
        let seconds = passed.as_secs_f32().min(MAX_INTERVAL);
        self.wariness += (1.0 - self.wariness) * (passed.as_secs_f32() / WARY_SECONDS).min(1.0);
        if key {
            self.group = self.summed.replace(0).unwrap_or(0);
        }
        self.place = if key { Some(0) } else { self.place.map(|place| place + 1) };
        // A key picture holds the whole scene: its size says nothing of what moves.
        let place = self.place.filter(|&place| place > 0)?;
        let place = if place < EXACT { place } else { EXACT + (place - EXACT) / COARSE }.min(PLACES - 1);
        let log_size = (bytes.max(1) as f32).log2();
        let usual = self.usual(place);
        let residual = usual.map(|usual| log_size - usual);
        self.fresh = Some(Fresh { place, log_size, residual, seconds });
        if self.residuals.len() < MIN_RESIDUALS {
            return None;
        }
        let z = (residual? - self.level) / self.sigma;
        self.rising =
            (self.rising + z.clamp(-CUSUM_CLIP, CUSUM_CLIP) - CUSUM_SLACK).clamp(0.0, 2.0 * CUSUM_LIMIT * doubt);
        self.falling = (self.falling - z.clamp(-CUSUM_CLIP, CUSUM_CLIP) - FALL_SLACK).max(0.0);
        self.summed = self.summed.map(|pictures| pictures + 1);
        let told = z / (SINGLE * self.tail);
        if told > doubt {
            self.told = self.told.max(told);
            Some(Moves::Single)
        } else if self.rising > CUSUM_LIMIT * doubt {
            self.told = self.told.max(1.0);
            Some(Moves::Slowly)
        } else {
            None
        }
    }

    /// The unit seen last showed nothing of interest: it is part of what is usual.
    pub(super) fn learn(&mut self) {
        let Some(fresh) = self.fresh.take() else { return };
        let history = &mut self.history[fresh.place];
        if history.len() == GROUPS {
            history.pop_front();
        }
        history.push_back(fresh.log_size);
        let Some(residual) = fresh.residual else { return };
        if self.residuals.len() == RESIDUALS {
            self.residuals.pop_front();
        }
        self.residuals.push_back(residual);
        self.since_refresh += 1;
        if self.since_refresh >= REFRESH {
            self.refresh();
        }
        let bound = CUSUM_CLIP * self.sigma;
        self.level += (residual - self.level).clamp(-bound, bound) * fresh.seconds / LEVEL_SECONDS;
        if self.falling > FALL_LIMIT {
            self.level = self.recent(FALL_PICTURES);
            self.falling = 0.0;
        }
    }

    /// A glance of `pictures` pictures found nothing: what was seen is the new level, and the like of it no sign for a while.
    pub(super) fn in_vain(&mut self, pictures: usize) {
        self.level = self.level.max(self.recent(pictures));
        // A glance that something else began says nothing of sizes.
        if self.told > 0.0 {
            self.wariness = (self.wariness * WARIER).max(self.told).min(MAX_WARINESS);
        }
        self.calm();
    }

    /// Something was found, or the stream is another: no sign is doubted for what came before.
    pub(super) fn trust(&mut self) {
        self.wariness = 1.0;
    }

    /// How much more than usual a sign must be to be none of those that were in vain lately: from 1 to [`MAX_WARINESS`].
    pub(super) fn wariness(&self) -> f32 {
        self.wariness
    }

    /// What was summed up is dealt with.
    pub(super) fn calm(&mut self) {
        (self.rising, self.falling, self.told, self.summed) = (0.0, 0.0, 0.0, None);
    }

    /// Units were lost: the place in the group is not known before the next key picture.
    pub(super) fn interrupted(&mut self) {
        (self.place, self.fresh) = (None, None);
        self.calm();
    }

    /// The smallest rise of one picture's size that tells, in bytes. `None` while it is not known.
    pub(super) fn smallest_change(&self) -> Option<f32> {
        self.in_bytes(SINGLE * self.tail)
    }

    /// Whether the last group was still, and so long that the cumulative sum can tell within half of it. Asked at the key
    /// picture after it; no where sizes told and were answered.
    pub(super) fn was_still(&self, doubt: f32) -> bool {
        let rise = CUSUM_SLACK + CUSUM_LIMIT * doubt / (self.group as f32 / 2.0);
        rise < CUSUM_CLIP && self.rising < CUSUM_LIMIT / 2.0
    }

    /// So many deviations over the usual, as bytes of a picture.
    fn in_bytes(&self, deviations: f32) -> Option<f32> {
        if self.residuals.len() < MIN_RESIDUALS {
            return None;
        }
        let rise = (deviations * self.sigma).min(MAX_RISE).exp2() - 1.0;
        Some((self.typical? + self.level).exp2() * rise)
    }

    fn usual(&mut self, place: usize) -> Option<f32> {
        let history = &self.history[place];
        if history.len() < MIN_GROUPS {
            return None;
        }
        median(&mut self.scratch, history.iter().copied())
    }

    /// Median residual of the last pictures; the level itself where there are too few.
    fn recent(&mut self, pictures: usize) -> f32 {
        let last = self.residuals.iter().rev().take(pictures.max(4)).copied();
        median(&mut self.scratch, last).unwrap_or(self.level)
    }

    fn refresh(&mut self) {
        self.since_refresh = 0;
        let usual: Vec<f32> = (1..PLACES).filter_map(|place| self.usual(place)).collect();
        self.typical = median(&mut self.scratch, usual.into_iter());
        let Some(centre) = median(&mut self.scratch, self.residuals.iter().copied()) else { return };
        let deviations = self.residuals.iter().map(|residual| (residual - centre).abs());
        let Some(mad) = median(&mut self.scratch, deviations) else { return };
        self.sigma = (MAD_TO_SIGMA * mad).max(MIN_SIGMA);
        self.scratch.clear();
        self.scratch.extend(self.residuals.iter().copied());
        let at = ((self.scratch.len() - 1) as f32 * TAIL_PERCENTILE) as usize;
        let high = *self.scratch.select_nth_unstable_by(at, f32::total_cmp).1;
        self.tail = ((high - centre) / (NORMAL_TAIL * self.sigma)).clamp(1.0, MAX_TAIL);
    }
}

fn median(scratch: &mut Vec<f32>, values: impl Iterator<Item = f32>) -> Option<f32> {
    scratch.clear();
    scratch.extend(values);
    let middle = scratch.len() / 2;
    (!scratch.is_empty()).then(|| *scratch.select_nth_unstable_by(middle, f32::total_cmp).1)
}

#[cfg(test)]
mod tests;
