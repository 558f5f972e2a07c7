//! Real pictures through the real networks: on both engines, against what Python found (`fixtures/make_vtest.py`).

#![expect(clippy::disallowed_methods, reason = "models and footage are files")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "what tests share fails by panicking, too")]

mod footage;
mod recall;
#[path = "../setup/mod.rs"]
mod setup;

use std::path::Path;

use footage::{MODELS, each_frame, load};
use omma_media::frame::Planes;
use omma_protocol::detection::Detection;
use omma_protocol::geometry::Rect;
use omma_vision::engine::EngineChoice;
use setup::path;

/// What a detector is sure of. Python shrinks and converts colours with other filters, so that scores differ a little: what
/// is sure on one side must be there on the other.
const SURE: f32 = 0.55;
/// As [`SURE`], of a small part of a frame: enlarged it is blurred, and by each filter in its own way.
const SURE_OF_PART: f32 = 0.65;

#[derive(serde::Deserialize)]
struct Expected {
    model: String,
    frame: usize,
    /// What of the frame: x, y, width, height in pixels, all even.
    crop: [usize; 4],
    /// Label, score, left, top, right, bottom; the surest first.
    boxes: Vec<(String, f32, f32, f32, f32, f32)>,
}

#[test]
fn what_python_finds_in_vtest_is_found() {
    for model in MODELS {
        finds_what_python_finds(model, &path("OMMA_MODELS").join(model));
    }
}

/// No package registry has it: `OMMA_YOLOX` names a folder with Megvii's yolox_nano.onnx as `model.onnx`, and as `model.toml`
/// the example of `docs/operate/models.md`. What its head makes of its outputs is tried without it (`exports.rs`).
#[test]
#[ignore = "needs YOLOX-nano, which set-up can't bring"]
fn what_python_finds_in_vtest_is_found_by_yolox() {
    finds_what_python_finds("yolox-nano-416x416", &path("OMMA_YOLOX"));
}

fn finds_what_python_finds(model: &str, folder: &Path) {
    let expected: Vec<Expected> = serde_json::from_str(include_str!("../fixtures/vtest.json")).unwrap();
    let mut detector = load(folder, EngineChoice::Ort);
    let (mut pictures, mut compared) = (0, 0);
    each_frame(|frame, planes| {
        for Expected { crop, boxes, .. } in expected.iter().filter(|e| e.model == model && e.frame == frame) {
            let found = detector.detect(cropped(planes, *crop)).unwrap();
            let expected: Vec<_> =
                boxes.iter().map(|(label, s, l, t, r, b)| (label, *s, Rect::from_corners(*l, *t, *r, *b))).collect();
            let at = format!("{model}, frame {frame}, {crop:?}");
            let sure = if crop[2] == 768 { SURE } else { SURE_OF_PART };
            for (label, score, rect) in expected.iter().filter(|(_, score, _)| *score > sure) {
                let same = found.iter().filter(|d| *d.label == **label);
                let best = same.max_by(|a, b| a.rect.iou(*rect).total_cmp(&b.rect.iou(*rect)));
                let best = best.unwrap_or_else(|| panic!("{at}: no {label} found"));
                assert!(
                    best.rect.iou(*rect) > 0.7,
                    "{at}: {label} {score} {rect:?} was not found, nearest is {best:?}"
                );
                assert!((best.score - score).abs() < 0.15, "{at}: {label} has score {}, expected {score}", best.score);
                compared += 1;
            }
            for one in found.iter().filter(|d| d.score > sure) {
                let near = expected.iter().any(|(label, _, rect)| *one.label == **label && rect.iou(one.rect) > 0.7);
                assert!(near, "{at}: {one:?} is nothing that Python found");
            }
            pictures += 1;
        }
    });
    println!("{model}: {compared} things that Python is sure of");
    assert!(
        pictures == 8 && compared >= 17,
        "{model}: {compared} things in {pictures} pictures are too few to compare"
    );
}

#[test]
fn both_engines_find_the_same() {
    for model in MODELS {
        let folder = path("OMMA_MODELS").join(model);
        let (mut ort, mut tract) = (load(&folder, EngineChoice::Ort), load(&folder, EngineChoice::Tract));
        assert_eq!((ort.engine(), tract.engine()), ("ort", "tract"));
        let mut boxes = 0;
        each_frame(|frame, planes| {
            if frame % 100 != 0 {
                return;
            }
            let (ort, tract) = (ort.detect(planes).unwrap(), tract.detect(planes).unwrap());
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
        assert!(boxes > 20, "{model}: {boxes} boxes are too few to compare");
    }
}

/// A part of a picture. Chroma has half the size in both directions.
fn cropped(planes: Planes<'_>, [x, y, width, height]: [usize; 4]) -> Planes<'_> {
    let chroma = y / 2 * planes.uv_stride + x / 2;
    let (u, v) = (&planes.u[chroma..], &planes.v[chroma..]);
    Planes { width: width as u32, height: height as u32, y: &planes.y[y * planes.y_stride + x..], u, v, ..planes }
}
