//! What must be known of a detector's network to use it: `model.toml`, beside `model.onnx`.
//!
//! ```toml
//! name = "nanodet-g-256x416"
//! description = "NanoDet-g, 80 classes of COCO."
//! licence = "Apache-2.0"
//! source = "npm @vladmandic/human 1.8.5"
//! sha256 = "f47fc6bf…"            # of model.onnx; may be left out for a network of one's own
//! labels = "coco80"               # or "coco91", or a list; an empty label is never reported
//!
//! [input]                         # [1, 3, height, width] f32
//! name = "images"
//! width = 416
//! height = 256
//! color = "bgr"                   # or "rgb": order of the planes
//! mean = [103.53, 116.28, 123.675] # in that order; each pixel p of 0..=255 becomes (p - mean) / std
//! std = [57.375, 57.12, 58.395]
//! resize = "letterbox"            # or "stretch"
//! anchor = "top-left"             # or "centre": where a letterboxed picture lies
//! pad = 0                         # 0..=255: what surrounds it, before mean and std
//!
//! [head]                          # how outputs become boxes; further keys depend on the kind, see `head`
//! kind = "nanodet"                # or "centernet", "ssd", "yolox", "picodet", "yolov8", "detr"
//! nms = 0.6                       # boxes of one class that overlap by more are one; "detr" needs none
//! strides = [8, 16, 32]
//! bins = 11
//! outputs = ["p8", "p16", "p32"]
//! ```
//!
//! A wrong manifest is refused with all its faults: line, key, value, what was expected, the nearest known word.

mod labels;
mod section;

use std::io::Read;
use std::path::{Path, PathBuf};

use omma_protocol::detection::Label;
use sha2::{Digest, Sha256};
use toml::de::DeTable;

pub use section::Fault;
use section::Reading;
pub(crate) use section::Section;

use crate::head::{self, Head};

/// A detector's network and how to use it.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Name, as results carry it.
    pub name: String,
    /// One line for people.
    pub description: String,
    /// Licence of the weights.
    pub licence: String,
    /// Where they come from.
    pub source: String,
    /// SHA-256 of `model.onnx` in lower case hexadecimal, where the manifest names it.
    pub sha256: Option<String>,
    /// Classes in the network's order. An empty label is never reported.
    pub labels: Vec<Label>,
    /// What goes in.
    pub input: Input,
    /// How what comes out becomes boxes.
    pub head: Head,
    /// Boxes of one class with a higher intersection over union than this are one. None where the network itself
    /// gives each thing one box.
    pub nms: Option<f32>,
}

/// What goes into the network: `[1, 3, height, width]` f32.
#[derive(Debug, Clone, PartialEq)]
pub struct Input {
    /// The input's name in the graph.
    pub name: String,
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Order of the planes.
    pub color: Color,
    /// Subtracted from each pixel of 0..=255, by plane.
    pub mean: [f32; 3],
    /// What remains is divided by this, by plane.
    pub std: [f32; 3],
    /// How a picture of another shape is fitted in.
    pub resize: Resize,
}

/// Order of the input's planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Color {
    /// Blue, green, red.
    Bgr,
    /// Red, green, blue.
    Rgb,
}

/// How a picture is fitted into the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Fill the input, whatever becomes of the picture's proportions.
    Stretch,
    /// Keep the proportions and surround the picture.
    Letterbox {
        /// Where the picture lies.
        anchor: Anchor,
        /// Grey that surrounds it, `0..=255` before mean and std.
        pad: u8,
    },
}

/// Where a letterboxed picture lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// In the corner, as YOLOX was trained.
    TopLeft,
    /// In the middle.
    Centre,
}

/// Why a model's folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// A file is missing or can't be read.
    #[error("read {path}: {reason} (a model is a folder with model.onnx and model.toml)")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// The manifest is wrong.
    #[error("{path}: {}", list(faults))]
    Wrong {
        /// `model.toml`.
        path: PathBuf,
        /// Everything that is wrong.
        faults: Vec<Fault>,
    },
    /// `model.onnx` is not the file that the manifest was written for.
    #[error("{path}: SHA-256 is {found}, but model.toml says {expected}: fetch the model again, or correct sha256")]
    Hash {
        /// `model.onnx`.
        path: PathBuf,
        /// Of the file.
        found: String,
        /// Of the manifest.
        expected: String,
    },
}

impl Manifest {
    /// Reads `model.toml` in `folder`, and checks that `model.onnx` beside it is the file it was written for.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn load(folder: &Path) -> Result<Self, ManifestError> {
        let manifest = Self::read(folder)?;
        let path = Self::network(folder);
        let found = sha256(&path).map_err(|e| ManifestError::Read { path: path.clone(), reason: e.to_string() })?;
        match &manifest.sha256 {
            Some(expected) if *expected != found => {
                Err(ManifestError::Hash { path, found, expected: expected.clone() })
            }
            _ => Ok(manifest),
        }
    }

    /// Reads `model.toml` in `folder` alone.
    ///
    /// # Errors
    /// What is wrong with it.
    #[expect(clippy::disallowed_methods, reason = "a model is a folder, read once when a program starts")]
    pub fn read(folder: &Path) -> Result<Self, ManifestError> {
        let path = folder.join("model.toml");
        let text = std::fs::read_to_string(&path)
            .map_err(|e| ManifestError::Read { path: path.clone(), reason: e.to_string() })?;
        Self::parse(&text).map_err(|faults| ManifestError::Wrong { path, faults })
    }

    /// The network's file in a model's folder.
    pub fn network(folder: &Path) -> PathBuf {
        folder.join("model.onnx")
    }

    /// Reads the text of a manifest.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let reading = Reading::new(text);
        let table = match DeTable::parse(text) {
            Ok(table) => table.into_inner(),
            Err(e) => {
                reading.fault(e.span().map_or(0, |s| s.start), e.message().to_owned());
                return Err(reading.into_faults());
            }
        };
        let mut top = Section::new(&reading, String::new(), 0, table);
        let name = top.text("name");
        let description = top.text("description");
        let licence = top.text("licence");
        let source = top.text("source");
        let sha256 = top.has("sha256").then(|| hash(&mut top));
        let labels = labels(&mut top);
        let input = input(top.section("input"));
        let mut section = top.section("head");
        let nms = section.has("nms").then(|| section.number("nms", 0.0..1.0));
        let head = head::read(&mut section, &input, labels.len());
        if nms.is_none() && head.as_ref().is_some_and(Head::repeats) {
            section.fault(section.position("nms"), "nms", "is missing, expected a number from 0 to 1");
        }
        section.finish();
        top.finish();
        let faults = reading.into_faults();
        match head {
            Some(head) if faults.is_empty() => {
                Ok(Self { name, description, licence, source, sha256, labels, input, head, nms })
            }
            _ => Err(faults),
        }
    }
}

fn hash(top: &mut Section<'_, '_>) -> String {
    let at = top.position("sha256");
    let (is_text, hash) = (top.is_text("sha256"), top.text("sha256").to_ascii_lowercase());
    if is_text && !hash.is_empty() && (hash.len() != 64 || !hash.bytes().all(|b| b.is_ascii_hexdigit())) {
        let message = format!("is {hash:?}, expected 64 hexadecimal digits; leave it out if you don't know it");
        top.fault(at, "sha256", &message);
    }
    hash
}

fn labels(top: &mut Section<'_, '_>) -> Vec<Label> {
    if top.is_text("labels") {
        return match top.one_of("labels", &["coco80", "coco91"]) {
            Some("coco91") => labels::coco_91().into_iter().map(Label::from).collect(),
            _ => labels::COCO_80.into_iter().map(Label::from).collect(),
        };
    }
    let at = top.position("labels");
    let labels = top.texts("labels");
    if labels.is_empty() || labels.len() > 10_000 {
        let message = format!("has {} texts, expected \"coco80\", \"coco91\" or 1 to 10000 of them", labels.len());
        top.fault(at, "labels", &message);
    }
    labels.into_iter().map(Label::from).collect()
}

fn input(mut section: Section<'_, '_>) -> Input {
    let sides = 16..=8192;
    let name = section.text("name");
    let width = section.whole("width", sides.clone());
    let height = section.whole("height", sides);
    let color = section.word("color", [("bgr", Color::Bgr), ("rgb", Color::Rgb)]);
    let mean = section.numbers("mean");
    let at = section.position("std");
    let std: [f32; 3] = section.numbers("std");
    if std.contains(&0.0) {
        section.fault(at, "std", &format!("is {std:?}, expected no 0: pixels are divided by it"));
    }
    let resize = match section.one_of("resize", &["letterbox", "stretch"]) {
        Some("stretch") => Resize::Stretch,
        _ => Resize::Letterbox {
            anchor: section.word("anchor", [("top-left", Anchor::TopLeft), ("centre", Anchor::Centre)]),
            pad: section.whole("pad", 0..=255) as u8,
        },
    };
    section.finish();
    Input { name, width, height, color, mean, std, resize }
}

#[expect(clippy::disallowed_types, reason = "a model is a folder, read once when a program starts")]
fn sha256(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Sha256::new();
    let mut chunk = vec![0; 64 * 1024];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            n => hasher.update(&chunk[..n]),
        }
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
