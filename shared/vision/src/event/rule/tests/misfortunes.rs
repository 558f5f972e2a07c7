//! What rules are for: false alarms at night, parked cars, detectors that look away, and whatever else comes.

use std::collections::BTreeMap;

use omma_protocol::event::{Phase, Why};
use omma_protocol::geometry::Rect;
use omma_protocol::track::{Track, TrackId};
use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::site::{Site, at, person, reasons};
use super::{DRIVE, walk};
use crate::view::Turn;

fn car(id: u64, x: f32) -> Track {
    Track { id: TrackId(id), label: "car".into(), score: 0.7, rect: Rect { x, y: 0.5, w: 0.2, h: 0.2 } }
}

const MINUTE: i64 = 60_000;

#[test]
fn false_alarms_at_night_have_low_scores_go_nowhere_and_last_short() {
    let rule = "[[rule]]\nname = \"intruder\"\nmin_score = 0.55\nmin_path = 0.15\nmin_frames = 6\nmin_size = 0.1";
    for seed in 0..20 {
        let mut random = StdRng::from_seed([seed; 32]);
        let mut site = Site::new(DRIVE, rule);
        // A moth: sure now and then, everywhere. A bush in the wind: sure enough, nowhere. A reflection: at once gone.
        let mut changes = vec![];
        for ms in (0..30_000).step_by(100) {
            let mut seen = vec![];
            let jitter = |random: &mut StdRng| random.random_range(-0.004..0.004);
            let moth = person(1, random.random_range(0.0..0.8));
            seen.push(Track { score: if ms % 1000 == 0 { 0.9 } else { 0.42 }, ..moth });
            let bush = person(2, 0.3 + jitter(&mut random));
            seen.push(Track { score: 0.7, ..bush });
            if ms < 500 {
                seen.push(person(3, walk(ms, 0.1, 0.5, 500)));
            }
            changes.extend(site.see(at(ms), seen).into_iter().map(|change| (ms, change)));
        }
        assert!(changes.is_empty(), "seed {seed}: {changes:?}");
        let burglar = site.run(30_000..36_000, |ms| Some(vec![person(4, walk(ms - 30_000, 0.1, 0.6, 5000))]));
        assert_eq!(reasons(&burglar).len(), 1, "seed {seed}");
    }
}

#[test]
fn a_parked_car_that_the_detector_loses_for_an_hour_does_not_fire_again_and_does_when_it_drives_off() {
    let rules = "[[rule]]\nname = \"car\"\nzone = \"drive\"\nlabels = [\"car\"]\n[[rule]]\nname = \"off\"\nline = \"gate\"\ndirection = \"out\"";
    let mut site = Site::new(DRIVE, rules);
    let arrival = site.run(0..10 * MINUTE, |ms| Some(vec![car(1, walk(ms, 0.1, 0.7, 5000))]));
    assert_eq!(reasons(&arrival), [("car".to_owned(), "drive".to_owned())]);
    // Out of the detector's sight, then for moments in it, each time under another track, a little beside.
    let flicker = site.run(10 * MINUTE..60 * MINUTE, |ms| {
        let minute = ms / MINUTE;
        (minute % 7 == 0 && ms % MINUTE < 3000).then(|| vec![car(100 + minute as u64, 0.702)])
    });
    assert_eq!(reasons(&flicker), []);
    // A driver comes to the car from elsewhere and is somebody else; another car is another car.
    let other = site.run(60 * MINUTE..61 * MINUTE, |ms| Some(vec![car(500, walk(ms - 60 * MINUTE, 0.1, 0.55, 5000))]));
    assert_eq!(reasons(&other), [("car".to_owned(), "drive".to_owned())]);
    let off =
        site.run(61 * MINUTE..62 * MINUTE, |ms| Some(vec![car(501, walk(ms - 61 * MINUTE - 5000, 0.7, 0.1, 8000))]));
    assert_eq!(reasons(&off), [("off".to_owned(), "gate out".to_owned())]);
}

/// Somebody walked by in front of it.
#[test]
fn a_parked_car_whose_box_was_cut_for_one_look_has_not_begun_to_stand_anew() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"car\"");
    let half = Track { rect: Rect { x: 0.71, y: 0.5, w: 0.09, h: 0.2 }, ..car(1, 0.6) };
    let stands = |ms: i64| if ms == 8 * MINUTE { half.clone() } else { car(1, 0.6) };
    assert_eq!(reasons(&site.run(0..10 * MINUTE, |ms| Some(vec![stands(ms)]))).len(), 1);
    site.run(10 * MINUTE..15 * MINUTE, |_| None);
    assert_eq!(reasons(&site.run(15 * MINUTE..16 * MINUTE, |_| Some(vec![car(2, 0.6)]))), []);
}

#[test]
fn a_parked_car_is_known_again_after_the_camera_was_away() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"car\"");
    assert_eq!(reasons(&site.run(0..2 * MINUTE, |_| Some(vec![car(1, 0.6), person(2, 0.1)]))).len(), 2);
    let closed = site.events.finish();
    assert!(closed.iter().all(|change| change.event.phase == Phase::Closed) && closed.len() == 2);
    let again = site.run(3 * MINUTE..5 * MINUTE, |_| Some(vec![car(3, 0.6), person(4, 0.3)]));
    assert_eq!(reasons(&again).len(), 1, "the person is another, the car is the same");
    let long_after = site.run(12 * MINUTE..13 * MINUTE, |_| Some(vec![car(5, 0.6)]));
    assert_eq!(reasons(&long_after).len(), 1, "what is away for longer than it stood may be another");
}

#[test]
fn a_restart_makes_no_event_of_what_stands_where_it_stood_and_one_of_what_does_not() {
    const RULES: &str = "[[rule]]\nname = \"car\"\n[[rule]]\nname = \"stays\"\nzone = \"drive\"\ndwell = 90";
    let mut before = Site::new(DRIVE, RULES);
    let told = before.run(0..10 * MINUTE, |ms| {
        Some(vec![car(1, 0.6)].into_iter().chain((ms > 9 * MINUTE + 30_000).then(|| person(2, 0.1))).collect())
    });
    assert_eq!(reasons(&told).len(), 3);
    let parked = before.events.parked();
    assert_eq!(
        parked.iter().map(|thing| &*thing.label).collect::<Vec<_>>(),
        ["car"],
        "the person stood for half a minute"
    );
    let after = |minutes: i64, rules: &str, seen: Track| {
        let mut site = Site::new(DRIVE, rules);
        site.events.know(&parked, at(minutes * MINUTE), 16.0 / 9.0);
        reasons(&site.run(minutes * MINUTE..(minutes + 3) * MINUTE, |_| Some(vec![seen.clone()])))
    };
    assert_eq!(after(11, RULES, car(1, 0.602)), []);
    assert_eq!(after(19, RULES, car(1, 0.6)), [], "known for as long as it stood");
    assert_eq!(after(21, RULES, car(1, 0.6)).len(), 2, "and not for longer");
    assert_eq!(after(11, RULES, car(1, 0.1)).len(), 1, "it stands elsewhere, outside of the zone");
    assert_eq!(after(11, RULES, person(1, 0.65)).len(), 2, "it is something else");
    assert_eq!(after(5, RULES, car(1, 0.6)).len(), 2, "the clock was wrong");
    let other = RULES.replace("\"stays\"", "\"other\"");
    assert_eq!(after(11, &other, car(1, 0.6)), [("other".to_owned(), "drive 90".to_owned())], "a rule that is new");
}

#[test]
fn a_parked_car_makes_no_event_anew_where_there_are_no_rules() {
    let mut before = Site::new(DRIVE, "");
    let parks = |ms| Some(vec![car(if ms > 6 * MINUTE { 2 } else { 1 }, 0.6)]);
    // The detector loses it for longer than its event stays open.
    let told = before.run(0..10 * MINUTE, |ms| parks(ms).filter(|_| !(5 * MINUTE..6 * MINUTE).contains(&ms)));
    assert_eq!(reasons(&told).len(), 1);
    let mut after = Site::new(DRIVE, "");
    after.events.know(&before.events.parked(), at(11 * MINUTE), 16.0 / 9.0);
    let told = after.run(11 * MINUTE..13 * MINUTE, |_| Some(vec![car(1, 0.6), person(2, 0.1)]));
    assert_eq!(reasons(&told).len(), 1, "the person is new, the car is not");
}

#[test]
fn who_was_parked_and_told_of_is_told_of_anew_when_he_walks_off_and_not_while_his_event_is_open() {
    for (rules, closed) in [("", true), ("", false), ("[[rule]]\nname = \"seen\"", true)] {
        let mut site = Site::new(DRIVE, rules);
        assert_eq!(reasons(&site.run(0..2 * MINUTE, |_| Some(vec![person(1, 0.3)]))).len(), 1);
        if closed {
            // Out of sight for longer than his event stays open.
            site.run(2 * MINUTE..2 * MINUTE + 20_000, |_| None);
        }
        // His box trembles, by more than what is the same place.
        let sits = |ms: i64| Some(vec![person(2, if ms % 5000 >= 4800 { 0.36 } else { 0.3 })]);
        assert_eq!(reasons(&site.run(2 * MINUTE + 20_000..4 * MINUTE, sits)), [], "he has not got up");
        let gone = site.run(4 * MINUTE..5 * MINUTE, |ms| Some(vec![person(2, walk(ms - 4 * MINUTE, 0.3, 0.8, 8000))]));
        assert_eq!(reasons(&gone).len(), usize::from(closed), "{rules} {gone:?}");
        let Some((ms, opened)) = gone.iter().find(|(_, change)| change.event.phase == Phase::Opened) else { continue };
        assert!(*ms < 4 * MINUTE + 3000 && opened.event.opened >= at(4 * MINUTE), "it is of now: {opened:?}");
    }
}

#[test]
fn a_camera_that_is_turned_takes_no_car_of_one_view_for_one_of_another() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"car\"");
    let mut parked = |minutes: std::ops::Range<i64>, id: u64, turn: Turn| {
        let closed = site.events.turn(turn).into_iter().filter(|change| change.event.phase == Phase::Closed).count();
        let changes = site.run(minutes.start * MINUTE..minutes.end * MINUTE, |_| Some(vec![car(id, 0.6)]));
        (closed, reasons(&changes).len())
    };
    assert_eq!(parked(0..10, 1, Turn::None), (0, 1));
    assert_eq!(parked(10..12, 2, Turn::Away), (1, 1), "another car stands where that one stood in its view");
    assert_eq!(parked(12..14, 3, Turn::Astray), (1, 1));
    assert_eq!(parked(14..16, 4, Turn::Back), (1, 0), "the first view has its car still");
    assert_eq!(parked(16..20, 5, Turn::Away), (0, 1));
    assert_eq!(parked(20..21, 6, Turn::Away), (1, 1));
    assert_eq!(parked(21..22, 7, Turn::Back), (1, 0), "the view that was left last is remembered");
}

#[test]
fn a_clock_that_is_set_forward_by_hours_makes_nobody_stay_for_hours() {
    const RULES: &str = "[[rule]]\nname = \"stays\"\nzone = \"drive\"\ndwell = 600\n[[rule]]\nname = \"seen\"";
    let hours = 180 * MINUTE;
    for gate_is_closed in [false, true] {
        let mut site = Site::new(DRIVE, RULES);
        let before = site.run(0..MINUTE, |_| Some(vec![person(1, 0.6)]));
        assert_eq!(reasons(&before), [("seen".to_owned(), String::new())]);
        let mut changes = vec![];
        if gate_is_closed {
            changes.extend(site.events.unchanged(at(hours)).into_iter().map(|change| (hours, change)));
        }
        changes.extend(site.run(hours + 100..hours + 2 * MINUTE, |_| Some(vec![person(2, 0.6)])));
        assert_eq!(reasons(&changes), [("seen".to_owned(), String::new())]);
        let closed = changes.iter().find(|(_, change)| change.event.phase == Phase::Closed);
        let closed = closed.and_then(|(_, change)| change.event.closed);
        assert_eq!(closed, Some(at(MINUTE - 100)), "at the last frame that it was seen in");
    }
}

#[test]
fn what_waits_is_one_event_though_the_tracker_loses_it() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"waits\"\nzone = \"drive\"\ndwell = 30");
    let waiting = |ms: i64| (ms % 11_000 < 8000).then(|| vec![person(1 + ms as u64 / 11_000, 0.6)]);
    let changes = site.run(0..10 * MINUTE, waiting);
    assert_eq!(reasons(&changes).len(), 1);
    assert!(changes.len() < 12, "{} messages", changes.len());
}

#[test]
fn what_is_parked_when_a_rule_comes_into_force_does_not_fire_and_who_comes_does() {
    // In force from 23:20 on; the first frame is of 23:13:20.
    let rules = "[[rule]]\nname = \"night\"\nschedule = [\"23:20-06:00\"]\n[[rule]]\nname = \"in\"\nline = \"gate\"\ndirection = \"in\"\nschedule = [\"23:20-06:00\"]";
    let mut site = Site::new(DRIVE, rules);
    let night = 400_000;
    let changes = site.run(0..night + MINUTE, |ms| {
        let mut there = vec![car(1, 0.7)];
        if ms < 20_000 {
            there.push(person(2, walk(ms, 0.1, 0.8, 10_000)));
        }
        if ms >= night + 10_000 {
            there.push(person(3, walk(ms - night - 10_000, 0.1, 0.8, 10_000)));
        }
        Some(there)
    });
    let told: Vec<_> =
        changes.iter().filter(|(_, c)| c.event.phase == Phase::Opened).map(|(_, c)| c.event.track.0).collect();
    assert_eq!(told, [3, 3], "night and in");
}

#[test]
fn where_too_many_events_are_open_a_rule_waits_and_is_not_forgotten() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"in\"\nline = \"gate\"");
    let crowd = |ms: i64| Some((0..70).map(|n| person(1 + n, walk(ms, 0.2, 0.7, 4000))).collect());
    assert_eq!(reasons(&site.run(0..6000, crowd)).len(), 64);
    let fewer = |ms: i64| crowd(ms).map(|all: Vec<Track>| all.into_iter().skip(10).collect());
    assert_eq!(reasons(&site.run(6000..30_000, fewer)).len(), 6);
    assert!(site.events.refused() > 0);
}

const EVERY_KIND: &str = "[[rule]]\nname = \"seen\"\n[[rule]]\nname = \"inside\"\nzone = \"drive\"
    [[rule]]\nname = \"stays\"\nzone = \"drive\"\ndwell = 2\n[[rule]]\nname = \"crosses\"\nline = \"gate\"
    [[rule]]\nname = \"over\"\nzone = \"drive\"\ncount_over = 1\n[[rule]]\nname = \"under\"\ncount_under = 2";

fn rect() -> impl Strategy<Value = Rect> {
    (-0.1f32..1.0, -0.1f32..1.0, 0.01f32..0.5, 0.01f32..0.5).prop_map(|(x, y, w, h)| Rect { x, y, w, h })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Things that jump about, vanish for a while and come back under their own track.
    #[test]
    fn a_rule_makes_at_most_one_event_of_a_track_and_direction(
        frames in prop::collection::vec(prop::collection::vec((1u64..6, rect()), 0..6), 1..120),
    ) {
        let mut site = Site::new(DRIVE, EVERY_KIND);
        let mut opened: BTreeMap<(String, u64, String), usize> = BTreeMap::new();
        let mut revisions: BTreeMap<_, u32> = BTreeMap::new();
        for (n, boxes) in frames.into_iter().enumerate() {
            let boxes: BTreeMap<u64, Rect> = boxes.into_iter().collect();
            let tracks = boxes.into_iter().map(|(id, rect)| Track { rect, ..person(id, 0.0) }).collect();
            let changes = site.see(at(n as i64 * 100), tracks);
            for event in changes.into_iter().map(|change| change.event) {
                let last = revisions.insert(event.id, event.revision).unwrap_or(0);
                prop_assert_eq!(event.revision, last + 1);
                prop_assert!(event.best >= event.opened && event.closed.is_none_or(|closed| closed >= event.opened));
                let cause = event.cause.unwrap();
                let direction = if let Why::Crossed { direction, .. } = &cause.why { direction.to_string() } else { String::new() };
                if event.phase == Phase::Opened && event.track != TrackId::NONE {
                    *opened.entry((cause.rule.to_string(), event.track.0, direction)).or_default() += 1;
                }
            }
        }
        prop_assert!(opened.values().all(|times| *times == 1), "{:?}", opened);
        site.events.finish();
        prop_assert_eq!(site.events.open(), 0);
    }

    #[test]
    fn no_box_and_no_picture_make_it_panic(
        frames in prop::collection::vec((any::<i64>(), any::<[f32; 4]>(), any::<f32>(), any::<f32>()), 1..40),
    ) {
        let mut site = Site::new(DRIVE, EVERY_KIND);
        for (n, (time, [x, y, w, h], score, aspect)) in frames.into_iter().enumerate() {
            let track = Track { score, rect: Rect { x, y, w, h }, ..person(n as u64 % 3, 0.0) };
            let life = crate::track::Life::begin(at(0), track.rect, score);
            drop(site.events.see(omma_protocol::time::CaptureTime(time), aspect, &[(track, life)]));
        }
    }
}
