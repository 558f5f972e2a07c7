//! What an edge says of its cameras.

use serde::{Deserialize, Serialize};

use crate::id::CameraId;
use crate::unit::Codec;

/// Where a camera's pictures are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// The edge detects.
    #[default]
    Edge,
    /// The edge hands over coded pictures and the hub detects.
    Hub,
    /// Nobody looks; live video only.
    None,
}

/// How a camera fares.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CameraState {
    /// Being connected to, for the first time or again.
    Connecting,
    /// Pictures arrive.
    Live,
    /// It failed and is tried again later.
    Failed {
        /// What went wrong and how to mend it. Never holds a password.
        reason: String,
    },
}

impl CameraState {
    /// `connecting`, `live` or `failed`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::Failed { .. } => "failed",
        }
    }

    /// What went wrong, where something did.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Failed { reason } => Some(reason),
            Self::Connecting | Self::Live => None,
        }
    }
}

/// One camera as its edge reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CameraReport {
    /// Which camera.
    pub camera: CameraId,
    /// Its name for people.
    pub name: String,
    /// Where it is looked at.
    pub placement: Placement,
    /// How it fares.
    pub state: CameraState,
    /// What it sends, once known.
    pub video: Option<VideoInfo>,
}

/// What a stream's parameter sets say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoInfo {
    /// Codec.
    pub codec: Codec,
    /// Width in pixels, cropped.
    pub width: u32,
    /// Height in pixels, cropped.
    pub height: u32,
    /// Whether pictures may be shown in another order than they are sent (B-frames): WebRTC cannot carry these.
    pub reorders: bool,
}
