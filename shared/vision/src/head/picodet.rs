//! PicoDet: a grid of cells for each stride, the finest first, each with a score for every class and one box.
//!
//! Two layouts, by what the export left out (PaddlePaddle/PaddleDetection, `ppdet/modeling/heads/pico_head.py`,
//! `forward_eval`). Scores are `0.0..=1.0` in both, and sides come as left, top, right, bottom.
//!
//! - `"bins"` (`export.post_process=False`): for each stride scores `[1, cells, classes]`, and for each side of a box a
//!   distribution over distances, `[1, cells, 4 · bins]`. The distance is the expectation of the softmax of its bins,
//!   times the stride, counted from `((x + ½) · s, (y + ½) · s)`.
//! - `"boxes"` (`export.nms=False`): scores `[1, classes, cells]` and boxes `[1, cells, 4]` in pixels of the input, the
//!   cells of all strides one after the other.
//!
//! A stride that does not divide the input has one more row and column: 7 × 7 cells of 64 pixels for 416 × 416.

use super::{Candidate, Output, best, best_of_planes, expectation, names};
use crate::manifest::{Input, Section};

/// How PicoDet's outputs are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PicoDet {
    classes: usize,
    grids: Vec<Grid>,
    layout: Layout,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grid {
    stride: usize,
    columns: usize,
    cells: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Layout {
    /// One name for each stride.
    Bins {
        bins: usize,
        scores: Vec<String>,
        boxes: Vec<String>,
    },
    Boxes {
        scores: String,
        boxes: String,
    },
}

impl PicoDet {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Option<Self> {
        let strides = section.wholes("strides", 1..=256);
        let layout = match section.one_of("layout", &["bins", "boxes"]) {
            Some("bins") => Layout::Bins {
                bins: section.whole("bins", 1..=64),
                scores: names(section, "scores", strides.len()),
                boxes: names(section, "boxes", strides.len()),
            },
            Some("boxes") => Layout::Boxes { scores: section.text("scores"), boxes: section.text("boxes") },
            _ => {
                section.leave();
                return None;
            }
        };
        let grid = |stride: usize| {
            let columns = input.width.div_ceil(stride);
            Grid { stride, columns, cells: columns * input.height.div_ceil(stride) }
        };
        Some(Self { classes, grids: strides.into_iter().map(grid).collect(), layout })
    }

    fn cells(&self) -> usize {
        self.grids.iter().map(|grid| grid.cells).sum()
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        let output = |key, name: &String, rows, row| Output { key, name: name.clone(), shape: vec![1, rows, row] };
        match &self.layout {
            Layout::Bins { bins, scores, boxes } => {
                let levels = self.grids.iter().zip(scores.iter().zip(boxes));
                let pair = |(grid, (scores, boxes)): (&Grid, (&String, &String))| {
                    [output("scores", scores, grid.cells, self.classes), output("boxes", boxes, grid.cells, 4 * bins)]
                };
                levels.flat_map(pair).collect()
            }
            Layout::Boxes { scores, boxes } => {
                vec![output("scores", scores, self.classes, self.cells()), output("boxes", boxes, self.cells(), 4)]
            }
        }
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        match &self.layout {
            Layout::Bins { bins, .. } => {
                for (grid, pair) in self.grids.iter().zip(outputs.chunks_exact(2)) {
                    let &[scores, distances] = pair else { continue };
                    let rows = scores.chunks_exact(self.classes).zip(distances.chunks_exact(4 * bins));
                    grid.decode(rows, *bins, min_score, found);
                }
            }
            Layout::Boxes { .. } => {
                let &[scores, boxes] = outputs else { return };
                for (cell, class, score) in best_of_planes(scores, self.cells(), min_score) {
                    let [left, top, right, bottom] = [0, 1, 2, 3].map(|side| boxes[4 * cell + side]);
                    found.push(Candidate { class, score, left, top, right, bottom });
                }
            }
        }
    }
}

impl Grid {
    /// Reads each cell's row of scores and row of bins.
    fn decode<'a>(
        &self,
        rows: impl Iterator<Item = (&'a [f32], &'a [f32])>,
        bins: usize,
        min_score: f32,
        found: &mut Vec<Candidate>,
    ) {
        let stride = self.stride as f32;
        for (cell, (scores, distances)) in rows.enumerate() {
            let Some((class, score)) = best(scores).filter(|(_, score)| *score >= min_score) else { continue };
            let side = |side: usize| expectation(distances[side * bins..][..bins].iter().copied()) * stride;
            let middle = |index: usize| (index as f32 + 0.5) * stride;
            let (x, y) = (middle(cell % self.columns), middle(cell / self.columns));
            let (left, top, right, bottom) = (x - side(0), y - side(1), x + side(2), y + side(3));
            found.push(Candidate { class, score, left, top, right, bottom });
        }
    }
}

#[cfg(test)]
mod tests;
