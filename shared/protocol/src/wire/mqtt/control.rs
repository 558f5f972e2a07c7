//! What an edge says of its cameras now, and of what was asked of it.

use serde::{Deserialize, Serialize};

use crate::camera::{CameraReport, Placement};
use crate::id::CameraId;

/// Something is so.
pub const ON: &str = "ON";
/// It is not so.
pub const OFF: &str = "OFF";

/// How a camera is, as JSON. Unknown keys are ignored, so that later versions may add some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraMessage {
    /// Name for people.
    pub name: String,
    /// `connecting`, `live` or `failed`.
    pub state: String,
    /// Why it failed and how to mend it. Never holds a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where it is looked at.
    pub placement: Placement,
    /// Looks a second while something is there, as configured.
    pub rate: f32,
    /// `H.264` or `H.265`, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Pixels, cropped; 0 while not known.
    pub width: u32,
    /// Pixels, cropped; 0 while not known.
    pub height: u32,
    /// `learning`, `idle`, `looking` or `active`, where the edge looks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Why the gate opened or glanced last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_reason: Option<String>,
    /// What the gate goes by while nothing happens: `sizes`, `key pictures`, `every picture`, or `always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_tier: Option<String>,
    /// Why it goes by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_why: Option<String>,
    /// Why its pictures can't be looked at where the edge looks, and how to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen: Option<String>,
    /// Faults of its RTSP that the edge puts right, of either of its streams: the words of `operate/cameras.md`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interpreted: Vec<String>,
}

impl CameraMessage {
    /// From a camera's report, with nothing that the report does not say.
    pub fn new(report: &CameraReport, rate: f32) -> Self {
        let video = report.video.as_ref();
        Self {
            name: report.name.clone(),
            state: report.state.name().to_owned(),
            reason: report.state.reason().map(str::to_owned),
            placement: report.placement,
            rate,
            codec: video.map(|video| video.codec.name().to_owned()),
            width: video.map_or(0, |video| video.width),
            height: video.map_or(0, |video| video.height),
            gate: None,
            gate_reason: None,
            gate_tier: None,
            gate_why: None,
            unseen: None,
            interpreted: vec![],
        }
    }
}

/// A command on the edge's own topic, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandMessage {
    /// Which camera.
    pub camera: CameraId,
    /// Of `detection`: whether to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<bool>,
}

/// The answer to a command or a desired configuration, for who named a response topic (MQTT 5 §4.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseMessage {
    /// Whether it was done.
    pub ok: bool,
    /// Why not, and how to mend it: one line for each fault.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl ResponseMessage {
    /// What a result says.
    pub fn of(result: Result<(), Vec<String>>) -> Self {
        match result {
            Ok(()) => Self { ok: true, reasons: vec![] },
            Err(reasons) => Self { ok: false, reasons },
        }
    }
}

/// What became of the cameras that an edge shall have. Holds nothing of them but their hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedMessage {
    /// Version of this message.
    pub version: u32,
    /// What became of the newest one.
    pub state: ReportedState,
    /// SHA-256 of the newest one's text, in hexadecimal; absent where none was desired since the edge started, and over MQTT
    /// where the hub desired it: passwords could be tried against it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired: Option<String>,
    /// SHA-256 of the text that is in force; absent where the cameras are those of the edge's own file, and over MQTT where the
    /// hub says which cameras there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// Which of the hub's it was, where the hub desired it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Why it is not in force, and how to mend it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

impl ReportedMessage {
    /// Of this version of Omma.
    pub const VERSION: u32 = 1;
}

/// What became of a desired configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedState {
    /// Nothing is desired: the edge's own file is in force.
    File,
    /// In force, and taken back where the edge loses who desired it: its broker, or its hub.
    Trial,
    /// In force, also after a restart.
    Applied,
    /// It has faults: what was in force before is.
    Refused,
    /// It cut the edge off: what was in force before is.
    RolledBack,
}
