//! The one thread that looks: frames of all streams → boxes, tracks, events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_runtime::step::Step;
use omma_vision::analysis::{Analysis, AnalysisConfig};
use omma_vision::detect::{Detector, DetectorConfig};
use tokio::sync::watch;

use super::turns::{Look, Turn, Turns};
use super::{InferState, Sink};
use crate::bus::Bus;
use crate::step;

/// What the thread needs.
pub(super) struct Engine {
    pub(super) turns: Arc<Turns>,
    pub(super) bus: Bus,
    pub(super) sink: Sink,
    /// From which score on a thing is believed to be there.
    pub(super) min_score: f32,
    /// Most looks a second at one stream.
    pub(super) rate: f32,
}

/// What is measured: `infer` from a unit's arrival to its boxes on the bus, and the parts of it that are done here.
struct Steps {
    infer: Step,
    detect: Step,
    track: Step,
    event: Step,
}

impl Default for Steps {
    fn default() -> Self {
        Self {
            infer: Step::new(step::INFER),
            detect: Step::new(step::DETECT),
            track: Step::new(step::TRACK),
            event: Step::new(step::EVENT),
        }
    }
}

/// The store is gone: there is nothing to look for any more.
struct StoreGone;

impl Engine {
    /// Loads the model, then looks until the turns are closed.
    pub(super) fn run(self, config: &DetectorConfig, state: &watch::Sender<InferState>) {
        let steps = Steps::default();
        let _infer = steps.infer.span().entered();
        let mut detector = match Detector::load(config) {
            Ok(detector) => detector,
            Err(error) => {
                tracing::error!(%error, "the hub can't look");
                state.send_replace(InferState::Unavailable { reason: error.to_string() });
                return;
            }
        };
        if let Some(note) = detector.note() {
            tracing::info!(note, "the engine is not the first choice");
        }
        let (engine, model) = (detector.engine().to_owned(), detector.model().to_owned());
        tracing::info!(engine, model, "the hub looks");
        let analyst =
            Arc::new(Analyst { place: Place::Hub, engine: engine.as_str().into(), model: model.as_str().into() });
        state.send_replace(InferState::Ready { engine, model });

        let mut analyses: BTreeMap<StreamId, (Analysis, CaptureTime)> = BTreeMap::new();
        while let Some(turn) = self.turns.take() {
            let done = match turn {
                Turn::Look(stream, look) => {
                    // An edge whose clock was set back: tracks can't go on into the past.
                    let back = analyses.get(&stream).is_some_and(|(_, last)| look.frame.time <= *last);
                    let ended = if back { self.end(analyses.remove(&stream), &stream, &steps) } else { Ok(()) };
                    let make = || {
                        let config = AnalysisConfig::seeded(self.min_score, self.rate, rand::random());
                        Analysis::new(stream.camera.clone(), analyst.clone(), config)
                    };
                    let (analysis, last) = analyses.entry(stream.clone()).or_insert_with(|| (make(), look.frame.time));
                    *last = look.frame.time;
                    ended.and_then(|()| self.look(&mut detector, analysis, &stream, &look, &steps))
                }
                Turn::Ended(stream) => self.end(analyses.remove(&stream), &stream, &steps),
            };
            if done.is_err() {
                return;
            }
        }
        for (stream, analysis) in analyses {
            if self.end(Some(analysis), &stream, &steps).is_err() {
                return;
            }
        }
    }

    fn look(
        &self,
        detector: &mut Detector,
        analysis: &mut Analysis,
        stream: &StreamId,
        look: &Look,
        steps: &Steps,
    ) -> Result<(), StoreGone> {
        let began = Instant::now();
        let detections = match steps.detect.span().in_scope(|| detector.detect(look.frame.planes())) {
            Ok(detections) => detections,
            Err(error) => {
                steps.detect.dropped("failed");
                tracing::debug!(%stream, %error, "a frame could not be looked at");
                return Ok(());
            }
        };
        steps.detect.observe(began.elapsed());
        steps.detect.done();

        let began = Instant::now();
        let tracks = analysis.follow(&look.frame, detections);
        steps.track.observe(began.elapsed());
        steps.track.done();

        let began = Instant::now();
        let looked = analysis.see(&look.frame, tracks, look.arrived.elapsed());
        steps.event.observe(began.elapsed());

        // Boxes first: someone may be watching this very frame.
        self.bus.result(stream, Arc::new(looked.result));
        steps.infer.observe(look.arrived.elapsed());
        steps.infer.done();
        self.keep(stream, looked.lasting, steps)
    }

    fn end(
        &self,
        analysis: Option<(Analysis, CaptureTime)>,
        stream: &StreamId,
        steps: &Steps,
    ) -> Result<(), StoreGone> {
        let Some((mut analysis, _)) = analysis else { return Ok(()) };
        self.keep(stream, analysis.finish(), steps)
    }

    fn keep(&self, stream: &StreamId, lasting: Vec<Lasting>, steps: &Steps) -> Result<(), StoreGone> {
        for each in lasting {
            steps.event.done();
            if self.sink.blocking_send((stream.clone(), each)).is_err() {
                tracing::debug!("the store takes nothing more: the hub stops looking");
                return Err(StoreGone);
            }
        }
        Ok(())
    }
}
