//! The file, section by section, with the defaults of what may be left out.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use omma_protocol::secret::Secret;
use omma_vision::engine::EngineChoice;
use serde::Deserialize;

use crate::infer::InferConfig;
use crate::live::LiveConfig;

#[derive(Debug, Deserialize)]
pub(super) struct Written {
    pub(super) hub: Hub,
    #[serde(default)]
    pub(super) http: Http,
    #[serde(default)]
    pub(super) ingest: Ingest,
    #[serde(default)]
    pub(super) broker: Broker,
    #[serde(default)]
    pub(super) store: Store,
    #[serde(default)]
    pub(super) infer: Infer,
    #[serde(default)]
    pub(super) live: Live,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hub {
    pub(super) data: PathBuf,
    #[serde(default = "this_machine")]
    pub(super) public_host: String,
}

fn this_machine() -> String {
    "127.0.0.1".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Http {
    pub(super) listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: ([127, 0, 0, 1], 8080).into() }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Ingest {
    pub(super) quic: SocketAddr,
}

impl Default for Ingest {
    fn default() -> Self {
        Self { quic: ([127, 0, 0, 1], 4433).into() }
    }
}

/// Options, so that what was not written can be told from what was: `url` excludes the rest.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Broker {
    pub(super) listen: Option<SocketAddr>,
    pub(super) tls_listen: Option<SocketAddr>,
    pub(super) anonymous_read: Option<bool>,
    pub(super) url: Option<Secret<String>>,
    pub(super) ca: Option<PathBuf>,
    pub(super) public: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    pub(super) url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Infer {
    pub(super) model: Option<PathBuf>,
    pub(super) engine: EngineChoice,
    pub(super) onnxruntime: Option<PathBuf>,
    pub(super) threads: usize,
    pub(super) min_score: f32,
    pub(super) labels: Option<Vec<String>>,
    pub(super) rate: f32,
}

impl Default for Infer {
    fn default() -> Self {
        Self {
            model: None,
            engine: EngineChoice::Auto,
            onnxruntime: None,
            threads: 2,
            min_score: InferConfig::MIN_SCORE,
            labels: None,
            rate: InferConfig::RATE,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Live {
    pub(super) udp: SocketAddr,
    pub(super) announce: Vec<IpAddr>,
    pub(super) max_sessions: usize,
}

impl Default for Live {
    fn default() -> Self {
        Self { udp: ([127, 0, 0, 1], 8189).into(), announce: vec![], max_sessions: LiveConfig::MAX_SESSIONS }
    }
}
