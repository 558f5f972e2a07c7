use proptest::prelude::*;

use super::*;
use crate::doctor::series::Dice;

/// `seconds` of `hz` pictures a second by a clock that is `ppm` fast, each delayed by what `delay_us` says.
fn series(seconds: f64, hz: f64, ppm: f64, mut delay_us: impl FnMut(f64) -> f64) -> Vec<Sample> {
    let mut last = 0.0f64;
    let pictures = (seconds * hz) as usize;
    let sample = |i| {
        let taken_us = i as f64 / hz * 1e6;
        let ticks = (taken_us * (1.0 + ppm / 1e6) * 0.09).floor();
        // Pictures don't overtake each other.
        last = last.max((taken_us + delay_us(taken_us)).floor());
        Sample { arrival_us: last, stamp_us: ticks / 0.09 }
    };
    (0..pictures).map(sample).collect()
}

fn check(name: &str, seconds: f64, within_ppm: f64, delay_us: impl Fn(&mut Dice, f64) -> f64) {
    const SEEDS: u64 = 60;
    let mut missed = vec![];
    for seed in 0..SEEDS {
        let mut dice = Dice::new(seed);
        let ppm = dice.up_to(1000.0) - 500.0;
        let drift = timing(&series(seconds, 25.0, ppm, |t| delay_us(&mut dice, t))).unwrap().drift.unwrap();
        assert!(drift.error_ppm < within_ppm, "{name}: seed {seed} tells ±{} ppm", drift.error_ppm);
        if (drift.ppm - ppm).abs() > drift.error_ppm {
            missed.push((seed, ppm, drift));
        }
    }
    assert!(missed.len() <= 2, "{name}: the drift is not where it is said to be: {missed:?}");
}

#[test]
fn drift_lies_within_the_error_that_is_told() {
    check("a still network", 10.0, 20.0, |dice, _| dice.up_to(200.0));
    check("a switch", 10.0, 200.0, |dice, _| dice.up_to(5_000.0));
    check("a radio", 60.0, 200.0, |dice, _| dice.exponential(40_000.0));
    check("one picture in ten held back", 10.0, 20.0, |dice, _| {
        if dice.up_to(1.0) < 0.1 { dice.up_to(100_000.0) } else { dice.up_to(200.0) }
    });
    check("a stall of two seconds", 30.0, 100.0, |dice, t| {
        let stall_ends_us = 14e6;
        if (12e6..stall_ends_us).contains(&t) { stall_ends_us - t } else { dice.up_to(2_000.0) }
    });
}

#[test]
fn a_burst_of_kept_pictures_is_told_apart() {
    let mut dice = Dice::new(7);
    // Two seconds of pictures come within the first tenth.
    let samples = series(20.0, 25.0, 40.0, |t| (2e6 + t * 0.05 - t).max(dice.up_to(2_000.0)));
    let timing = timing(&samples).unwrap();
    assert!((45..=60).contains(&timing.settled), "{timing:?}");
    assert!((1_990.0..2_010.0).contains(&timing.backlog_ms), "{timing:?}");
    assert!(timing.jitter.max_ms < 110.0, "{timing:?}");
    let drift = timing.drift.unwrap();
    assert!((drift.ppm - 40.0).abs() <= drift.error_ppm && drift.error_ppm < 100.0, "{drift:?}");
}

#[test]
fn jitter_is_how_late_pictures_come() {
    let mut n = 0;
    // Nine of ten at once, the tenth 80 ms late.
    let samples = series(20.0, 10.0, 0.0, |_| {
        n += 1;
        if n % 10 == 0 { 80_000.0 } else { 0.0 }
    });
    let Jitter { p50_ms, p95_ms, max_ms, rfc3550_ms } = timing(&samples).unwrap().jitter;
    assert!(
        p50_ms < 0.1 && (79.9..80.1).contains(&p95_ms) && (79.9..80.1).contains(&max_ms),
        "{p50_ms} {p95_ms} {max_ms}"
    );
    assert!((5.0..25.0).contains(&rfc3550_ms), "{rfc3550_ms}");
}

#[test]
fn too_little_tells_nothing() {
    assert_eq!(timing(&[]), None);
    assert_eq!(timing(&series(0.9, 10.0, 0.0, |_| 0.0)), None);
    let short = timing(&series(2.0, 25.0, 0.0, |_| 0.0)).unwrap();
    assert!(short.drift.is_none() && short.jitter.max_ms < 0.1, "{short:?}");
}

proptest! {
    /// Whatever comes, what is told are numbers, and in order.
    #[test]
    fn any_series_gives_finite_numbers(
        series in prop::collection::vec((-1e13f64..1e13, -1e13f64..1e13), 0..300), sorted: bool,
    ) {
        let mut samples: Vec<_> = series.iter().map(|&(arrival_us, stamp_us)| Sample { arrival_us, stamp_us }).collect();
        if sorted {
            samples.sort_by(|a, b| a.arrival_us.total_cmp(&b.arrival_us));
        }
        if let Some(timing) = timing(&samples) {
            let Jitter { p50_ms, p95_ms, max_ms, rfc3550_ms } = timing.jitter;
            prop_assert!(timing.settled < samples.len());
            prop_assert!([p50_ms, p95_ms, max_ms, rfc3550_ms, timing.backlog_ms].iter().all(|ms| ms.is_finite() && *ms >= 0.0));
            prop_assert!(p50_ms <= p95_ms && p95_ms <= max_ms);
            if let Some(drift) = timing.drift {
                prop_assert!(drift.ppm.is_finite() && drift.error_ppm.is_finite() && drift.error_ppm > 0.0);
            }
        }
    }

    /// Where a clock was set makes no difference.
    #[test]
    fn only_differences_count(seed: u64, arrival in -1_000_000i64..1_000_000, stamp in -1_000_000i64..1_000_000) {
        let mut dice = Dice::new(seed);
        let samples = series(10.0, 10.0, 30.0, |_| dice.up_to(3_000.0));
        let moved: Vec<_> = samples
            .iter()
            .map(|s| Sample { arrival_us: s.arrival_us + arrival as f64, stamp_us: s.stamp_us + stamp as f64 })
            .collect();
        let (a, b) = (timing(&samples).unwrap(), timing(&moved).unwrap());
        prop_assert_eq!(a.settled, b.settled);
        prop_assert!((a.jitter.p95_ms - b.jitter.p95_ms).abs() < 1e-3);
        prop_assert!((a.drift.unwrap().ppm - b.drift.unwrap().ppm).abs() < 1e-2);
    }
}
