//! YOLOv8: a grid of cells for each stride, each with one box, decoded by the network itself.
//!
//! Output: `[1, 4 + classes, cells]`: x and y of the middle, width and height in pixels of the input, then the classes'
//! scores, `0.0..=1.0`. There is no objectness. What Ultralytics exports is laid out so, from YOLOv8 and YOLOv9 to
//! YOLO11 and YOLO12 (ultralytics/ultralytics, `ultralytics/nn/modules/head.py`, `Detect`), as long as suppression is
//! not part of the export.

use super::{Candidate, Output, best_of_planes};
use crate::manifest::{Input, Section};

/// How YOLOv8's output is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Yolov8 {
    classes: usize,
    cells: usize,
    output: String,
}

impl Yolov8 {
    pub(super) fn read(section: &mut Section<'_, '_>, input: &Input, classes: usize) -> Self {
        let strides = section.wholes("strides", 1..=256);
        let cells = strides.iter().map(|stride| input.width.div_ceil(*stride) * input.height.div_ceil(*stride)).sum();
        Self { classes, cells, output: section.text("output") }
    }

    pub(super) fn outputs(&self) -> Vec<Output> {
        vec![Output { key: "output", name: self.output.clone(), shape: vec![1, 4 + self.classes, self.cells] }]
    }

    pub(super) fn decode(&self, outputs: &[&[f32]], min_score: f32, found: &mut Vec<Candidate>) {
        let &[planes] = outputs else { return };
        let (places, scores) = planes.split_at(4 * self.cells);
        for (cell, class, score) in best_of_planes(scores, self.cells, min_score) {
            let place = [0, 1, 2, 3].map(|plane| places[plane * self.cells + cell]);
            found.push(Candidate::around(class, score, place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_read_down_its_column() {
        let head = Yolov8 { classes: 2, cells: 3, output: "output0".to_owned() };
        assert_eq!(head.outputs()[0].shape, [1, 6, 3]);
        let planes = [
            [10.0, 50.0, 90.0],
            [20.0, 60.0, 30.0],
            [4.0, 40.0, 8.0],
            [6.0, 20.0, 10.0],
            [0.1, 0.9, 0.4],
            [0.2, 0.3, 0.5],
        ];
        let mut found = vec![];
        head.decode(&[planes.as_flattened()], 0.5, &mut found);
        assert_eq!(
            found,
            [
                // 50 ± 40 / 2, 60 ± 20 / 2; then 90 ± 8 / 2, 30 ± 10 / 2. The first cell's best is 0.2.
                Candidate { class: 0, score: 0.9, left: 30.0, top: 50.0, right: 70.0, bottom: 70.0 },
                Candidate { class: 1, score: 0.5, left: 86.0, top: 25.0, right: 94.0, bottom: 35.0 },
            ]
        );
    }
}
