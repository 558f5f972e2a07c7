//! Looking at one camera's pictures: gate → decode → detect → track → event.
//!
//! A thread for each camera that is looked at on the edge, since decoding and detecting keep a core busy:
//!
//! 1. take the next unit; the gate says whether it is decoded, alone or with what was skipped before ([`plan`]);
//! 2. of each frame that comes out, the gate says whether it is looked at, and whether for the gate alone (a probe);
//! 3. of the past, each frame that is asked for is looked at, in order; of the present, the newest when no unit waits,
//!    with the one detector that all cameras share;
//! 4. follow the boxes, tell the uplink the result, put events and pictures into the outbox;
//! 5. while the gate sees nothing change, tell the events that time passes.
//!
//! With the setting `gate = "always"` every unit is decoded, and `rate` frames a second are looked at.
//!
//! When the stream falls silent, detection is switched off or the program ends, open events are closed at the last frame
//! seen.

mod admission;

mod plan;

mod meters;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use edge_core::Moment;
use edge_core::unit_queue::Arrived;
use omma_media::decode::{DecodeError, Decoder};
use omma_media::frame::{Frame, FramePool};
use omma_protocol::detection::{Analyst, Detection, Place};
use omma_protocol::event::Lasting;
use omma_protocol::wire::quic::CameraResult;
use omma_runtime::step::Step;
use omma_vision::analysis::{Analysis, AnalysisConfig, AnalysisCounts};
use omma_vision::detect::Detector;
use omma_vision::gate::{Look, Thumbnail};
use omma_vision::pace::Pace;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::control::notices::Notices;
use crate::health::watchdog::Pulse;
use crate::outbox::{Ended, Outbox};
use crate::state::gates::Gates;
use crate::unit::Reader;
use admission::{Admission, Admitted};
use meters::{Kind, Meters};
use plan::{Plan, Task};

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

/// What a camera is looked at with.
pub struct Eyes {
    /// Its own.
    pub decoder: Decoder,
    /// Shared with the other cameras.
    pub detector: SharedDetector,
}

/// Who is told of what was seen.
#[derive(Debug, Clone)]
pub struct Told {
    /// The QUIC uplink, of results.
    pub results: Results,
    /// The outbox, of events and pictures.
    pub outbox: Outbox,
    /// `/state`, of the gate.
    pub gates: Gates,
    /// Who follows the edge over MQTT, of the newest picture.
    pub notices: Notices,
}

/// One camera's analysis.
pub struct Looker {
    camera: Arc<Camera>,
    clock: EdgeClock,
    plan: Plan,
    eyes: Eyes,
    analysis: Analysis,
    /// Time between two looks.
    interval: Duration,
    pool: FramePool,
    waiting: Option<Waiting>,
    told: Told,
    admission: Admission,
    pulse: Pulse,
    steps: Steps,
    meters: Meters,
    /// The reason that was logged last.
    logged: Option<String>,
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
    /// Waits for its first unit. Looks while `wanted`.
    pub fn new(
        camera: Arc<Camera>,
        clock: EdgeClock,
        eyes: Eyes,
        told: Told,
        wanted: watch::Receiver<bool>,
        pulse: Pulse,
    ) -> Self {
        let analyst = {
            let detector = eyes.detector.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::new(Analyst { place: Place::Edge, engine: detector.engine().into(), model: detector.model().into() })
        };
        let seeded = AnalysisConfig::seeded(camera.min_score, camera.rate, rand::random());
        let config = AnalysisConfig { rules: camera.rules.clone(), ..seeded };
        let steps = Steps {
            decode: Step::new("decode"),
            detect: Step::new("detect"),
            track: Step::new("track"),
            event: Step::new("event"),
        };
        Self {
            plan: Plan::new(camera.gate.clone()),
            analysis: Analysis::new(camera.id.clone(), analyst, config),
            interval: Pace::new(camera.rate).interval(),
            pool: FramePool::new(FRAMES),
            waiting: None,
            meters: Meters::new(&camera.id),
            logged: None,
            left_out: AnalysisCounts::default(),
            camera,
            clock,
            eyes,
            told,
            admission: Admission::new(wanted),
            pulse,
            steps,
        }
    }

    /// Runs until `token` is cancelled or the outbox has ended. Blocks: give it a thread of its own.
    pub fn run(mut self, mut units: Reader, runtime: &Handle, token: &CancellationToken) {
        loop {
            self.pulse.rest();
            let next = runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = token.cancelled() => Next::End,
                    unit = tokio::time::timeout(SILENCE, units.next()) => unit.map_or(Next::Silence, Next::Unit),
                }
            });
            let done = match next {
                Next::Unit(arrived) => match self.admission.admit(arrived) {
                    Admitted::Look(arrived) => {
                        self.plan.take(arrived);
                        self.work(&mut units, token)
                    }
                    Admitted::Close => {
                        self.waiting = None;
                        self.finish()
                    }
                    Admitted::Pass => Ok(()),
                },
                Next::Silence => self.finish(),
                Next::End => {
                    // Either way it is the end.
                    self.finish().unwrap_or_default();
                    return;
                }
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Decodes and looks until nothing is left of what was taken.
    fn work(&mut self, units: &mut Reader, token: &CancellationToken) -> Result<(), Ended> {
        while !token.is_cancelled() {
            let Some(task) = self.plan.next() else { break };
            // The past may take longer than the two seconds that the queue holds.
            while self.plan.is_behind()
                && self.plan.has_room()
                && let Some(arrived) = units.try_next()
            {
                self.plan.take(arrived);
            }
            self.decode(&task)?;
            // While units wait, the newest frame is still to come; but a decoder that never catches up must not keep
            // every frame from being looked at.
            let time = task.arrived.unit.time;
            let overdue = self.waiting.as_ref().is_some_and(|w| time.since(w.frame.time) >= self.interval);
            if overdue || (self.plan.is_done() && units.is_empty()) {
                self.look_at_waiting()?;
            }
        }
        if self.plan.is_done() && units.is_empty() {
            self.look_at_waiting()?;
        }
        self.let_time_pass()?;
        let report = self.plan.report();
        self.meters.show(&report.counts);
        self.told.gates.tell(&self.camera.id, report);
        Ok(())
    }

    fn decode(&mut self, task: &Task) -> Result<(), Ended> {
        self.pulse.beat();
        let step = self.steps.decode.span().entered();
        let began = Instant::now();
        let Arrived { unit, at, .. } = &task.arrived;
        if task.anew {
            self.eyes.decoder.begin_again();
        }
        let mut shown = None;
        let mut wanted = None;
        match self.eyes.decoder.decode(unit) {
            Ok(Some(decoded)) => {
                self.steps.decode.observe(began.elapsed());
                self.steps.decode.done();
                shown = Some(decoded.time());
                let look = self.plan.frame(decoded.time(), |mask| Thumbnail::of(&decoded.planes(), mask));
                wanted = (look != Look::Pass).then(|| (look, decoded.to_frame(&self.pool)));
            }
            Ok(None) if task.alone => {}
            Ok(None) => self.steps.decode.dropped("no picture"),
            Err(e) => {
                self.plan.broken();
                if matches!(e, DecodeError::Broken { .. }) {
                    self.steps.decode.dropped("broken");
                    tracing::debug!(camera = %self.camera.id, error = %e, "decode");
                } else {
                    self.steps.decode.dropped("unsupported");
                    self.log(e.to_string());
                }
                return Ok(());
            }
        }
        drop(step);
        if let Some((look, frame)) = wanted {
            self.act(look, frame, *at)?;
        }
        // Where a probe had the past decoded again, the key picture comes with it.
        if task.alone && shown != Some(unit.time) && !self.plan.is_behind() { self.flush(*at) } else { Ok(()) }
    }

    /// A reordered stream's key picture would come out only with the next one.
    fn flush(&mut self, at: Moment) -> Result<(), Ended> {
        let frames = self.eyes.decoder.finish(&self.pool);
        self.plan.flushed();
        if frames.is_empty() {
            self.steps.decode.dropped("no picture");
            self.plan.broken();
        }
        for frame in frames {
            self.steps.decode.done();
            let look = self.plan.frame(frame.time, |mask| Thumbnail::of(&frame.planes(), mask));
            self.act(look, frame, at)?;
            if self.plan.is_behind() {
                break;
            }
        }
        Ok(())
    }

    fn act(&mut self, look: Look, frame: Arc<Frame>, at: Moment) -> Result<(), Ended> {
        match look {
            Look::Pass => Ok(()),
            Look::Probe => {
                self.probe(&frame);
                Ok(())
            }
            Look::Detect if self.plan.is_behind() => {
                self.look_at_waiting()?;
                self.look(&Waiting { frame, at }, Kind::Back)
            }
            Look::Detect => {
                if self.waiting.replace(Waiting { frame, at }).is_some() {
                    self.steps.detect.dropped("newer frame");
                }
                Ok(())
            }
        }
    }

    fn probe(&mut self, frame: &Frame) {
        // Without an answer nothing is learnt, and the gate asks again.
        let Some(detections) = self.detect(frame) else { return };
        self.meters.looked(Kind::Probe);
        self.plan.probed(frame.time, &self.analysis.of_interest(&detections));
    }

    fn look_at_waiting(&mut self) -> Result<(), Ended> {
        match self.waiting.take() {
            Some(waiting) => self.look(&waiting, Kind::Live),
            None => Ok(()),
        }
    }

    fn look(&mut self, Waiting { frame, at }: &Waiting, kind: Kind) -> Result<(), Ended> {
        let Some(detections) = self.detect(frame) else { return Ok(()) };
        self.meters.looked(kind);

        let began = Instant::now();
        let found = self.analysis.of_interest(&detections);
        let tracks = self.analysis.follow(frame, detections);
        self.plan.tracked(frame.time, &found, &tracks);
        self.steps.track.observe(began.elapsed());
        self.steps.track.done();

        let began = Instant::now();
        let took = self.clock.now().saturating_sub(*at);
        let looked = self.analysis.see(frame, tracks, took);
        self.steps.event.observe(began.elapsed());
        self.count_left_out();
        let result = CameraResult { camera: self.camera.id.clone(), result: looked.result };
        // Without a connection to the hub nobody listens, and that is no fault.
        drop(self.told.results.send(Arc::new(result)));
        self.put(looked.lasting)
    }

    fn detect(&mut self, frame: &Frame) -> Option<Vec<Detection>> {
        let _step = self.steps.detect.span().entered();
        let began = Instant::now();
        let found = {
            // Another camera's turn may take long; that camera's own pulse tells.
            self.pulse.rest();
            let mut detector = self.eyes.detector.lock().unwrap_or_else(PoisonError::into_inner);
            self.pulse.beat();
            detector.detect(frame.planes())
        };
        match found {
            Ok(detections) => {
                self.steps.detect.observe(began.elapsed());
                self.steps.detect.done();
                self.logged = None;
                Some(detections)
            }
            Err(e) => {
                self.steps.detect.dropped("failed");
                self.log(e.to_string());
                None
            }
        }
    }

    /// What stands still while nobody looks is still there.
    fn let_time_pass(&mut self) -> Result<(), Ended> {
        while let Some(time) = self.plan.unchanged() {
            let lasting = self.analysis.unchanged(time);
            self.put(lasting)?;
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Ended> {
        let lasting = self.analysis.finish();
        self.put(lasting)
    }

    fn put(&self, lasting: Vec<Lasting>) -> Result<(), Ended> {
        lasting.iter().for_each(|_| self.steps.event.done());
        if let Some(Lasting::Picture(picture)) = lasting.iter().rfind(|new| matches!(new, Lasting::Picture(_))) {
            // Where none is published, nobody waits for one.
            self.told.notices.snapshot(&picture.camera, picture.jpeg.clone()).unwrap_or_default();
        }
        // While the disk is full, this waits for as long as that takes.
        self.pulse.rest();
        let put = self.told.outbox.put_blocking(lasting);
        self.pulse.beat();
        put
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
    fn log(&mut self, reason: String) {
        if self.logged.as_ref() != Some(&reason) {
            tracing::warn!(camera = %self.camera.id, reason, "the camera's pictures can't be looked at");
            self.logged = Some(reason);
        }
    }
}
