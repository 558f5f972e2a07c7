//! Looking at one camera's pictures: decode → detect → track → event.
//!
//! A thread for each camera that is looked at on the edge, since decoding and detecting keep a core busy:
//!
//! 1. take the next unit and decode it, every one, since each builds on those before;
//! 2. keep the frame if it is its turn ([`Pace`]); a newer one replaces it while more units wait;
//! 3. when no unit waits, detect in the frame, with the one detector that all cameras share;
//! 4. follow the boxes, tell the uplink the result, put events and pictures into the outbox.
//!
//! When the stream falls silent or the program ends, open events are closed at the last frame seen.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use edge_core::Moment;
use edge_core::unit_queue::Arrived;
use omma_media::decode::{DecodeError, Decoder};
use omma_media::frame::{Frame, FramePool};
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::Lasting;
use omma_protocol::wire::quic::CameraResult;
use omma_runtime::step::Step;
use omma_vision::analysis::{Analysis, AnalysisConfig, AnalysisCounts};
use omma_vision::detect::Detector;
use omma_vision::pace::Pace;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::outbox::Outbox;
use crate::unit::Reader;

/// Results that the uplink may be behind; then the oldest are lost to it and counted there.
pub const RESULTS: usize = 64;
/// Longer than the pause of a reconnect; then what was seen is taken to be gone.
const SILENCE: Duration = Duration::from_secs(10);
/// One frame that waits, one that is looked at.
const FRAMES: usize = 2;

/// Where results go.
pub type Results = broadcast::Sender<Arc<CameraResult>>;

/// The detector of all cameras. Its lock is held for one detection; an edge has few cores to share in any case.
pub type SharedDetector = Arc<Mutex<Detector>>;

/// One camera's analysis.
pub struct Looker {
    camera: Arc<Camera>,
    clock: EdgeClock,
    decoder: Decoder,
    detector: SharedDetector,
    analysis: Analysis,
    pace: Pace,
    pool: FramePool,
    waiting: Option<Waiting>,
    results: Results,
    outbox: Outbox,
    steps: Steps,
    told: Option<String>,
    left_out: AnalysisCounts,
}

/// A frame whose turn it is, and when its unit came.
struct Waiting {
    frame: Arc<Frame>,
    at: Moment,
}

struct Steps {
    decode: Step,
    detect: Step,
    track: Step,
    event: Step,
}

enum Next {
    Unit(Arrived),
    Silence,
    End,
}

impl Looker {
    /// Waits for its first unit.
    pub fn new(
        camera: Arc<Camera>,
        clock: EdgeClock,
        decoder: Decoder,
        detector: SharedDetector,
        results: Results,
        outbox: Outbox,
    ) -> Self {
        let analyst = {
            let detector = detector.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::new(Analyst { place: Place::Edge, engine: detector.engine().into(), model: detector.model().into() })
        };
        let config =
            AnalysisConfig { rules: camera.rules.clone(), ..AnalysisConfig::seeded(camera.min_score, rand::random()) };
        let analysis = Analysis::new(camera.id.clone(), analyst, config);
        let steps = Steps {
            decode: Step::new("decode"),
            detect: Step::new("detect"),
            track: Step::new("track"),
            event: Step::new("event"),
        };
        Self {
            pace: Pace::new(camera.rate),
            decoder,
            pool: FramePool::new(FRAMES),
            waiting: None,
            told: None,
            left_out: AnalysisCounts::default(),
            camera,
            clock,
            detector,
            analysis,
            results,
            outbox,
            steps,
        }
    }

    /// Runs until `token` is cancelled or the outbox has ended. Blocks: give it a thread of its own.
    pub fn run(mut self, mut units: Reader, runtime: &Handle, token: &CancellationToken) {
        loop {
            let next = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = token.cancelled() => Next::End,
                    unit = tokio::time::timeout(SILENCE, units.next()) => unit.map_or(Next::Silence, Next::Unit),
                }
            });
            let lasting = match &next {
                Next::Unit(arrived) => self.unit(arrived, units.is_empty()),
                Next::Silence | Next::End => self.analysis.finish(),
            };
            lasting.iter().for_each(|_| self.steps.event.done());
            if self.outbox.put_blocking(lasting).is_err() || matches!(next, Next::End) {
                return;
            }
        }
    }

    fn unit(&mut self, arrived: &Arrived, last: bool) -> Vec<Lasting> {
        self.decode(arrived);
        let Some(waiting) = &self.waiting else { return vec![] };
        // While units wait, the newest frame is still to come; but a decoder that never catches up must not keep
        // every frame from being looked at.
        let overdue = arrived.unit.time.since(waiting.frame.time) >= self.pace.interval();
        match self.waiting.take_if(|_| last || overdue) {
            Some(waiting) => self.look(&waiting),
            None => vec![],
        }
    }

    fn decode(&mut self, arrived: &Arrived) {
        let _step = self.steps.decode.span().entered();
        let began = Instant::now();
        match self.decoder.decode(&arrived.unit) {
            Ok(Some(decoded)) => {
                self.steps.decode.observe(began.elapsed());
                self.steps.decode.done();
                if self.pace.takes(decoded.time()) {
                    if self.waiting.is_some() {
                        self.steps.detect.dropped("newer frame");
                    }
                    self.waiting = Some(Waiting { frame: decoded.to_frame(&self.pool), at: arrived.at });
                }
            }
            Ok(None) => self.steps.decode.dropped("no picture"),
            Err(e @ DecodeError::Broken { .. }) => {
                self.steps.decode.dropped("broken");
                tracing::debug!(camera = %self.camera.id, error = %e, "decode");
            }
            Err(e) => {
                self.steps.decode.dropped("unsupported");
                self.tell(e.to_string());
            }
        }
    }

    fn look(&mut self, waiting: &Waiting) -> Vec<Lasting> {
        let _step = self.steps.detect.span().entered();
        let began = Instant::now();
        let found = {
            let mut detector = self.detector.lock().unwrap_or_else(PoisonError::into_inner);
            detector.detect(waiting.frame.planes())
        };
        let detections = match found {
            Ok(detections) => detections,
            Err(e) => {
                self.steps.detect.dropped("failed");
                self.tell(e.to_string());
                return vec![];
            }
        };
        self.steps.detect.observe(began.elapsed());
        self.steps.detect.done();
        self.told = None;

        let began = Instant::now();
        let tracks = self.analysis.follow(&waiting.frame, detections);
        self.steps.track.observe(began.elapsed());
        self.steps.track.done();

        let began = Instant::now();
        let took = self.clock.now().saturating_sub(waiting.at);
        let looked = self.analysis.see(&waiting.frame, tracks, took);
        self.steps.event.observe(began.elapsed());
        self.count_left_out();
        let result = CameraResult { camera: self.camera.id.clone(), result: looked.result };
        // Without a connection to the hub nobody listens, and that is no fault.
        drop(self.results.send(Arc::new(result)));
        looked.lasting
    }

    fn count_left_out(&mut self) {
        let counts = self.analysis.counts();
        let before = std::mem::replace(&mut self.left_out, counts);
        for (step, reason, count) in [
            (&self.steps.track, "masked", counts.masked - before.masked),
            (&self.steps.track, "too many", counts.tracks_refused - before.tracks_refused),
            (&self.steps.event, "too many", counts.events_refused - before.events_refused),
            (&self.steps.event, "picture failed", counts.pictures_failed - before.pictures_failed),
        ] {
            if count > 0 {
                step.dropped_many(reason, count);
            }
        }
    }

    /// Once for each new reason: a fault of the stream comes back with every picture.
    fn tell(&mut self, reason: String) {
        if self.told.as_ref() != Some(&reason) {
            tracing::warn!(camera = %self.camera.id, reason, "the camera's pictures can't be looked at");
            self.told = Some(reason);
        }
    }
}
