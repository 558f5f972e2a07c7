//! Real pictures through the real network: on both engines, against what Python found (`fixtures/make_vtest.py`).

#![allow(clippy::unwrap_used, reason = "what tests share fails by panicking, too")]

mod setup;

use bytes::Bytes;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_protocol::detection::Detection;
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_vision::detect::{Detector, DetectorConfig};
use omma_vision::engine::{Device, EngineChoice};
use setup::path;

const MODELS: [&str; 2] = ["nanodet-g-256x416", "nanodet-g-416x640"];

#[derive(serde::Deserialize)]
struct Expected {
    model: String,
    frame: usize,
    /// Score, left, top, right, bottom; the surest first.
    persons: Vec<(f32, f32, f32, f32, f32)>,
}

#[test]
fn persons_of_vtest_are_found() {
    let expected: Vec<Expected> = serde_json::from_str(include_str!("fixtures/vtest.json")).unwrap();
    for model in MODELS {
        let mut detector = detector(model, EngineChoice::Ort, 0.3);
        each_frame(|frame, found| {
            let Some(expected) = expected.iter().find(|e| e.model == model && e.frame == frame) else { return };
            let found = found(&mut detector);
            let persons: Vec<_> = found.iter().filter(|d| &*d.label == "person").collect();
            let expected: Vec<_> =
                expected.persons.iter().map(|&(s, l, t, r, b)| (s, Rect::from_corners(l, t, r, b))).collect();
            // Python shrinks and converts colours with other filters, so that scores differ a little; what is sure on
            // one side must be there on the other.
            for (score, rect) in expected.iter().filter(|(score, _)| *score > 0.55) {
                let best = persons.iter().max_by(|a, b| a.rect.iou(*rect).total_cmp(&b.rect.iou(*rect)));
                let best = best.unwrap_or_else(|| panic!("{model}, frame {frame}: nobody found"));
                assert!(
                    best.rect.iou(*rect) > 0.7,
                    "{model}, frame {frame}: {score} {rect:?} was not found, nearest is {best:?}"
                );
                assert!(
                    (best.score - score).abs() < 0.15,
                    "{model}, frame {frame}: score {}, expected {score}",
                    best.score
                );
            }
            for person in persons.iter().filter(|d| d.score > 0.55) {
                let near = expected.iter().any(|(_, rect)| rect.iou(person.rect) > 0.7);
                assert!(near, "{model}, frame {frame}: {person:?} is nobody that Python found");
            }
        });
    }
}

#[test]
fn both_engines_find_the_same() {
    for model in MODELS {
        let mut ort = detector(model, EngineChoice::Ort, 0.3);
        let mut tract = detector(model, EngineChoice::Tract, 0.3);
        assert_eq!((ort.engine(), tract.engine()), ("ort", "tract"));
        let mut boxes = 0;
        each_frame(|frame, found| {
            if frame % 100 != 0 {
                return;
            }
            let (ort, tract) = (found(&mut ort), found(&mut tract));
            boxes += ort.len();
            for (ours, theirs) in [(&ort, &tract), (&tract, &ort)] {
                // A score a hair above the bar on one engine may be a hair below it on the other.
                for one in ours.iter().filter(|d| d.score > 0.301) {
                    let same = |other: &&Detection| {
                        other.label == one.label
                            && (other.score - one.score).abs() < 1e-3
                            && other.rect.iou(one.rect) > 0.98
                    };
                    assert!(theirs.iter().any(|d| same(&d)), "{model}, frame {frame}: {one:?} is not in {theirs:?}");
                }
            }
        });
        assert!(boxes > 20, "{boxes} boxes are too few to compare");
    }
}

#[test]
fn every_model_sees_the_walkers() {
    for model in ["nanodet-g-416x416", "centernet-288x512", "centernet-512x512", "coco-ssd-300x300"] {
        let mut nanodet = detector(MODELS[1], EngineChoice::Ort, 0.6);
        let (mut ort, mut tract) = (detector(model, EngineChoice::Ort, 0.3), detector(model, EngineChoice::Tract, 0.3));
        let (mut sure, mut seen) = (0, 0);
        each_frame(|frame, found| {
            if frame % 150 != 0 {
                return;
            }
            let (wanted, ort, tract) = (found(&mut nanodet), found(&mut ort), found(&mut tract));
            assert_eq!(ort.len(), tract.len(), "{model}, frame {frame}");
            let wanted = wanted.iter().filter(|d| &*d.label == "person");
            for person in wanted {
                sure += 1;
                seen += usize::from(ort.iter().any(|d| d.label == person.label && d.rect.iou(person.rect) > 0.5));
            }
        });
        println!("{model}: sees {seen} of the {sure} persons that {} is sure of", MODELS[1]);
        assert!(seen * 10 >= sure * 6, "{model} sees {seen} of {sure}");
    }
}

fn detector(model: &str, engine: EngineChoice, min_score: f32) -> Detector {
    let config = DetectorConfig {
        model: path("OMMA_MODELS").join(model),
        engine,
        onnxruntime: Some(path("OMMA_ONNXRUNTIME")),
        device: Device::Cpu,
        min_score,
        ..DetectorConfig::default()
    };
    Detector::load(&config).unwrap()
}

/// Decodes vtest and hands over each frame's number, and a function that lets a detector look at the frame.
fn each_frame(mut look: impl FnMut(usize, &dyn Fn(&mut Detector) -> Vec<Detection>)) {
    let stream = std::fs::read(path("OMMA_FOOTAGE").join("vtest.h264")).unwrap();
    let mut decoder = Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap();
    let mut frames = 0;
    for (index, data) in split_access_units(&stream).into_iter().enumerate() {
        let unit = AccessUnit {
            time: CaptureTime(index as i64 * 100_000),
            key: is_key(Codec::H264, data),
            codec: Codec::H264,
            data: Bytes::copy_from_slice(data),
        };
        if let Some(decoded) = decoder.decode(&unit).unwrap() {
            look(frames, &|detector| detector.detect(decoded.planes()).unwrap());
            frames += 1;
        }
    }
    assert!(frames > 700, "vtest has 795 frames, {frames} were decoded");
}
