//! Turns, and many cameras at one detector in simulated time.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

#[test]
fn the_newest_item_of_a_key_wins() {
    let mut fair = Fair::default();
    assert_eq!(fair.put(&'a', Rank::Usual, 1), None);
    assert_eq!(fair.put(&'a', Rank::Usual, 2), Some(1));
    assert_eq!((fair.take(), fair.take()), (Some(('a', 2)), None));
}

#[test]
fn a_fast_key_does_not_starve_a_slow_one() {
    let mut fair = Fair::default();
    let mut served = vec![];
    for n in 0..6 {
        fair.put(&"fast", Rank::Usual, n);
        if n % 2 == 0 {
            fair.put(&"slow", Rank::Usual, n);
        }
        served.push(fair.take().unwrap().0);
    }
    assert_eq!(served, ["fast", "slow", "fast", "slow", "fast", "slow"]);
    assert_eq!(fair.waiting(), 1);
}

#[test]
fn with_n_keys_waiting_none_is_passed_over_twice() {
    let mut fair = Fair::default();
    let keys: Vec<u32> = (0..7).collect();
    let mut last_served = vec![0usize; keys.len()];
    for round in 1..200 {
        for k in &keys {
            fair.put(k, Rank::Usual, ());
        }
        let (key, ()) = fair.take().unwrap();
        let waited = round - last_served[key as usize];
        assert!(waited <= keys.len(), "{key} waited {waited} turns");
        last_served[key as usize] = round;
    }
}

#[test]
fn a_removed_key_gives_back_what_waited() {
    let mut fair = Fair::default();
    fair.put(&1, Rank::Usual, "x");
    assert_eq!(fair.remove(&1), Some("x"));
    assert_eq!((fair.remove(&1), fair.take()), (None, None));
}

#[test]
fn the_first_rank_goes_before_and_starves_nobody() {
    let mut fair = Fair::default();
    let mut served = String::new();
    for _ in 0..16 {
        for key in ['a', 'b'] {
            fair.put(&key, Rank::First, ());
        }
        for key in ['x', 'y'] {
            fair.put(&key, Rank::Usual, ());
        }
        served.push(fair.take().unwrap().0);
    }
    assert_eq!(served, "abaxbabyabaxbaby");
    // One that comes up moves up.
    let mut fair = Fair::default();
    for key in ['x', 'y'] {
        fair.put(&key, Rank::Usual, ());
    }
    fair.put(&'y', Rank::First, ());
    assert_eq!(fair.take(), Some(('y', ())));
}

/// Cameras that ask for a turn with every picture, and a detector that takes its time for each: how many looks each got,
/// and the greatest age of a picture when its look was over.
fn looks(cameras: usize, tracked: usize, detection: Duration, seed: u64) -> (Vec<u32>, Duration) {
    const INTERVAL: Duration = Duration::from_millis(200);
    let mut dice = StdRng::seed_from_u64(seed);
    let mut next: Vec<Duration> = (0..cameras).map(|_| INTERVAL.mul_f64(dice.random())).collect();
    let mut newest = vec![Duration::ZERO; cameras];
    let (mut fair, mut now) = (Fair::default(), Duration::ZERO);
    let (mut counts, mut oldest) = (vec![0; cameras], Duration::ZERO);
    while now < Duration::from_secs(60) {
        for (camera, (next, newest)) in next.iter_mut().zip(&mut newest).enumerate() {
            while *next <= now {
                *newest = *next;
                // Up to a fifth early or late.
                *next += INTERVAL.mul_f64(dice.random_range(0.8..1.2));
                fair.put(&camera, if camera < tracked { Rank::First } else { Rank::Usual }, ());
            }
        }
        match fair.take() {
            Some((camera, ())) => {
                now += detection;
                counts[camera] += 1;
                oldest = oldest.max(now - newest[camera]);
            }
            None => now = next.iter().copied().min().unwrap_or_default(),
        }
    }
    (counts, oldest)
}

#[test]
fn with_more_cameras_than_time_the_rate_falls_evenly_and_latency_does_not_grow() {
    let detection = Duration::from_millis(25);
    for seed in 0..20 {
        // 25 ms leave 40 looks a second: eight cameras of five.
        for cameras in [4, 16, 64] {
            let (counts, oldest) = looks(cameras, 0, detection, seed);
            let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
            let fair = 60.0 * 5.0_f64.min(40.0 / cameras as f64);
            assert!(f64::from(*least) > 0.9 * fair, "seed {seed}, {cameras}: {counts:?}");
            assert!(most - least <= 15, "seed {seed}, {cameras}: {counts:?}");
            // A picture and its detection: it is the newest when the turn comes.
            assert!(oldest <= Duration::from_millis(240) + detection, "seed {seed}, {cameras}: {oldest:?}");
        }
    }
}

#[test]
fn where_something_goes_on_is_looked_at_more_and_elsewhere_still() {
    for seed in 0..20 {
        let (counts, _) = looks(32, 8, Duration::from_millis(25), seed);
        let (tracked, others) = counts.split_at(8);
        // 30 of 40 turns a second for eight, 10 for 24.
        assert!(tracked.iter().all(|looks| (200..=240).contains(looks)), "seed {seed}: {tracked:?}");
        assert!(others.iter().all(|looks| (23..=27).contains(looks)), "seed {seed}: {others:?}");
    }
}
