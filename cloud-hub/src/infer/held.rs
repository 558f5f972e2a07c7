//! The hub's one detector. One that fails at every look is loaded anew, on another device if need be, at once and then more and
//! more seldom ([`omma_vision::failing`]). Owned by the engine's thread.

use std::sync::Arc;
use std::time::Instant;

use omma_media::frame::Planes;
use omma_protocol::detection::{Analyst, Detection, Place};
use omma_protocol::id::StreamId;
use omma_vision::detect::{Detector, DetectorConfig, LookError};
use omma_vision::failing::{Renewal, Verdict};
use tokio::sync::watch;

use super::InferState;

pub(super) struct Held {
    config: DetectorConfig,
    /// Where it failed and can't be loaded anew there is none: why.
    detector: Result<Detector, Arc<str>>,
    /// Of the one that was loaded last.
    analyst: Arc<Analyst>,
    renewal: Renewal<StreamId>,
    began: Instant,
    state: watch::Sender<InferState>,
}

impl Held {
    /// Loads it, and says in `state` how that goes. Where it can't be loaded it is tried again for as long as `again`, which waits,
    /// says so.
    pub(super) fn load(
        config: DetectorConfig,
        state: watch::Sender<InferState>,
        mut again: impl FnMut() -> bool,
    ) -> Option<Self> {
        let mut said = None;
        let detector = loop {
            let error = match Detector::load(&config) {
                Ok(detector) => break detector,
                Err(error) => error.to_string(),
            };
            if said.as_ref() != Some(&error) {
                tracing::error!(error, "the hub can't look until its model can be loaded");
            }
            state.send_replace(InferState::Failing { reason: error.clone() });
            said = Some(error);
            if !again() {
                return None;
            }
        };
        match detector.note() {
            // As on an edge: whoever names a library wants it.
            Some(note) if config.onnxruntime.is_some() && detector.engine() == "tract" => {
                tracing::warn!(note, "tract runs the model, two to three times slower than ONNX Runtime");
            }
            Some(note) => tracing::info!(note, "the engine is not the first choice"),
            None => {}
        }
        tracing::info!(engine = detector.engine(), model = detector.model(), "the hub looks");
        let (analyst, renewal) = (analyst(&detector), Renewal::default());
        let held = Self { config, detector: Ok(detector), analyst, renewal, began: Instant::now(), state };
        held.tell_ready();
        Some(held)
    }

    /// Who looks.
    pub(super) fn analyst(&self) -> Arc<Analyst> {
        Arc::clone(&self.analyst)
    }

    /// Finds things in one picture of the stream. Where it fails at every look this may load it anew, which takes up to some
    /// seconds, of a detector that is of no use meanwhile.
    pub(super) fn detect(&mut self, stream: &StreamId, planes: Planes<'_>) -> Result<Vec<Detection>, LookError> {
        let found = match &mut self.detector {
            Ok(detector) => detector.detect(planes).map_err(LookError::Detect),
            Err(why) => Err(LookError::Nothing(Arc::clone(why))),
        };
        match &found {
            Ok(_) => {
                if self.renewal.worked(self.began.elapsed()) {
                    self.tell_ready();
                }
            }
            Err(error) if error.is_of_the_picture() => {}
            Err(error) => self.failed(stream, error),
        }
        found
    }

    /// The stream is not looked at any more, or not for a while.
    pub(super) fn looks_no_more(&mut self, stream: &StreamId) {
        if self.renewal.leaves(stream) {
            self.tell_ready();
        }
    }

    fn failed(&mut self, stream: &StreamId, error: &LookError) {
        let Verdict::Down { renew } = self.renewal.failed(stream, self.began.elapsed()) else { return };
        if renew {
            self.renew(error);
        }
        let failing = InferState::Failing { reason: error.to_string() };
        self.state.send_if_modified(|state| {
            let is_news = *state != failing;
            *state = failing;
            is_news
        });
    }

    fn renew(&mut self, why: &LookError) {
        metrics::counter!("omma_infer_detector_renewals_total").increment(1);
        // The one of before goes first: where memory is what is short, there is none for two.
        self.detector = Err(why.to_string().into());
        match Detector::load(&self.config) {
            Ok(detector) => {
                let (engine, note) = (detector.engine(), detector.note());
                tracing::warn!(%why, engine, note, "the hub's detector failed at every look: it was loaded anew");
                self.analyst = analyst(&detector);
                self.detector = Ok(detector);
            }
            Err(error) => {
                self.renewal.gone(self.began.elapsed());
                let said: Arc<str> = error.to_string().into();
                // It is tried again every half minute.
                if !matches!(why, LookError::Nothing(before) if *before == said) {
                    tracing::error!(%error, "the hub's detector fails at every look, and can't be loaded anew");
                }
                self.detector = Err(said);
            }
        }
    }

    fn tell_ready(&self) {
        let (engine, model) = (self.analyst.engine.to_string(), self.analyst.model.to_string());
        self.state.send_replace(InferState::Ready { engine, model });
    }
}

fn analyst(detector: &Detector) -> Arc<Analyst> {
    Arc::new(Analyst { place: Place::Hub, engine: detector.engine().into(), model: detector.model().into() })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// It was as if there were no model: the hub was ready, and never tried again.
    #[test]
    fn a_model_that_cannot_be_loaded_at_the_start_is_a_fault_and_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let (state, watched) = watch::channel(InferState::Loading);
        let config = DetectorConfig { model: folder.path().into(), ..DetectorConfig::default() };
        let mut times = 0;
        let held = Held::load(config, state, || {
            let InferState::Failing { reason } = &*watched.borrow() else { panic!("{:?}", watched.borrow()) };
            assert!(reason.contains("model.toml"), "{reason}");
            times += 1;
            times < 3
        });
        assert!(held.is_none() && times == 3);
    }

    /// Memory was short for some minutes: no camera of any edge was looked at for ten more.
    #[test]
    fn a_detector_that_could_not_be_loaded_anew_is_tried_every_half_minute() {
        let folder = tempfile::tempdir().unwrap();
        let (state, _watched) = watch::channel(InferState::Unavailable { reason: "not yet".into() });
        let mut held = Held {
            config: DetectorConfig { model: folder.path().into(), ..DetectorConfig::default() },
            detector: Err("lost".into()),
            analyst: Arc::new(Analyst { place: Place::Hub, engine: "tract".into(), model: "m".into() }),
            renewal: Renewal::default(),
            began: Instant::now(),
            state,
        };
        let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            for _ in 0..200 {
                let why = held.detector.as_ref().map(|_| ()).unwrap_err().clone();
                held.failed(&"site.door".parse().unwrap(), &LookError::Nothing(why));
                // A second later.
                held.began -= Duration::from_secs(1);
            }
        });
        let text = recorder.handle().render();
        let times = text.lines().find_map(|line| line.strip_prefix("omma_infer_detector_renewals_total "));
        // In the 10th second, and every 30 from then on.
        assert_eq!(times, Some("7"), "{text}");
    }
}
