//! Jitter and clock drift, from when pictures came and what they are stamped.
//!
//! A network only ever delays, so that the quickest pictures tell the clocks and the others tell the network:
//!
//! 1. delay = arrival − stamp, against arrival. Its slope is the drift, its height above the lower edge the lateness.
//! 2. The time is cut into bins; the least delay of each is a point of the lower edge.
//! 3. A line through them: first the median of all slopes between two points (Theil and Sen), which a third of bad
//!    points can't move; then least squares through those that are near it.
//! 4. What comes before the lateness has come down to its median is a burst of kept pictures: left out, and 2 and 3
//!    done again.
//!
//! The error that is told is four times the standard error of the least-squares slope, at least what one tick of
//! 90 kHz at either end makes. Of 400 simulated streams with independent delays (uniform, exponential, Pareto, spikes,
//! a burst at the beginning) the true drift lay outside for 4 at most. A queue that fills for the whole time looks like
//! a slow clock, to anyone. Ten seconds of 25 pictures a second tell ±10 ppm where most pictures are quick, ±100 where
//! all of them jitter by 5 ms, ±2000 where by 40 ms; a minute divides that by 25, ten minutes by 300.

use super::report::{Drift, Jitter};

/// Most bins.
const BINS: usize = 32;
/// Fewest points that make a line.
const MIN_POINTS: usize = 8;
/// A bin holds as many pictures on average, so that one of them is likely to be quick.
const PER_BIN: usize = 4;
/// Over a shorter time no drift is told.
const MIN_SPAN_S: f64 = 3.0;
/// Fewest pictures that jitter is told of.
const MIN_PICTURES: usize = 10;
/// A stamp is cut to a tick of 90 kHz and arrival to a µs.
const TICK_US: f64 = 12.0;
/// A burst of kept pictures is at least so old.
const BURST_US: f64 = 100_000.0;
/// Standard errors in the error that is told.
const SIGMAS: f64 = 4.0;

/// One picture of a stretch without a jump.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// When it came, µs.
    pub arrival_us: f64,
    /// What it is stamped, µs of the camera's clock.
    pub stamp_us: f64,
}

/// What a stretch of pictures tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Timing {
    /// The first picture that is not of a burst at the beginning.
    pub settled: usize,
    /// How late the very first one was.
    pub backlog_ms: f64,
    /// How late the others were.
    pub jitter: Jitter,
    /// `None` where the time was too short.
    pub drift: Option<Drift>,
}

/// Reads one stretch, in order of arrival. `None` for less than a handful of pictures.
pub fn timing(samples: &[Sample]) -> Option<Timing> {
    let first = *samples.first().filter(|_| samples.len() >= MIN_PICTURES)?;
    let points: Vec<Point> = samples.iter().map(|sample| Point::of(sample, &first)).collect();
    let (line, _) = lower_edge(&points);
    let settled = settled(&points, &line);
    let (line, error_ppm) = lower_edge(&points[settled..]);
    let lateness: Vec<f64> = points.iter().map(|point| point.above(&line).max(0.0)).collect();
    let drift = error_ppm.map(|error_ppm| Drift { ppm: -line.slope, error_ppm });
    let jitter = jitter(&lateness[settled..], rfc3550_us(&points[settled..]));
    Some(Timing { settled, backlog_ms: lateness[0] / 1000.0, jitter, drift })
}

/// Arrival in seconds since the first picture, delay in µs more than the first picture's.
#[derive(Debug, Clone, Copy)]
struct Point {
    x: f64,
    y: f64,
}

impl Point {
    fn of(sample: &Sample, first: &Sample) -> Self {
        let (arrival, stamp) = (sample.arrival_us - first.arrival_us, sample.stamp_us - first.stamp_us);
        Self { x: arrival / 1e6, y: arrival - stamp }
    }

    fn above(&self, line: &Line) -> f64 {
        self.y - line.height - line.slope * self.x
    }
}

/// `slope` in µs a second, that is ppm.
#[derive(Debug, Clone, Copy)]
struct Line {
    slope: f64,
    height: f64,
}

impl Line {
    /// Lets it down until none of the points is below.
    fn under<'a>(slope: f64, points: impl Iterator<Item = &'a Point>) -> Self {
        let height = points.map(|point| point.y - slope * point.x).fold(f64::INFINITY, f64::min);
        Self { slope, height: if height.is_finite() { height } else { 0.0 } }
    }
}

/// The line under the points, and the error of its slope; level and without where they are too few.
fn lower_edge(points: &[Point]) -> (Line, Option<f64>) {
    let lows = lows(points);
    let span = match (lows.first(), lows.last()) {
        (Some(first), Some(last)) => last.x - first.x,
        _ => 0.0,
    };
    if lows.len() < MIN_POINTS || span < MIN_SPAN_S {
        return (Line::under(0.0, points.iter()), None);
    }
    let slope = median_slope(&lows);
    let near = near(&lows, slope);
    let (slope, standard_error) = least_squares(&near);
    let error = SIGMAS * standard_error + 2.0 * TICK_US / span;
    (Line::under(slope, near.iter()), Some(error))
}

/// The least delay of each bin.
fn lows(points: &[Point]) -> Vec<Point> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return vec![] };
    let bins = (points.len() / PER_BIN).clamp(1, BINS);
    let width = ((last.x - first.x) / bins as f64).max(f64::MIN_POSITIVE);
    let bin = |point: &Point| (((point.x - first.x) / width) as usize).min(bins - 1);
    points
        .chunk_by(|a, b| bin(a) == bin(b))
        .filter_map(|points| points.iter().copied().min_by(|a, b| a.y.total_cmp(&b.y)))
        .collect()
}

/// Theil and Sen.
fn median_slope(points: &[Point]) -> f64 {
    let pairs = points.iter().enumerate().flat_map(|(i, a)| points[i + 1..].iter().map(move |b| (a, b)));
    median(pairs.filter(|(a, b)| b.x > a.x).map(|(a, b)| (b.y - a.y) / (b.x - a.x)).collect())
}

/// The points that are as near to a line of this slope as their spread makes likely. At least half of them are.
fn near(points: &[Point], slope: f64) -> Vec<Point> {
    // From the median absolute deviation to the standard deviation of a normal distribution.
    const TO_SIGMA: f64 = 1.4826;
    let height = median(points.iter().map(|point| point.y - slope * point.x).collect());
    let off = |point: &Point| (point.y - slope * point.x - height).abs();
    let limit = 3.0 * TO_SIGMA * median(points.iter().map(off).collect()) + TICK_US;
    points.iter().copied().filter(|point| off(point) <= limit).collect()
}

/// The slope, and its standard error.
fn least_squares(points: &[Point]) -> (f64, f64) {
    let n = points.len() as f64;
    let mean = |of: fn(&Point) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.x), mean(|point| point.y));
    let sxx: f64 = points.iter().map(|point| (point.x - x).powi(2)).sum();
    let sxy: f64 = points.iter().map(|point| (point.x - x) * (point.y - y)).sum();
    let slope = sxy / sxx;
    let rest: f64 = points.iter().map(|point| (point.y - y - slope * (point.x - x)).powi(2)).sum();
    (slope, (rest / (n - 2.0).max(1.0) / sxx).sqrt())
}

/// Where the lateness is first no more than its median.
fn settled(points: &[Point], line: &Line) -> usize {
    let usual = median(points.iter().map(|point| point.above(line)).collect());
    let settled = points.iter().position(|point| point.above(line) <= usual).unwrap_or_default();
    // Nothing is left out for a difference that any network makes, nor so much that nothing is left.
    let burst = points[0].above(line) - usual > BURST_US;
    if burst && points.len() - settled >= MIN_PICTURES { settled } else { 0 }
}

fn jitter(lateness: &[f64], rfc3550_us: f64) -> Jitter {
    let mut sorted = lateness.to_vec();
    sorted.sort_by(f64::total_cmp);
    let share =
        |share: f64| sorted.get(((sorted.len() - 1) as f64 * share).round() as usize).map_or(0.0, |us| us / 1000.0);
    Jitter { p50_ms: share(0.5), p95_ms: share(0.95), max_ms: share(1.0), rfc3550_ms: rfc3550_us / 1000.0 }
}

/// RFC 3550 §A.8, with pictures in place of packets.
fn rfc3550_us(points: &[Point]) -> f64 {
    points.windows(2).fold(0.0, |jitter, pair| jitter + ((pair[1].y - pair[0].y).abs() - jitter) / 16.0)
}

/// Of an even number the upper one; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests;
