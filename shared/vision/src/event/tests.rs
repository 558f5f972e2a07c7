//! Simulated tracks.

use omma_protocol::detection::Place;
use omma_protocol::event::{Phase, Why};
use omma_protocol::geometry::Rect;
use omma_protocol::track::TrackId;

use super::*;

const START: i64 = 1_700_000_000_000_000;
/// Width over height.
const WIDE: f32 = 16.0 / 9.0;

fn at(ms: i64) -> CaptureTime {
    CaptureTime(START + ms * 1000)
}

/// Without rules of the camera's own.
fn events(config: EventsConfig) -> Events {
    seeded(config, [7; 32])
}

fn seeded(config: EventsConfig, seed: [u8; 32]) -> Events {
    let analyst = Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() };
    Events::new("door".parse().unwrap(), Arc::new(analyst), config, RulesConfig::default(), seed)
}

/// A person seen for the first time at 0 ms.
fn track(id: u64, x: f32, size: f32, score: f32) -> (Track, Life) {
    let rect = Rect { x, y: 0.3, w: size * 0.4, h: size };
    (Track { id: TrackId(id), label: "person".into(), score, rect }, Life::begin(at(0), rect, score))
}

fn told(changes: &[Change]) -> Vec<(Phase, u32, bool)> {
    changes.iter().map(|c| (c.event.phase, c.event.revision, c.picture)).collect()
}

/// One thing every 100 ms; what was told, with the time in ms.
fn watch(
    events: &mut Events,
    ms: std::ops::Range<i64>,
    thing: impl Fn(i64) -> Option<(Track, Life)>,
) -> Vec<(i64, Change)> {
    let frames = ms.step_by(100);
    frames
        .flat_map(|ms| {
            let seen: Vec<_> = thing(ms).into_iter().collect();
            events.see(at(ms), WIDE, &seen).into_iter().map(move |change| (ms, change)).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn opens_after_its_duration_and_closes_after_its_absence() {
    let mut events = events(EventsConfig::default());
    let thing = |ms: i64| (ms < 1500).then(|| track(1, 0.1 + ms as f32 / 5000.0, 0.2, 0.8));
    let changes = watch(&mut events, 0..5000, thing);
    let [(opened_ms, opened), (closed_ms, closed)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((*opened_ms, opened.event.phase, opened.event.revision, opened.picture), (400, Phase::Opened, 1, true));
    assert_eq!((opened.event.opened, opened.event.best, opened.event.closed), (at(0), at(400), None));
    let cause = opened.event.cause.as_ref().unwrap();
    assert_eq!((&*cause.rule, &cause.why), ("default", &Why::Seen));
    assert_eq!(
        (*closed_ms, closed.event.phase, closed.event.revision, closed.picture),
        (3500, Phase::Closed, 2, false)
    );
    assert_eq!((closed.event.id, closed.event.closed), (opened.event.id, Some(at(1400))));
    assert_eq!((closed.event.best, closed.event.rect), (opened.event.best, opened.event.rect));
    assert_eq!(events.open(), 0);
}

#[test]
fn what_is_gone_before_its_duration_is_nothing() {
    let mut events = events(EventsConfig::default());
    assert!(watch(&mut events, 0..5000, |ms| (ms < 300).then(|| track(1, 0.3, 0.2, 0.8))).is_empty());
}

#[test]
fn a_track_that_flickers_is_one_event() {
    let mut events = events(EventsConfig::default());
    let changes =
        watch(&mut events, 0..4000, |ms| (ms % 1000 < 300).then(|| track(1, 0.1 + ms as f32 / 8000.0, 0.2, 0.8)));
    assert_eq!(changes.len(), 1, "{changes:?}");
    assert_eq!(told(&events.finish()), [(Phase::Closed, 2, false)]);
}

#[test]
fn who_leaves_and_returns_is_another_event() {
    let mut events = events(EventsConfig::default());
    let thing = |ms: i64| match ms {
        0..2000 => Some(track(1, 0.1 + ms as f32 / 5000.0, 0.2, 0.8)),
        6000..7000 => Some(track(2, 0.4, 0.2, 0.8)),
        _ => None,
    };
    let changes: Vec<_> = watch(&mut events, 0..10_000, thing).into_iter().map(|(_, change)| change).collect();
    let phases =
        [(Phase::Opened, 1, true), (Phase::Closed, 2, false), (Phase::Opened, 1, true), (Phase::Closed, 2, false)];
    assert_eq!(told(&changes), phases);
    assert_ne!(changes[0].event.id, changes[2].event.id);
}

#[test]
fn a_hundred_frames_of_standing_still_are_one_event() {
    let mut events = events(EventsConfig::default());
    let changes = watch(&mut events, 0..10_000, |_| Some(track(1, 0.3, 0.2, 0.8)));
    let phases: Vec<_> = changes.iter().map(|(ms, c)| (*ms, c.event.phase, c.picture)).collect();
    assert_eq!(phases, [(400, Phase::Opened, true), (5400, Phase::Updated, false)]);
}

#[test]
fn a_car_parked_for_a_day_is_some_hundred_messages() {
    let mut events = events(EventsConfig::default());
    let day = (0..24 * 3600).map(|s| events.see(at(s * 1000), WIDE, &[track(1, 0.3, 0.2, 0.8)]).len());
    let told: usize = day.sum();
    assert!((200..400).contains(&told), "{told}");
}

#[test]
fn a_parked_thing_that_is_lost_from_sight_goes_on_under_another_track() {
    let mut events = events(EventsConfig::default());
    let thing = |ms: i64| match ms {
        0..4000 => Some(track(1, 0.3, 0.2, 0.8)),
        9000..12_000 => Some(track(2, 0.305, 0.2, 0.8)),
        _ => None,
    };
    let changes = watch(&mut events, 0..40_000, thing);
    let ids: Vec<_> = changes.iter().map(|(_, c)| c.event.id).collect();
    assert!(ids.iter().all(|id| *id == ids[0]), "{changes:?}");
    let (ms, last) = changes.last().unwrap();
    assert_eq!((*ms, last.event.phase, last.event.closed), (27_000, Phase::Closed, Some(at(11_900))));
    assert_eq!(last.event.track, TrackId(2));
}

#[test]
fn a_walker_that_passes_a_parked_thing_gets_its_own_event() {
    let mut events = events(EventsConfig::default());
    let mut opened = vec![];
    for ms in (0..8000i64).step_by(100) {
        let mut seen = vec![track(1, 0.5, 0.2, 0.8)];
        if ms > 4000 {
            let (walker, _) = track(2, 0.1 + (ms - 4000) as f32 / 5000.0, 0.2, 0.8);
            let life = Life::begin(at(4100), walker.rect, walker.score);
            seen.push((walker, life));
        }
        opened.extend(events.see(at(ms), WIDE, &seen).into_iter().filter(|c| c.event.phase == Phase::Opened));
    }
    assert_eq!(opened.iter().map(|c| c.event.track.0).collect::<Vec<_>>(), [1, 2]);
    assert!(opened[0].event.id < opened[1].event.id, "ids rise with time");
}

#[test]
fn only_a_clearly_better_view_gets_a_picture() {
    let mut events = events(EventsConfig::default());
    // Comes nearer until 3 s, then stands a little unquietly.
    let size = |ms: i64| if ms < 3000 { 0.1 + ms as f32 / 10_000.0 } else { 0.4 + (ms % 300) as f32 / 20_000.0 };
    let changes = watch(&mut events, 0..6000, |ms| Some(track(1, 0.2, size(ms), 0.8)));
    let mut pictures = changes.iter().filter(|(_, c)| c.picture).peekable();
    while let Some((ms, change)) = pictures.next() {
        assert_eq!(change.event.best, at(*ms));
        if let Some((next_ms, next)) = pictures.peek() {
            assert!(next_ms - ms >= 1000 && next.event.rect.area() > change.event.rect.area() * 1.2);
        }
    }
    let times: Vec<_> = changes.iter().filter(|(_, c)| c.picture).map(|(ms, _)| *ms).collect();
    assert_eq!(times, [400, 1400, 2400]);
    let revisions: Vec<_> = changes.iter().map(|(_, c)| c.event.revision).collect();
    assert_eq!(revisions, (1..=revisions.len() as u32).collect::<Vec<_>>());
}

#[test]
fn a_thing_cut_off_by_the_edge_is_a_worse_view() {
    let mut events = events(EventsConfig::default());
    let changes = watch(&mut events, 0..3000, |ms| Some(track(1, if ms < 1500 { 0.0 } else { 0.3 }, 0.3, 0.8)));
    let pictures: Vec<_> = changes.iter().filter(|(_, c)| c.picture).map(|(ms, _)| *ms).collect();
    assert_eq!(pictures, [400, 1500]);
}

#[test]
fn finish_closes_each_at_the_last_frame_it_was_seen_in() {
    let mut events = events(EventsConfig::default());
    for ms in (0..2000i64).step_by(100) {
        let mut seen = vec![track(1, 0.1, 0.2, 0.8)];
        if ms < 1000 {
            seen.push(track(2, 0.6, 0.2, 0.8));
        }
        events.see(at(ms), WIDE, &seen);
    }
    let changes = events.finish();
    let closed: Vec<_> = changes.iter().map(|c| (c.event.track.0, c.event.phase, c.event.closed)).collect();
    assert_eq!(closed, [(1, Phase::Closed, Some(at(1900))), (2, Phase::Closed, Some(at(900)))]);
    assert!(events.finish().is_empty() && events.open() == 0);
}

#[test]
fn open_events_are_bounded_and_the_next_waits() {
    let mut events = events(EventsConfig { max_open: 2, ..EventsConfig::default() });
    let many: Vec<_> = (1..=3).map(|id| track(id, 0.2 * id as f32, 0.2, 0.8)).collect();
    assert_eq!(events.see(at(500), WIDE, &many).len(), 2);
    assert_eq!((events.open(), events.refused()), (2, 1));
    assert!(events.see(at(2400), WIDE, &many[1..]).is_empty());
    let changes = events.see(at(2600), WIDE, &many[1..]);
    assert_eq!(told(&changes), [(Phase::Closed, 2, false)]);
    assert_eq!(told(&events.see(at(2700), WIDE, &many[1..])), [(Phase::Opened, 1, true)]);
}

#[test]
fn the_same_seed_gives_the_same_ids_and_another_seed_others() {
    let run = |seed: u8| {
        let mut events = seeded(EventsConfig::default(), [seed; 32]);
        events
            .see(at(500), WIDE, &[track(1, 0.2, 0.2, 0.8), track(2, 0.6, 0.2, 0.8)])
            .iter()
            .map(|c| c.event.id)
            .collect::<Vec<_>>()
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
    let id = run(1)[0];
    assert_ne!(id, run(1)[1]);
    assert_eq!(id.0.get_version(), Some(uuid::Version::SortRand));
    assert_eq!(id.0.get_timestamp().unwrap().to_unix().0, (START / 1_000_000) as u64);
}

/// Tells every two seconds that nothing has changed.
fn unchanged(events: &mut Events, ms: std::ops::Range<i64>) -> Vec<(i64, Change)> {
    let told = ms.step_by(2000);
    told.flat_map(|ms| events.unchanged(at(ms)).into_iter().map(move |change| (ms, change)).collect::<Vec<_>>())
        .collect()
}

#[test]
fn what_stands_goes_on_while_nobody_looks() {
    let mut events = events(EventsConfig::default());
    let stands = |id| move |_| Some(track(id, 0.3, 0.2, 0.8));
    assert_eq!(watch(&mut events, 0..4000, stands(1)).len(), 1);
    let changes = unchanged(&mut events, 5000..120_000);
    let phases: Vec<_> = changes.iter().map(|(ms, c)| (*ms, c.event.phase, c.picture)).collect();
    assert_eq!(phases, [7000, 17_000, 37_000, 77_000].map(|ms| (ms, Phase::Updated, false)), "ever more rarely");
    // Another track of it, minutes later, is the same thing.
    assert!(watch(&mut events, 121_000..122_000, stands(2)).is_empty());
    let changes = watch(&mut events, 122_000..140_000, |_| None);
    let [(_, closed)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((closed.event.phase, closed.event.closed), (Phase::Closed, Some(at(121_900))));
}

#[test]
fn who_was_gone_before_is_not_kept_by_nobody_looking() {
    let mut events = events(EventsConfig::default());
    let stands = |ms: i64| (ms < 4000).then(|| track(1, 0.3, 0.2, 0.8));
    assert_eq!(watch(&mut events, 0..7000, stands).len(), 1);
    let changes = unchanged(&mut events, 8000..60_000);
    let [(ms, closed)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!((*ms, closed.event.phase, closed.event.closed), (20_000, Phase::Closed, Some(at(3900))));
    assert!(events.unchanged(at(10_000)).is_empty(), "a time of before says nothing");
}
