//! The arithmetic of a [`Measure`](super::Measure): numbers of what was seen.
//!
//! A stretch is what lies between two jumps of the stamps; within one, stamps tell time.

use crate::doctor::report::{Keys, Rate, Size, Stamps};
use crate::doctor::timing::{Sample, Timing, timing};

/// What is kept of a picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) arrival_us: i64,
    /// RTP timestamp without its roll-over.
    pub(super) ticks: i64,
    pub(super) bytes: u64,
    pub(super) key: bool,
    pub(super) b_slices: bool,
    /// Goes up with each jump.
    pub(super) stretch: u64,
}

/// In order.
pub(super) fn stretches(seen: &[Seen]) -> impl Iterator<Item = &[Seen]> {
    seen.chunk_by(|a, b| a.stretch == b.stretch)
}

/// B pictures are sent later than their stamps tell, those that they refer to earlier: only the latter are evenly so.
fn even(stretch: &[Seen]) -> impl Iterator<Item = (usize, &Seen)> {
    stretch.iter().enumerate().filter(|(_, seen)| !seen.b_slices)
}

pub(super) fn timing_of(stretch: &[Seen]) -> Option<Timing> {
    let sample = |(_, seen): (usize, &Seen)| Sample {
        arrival_us: seen.arrival_us as f64,
        // In ticks, because a whole µs would be a rounding more.
        stamp_us: seen.ticks as f64 * 100.0 / 9.0,
    };
    let mut timing = timing(&even(stretch).map(sample).collect::<Vec<_>>())?;
    timing.backlog_ms = round(timing.backlog_ms, 2);
    let jitter = &mut timing.jitter;
    for ms in [&mut jitter.p50_ms, &mut jitter.p95_ms, &mut jitter.max_ms, &mut jitter.rfc3550_ms] {
        *ms = round(*ms, 2);
    }
    if let Some(drift) = &mut timing.drift {
        (drift.ppm, drift.error_ppm) = (round(drift.ppm, 1), (drift.error_ppm * 10.0).ceil() / 10.0);
    }
    Some(timing)
}

/// Where in the stretch the burst at its beginning is over.
pub(super) fn settled_in(stretch: &[Seen], timing: Option<&Timing>) -> usize {
    timing.and_then(|timing| even(stretch).nth(timing.settled)).map_or(0, |(index, _)| index)
}

pub(super) fn rate(seen: &[Seen], steady: &[Seen]) -> Rate {
    let (mut steps, mut span, mut longest) = (0u64, 0i64, 0i64);
    for stretch in stretches(seen) {
        let mut ticks: Vec<_> = stretch.iter().map(|seen| seen.ticks).collect();
        // Where there are B-frames, pictures come in another order than they were taken.
        ticks.sort_unstable();
        steps += ticks.len() as u64 - 1;
        span += ticks.last().zip(ticks.first()).map_or(0, |(last, first)| last - first);
        longest = ticks.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default().max(longest);
    }
    let arrival_us = span_of(steady);
    Rate {
        by_stamp_hz: ratio(steps as f64, seconds(ticks_us(span)), 3),
        by_arrival_hz: ratio(steady.len().saturating_sub(1) as f64, seconds(arrival_us), 3),
        longest_step_ms: (steps > 0).then(|| round(ticks_us(longest) as f64 / 1000.0, 1)),
    }
}

pub(super) fn keys(seen: &[Seen]) -> Keys {
    let (mut intervals_us, mut pictures, mut longest_us) = (vec![], vec![], 0);
    for stretch in stretches(seen) {
        let keys: Vec<_> = stretch.iter().enumerate().filter(|(_, seen)| seen.key).collect();
        for pair in keys.windows(2) {
            let ((i, from), (j, to)) = (pair[0], pair[1]);
            intervals_us.push(ticks_us(to.ticks - from.ticks).max(0));
            pictures.push((j - i) as u64);
        }
        // Before the first and behind the last there is at least so long none.
        let (begin, end) = (stretch[0].ticks, stretch[stretch.len() - 1].ticks);
        let first = keys.first().map_or(end, |(_, seen)| seen.ticks);
        let last = keys.last().map_or(begin, |(_, seen)| seen.ticks);
        longest_us = longest_us.max(ticks_us(first - begin)).max(ticks_us(end - last));
    }
    longest_us = intervals_us.iter().copied().max().unwrap_or_default().max(longest_us);
    Keys {
        count: seen.iter().filter(|seen| seen.key).count() as u64,
        interval_s: median(intervals_us).map(|us| round(seconds(us), 3)),
        interval_pictures: median(pictures),
        longest_s: round(seconds(longest_us), 3),
    }
}

pub(super) fn stamps(seen: &[Seen]) -> Stamps {
    let mut stamps = Stamps { jumps: seen.last().map_or(0, |last| last.stretch), backward: 0, repeated: 0 };
    for pair in stretches(seen).flat_map(|stretch| stretch.windows(2)) {
        stamps.backward += u64::from(pair[1].ticks < pair[0].ticks);
        stamps.repeated += u64::from(pair[1].ticks == pair[0].ticks);
    }
    stamps
}

pub(super) fn size(seen: &[Seen], steady: &[Seen]) -> Size {
    let mean = |key: bool| {
        let these = || seen.iter().filter(move |seen| seen.key == key);
        ratio(these().map(|seen| seen.bytes as f64).sum(), these().count() as f64, 0)
    };
    // The last picture belongs to the time behind it.
    let bytes: u64 = steady.split_last().map_or(0, |(_, before)| before.iter().map(|seen| seen.bytes).sum());
    Size {
        mean_bit_per_s: ratio(bytes as f64 * 8.0, seconds(span_of(steady)), 0).filter(|_| bytes > 0),
        peak_bit_per_s: peak_bits(steady),
        key_bytes: mean(true),
        other_bytes: mean(false),
        largest_bytes: seen.iter().map(|seen| seen.bytes).max().unwrap_or_default(),
    }
}

/// Most bits of any second; `None` where there is no whole one.
fn peak_bits(steady: &[Seen]) -> Option<f64> {
    const SECOND_US: i64 = 1_000_000;
    let (mut begin, mut bytes, mut peak) = (0, 0, None);
    for (end, seen) in steady.iter().enumerate() {
        bytes += seen.bytes;
        while seen.arrival_us - steady[begin].arrival_us >= SECOND_US && begin < end {
            bytes -= steady[begin].bytes;
            begin += 1;
        }
        if seen.arrival_us - steady[0].arrival_us >= SECOND_US {
            peak = peak.max(Some(bytes));
        }
    }
    peak.map(|bytes: u64| bytes as f64 * 8.0)
}

fn span_of(seen: &[Seen]) -> i64 {
    seen.last().zip(seen.first()).map_or(0, |(last, first)| last.arrival_us - first.arrival_us)
}

/// 90 kHz.
fn ticks_us(ticks: i64) -> i64 {
    ticks.saturating_mul(100) / 9
}

pub(super) fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// `None` where there is nothing to divide by.
fn ratio(above: f64, below: f64, digits: i32) -> Option<f64> {
    (below > 0.0).then(|| round(above / below, digits))
}

/// So that nobody takes noise for a measurement.
pub(super) fn round(value: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits);
    (value * unit).round() / unit + 0.0 // no negative zero
}

/// Of an even number the upper one.
fn median<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len() / 2).copied()
}
