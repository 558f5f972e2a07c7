//! Runs a network. Two engines: [tract], in the program itself, and [ONNX Runtime], a library loaded when asked for,
//! two to three times as fast.
//!
//! `auto` takes ONNX Runtime where its library is given or found ([`FOUND`]) and loads, else tract, and says why. Wanting
//! CUDA and not getting it is never silent either: the session is made with `error_on_failure`, since ONNX Runtime by itself falls
//! back to the CPU with no more than a line of log.
//!
//! [tract]: https://github.com/sonos/tract
//! [ONNX Runtime]: https://onnxruntime.ai

#[cfg(not(any(feature = "ort", feature = "tract")))]
compile_error!("omma-vision runs no network without an engine: enable the feature `tract` or `ort`");

#[cfg(feature = "ort")]
mod ort;

#[cfg(feature = "tract")]
mod tract;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::head::Output;

/// What `auto` looks for where no library is given: beside the program, then as the system's loader does (`ld.so(8)`).
const FOUND: &str = "libonnxruntime.so";

/// Which engine runs the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineChoice {
    /// ONNX Runtime where its library is given, or found by the system's loader, and loads, else tract.
    #[default]
    Auto,
    /// tract, always on one thread.
    Tract,
    /// ONNX Runtime; an error where it can't be had.
    Ort,
}

/// Where ONNX Runtime computes. tract computes on the CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Device {
    /// CUDA where the library was built with it and a device answers, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA; without it the CPU, and the detector's note says why.
    Cuda,
}

/// Why an engine can't run a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Left out when the program was built.
    #[error("this program was built without the engine {engine}; build with --features {engine}, or choose another")]
    NotBuilt {
        /// `ort` or `tract`.
        engine: &'static str,
    },
    /// ONNX Runtime was asked for by name.
    #[error("engine ort needs the path of libonnxruntime.so")]
    NoLibrary,
    /// The library is missing, too old, or no ONNX Runtime.
    #[error("load ONNX Runtime from {path}: {reason}")]
    Library {
        /// The library.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The network can't be loaded.
    #[error("load {path} into {engine}: {reason}")]
    Load {
        /// `ort` or `tract`.
        engine: &'static str,
        /// `model.onnx`.
        path: PathBuf,
        /// What the engine said.
        reason: String,
    },
    /// The manifest names an input or output that the network doesn't have.
    #[error("{key} in model.toml is {name:?}, but {path} has no {what} of that name; it has {}", known.join(", "))]
    NoSuch {
        /// `model.onnx`.
        path: PathBuf,
        /// `input` or `output`.
        what: &'static str,
        /// The manifest's key.
        key: String,
        /// The name.
        name: String,
        /// Names it has.
        known: Vec<String>,
    },
    /// The network has an input for which there is nothing.
    #[error("{path} wants a further input {name:?}, which nothing in model.toml gives it: export it without")]
    Unfed {
        /// `model.onnx`.
        path: PathBuf,
        /// The input.
        name: String,
    },
    /// The network's input is no picture as it is given one.
    #[error("{path} takes {found} as its input, not f32 [1, 3, height, width]: export it so")]
    Layout {
        /// `model.onnx`.
        path: PathBuf,
        /// Type and shape; -1 is open.
        found: String,
    },
    /// The network's input has a fixed size, which is not the manifest's.
    #[error(
        "input.{key} in model.toml is {asked}, but {path} takes {found}: correct it, or export the network with an open size"
    )]
    Size {
        /// `model.onnx`.
        path: PathBuf,
        /// `width` or `height`.
        key: &'static str,
        /// The manifest's.
        asked: usize,
        /// The network's.
        found: usize,
    },
    /// An output has another shape than the manifest's head asks for.
    #[error(
        "head.{key} in model.toml is {name:?}, which is {found:?} in {path}, but head, labels and input ask for {asked:?}: \
         correct them"
    )]
    Shape {
        /// `model.onnx`.
        path: PathBuf,
        /// The manifest's key in `head`.
        key: &'static str,
        /// The output.
        name: String,
        /// The manifest's.
        asked: Vec<usize>,
        /// The network's.
        found: Vec<usize>,
    },
    /// The network couldn't be run.
    #[error("run the network on {engine}: {reason}")]
    Run {
        /// `ort` or `tract`.
        engine: &'static str,
        /// What the engine said.
        reason: String,
    },
}

/// A network as a manifest describes it.
pub(crate) struct Network<'a> {
    pub(crate) file: &'a Path,
    pub(crate) input: &'a str,
    /// An input `[1, 2]` i64 that is told the width and height of the other.
    pub(crate) sizes: Option<&'a str>,
    /// `[1, 3, height, width]`.
    pub(crate) shape: [usize; 4],
    pub(crate) outputs: &'a [Output],
}

impl Network<'_> {
    /// Width and height, for the input [`Network::sizes`].
    fn size(&self) -> [i64; 2] {
        let [_, _, height, width] = self.shape;
        [width as i64, height as i64]
    }
}

/// A network that is ready to run. One task owns it.
pub(crate) trait Engine: Send {
    /// `tract`, `ort` or `ort-cuda`.
    fn name(&self) -> &'static str;

    /// The input, to be filled before [`Engine::run`]. It keeps its values.
    fn input(&mut self) -> Result<&mut [f32], EngineError>;

    /// Runs the network and shows its outputs, in the order of [`Network::outputs`], where they lie. Whole numbers are
    /// shown as f32, which holds each up to 2²⁴.
    fn run(&mut self, read: &mut dyn FnMut(&[&[f32]])) -> Result<(), EngineError>;

    /// Runs the network for its outputs' shapes, in the order of [`Network::outputs`].
    fn shapes(&mut self) -> Result<Vec<Vec<usize>>, EngineError>;
}

/// A network that is ready to run, and why it isn't run by what was wished for first.
pub(crate) struct Opened {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) note: Option<String>,
}

/// Loads a network, warms it up, and checks that its outputs are what the head expects.
pub(crate) fn open(
    network: &Network<'_>,
    choice: EngineChoice,
    library: Option<&Path>,
    device: Device,
    threads: usize,
) -> Result<Opened, EngineError> {
    let mut opened = match (choice, library) {
        (EngineChoice::Tract, _) => open_tract(network, None, threads)?,
        (EngineChoice::Ort, Some(library)) => open_ort(network, library, device, threads)?,
        (EngineChoice::Ort, None) => return Err(EngineError::NoLibrary),
        (EngineChoice::Auto, Some(library)) => match open_ort(network, library, device, threads) {
            Ok(opened) => opened,
            Err(reason) => open_tract(network, Some(reason.to_string()), threads)?,
        },
        (EngineChoice::Auto, None) => match open_ort(network, Path::new(FOUND), device, threads) {
            Ok(opened) => opened,
            Err(reason) => open_tract(network, Some(format!("no ONNX Runtime library was given: {reason}")), threads)?,
        },
    };
    opened.engine.run(&mut |_| ())?;
    for (wanted, found) in network.outputs.iter().zip(opened.engine.shapes()?) {
        if !lie_alike(&wanted.shape, &found) {
            let (path, key, name) = (network.file.to_owned(), wanted.key, wanted.name.clone());
            return Err(EngineError::Shape { path, key, name, asked: wanted.shape.clone(), found });
        }
    }
    Ok(opened)
}

/// Whether values of these shapes lie in the same order: but for neighbouring dimensions that are one in one of them, and
/// for dimensions of 1, the shapes are equal. So `[1, 80, 4, 8]` is `[80, 32]`, and not `[1, 32, 80]`.
fn lie_alike(one: &[usize], other: &[usize]) -> bool {
    let strides = |shape: &[usize]| -> BTreeSet<usize> {
        let sizes = shape.iter().scan(1_usize, |size, dimension| {
            *size = size.saturating_mul(*dimension);
            Some(*size)
        });
        sizes.filter(|size| *size > 1).collect()
    };
    let values = |shape: &[usize]| shape.iter().product::<usize>();
    let (a, b) = (strides(one), strides(other));
    values(one) == values(other) && (a.is_subset(&b) || b.is_subset(&a))
}

#[cfg(feature = "ort")]
fn open_ort(network: &Network<'_>, library: &Path, device: Device, threads: usize) -> Result<Opened, EngineError> {
    let (engine, note) = ort::Ort::open(network, library, device, threads)?;
    Ok(Opened { engine: Box::new(engine), note })
}

#[cfg(not(feature = "ort"))]
fn open_ort(_: &Network<'_>, _: &Path, _: Device, _: usize) -> Result<Opened, EngineError> {
    Err(EngineError::NotBuilt { engine: "ort" })
}

/// tract, and why it is that.
#[cfg(feature = "tract")]
fn open_tract(network: &Network<'_>, why: Option<String>, threads: usize) -> Result<Opened, EngineError> {
    let one = (threads > 1).then(|| format!("tract computes with one thread, not with {threads}"));
    let note = why.into_iter().chain(one).collect::<Vec<_>>().join("; ");
    Ok(Opened { engine: Box::new(tract::Tract::open(network)?), note: (!note.is_empty()).then_some(note) })
}

#[cfg(not(feature = "tract"))]
fn open_tract(_: &Network<'_>, _: Option<String>, _: usize) -> Result<Opened, EngineError> {
    Err(EngineError::NotBuilt { engine: "tract" })
}

/// Where the manifest's inputs stand among those of the network, `known`: the picture's, and the one that is told its size. None
/// may be left that would be given nothing.
fn inputs(network: &Network<'_>, known: &[String]) -> Result<(usize, Option<usize>), EngineError> {
    let picture = position(network, "input", "input.name", network.input, known)?;
    let sizes = network.sizes.map(|name| position(network, "input", "head.sizes", name, known)).transpose()?;
    match known.iter().enumerate().find(|(at, _)| *at != picture && Some(*at) != sizes) {
        Some((_, name)) => Err(EngineError::Unfed { path: network.file.to_owned(), name: name.clone() }),
        None => Ok((picture, sizes)),
    }
}

/// Where the manifest's outputs stand among those of the network, `known`.
fn outputs(network: &Network<'_>, known: &[String]) -> Result<Vec<usize>, EngineError> {
    let at = |output: &Output| position(network, "output", &format!("head.{}", output.key), &output.name, known);
    network.outputs.iter().map(at).collect()
}

fn position(
    network: &Network<'_>,
    what: &'static str,
    key: &str,
    name: &str,
    known: &[String],
) -> Result<usize, EngineError> {
    known.iter().position(|k| k == name).ok_or_else(|| EngineError::NoSuch {
        path: network.file.to_owned(),
        what,
        key: key.to_owned(),
        name: name.to_owned(),
        known: known.to_vec(),
    })
}

/// Refuses a network whose input, of this type and shape, is no picture of `f32`, planes first, or one of a fixed size other than the
/// manifest's. A negative size is open, and so are an empty shape and type.
fn fits(network: &Network<'_>, kind: &str, found: &[i64]) -> Result<(), EngineError> {
    let path = || network.file.to_owned();
    let planes = matches!(found, [] | [-1 | 1, -1 | 3, _, _]);
    if !matches!(kind, "" | "f32") || !planes {
        return Err(EngineError::Layout { path: path(), found: format!("{kind} {found:?}") });
    }
    for (key, at) in [("height", 2), ("width", 3)] {
        let fixed = found.get(at).and_then(|size| usize::try_from(*size).ok());
        if let Some(found) = fixed.filter(|found| *found != network.shape[at]) {
            return Err(EngineError::Size { path: path(), key, asked: network.shape[at], found });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_that_is_no_picture_of_floats_planes_first_is_told_as_it_is() {
        let network =
            Network { file: Path::new("m.onnx"), input: "images", sizes: None, shape: [1, 3, 256, 416], outputs: &[] };
        let fault = |kind, found: &[i64]| fits(&network, kind, found).map_err(|e| e.to_string());
        for right in [[1, 3, 256, 416], [-1, -1, -1, -1], [-1, 3, 256, -1]] {
            assert_eq!(fault("f32", &right), Ok(()));
        }
        for (kind, found, told) in [
            ("f32", &[1, 256, 416, 3][..], "f32 [1, 256, 416, 3]"),
            ("f32", &[1, 1, 256, 416], "f32 [1, 1, 256, 416]"),
            ("f32", &[3, 256, 416], "f32 [3, 256, 416]"),
            ("f16", &[1, 3, 256, 416], "f16 [1, 3, 256, 416]"),
        ] {
            let fault = fault(kind, found).unwrap_err();
            assert!(fault.starts_with(&format!("m.onnx takes {told} as its input")), "{fault}");
        }
        assert!(fault("f32", &[1, 3, 255, 416]).unwrap_err().starts_with("input.height in model.toml is 256"));
    }

    #[test]
    fn shapes_are_alike_where_values_lie_in_the_same_order() {
        for (one, other) in [
            (&[1, 80, 4, 8][..], &[1, 80, 4, 8][..]),
            (&[1, 80, 4, 8], &[80, 32]),
            (&[1, 32, 80], &[32, 1, 80]),
            (&[1, 2560], &[1, 32, 80]),
            (&[1, 1], &[]),
        ] {
            assert!(lie_alike(one, other) && lie_alike(other, one), "{one:?} and {other:?}");
        }
        for (one, other) in [
            (&[1, 32, 80][..], &[1, 80, 32][..]),
            (&[1, 80, 4, 8], &[1, 4, 8, 80]),
            (&[1, 32, 80], &[1, 32, 81]),
            (&[1, 0], &[1]),
        ] {
            assert!(!lie_alike(one, other) && !lie_alike(other, one), "{one:?} and {other:?}");
        }
    }
}
