//! The three steps together.

use std::collections::BTreeSet;

use omma_media::frame::{Colour, FramePool, Planes};
use omma_media::planar::Planar;
use omma_protocol::detection::Place;
use omma_protocol::event::Phase;
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;

use super::*;
use crate::event::parked::ParkedThing;
use crate::event::rule::config::{Anchor, Mask};
use crate::event::rule::geometry::Polygon;

fn frame(pool: &FramePool, ms: i64) -> Arc<Frame> {
    let (y, uv) = ([90; 320 * 180], [128; 160 * 90]);
    let colour = Colour::default();
    let planes = Planes { width: 320, height: 180, y: &y, u: &uv, v: &uv, y_stride: 320, uv_stride: 160, colour };
    pool.copy(planes, CaptureTime(1_700_000_000_000_000 + ms * 1000))
}

fn person(x: f32) -> Detection {
    Detection { label: "person".into(), score: 0.8, rect: Rect { x, y: 0.3, w: 0.1, h: 0.4 } }
}

fn analysis() -> Analysis {
    let analyst = Analyst { place: Place::Hub, engine: "ort".into(), model: "m".into() };
    Analysis::new("door".parse().unwrap(), Arc::new(analyst), AnalysisConfig::seeded(0.5, 5.0, [3; 32]))
}

/// A camera that gives a picture every ten seconds and then none for half a minute: tracks outlive that.
#[test]
fn who_is_seen_after_the_stream_had_ended_was_not_there_meanwhile() {
    let (mut analysis, pool) = (analysis(), FramePool::new(1));
    let look = |analysis: &mut Analysis, s: i64| {
        analysis.look(&frame(&pool, s * 1000), vec![person(0.4)], Duration::ZERO).lasting
    };
    (0..5).for_each(|n| drop(look(&mut analysis, n * 10)));
    assert_eq!(analysis.finish().len(), 1);
    let again: Vec<_> = (7..10).flat_map(|n| look(&mut analysis, n * 10)).collect();
    let opened = again.iter().find_map(|new| match new {
        Lasting::Event(event) if event.phase == Phase::Opened => Some(event.opened),
        _ => None,
    });
    assert!(opened.unwrap() >= frame(&pool, 70_000).time, "{opened:?}");
}

#[test]
fn every_frame_has_a_result_and_an_event_is_followed_by_its_picture() {
    let (mut analysis, pool) = (analysis(), FramePool::new(1));
    let mut lasting = vec![];
    for ms in (0..3000).step_by(200) {
        let frame = frame(&pool, ms);
        let looked = analysis.look(&frame, vec![person(0.1), person(0.6)], Duration::from_millis(9));
        assert_eq!((looked.result.time, looked.result.took), (frame.time, Duration::from_millis(9)));
        assert_eq!(looked.result.tracks.len(), if ms < 200 { 0 } else { 2 });
        lasting.extend(looked.lasting);
    }
    let [Lasting::Event(a), Lasting::Picture(of_a), Lasting::Event(b), Lasting::Picture(of_b)] = &lasting[..] else {
        panic!("{lasting:?}")
    };
    assert_eq!((a.phase, a.opened.0 % 1_000_000, a.best.0 % 1_000_000), (Phase::Opened, 0, 400_000));
    assert_eq!((of_a.event, of_a.revision, of_a.time), (a.id, a.revision, a.best));
    assert_eq!((of_b.event, of_b.revision, of_b.time), (b.id, b.revision, b.best));
    assert_eq!(of_a.jpeg.as_ptr(), of_b.jpeg.as_ptr(), "one frame is encoded once");
    assert_eq!(of_a.jpeg[..3], [0xff, 0xd8, 0xff]);
    for picture in [of_a, of_b] {
        assert_eq!(sizes(picture), [(320, 180), (160, 160)]);
    }

    let ended = analysis.finish();
    assert!(ended.iter().all(|l| matches!(l, Lasting::Event(e) if e.phase == Phase::Closed)) && ended.len() == 2);
    assert_eq!(analysis.counts(), AnalysisCounts::default());
}

/// Of the whole frame and the crop.
fn sizes(picture: &Picture) -> [(u32, u32); 2] {
    [&picture.jpeg, picture.crop.as_ref().unwrap()]
        .map(|jpeg| (decoded(jpeg).planes().width, decoded(jpeg).planes().height))
}

fn decoded(jpeg: &[u8]) -> Planar {
    let mut picture = Planar::default();
    jpeg::decode::Decoder::default().decode(jpeg, &mut picture).unwrap();
    picture
}

/// The picture of the first event of a person there.
fn picture_of(frame: impl Fn(i64) -> Arc<Frame>, person: &Detection) -> Picture {
    let mut analysis = analysis();
    let mut look = |ms| analysis.look(&frame(ms), vec![person.clone()], Duration::ZERO).lasting;
    let lasting: Vec<_> = (0..1000).step_by(200).flat_map(&mut look).collect();
    let pictures = lasting.into_iter().filter_map(|lasting| match lasting {
        Lasting::Picture(picture) => Some(picture),
        _ => None,
    });
    pictures.last().unwrap()
}

#[test]
fn of_a_thing_far_away_the_crop_shows_what_the_whole_frame_has_lost() {
    // Stripes of two columns: shrunk to a quarter they are grey.
    let (width, height) = (3840, 2160);
    let y: Vec<u8> = (0..width * height).map(|at| if at % 4 < 2 { 50 } else { 200 }).collect();
    let uv = vec![128; width * height / 4];
    let (pool, colour) = (FramePool::new(1), Colour::default());
    let planes =
        Planes { width: 3840, height: 2160, y: &y, u: &uv, v: &uv, y_stride: width, uv_stride: width / 2, colour };
    let frame = |ms| pool.copy(planes, CaptureTime(1_700_000_000_000_000 + ms * 1000));
    let far = Detection { rect: Rect { x: 0.7, y: 0.6, w: 0.02, h: 0.1 }, ..person(0.0) };
    let picture = picture_of(frame, &far);
    assert_eq!(sizes(&picture), [(960, 540), (324, 324)]);
    let one_behind_the_other = [&picture.jpeg[..], picture.crop.as_ref().unwrap()].concat();
    let first = decoded(&one_behind_the_other);
    assert_eq!(
        (first.planes().width, first.planes().height),
        (960, 540),
        "who knows of no crops shows the whole frame"
    );
    let contrast = |jpeg: &[u8]| {
        let picture = decoded(jpeg);
        // Not at the ends, where a filter has nothing on one side.
        let row = &picture.planes().y[..picture.planes().width as usize];
        let row = &row[8..row.len() - 8];
        row.iter().max().unwrap() - row.iter().min().unwrap()
    };
    let (whole, crop) = (contrast(&picture.jpeg), contrast(&picture.crop.unwrap()));
    assert!(whole < 30 && crop > 100, "{whole} and {crop}");
}

#[test]
fn even_noise_makes_no_picture_that_is_too_large_to_be_sent() {
    // What a hub and its broker take of one record, both files together.
    const MOST: usize = 2 << 20;
    let (width, height, mut random) = (1080, 1080, 1u32);
    let mut noise = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    let y: Vec<u8> = (0..width * height).map(|_| noise()).collect();
    let uv: Vec<u8> = (0..width * height / 4).map(|_| noise()).collect();
    let (pool, colour) = (FramePool::new(1), Colour::default());
    let planes =
        Planes { width: 1080, height: 1080, y: &y, u: &uv, v: &uv, y_stride: width, uv_stride: width / 2, colour };
    let near = Detection { rect: Rect { x: 0.3, y: 0.3, w: 0.2, h: 0.29 }, ..person(0.0) };
    let picture = picture_of(|ms| pool.copy(planes, CaptureTime(1_700_000_000_000_000 + ms * 1000)), &near);
    assert_eq!(sizes(&picture), [(960, 960), (470, 470)]);
    assert!(picture.bytes() < MOST / 2, "{} bytes", picture.bytes());
}

#[test]
fn after_the_camera_was_turned_what_is_in_the_same_place_is_another() {
    let (mut analysis, pool) = (analysis(), FramePool::new(1));
    let view = |ms: i64, bright: fn(usize) -> bool| {
        let y: Vec<u8> = (0..320 * 180).map(|at| if bright(at) { 200 } else { 30 }).collect();
        let (uv, colour) = ([128; 160 * 90], Colour::default());
        let planes = Planes { width: 320, height: 180, y: &y, u: &uv, v: &uv, y_stride: 320, uv_stride: 160, colour };
        pool.copy(planes, CaptureTime(1_700_000_000_000_000 + ms * 1000))
    };
    let mut told = vec![];
    for ms in (0..4000).step_by(200) {
        let frame = if ms < 2000 { view(ms, |at| at % 32 < 16) } else { view(ms, |at| at / 320 % 32 < 16) };
        let looked = analysis.look(&frame, vec![person(0.4)], Duration::ZERO);
        let seen: Vec<u64> = looked.result.tracks.iter().map(|track| track.id.0).collect();
        let expected: &[u64] = match ms {
            0 | 2000 => &[],
            ms if ms < 2000 => &[1],
            _ => &[2],
        };
        assert_eq!(seen, expected, "{ms}");
        let events = looked.lasting.into_iter().filter_map(|lasting| match lasting {
            Lasting::Event(event) if event.phase != Phase::Updated => Some((ms, event.phase, event.track.0)),
            _ => None,
        });
        told.extend(events);
    }
    assert_eq!(told, [(400, Phase::Opened, 1), (2000, Phase::Closed, 1), (2400, Phase::Opened, 2)]);
}

#[test]
fn a_frame_with_nothing_in_it_is_told_of_too() {
    let looked = analysis().look(&frame(&FramePool::new(1), 0), vec![], Duration::ZERO);
    assert!(looked.result.tracks.is_empty() && looked.lasting.is_empty());
    assert_eq!(looked.result.analyst.place, Place::Hub);
}

#[test]
fn what_a_mask_hides_is_not_followed_and_counted() {
    let mask = Mask { shape: Polygon::picture(), anchor: Anchor::Foot, labels: vec!["cat".into()] };
    let mut config = AnalysisConfig::seeded(0.5, 5.0, [3; 32]);
    config.rules.masks.push(mask);
    let analyst = Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() };
    let (mut analysis, pool) = (Analysis::new("door".parse().unwrap(), Arc::new(analyst), config), FramePool::new(1));
    for ms in (0..1000).step_by(200) {
        let cat = Detection { label: "cat".into(), ..person(0.6) };
        let tracks = analysis.follow(&frame(&pool, ms), vec![cat, person(0.1)]);
        assert!(tracks.iter().all(|track| &*track.label == "person"), "{tracks:?}");
    }
    assert_eq!(analysis.counts(), AnalysisCounts { masked: 5, ..AnalysisCounts::default() });
}

#[test]
fn a_min_score_below_one_half_finds_the_things_between() {
    let faint = Detection { score: 0.35, ..person(0.1) };
    let pool = FramePool::new(1);
    let followed = |min_score: f32| {
        let mut analysis = super::Analysis::new(
            "door".parse().unwrap(),
            Arc::new(Analyst { place: Place::Edge, engine: "ort".into(), model: "m".into() }),
            AnalysisConfig::seeded(min_score, 5.0, [3; 32]),
        );
        let mut look = |ms| analysis.look(&frame(&pool, ms), vec![faint.clone()], Duration::ZERO).result.tracks.len();
        (0..3000).step_by(200).map(&mut look).last()
    };
    assert_eq!((followed(0.3), followed(0.5)), (Some(1), Some(0)));
}

/// Who stands there is looked at every so many ms, but is missed in the looks of `missed`. Gives what was told, and of which tracks.
fn stands(rate: f32, every: i64, missed: &[i64]) -> (Vec<Phase>, BTreeSet<u64>) {
    let analyst = Analyst { place: Place::Edge, engine: "ort".into(), model: "m".into() };
    let config = AnalysisConfig::seeded(0.5, rate, [3; 32]);
    let (mut analysis, pool) = (Analysis::new("door".parse().unwrap(), Arc::new(analyst), config), FramePool::new(1));
    let (mut lasting, mut tracks) = (vec![], BTreeSet::new());
    for look in 0..20 {
        let found = if missed.contains(&look) { vec![] } else { vec![person(0.4)] };
        // Now and then an answer is late.
        let late = if look % 7 == 3 { every / 3 } else { 0 };
        let looked = analysis.look(&frame(&pool, look * every + late), found, Duration::ZERO);
        tracks.extend(looked.result.tracks.iter().map(|track| track.id.0));
        lasting.extend(looked.lasting);
    }
    lasting.extend(analysis.finish());
    let phases = lasting.into_iter().filter_map(|lasting| match lasting {
        Lasting::Event(event) if event.phase != Phase::Updated => Some(event.phase),
        _ => None,
    });
    (phases.collect(), tracks)
}

#[test]
fn a_camera_with_a_snapshot_every_two_seconds_or_more_makes_a_track_and_one_event() {
    for every in [1600, 2000, 5000, 10_000] {
        let (phases, tracks) = stands(5.0, every, &[6, 11, 12]);
        assert_eq!(phases, [Phase::Opened, Phase::Closed], "every {every} ms");
        assert_eq!(tracks, [1].into(), "every {every} ms");
    }
}

#[test]
fn a_rate_under_one_look_in_fifteen_seconds_makes_one_event_of_what_stands_there() {
    for (rate, every) in [(0.3, 3333), (0.05, 20_000), (0.0005, 2_000_000)] {
        let (phases, tracks) = stands(rate, every, &[6, 11, 12]);
        assert_eq!(phases, [Phase::Opened, Phase::Closed], "{rate}/s");
        assert_eq!(tracks, [1].into(), "{rate}/s");
    }
}

#[test]
fn a_run_that_ends_before_its_first_frame_forgets_nothing_that_is_parked() {
    let rect = Rect { x: 0.5, y: 0.5, w: 0.1, h: 0.1 };
    let (since, seen) = (CaptureTime(1_700_000_000_000_000), CaptureTime(1_700_000_060_000_000));
    let (label, told) = ("car".into(), vec![("default".into(), None)]);
    let things = vec![ParkedThing { label, rect, score: 0.8, place: rect, since, seen, told }];
    let known = Parked { view: Thumbnail::default(), things };
    let mut analysis = analysis();
    analysis.know(known.clone());
    assert_eq!(analysis.parked(), known);
}
