//! The configuration as it is written. Second stage: [`checked`].
//!
//! `docs/reference/config.md` is made of it: a field's first paragraph says what it is, its second, where there is one,
//! within what limits. There, the value of a constant of the checks stands in place of its name.

pub mod checked;

use std::net::SocketAddr;
use std::path::PathBuf;

use edge_core::doctor::report::Asked;
use omma_media::decode::DecoderChoice;
use omma_protocol::camera::Placement;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::secret::Secret;
use omma_vision::engine::EngineChoice;
use omma_vision::event::rule::written::{LineSection, MaskSection, RuleSection, ZoneSection};
use omma_vision::gate::Mode;
use serde::Deserialize;

use crate::source::v4l2::format::Encoding;

/// Prefix of the environment variables that override the file.
pub const ENV_PREFIX: &str = "OMMA_EDGE";

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Who this edge is and where it keeps its state.
    pub edge: EdgeSection,
    /// Health and metrics.
    #[serde(default)]
    pub http: HttpSection,
    /// How pictures are decoded.
    #[serde(default)]
    pub decode: DecodeSection,
    /// Needed where a camera's placement is `edge`.
    pub detect: Option<DetectSection>,
    /// What must last.
    #[serde(default)]
    pub outbox: OutboxSection,
    /// What the program may take.
    #[serde(default)]
    pub health: HealthSection,
    /// An external broker in place of the hub's; without a hub the only way out. Not where the hub has none.
    pub mqtt: Option<MqttSection>,
    /// The cameras.
    #[serde(default)]
    pub camera: Vec<CameraSection>,
}

/// `[edge]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EdgeSection {
    /// Folder of the outbox.
    pub data: PathBuf,
    /// What `cloud-hub join` printed.
    ///
    /// one of `join`, `join_file` and `name`
    pub join: Option<Secret<String>>,
    /// A file that holds it instead.
    pub join_file: Option<PathBuf>,
    /// Who this edge is, where no join token says so because there is no hub.
    ///
    /// only without a hub, with `[mqtt]`
    pub name: Option<EdgeId>,
    /// Whose days and hours the schedules of rules mean: `Europe/Berlin`.
    ///
    /// a name of the database of time zones (IANA); needed where a rule has a `schedule`
    pub time_zone: Option<String>,
    /// After how many seconds away from whoever desired a change of the cameras, its hub or its broker, that is taken back.
    ///
    /// `MIN_ROLLBACK_S` to `MAX_ROLLBACK_S`
    #[serde(default = "sixty")]
    pub rollback_s: u64,
}

fn sixty() -> u64 {
    60
}

/// `[http]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpSection {
    /// Address of `/healthz`, `/readyz`, `/metrics` and `/state`.
    pub listen: SocketAddr,
}

impl Default for HttpSection {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8181)) }
    }
}

/// `[decode]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecodeSection {
    /// Which program decodes.
    ///
    /// only `auto` and `openh264` in a build without libavcodec
    pub decoder: DecoderChoice,
}

/// `[detect]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DetectSection {
    /// Folder with `model.onnx` and `model.toml`.
    pub model: PathBuf,
    /// Which engine runs the network.
    #[serde(default)]
    pub engine: EngineChoice,
    /// `libonnxruntime.so`, for the engine `ort`.
    pub onnxruntime: Option<PathBuf>,
    /// Threads of the engine.
    ///
    /// at least 1
    #[serde(default = "one")]
    pub threads: usize,
    /// From which score on a thing is believed to be there. Fainter boxes only carry on what is followed already.
    ///
    /// 0 to 1
    #[serde(default = "DetectSection::min_score")]
    pub min_score: f32,
    /// Only these classes; all of the model where absent.
    ///
    /// at least one
    pub labels: Option<Vec<String>>,
}

fn one() -> usize {
    1
}

impl DetectSection {
    /// Where the configuration says nothing.
    pub const MIN_SCORE: f32 = 0.5;

    fn min_score() -> f32 {
        Self::MIN_SCORE
    }
}

/// `[outbox]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboxSection {
    /// Share of the disk, 10⁶ bytes.
    ///
    /// at least `MIN_BUDGET_MB`
    pub budget_mb: u64,
    /// What of the uplink pictures may take that were made while it was away, 1,000 bits a second. Events need no limit:
    /// they are small.
    ///
    /// at least `MIN_BACKFILL_KBIT_S`
    pub backfill_kbit_s: u64,
}

impl Default for OutboxSection {
    fn default() -> Self {
        Self { budget_mb: 512, backfill_kbit_s: 2000 }
    }
}

/// `[health]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthSection {
    /// Resident memory, 10⁶ bytes, above which the program ends in good order (exit status 75), for its supervisor to start it
    /// again; nine tenths of its control group's limit where absent, and none where that has none.
    ///
    /// at least `MIN_MEMORY_MB`
    pub memory_max_mb: Option<u64>,
    /// How long after its start the program stays whatever it takes, s: where the limit is too low for it, one that starts again all
    /// the time sees nothing.
    ///
    /// `MIN_MEMORY_STAY_S` to `MAX_MEMORY_STAY_S`
    pub memory_stay_s: u64,
}

impl Default for HealthSection {
    fn default() -> Self {
        Self { memory_max_mb: None, memory_stay_s: 600 }
    }
}

/// `[mqtt]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttSection {
    /// `mqtt://user:password@host:1883`, or `mqtts://…:8883` for TLS.
    pub url: Secret<String>,
    /// A file that holds the password instead.
    ///
    /// with a user name and no password in `url`
    pub password_file: Option<PathBuf>,
    /// PEM file of the authorities that may vouch for the broker; those of this machine where absent.
    ///
    /// with `mqtts://`
    pub ca: Option<PathBuf>,
    /// PEM file of this edge's certificate, for brokers that want one.
    ///
    /// with `mqtts://` and `key`
    pub certificate: Option<PathBuf>,
    /// PEM file of its private key.
    ///
    /// with `mqtts://` and `certificate`
    pub key: Option<PathBuf>,
    /// Home Assistant's discovery prefix, `homeassistant` unless changed there; not told where absent.
    pub home_assistant: Option<String>,
}

/// The cameras that someone desires from afar: as in the file, and nothing else of it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desired {
    /// All of them.
    #[serde(default)]
    pub camera: Vec<CameraSection>,
}

/// `[[camera]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameraSection {
    /// What topics, events and pages call it.
    ///
    /// lower-case letters, digits, `-` and `_`; unique on this edge
    pub id: CameraId,
    /// For people; the id where absent.
    pub name: Option<String>,
    /// `rtsp://user:password@host/path`, or `http://…` or `https://…` of an MJPEG stream or a snapshot; what is not a
    /// letter or digit in user name and password percent-encoded. Or `v4l2:///dev/video0`, of this machine.
    pub url: Secret<String>,
    /// Its sub-stream, where the edge looks at that one: smaller, and cheaper to decode. `url` is shown.
    ///
    /// `rtsp://…`; with `placement = "edge"`
    pub sub_url: Option<Secret<String>>,
    /// How pictures come over RTSP.
    ///
    /// with `rtsp://`
    #[serde(default)]
    pub transport: Transport,
    /// Seconds from one snapshot to the next, where that is what the camera gives over HTTP; 1 where absent.
    ///
    /// `SNAPSHOT_INTERVALS`; with `http://` or `https://`
    pub snapshot_interval: Option<f32>,
    /// SHA-256 of the camera's certificate, where `https://` meets one that nobody vouches for.
    ///
    /// 64 hexadecimal digits, with or without colons; with `https://`
    pub certificate_sha256: Option<String>,
    /// Format of a device of this machine; the best of what it has where absent.
    ///
    /// with `v4l2://`
    pub input_format: Option<Encoding>,
    /// Its size, as in `1280x720`; near that where absent.
    ///
    /// with `v4l2://`
    pub video_size: Option<String>,
    /// Its pictures a second; 15 where absent.
    ///
    /// `FRAME_RATES`; with `v4l2://`
    pub framerate: Option<u32>,
    /// Where they are looked at.
    #[serde(default)]
    pub placement: Placement,
    /// Looks a second.
    ///
    /// more than 0, at most `MAX_RATE`
    #[serde(default = "five")]
    pub rate: f32,
    /// Whether an idle camera is hardly decoded; `gated` where absent.
    ///
    /// with `placement = "edge"`
    pub gate: Option<Mode>,
    /// Decode every picture to see motion, where the stream's sizes do not show it.
    ///
    /// with `placement = "edge"`
    pub prompt: Option<bool>,
    /// Where motion wakes nobody. At most `MAX_MOTION_MASKS` of a camera.
    #[serde(default)]
    pub motion_mask: Vec<AreaSection>,
    /// Areas that rules speak of.
    #[serde(default)]
    pub zone: Vec<ZoneSection>,
    /// Lines that rules speak of.
    #[serde(default)]
    pub line: Vec<LineSection>,
    /// Where nothing is looked for.
    #[serde(default)]
    pub mask: Vec<MaskSection>,
    /// What makes an event; everything that is seen where there is none.
    #[serde(default)]
    pub rule: Vec<RuleSection>,
}

/// `[[camera.motion_mask]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AreaSection {
    /// In their order around, 0 to 1 from left to right and from top to bottom of the picture.
    ///
    /// 3 to `MAX_POINTS`; sides must not cross
    pub points: Vec<Vec<f32>>,
}

fn five() -> f32 {
    5.0
}

/// How RTP packets come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Over TCP; as datagrams where that is refused or brings no picture.
    #[default]
    Auto,
    /// Within the RTSP connection (RFC 7826 §14).
    Tcp,
    /// As datagrams.
    Udp,
}

impl From<Transport> for Asked {
    fn from(transport: Transport) -> Self {
        match transport {
            Transport::Auto => Self::Auto,
            Transport::Tcp => Self::Tcp,
            Transport::Udp => Self::Udp,
        }
    }
}
