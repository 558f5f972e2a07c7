//! What all cameras share, a turn at a time ([`turns`]): the detector, and the machine's cores to decode on.
//!
//! Without the second, a hundred threads that decode would leave a hundredth of a core to the detector, and none for what
//! forwards live video.

mod turns;

use std::sync::Arc;

use anyhow::Context;
use omma_media::frame::Planes;
use omma_protocol::detection::{Analyst, Detection, Place};
use omma_protocol::id::CameraId;
use omma_vision::detect::{DetectError, Detector, DetectorConfig};
use omma_vision::engine::EngineChoice;
use omma_vision::fair::Rank;

use turns::{Asked, Turn, Turns};

/// The detector for one look, when the camera's turn comes.
pub(crate) type AskedDetector = Asked<Box<Detector>>;

/// The detector for one look.
pub(crate) type DetectorTurn = Turn<Box<Detector>>;

/// The right to decode one unit, when the camera's turn comes.
pub(crate) type AskedCore = Asked<()>;

/// The right to decode one unit.
pub(crate) type CoreTurn = Turn<()>;

/// Clones share it.
#[derive(Debug, Clone)]
pub struct Shared {
    detector: Turns<Box<Detector>>,
    cores: Turns<()>,
    analyst: Arc<Analyst>,
}

impl Shared {
    /// Loads the detector, and says which engine runs it.
    ///
    /// # Errors
    /// Why it can't be loaded.
    pub async fn load(config: DetectorConfig) -> anyhow::Result<Self> {
        let (wanted, library) = (config.engine, config.onnxruntime.clone());
        let loaded = tokio::task::spawn_blocking(move || Detector::load(&config)).await?;
        let detector = loaded.context("load the detector ([detect])")?;
        match detector.note() {
            Some(note) if wanted == EngineChoice::Auto && library.is_some() && detector.engine() == "tract" => {
                tracing::warn!(
                    step = "detect",
                    note,
                    "tract runs the model, two to three times slower than ONNX Runtime"
                );
            }
            note => {
                tracing::info!(step = "detect", engine = detector.engine(), model = detector.model(), note, "detector");
            }
        }
        Ok(Self::new(detector))
    }

    /// Shares this detector, and as many cores as this process may use.
    pub fn new(detector: Detector) -> Self {
        let analyst = Analyst { place: Place::Edge, engine: detector.engine().into(), model: detector.model().into() };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            detector: Turns::of(vec![Box::new(detector)]),
            cores: Turns::of(vec![(); cores]),
            analyst: Arc::new(analyst),
        }
    }

    /// The camera is no more.
    pub(crate) fn forget(&self, camera: &CameraId) {
        self.detector.forget(camera);
        self.cores.forget(camera);
    }

    /// Who looks.
    pub(crate) fn analyst(&self) -> Arc<Analyst> {
        Arc::clone(&self.analyst)
    }

    /// Asks for the camera's turn at the detector. It goes on decoding while it waits, and looks at what is its newest
    /// frame when the turn comes: so nothing waits for longer than until the next frame, however many cameras there are.
    pub(crate) fn ask_detector(&self, camera: &CameraId, rank: Rank) -> AskedDetector {
        self.detector.ask(camera, rank)
    }

    /// Asks for the camera's turn to decode.
    pub(crate) fn ask_core(&self, camera: &CameraId, rank: Rank) -> AskedCore {
        self.cores.ask(camera, rank)
    }
}

impl DetectorTurn {
    /// Finds things in one picture, and lets the next camera have the detector.
    pub(crate) fn detect(mut self, planes: Planes<'_>) -> Result<Vec<Detection>, DetectError> {
        self.with(|detector| detector.detect(planes))
    }
}
