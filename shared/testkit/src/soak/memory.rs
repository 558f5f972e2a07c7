//! Whether a process's memory grows, from samples of it. Pure.
//!
//! 1. The first five minutes of a life are left out: caches fill, threads begin, the allocator takes its share.
//! 2. Points are like moments. Of the heap in use: each lull is one ([`of_lulls`]), when no camera is there, so that nothing
//!    but what lasts is held. Of resident memory: each minute is one ([`of_minutes`]), the median of its samples, since
//!    neighbouring samples say almost the same, and would make the error look smaller than it is.
//! 3. The slope is the median of the slopes between any two points (Theil–Sen), which a burst of work does not move; its
//!    95 % interval is Sen's, by ranks (Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", 1968).
//!
//! The interval takes the points for independent. Resident memory wanders slowly and is not quite that, so its true interval
//! is somewhat wider.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// What memory does in the first minutes of a process says nothing of the years after.
pub const WARM_UP: Duration = Duration::from_secs(300);
/// The aim, MB (10^6 bytes) an hour.
pub const LIMIT: f64 = 1.0;

/// The time of one point.
const BLOCK: Duration = Duration::from_secs(60);
/// A minute with fewer samples is no point: the life began or ended in it.
const SAMPLES: usize = 6;
/// Of fewer points the interval would be infinite, or nearly so.
const POINTS: usize = 6;
/// Quantile of the normal distribution for an interval of 95 %.
const Z: f64 = 1.96;

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// How old the process was.
    pub age: Duration,
    /// Its memory, bytes.
    pub bytes: f64,
}

/// How fast memory grows, MB an hour.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// The estimate.
    pub mb_per_hour: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// How many minutes, or lulls, it stands on.
    pub points: usize,
}

/// What a slope says of the aim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Judgement {
    /// It is below the limit: the whole interval is.
    Flat,
    /// The interval holds the limit: a longer run would tell.
    Undecided,
    /// It is not below the limit: no part of the interval is.
    Growing,
}

impl Slope {
    /// Compares it with [`LIMIT`].
    pub fn judge(&self) -> Judgement {
        if self.high < LIMIT {
            Judgement::Flat
        } else if self.low < LIMIT {
            Judgement::Undecided
        } else {
            Judgement::Growing
        }
    }
}

/// How fast the heap of one life grows, of which each sample is a lull's. `None` where there were too few to tell.
pub fn of_lulls(samples: &[Sample]) -> Option<Slope> {
    let warm = samples.iter().filter_map(|sample| Some((sample.age.checked_sub(WARM_UP)?, sample.bytes)));
    through(&warm.map(|(age, bytes)| (age.as_secs_f64() / 3600.0, bytes / 1e6)).collect::<Vec<_>>())
}

/// How fast the resident memory of one life grows. `None` where it was too short to tell.
pub fn of_minutes(samples: &[Sample]) -> Option<Slope> {
    through(&minutes(samples))
}

/// Through hours and MB, ascending.
fn through(points: &[(f64, f64)]) -> Option<Slope> {
    if points.len() < POINTS {
        return None;
    }
    let mut slopes: Vec<f64> = vec![];
    for (n, (hour, mb)) in points.iter().enumerate() {
        slopes.extend(points[n + 1..].iter().map(|(later, grown)| (grown - mb) / (later - hour)));
    }
    slopes.sort_by(f64::total_cmp);
    let (n, pairs) = (points.len() as f64, slopes.len() as f64);
    // Of Kendall's S, without ties.
    let deviation = (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
    let half = Z * deviation / 2.0;
    let last = slopes.len() - 1;
    // Both rounded away from the middle. The casts saturate.
    let low = ((pairs / 2.0 - half).floor() as usize).saturating_sub(1);
    let high = ((pairs / 2.0 + half).ceil() as usize).min(last);
    Some(Slope { mb_per_hour: median(&slopes)?, low: slopes[low], high: slopes[high], points: points.len() })
}

/// Hours since the warm-up and MB, ascending.
fn minutes(samples: &[Sample]) -> Vec<(f64, f64)> {
    let mut blocks: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
    for sample in samples {
        if let Some(age) = sample.age.checked_sub(WARM_UP) {
            blocks.entry(age.as_secs() / BLOCK.as_secs()).or_default().push(sample.bytes / 1e6);
        }
    }
    let block_hours = BLOCK.as_secs_f64() / 3600.0;
    let whole = blocks.into_iter().filter(|(_, values)| values.len() >= SAMPLES);
    whole
        .filter_map(|(block, mut values)| {
            values.sort_by(f64::total_cmp);
            Some((block as f64 * block_hours, median(&values)?))
        })
        .collect()
}

/// Of sorted values.
pub(super) fn median(sorted: &[f64]) -> Option<f64> {
    let (lower, upper) = (sorted.get(sorted.len().saturating_sub(1) / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// How far lulls of one life lie apart where nothing leaks, MB.
    const NOISE: f64 = 0.14;

    /// A sample each 5 s: 200 MB, and what `mb` adds at an age in hours.
    fn life(minutes: u64, mut mb: impl FnMut(f64) -> f64) -> Vec<Sample> {
        let ages = (0..minutes * 12).map(|n| Duration::from_secs(n * 5));
        ages.map(|age| Sample { age, bytes: (200.0 + mb(age.as_secs_f64() / 3600.0)) * 1e6 }).collect()
    }

    #[test]
    fn a_line_is_found_exactly() {
        for wanted in [-2.0, 0.0, 0.5, 3.0] {
            let slope = of_minutes(&life(25, |hour| wanted * hour)).unwrap();
            assert!((slope.mb_per_hour - wanted).abs() < 1e-6, "{slope:?}");
            assert_eq!(slope.points, 20);
            assert!(slope.high - slope.low < 1e-6, "{slope:?}");
        }
    }

    #[test]
    fn the_warm_up_does_not_count() {
        let slope = of_minutes(&life(25, |hour| if hour < 1.0 / 12.0 { hour * 1000.0 } else { 80.0 })).unwrap();
        assert_eq!(slope.mb_per_hour, 0.0);
        assert_eq!(slope.judge(), Judgement::Flat);
    }

    #[test]
    fn bursts_do_not_move_it() {
        // For two minutes 50 MB more.
        let slope = of_minutes(&life(25, |hour| if (0.2..0.233).contains(&hour) { 50.0 } else { 0.1 * hour })).unwrap();
        assert!(slope.mb_per_hour.abs() < 0.2, "{slope:?}");
    }

    #[test]
    fn a_short_life_says_nothing() {
        assert_eq!(of_minutes(&[]), None);
        assert_eq!(of_minutes(&life(10, |_| 0.0)), None);
        assert!(of_minutes(&life(11, |_| 0.0)).is_some());
    }

    #[test]
    fn a_leak_is_told_from_noise() {
        let mut random = StdRng::seed_from_u64(1);
        let mut noisy = |mb_per_hour: f64| {
            of_minutes(&life(30, |hour| mb_per_hour * hour + random.random_range(-0.2..0.2))).unwrap().judge()
        };
        assert_eq!(noisy(0.0), Judgement::Flat);
        assert_eq!(noisy(10.0), Judgement::Growing);
    }

    #[test]
    fn a_slope_at_the_limit_is_undecided_as_often_as_the_interval_promises() {
        let mut random = StdRng::seed_from_u64(2);
        let undecided = (0..400).filter(|_| {
            // Minutes that differ from each other, whatever happens within them.
            let steps: Vec<f64> = (0..30).map(|_| random.random_range(-1.0..1.0)).collect();
            let slope = of_minutes(&life(25, |hour| LIMIT * hour + steps[(hour * 60.0) as usize])).unwrap();
            slope.judge() == Judgement::Undecided
        });
        let undecided = undecided.count();
        // 95 % of 400 are 380, give or take three times 4.4; the interval is rounded to the wider side.
        assert!((366..=400).contains(&undecided), "{undecided} of 400");
    }

    /// The lulls of a run of half an hour, in a life that began after five minutes: 90 MB, and a leak, and noise as measured.
    fn lulls(mb_per_hour: f64, noise: f64, random: &mut StdRng) -> Vec<Sample> {
        let ages =
            super::super::plan::lulls(Duration::from_secs(1800)).into_iter().map(|at| at - Duration::from_secs(280));
        ages.map(|age| {
            let leaked = mb_per_hour * age.as_secs_f64() / 3600.0;
            Sample { age, bytes: (90.0 + leaked + random.random_range(-noise..=noise)) * 1e6 }
        })
        .collect()
    }

    #[test]
    fn half_an_hour_of_lulls_tells_2_mb_an_hour_from_none() {
        let mut random = StdRng::seed_from_u64(3);
        let (mut flat, mut growing, mut wrong) = (0, 0, 0);
        for _ in 0..400 {
            let none = of_lulls(&lulls(0.0, NOISE, &mut random)).unwrap().judge();
            let leak = of_lulls(&lulls(2.0, NOISE, &mut random)).unwrap().judge();
            flat += usize::from(none == Judgement::Flat);
            growing += usize::from(leak == Judgement::Growing);
            wrong += usize::from(none == Judgement::Growing) + usize::from(leak == Judgement::Flat);
        }
        assert!(flat >= 360 && growing >= 360 && wrong == 0, "{flat} {growing} {wrong}");
    }

    #[test]
    fn lulls_of_the_warm_up_do_not_count_and_few_say_nothing() {
        let mut random = StdRng::seed_from_u64(4);
        let mut samples = lulls(0.0, 0.0, &mut random);
        samples.insert(0, Sample { age: Duration::from_secs(200), bytes: 10e6 });
        let slope = of_lulls(&samples).unwrap();
        assert_eq!((slope.mb_per_hour, slope.high, slope.points), (0.0, 0.0, 15));
        assert_eq!(of_lulls(&samples[..6]), None);
    }
}
