//! The one thread that looks: frames of all streams → boxes, tracks, events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub_core::unseen::Cause;
use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_runtime::step::Step;
use omma_vision::analysis::{Analysis, AnalysisConfig, AnalysisCounts};
use omma_vision::detect::{DetectorConfig, LookError};
use omma_vision::failing::Failing;
use tokio::sync::watch;

use super::held::Held;
use super::turns::{Look, Turn, Turns};
use super::unseen::Unseen;
use super::{InferState, Sink};
use crate::bus::Bus;
use crate::step;

/// How long after a model could not be loaded it is tried again.
const LOAD_AGAIN: Duration = Duration::from_secs(30);

/// What the thread needs.
pub(super) struct Engine {
    pub(super) turns: Arc<Turns>,
    pub(super) bus: Bus,
    pub(super) sink: Sink,
    /// What it can't look at.
    pub(super) unseen: Unseen,
    /// From which score on a thing is believed to be there.
    pub(super) min_score: f32,
    /// Most looks a second at one stream.
    pub(super) rate: f32,
    pub(super) began: Instant,
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

/// One stream that is looked at.
struct Watched {
    analysis: Analysis,
    /// What of that is counted by now.
    left_out: AnalysisCounts,
    /// When its last frame was taken.
    last: CaptureTime,
    /// Looks that failed one after the other.
    failing: Failing,
    /// Whether it is told that it can't be looked at.
    blind: bool,
}

impl Watched {
    /// Counts what the analysis had to leave out since the last time.
    fn count_left_out(&mut self, steps: &Steps) {
        let counts = self.analysis.counts();
        let new = counts.since(std::mem::replace(&mut self.left_out, counts));
        steps.track.dropped_many("too many", new.tracks_refused);
        steps.event.dropped_many("too many", new.events_refused);
        steps.event.dropped_many("picture failed", new.pictures_failed);
    }
}

/// The store is gone: there is nothing to look for any more.
struct StoreGone;

impl Engine {
    /// Loads the model, then looks until the turns are closed.
    pub(super) fn run(self, config: DetectorConfig, state: watch::Sender<InferState>) {
        let steps = Steps::default();
        let _infer = steps.infer.span().entered();
        let Some(mut held) = Held::load(config, state, || !self.turns.closed_within(LOAD_AGAIN)) else { return };
        let mut watched: BTreeMap<StreamId, Watched> = BTreeMap::new();
        while let Some(turn) = self.turns.take() {
            let done = match turn {
                Turn::Look(stream, look) => {
                    // An edge whose clock was set back: tracks can't go on into the past.
                    let back = watched.get(&stream).is_some_and(|watched| look.frame.time <= watched.last);
                    let ended = if back { self.end(watched.remove(&stream), &stream, &steps) } else { Ok(()) };
                    let make = || {
                        let config = AnalysisConfig::seeded(self.min_score, self.rate, rand::random());
                        let analysis = Analysis::new(stream.camera.clone(), held.analyst(), config);
                        let left_out = AnalysisCounts::default();
                        Watched { analysis, left_out, last: look.frame.time, failing: Failing::default(), blind: false }
                    };
                    let watched = watched.entry(stream.clone()).or_insert_with(make);
                    watched.last = look.frame.time;
                    ended.and_then(|()| self.look(&mut held, watched, &stream, &look, &steps))
                }
                Turn::Ended(stream) => {
                    let ended = self.end(watched.remove(&stream), &stream, &steps);
                    // Last: whoever hears that the hub is ready finds no camera that it can't look at.
                    held.looks_no_more(&stream);
                    ended
                }
            };
            if done.is_err() {
                return;
            }
        }
        for (stream, watched) in watched {
            if self.end(Some(watched), &stream, &steps).is_err() {
                return;
            }
        }
    }

    fn look(
        &self,
        held: &mut Held,
        watched: &mut Watched,
        stream: &StreamId,
        look: &Look,
        steps: &Steps,
    ) -> Result<(), StoreGone> {
        let began = Instant::now();
        let detections = match steps.detect.span().in_scope(|| held.detect(stream, look.frame.planes())) {
            Ok(detections) => detections,
            Err(error) => {
                steps.detect.dropped("failed");
                tracing::debug!(%stream, %error, "a frame could not be looked at");
                return self.failed(watched, stream, &error, steps);
            }
        };
        steps.detect.observe(began.elapsed());
        steps.detect.done();
        watched.failing.worked();
        if std::mem::take(&mut watched.blind) {
            self.unseen.sees(stream, Cause::Undetected);
        }
        let analysis = &mut watched.analysis;
        analysis.looked_at_by(held.analyst());

        let began = Instant::now();
        let tracks = steps.track.span().in_scope(|| analysis.follow(&look.frame, detections));
        steps.track.observe(began.elapsed());
        steps.track.done();

        let began = Instant::now();
        let looked = steps.event.span().in_scope(|| analysis.see(&look.frame, tracks, look.arrived.elapsed()));
        steps.event.observe(began.elapsed());

        // Boxes first: someone may be watching this very frame.
        self.bus.result(stream, Arc::new(looked.result));
        steps.infer.observe(look.arrived.elapsed());
        steps.infer.done();
        watched.count_left_out(steps);
        self.keep(stream, looked.lasting, steps)
    }

    /// A look that failed: where all do, that is told, and when it begins what was seen before is over.
    fn failed(
        &self,
        watched: &mut Watched,
        stream: &StreamId,
        error: &LookError,
        steps: &Steps,
    ) -> Result<(), StoreGone> {
        if !watched.failing.failed(self.began.elapsed()) {
            return Ok(());
        }
        self.unseen.blind(stream, Cause::Undetected, error.to_string());
        if std::mem::replace(&mut watched.blind, true) {
            return Ok(());
        }
        self.keep(stream, watched.analysis.finish(), steps)
    }

    fn end(&self, watched: Option<Watched>, stream: &StreamId, steps: &Steps) -> Result<(), StoreGone> {
        let Some(mut watched) = watched else { return Ok(()) };
        if watched.blind {
            self.unseen.sees(stream, Cause::Undetected);
        }
        let lasting = watched.analysis.finish();
        watched.count_left_out(steps);
        self.keep(stream, lasting, steps)
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
