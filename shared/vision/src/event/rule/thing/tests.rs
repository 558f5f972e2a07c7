use omma_protocol::track::TrackId;
use proptest::prelude::*;

use super::*;
use crate::event::rule::config::RulesConfig;

fn p(x: f32, y: f32) -> Point {
    Point { x, y }
}

fn at(n: usize) -> CaptureTime {
    CaptureTime(1_700_000_000_000_000 + n as i64 * 200_000)
}

/// From left to right: who comes down the picture crosses it to the right.
const LINE: Segment = Segment { from: Point { x: 0.3, y: 0.5 }, to: Point { x: 0.7, y: 0.5 } };
const ROOM: f32 = 0.02;

/// Every crossing of a walk, as often as it happens.
fn crossings(walk: &[Point]) -> Vec<Direction> {
    let mut passage = Passage::default();
    let mut crossings = vec![];
    for (n, point) in walk.iter().enumerate() {
        passage.crossed = [None; 2];
        passage.go(at(n), *point, LINE, ROOM);
        for direction in [Direction::ToRight, Direction::ToLeft] {
            crossings.extend(passage.crossed[direction as usize].map(|_| direction));
        }
    }
    crossings
}

#[test]
fn a_crossing_is_from_one_side_to_the_other_between_the_ends() {
    let down = [p(0.5, 0.3), p(0.5, 0.45), p(0.5, 0.51), p(0.5, 0.6)];
    assert_eq!(crossings(&down), [Direction::ToRight]);
    assert_eq!(crossings(&[p(0.5, 0.1), p(0.5, 0.9), p(0.5, 0.1)]), [Direction::ToRight, Direction::ToLeft]);
    let trembling: Vec<_> = (0..40).map(|n| p(0.5, if n % 2 == 0 { 0.49 } else { 0.515 })).collect();
    assert_eq!(crossings(&trembling), []);
    let back = [p(0.5, 0.3), p(0.5, 0.51), p(0.5, 0.3)];
    assert_eq!(crossings(&back), [], "who turns back on the line has crossed nothing");
    let around = [p(0.5, 0.3), p(0.8, 0.45), p(0.8, 0.55), p(0.5, 0.7)];
    assert_eq!(crossings(&around), [], "around its end");
    let over_and_around = [p(0.5, 0.3), p(0.5, 0.7), p(0.8, 0.7), p(0.8, 0.3), p(0.5, 0.3), p(0.5, 0.7)];
    assert_eq!(crossings(&over_and_around), [Direction::ToRight, Direction::ToRight]);
}

proptest! {
    #[test]
    fn a_walk_back_crosses_as_often_the_other_way(
        walk in prop::collection::vec((0.2f32..0.8, 0.35f32..0.65), 2..60),
    ) {
        let mut walk: Vec<Point> = walk.into_iter().map(|(x, y)| p(x, y)).collect();
        let count = |crossings: &[Direction], of| crossings.iter().filter(|d| **d == of).count();
        let there = crossings(&walk);
        walk.reverse();
        let back = crossings(&walk);
        prop_assert_eq!(count(&there, Direction::ToRight), count(&back, Direction::ToLeft));
        prop_assert_eq!(count(&there, Direction::ToLeft), count(&back, Direction::ToRight));
    }

    #[test]
    fn who_trembles_by_less_than_its_room_enters_a_zone_once(
        start in 0.35f32..0.45, steps in prop::collection::vec(-0.02f32..0.02, 1..80),
    ) {
        let zone = Polygon([(0.4, 0.0), (1.0, 0.0), (1.0, 1.0), (0.4, 1.0)].map(|(x, y)| p(x, y)).into());
        let (mut presence, mut entries) = (Presence::default(), 0);
        for (n, step) in steps.iter().enumerate() {
            let before = presence.since;
            presence.go(at(n), p((start + step).clamp(0.381, 0.5), 0.5), &zone, ROOM);
            entries += usize::from(before.is_none() && presence.since.is_some());
        }
        prop_assert!(entries <= 1, "{}", entries);
    }
}

fn thing(rects: impl IntoIterator<Item = Rect>) -> Thing {
    let ground = Ground::new(&RulesConfig::default(), 2.0);
    let mut rects = rects.into_iter();
    let track = |rect| Track { id: TrackId(1), label: "person".into(), score: 0.8, rect };
    let first = rects.next().unwrap_or_default();
    let life = Life::begin(at(0), first, 0.8);
    let mut thing = Thing::new(1, at(0), &track(first), &life, &ground);
    for (n, rect) in rects.enumerate() {
        thing.see(at(n + 1), &track(rect), &life, &ground, Parked::default());
    }
    thing
}

#[test]
fn what_trembles_goes_nowhere_and_who_walks_goes_as_far_as_the_picture_shows() {
    let trembling = thing((0..500).map(|n| Rect { x: 0.5 + (n % 3) as f32 * 0.004, y: 0.4, w: 0.1, h: 0.2 }));
    assert_eq!(trembling.path(), 0.0);
    // Half the picture's width, which is twice its height.
    let walking = thing((0..=50).map(|n| Rect { x: 0.2 + n as f32 * 0.01, y: 0.4, w: 0.05, h: 0.2 }));
    assert!((walking.path() - 1.0).abs() < 0.05, "{}", walking.path());
}

#[test]
fn a_thing_is_parked_when_it_stood_for_as_long_and_until_it_leaves_its_place() {
    let parked = Parked { after: Duration::from_secs(10), known_for: Duration::from_secs(3600) };
    let stand = |frames| (0..frames).map(|_| Rect { x: 0.5, y: 0.4, w: 0.1, h: 0.2 });
    assert!(!thing(stand(50)).is_parked(parked) && thing(stand(52)).is_parked(parked));
    let leaving = thing(stand(52).chain([Rect { x: 0.56, y: 0.4, w: 0.1, h: 0.2 }]));
    assert!(!leaving.is_parked(parked));
    let config = EventsConfig::default();
    for (frames, seconds) in [(52, 15), (1001, 200), (50_001, 3600)] {
        let remembered = thing(stand(frames)).is_remembered_for(&config, parked);
        assert_eq!(remembered, Duration::from_secs(seconds), "{frames} frames of 200 ms");
    }
    assert_eq!(leaving.is_remembered_for(&config, parked), config.close_after_still);
}
