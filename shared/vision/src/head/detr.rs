//! DETR and its kin: a fixed number of queries, each with one box. The network was trained to give each thing one
//! query, so nothing is left to suppress.
//!
//! Two layouts, by how much of the decoding the export took along:
//!
//! - `"logits"`: a logit for every query and class, of which the sigmoid is the score, `[1, queries, classes]`, and
//!   boxes `[1, queries, 4]`: x and y of the middle, width and height in units of the input's sides. A query is taken
//!   for its best class. RF-DETR (roboflow/rf-detr, `rfdetr/deploy/export.py`), and what transformers.js runs of D-FINE
//!   and RT-DETR. Where the last class stands for "nothing", its label is empty.
//! - `"labels"`: what the deployed D-FINE and RT-DETR say (Peterande/D-FINE, `src/zoo/dfine/postprocessor.py`): class
//!   numbers `[1, queries]`, boxes `[1, queries, 4]` as left, top, right, bottom, and scores `[1, queries]`,
//!   `0.0..=1.0`. Boxes are in units of a second input, `sizes`, which is told width and height of the first.

use super::{Candidate, Output, best, logit, sigmoid};
use crate::manifest::{Input, Section};

/// How DETR's outputs are laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Detr {
    width: f32,
    height: f32,
    classes: usize,
    queries: usize,
    layout: Layout,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    Logits { logits: String, boxes: String },
    Labels { labels: String, boxes: String, scores: String, sizes: String },
}

impl Detr {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Option<Self> {
        let queries = section.whole("queries", 1..=10_000);
        let layout = match section.one_of("layout", &["logits", "labels"]) {
            Some("logits") => Layout::Logits { logits: section.text("logits"), boxes: section.text("boxes") },
            Some("labels") => Layout::Labels {
                labels: section.text("labels"),
                boxes: section.text("boxes"),
                scores: section.text("scores"),
                sizes: section.text("sizes"),
            },
            _ => {
                section.leave();
                return None;
            }
        };
        Some(Self { width: input.width as f32, height: input.height as f32, classes, queries, layout })
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        let output = |key, name: &String, row: &[usize]| Output {
            key,
            name: name.clone(),
            shape: [1, self.queries].iter().chain(row).copied().collect(),
        };
        match &self.layout {
            Layout::Logits { logits, boxes } => {
                vec![output("logits", logits, &[self.classes]), output("boxes", boxes, &[4])]
            }
            Layout::Labels { labels, boxes, scores, .. } => {
                vec![output("labels", labels, &[]), output("boxes", boxes, &[4]), output("scores", scores, &[])]
            }
        }
    }

    pub(super) fn sizes(&self) -> Option<&str> {
        match &self.layout {
            Layout::Logits { .. } => None,
            Layout::Labels { sizes, .. } => Some(sizes),
        }
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        match (&self.layout, outputs) {
            (Layout::Logits { .. }, &[logits, boxes]) => self.decode_logits(logits, boxes, min_score, found),
            (Layout::Labels { .. }, &[labels, boxes, scores]) => {
                self.decode_labels(labels, boxes, scores, min_score, found);
            }
            _ => {}
        }
    }

    fn decode_logits(&self, logits: &[f32], boxes: &[f32], min_score: f32, found: &mut Vec<Candidate>) {
        let least = logit(min_score);
        for (logits, place) in logits.chunks_exact(self.classes).zip(boxes.chunks_exact(4)) {
            let Some((class, value)) = best(logits).filter(|(_, value)| *value >= least) else { continue };
            let &[x, y, width, height] = place else { continue };
            let place = [x * self.width, y * self.height, width * self.width, height * self.height];
            found.push(Candidate::around(class, sigmoid(value), place));
        }
    }

    fn decode_labels(&self, labels: &[f32], boxes: &[f32], scores: &[f32], min_score: f32, found: &mut Vec<Candidate>) {
        for ((&label, place), &score) in labels.iter().zip(boxes.chunks_exact(4)).zip(scores) {
            // A number that stands for no label is a network's nonsense, or a manifest's list that is too short.
            if score >= min_score && (0.0..self.classes as f32).contains(&label) {
                let &[left, top, right, bottom] = place else { continue };
                found.push(Candidate { class: label as usize, score, left, top, right, bottom });
            }
        }
    }
}

#[cfg(test)]
mod tests;
