//! The hub looks at streams whose camera is placed `hub`.
//!
//! ```text
//! bus ─ units ─▶ decode (a thread each stream) ─ newest frame ─▶ turns ─▶ engine (one thread) ─▶ bus, store
//! ```
//!
//! 1. [`Infer::start`] loads the model, then follows the registry: each camera placed `hub` gets a [`decode`] thread
//!    that reads the bus, which is what makes its edge hand pictures over.
//! 2. A decoded frame that is due goes into the stream's slot in [`turns`]. A frame still there is replaced: the newest
//!    wins, and it is counted.
//! 3. The [`engine`] thread takes the slot of the stream that was served longest ago, detects, follows, and hands the
//!    boxes to the bus and what must last to the store. A full way to the store holds the engine back.
//! 4. A stream that ends or falls silent has its open events closed. So has one that can't be decoded, or at whose pictures the
//!    detector fails: [`unseen`] tells why, and a detector that fails at every look is loaded anew ([`held`]).
//!
//! Without a model nothing is decoded, and while it can't be loaded, which is tried every 30 s; [`Infer::state`] says why. When
//! the engine's thread ends, by a panic too, that channel closes.

mod decode;

mod engine;

mod held;

mod turns;

pub mod unseen;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use omma_protocol::camera::Placement;
use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;
use omma_vision::detect::DetectorConfig;
use omma_vision::engine::{Device, EngineChoice};
use omma_vision::track::TrackerConfig;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::bus::Bus;
use crate::registry::{Edges, Registry};
use engine::Engine;
use turns::Turns;
use unseen::Unseen;

/// With what the hub looks.
#[derive(Debug, Clone, PartialEq)]
pub struct InferConfig {
    /// Folder of the model; without one the hub does not look.
    pub model: Option<PathBuf>,
    /// Which engine.
    pub engine: EngineChoice,
    /// `libonnxruntime.so`.
    pub onnxruntime: Option<PathBuf>,
    /// Threads of the engine.
    pub threads: usize,
    /// From which score on a thing is believed to be there. Fainter boxes only carry on what is followed already.
    pub min_score: f32,
    /// Only these classes; all where there is no list.
    pub labels: Option<Vec<String>>,
    /// Most looks a second at one stream.
    pub rate: f32,
}

impl InferConfig {
    /// Looks a second where the configuration says nothing.
    pub const RATE: f32 = 10.0;
    /// Least score where the configuration says nothing.
    pub const MIN_SCORE: f32 = 0.5;

    /// What looks, where there is a model.
    pub fn detector(&self) -> Option<DetectorConfig> {
        Some(DetectorConfig {
            model: self.model.clone()?,
            engine: self.engine,
            onnxruntime: self.onnxruntime.clone(),
            device: Device::Auto,
            threads: self.threads,
            min_score: TrackerConfig::believing(self.min_score).low_score,
            labels: self.labels.clone(),
        })
    }
}

/// How the engine fares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InferState {
    /// The model is being loaded.
    Loading,
    /// It looks.
    Ready {
        /// Engine.
        engine: String,
        /// Model.
        model: String,
    },
    /// It can't be loaded, or fails at every look: it is tried on, and loaded anew.
    Failing {
        /// Why.
        reason: String,
    },
    /// It is not to look.
    Unavailable {
        /// Why, and how to mend it.
        reason: String,
    },
}

/// Where events and pictures go: to the store. A full channel holds the engine back.
pub type Sink = mpsc::Sender<(StreamId, Lasting)>;

/// The running step. Clones share it.
#[derive(Debug, Clone)]
pub struct Infer {
    state: watch::Receiver<InferState>,
    unseen: Unseen,
}

impl Infer {
    /// Starts looking at every camera that is placed `hub`, now and later, until `token` is cancelled. Returns at once;
    /// the model is loaded behind. Must be called in a runtime.
    pub fn start(config: InferConfig, bus: Bus, registry: Registry, sink: Sink, token: CancellationToken) -> Self {
        let (tell, state) = watch::channel(InferState::Loading);
        let unseen = Unseen::default();
        unseen::count(0);
        metrics::counter!("omma_infer_detector_renewals_total").increment(0);
        let Some(detector) = config.detector() else {
            let reason = "the hub has no model (setting `infer.model`)".to_owned();
            tell.send_replace(InferState::Unavailable { reason });
            return Self { state, unseen };
        };
        let turns = Arc::new(Turns::default());
        let engine = Engine {
            turns: turns.clone(),
            bus: bus.clone(),
            sink,
            unseen: unseen.clone(),
            min_score: config.min_score,
            rate: config.rate,
            began: Instant::now(),
        };
        let spawned = std::thread::Builder::new().name("infer".to_owned()).spawn(move || engine.run(detector, tell));
        if let Err(error) = spawned {
            tracing::error!(step = "infer", %error, "the engine's thread can't be started");
            return Self { state, unseen };
        }
        let (rate, looked_at) = (config.rate, BTreeMap::new());
        let streams = Streams { bus, turns, unseen: unseen.clone(), rate, looked_at };
        let span = crate::step::INFER.span();
        tokio::spawn(streams.follow(registry, state.clone(), token).instrument(span));
        Self { state, unseen }
    }

    /// How the engine fares, and every change of it.
    pub fn state(&self) -> watch::Receiver<InferState> {
        self.state.clone()
    }

    /// Cameras that it can't look at, and why.
    pub fn unseen(&self) -> Unseen {
        self.unseen.clone()
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_gauge!(
        "omma_infer_unseen_cameras",
        "Cameras whose placement is `hub` and whose pictures can't be decoded, or the detector fails at."
    );
    metrics::describe_counter!(
        "omma_infer_detector_renewals_total",
        "Times that the detector was, or was to be, loaded anew because it failed at every look."
    );
}

/// The streams that are decoded. Owned by one task.
struct Streams {
    bus: Bus,
    turns: Arc<Turns>,
    unseen: Unseen,
    rate: f32,
    looked_at: BTreeMap<StreamId, CancellationToken>,
}

impl Streams {
    async fn follow(mut self, registry: Registry, mut state: watch::Receiver<InferState>, token: CancellationToken) {
        let ready = async { state.wait_for(|state| matches!(state, InferState::Ready { .. })).await.is_ok() };
        if token.run_until_cancelled(ready).await == Some(true) {
            let mut edges = registry.watch();
            loop {
                let wanted = placed_in_hub(&edges.borrow_and_update());
                self.set(&wanted, &token);
                match token.run_until_cancelled(edges.changed()).await {
                    Some(Ok(())) => {}
                    _ => break,
                }
            }
        }
    }

    fn set(&mut self, wanted: &BTreeSet<StreamId>, token: &CancellationToken) {
        self.looked_at.retain(|stream, running| {
            let keep = wanted.contains(stream);
            if !keep {
                running.cancel();
            }
            keep
        });
        for stream in wanted {
            if self.looked_at.contains_key(stream) {
                continue;
            }
            let running = token.child_token();
            let (turns, unseen) = (self.turns.clone(), self.unseen.clone());
            match decode::spawn(stream, &self.bus, turns, unseen, self.rate, running.clone()) {
                Ok(()) => {
                    self.looked_at.insert(stream.clone(), running);
                }
                // Tried again when the registry changes next.
                Err(error) => tracing::error!(%stream, %error, "a thread can't be started"),
            }
        }
    }
}

impl Drop for Streams {
    /// The engine closes what is open, and ends: also where following the registry panicked, so that it is noticed.
    fn drop(&mut self) {
        self.turns.close();
    }
}

fn placed_in_hub(edges: &Edges) -> BTreeSet<StreamId> {
    let cameras = edges.iter().flat_map(|(id, edge)| edge.cameras.iter().map(move |camera| (id, camera)));
    cameras
        .filter(|(_, camera)| camera.placement == Placement::Hub)
        .map(|(edge, camera)| StreamId::new(edge.clone(), camera.camera.clone()))
        .collect()
}
