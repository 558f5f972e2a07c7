//! From a network's outputs to boxes in pixels of its input.
//!
//! Each kind of detector has its own arithmetic; what they share is that a box below the score asked for is never
//! made, and that nothing is remembered from one picture to the next. Further keys of `[head]` in a manifest:
//!
//! | kind | keys |
//! |---|---|
//! | `nanodet` | `strides`, `bins`, `outputs` (one for each stride) |
//! | `centernet` | `stride`, `heat`, `ltrb` |
//! | `ssd` | `grids`, `scales`, `coder`, `boxes`, `scores` |
//! | `yolox` | `strides`, `output` |
//! | `picodet` | `strides`, `layout`, then for `"bins"`: `bins`, `scores`, `boxes` (one for each stride); for `"boxes"`: `scores`, `boxes` |
//! | `yolov8` | `strides`, `output` |
//! | `detr` | `queries`, `layout`, then for `"logits"`: `logits`, `boxes`; for `"labels"`: `labels`, `boxes`, `scores`, `sizes` |

pub mod nanodet;

pub mod centernet;

pub mod ssd;

pub mod yolox;

pub mod picodet;

pub mod yolov8;

pub mod detr;

use crate::manifest::{Input, Section};

/// One box, before it is known which of several say the same.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Index into the manifest's labels.
    pub class: usize,
    /// `0.0..=1.0`.
    pub score: f32,
    /// Left edge, in pixels of the network's input; so are the others.
    pub left: f32,
    /// Top edge.
    pub top: f32,
    /// Right edge.
    pub right: f32,
    /// Bottom edge.
    pub bottom: f32,
}

impl Candidate {
    /// A box by its middle, width and height.
    fn around(class: usize, score: f32, [x, y, width, height]: [f32; 4]) -> Self {
        let (half_width, half_height) = (width / 2.0, height / 2.0);
        let (left, top, right, bottom) = (x - half_width, y - half_height, x + half_width, y + half_height);
        Self { class, score, left, top, right, bottom }
    }

    /// Whether it is made of numbers: what a network says of a broken picture need not be.
    pub(crate) fn is_finite(&self) -> bool {
        [self.score, self.left, self.top, self.right, self.bottom].iter().all(|n| n.is_finite())
    }
}

/// How outputs become boxes.
#[derive(Debug, Clone, PartialEq)]
pub enum Head {
    /// NanoDet.
    NanoDet(nanodet::NanoDet),
    /// CenterNet with class heat and distances to the sides.
    CenterNet(centernet::CenterNet),
    /// SSD on anchors.
    Ssd(ssd::Ssd),
    /// YOLOX.
    Yolox(yolox::Yolox),
    /// PicoDet.
    PicoDet(picodet::PicoDet),
    /// YOLOv8 and what is exported like it.
    Yolov8(yolov8::Yolov8),
    /// DETR and its kin.
    Detr(detr::Detr),
}

/// An output that a head needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The key of `[head]` that names it.
    pub key: &'static str,
    /// Its name in the graph.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

impl Head {
    /// The outputs it decodes, in the order in which [`Head::decode`] takes them.
    pub fn outputs(&self) -> Vec<Output> {
        match self {
            Self::NanoDet(head) => head.outputs(),
            Self::CenterNet(head) => head.outputs(),
            Self::Ssd(head) => head.outputs(),
            Self::Yolox(head) => head.outputs(),
            Self::PicoDet(head) => head.outputs(),
            Self::Yolov8(head) => head.outputs(),
            Self::Detr(head) => head.outputs(),
        }
    }

    /// Name of a second input, `[1, 2]` i64, that wants to be told the width and height in whose units boxes are to be.
    pub fn sizes(&self) -> Option<&str> {
        match self {
            Self::Detr(head) => head.sizes(),
            _ => None,
        }
    }

    /// Whether it may show one thing as several boxes, of which suppression must leave one.
    pub(crate) fn repeats(&self) -> bool {
        !matches!(self, Self::Detr(_))
    }

    /// Appends what `outputs` show with a score of at least `min_score`. Slices are as long as [`Head::outputs`] says.
    pub fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        match self {
            Self::NanoDet(head) => head.decode(outputs, min_score, found),
            Self::CenterNet(head) => head.decode(outputs, min_score, found),
            Self::Ssd(head) => head.decode(outputs, min_score, found),
            Self::Yolox(head) => head.decode(outputs, min_score, found),
            Self::PicoDet(head) => head.decode(outputs, min_score, found),
            Self::Yolov8(head) => head.decode(outputs, min_score, found),
            Self::Detr(head) => head.decode(outputs, min_score, found),
        }
    }
}

/// Reads what a manifest's `[head]` says, for a network of this input and number of classes. None where the kind or
/// its layout is not known: then no other key can be judged.
pub(crate) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Option<Head> {
    match section.one_of("kind", &["nanodet", "centernet", "ssd", "yolox", "picodet", "yolov8", "detr"]) {
        Some("nanodet") => Some(Head::NanoDet(nanodet::NanoDet::read(section, input, classes))),
        Some("centernet") => Some(Head::CenterNet(centernet::CenterNet::read(section, input, classes))),
        Some("ssd") => Some(Head::Ssd(ssd::Ssd::read(section, input, classes))),
        Some("yolox") => Some(Head::Yolox(yolox::Yolox::read(section, input, classes))),
        Some("picodet") => picodet::PicoDet::read(section, input, classes).map(Head::PicoDet),
        Some("yolov8") => Some(Head::Yolov8(yolov8::Yolov8::read(section, input, classes))),
        Some("detr") => detr::Detr::read(section, input, classes).map(Head::Detr),
        _ => {
            section.leave();
            None
        }
    }
}

/// The names of outputs of which there is one for each stride.
fn names(section: &mut Section<'_, '_>, key: &'static str, strides: usize) -> Vec<String> {
    let at = section.position(key);
    let names = section.texts(key);
    if names.len() != strides {
        section.fault(at, key, &format!("is {names:?}, expected {strides} names, one for each of strides"));
    }
    names
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// The logit at which the sigmoid reaches `score`. Comparing logits saves the exponential of every class and cell.
fn logit(score: f32) -> f32 {
    (score / (1.0 - score)).ln()
}

/// The class with the highest value among one row of classes.
fn best(row: &[f32]) -> Option<(usize, f32)> {
    row.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// Cells looked at together, so that the classes of neighbouring cells are read as they lie in memory.
const BLOCK: usize = 64;

/// Of `planes`, `[classes, cells]`: cell, class and value wherever a cell's highest value is at least `least`.
fn best_of_planes(planes: &[f32], cells: usize, least: f32) -> impl Iterator<Item = (usize, usize, f32)> {
    let blocks = (0..cells).step_by(BLOCK).flat_map(move |start| {
        let block = start..cells.min(start + BLOCK);
        let mut best = [(f32::NEG_INFINITY, 0); BLOCK];
        for (class, plane) in planes.chunks_exact(cells).enumerate() {
            for (best, &value) in best.iter_mut().zip(&plane[block.clone()]) {
                if value > best.0 {
                    *best = (value, class);
                }
            }
        }
        block.zip(best)
    });
    blocks.filter(move |(_, (value, _))| *value >= least).map(|(cell, (value, class))| (cell, class, value))
}

/// What the softmax of `logits` expects, where they stand for 0, 1, 2 and so on.
fn expectation(logits: impl Iterator<Item = f32> + Clone) -> f32 {
    let highest = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (index, logit) in logits.enumerate() {
        let weight = (logit - highest).exp();
        sum += weight;
        weighted += weight * index as f32;
    }
    weighted / sum
}
