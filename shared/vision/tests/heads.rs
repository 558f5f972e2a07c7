//! Each head reads from made-up outputs what an implementation in numpy reads from them: `fixtures/make_heads.py`.

#![allow(clippy::unwrap_used, reason = "what tests share fails by panicking, too")]

use std::collections::BTreeMap;

use omma_vision::head::Candidate;
use omma_vision::manifest::Manifest;
use proptest::prelude::*;

/// What a network of 96x64 and three classes is said to be, up to its head.
const INPUT: &str = r#"
name = "made-up"
description = "A network that nobody trained."
licence = "none"
source = "make_heads.py"
labels = ["one", "two", "three"]
input = { name = "images", width = 96, height = 64, color = "rgb", mean = [0, 0, 0], std = [1, 1, 1], resize = "stretch" }
[head]
nms = 0.5
"#;

const HEADS: [(&str, &str); 9] = [
    ("nanodet", "kind = 'nanodet'\nstrides = [8, 16, 32]\nbins = 11\noutputs = ['a', 'b', 'c']"),
    ("centernet", "kind = 'centernet'\nstride = 4\nheat = 'a'\nltrb = 'b'"),
    ("ssd", "kind = 'ssd'\ngrids = [4, 2, 1]\nscales = [0.2, 0.95]\ncoder = [10, 10, 5, 5]\nboxes = 'a'\nscores = 'b'"),
    ("yolox", "kind = 'yolox'\nstrides = [8, 16, 32]\noutput = 'a'"),
    (
        "picodet_bins",
        "kind = 'picodet'\nstrides = [8, 16, 32, 64]\nlayout = 'bins'\nbins = 8
scores = ['a', 'c', 'e', 'g']\nboxes = ['b', 'd', 'f', 'h']",
    ),
    ("picodet_boxes", "kind = 'picodet'\nstrides = [8, 16, 32, 64]\nlayout = 'boxes'\nscores = 'a'\nboxes = 'b'"),
    ("yolov8", "kind = 'yolov8'\nstrides = [8, 16, 32]\noutput = 'a'"),
    ("detr_logits", "kind = 'detr'\nqueries = 30\nlayout = 'logits'\nlogits = 'a'\nboxes = 'b'"),
    (
        "detr_labels",
        "kind = 'detr'\nqueries = 30\nlayout = 'labels'\nlabels = 'a'\nboxes = 'b'\nscores = 'c'\nsizes = 'size'",
    ),
];

#[derive(serde::Deserialize)]
struct Case {
    min_score: f32,
    outputs: Vec<Vec<usize>>,
    /// Class, score, left, top, right, bottom; the surest first.
    boxes: Vec<(usize, f32, f32, f32, f32, f32)>,
}

#[test]
fn heads_read_what_numpy_reads() {
    let cases: BTreeMap<String, Case> = serde_json::from_str(include_str!("fixtures/heads.json")).unwrap();
    let mut data =
        include_bytes!("fixtures/heads.bin").chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    for (name, head) in HEADS {
        let (manifest, case) = (manifest(head), &cases[name]);
        let wanted: Vec<_> = manifest.head.outputs().into_iter().map(|o| o.shape).collect();
        assert_eq!(wanted, case.outputs, "{name}: shapes of the outputs");
        let outputs: Vec<Vec<f32>> = wanted.iter().map(|s| data.by_ref().take(s.iter().product()).collect()).collect();

        let mut found = vec![];
        manifest.head.decode(&slices(&outputs), case.min_score, &mut found);
        found.sort_by(|a, b| b.score.total_cmp(&a.score));

        assert_eq!(found.len(), case.boxes.len(), "{name}: boxes over {}", case.min_score);
        for (found, &(class, score, left, top, right, bottom)) in found.iter().zip(&case.boxes) {
            let wanted = Candidate { class, score, left, top, right, bottom };
            let off = distance(found, &wanted);
            assert!(found.class == class && off < 2e-3, "{name}: {found:?}, expected {wanted:?}");
        }
    }
    assert_eq!(data.count(), 0, "every output was read");
}

proptest! {
    #[test]
    fn nothing_a_network_says_makes_a_head_panic_or_lower_the_bar(
        noise in proptest::collection::vec(prop_oneof![-10.0..10.0f32, Just(f32::NAN), Just(f32::INFINITY), Just(f32::NEG_INFINITY)], 64),
        min_score in 0.0..=1.0f32,
    ) {
        for (name, head) in HEADS {
            let head = manifest(head).head;
            let mut noise = noise.iter().copied().cycle();
            let outputs: Vec<Vec<f32>> =
                head.outputs().iter().map(|o| noise.by_ref().take(o.shape.iter().product()).collect()).collect();
            let mut found = vec![];
            head.decode(&slices(&outputs), min_score, &mut found);
            for candidate in found {
                // Where logits are compared, the score may come out below the bar by rounding.
                prop_assert!(candidate.class < 3 && candidate.score > min_score - 1e-5, "{name}: {candidate:?}");
            }
        }
    }
}

fn manifest(head: &str) -> Manifest {
    Manifest::parse(&format!("{INPUT}{head}\n")).unwrap()
}

fn slices(outputs: &[Vec<f32>]) -> Vec<&[f32]> {
    outputs.iter().map(Vec::as_slice).collect()
}

/// The largest difference of any number.
fn distance(a: &Candidate, b: &Candidate) -> f32 {
    let numbers = |c: &Candidate| [c.score, c.left, c.top, c.right, c.bottom];
    numbers(a).into_iter().zip(numbers(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
