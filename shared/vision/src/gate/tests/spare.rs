//! Looks beyond the rate.

use super::super::spare::Spare;
use super::super::still::Seen;
use super::*;

/// Where the detector finds who walks in every second picture only, it is luck which of them are looked at at half as many a
/// second.
#[test]
fn who_is_found_in_every_second_picture_only_is_told_of_at_once_whichever_those_are() {
    let mut prompt = 0;
    for (seed, parity) in (0..6).flat_map(|seed| [(seed, 0), (seed, 1)]) {
        let mut world = settled(seed);
        world.found_in = Some(parity);
        world.run(37 + seed as usize * 7);
        let begin = world.now();
        world.walk(80);
        world.run(30);
        // A probe may be made in a picture that shows nobody, and no more is promised from then on.
        let promised = Duration::from_millis(if world.probes == world.hits { 300 } else { 2000 });
        let told = world.told.first().map(|told| told.since(begin));
        assert!(told.is_some_and(|after| after <= promised), "seed {seed}, {parity}: {told:?}");
        prompt += usize::from(world.probes == world.hits);
    }
    assert!(prompt >= 4, "{prompt}");
}

#[test]
fn who_comes_while_the_gate_is_open_is_told_of_as_soon_as_he_is_found_twice() {
    let mut found = 0;
    for (seed, parity) in (0..6).flat_map(|seed| [(seed, 0), (seed, 1)]) {
        let mut world = settled(seed);
        world.walk(40);
        world.run(40 + 10 + seed as usize);
        assert_eq!(world.gate.report().state, State::Active, "seed {seed}");
        world.forget();
        world.found_in = Some(parity);
        let begin = world.now();
        world.walk(80);
        world.run(4);
        // Looks at the rate that are those of the other pictures find nobody, with a gate or without one.
        if world.tracked.iter().any(|(time, found)| *found && time.since(begin) <= Duration::from_millis(100)) {
            let told = world.told.first().map(|told| told.since(begin));
            assert!(told.is_some_and(|after| after <= Duration::from_millis(300)), "seed {seed}, {parity}: {told:?}");
            found += 1;
        }
    }
    assert!(found >= 4, "{found}");
}

#[test]
fn what_no_track_comes_of_costs_twenty_looks_more_each_time_that_the_gate_opens_and_twenty_a_minute() {
    let mut world = settled(3);
    // Enough for the gate, too little for a track.
    world.score = 0.42;
    world.walk(300);
    world.run(300);
    assert_eq!(world.told, []);
    // In the half of a minute that there is something.
    assert!((1..=20 * world.hits + 10).contains(&world.spare), "{} in {} openings", world.spare, world.hits);
    world.run(100);
    assert_eq!(world.gate.report().state, State::Idle);
}

#[test]
fn who_is_followed_is_looked_at_no_more_often_than_the_rate_says() {
    let mut world = settled(3);
    world.walk(80);
    world.run(80);
    assert!((1..=4).contains(&world.spare), "{}", world.spare);
    let looks = world.tracked.len();
    assert!((38..=46).contains(&looks), "{looks}");
}

#[test]
fn where_the_detector_is_busy_the_looks_at_the_rate_go_on_and_300_ms_are_not_promised() {
    let mut world = settled(5);
    world.detector_is_busy = true;
    world.walk(80);
    world.run(100);
    let group = Duration::from_secs(2);
    assert!(world.spare > 0 && !world.told.is_empty());
    assert!(world.tracked.len() >= 40, "{}", world.tracked.len());
    world.run(100);
    let report = world.gate.report();
    assert_eq!((report.tier, report.state, report.promise), (Tier::Sizes, State::Idle, group));
    // Times begin anew, and what there was no time for is still so.
    world.offset -= 3_600_000_000;
    world.run(20);
    assert_eq!(world.gate.report().promise, group);
    world.detector_is_busy = false;
    world.walk(80);
    world.run(200);
    assert_eq!(world.gate.report().promise, Duration::from_millis(300));
}

#[test]
fn a_detector_that_was_busy_once_is_not_taken_to_be_so_for_hours() {
    let mut world = settled(5);
    world.detector_is_busy = true;
    world.walk(80);
    world.run(100);
    assert_eq!(world.gate.report().promise, Duration::from_secs(2));
    world.run(MINUTE);
    assert_eq!((world.gate.report().state, world.gate.report().promise), (State::Idle, Duration::from_millis(300)));
}

/// Whose frame it was that others would have waited for is the edge's to say: a look that the camera itself gave up is none.
#[test]
fn a_look_that_nobody_refused_is_no_sign_of_a_busy_detector_nor_a_detection() {
    let mut spare = Spare::default();
    let at = |ms: i64| CaptureTime(ms * 1000);
    let interval = Duration::from_millis(200);
    spare.open(at(0), false);
    assert!(spare.takes(at(100), at(0), interval));
    assert!(!spare.see(at(200), Seen::News) && !spare.is_busy());
    assert!(spare.takes(at(300), at(200), interval) && spare.see(at(300), Seen::News));
    assert!(spare.takes(at(500), at(400), interval));
    spare.refused();
    spare.restart();
    assert!(spare.is_busy());
}

/// People pass for an hour, the gate never closes, and the detector takes the wall for something all the time.
#[test]
fn what_flickers_before_an_open_gate_costs_twenty_looks_a_minute() {
    let mut world = settled(3);
    world.flickers = Some(3);
    for _ in 0..12 {
        world.walk(80);
        world.run(100);
    }
    assert_eq!((world.gate.report().state, world.hits), (State::Active, 1));
    world.forget();
    for _ in 0..60 {
        world.walk(80);
        world.run(100);
    }
    assert_eq!(world.hits, 0, "it never closed");
    assert!((150..=220).contains(&world.spare), "{} in ten minutes", world.spare);
}

#[test]
fn at_one_look_a_second_no_more_than_two_are_made() {
    let mut spare = Spare::default();
    let at = |ms: i64| CaptureTime(ms * 1000);
    spare.open(at(0), false);
    let (mut last, mut made) = (at(0), 0);
    for ms in (100..1000).step_by(100) {
        if spare.takes(at(ms), last, Duration::from_secs(1)) {
            (last, made) = (at(ms), made + 1);
            spare.see(at(ms), Seen::News);
        }
    }
    assert_eq!(made, 2);
}

#[test]
fn a_camera_looked_at_once_a_second_does_not_promise_300_ms() {
    for mode in [Mode::Always, Mode::Gated] {
        let mut world = World::new(1, GateConfig { mode, rate: 1.0, ..GateConfig::default() });
        world.run(2 * MINUTE);
        assert_eq!(world.gate.report().promise, Duration::from_secs(1), "{mode:?}");
    }
}
