//! YOLOX: a grid of cells for each stride, the finest first, each with one box.
//!
//! Output: `[1, cells, 5 + classes]` as the network leaves it: x, y from the cell in strides; logarithms of width and
//! height in strides; objectness and classes `0.0..=1.0`. The score is objectness times class
//! (Megvii-BaseDetection/YOLOX, `yolox/utils/demo_utils.py`, `demo_postprocess`).

use super::{Candidate, Output, best};
use crate::manifest::{Input, Section};

/// How YOLOX's output is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yolox {
    width: usize,
    height: usize,
    classes: usize,
    strides: Vec<usize>,
    output: String,
}

impl Yolox {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Self {
        let strides = section.wholes("strides", 1..=256);
        Self { width: input.width, height: input.height, classes, strides, output: section.text("output") }
    }

    fn grid(&self, stride: usize) -> (usize, usize) {
        (self.width / stride, self.height / stride)
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        let cells = self.strides.iter().map(|stride| self.grid(*stride)).map(|(columns, rows)| columns * rows).sum();
        vec![Output { key: "output", name: self.output.clone(), shape: vec![1, cells, 5 + self.classes] }]
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        let &[rows] = outputs else { return };
        let cells = self.strides.iter().flat_map(|&stride| {
            let (columns, rows) = self.grid(stride);
            (0..columns * rows).map(move |cell| (stride as f32, (cell % columns) as f32, (cell / columns) as f32))
        });
        for ((stride, column, line), row) in cells.zip(rows.chunks_exact(5 + self.classes)) {
            // No class exceeds 1, so most cells are left without a look at their classes.
            let sure = Some(row[4]).filter(|objectness| *objectness >= min_score);
            let scored = sure.and_then(|objectness| best(&row[5..]).map(|(class, value)| (class, value * objectness)));
            let Some((class, score)) = scored.filter(|(_, score)| *score >= min_score) else { continue };
            let (x, y) = ((row[0] + column) * stride, (row[1] + line) * stride);
            let (half_width, half_height) = (row[2].exp() * stride / 2.0, row[3].exp() * stride / 2.0);
            let (left, top, right, bottom) = (x - half_width, y - half_height, x + half_width, y + half_height);
            found.push(Candidate { class, score, left, top, right, bottom });
        }
    }
}
