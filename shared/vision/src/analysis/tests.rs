//! The three steps together.

use omma_media::frame::{Colour, FramePool, Planes};
use omma_protocol::detection::Place;
use omma_protocol::event::Phase;
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;

use super::*;
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

    let ended = analysis.finish();
    assert!(ended.iter().all(|l| matches!(l, Lasting::Event(e) if e.phase == Phase::Closed)) && ended.len() == 2);
    assert_eq!(analysis.counts(), AnalysisCounts::default());
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
