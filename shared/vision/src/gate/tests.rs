//! The gate under simulated time: a scene with noise, weather and things, an encoder that makes sizes of it, and a
//! detector that sees what is really there. Everything follows from a seed.

use std::time::Duration;

use omma_protocol::detection::{Detection, Label};
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

mod over;

mod spare;

mod world;
use world::{Kind, World};

const MINUTE: usize = 60 * world::FPS;

/// After two quiet minutes, in which everything usual is learnt.
fn settled(seed: u64) -> World {
    let mut world = World::new(seed, GateConfig::default());
    world.run(2 * MINUTE);
    assert_eq!(world.gate.report().state, State::Idle, "seed {seed}");
    world.forget();
    world
}

#[test]
fn an_idle_camera_is_hardly_decoded() {
    for seed in 0..3 {
        let mut world = settled(seed);
        world.run(10 * MINUTE);
        let share = world.decoded as f32 / world.units as f32;
        assert!(share < 0.05, "seed {seed}: {share} of all units decoded");
        assert!((5..=20).contains(&world.detections), "seed {seed}: {} detections in ten minutes", world.detections);
        let report = world.gate.report();
        assert_eq!((report.tier, report.why), (Tier::Sizes, Why::SizesTell), "seed {seed}");
        assert_eq!(report.promise, Duration::from_millis(300));
    }
}

#[test]
fn who_walks_past_is_found_at_once_and_followed_from_the_beginning() {
    for seed in 0..6 {
        let mut world = settled(seed);
        world.run(37 + seed as usize * 7);
        let begin = world.now();
        world.walk(80);
        world.run(100);
        let first = world.tracked.iter().find(|(_, found)| *found).map(|(time, _)| *time);
        let missed = first.map(|first| first.since(begin));
        assert!(
            missed <= Some(Duration::from_millis(200)) && missed.is_some(),
            "seed {seed}: first box after {missed:?}"
        );
        let found_at = world.found_at.map(|at| at.since(begin));
        assert!(found_at <= Some(Duration::from_millis(300)), "seed {seed}: found after {found_at:?}");
        // Up to two groups of pictures were decoded again; the tracker need not wait for looks at all that is empty.
        let empty = world.tracked.iter().filter(|(time, _)| *time < begin).count();
        assert!(empty <= 1, "seed {seed}: {empty} looks at an empty past");
        world.run(60);
        assert_eq!(world.gate.report().state, State::Idle, "seed {seed}: closed again");
    }
}

#[test]
fn at_constant_bit_rate_it_is_found_at_the_next_key_picture_and_followed_from_the_beginning() {
    for seed in 0..6 {
        let mut world = World::new(seed, GateConfig::default());
        world.kind = Kind::ConstantBitRate;
        world.run(3 * MINUTE + seed as usize * 3);
        let report = world.gate.report();
        assert_eq!((report.tier, report.why), (Tier::KeyPictures, Why::SizesBlind), "seed {seed}");
        assert_eq!(report.promise, Duration::from_secs(2));
        world.forget();
        let begin = world.now();
        world.walk(80);
        world.run(100);
        let first = world.tracked.iter().find(|(_, found)| *found).map(|(time, _)| time.since(begin));
        assert!(first.is_some() && first <= Some(Duration::from_millis(200)), "seed {seed}: first box of {first:?}");
        assert!(world.found_at.is_some_and(|at| at.since(begin) <= report.promise), "seed {seed}");
    }
}

#[test]
fn of_a_still_scene_every_second_key_picture_is_decoded_where_sizes_promise_to_tell_of_who_comes() {
    for (kind, wanted) in [(Kind::Calm, 15), (Kind::Infrared, 30), (Kind::ConstantBitRate, 30)] {
        let mut world = World::new(2, GateConfig::default());
        world.kind = kind;
        world.run(5 * MINUTE);
        let before = world.keys;
        world.run(10 * MINUTE);
        assert_eq!(world.gate.report().tier == Tier::Sizes, wanted == 15, "{kind:?}");
        let each = (world.keys - before) as f32 / 10.0;
        assert!((each - wanted as f32).abs() <= 2.0, "{kind:?}: {each} key pictures a minute");
    }
}

#[test]
fn whom_sizes_do_not_show_is_followed_from_the_beginning_though_a_key_picture_was_passed_over() {
    for seed in 0..6 {
        let mut world = settled(seed);
        world.motion = 0.0;
        world.run(37 + seed as usize * 7);
        let begin = world.now();
        world.walk(80);
        world.run(100);
        let first = world.tracked.iter().find(|(_, found)| *found).map(|(time, _)| time.since(begin));
        assert!(first.is_some() && first <= Some(Duration::from_millis(200)), "seed {seed}: first box of {first:?}");
        assert!(world.found_at.is_some_and(|at| at.since(begin) <= Duration::from_secs(4)), "seed {seed}");
    }
}

#[test]
fn large_pictures_in_vain_are_doubted_until_somebody_is_found() {
    for seed in 0..3 {
        let mut world = World::new(seed, GateConfig::default());
        world.kind = Kind::LargePictures;
        world.run(3 * MINUTE);
        assert_eq!(world.gate.report().tier, Tier::KeyPictures, "seed {seed}");
        let before = world.gate.report().counts.glances;
        world.run(10 * MINUTE);
        // Of 59 that are not at a key picture's place.
        let glances = world.gate.report().counts.glances - before;
        assert!((2..=30).contains(&glances), "seed {seed}: {glances} glances");
        assert!(world.gate.sizes.wariness() > 1.1, "seed {seed}");
        world.forget();
        let begin = world.now();
        world.walk(80);
        world.run(100);
        assert!(world.found_at.is_some_and(|at| at.since(begin) <= Duration::from_secs(2)), "seed {seed}");
        assert_eq!(world.gate.sizes.wariness(), 1.0, "seed {seed}");
    }
}

#[test]
fn prompt_decodes_every_picture_where_sizes_do_not_tell() {
    let mut world = World::new(1, GateConfig { prompt: true, ..GateConfig::default() });
    world.kind = Kind::ConstantBitRate;
    world.run(3 * MINUTE);
    assert_eq!(world.gate.report().tier, Tier::EveryPicture);
    world.forget();
    world.run(37);
    let begin = world.now();
    world.walk(80);
    world.run(20);
    assert!(world.found_at.is_some_and(|at| at.since(begin) <= Duration::from_millis(300)));
}

#[test]
fn a_parked_car_holds_it_open_for_half_a_minute_and_never_again() {
    let mut world = settled(3);
    world.park();
    world.run(MINUTE);
    assert_eq!((world.gate.report().state, world.gate.report().still), (State::Idle, 1));
    world.forget();
    world.run(10 * MINUTE);
    let report = world.gate.report();
    assert_eq!((report.state, world.hits), (State::Idle, 0), "the safety look knows it");
    assert!(world.detections < 30, "{} detections", world.detections);
    // Who passes before it is news all the same.
    world.walk(60);
    world.run(20);
    assert_eq!(world.gate.report().state, State::Active);
}

#[test]
fn what_was_called_gone_and_is_not_is_news_again_and_what_is_still_there_is_not() {
    for gone in [true, false] {
        let mut world = settled(3);
        world.park();
        world.run(2 * MINUTE);
        let (_, Detection { label, score, rect }) = world.thing("car", 0.7, 0.6, 0.5);
        let there = [Track { id: TrackId(1), label, score, rect }];
        world.gate.forget_all_but(if gone { &[] } else { &there });
        world.forget();
        world.run(3 * MINUTE);
        let report = world.gate.report();
        assert_eq!((report.state, report.still, world.hits), (State::Idle, 1, usize::from(gone)));
    }
}

#[test]
fn a_car_that_stands_there_from_the_beginning_is_the_scene() {
    let mut world = World::new(4, GateConfig::default());
    world.park();
    world.run(MINUTE / 3);
    assert_eq!(world.gate.report().state, State::Idle);
}

#[test]
fn weather_and_light_do_not_hold_it_open() {
    for (name, kind) in [
        ("rain", Kind::Rain),
        ("infrared noise", Kind::Infrared),
        ("auto-exposure steps", Kind::ExposureSteps),
        ("dusk", Kind::Dusk),
        ("a lamp that goes on and off", Kind::Lamp),
    ] {
        for seed in 0..2 {
            let mut world = settled(seed);
            world.kind = kind;
            world.run(5 * MINUTE);
            let share = world.decoded as f32 / world.units as f32;
            assert_eq!(world.hits, 0, "{name}, seed {seed}");
            assert!(share < 0.25, "{name}, seed {seed}: {share} of all units decoded");
            assert!(world.detections < 100, "{name}, seed {seed}: {} detections", world.detections);
            world.forget();
            world.run(5 * MINUTE);
            assert!(world.detections < 75, "{name} for long, seed {seed}: {} detections", world.detections);
            // Back again, as a camera that has gone over to infrared for the night does in the morning.
            world.forget();
            world.kind = Kind::Calm;
            world.run(5 * MINUTE);
            let share = world.decoded as f32 / world.units as f32;
            assert_eq!(world.hits, 0, "after {name}, seed {seed}");
            assert!(share < 0.1, "after {name}, seed {seed}: {share} of all units decoded");
            assert!(world.detections < 12, "after {name}, seed {seed}: {} detections", world.detections);
            world.walk(80);
            world.run(80);
            assert!(world.hits > 0, "who walks after {name}, seed {seed}");
        }
    }
}

#[test]
fn motion_in_a_masked_area_is_not_looked_at() {
    let everywhere = vec![(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)];
    for (polygons, probed) in [(vec![], true), (vec![everywhere], false)] {
        let mut world = World::new(2, GateConfig { mask: Mask::new(&polygons), ..GateConfig::default() });
        world.run(2 * MINUTE);
        world.forget();
        world.walk(40);
        world.run(40);
        assert_eq!(world.hits > 0, probed);
    }
}

#[test]
fn always_decodes_everything_and_looks_at_the_rate() {
    let mut world = World::new(1, GateConfig { mode: Mode::Always, rate: 2.0, ..GateConfig::default() });
    world.run(MINUTE);
    assert_eq!((world.decoded, world.units, world.probes), (MINUTE as u64, MINUTE as u64, 0));
    assert!((118..=122).contains(&world.detections), "{}", world.detections);
    let report = world.gate.report();
    assert_eq!((report.tier, report.why, report.state), (Tier::Always, Why::Setting, State::Active));
    assert_eq!(report.counts.open, report.counts.watched);
}

#[test]
fn at_a_look_in_ten_seconds_it_is_open_until_the_next() {
    let mut world = World::new(5, GateConfig { rate: 0.1, ..GateConfig::default() });
    world.run(4 * MINUTE);
    assert_eq!(world.gate.report().state, State::Idle);
    world.forget();
    world.walk(2 * MINUTE);
    world.run(2 * MINUTE);
    assert_eq!((world.gate.report().state, world.hits), (State::Active, 1));
    assert!(world.tracked.len() >= 12 && world.told.len() >= 8, "{:?}, {:?}", world.tracked, world.told);
    world.run(MINUTE);
    assert_eq!(world.gate.report().state, State::Idle);
}

#[test]
fn a_detector_that_answers_nothing_closes_it() {
    let mut world = settled(5);
    world.walk(80);
    world.run(10);
    assert_eq!(world.gate.report().state, State::Active);
    world.detector_is_gone = true;
    world.run(5 * world::FPS);
    assert_ne!(world.gate.report().state, State::Active);
}

#[test]
fn after_a_probe_in_vain_no_more_than_a_group_is_promised_until_it_is_forgotten() {
    let mut world = settled(3);
    world.detector_is_gone = true;
    world.walk(3);
    world.run(10);
    let (report, group) = (world.gate.report(), Duration::from_secs(2));
    assert!(world.probes > 0 && world.hits == 0, "{report:?}");
    assert_eq!((report.tier, report.promise), (Tier::Sizes, group));
    world.run(20 * world::FPS);
    let report = world.gate.report();
    assert_eq!((report.tier, report.promise), (Tier::Sizes, Duration::from_millis(300)));
}

#[test]
fn after_a_loss_nothing_is_decoded_before_the_next_key_picture() {
    let mut world = settled(6);
    world.until_place(5);
    world.forget();
    world.lose();
    assert_eq!(world.gate.keep_from(), None);
    world.walk(60);
    world.run(14);
    assert_eq!((world.decoded, world.gate.report().state), (0, State::Idle));
    world.run(20);
    assert_eq!(world.gate.report().state, State::Active);
}

#[test]
fn without_key_pictures_everything_is_decoded() {
    let mut world = settled(7);
    world.no_key_pictures = true;
    world.run(MINUTE);
    let report = world.gate.report();
    assert_eq!((report.tier, report.why), (Tier::EveryPicture, Why::FewKeyPictures));
    world.walk(60);
    world.run(10);
    assert_eq!(world.gate.report().state, State::Active);
}

#[test]
fn a_clock_set_back_and_a_pause_of_an_hour_change_nothing() {
    for step in [-3_600_000_000i64, 3_600_000_000] {
        let mut world = settled(8);
        world.offset += step;
        world.run(MINUTE);
        assert_eq!(world.gate.report().state, State::Idle);
        world.walk(60);
        world.run(40);
        assert!(world.tracked.iter().any(|(_, found)| *found), "{step}");
    }
}

/// [`World`] checks at each step that what is to be decoded is there and goes on from what the decoder has.
#[test]
fn whatever_happens_it_asks_for_nothing_that_is_not_there() {
    for seed in 0..30 {
        let mut random = StdRng::seed_from_u64(seed);
        let prompt = random.random();
        let mut world = World::new(seed, GateConfig { prompt, ..GateConfig::default() });
        for _ in 0..40 {
            match random.random_range(0..9) {
                0 => world.walk(random.random_range(1..100)),
                1 => world.park(),
                2 => world.lose(),
                3 => world.offset += random.random_range(0..8_000_000),
                4 => world.offset -= random.random_range(0..8_000_000),
                5 => world.no_key_pictures = !world.no_key_pictures,
                6 => world.detector_is_gone = !world.detector_is_gone,
                _ => world.kind = world::KINDS[random.random_range(0..world::KINDS.len())],
            }
            world.run(random.random_range(1..300));
        }
        let counts = world.gate.report().counts;
        assert!(counts.open <= counts.watched && counts.hits <= counts.probes, "seed {seed}: {counts:?}");
        assert_eq!((counts.received, counts.decoded), (world.units, world.decoded), "seed {seed}");
    }
}

#[test]
fn the_same_calls_give_the_same_answers() {
    let run = || {
        let mut world = settled(9);
        world.walk(50);
        world.run(MINUTE);
        (world.tracked.clone(), world.gate.report())
    };
    assert_eq!(run(), run());
}
