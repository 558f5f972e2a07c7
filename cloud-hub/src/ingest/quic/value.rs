//! One value of an edge, as its bytes say it and no longer than is kept of it.

use omma_protocol::id::{CameraId, EdgeId, LabelName};
use omma_protocol::wire::mqtt::{CameraMessage, CameraValue, HealthMessage, ReportedMessage, ResponseMessage, Topic};
use omma_protocol::wire::quic::lasting::Record;

use super::text;
use crate::registry::Remarks;

/// Reasons of a refusal that are kept.
pub const MAX_REASONS: usize = 50;
/// Faults of one camera that are kept.
pub const MAX_FAULTS: usize = 16;
/// The longest of their words, bytes.
const MAX_FAULT: usize = 32;
/// Length of a SHA-256 in hexadecimal.
const DIGEST: usize = 64;

/// What an edge says of itself beside its events.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// How it is.
    Health(HealthMessage),
    /// What became of what is desired.
    Reported(ReportedMessage),
    /// Of one of its cameras. The rest of its state comes over the control stream.
    Camera(CameraId, Remarks),
    /// The answer to the command of that name.
    Answer(LabelName, ResponseMessage),
    /// Of a later version; a topic that is none there has none here.
    Unknown(Option<Topic>),
}

/// A value that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ValueError {
    /// It is another edge's, which ends the connection.
    #[error("a value of {0}")]
    Fence(EdgeId),
    /// Its bytes came whole, and mean nothing to this version.
    #[error("a value on `{topic}` that can't be read: {source}")]
    Unreadable {
        /// What it is of.
        topic: Topic,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// What the record says of the edge that sent it.
pub fn read(record: &Record, edge: &EdgeId) -> Result<Value, ValueError> {
    let Some(topic) = Topic::parse(&record.topic) else { return Ok(Value::Unknown(None)) };
    if let Some(other) = topic.edge().filter(|other| *other != edge) {
        return Err(ValueError::Fence(other.clone()));
    }
    let payload = &record.payload[..];
    let value = match &topic {
        Topic::Health(_) => serde_json::from_slice(payload).map(|health| Value::Health(bounded_health(health))),
        Topic::Reported(_) => serde_json::from_slice(payload).map(|report| Value::Reported(bounded_report(report))),
        Topic::Camera(_, camera, CameraValue::State) => {
            serde_json::from_slice(payload).map(|state| Value::Camera(camera.clone(), remarks(state)))
        }
        Topic::Response(_, name) => {
            serde_json::from_slice(payload).map(|answer| Value::Answer(name.clone(), bounded_answer(answer)))
        }
        _ => return Ok(Value::Unknown(Some(topic))),
    };
    value.map_err(|source| ValueError::Unreadable { topic, source })
}

fn remarks(state: CameraMessage) -> Remarks {
    let is_word = |said: &String| said.len() <= MAX_FAULT && said.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    Remarks {
        unseen: state.unseen.as_deref().map(text),
        interpreted: state.interpreted.into_iter().filter(is_word).take(MAX_FAULTS).collect(),
    }
}

fn bounded_health(mut health: HealthMessage) -> HealthMessage {
    health.last_run = text(&health.last_run);
    health
}

fn bounded_answer(answer: ResponseMessage) -> ResponseMessage {
    let reasons = answer.reasons.iter().take(MAX_REASONS).map(|reason| text(reason)).collect();
    ResponseMessage { reasons, ..answer }
}

fn bounded_report(mut report: ReportedMessage) -> ReportedMessage {
    let digest = |said: &String| said.len() == DIGEST && said.bytes().all(|byte| byte.is_ascii_hexdigit());
    report.reasons.truncate(MAX_REASONS);
    ReportedMessage {
        desired: report.desired.filter(digest),
        running: report.running.filter(digest),
        reasons: report.reasons.iter().map(|reason| text(reason)).collect(),
        ..report
    }
}
