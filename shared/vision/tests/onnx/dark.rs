//! A model that sees a person in dark pictures, nobody in dim ones, and fails at bright ones. ONNX Runtime fails there; tract's
//! gather panics.

use std::path::Path;

use omma_media::encode::Encoder;
use omma_media::frame::{Colour, Planes};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::AccessUnit;

use super::onnx::{Element, Graph};

/// Luma of a picture in which it sees a person.
pub(crate) const DARK: u8 = 16;
/// And at which it fails.
pub(crate) const BRIGHT: u8 = 235;
/// Of the pictures and of the network's input, both ways.
pub(crate) const SIDE: usize = 64;
pub(crate) const MANIFEST: &str = r#"
    name = "made-up"
    description = "Sees one person in the dark."
    licence = "Apache-2.0"
    source = "made here"
    labels = "coco80"
    [input]
    name = "images"
    width = 64
    height = 64
    color = "rgb"
    mean = [0, 0, 0]
    std = [255, 255, 255]
    resize = "letterbox"
    anchor = "centre"
    pad = 0
    [head]
    kind = "yolov8"
    nms = 0.7
    strides = [8, 16, 32]
    output = "output0"
    "#;

pub(crate) fn write_model(folder: &Path) {
    std::fs::write(folder.join("model.toml"), MANIFEST).unwrap();
    std::fs::write(folder.join("model.onnx"), network()).unwrap();
}

/// A network that takes the table of the number that the brightest value is: of a dark picture the first, of a dim one the second,
/// in which nobody is, and there are no others.
fn network() -> Vec<u8> {
    let (rows, cells) = (4 + 80, 64 + 16 + 4);
    let mut tables = vec![0.0; 2 * rows * cells];
    for (row, value) in [32.0, 32.0, 16.0, 24.0, 0.9].into_iter().enumerate() {
        tables[row * cells] = value;
    }
    let mut graph = Graph::default();
    graph.input("images", Element::F32, &[1, 3, SIDE, SIDE]);
    graph.floats("ten", &[], &[10.0]);
    graph.floats("tables", &[2, rows, cells], &tables);
    graph.numbers("shape", &[3], &[1, rows as i64, cells as i64]);
    graph.node("ReduceMax", &["images"], "brightest", &[("keepdims", 0)]);
    graph.node("Mul", &["brightest", "ten"], "scaled", &[]);
    graph.node("Cast", &["scaled"], "number", &[("to", Element::I64 as u64)]);
    graph.node("Gather", &["tables", "number"], "taken", &[]);
    graph.node("Reshape", &["taken", "shape"], "output0", &[]);
    graph.output("output0", Element::F32, &[1, rows, cells]);
    graph.file()
}

/// A key picture of that luma all over.
pub(crate) fn picture(encoder: &mut Encoder, luma: u8, time: CaptureTime) -> AccessUnit {
    let (y, uv, colour) = (vec![luma; SIDE * SIDE], vec![128; SIDE * SIDE / 4], Colour::default());
    let (side, stride) = (SIDE as u32, SIDE);
    let planes =
        Planes { width: side, height: side, y: &y, u: &uv, v: &uv, y_stride: stride, uv_stride: stride / 2, colour };
    encoder.force_key();
    encoder.encode(planes, time).unwrap()
}
