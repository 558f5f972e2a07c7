//! The configuration as it was checked: what the program runs on.

mod broker;

mod camera;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_core::memory;
use omma_media::decode::DecoderChoice;
use omma_protocol::camera::Placement;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::join::JoinToken;
use omma_runtime::config::{self, Faults};
use omma_vision::detect::{DetectorConfig, objections};
use omma_vision::engine::{Device, EngineChoice};
use omma_vision::event::rule::config::RulesConfig;
use omma_vision::gate::GateConfig;
use omma_vision::track::TrackerConfig;

use super::{Desired, DetectSection, ENV_PREFIX, EdgeSection, Transport, Written};
use crate::source::url::CameraUrl;
use crate::source::v4l2::format::Encoding;
use crate::uplink::mqtt::broker::ExternalBroker;

const MIN_BUDGET_MB: u64 = 16;
const MIN_BACKFILL_KBIT_S: u64 = 8;
const MIN_MEMORY_MB: u64 = 64;
const MIN_MEMORY_STAY_S: u64 = 60;
const MAX_MEMORY_STAY_S: u64 = 86_400;
const MIN_ROLLBACK_S: u64 = 10;
const MAX_ROLLBACK_S: u64 = 3600;

/// All settings, sound.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the outbox.
    pub data: PathBuf,
    /// Who this edge is, and who takes its events.
    pub upstream: Upstream,
    /// Health and metrics.
    pub http: SocketAddr,
    /// Which program decodes.
    pub decoder: DecoderChoice,
    /// `Some` where a camera's placement is `edge`.
    pub detect: Option<DetectorConfig>,
    /// Share of the disk, bytes.
    pub outbox_budget: u64,
    /// What of the uplink pictures of the past may take, bytes a second.
    pub backfill: u64,
    /// What the process may take.
    pub memory: memory::Limits,
    /// Home Assistant's discovery prefix, where it is told of the cameras.
    pub home_assistant: Option<String>,
    /// After how long without its broker a change of the cameras is taken back.
    pub rollback: Duration,
    /// In the order of the file.
    pub cameras: Vec<Camera>,
    /// What works, and should be written otherwise. Holds no secret.
    pub warnings: Vec<String>,
    /// As it was written, for [`Config::with_cameras`].
    written: Written,
}

/// Who takes this edge's events.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// A hub, which acknowledges what its store has.
    Hub {
        /// Who, where to, and how to be let in.
        join: JoinToken,
        /// In place of the hub's own. `None` also where the hub has none.
        broker: Option<ExternalBroker>,
    },
    /// No hub: a broker, which acknowledges what it has taken.
    Broker {
        /// Who.
        edge: EdgeId,
        /// Where to, and how to be let in.
        broker: ExternalBroker,
    },
}

/// Of a camera that is asked over HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpOptions {
    /// From one snapshot to the next.
    pub snapshot_interval: Duration,
    /// SHA-256 of the one certificate that is its own; those that this machine's authorities vouch for where `None`.
    pub certificate: Option<[u8; 32]>,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self { snapshot_interval: Duration::from_secs(1), certificate: None }
    }
}

/// Of a camera that is a device of this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceOptions {
    /// Only this format; the best where `None`.
    pub format: Option<Encoding>,
    /// Only this width and height; what the driver has near 1280x720 where `None`.
    pub size: Option<(u32, u32)>,
    /// Pictures a second. The driver takes what is nearest.
    pub rate: u32,
}

impl Default for DeviceOptions {
    /// 15 pictures a second show how people and cars move, at half the cost of the 30 that most devices would send.
    fn default() -> Self {
        Self { format: None, size: None, rate: 15 }
    }
}

/// One camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Unique on this edge.
    pub id: CameraId,
    /// For people.
    pub name: String,
    /// Where it is. Prints without its password.
    pub url: CameraUrl,
    /// Where its sub-stream is, in place of which the edge would look at the stream of `url`.
    pub sub_url: Option<CameraUrl>,
    /// How pictures come over RTSP.
    pub transport: Transport,
    /// What there is to know of a camera that is asked over HTTP.
    pub http: HttpOptions,
    /// What there is to know of a device of this machine.
    pub device: DeviceOptions,
    /// Where they are looked at.
    pub placement: Placement,
    /// Looks a second.
    pub rate: f32,
    /// Score from which on a thing is believed to be there.
    pub min_score: f32,
    /// Which units are decoded, where it is looked at on the edge.
    pub gate: GateConfig,
    /// What is looked for where, and what makes an event.
    pub rules: RulesConfig,
}

impl Camera {
    /// The stream that is looked at, where that is another one than is shown.
    pub fn sub_stream(&self) -> Option<Self> {
        let url = self.sub_url.clone()?;
        Some(Self { url, sub_url: None, ..self.clone() })
    }
}

impl Config {
    /// Who this edge is.
    pub fn edge(&self) -> &EdgeId {
        match &self.upstream {
            Upstream::Hub { join, .. } => &join.edge,
            Upstream::Broker { edge, .. } => edge,
        }
    }

    /// How to reach the hub, where there is one.
    pub fn hub(&self) -> Option<&JoinToken> {
        match &self.upstream {
            Upstream::Hub { join, .. } => Some(join),
            Upstream::Broker { .. } => None,
        }
    }

    /// Whether there is a broker. Where there is none, what must last goes to the hub over QUIC.
    pub fn has_broker(&self) -> bool {
        self.own_broker().is_some() || self.hub().is_some_and(JoinToken::has_broker)
    }

    /// The operator's broker, where it is used.
    pub fn own_broker(&self) -> Option<&ExternalBroker> {
        match &self.upstream {
            Upstream::Hub { broker, .. } => broker.as_ref(),
            Upstream::Broker { broker, .. } => Some(broker),
        }
    }

    /// Reads and checks the file and the environment.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn load(path: Option<&Path>) -> Result<Self, Faults> {
        let (written, faults) = config::read::<Written>(path, ENV_PREFIX)?;
        check_own(written, faults)
    }

    /// The same with the cameras of a text that came from elsewhere, checked as the file is. It may have nothing of this
    /// machine looked up, and the model is what it was when the program started.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn with_cameras(&self, text: &str) -> Result<Self, Faults> {
        let (desired, faults) = config::parse_foreign::<Desired>(text)?;
        check(Written { camera: desired.camera, ..self.written.clone() }, faults)
    }
}

/// As [`check`], and whether what the detector needs is on the disk.
fn check_own(written: Written, mut faults: Faults) -> Result<Config, Faults> {
    if looks(&written, &faults)
        && let Some(detect) = &written.detect
    {
        check_files(detect, &mut faults);
    }
    check(written, faults)
}

/// Whether a camera is to be looked at here.
fn looks(written: &Written, faults: &Faults) -> bool {
    let is_known = |n: usize| faults.knows(&format!("camera[{n}].placement"));
    written.camera.iter().enumerate().any(|(n, camera)| camera.placement == Placement::Edge && is_known(n))
}

fn check_files(detect: &DetectSection, faults: &mut Faults) {
    let (labels, library) = (detect.labels.as_deref(), detect.onnxruntime.as_deref());
    for (key, objection) in objections(&detect.model, labels, detect.engine, library) {
        faults.push(&format!("detect.{key}"), objection);
    }
}

fn check(written: Written, mut faults: Faults) -> Result<Config, Faults> {
    let upstream = upstream(&written, &mut faults);
    let min_score = written.detect.as_ref().map_or(DetectSection::MIN_SCORE, |detect| detect.min_score);
    let cameras = camera::check(&written, min_score, &mut faults);
    let looks = looks(&written, &faults);
    let detect = detect(written.detect.as_ref(), looks, &mut faults);
    if let Some(fault) = written.decode.decoder.fault() {
        faults.push("decode.decoder", fault);
    }
    if written.outbox.budget_mb < MIN_BUDGET_MB {
        faults.push("outbox.budget_mb", format!("expected at least {MIN_BUDGET_MB}"));
    }
    if written.outbox.backfill_kbit_s < MIN_BACKFILL_KBIT_S {
        faults.push("outbox.backfill_kbit_s", format!("expected at least {MIN_BACKFILL_KBIT_S}"));
    }
    if written.health.memory_max_mb.is_some_and(|max| max < MIN_MEMORY_MB) {
        faults.push("health.memory_max_mb", format!("expected at least {MIN_MEMORY_MB}"));
    }
    if !(MIN_MEMORY_STAY_S..=MAX_MEMORY_STAY_S).contains(&written.health.memory_stay_s) {
        faults.push("health.memory_stay_s", format!("expected {MIN_MEMORY_STAY_S} to {MAX_MEMORY_STAY_S}"));
    }
    warn_of_exposed_files(&written, &mut faults);
    if !(MIN_ROLLBACK_S..=MAX_ROLLBACK_S).contains(&written.edge.rollback_s) {
        faults.push("edge.rollback_s", format!("expected {MIN_ROLLBACK_S} to {MAX_ROLLBACK_S}"));
    }
    match upstream {
        Some(upstream) if faults.is_empty() => Ok(Config {
            data: written.edge.data.clone(),
            upstream,
            http: written.http.listen,
            decoder: written.decode.decoder,
            detect,
            outbox_budget: written.outbox.budget_mb.saturating_mul(1_000_000),
            backfill: written.outbox.backfill_kbit_s.saturating_mul(1000) / 8,
            memory: memory::Limits {
                max: written.health.memory_max_mb.map(|max| max.saturating_mul(1_000_000)),
                stays: Duration::from_secs(written.health.memory_stay_s),
            },
            home_assistant: written.mqtt.as_ref().and_then(|mqtt| mqtt.home_assistant.clone()),
            rollback: Duration::from_secs(written.edge.rollback_s),
            cameras,
            warnings: faults.warnings().collect(),
            written,
        }),
        _ => Err(faults),
    }
}

/// Of the files that settings name as such; those of placeholders have been seen to.
fn warn_of_exposed_files(written: &Written, faults: &mut Faults) {
    let mqtt = written.mqtt.as_ref();
    for (key, file) in [
        ("edge.join_file", written.edge.join_file.as_ref()),
        ("mqtt.password_file", mqtt.and_then(|mqtt| mqtt.password_file.as_ref())),
        ("mqtt.key", mqtt.and_then(|mqtt| mqtt.key.as_ref())),
    ] {
        if let Some(exposed) = file.and_then(|file| config::credential::exposed(file)) {
            faults.warn(key, exposed);
        }
    }
}

fn upstream(written: &Written, faults: &mut Faults) -> Option<Upstream> {
    let broker = written.mqtt.as_ref().and_then(|mqtt| broker::external(mqtt, faults));
    let Some(edge) = &written.edge.name else {
        let join = join(&written.edge, faults)?;
        if written.mqtt.is_some() && !join.has_broker() {
            let message = "the hub has no broker (its broker.enabled), and could not acknowledge what goes to this one: \
                           remove [mqtt], and events go to the hub over QUIC; or have the hub use this broker too \
                           (its broker.url) and get a new join token";
            faults.push("mqtt", message);
        }
        return Some(Upstream::Hub { join, broker });
    };
    if written.edge.join.is_some() || written.edge.join_file.is_some() {
        faults.push("edge.name", "the join token names this edge: expected `name` only where there is no hub");
        return None;
    }
    if written.mqtt.is_none() {
        faults.push("mqtt", "expected [mqtt] with `url`: without a hub (edge.join) events go to a broker");
    }
    for (n, _) in written.camera.iter().enumerate().filter(|(_, camera)| camera.placement == Placement::Hub) {
        let message = "there is no hub (edge.join): expected \"edge\" or \"none\"";
        faults.push(&format!("camera[{n}].placement"), message);
    }
    Some(Upstream::Broker { edge: edge.clone(), broker: broker? })
}

fn join(edge: &EdgeSection, faults: &mut Faults) -> Option<JoinToken> {
    let (key, text) = match (&edge.join, &edge.join_file) {
        (Some(text), None) => ("edge.join", text.expose().clone()),
        (None, Some(file)) => match std::fs::read_to_string(file) {
            Ok(text) => ("edge.join_file", text),
            Err(e) => {
                faults.push("edge.join_file", format!("{} can't be read: {e}", file.display()));
                return None;
            }
        },
        (Some(_), Some(_)) => {
            faults.push("edge.join_file", "there is `edge.join` too: expected one of the two");
            return None;
        }
        (None, None) => {
            let message = "expected `join` or `join_file`: what `cloud-hub join <edge>` prints on the hub; or, where \
                           there is no hub, `name` and [mqtt]";
            faults.push("edge", message);
            return None;
        }
    };
    text.parse().map_err(|e: omma_protocol::join::JoinTokenError| faults.push(key, e.to_string())).ok()
}

/// Its values are looked at also where nobody looks yet: the next camera may be one that is to be looked at.
fn detect(written: Option<&DetectSection>, looks: bool, faults: &mut Faults) -> Option<DetectorConfig> {
    let Some(detect) = written else {
        if looks {
            faults.push("detect", "expected [detect] with `model`, because a camera has placement = \"edge\"");
        }
        return None;
    };
    if detect.threads == 0 {
        faults.push("detect.threads", "expected at least 1");
    }
    if detect.threads > 1 && detect.engine == EngineChoice::Tract {
        let message = "tract computes with one thread: leave it out, or set `engine = \"ort\"` and `onnxruntime`";
        faults.push("detect.threads", message);
    }
    if !(0.0..=1.0).contains(&detect.min_score) {
        faults.push("detect.min_score", "expected 0.0 to 1.0");
    }
    if detect.labels.as_ref().is_some_and(Vec::is_empty) {
        faults.push("detect.labels", "expected at least one label; leave it out for all of the model");
    }
    looks.then(|| DetectorConfig {
        model: detect.model.clone(),
        engine: detect.engine,
        onnxruntime: detect.onnxruntime.clone(),
        threads: detect.threads,
        min_score: TrackerConfig::believing(detect.min_score).low_score,
        labels: detect.labels.clone(),
        device: Device::Auto,
    })
}

#[cfg(test)]
mod tests;
