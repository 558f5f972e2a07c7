//! The file, section by section, with the defaults of what may be left out.
//!
//! `docs/reference/config.md` is made of it: a field's first paragraph says what it is, its second, where there is one,
//! within what limits. There, the value of a constant of the checks stands in place of its name.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use omma_protocol::secret::Secret;
use omma_vision::engine::EngineChoice;
use serde::Deserialize;

use crate::infer::InferConfig;
use crate::live::LiveConfig;

#[derive(Debug, Deserialize)]
pub(super) struct Written {
    /// Where the hub keeps what lasts, and how it is reached.
    pub(super) hub: Hub,
    /// The page and the interface.
    #[serde(default)]
    pub(super) http: Http,
    /// What edges bring that is perishable.
    #[serde(default)]
    pub(super) ingest: Ingest,
    /// What edges bring that must last: the broker in the box, another in its place, or none.
    #[serde(default)]
    pub(super) broker: Broker,
    /// Events and their pictures, and for how long.
    #[serde(default)]
    pub(super) store: Store,
    /// The hub's own eye.
    #[serde(default)]
    pub(super) infer: Infer,
    /// Live video.
    #[serde(default)]
    pub(super) live: Live,
}

#[derive(Debug, Deserialize)]
pub(super) struct Hub {
    /// Folder of everything that lasts.
    pub(super) data: PathBuf,
    /// How edges reach this machine; stands in join tokens and in the certificate.
    ///
    /// a host name or address without port
    #[serde(default = "this_machine")]
    pub(super) public_host: String,
}

fn this_machine() -> String {
    "127.0.0.1".to_owned()
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Http {
    /// Address of the page and the interface, TCP.
    ///
    /// no port that another listener has
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
    /// Where edges connect, UDP.
    ///
    /// no port that another listener has
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
    /// Whether there is one; `true` where absent. With `false`, edges bring events over QUIC, and nothing is said over MQTT.
    ///
    /// `false` without any other key of this section
    pub(super) enabled: Option<bool>,
    /// Where the broker in the box also takes plain MQTT, for integrations on this machine.
    ///
    /// not with `url`
    pub(super) listen: Option<SocketAddr>,
    /// Where the broker in the box takes edges and everything that comes from afar, over TLS; `127.0.0.1:8883` where
    /// absent.
    ///
    /// not with `url`
    pub(super) tls_listen: Option<SocketAddr>,
    /// Whether anyone may listen on the plain one.
    ///
    /// with `listen` on a loopback address
    pub(super) anonymous_read: Option<bool>,
    /// Another broker: `mqtt://user:password@host:1883`, or `mqtts://…:8883` for TLS.
    pub(super) url: Option<Secret<String>>,
    /// PEM file of the authority to trust.
    ///
    /// needed with `mqtts://`
    pub(super) ca: Option<PathBuf>,
    /// `host:port` of the other broker as join tokens name it; that of `url` where absent.
    ///
    /// with `url`
    pub(super) public: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Store {
    /// `sqlite://` and a path; `omma.db` in the hub's folder where absent.
    pub(super) url: Option<String>,
    /// How many days closed events with their pictures, and incidents, are kept since the hub last heard of them; where absent
    /// as long as there is room.
    ///
    /// 1 to `MAX_DAYS`
    pub(super) keep_days: Option<u32>,
    /// Room for pictures and database together, MB: over it, the oldest closed events go. Where absent, all that the disk has
    /// but `min_free_mb`.
    ///
    /// at least `MIN_BUDGET`
    pub(super) budget_mb: Option<u64>,
    /// What is to stay free on the disk of the pictures, MB: under it, the oldest closed events go, but none of the last 7
    /// days. 0 for none.
    pub(super) min_free_mb: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self { url: None, keep_days: None, budget_mb: None, min_free_mb: 1000 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Infer {
    /// Folder with `model.onnx` and `model.toml`; without one the hub does not look.
    pub(super) model: Option<PathBuf>,
    /// Which engine runs the network.
    pub(super) engine: EngineChoice,
    /// `libonnxruntime.so`, for the engine `ort`.
    pub(super) onnxruntime: Option<PathBuf>,
    /// Threads of the engine.
    ///
    /// 1 to `MAX_THREADS`
    pub(super) threads: usize,
    /// From which score on a thing is believed to be there. Fainter boxes only carry on what is followed already.
    ///
    /// 0 to 1
    pub(super) min_score: f32,
    /// Only these classes; all of the model where absent.
    pub(super) labels: Option<Vec<String>>,
    /// Most looks a second at one stream.
    ///
    /// more than 0, at most `MAX_RATE`
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
    /// The one UDP socket of all sessions.
    ///
    /// on all addresses only with `announce`
    pub(super) udp: SocketAddr,
    /// Addresses that viewers are told to send to, where they differ from the socket's.
    pub(super) announce: Vec<IpAddr>,
    /// Most sessions at once; one more is refused.
    ///
    /// at least 1
    pub(super) max_sessions: usize,
}

impl Default for Live {
    fn default() -> Self {
        Self { udp: ([127, 0, 0, 1], 8189).into(), announce: vec![], max_sessions: LiveConfig::MAX_SESSIONS }
    }
}
