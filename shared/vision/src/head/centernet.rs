//! CenterNet: a heat map for each class whose peaks are the middles of things, and the distances from there to the
//! sides of the box.
//!
//! Outputs: heat `[1, classes, H/s, W/s]`, `0.0..=1.0`; distances `[1, 4, H/s, W/s]` to left, top, right and bottom in
//! pixels of the input, counted from `(x · s, y · s)`. A peak is a cell that none of its eight neighbours exceeds.

use super::{Candidate, Output};
use crate::manifest::{Input, Section};

/// How CenterNet's outputs are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CenterNet {
    columns: usize,
    rows: usize,
    classes: usize,
    stride: usize,
    heat: String,
    ltrb: String,
}

impl CenterNet {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Self {
        let stride = section.whole("stride", 1..=256).max(1);
        let (heat, ltrb) = (section.text("heat"), section.text("ltrb"));
        Self { columns: input.width.div_ceil(stride), rows: input.height.div_ceil(stride), classes, stride, heat, ltrb }
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        let output = |key, name: &String, planes| Output {
            key,
            name: name.clone(),
            shape: vec![1, planes, self.rows, self.columns],
        };
        vec![output("heat", &self.heat, self.classes), output("ltrb", &self.ltrb, 4)]
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        let &[heat, distances] = outputs else { return };
        let cells = self.columns * self.rows;
        for (class, plane) in heat.chunks_exact(cells).enumerate() {
            for (cell, &score) in plane.iter().enumerate().filter(|(_, score)| **score >= min_score) {
                let (column, row) = (cell % self.columns, cell / self.columns);
                if !self.is_peak(plane, column, row) {
                    continue;
                }
                let side = |side: usize| distances[side * cells + cell];
                let (x, y) = ((column * self.stride) as f32, (row * self.stride) as f32);
                let (left, top, right, bottom) = (x - side(0), y - side(1), x + side(2), y + side(3));
                found.push(Candidate { class, score, left, top, right, bottom });
            }
        }
    }

    fn is_peak(&self, plane: &[f32], column: usize, row: usize) -> bool {
        let score = plane[row * self.columns + column];
        let (last_column, last_row) = ((column + 1).min(self.columns - 1), (row + 1).min(self.rows - 1));
        (row.saturating_sub(1)..=last_row)
            .all(|r| plane[r * self.columns..][column.saturating_sub(1)..=last_column].iter().all(|n| *n <= score))
    }
}
