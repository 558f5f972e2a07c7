//! Simulated things before a camera with rules.

mod left;
mod limits;
mod misfortunes;
mod site;

use omma_protocol::event::{Phase, Why};
use omma_protocol::geometry::Rect;

use site::{Site, person, reasons};

const DRIVE: &str = r#"
    [[zone]]
    name = "drive"
    points = [[0.5, 0], [1, 0], [1, 1], [0.5, 1]]
    [[line]]
    name = "gate"
    points = [[0.5, 1], [0.5, 0]]
    to_right = "in"
    to_left = "out"
    "#;

/// From left to right within `ms`, and back if asked.
fn walk(ms: i64, from: f32, to: f32, over: i64) -> f32 {
    from + (to - from) * (ms as f32 / over as f32).clamp(0.0, 1.0)
}

#[test]
fn a_zone_makes_one_event_of_a_thing_from_when_it_comes_in_until_it_is_gone() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"visitor\"\nzone = \"drive\"");
    let changes = site.run(0..12_000, |ms| (ms <= 8000).then(|| vec![person(1, walk(ms, 0.1, 0.9, 8000))]));
    let [(opened_ms, opened), .., (_, closed)] = &changes[..] else { panic!("{changes:?}") };
    // Its feet are in the middle of its box, which is 0.1 wide.
    assert_eq!((*opened_ms, opened.event.phase), (3500, Phase::Opened));
    let cause = opened.event.cause.clone().unwrap();
    assert_eq!((&*cause.rule, cause.why), ("visitor", Why::Inside { zone: "drive".into() }));
    assert_eq!((opened.event.opened, opened.picture), (site::at(3500), true));
    assert_eq!((closed.event.phase, closed.event.closed), (Phase::Closed, Some(site::at(8000))));
    assert!(changes.iter().all(|(_, change)| change.event.id == opened.event.id));
}

#[test]
fn who_only_passes_by_is_nothing() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"visitor\"\nzone = \"drive\"");
    assert!(site.run(0..9000, |ms| Some(vec![person(1, walk(ms, 0.0, 0.4, 8000))])).is_empty());
}

#[test]
fn a_line_makes_one_event_for_each_direction_that_the_rule_asks_for() {
    let there_and_back_twice = |ms: i64| {
        let phase = ms % 8000;
        Some(vec![person(
            1,
            if phase < 4000 { walk(phase, 0.2, 0.8, 4000) } else { walk(phase - 4000, 0.8, 0.2, 4000) },
        )])
    };
    let crossed = |direction: &str| ("gate".to_owned(), format!("gate {direction}"));
    let mut either = Site::new(DRIVE, "[[rule]]\nname = \"gate\"\nline = \"gate\"");
    assert_eq!(reasons(&either.run(0..16_000, there_and_back_twice)), [crossed("in"), crossed("out")]);
    let mut out = Site::new(DRIVE, "[[rule]]\nname = \"gate\"\nline = \"gate\"\ndirection = \"out\"");
    assert_eq!(reasons(&out.run(0..16_000, there_and_back_twice)), [crossed("out")]);
}

#[test]
fn who_stays_makes_one_event_that_tells_how_long() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"loiterer\"\nzone = \"drive\"\ndwell = 20");
    let trembling = |ms: i64| Some(vec![person(1, 0.451 - if ms % 400 == 0 { 0.012 } else { 0.0 })]);
    let changes = site.run(0..100_000, |ms| if ms < 70_000 { trembling(ms) } else { None });
    assert_eq!(reasons(&changes), [("loiterer".to_owned(), "drive 20".to_owned())], "the zone's side is at its feet");
    let [(ms, opened), .., (_, closed)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(opened.event.opened.0, site::at(*ms).0 - 20_000_000);
    let Some(Why::Stayed { seconds, .. }) = closed.event.cause.as_ref().map(|cause| cause.why.clone()) else {
        panic!()
    };
    assert!((69.0..=70.0).contains(&seconds) && changes.len() < 10, "{seconds} in {} messages", changes.len());
}

/// The hub keeps what is said last: five seconds, of a rule that wants twenty.
#[test]
fn who_stayed_for_long_and_comes_in_again_for_a_moment_has_stayed_for_long() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"loiterer\"\nzone = \"drive\"\ndwell = 20");
    let out_and_in = |ms: i64| person(1, if (70_000..75_000).contains(&ms) { 0.2 } else { 0.7 });
    let changes = site.run(0..100_000, |ms| (ms < 80_000).then(|| vec![out_and_in(ms)]));
    let closed = &changes.last().unwrap().1.event;
    let Some(Why::Stayed { seconds, .. }) = closed.cause.as_ref().map(|cause| cause.why.clone()) else { panic!() };
    assert!(closed.phase == Phase::Closed && seconds >= 69.0, "{seconds}");
}

#[test]
fn who_leaves_in_time_has_not_stayed() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"loiterer\"\nzone = \"drive\"\ndwell = 5");
    let in_and_out = |ms: i64| Some(vec![person(1, if ms % 6000 < 4000 { 0.7 } else { 0.2 })]);
    assert!(site.run(0..30_000, in_and_out).is_empty());
}

#[test]
fn too_many_for_long_enough_are_one_event_that_tells_the_most() {
    let mut site = Site::new(DRIVE, "[[rule]]\nname = \"queue\"\nzone = \"drive\"\ncount_over = 2\ncount_for = 3");
    let many = |ms: i64| {
        let number = match ms {
            0..5000 => 2,
            5000..7000 => 3, // too short
            7000..12_000 => 2,
            12_000..20_000 => 3,
            20_000..30_000 => 5,
            _ => 1,
        };
        // One of them is missed by the detector now and then.
        let seen = (0..number).filter(|n| *n != 1 || ms % 1000 != 0);
        Some(seen.map(|n| person(1 + n, 0.5 + n as f32 * 0.08)).collect())
    };
    let changes = site.run(0..60_000, many);
    assert_eq!(reasons(&changes), [("queue".to_owned(), "drive 3 over 2".to_owned())]);
    let (ms, opened) = &changes[0];
    assert_eq!((*ms, opened.event.opened, opened.picture), (15_000, site::at(12_000), true));
    assert_eq!((opened.event.track.0, &*opened.event.label), (0, "person"));
    assert_eq!(opened.event.rect, Rect { x: 0.5, y: 0.0, w: 0.5, h: 1.0 });
    let closed = &changes.last().unwrap().1.event;
    let most = Why::Over { zone: Some("drive".into()), count: 5, limit: 2 };
    assert_eq!((closed.phase, closed.cause.as_ref().map(|cause| &cause.why)), (Phase::Closed, Some(&most)));
}

#[test]
fn too_few_are_an_event_though_nobody_is_there() {
    let rule = "[[rule]]\nname = \"post\"\ncount_under = 1\ncount_for = 10\nlabels = [\"person\"]";
    let mut site = Site::new(DRIVE, rule);
    let guard =
        |ms: i64| Some(if (5000..40_000).contains(&ms) { vec![] } else { vec![person(1 + ms as u64 / 40_000, 0.3)] });
    let changes = site.run(0..60_000, guard);
    assert_eq!(reasons(&changes), [("post".to_owned(), " 0 under 1".to_owned())]);
    let closed = &changes.last().unwrap().1.event;
    assert_eq!((closed.phase, &*closed.label, closed.score), (Phase::Closed, "person", 0.0));
    assert!(closed.best >= closed.opened && closed.closed.unwrap() >= closed.opened);
}

#[test]
fn two_rules_make_an_event_each_of_one_thing() {
    let rules =
        "[[rule]]\nname = \"a\"\n[[rule]]\nname = \"b\"\nzone = \"drive\"\n[[rule]]\nname = \"c\"\nlabels = [\"car\"]";
    let changes = Site::new(DRIVE, rules).run(0..20_000, |ms| Some(vec![person(1, walk(ms, 0.1, 0.9, 8000))]));
    let names: Vec<String> = reasons(&changes).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(names, ["a", "b"]);
}
