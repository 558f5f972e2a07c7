//! What all cameras share: a turn at a time ([`turns`]) the detector, and the machine's cores to decode on; for a stretch of
//! their streams [`decoders`], and seats ([`omma_vision::seats`]), which are the right to such a stretch.
//!
//! A detector that fails at every look is loaded anew, on another device if need be, and `/readyz` says so until one works, or
//! nobody is looked at any more for whom it does not ([`omma_vision::failing`]).
//!
//! Without turns at the cores, a hundred threads that decode would leave a hundredth of a core to the detector, and none for
//! what forwards live video. Without seats, each would decode the beginning of each group of pictures and give up before the
//! next look.

mod turns;

mod decoders;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use edge_core::Moment;
use omma_media::frame::{FramePool, Planes};
use omma_protocol::detection::{Analyst, Detection, Place};
use omma_protocol::id::CameraId;
use omma_runtime::health::Part;
use omma_vision::detect::{Detector, DetectorConfig, LookError};
use omma_vision::engine::EngineChoice;
use omma_vision::failing::{Renewal, Verdict};
use omma_vision::fair::Rank;
use omma_vision::seats::Seats;
use tokio_util::sync::CancellationToken;

pub(crate) use decoders::Decoders;
use turns::{Asked, Turn, Turns};

/// The detector for one look, when the camera's turn comes.
pub(crate) type AskedDetector = Asked<Held>;

/// The detector for one look.
pub(crate) type DetectorTurn = Turn<Held>;

/// What there is to look with.
pub(crate) enum Held {
    /// A detector, and its name.
    Detector(Box<Detector>, Arc<Analyst>),
    /// It failed, and can't be loaded anew: why.
    Nothing(Arc<str>),
}

impl Held {
    /// With its name.
    fn new(detector: Detector) -> (Self, Arc<Analyst>) {
        let analyst = Analyst { place: Place::Edge, engine: detector.engine().into(), model: detector.model().into() };
        let analyst = Arc::new(analyst);
        (Self::Detector(Box::new(detector), Arc::clone(&analyst)), analyst)
    }
}

/// The right to decode one unit, when the camera's turn comes.
pub(crate) type AskedCore = Asked<()>;

/// The right to decode one unit.
pub(crate) type CoreTurn = Turn<()>;

/// Clones share it.
#[derive(Debug, Clone)]
pub struct Shared {
    detector: Turns<Held>,
    cores: Turns<()>,
    decoders: Decoders,
    frames: FramePool,
    seats: Arc<Mutex<Seats<CameraId>>>,
    /// What a look takes, on average, µs.
    look_us: Arc<AtomicU64>,
    /// Of what was loaded first.
    analyst: Arc<Analyst>,
    config: Arc<DetectorConfig>,
    renewal: Arc<Mutex<Renewal<CameraId>>>,
    part: Part,
}

impl Shared {
    /// Loads the detector, and says which engine runs it. `part` tells whether it works.
    ///
    /// # Errors
    /// Why it can't be loaded.
    pub async fn load(config: DetectorConfig, part: Part) -> anyhow::Result<Self> {
        let (wanted, library) = (config.engine, config.onnxruntime.clone());
        let config = Arc::new(config);
        let known = Arc::clone(&config);
        let loaded = tokio::task::spawn_blocking(move || Detector::load(&known)).await?;
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
        part.ready();
        Ok(Self::new(detector, config, part))
    }

    /// Shares this detector, and as many cores as this process may use.
    fn new(detector: Detector, config: Arc<DetectorConfig>, part: Part) -> Self {
        let (detector, analyst) = Held::new(detector);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            detector: Turns::of(vec![detector]),
            cores: Turns::of(vec![(); cores]),
            decoders: Decoders::new(cores),
            // One on each core, and for each one that waits for the detector.
            frames: FramePool::new(2 * cores),
            seats: Arc::default(),
            look_us: Arc::default(),
            analyst,
            config,
            renewal: Arc::default(),
            part,
        }
    }

    /// The camera is no more.
    pub(crate) fn forget(&self, camera: &CameraId) {
        self.detector.forget(camera);
        self.cores.forget(camera);
        self.seats().forget(camera);
    }

    /// Who looks, until the first look.
    pub(crate) fn analyst(&self) -> Arc<Analyst> {
        Arc::clone(&self.analyst)
    }

    /// Asks for the camera's turn at the detector. It goes on decoding while it waits, and looks at what is its newest
    /// frame when the turn comes: so nothing waits for longer than until the next frame, however many cameras there are.
    pub(crate) fn ask_detector(&self, camera: &CameraId, rank: Rank) -> AskedDetector {
        self.detector.ask(camera, rank, None)
    }

    /// Waits for the camera's turn at the detector. `None` where `end` comes first.
    pub(crate) async fn wait_for_detector(
        &self,
        camera: &CameraId,
        rank: Rank,
        end: &CancellationToken,
    ) -> Option<DetectorTurn> {
        self.detector.wait(camera, rank, end).await
    }

    /// The detector where nobody looks, or waits for it or for a core: for a look that nobody must wait for.
    pub(crate) fn idle_detector(&self) -> Option<DetectorTurn> {
        self.detector.take_idle(&self.cores)
    }

    /// Asks for the camera's turn to decode, which is of use until then.
    pub(crate) fn ask_core(&self, camera: &CameraId, rank: Rank, until: Option<Instant>) -> AskedCore {
        self.cores.ask(camera, rank, until)
    }

    /// How long a frame would wait for the detector now, about.
    pub(crate) fn detector_wait(&self) -> Duration {
        let waiting = u32::try_from(self.detector.waiting()).unwrap_or(u32::MAX);
        Duration::from_micros(self.look_us.load(Ordering::Relaxed)).saturating_mul(waiting)
    }

    /// A look of the camera's failed. What is the picture's fault, and no engine's, says nothing of the detector. Where it is down
    /// this may load it anew, which takes up to some seconds, of a detector that is of no use meanwhile.
    pub(crate) fn failed(&self, camera: &CameraId, turn: &mut DetectorTurn, why: &LookError, now: Moment) {
        if why.is_of_the_picture() {
            return;
        }
        let Verdict::Down { renew } = self.renewal().failed(camera, now) else { return };
        self.part.not_ready(why.to_string());
        if !renew {
            return;
        }
        // The one of before goes first: where memory is what is short, there is none for two.
        turn.replace(Held::Nothing(why.to_string().into()));
        let began = Instant::now();
        match Detector::load(&self.config) {
            Ok(detector) => {
                let (engine, note) = (detector.engine(), detector.note());
                tracing::warn!(step = "detect", why = %why, engine, note, "the detector failed at every look: it was loaded anew");
                turn.replace(Held::new(detector).0);
            }
            Err(e) => {
                self.renewal().gone(now + began.elapsed());
                let said: Arc<str> = e.to_string().into();
                // It is tried again every half minute.
                if !matches!(why, LookError::Nothing(before) if *before == said) {
                    tracing::error!(step = "detect", error = %e, "the detector fails at every look, and can't be loaded anew");
                }
                turn.replace(Held::Nothing(said));
            }
        }
    }

    /// The camera is not looked at any more.
    pub(crate) fn looks_no_more(&self, camera: &CameraId) {
        if self.renewal().leaves(camera) {
            self.part.ready();
        }
    }

    /// A look took that long.
    pub(crate) fn looked(&self, took: Duration, now: Moment) {
        if self.renewal().worked(now) {
            self.part.ready();
        }
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        // One of the looks at the same time may be lost to the average.
        let before = self.look_us.load(Ordering::Relaxed);
        let average = if before == 0 { took } else { before - before / 8 + took / 8 };
        self.look_us.store(average, Ordering::Relaxed);
    }

    fn renewal(&self) -> MutexGuard<'_, Renewal<CameraId>> {
        self.renewal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is decoded whole.
    pub(crate) fn seats(&self) -> MutexGuard<'_, Seats<CameraId>> {
        // No code that can panic runs under the lock half-way through a change.
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What decodes.
    pub(crate) fn decoders(&self) -> &Decoders {
        &self.decoders
    }

    /// Where frames that are looked at come from.
    pub(crate) fn frames(&self) -> &FramePool {
        &self.frames
    }
}

impl DetectorTurn {
    /// Finds things in one picture, and says who did.
    pub(crate) fn detect(&mut self, planes: Planes<'_>) -> Result<(Vec<Detection>, Arc<Analyst>), LookError> {
        let found = self.with(|held| match held {
            Held::Detector(detector, analyst) => Ok((detector.detect(planes)?, Arc::clone(analyst))),
            Held::Nothing(why) => Err(LookError::Nothing(Arc::clone(why))),
        });
        found.unwrap_or_else(|| Err(LookError::Nothing("the turn is over".into())))
    }
}
