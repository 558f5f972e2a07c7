//! The configuration as it was checked: what the program runs on.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use omma_media::decode::DecoderChoice;
use omma_protocol::camera::Placement;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::join::JoinToken;
use omma_runtime::config::{self, Faults};
use omma_vision::detect::DetectorConfig;
use omma_vision::engine::Device;
use omma_vision::track::TrackerConfig;

use super::{CameraSection, DetectSection, ENV_PREFIX, EdgeSection, Transport, Written};
use crate::source::url::CameraUrl;
use crate::uplink::mqtt::broker::ExternalBroker;

const MAX_RATE: f32 = 60.0;
const MIN_BUDGET_MB: u64 = 16;
const MIN_BACKFILL_KBIT_S: u64 = 8;

/// All settings, sound.
#[derive(Debug, Clone)]
pub struct Config {
    /// Folder of the outbox.
    pub data: PathBuf,
    /// Who, where to, and how to be let in.
    pub join: JoinToken,
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
    /// In place of the hub's broker.
    pub broker: Option<ExternalBroker>,
    /// In the order of the file.
    pub cameras: Vec<Camera>,
}

/// One camera.
#[derive(Debug, Clone)]
pub struct Camera {
    /// Unique on this edge.
    pub id: CameraId,
    /// For people.
    pub name: String,
    /// Where it is. Prints without its password.
    pub url: CameraUrl,
    /// How pictures come.
    pub transport: Transport,
    /// Where they are looked at.
    pub placement: Placement,
    /// Looks a second.
    pub rate: f32,
    /// Score from which on a thing is believed to be there.
    pub min_score: f32,
}

impl Config {
    /// Who this edge is.
    pub fn edge(&self) -> &EdgeId {
        &self.join.edge
    }

    /// Reads and checks the file and the environment.
    ///
    /// # Errors
    /// Every fault that was found.
    pub fn load(path: Option<&Path>) -> Result<Self, Faults> {
        let (written, faults) = config::read::<Written>(path, ENV_PREFIX)?;
        check(written, faults)
    }
}

fn check(written: Written, mut faults: Faults) -> Result<Config, Faults> {
    let join = join(&written.edge, &mut faults);
    let min_score = written.detect.as_ref().map_or(DetectSection::MIN_SCORE, |detect| detect.min_score);
    let cameras = cameras(&written.camera, min_score, &mut faults);
    let looks = written.camera.iter().any(|camera| camera.placement == Placement::Edge);
    let detect = if looks { detect(written.detect.as_ref(), &mut faults) } else { None };
    if let Some(fault) = written.decode.decoder.fault() {
        faults.push("decode.decoder", fault);
    }
    if written.outbox.budget_mb < MIN_BUDGET_MB {
        faults.push("outbox.budget_mb", format!("expected at least {MIN_BUDGET_MB}"));
    }
    if written.outbox.backfill_kbit_s < MIN_BACKFILL_KBIT_S {
        faults.push("outbox.backfill_kbit_s", format!("expected at least {MIN_BACKFILL_KBIT_S}"));
    }
    let broker = written.mqtt.as_ref().and_then(|mqtt| match mqtt.url.expose().parse::<ExternalBroker>() {
        Ok(broker) => Some(broker),
        Err(e) => {
            faults.push("mqtt.url", e.to_string());
            None
        }
    });
    match join {
        Some(join) if faults.is_empty() => Ok(Config {
            data: written.edge.data,
            join,
            http: written.http.listen,
            decoder: written.decode.decoder,
            detect,
            outbox_budget: written.outbox.budget_mb.saturating_mul(1_000_000),
            backfill: written.outbox.backfill_kbit_s.saturating_mul(1000) / 8,
            broker,
            cameras,
        }),
        _ => Err(faults),
    }
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
            faults.push("edge", "expected `join` or `join_file`: what `cloud-hub join <edge>` prints on the hub");
            return None;
        }
    };
    text.parse().map_err(|e: omma_protocol::join::JoinTokenError| faults.push(key, e.to_string())).ok()
}

fn cameras(written: &[CameraSection], min_score: f32, faults: &mut Faults) -> Vec<Camera> {
    if written.is_empty() {
        faults.push("camera", "expected at least one [[camera]]");
    }
    let mut cameras: Vec<Camera> = vec![];
    for (n, camera) in written.iter().enumerate() {
        if cameras.iter().any(|known| known.id == camera.id) {
            faults.push(&format!("camera[{n}].id"), format!("`{}` is there twice", camera.id));
        }
        if !(camera.rate > 0.0 && camera.rate <= MAX_RATE) {
            faults.push(&format!("camera[{n}].rate"), format!("expected more than 0 and at most {MAX_RATE}"));
        }
        match CameraUrl::parse(camera.url.expose()) {
            Ok(url) => cameras.push(Camera {
                id: camera.id.clone(),
                name: camera.name.clone().unwrap_or_else(|| camera.id.to_string()),
                url,
                transport: camera.transport,
                placement: camera.placement,
                rate: camera.rate,
                min_score,
            }),
            Err(e) => faults.push(&format!("camera[{n}].url"), e.to_string()),
        }
    }
    cameras
}

fn detect(written: Option<&DetectSection>, faults: &mut Faults) -> Option<DetectorConfig> {
    let Some(detect) = written else {
        faults.push("detect", "expected [detect] with `model`, because a camera has placement = \"edge\"");
        return None;
    };
    if detect.threads == 0 {
        faults.push("detect.threads", "expected at least 1");
    }
    if !(0.0..=1.0).contains(&detect.min_score) {
        faults.push("detect.min_score", "expected 0.0 to 1.0");
    }
    if detect.labels.as_ref().is_some_and(Vec::is_empty) {
        faults.push("detect.labels", "expected at least one label; leave it out for all of the model");
    }
    Some(DetectorConfig {
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
