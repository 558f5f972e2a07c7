//! SSD: boxes as offsets from fixed anchors, with a logit for every class, the first of which is the background.
//!
//! Outputs: boxes `[1, anchors, 4]` (y, x, height, width, each scaled by the `coder`), scores
//! `[1, anchors, labels]`. Anchors are those of TensorFlow's object detection API
//! (`anchor_generators/multiple_grid_anchor_generator.py`, `create_ssd_anchors` with `reduce_boxes_in_lowest_layer`):
//! square grids, sizes spread evenly between the two `scales`, five proportions and one larger square for each cell,
//! but only three small ones in the finest grid.

use super::{Candidate, Output, best, logit, sigmoid};
use crate::manifest::{Input, Section};

/// How SSD's outputs are laid out.
#[derive(Debug, Clone, PartialEq)]
pub struct Ssd {
    width: f32,
    height: f32,
    classes: usize,
    coder: [f32; 4],
    anchors: Vec<Anchor>,
    boxes: String,
    scores: String,
}

/// In units of the input's sides.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Anchor {
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

impl Ssd {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Self {
        let anchors = anchors(&section.wholes("grids", 1..=512), section.numbers("scales"));
        let at = section.position("coder");
        let coder: [f32; 4] = section.numbers("coder");
        if coder.contains(&0.0) {
            section.fault(at, "coder", &format!("is {coder:?}, expected no 0: offsets are divided by it"));
        }
        let (boxes, scores) = (section.text("boxes"), section.text("scores"));
        Self { width: input.width as f32, height: input.height as f32, classes, coder, anchors, boxes, scores }
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        let output =
            |key, name: &String, row| Output { key, name: name.clone(), shape: vec![1, self.anchors.len(), row] };
        vec![output("boxes", &self.boxes, 4), output("scores", &self.scores, self.classes)]
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        let &[boxes, scores] = outputs else { return };
        let least = logit(min_score);
        let rows = boxes.chunks_exact(4).zip(scores.chunks_exact(self.classes));
        for (anchor, (offsets, logits)) in self.anchors.iter().zip(rows) {
            let Some((class, value)) = best(&logits[1..]).filter(|(_, value)| *value >= least) else { continue };
            let [y, x, height, width] = [0, 1, 2, 3].map(|i| offsets[i] / self.coder[i]);
            let (x, y) = (x * anchor.width + anchor.x, y * anchor.height + anchor.y);
            let (half_width, half_height) = (width.exp() * anchor.width / 2.0, height.exp() * anchor.height / 2.0);
            found.push(Candidate {
                class: class + 1,
                score: sigmoid(value),
                left: (x - half_width) * self.width,
                top: (y - half_height) * self.height,
                right: (x + half_width) * self.width,
                bottom: (y + half_height) * self.height,
            });
        }
    }
}

fn anchors(grids: &[usize], [least, most]: [f32; 2]) -> Vec<Anchor> {
    let step = (most - least) / grids.len().saturating_sub(1).max(1) as f32;
    let scale = |level: usize| if level < grids.len() { least + step * level as f32 } else { 1.0 };
    let mut anchors = vec![];
    for (level, &grid) in grids.iter().enumerate() {
        let size = scale(level);
        let shapes = if level == 0 {
            vec![(0.1, 1.0), (size, 2.0), (size, 0.5)]
        } else {
            let larger = (size * scale(level + 1)).sqrt();
            vec![(size, 1.0), (size, 2.0), (size, 0.5), (size, 3.0), (size, 0.3333), (larger, 1.0)]
        };
        for cell in 0..grid * grid {
            let middle = |index: usize| (index as f32 + 0.5) / grid as f32;
            let (x, y) = (middle(cell % grid), middle(cell / grid));
            let sized = shapes.iter().map(|(size, ratio): &(f32, f32)| (size * ratio.sqrt(), size / ratio.sqrt()));
            anchors.extend(sized.map(|(width, height)| Anchor { x, y, width, height }));
        }
    }
    anchors
}
