//! NanoDet: a grid of cells for each stride, each with a logit for every class and, for each side of the box, a
//! distribution over distances.
//!
//! Output for stride `s`: `[1, classes + 4 · bins, H/s, W/s]`. The distance to a side is the expectation of the softmax
//! of its bins, times `s`; sides are left, top, right, bottom. Distances are counted from the middle of the cell's
//! pixels, `(x · s + (s - 1) / 2, y · s + (s - 1) / 2)`, as NanoDet 0.x was trained (RangiLyu/nanodet,
//! `nanodet/model/head/gfl_head.py`, `get_single_level_center_point`).

use super::{Candidate, Output, best_of_planes, expectation, logit, names, sigmoid};
use crate::manifest::{Input, Section};

/// How NanoDet's outputs are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NanoDet {
    width: usize,
    height: usize,
    classes: usize,
    bins: usize,
    levels: Vec<(usize, String)>,
}

impl NanoDet {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Self {
        let strides = section.wholes("strides", 1..=256);
        let bins = section.whole("bins", 1..=64);
        let outputs = names(section, "outputs", strides.len());
        Self {
            width: input.width,
            height: input.height,
            classes,
            bins,
            levels: strides.into_iter().zip(outputs).collect(),
        }
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        let channels = self.classes + 4 * self.bins;
        let output = |(stride, name): &(usize, String)| Output {
            key: "outputs",
            name: name.clone(),
            shape: vec![1, channels, self.height.div_ceil(*stride), self.width.div_ceil(*stride)],
        };
        self.levels.iter().map(output).collect()
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        for ((stride, _), planes) in self.levels.iter().zip(outputs) {
            self.decode_level(*stride, planes, min_score, found);
        }
    }

    fn decode_level(&self, stride: usize, planes: &[f32], min_score: f32, found: &mut Vec<Candidate>) {
        let columns = self.width.div_ceil(stride);
        let cells = columns * self.height.div_ceil(stride);
        let (logits, distances) = planes.split_at(self.classes * cells);
        for (cell, class, value) in best_of_planes(logits, cells, logit(min_score)) {
            let side = |side: usize| {
                let bins = side * self.bins..(side + 1) * self.bins;
                expectation(bins.map(|bin| distances[bin * cells + cell])) * stride as f32
            };
            let middle = |index: usize| (index * stride) as f32 + 0.5 * (stride as f32 - 1.0);
            let (x, y) = (middle(cell % columns), middle(cell / columns));
            let (left, top, right, bottom) = (x - side(0), y - side(1), x + side(2), y + side(3));
            found.push(Candidate { class, score: sigmoid(value), left, top, right, bottom });
        }
    }
}
