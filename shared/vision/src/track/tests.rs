//! Simulated things, looked at at changing intervals.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

fn at(ms: i64) -> CaptureTime {
    CaptureTime(1_700_000_000_000_000 + ms * 1000)
}

fn person(x: f32, y: f32, score: f32) -> Detection {
    Detection { label: "person".into(), score, rect: Rect { x, y, w: 0.05, h: 0.2 } }
}

fn ids(tracks: &[Track]) -> Vec<u64> {
    tracks.iter().map(|track| track.id.0).collect()
}

/// Looks at one thing at `x(t)` every `step` ms and gives the ids of the last frame.
fn walk(tracker: &mut Tracker, from_ms: i64, to_ms: i64, step: usize, x: impl Fn(f32) -> f32) -> Vec<u64> {
    let mut last = vec![];
    for ms in (from_ms..to_ms).step_by(step) {
        last = ids(&tracker.update(at(ms), vec![person(x((ms - from_ms) as f32 / 1000.0), 0.4, 0.8)]));
    }
    last
}

#[test]
fn a_thing_is_told_of_when_it_was_found_twice_in_a_row() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert!(tracker.update(at(0), vec![person(0.1, 0.4, 0.8)]).is_empty());
    let second = tracker.update(at(200), vec![person(0.11, 0.4, 0.7)]);
    assert_eq!((ids(&second), second[0].score, second[0].rect.x), (vec![1], 0.7, 0.11));
    let life = tracker.life(TrackId(1)).unwrap();
    assert_eq!((life.first_seen(), life.first_rect().x, life.frames(), life.best_score()), (at(0), 0.1, 2, 0.8));
}

#[test]
fn a_flicker_is_nothing() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    for frame in 0..50 {
        let found = if frame % 2 == 1 { vec![] } else { vec![person(0.1, 0.4, 0.8)] };
        assert!(tracker.update(at(frame * 200), found).is_empty(), "frame {frame}");
    }
}

#[test]
fn a_walker_keeps_its_id_at_any_frame_rate() {
    for step in [33, 100, 200, 250] {
        let mut tracker = Tracker::new(TrackerConfig::default());
        assert_eq!(walk(&mut tracker, 0, 6000, step, |t| 0.05 + 0.12 * t), [1], "every {step} ms");
    }
}

#[test]
fn a_walker_keeps_its_id_when_frames_are_skipped() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let mut ms = 0;
    for gap in [200, 100, 200, 700, 100, 300, 1200, 100, 100, 900, 200] {
        ms += gap;
        let seen = tracker.update(at(ms), vec![person(0.05 + 0.1 * ms as f32 / 1000.0, 0.4, 0.8)]);
        assert!(seen.iter().all(|track| track.id.0 == 1), "at {ms} ms: {seen:?}");
    }
    assert_eq!(tracker.last_id, 1);
}

#[test]
fn a_runner_who_moves_by_his_own_width_between_frames_is_followed() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert_eq!(walk(&mut tracker, 0, 3000, 200, |t| 0.05 + 0.25 * t), [1]);
}

#[test]
fn two_that_cross_keep_their_ids() {
    for step in [50, 100, 200] {
        let mut tracker = Tracker::new(TrackerConfig::default());
        for ms in (0..5000).step_by(step) {
            let t = ms as f32 / 1000.0;
            let (right, left) = (0.1 + 0.15 * t, 0.85 - 0.15 * t);
            // The two walk at different depths, so that one is a little larger and lower.
            let mut near = person(left, 0.42, 0.8);
            near.rect.h = 0.23;
            let seen = tracker.update(at(ms), vec![person(right, 0.4, 0.8), near]);
            if t > 1.0 {
                let x: Vec<_> = seen.iter().map(|track| (track.id.0, track.rect.x)).collect();
                assert_eq!(x, [(1, right), (2, left)], "every {step} ms, at {ms}");
            }
        }
    }
}

#[test]
fn out_of_sight_for_a_second_it_keeps_its_id_and_for_longer_it_gets_a_new_one() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert_eq!(walk(&mut tracker, 0, 2000, 100, |t| 0.1 + 0.05 * t), [1]);
    assert!(tracker.update(at(2000), vec![]).is_empty());
    assert_eq!(ids(&tracker.update(at(2900), vec![person(0.245, 0.4, 0.8)])), [1]);
    assert!(tracker.update(at(2900 + 1600), vec![]).is_empty());
    assert_eq!(tracker.life(TrackId(1)), None);
    assert_eq!(walk(&mut tracker, 4600, 5600, 100, |_| 0.25), [2], "an id is never given again");
}

#[test]
fn a_poor_detection_keeps_a_track_and_begins_none() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert_eq!(walk(&mut tracker, 0, 1000, 200, |_| 0.3), [1]);
    let half_hidden = tracker.update(at(1000), vec![person(0.3, 0.4, 0.45), person(0.7, 0.4, 0.45)]);
    assert_eq!((ids(&half_hidden), half_hidden[0].score), (vec![1], 0.45));
    for ms in (1200..3000).step_by(200) {
        assert_eq!(ids(&tracker.update(at(ms), vec![person(0.3, 0.4, 0.45), person(0.7, 0.4, 0.45)])), [1]);
    }
}

#[test]
fn a_poor_detection_brings_back_what_was_out_of_sight() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert_eq!(walk(&mut tracker, 0, 1000, 200, |_| 0.3), [1]);
    for ms in [1000, 1200, 1400] {
        assert!(tracker.update(at(ms), vec![]).is_empty());
    }
    assert_eq!(ids(&tracker.update(at(1600), vec![person(0.3, 0.4, 0.45)])), [1]);
}

#[test]
fn only_what_was_found_once_is_looked_for_far_around() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert_eq!(walk(&mut tracker, 0, 2000, 200, |_| 0.3), [1]);
    // Who stood still for seconds has not jumped by his own width: this is somebody else.
    for ms in [2000, 2200] {
        let seen = tracker.update(at(ms), vec![person(0.352, 0.4, 0.8)]);
        assert_eq!(ids(&seen), if ms == 2000 { vec![] } else { vec![2] });
    }
}

/// What NanoDet made of two persons in `vtest` who pass each other: a third box between them, then one box of both.
#[test]
fn a_box_between_two_persons_who_become_one_box_takes_neither_ones_place() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    let pixels = |x: f32, y: f32, w: f32, h: f32, score| Detection {
        label: "person".into(),
        score,
        rect: Rect { x: x / 768.0, y: y / 576.0, w: w / 768.0, h: h / 576.0 },
    };
    for n in 0..10i16 {
        let x = f32::from(n);
        let (right, left) = (476.0 + 1.2 * x, 571.0 - 6.1 * x);
        let found = vec![pixels(right, 165.0, 26.0, 77.0, 0.6), pixels(left, 156.0, 26.0, 77.0, 0.6)];
        tracker.update(at(i64::from(n) * 100), found);
    }
    let mut found = vec![pixels(488.0, 163.0, 26.0, 77.0, 0.59), pixels(510.0, 155.0, 24.0, 79.0, 0.58)];
    found.push(pixels(496.0, 156.0, 34.0, 82.0, 0.52));
    assert_eq!(ids(&tracker.update(at(1000), found)), [1, 2]);
    let both = ids(&tracker.update(at(1100), vec![pixels(490.0, 159.0, 38.0, 80.0, 0.62)]));
    assert!(both == [1] || both == [2], "{both:?}");
    let apart = vec![pixels(502.0, 162.0, 29.0, 72.0, 0.62), pixels(485.0, 155.0, 24.0, 75.0, 0.6)];
    assert_eq!(ids(&tracker.update(at(1400), apart)), [1, 2]);
}

#[test]
fn classes_do_not_mix() {
    let mut tracker = Tracker::new(TrackerConfig::default());
    assert_eq!(walk(&mut tracker, 0, 1000, 200, |_| 0.3), [1]);
    let dog = Detection { label: "dog".into(), ..person(0.3, 0.4, 0.9) };
    for ms in [1000, 1200, 1400] {
        assert!(!ids(&tracker.update(at(ms), vec![dog.clone()])).contains(&1));
    }
    assert_eq!(ids(&tracker.update(at(1600), vec![dog, person(0.3, 0.4, 0.9)])), [1, 2]);
}

#[test]
fn garbage_is_left_out_and_the_number_of_tracks_is_bounded() {
    let mut tracker = Tracker::new(TrackerConfig { max_tracks: 10, ..TrackerConfig::default() });
    let grid = |n: u8| (0..n).map(|i| person(f32::from(i % 10) / 10.0, f32::from(i / 10) / 4.0, 0.9));
    for ms in [0, 100, 200] {
        let mut found: Vec<_> = grid(30).collect();
        for bad in [f32::NAN, f32::INFINITY] {
            found.push(person(bad, 0.1, 0.9));
            found.push(person(0.1, 0.1, bad));
            found.push(Detection { rect: Rect { w: bad, ..found[0].rect }, ..found[0].clone() });
        }
        tracker.update(at(ms), found);
    }
    assert_eq!(tracker.last_id, 10);
    assert!(tracker.refused() >= 20, "{}", tracker.refused());
    // A clock that stands still or goes back is taken as no time.
    assert_eq!(tracker.update(at(200), grid(10).collect()).len(), 10);
    assert_eq!(tracker.update(at(0), grid(10).collect()).len(), 10);
}

#[test]
fn at_one_look_in_two_seconds_things_are_followed_too() {
    let mut tracker = Tracker::new(TrackerConfig::default().looking(0.5));
    assert_eq!(walk(&mut tracker, 0, 20_000, 2000, |_| 0.3), [1]);
    let interval = Duration::from_millis(200);
    assert_eq!(TrackerConfig::default().looking(5.0), TrackerConfig { interval, ..TrackerConfig::default() });
}

#[test]
fn a_camera_that_gives_a_picture_every_two_seconds_though_the_rate_is_five_has_tracks() {
    for step in [1600, 2000, 10_000] {
        let mut tracker = Tracker::new(TrackerConfig::default().looking(5.0));
        assert_eq!(walk(&mut tracker, 0, 20 * step as i64, step, |_| 0.3), [1], "every {step} ms");
        let missed = 20 * step as i64;
        assert!(tracker.update(at(missed), vec![]).is_empty());
        assert_eq!(walk(&mut tracker, missed + step as i64, missed + 2 * step as i64, step, |_| 0.3), [1]);
    }
}

#[test]
fn a_pause_between_two_looks_is_no_cadence() {
    let mut tracker = Tracker::new(TrackerConfig::default().looking(5.0));
    for opened in 0..5 {
        let from = opened * 60_000;
        assert_eq!(walk(&mut tracker, from, from + 3000, 200, |_| 0.3), [opened as u64 + 1]);
    }
}

/// When a walker is found, and in which of the frames he is followed; those marked so are beyond the rate.
fn followed(config: TrackerConfig, looks: &[(i64, bool, bool)]) -> Vec<i64> {
    let mut tracker = Tracker::new(config);
    let told = looks.iter().filter(|&&(ms, found, beyond_rate)| {
        let found: Vec<_> = found.then(|| person(0.1 + 0.00008 * ms as f32, 0.4, 0.7)).into_iter().collect();
        let update = if beyond_rate { Tracker::update_beyond_rate } else { Tracker::update };
        !update(&mut tracker, at(ms), found).is_empty()
    });
    told.map(|&(ms, ..)| ms).collect()
}

/// Pictures of a camera that stamps some of them early or late; whether each is of the rate's looks.
fn pictures(random: &mut StdRng, fps: i64, rate: f32, count: i64) -> Vec<(i64, bool)> {
    let mut pace = crate::pace::Pace::new(rate);
    let jitter = 1000 / fps * 2 / 5;
    let mut times: Vec<i64> = (0..count).map(|n| n * 1000 / fps + random.random_range(-jitter..=jitter)).collect();
    times.sort_unstable();
    times.into_iter().map(|ms| (ms, pace.takes(at(ms)))).collect()
}

#[test]
fn looks_at_the_rate_confirm_and_drop_by_their_order_however_unevenly_they_come() {
    let (mut random, mut confirmed) = (StdRng::seed_from_u64(5), 0);
    for (fps, rate) in [6, 7, 8, 10, 12, 15, 25, 30].into_iter().flat_map(|fps| [1.0, 2.0, 5.0].map(|rate| (fps, rate)))
    {
        for _ in 0..100 {
            let share = random.random_range(0.1..0.9);
            let looks = pictures(&mut random, fps, rate, 6 * fps).into_iter().filter(|(_, at_rate)| *at_rate);
            let looks: Vec<_> = looks.map(|(ms, _)| (ms, random.random_bool(share), false)).collect();
            let config = TrackerConfig::default().looking(rate);
            let by_order = followed(TrackerConfig { interval: Duration::ZERO, ..config.clone() }, &looks);
            assert_eq!(followed(config, &looks), by_order, "{rate}/s of {fps}/s: {looks:?}");
            confirmed += by_order.len();
        }
    }
    assert!(confirmed > 1000, "{confirmed}");
}

#[test]
fn at_eight_pictures_a_second_who_is_found_in_two_looks_in_a_row_is_told_of_and_a_flicker_is_not() {
    let looks = |found: [bool; 4]| [250, 375, 625, 750].into_iter().zip(found).map(|(ms, found)| (ms, found, false));
    let config = TrackerConfig::default().looking(5.0);
    let told = |found| followed(config.clone(), &looks(found).collect::<Vec<_>>());
    assert_eq!(told([true, true, false, false]), [375]);
    assert_eq!(told([true, false, true, false]), [0; 0]);
}

#[test]
fn looks_beyond_the_rate_keep_nobody_from_being_told_of() {
    let (mut random, mut told) = (StdRng::seed_from_u64(6), 0);
    for (fps, rate) in [8, 10, 12, 15, 25].into_iter().flat_map(|fps| [1.0, 2.0, 5.0].map(|rate| (fps, rate))) {
        for _ in 0..100 {
            let (share, spare) = (random.random_range(0.1..0.9), random.random_range(0.0..1.0));
            let pictures = pictures(&mut random, fps, rate, 3 * fps).into_iter();
            let looks: Vec<_> = pictures
                .filter_map(|(ms, at_rate)| {
                    let found = random.random_bool(share);
                    (at_rate || random.random_bool(spare)).then_some((ms, found, !at_rate))
                })
                .collect();
            let alone: Vec<_> = looks.iter().copied().filter(|look| !look.2).collect();
            let config = TrackerConfig::default().looking(rate);
            let (first, with) = (followed(config.clone(), &alone), followed(config, &looks));
            assert!(first.is_empty() || with.first() <= first.first(), "{looks:?}: {with:?}, without {first:?}");
            assert!(first.is_empty() || !with.is_empty(), "{looks:?}");
            told += usize::from(!first.is_empty());
        }
    }
    assert!(told > 200, "{told}");
}

#[test]
fn a_flicker_is_no_more_proof_at_one_look_a_second_than_two_looks_a_second_apart_are() {
    let config = TrackerConfig::default().looking(1.0);
    assert_eq!(
        followed(config.clone(), &[(0, true, false), (100, true, true), (200, true, true), (300, false, true)]),
        [0; 0]
    );
    assert_eq!(followed(config, &[(0, true, false), (400, true, true), (800, true, true)]), [800]);
}

#[test]
fn what_was_missed_between_is_not_confirmed_by_a_look_that_comes_too_late() {
    let config = TrackerConfig::default().looking(5.0);
    // The look at 300 ms was not made.
    let looks = [(0, false, false), (100, true, true), (200, false, false), (400, true, false)];
    assert_eq!(followed(config, &looks), [0; 0]);
}

#[test]
fn a_clock_that_is_set_back_leaves_nothing_in_doubt() {
    let found = || vec![person(0.1, 0.4, 0.7)];
    let mut tracker = Tracker::new(TrackerConfig::default().looking(5.0));
    assert!(tracker.update_beyond_rate(at(10_000), found()).is_empty());
    assert!(tracker.update_beyond_rate(at(5_000), vec![]).is_empty());
    assert!(tracker.tracks.is_empty(), "{tracker:?}");
    tracker.update_beyond_rate(at(10_000), found());
    assert!(tracker.update_beyond_rate(at(5_000), found()).is_empty());
    assert_eq!(ids(&tracker.update_beyond_rate(at(5_200), found())), [1]);
    assert_eq!(tracker.life(TrackId(1)).unwrap().first_seen(), at(5_000));
}

#[test]
fn frames_beyond_the_rate_are_no_frames_of_a_rule() {
    let mut tracker = Tracker::new(TrackerConfig::default().looking(5.0));
    for ms in [0, 200, 400] {
        tracker.update(at(ms), vec![person(0.1, 0.4, 0.7)]);
        tracker.update_beyond_rate(at(ms + 100), vec![person(0.1, 0.4, 0.7)]);
    }
    let life = tracker.life(TrackId(1)).unwrap();
    assert_eq!((life.frames(), life.frames_at_rate()), (6, 3));
}

/// In which frame a walker is confirmed, where one is taken each 100 ms and each second one is of the rate.
fn confirmed(looked: &[Option<bool>], first: usize, every: usize) -> Option<usize> {
    let of_rate = |n: usize| every == 2 || n.is_multiple_of(2);
    let chosen = (first..looked.len()).step_by(every);
    let looks: Vec<_> = chosen.filter_map(|n| Some((100 * n as i64, looked[n]?, !of_rate(n)))).collect();
    followed(TrackerConfig::default().looking(5.0), &looks).first().map(|ms| *ms as usize / 100)
}

#[test]
fn twice_as_many_looks_confirm_as_soon_as_the_luckier_half_of_them_and_nothing_else() {
    let mut random = StdRng::seed_from_u64(4);
    let (mut lucky, mut neither) = (0, 0);
    for _ in 0..4000 {
        let (share, made) = (random.random_range(0.1..0.9), random.random_range(0.2..1.0));
        let mut look = |n: usize| {
            let found = random.random_bool(share);
            (n.is_multiple_of(2) || random.random_bool(made)).then_some(found)
        };
        let looked: Vec<_> = (0..20).map(&mut look).collect();
        // A look beyond the rate that was not made is one that found nobody.
        let not_made_found_nobody: Vec<_> = looked.iter().map(|found| Some(found.unwrap_or_default())).collect();
        let halves = [confirmed(&looked, 0, 2), confirmed(&not_made_found_nobody, 1, 2)];
        assert_eq!(confirmed(&looked, 0, 1), halves.into_iter().flatten().min(), "{looked:?}: {halves:?}");
        lucky += usize::from(halves[0].is_some() != halves[1].is_some());
        neither += usize::from(halves == [None, None]);
    }
    assert!(lucky > 100 && neither > 100, "{lucky}, {neither}");
}
