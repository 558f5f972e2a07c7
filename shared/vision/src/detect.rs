//! A picture goes in, boxes come out.
//!
//! 1. [`letterbox`](crate::letterbox) fits the picture into the network's input;
//! 2. the [`engine`] runs the network;
//! 3. the [head](crate::head) turns its outputs into boxes, [suppression](crate::suppress) leaves one for each thing;
//! 4. boxes are mapped back into the picture and named.
//!
//! A detector belongs to one task: it keeps the buffers of one picture and no state between pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_media::frame::Planes;
use omma_protocol::detection::{Detection, Label};

use crate::engine::{self, Device, Engine, EngineChoice, EngineError, Network};
use crate::head::{Candidate, Head};
use crate::letterbox::{Letterbox, LetterboxError};
use crate::manifest::{Manifest, ManifestError};
use crate::suppress::{sort, suppress};

/// What to detect, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct DetectorConfig {
    /// Folder with `model.onnx` and `model.toml`.
    pub model: PathBuf,
    /// Which engine runs it.
    pub engine: EngineChoice,
    /// ONNX Runtime's library.
    pub onnxruntime: Option<PathBuf>,
    /// Where ONNX Runtime computes.
    pub device: Device,
    /// Threads of ONNX Runtime. tract uses one.
    pub threads: usize,
    /// Boxes below this score are left out, `0.0..=1.0`.
    pub min_score: f32,
    /// Only these labels; all where there is none.
    pub labels: Option<Vec<String>>,
}

impl Default for DetectorConfig {
    /// No model: that one must be named.
    fn default() -> Self {
        Self {
            model: PathBuf::new(),
            engine: EngineChoice::Auto,
            onnxruntime: None,
            device: Device::Auto,
            threads: 1,
            min_score: 0.4,
            labels: None,
        }
    }
}

/// Why nothing can be detected.
#[derive(Debug, thiserror::Error)]
pub enum DetectError {
    /// The model's folder.
    #[error("load model: {0}")]
    Manifest(#[from] ManifestError),
    /// The engine.
    #[error("detect: {0}")]
    Engine(#[from] EngineError),
    /// A label was asked for that the model doesn't know.
    #[error("model {model} has no label {label:?}{}", hint(nearest))]
    Label {
        /// The model.
        model: String,
        /// The label.
        label: String,
        /// The label it has that is most alike.
        nearest: Option<String>,
    },
    /// `min_score` is no score.
    #[error("min_score is {0}, expected a number from 0 to 1")]
    Score(f32),
    /// The picture.
    #[error("detect: {0}")]
    Picture(#[from] LetterboxError),
}

/// Why a look failed.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The detector says why.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// There is none: it failed, and why it could not be loaded anew.
    #[error("there is no detector: {0}")]
    Nothing(Arc<str>),
}

impl LookError {
    /// What is the picture's fault says nothing of the detector.
    #[must_use]
    pub fn is_of_the_picture(&self) -> bool {
        !matches!(self, Self::Detect(DetectError::Engine(_)) | Self::Nothing(_))
    }
}

/// How long the parts of the last detection took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Timings {
    /// Fitting the picture into the input.
    pub letterbox: Duration,
    /// Running the network.
    pub infer: Duration,
    /// From outputs to boxes.
    pub head: Duration,
}

/// Finds things in pictures.
pub struct Detector {
    model: String,
    engine: Box<dyn Engine>,
    note: Option<String>,
    letterbox: Letterbox,
    head: Head,
    nms: Option<f32>,
    min_score: f32,
    /// By class: the label under which it is reported.
    labels: Vec<Option<Label>>,
    found: Vec<Candidate>,
    timings: Timings,
}

impl Detector {
    /// Loads a model and runs it once, which takes up to two seconds: do it while the camera connects.
    pub fn load(config: &DetectorConfig) -> Result<Self, DetectError> {
        if !(0.0..=1.0).contains(&config.min_score) {
            return Err(DetectError::Score(config.min_score));
        }
        let manifest = Manifest::load(&config.model)?;
        let labels = wanted(&manifest, config.labels.as_deref())?;
        if manifest.sha256.is_none() {
            tracing::info!(model = manifest.name, "model.toml names no sha256: model.onnx is taken as it is");
        }
        let network = Network {
            file: &Manifest::network(&config.model),
            input: &manifest.input.name,
            sizes: manifest.head.sizes(),
            shape: [1, 3, manifest.input.height, manifest.input.width],
            outputs: &manifest.head.outputs(),
        };
        let opened =
            engine::open(&network, config.engine, config.onnxruntime.as_deref(), config.device, config.threads)?;
        Ok(Self {
            model: manifest.name,
            engine: opened.engine,
            note: opened.note,
            letterbox: Letterbox::new(&manifest.input),
            head: manifest.head,
            nms: manifest.nms,
            min_score: config.min_score,
            labels,
            found: vec![],
            timings: Timings::default(),
        })
    }

    /// What is in the picture, the surest first; boxes in units of the picture.
    #[expect(clippy::disallowed_methods, reason = "it measures itself, and decides nothing by that")]
    pub fn detect(&mut self, planes: Planes<'_>) -> Result<Vec<Detection>, DetectError> {
        let start = Instant::now();
        let placement = self.letterbox.fill(planes, self.engine.input()?)?;
        let fitted = Instant::now();
        let mut ran = fitted;
        let (head, labels, found) = (&self.head, &self.labels, &mut self.found);
        self.engine.run(&mut |outputs| {
            ran = Instant::now();
            found.clear();
            head.decode(outputs, self.min_score, found);
        })?;
        found.retain(|c| c.is_finite() && labels.get(c.class).is_some_and(Option::is_some));
        match self.nms {
            Some(threshold) => suppress(found, threshold),
            None => sort(found),
        }
        let named = found.iter().filter_map(|c| {
            let label = labels[c.class].clone()?;
            Some(Detection { label, score: c.score, rect: placement.to_picture(c) })
        });
        let detections = named.filter(|d| d.rect.area() > 0.0).collect();
        self.timings = Timings { letterbox: fitted - start, infer: ran - fitted, head: ran.elapsed() };
        Ok(detections)
    }

    /// Engine that runs the model: `tract`, `ort`, `ort-cuda`.
    pub fn engine(&self) -> &str {
        self.engine.name()
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Why the model isn't run by the engine or on the device that would have been better, where that is so.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Labels that may be reported.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        self.labels.iter().flatten()
    }

    /// How long the parts of the last detection took.
    pub fn timings(&self) -> Timings {
        self.timings
    }
}

/// What can be said against a model's folder, against labels that are asked of it, and against the library that the engine is to
/// have, before anything is loaded: all of it, each by the key of a configuration that is to be mended.
pub fn objections(
    model: &Path,
    labels: Option<&[String]>,
    engine: EngineChoice,
    onnxruntime: Option<&Path>,
) -> Vec<(&'static str, String)> {
    let of_model = model_objections(model, labels);
    let of_library = library_objection(engine, onnxruntime).map(|objection| ("onnxruntime", objection));
    of_model.into_iter().chain(of_library).collect()
}

/// With the other engines the library is looked for in vain, and tract does without it.
fn library_objection(engine: EngineChoice, onnxruntime: Option<&Path>) -> Option<String> {
    match onnxruntime {
        _ if engine != EngineChoice::Ort => None,
        None => Some("needed with `engine = \"ort\"`: the file of libonnxruntime".to_owned()),
        Some(library) if library.is_file() => None,
        Some(library) => Some(format!("expected the file of libonnxruntime: {} is none", library.display())),
    }
}

fn model_objections(model: &Path, labels: Option<&[String]>) -> Vec<(&'static str, String)> {
    let manifest = match Manifest::read(model) {
        Ok(manifest) => manifest,
        Err(error) => return vec![("model", error.to_string())],
    };
    let network = Manifest::network(model);
    let missing = (!network.is_file()).then(|| {
        ("model", format!("there is no {}: a model is a folder with model.onnx and model.toml", network.display()))
    });
    let labels = unknown(&manifest, labels.unwrap_or_default()).map(|error| ("labels", error.to_string()));
    missing.into_iter().chain(labels).collect()
}

fn wanted(manifest: &Manifest, only: Option<&[String]>) -> Result<Vec<Option<Label>>, DetectError> {
    if let Some(error) = unknown(manifest, only.unwrap_or_default()).next() {
        return Err(error);
    }
    let asked = |label: &Label| only.is_none_or(|only| only.iter().any(|o| **o == **label));
    Ok(manifest.labels.iter().map(|l| Some(l.clone()).filter(|l| !l.is_empty() && asked(l))).collect())
}

/// Those that the model does not have.
fn unknown<'a>(manifest: &'a Manifest, labels: &'a [String]) -> impl Iterator<Item = DetectError> + 'a {
    let is_unknown = move |label: &&String| label.is_empty() || !manifest.labels.iter().any(|l| **l == ***label);
    labels.iter().filter(is_unknown).map(move |label| {
        let likeness = |l: &Label| strsim::jaro_winkler(label, l);
        let nearest = manifest.labels.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|l| likeness(l) > 0.7).map(|l| l.to_string());
        DetectError::Label { model: manifest.name.clone(), label: label.clone(), nearest }
    })
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|n| format!("; did you mean {n:?}?")).unwrap_or_default()
}
