//! Networks with the inputs, outputs and sizes of the official exports, made here, run as `docs/operate/models.md` says.
//!
//! What a made-up network shows is fixed, but times a gate that only a bright picture opens. So its boxes prove that
//! the picture reached it, and in a dark one nothing is seen.

#![expect(clippy::disallowed_methods, reason = "models and footage are files")]
#![allow(clippy::unwrap_used, reason = "what tests share fails by panicking, too")]

mod onnx;
mod setup;

use omma_media::frame::{Colour, Matrix, Planes, Range};
use omma_protocol::detection::Detection;
use omma_vision::detect::{Detector, DetectorConfig};
use omma_vision::engine::{Device, EngineChoice};
use omma_vision::manifest::Manifest;
use onnx::{Element, Graph};
use setup::path;
use tempfile::TempDir;

/// The page from which users copy.
const PAGE: &str = include_str!("../../../docs/operate/models.md");

/// Scores below it are not reported.
const LEAST: f32 = 0.6;

/// Label, score, and left, top, right, bottom in units of the picture.
type Seen<'a> = (&'a str, f32, [f32; 4]);

/// What networks of DETR's kin show here: two persons, of whom one hides most of the other. Neither is suppressed.
const PAIR: [Seen<'static>; 2] = [("person", 0.9, [0.25, 0.25, 0.75, 0.75]), ("person", 0.75, [0.3, 0.25, 0.8, 0.75])];

#[test]
fn yolov8_as_ultralytics_exports_it() {
    let (rows, cells) = (84, 80 * 80 + 40 * 40 + 20 * 20);
    let mut table = vec![0.0; rows * cells];
    for (cell, class, score, place) in [
        (3000, 0, 0.9, [320.0, 320.0, 160.0, 240.0]),
        (3001, 0, 0.8, [322.0, 320.0, 160.0, 240.0]), // the same person once more
        (8399, 7, 0.7, [560.0, 500.0, 160.0, 120.0]),
    ] {
        for (row, value) in place.into_iter().enumerate() {
            table[row * cells + cell] = value;
        }
        table[(4 + class) * cells + cell] = score;
    }
    let mut graph = gated("images", 640);
    shown(&mut graph, "output0", &[1, rows, cells], &table);
    // The picture of 64 × 48 lies at ten times its size in rows 80 to 560.
    check("yolov8n-640", graph, &[("person", 0.9, [0.375, 0.25, 0.625, 0.75]), ("truck", 0.7, [0.75, 0.75, 1.0, 1.0])]);
}

#[test]
fn picodet_as_paddle_exports_it_without_suppression() {
    let cells = 52 * 52 + 26 * 26 + 13 * 13 + 7 * 7;
    let (mut scores, mut boxes) = (vec![0.0; 80 * cells], vec![0.0; 4 * cells]);
    for (cell, class, score, corners) in
        [(100, 2, 0.9, [0.0, 104.0, 208.0, 416.0]), (3597, 16, 0.8, [104.0, 52.0, 312.0, 104.0])]
    {
        scores[class * cells + cell] = score;
        boxes[4 * cell..][..4].copy_from_slice(&corners);
    }
    let mut graph = gated("image", 416);
    shown(&mut graph, "tmp_16", &[1, cells, 4], &boxes);
    shown(&mut graph, "concat_4.tmp_0", &[1, 80, cells], &scores);
    check("picodet-s-416", graph, &[("car", 0.9, [0.0, 0.25, 0.5, 1.0]), ("dog", 0.8, [0.25, 0.125, 0.75, 0.25])]);
}

#[test]
fn picodet_as_paddle_exports_it_without_post_processing() {
    let mut graph = gated("image", 416);
    let levels = [(52, 0), (26, 2), (13, 4), (7, 6)];
    for (side, number) in levels {
        let mut scores = vec![0.0; side * side * 80];
        if side == 13 {
            scores[(6 * 13 + 6) * 80] = 0.9; // sixth row, sixth column of 32 pixels: the middle is (208, 208)
        }
        shown(&mut graph, &format!("transpose_{number}.tmp_0"), &[1, side * side, 80], &scores);
    }
    for (side, number) in levels {
        // Where 0 to 7 are all as likely, 3.5 is expected: each side is 3.5 · 32 = 112 pixels away.
        let name = format!("transpose_{}.tmp_0", number + 1);
        shown(&mut graph, &name, &[1, side * side, 32], &vec![0.0; side * side * 32]);
    }
    let (from, to) = (96.0 / 416.0, 320.0 / 416.0);
    check("picodet-s-416-raw", graph, &[("person", 0.9, [from, from, to, to])]);
}

#[test]
fn rf_detr_as_roboflow_exports_it() {
    let mut graph = gated("input", 384);
    let (logits, boxes) = pair_of_queries(91, 1); // COCO counts its categories from 1
    shown(&mut graph, "dets", &[1, 300, 4], &boxes);
    shown(&mut graph, "labels", &[1, 300, 91], &logits);
    check("rf-detr-nano", graph, &PAIR);
}

#[test]
fn dfine_as_optimum_exports_it() {
    let mut graph = gated("pixel_values", 640);
    let (logits, boxes) = pair_of_queries(80, 0);
    shown(&mut graph, "logits", &[1, 300, 80], &logits);
    shown(&mut graph, "pred_boxes", &[1, 300, 4], &boxes);
    check("dfine-s-640-hf", graph, &PAIR);
}

#[test]
fn dfine_as_its_own_script_exports_it() {
    let (mut scores, mut boxes) = (vec![0.0; 300], vec![0.0; 4 * 300]);
    for (query, (_, score, corners)) in PAIR.into_iter().enumerate() {
        scores[query] = score;
        boxes[4 * query..][..4].copy_from_slice(&corners);
    }
    let mut graph = gated("images", 640);
    graph.input("orig_target_sizes", Element::I64, &[1, 2]);
    // Boxes are, as in the network's own last step, shares of the sides times the sides that it is told.
    graph.node("Cast", &["orig_target_sizes"], "size", &[("to", Element::F32 as u64)]);
    graph.node("Concat", &["size", "size"], "sides", &[("axis", 1)]);
    graph.floats("shares", &[1, 300, 4], &boxes);
    graph.node("Mul", &["shares", "sides"], "boxes", &[]);
    graph.numbers("numbers", &[1, 300], &[0; 300]);
    graph.node("Identity", &["numbers"], "labels", &[]);
    graph.output("labels", Element::I64, &[1, 300]);
    graph.output("boxes", Element::F32, &[1, 300, 4]);
    shown(&mut graph, "scores", &[1, 300], &scores);
    check("dfine-s-640", graph, &PAIR);
}

/// What Megvii's YOLOX-nano really says of a picture of vtest, and what numpy reads from that (`fixtures/make_vtest.py`).
#[derive(serde::Deserialize)]
struct YoloxOutput {
    cells: usize,
    /// Where the network is sure of anything: the row's number, and its values.
    rows: Vec<(usize, Vec<f32>)>,
    /// Label, score, left, top, right, bottom; the surest first.
    boxes: Vec<(String, f32, f32, f32, f32, f32)>,
}

#[test]
fn yolox_as_megvii_exports_it() {
    let said: YoloxOutput = serde_json::from_str(include_str!("fixtures/yolox.json")).unwrap();
    let mut table = vec![0.0; said.cells * 85];
    for (row, values) in &said.rows {
        table[row * 85..][..85].copy_from_slice(values);
    }
    let mut graph = gated_by("images", 416, 255.0);
    shown(&mut graph, "output", &[1, said.cells, 85], &table);
    let boxes = said.boxes.iter().filter(|(_, score, ..)| *score >= LEAST);
    let boxes: Vec<Seen<'_>> = boxes.map(|(label, score, l, t, r, b)| (&**label, *score, [*l, *t, *r, *b])).collect();
    assert!(boxes.len() >= 8 && boxes.iter().any(|(label, ..)| *label == "car"), "{boxes:?}");
    check("yolox-nano-416", graph, &boxes);
}

#[test]
fn an_input_that_nothing_feeds_is_refused_by_name() {
    let mut graph = gated("image", 416);
    graph.input("scale_factor", Element::F32, &[1, 2]);
    shown(&mut graph, "tmp_16", &[1, 3598, 4], &vec![0.0; 3598 * 4]);
    shown(&mut graph, "concat_4.tmp_0", &[1, 80, 3598], &vec![0.0; 80 * 3598]);
    let folder = folder("picodet-s-416", graph);
    for engine in [EngineChoice::Tract, EngineChoice::Ort] {
        let error = load(&folder, engine).map(|_| ()).unwrap_err();
        assert!(error.contains("wants a further input \"scale_factor\""), "{engine:?}: {error}");
    }
}

#[test]
fn every_example_on_the_page_is_right() {
    let names: Vec<String> = examples().map(|text| Manifest::parse(text).unwrap().name).collect();
    assert_eq!(names.len(), 7, "{names:?}");
}

fn check(example: &str, graph: Graph, expected: &[Seen<'_>]) {
    let folder = folder(example, graph);
    for engine in [EngineChoice::Tract, EngineChoice::Ort] {
        let mut detector = load(&folder, engine).unwrap();
        let found = look(&mut detector, 255);
        assert_eq!(found.len(), expected.len(), "{example} on {engine:?}: {found:?}");
        for (found, (label, score, corners)) in found.iter().zip(expected) {
            let sides = [found.rect.x, found.rect.y, found.rect.right(), found.rect.bottom()];
            let near = sides.iter().zip(corners).all(|(a, b)| (a - b).abs() < 1e-3);
            assert!(
                near && &*found.label == *label && (found.score - score).abs() < 1e-3,
                "{example} on {engine:?}: {found:?}, expected {label} {score} {corners:?}"
            );
        }
        let found = look(&mut detector, 0);
        assert!(found.is_empty(), "{example} on {engine:?} saw {found:?} in the dark");
    }
}

/// Detects in a picture of one grey.
fn look(detector: &mut Detector, grey: u8) -> Vec<Detection> {
    let (width, height) = (64, 48);
    let (luma, chroma) = (vec![grey; 64 * 48], vec![128; 32 * 24]);
    let colour = Colour { range: Range::Full, matrix: Matrix::Bt601 };
    let (y, u, v) = (luma.as_slice(), chroma.as_slice(), chroma.as_slice());
    detector.detect(Planes { width, height, y, u, v, y_stride: 64, uv_stride: 32, colour }).unwrap()
}

fn load(folder: &TempDir, engine: EngineChoice) -> Result<Detector, String> {
    let config = DetectorConfig {
        model: folder.path().to_owned(),
        engine,
        onnxruntime: Some(path("OMMA_ONNXRUNTIME")),
        device: Device::Cpu,
        min_score: LEAST,
        ..DetectorConfig::default()
    };
    Detector::load(&config).map_err(|e| e.to_string())
}

/// A model's folder, with the manifest that the page gives as an example.
fn folder(example: &str, graph: Graph) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let first = format!("name = \"{example}\"\n");
    let manifest = examples().find(|text| text.starts_with(&first)).unwrap();
    std::fs::write(folder.path().join("model.toml"), manifest).unwrap();
    std::fs::write(folder.path().join("model.onnx"), graph.file()).unwrap();
    folder
}

fn examples() -> impl Iterator<Item = &'static str> {
    PAGE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next())
}

/// A square input, and a number `gate`: the brightest value of the input, from 0 to 1.
fn gated(input: &str, side: usize) -> Graph {
    gated_by(input, side, 1.0)
}

/// As [`gated`], where white is this value.
fn gated_by(input: &str, side: usize, white: f32) -> Graph {
    let mut graph = Graph::default();
    graph.input(input, Element::F32, &[1, 3, side, side]);
    graph.floats("zero", &[], &[0.0]);
    graph.floats("one", &[], &[1.0]);
    graph.floats("white", &[], &[white]);
    graph.node("ReduceMax", &[input], "brightest", &[("keepdims", 0)]);
    graph.node("Div", &["brightest", "white"], "share", &[]);
    graph.node("Clip", &["share", "zero", "one"], "gate", &[]);
    graph
}

/// An output that is `values` where the gate is 1.
fn shown(graph: &mut Graph, name: &str, shape: &[usize], values: &[f32]) {
    let table = format!("{name}-table");
    graph.floats(&table, shape, values);
    graph.node("Mul", &[&table, "gate"], name, &[]);
    graph.output(name, Element::F32, shape);
}

/// Logits of 300 queries of which the first two see [`PAIR`], and boxes by their middles, widths and heights.
fn pair_of_queries(classes: usize, person: usize) -> (Vec<f32>, Vec<f32>) {
    let (mut logits, mut boxes) = (vec![-8.0; 300 * classes], vec![0.5; 4 * 300]);
    for (query, (_, score, [left, top, right, bottom])) in PAIR.into_iter().enumerate() {
        logits[query * classes + person] = (score / (1.0 - score)).ln();
        let place = [(left + right) / 2.0, (top + bottom) / 2.0, right - left, bottom - top];
        boxes[4 * query..][..4].copy_from_slice(&place);
    }
    (logits, boxes)
}
