//! Frames that were chosen: when they are looked at, and what comes of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_core::Moment;
use omma_media::frame::Frame;
use omma_protocol::detection::Detection;
use omma_protocol::track::{FrameResult, Track};
use omma_protocol::wire::quic::CameraResult;
use omma_vision::fair::Rank;
use omma_vision::gate::Look;
use tokio::sync::oneshot::error::TryRecvError;

use super::blind::Unseen;
use super::meters::Kind;
use super::{Looker, Waiting};
use crate::detect::{AskedDetector, CoreTurn, DetectorTurn};
use crate::outbox::Ended;

/// While a unit has waited for longer than that for its turn, no look is made that need not be.
const MAX_BACKLOG: Duration = Duration::from_millis(300);

enum Next {
    Core(Option<CoreTurn>),
    Detector(DetectorTurn),
}

impl Looker {
    pub(super) fn act(&mut self, look: Look, frame: Arc<Frame>, at: Moment) -> Result<(), Ended> {
        match look {
            Look::Pass => Ok(()),
            Look::Probe => self.probe(&frame, at),
            Look::Detect if self.plan.is_past(at) => {
                if self.waiting.is_some()
                    && let Some(turn) = self.wait_for_turn()
                {
                    self.look_at_waiting(turn)?;
                }
                let Some(turn) = self.wait_for_turn() else { return Ok(()) };
                self.look(&Waiting::at_rate(frame, at), Kind::Back, turn)
            }
            Look::Detect => {
                if self.waiting.replace(Waiting::at_rate(frame, at)).is_some() {
                    self.steps.detect.dropped("newer frame");
                    self.eyes.shared.seats().missed(self.clock.now());
                }
                Ok(())
            }
            Look::Spare => self.look_if_nothing_waits(&Waiting { frame, at, beyond_rate: true }),
        }
    }

    /// A look beyond the rate is made where nobody has or waits for the detector, nobody waits for a core, and this camera is
    /// not late.
    fn look_if_nothing_waits(&mut self, spare: &Waiting) -> Result<(), Ended> {
        if self.waiting.is_some() && self.asked.is_none() {
            // Its own frame comes first, and others have nothing to do with that.
            return Ok(());
        }
        let (past, backlog) = (self.plan.is_past(spare.at), self.plan.backlog(spare.at, self.clock.now()));
        let late = backlog > if past { MAX_BACKLOG } else { MAX_BACKLOG.min(self.interval / 2) };
        let idle = !late && self.asked.is_none();
        match idle.then(|| self.eyes.shared.idle_detector()).flatten() {
            Some(turn) => self.look(spare, if past { Kind::Back } else { Kind::Live }, turn),
            None => {
                self.plan.refused();
                Ok(())
            }
        }
    }

    fn probe(&mut self, frame: &Frame, at: Moment) -> Result<(), Ended> {
        // Without an answer nothing is learnt, and the gate asks again.
        let Some(turn) = self.wait_for_turn() else { return Ok(()) };
        let Some(detections) = self.detect(frame, turn)? else { return Ok(()) };
        self.meters.looked(Kind::Probe);
        let found = self.analysis.of_interest(&detections);
        self.plan.probed(frame.time, &found);
        // Before the past is looked at, which may take seconds.
        self.told.gates.tell(&self.camera.id, self.plan.report());
        let took = self.clock.now().saturating_sub(at);
        if let Some(result) = self.analysis.probed(frame.time, &found, took) {
            self.plan.forget_all_but(&result.tracks);
            self.tell(result);
        }
        Ok(())
    }

    /// Looks at the frame that waits if it is this camera's turn, else asks for one.
    pub(super) fn look_in_turn(&mut self) -> Result<(), Ended> {
        if self.waiting.is_none() {
            return Ok(());
        }
        let rank = self.rank();
        let asked = self.asked.get_or_insert_with(|| self.eyes.shared.ask_detector(&self.camera.id, rank));
        match asked.try_recv() {
            Ok(turn) => {
                self.asked = None;
                self.look_at_waiting(turn)
            }
            Err(TryRecvError::Empty) => Ok(()),
            Err(TryRecvError::Closed) => {
                self.asked = None;
                Ok(())
            }
        }
    }

    /// Waits for this camera's turn to decode. Should its turn at the detector come first, it looks and asks anew, so that
    /// nobody waits for a detector or a core that is not used. `None` where it has not come `until` then.
    pub(super) fn wait_for_core(&mut self, rank: Rank, until: Option<Instant>) -> Result<Option<CoreTurn>, Ended> {
        let mut core = self.eyes.shared.ask_core(&self.camera.id, rank, until);
        if let Ok(core) = core.try_recv() {
            return Ok(Some(core));
        }
        loop {
            // Another camera's turn may take long; that camera's own pulse tells.
            self.pulse.rest();
            let asked = &mut self.asked;
            let next = self.runtime.block_on(async {
                tokio::select! {
                    biased;
                    core = &mut core => Next::Core(core.ok()),
                    turn = turn_of(asked) => Next::Detector(turn),
                }
            });
            self.pulse.beat();
            match next {
                Next::Core(core) => return Ok(core),
                Next::Detector(turn) => {
                    drop(core);
                    self.look_at_waiting(turn)?;
                    core = self.eyes.shared.ask_core(&self.camera.id, rank, until);
                }
            }
        }
    }

    /// For what can't go on without an answer: a probe, and the past. Units that come meanwhile wait in the queue. `None` where
    /// the camera is to end.
    fn wait_for_turn(&mut self) -> Option<DetectorTurn> {
        if let Some(turn) = self.asked.take().and_then(|mut asked| asked.try_recv().ok()) {
            return Some(turn);
        }
        // In place of what was asked for with another rank.
        let turn = self.eyes.shared.wait_for_detector(&self.camera.id, Rank::First, &self.end);
        self.pulse.rest();
        let turn = self.runtime.block_on(turn);
        self.pulse.beat();
        turn
    }

    pub(super) fn rank(&self) -> Rank {
        if self.tracked { Rank::First } else { Rank::Usual }
    }

    pub(super) fn look_at_waiting(&mut self, turn: DetectorTurn) -> Result<(), Ended> {
        match self.waiting.take() {
            Some(waiting) => self.look(&waiting, Kind::Live, turn),
            None => Ok(()),
        }
    }

    fn look(
        &mut self,
        Waiting { frame, at, beyond_rate }: &Waiting,
        kind: Kind,
        turn: DetectorTurn,
    ) -> Result<(), Ended> {
        let Some(detections) = self.detect(frame, turn)? else { return Ok(()) };
        self.meters.looked(kind);

        let step = self.steps.track.span().entered();
        let began = Instant::now();
        let found = self.analysis.of_interest(&detections);
        let tracks = if *beyond_rate {
            self.analysis.follow_beyond_rate(frame, detections)
        } else {
            self.analysis.follow(frame, detections)
        };
        self.plan.tracked(frame.time, &found, &tracks);
        self.tracked = !tracks.is_empty();
        self.steps.track.observe(began.elapsed());
        self.steps.track.done();
        drop(step);

        let _step = self.steps.event.span().entered();
        let began = Instant::now();
        let took = self.clock.now().saturating_sub(*at);
        self.meters.took(kind, took);
        self.log_look(frame, &tracks, kind, took);
        let looked = self.analysis.see(frame, tracks, took);
        self.steps.event.observe(began.elapsed());
        self.count_left_out();
        self.tell(looked.result);
        self.put(looked.lasting)
    }

    fn tell(&mut self, result: FrameResult) {
        self.told_of = Some(result.time);
        let result = CameraResult { camera: self.camera.id.clone(), result };
        // Without a connection to the hub nobody listens, and that is no fault.
        drop(self.told.results.send(Arc::new(result)));
    }

    /// For whoever wants to see what is looked at and when: `OMMA_LOG=edge_agent::analysis=trace`.
    fn log_look(&self, frame: &Frame, tracks: &[Track], kind: Kind, took: Duration) {
        let boxes = || tracks.iter().map(|Track { id, rect, .. }| (id.0, rect.x, rect.y, rect.w, rect.h));
        tracing::trace!(
            camera = %self.camera.id,
            time = frame.time.0,
            ?kind,
            took_ms = took.as_secs_f64() * 1000.0,
            boxes = ?boxes().collect::<Vec<_>>(),
            "looked"
        );
    }

    /// `None` where it failed. Lets the next camera have the detector.
    fn detect(&mut self, frame: &Frame, mut turn: DetectorTurn) -> Result<Option<Vec<Detection>>, Ended> {
        let step = self.steps.detect.span().entered();
        let began = Instant::now();
        match turn.detect(frame.planes()) {
            Ok((detections, analyst)) => {
                let took = began.elapsed();
                self.eyes.shared.looked(took, self.clock.now());
                self.analysis.looked_at_by(analyst);
                self.steps.detect.observe(took);
                self.steps.detect.done();
                self.logged = None;
                self.failing.worked();
                self.sees_again(Unseen::Undetected);
                Ok(Some(detections))
            }
            Err(e) => {
                self.steps.detect.dropped("failed");
                self.log(e.to_string());
                let now = self.clock.now();
                self.eyes.shared.failed(&self.camera.id, &mut turn, &e, now);
                self.pulse.beat();
                drop((turn, step));
                if self.failing.failed(now) {
                    self.goes_blind(Unseen::Undetected, e.to_string())?;
                }
                Ok(None)
            }
        }
    }
}

/// The turn that was asked for, when it comes. Without one, never.
pub(super) async fn turn_of(asked: &mut Option<AskedDetector>) -> DetectorTurn {
    if let Some(waiting) = asked {
        let turn = waiting.await;
        *asked = None;
        if let Ok(turn) = turn {
            return turn;
        }
    }
    std::future::pending().await
}
