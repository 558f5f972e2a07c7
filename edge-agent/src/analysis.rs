//! Looking at one camera's pictures: gate → decode → detect → track → event.
//!
//! A thread for each camera that is looked at on the edge, since decoding and detecting keep a core busy:
//!
//! 1. take the next unit; the gate says whether it is decoded, alone or with what was skipped before ([`plan`]);
//! 2. when it is this camera's turn, decode it. Of each frame that comes out, the gate says whether it is looked at, and
//!    whether for the gate alone (a probe);
//! 3. of the past, each frame that is asked for is looked at, in order; of the present, the newest when no unit waits. A
//!    frame of the present waits for its turn at the detector while newer ones are decoded, and gives way to them;
//! 4. follow the boxes, tell the uplink the result, put events and pictures into the outbox;
//! 5. while the gate sees nothing change, tell the events that time passes.
//!
//! With the setting `gate = "always"` every unit is decoded, and `rate` frames a second are looked at.
//! Where there are more cameras than the machine has time for, they are looked at less often, and not later: in turns they
//! are decoded whole ([`omma_vision::seats`]), and the others' key pictures, as many as there is time for within half a second. A
//! camera that is late and does not catch up goes on with the next key picture ([`edge_core::lateness`]). Only who is decoded has
//! a decoder.
//!
//! When the stream falls silent, detection is switched off or the program ends, open events are closed at the last frame
//! seen. What is parked is kept over a restart ([`parked`]).

mod admission;

mod plan;

mod decode;

mod look;

mod end;

mod blind;

mod time;

mod parked;

pub(crate) mod meters;

pub mod frame_match;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_core::Moment;
use edge_core::lateness::Lateness;
use edge_core::unit_queue::Arrived;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::frame::Frame;
use omma_protocol::event::Lasting;
use omma_protocol::time::CaptureTime;
use omma_protocol::wire::quic::CameraResult;
use omma_runtime::step::Step;
use omma_vision::analysis::{Analysis, AnalysisConfig, AnalysisCounts};
use omma_vision::failing::Failing;
use omma_vision::pace::Pace;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::control::notices::Notices;
use crate::detect::{AskedDetector, DetectorTurn, Shared};
use crate::health::watchdog::Pulse;
use crate::outbox::{Ended, Outbox};
use crate::state::gates::Gates;
use crate::step;
use crate::unit::Reader;
use admission::{Admission, Admitted};
use blind::Unseen;
use look::turn_of;
use meters::Meters;
use parked::ParkedFile;
use plan::{Plan, Task};

/// Results that the uplink may be behind; then the oldest are lost to it and counted there.
pub const RESULTS: usize = 64;
/// Longer than the pause of a reconnect; then what was seen is taken to be gone. Snapshots have their interval besides.
const SILENCE: Duration = Duration::from_secs(10);
/// A key picture that has not been decoded by then is passed over, and one for which the detector would take longer.
const PROMPT: Duration = Duration::from_millis(400);

/// Where results go.
pub type Results = broadcast::Sender<Arc<CameraResult>>;

/// What a camera is looked at with.
pub struct Eyes {
    /// Which program decodes.
    pub decoder: DecoderChoice,
    /// Shared with the other cameras.
    pub shared: Shared,
}

/// Who is told of what was seen.
#[derive(Debug, Clone)]
pub struct Told {
    /// The QUIC uplink, and who tells over MQTT how cameras are, of results.
    pub results: Results,
    /// The outbox, of events and pictures.
    pub outbox: Outbox,
    /// `/state`, of the gate.
    pub gates: Gates,
    /// Who follows the edge over MQTT, of the newest picture.
    pub notices: Notices,
    /// The next run, of what is parked: a folder.
    pub data: PathBuf,
}

/// One camera's analysis.
pub struct Looker {
    camera: Arc<Camera>,
    clock: EdgeClock,
    plan: Plan,
    eyes: Eyes,
    analysis: Analysis,
    /// What of it outlives the program.
    parked: Option<ParkedFile>,
    /// Time between two looks.
    interval: Duration,
    /// While something is decoded that goes on from what was decoded.
    decoder: Option<Decoder>,
    /// Whether it was seen to be reordered though nothing says so.
    reorders: bool,
    /// Whether it has a seat: what follows a key picture may be decoded.
    seated: bool,
    waiting: Option<Waiting>,
    /// The turn at the detector that was asked for.
    asked: Option<AskedDetector>,
    /// Whether there was a track in the last frame that was looked at.
    tracked: bool,
    /// Capture time of the last result.
    told_of: Option<CaptureTime>,
    lateness: Lateness,
    told: Told,
    admission: Admission,
    pulse: Pulse,
    runtime: Handle,
    /// Cancelled when it is to end.
    end: CancellationToken,
    steps: Steps,
    meters: Meters,
    /// The reason that was logged last.
    logged: Option<String>,
    /// Who decoded last.
    decoded_by: Option<&'static str>,
    /// Why the state says that the pictures can't be looked at.
    unseen: Option<Unseen>,
    /// Looks that failed one after the other.
    failing: Failing,
    /// Pictures that were broken one after the other.
    undecoded: Failing,
    left_out: AnalysisCounts,
}

/// A frame whose turn it is, and when its unit came.
struct Waiting {
    frame: Arc<Frame>,
    at: Moment,
    beyond_rate: bool,
}

impl Waiting {
    fn at_rate(frame: Arc<Frame>, at: Moment) -> Self {
        Self { frame, at, beyond_rate: false }
    }
}

struct Steps {
    unit: Step,
    gate: Step,
    decode: Step,
    detect: Step,
    track: Step,
    event: Step,
}

enum Next {
    /// It is this camera's turn at the detector.
    Turn(DetectorTurn),
    Unit(Arrived),
    Silence,
    End,
}

impl Looker {
    /// Waits for its first unit. Looks while `wanted`. The `runtime` wakes its thread.
    pub fn new(
        camera: Arc<Camera>,
        clock: EdgeClock,
        eyes: Eyes,
        told: Told,
        wanted: watch::Receiver<bool>,
        pulse: Pulse,
        runtime: Handle,
    ) -> Self {
        let seeded = AnalysisConfig::seeded(camera.min_score, camera.rate, rand::random());
        let config = AnalysisConfig { rules: camera.rules.clone(), ..seeded };
        let steps = Steps {
            unit: Step::new(step::UNIT),
            gate: Step::new(step::GATE),
            decode: Step::new(step::DECODE),
            detect: Step::new(step::DETECT),
            track: Step::new(step::TRACK),
            event: Step::new(step::EVENT),
        };
        Self {
            plan: Plan::new(camera.gate.clone()),
            analysis: Analysis::new(camera.id.clone(), eyes.shared.analyst(), config),
            interval: Pace::new(camera.rate).interval(),
            parked: Some(ParkedFile::new(&told.data, &camera.id)),
            decoder: None,
            reorders: false,
            seated: false,
            waiting: None,
            asked: None,
            tracked: false,
            told_of: None,
            lateness: Lateness::default(),
            meters: Meters::new(&camera.id),
            logged: None,
            decoded_by: None,
            unseen: None,
            failing: Failing::default(),
            undecoded: Failing::default(),
            left_out: AnalysisCounts::default(),
            camera,
            clock,
            eyes,
            told,
            admission: Admission::new(wanted),
            pulse,
            runtime,
            end: CancellationToken::new(),
            steps,
        }
    }

    /// Runs until `token` is cancelled or the outbox has ended. Blocks: give it a thread of its own.
    pub fn run(mut self, mut units: Reader, token: &CancellationToken) {
        self.end = token.clone();
        if let Some(known) = self.parked.as_mut().and_then(|parked| parked.read(&self.runtime)) {
            self.analysis.know(known);
        }
        let silence =
            SILENCE + if self.camera.url.is_http() { self.camera.http.snapshot_interval } else { Duration::ZERO };
        loop {
            self.pulse.rest();
            let asked = &mut self.asked;
            let next = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    () = token.cancelled() => Next::End,
                    turn = turn_of(asked) => Next::Turn(turn),
                    unit = tokio::time::timeout(silence, units.next()) => unit.map_or(Next::Silence, Next::Unit),
                }
            });
            self.pulse.beat();
            let done = match next {
                Next::Turn(turn) => self.look_at_waiting(turn).and_then(|()| self.work(&mut units, token)),
                Next::Unit(arrived) => match self.admission.admit(arrived) {
                    Admitted::Look(arrived) => {
                        self.plan.take(arrived);
                        self.work(&mut units, token)
                    }
                    Admitted::Close => {
                        // Nobody waits for a detector that is not used.
                        (self.waiting, self.asked) = (None, None);
                        self.eyes.shared.looks_no_more(&self.camera.id);
                        let finished = self.finish();
                        // It has no gate while nobody looks.
                        self.told.gates.forget(&self.camera.id);
                        self.meters.nobody_looks();
                        finished
                    }
                    Admitted::Pass => Ok(()),
                },
                Next::Silence => {
                    self.eyes.shared.looks_no_more(&self.camera.id);
                    self.finish()
                }
                Next::End => {
                    // Either way it is the end.
                    self.finish().unwrap_or_default();
                    self.eyes.shared.looks_no_more(&self.camera.id);
                    if let Some(parked) = self.parked.take() {
                        parked.end(self.analysis.parked(), &self.runtime);
                    }
                    return;
                }
            };
            if done.is_err() {
                return;
            }
        }
    }

    /// Asks the gate what is to be done with the units that were taken.
    fn next(&mut self) -> Option<Task> {
        let _step = self.steps.gate.span().entered();
        let (began, told) = (Instant::now(), self.plan.told());
        let task = self.plan.next();
        let told = self.plan.told() - told;
        if told > 0 {
            self.steps.gate.observe(began.elapsed());
            (0..told).for_each(|_| self.steps.gate.done());
        }
        task
    }

    /// Decodes and looks until nothing is left of what was taken.
    fn work(&mut self, units: &mut Reader, token: &CancellationToken) -> Result<(), Ended> {
        while !token.is_cancelled() {
            self.give_up_if_late(units);
            let Some(task) = self.next() else { break };
            // The past may take longer than the two seconds that the queue holds.
            while self.plan.is_past(task.arrived.at)
                && self.plan.has_room()
                && let Some(arrived) = units.try_next()
            {
                self.plan.take(arrived);
            }
            let past = self.plan.is_past(task.arrived.at);
            if !past && !self.has_time(&task) || !self.decode(&task, past)? {
                self.give_up(units, 1, "no time");
                continue;
            }
            // While units wait, the newest frame is still to come; but a decoder that never catches up must not keep
            // every frame from being looked at.
            let time = task.arrived.unit.time;
            let overdue = self.waiting.as_ref().is_some_and(|w| time.since(w.frame.time) >= self.interval);
            if overdue || self.asked.is_some() || (self.plan.is_done() && units.is_empty()) {
                self.look_in_turn()?;
            }
        }
        if self.plan.is_done() && units.is_empty() {
            self.look_in_turn()?;
        }
        if !self.plan.goes_on() {
            self.let_go();
        }
        self.let_time_pass()?;
        if let Some(parked) = self.parked.as_mut().filter(|parked| parked.is_due()) {
            parked.keep(self.analysis.parked(), &self.runtime);
        }
        let report = self.plan.report();
        self.meters.count(report.counts);
        if self.unseen.is_none() {
            self.meters.show(&report);
        }
        self.told.gates.tell(&self.camera.id, report);
        Ok(())
    }

    /// What stands still while nobody looks is still there.
    fn let_time_pass(&mut self) -> Result<(), Ended> {
        while let Some(time) = self.plan.unchanged() {
            let lasting = self.analysis.unchanged(time);
            self.put(lasting)?;
        }
        Ok(())
    }

    fn put(&mut self, lasting: Vec<Lasting>) -> Result<(), Ended> {
        if lasting.is_empty() {
            return Ok(());
        }
        // A turn that came while this waits would lie unused, and stop all other cameras.
        self.asked = None;
        lasting.iter().for_each(|_| self.steps.event.done());
        if let Some(Lasting::Picture(picture)) = lasting.iter().rfind(|new| matches!(new, Lasting::Picture(_))) {
            // Where none is published, nobody waits for one.
            self.told.notices.snapshot(&picture.camera, picture.jpeg.clone()).unwrap_or_default();
            if let Some(crop) = &picture.crop {
                self.told.notices.crop(&picture.camera, crop.clone()).unwrap_or_default();
            }
        }
        // While the disk is slow to answer, this may wait for some seconds.
        self.pulse.rest();
        let put = self.told.outbox.put_blocking(lasting);
        self.pulse.beat();
        put
    }

    fn count_left_out(&mut self) {
        let counts = self.analysis.counts();
        let new = counts.since(std::mem::replace(&mut self.left_out, counts));
        for (step, reason, count) in [
            (&self.steps.track, "masked", new.masked),
            (&self.steps.track, "too many", new.tracks_refused),
            (&self.steps.event, "too many", new.events_refused),
            (&self.steps.event, "picture failed", new.pictures_failed),
        ] {
            if count > 0 {
                step.dropped_many(reason, count);
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
