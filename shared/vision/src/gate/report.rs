//! What the gate says of itself: state, tier, reasons and counts, for the edge's state and metrics.

use std::time::Duration;

use super::sizes::Moves;
use super::tier::{Tier, Why};

/// What the gate is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Everything is decoded and looked at, to learn what is usual.
    Learning,
    /// Nothing moves.
    Idle,
    /// Something may move: everything is decoded, little is looked at.
    Looking,
    /// Something of interest is there: everything is decoded, and looked at as often as the camera's `rate` says.
    Active,
}

impl State {
    /// The word for metrics and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Learning => "learning",
            Self::Idle => "idle",
            Self::Looking => "looking",
            Self::Active => "active",
        }
    }
}

/// Why the gate opened or glanced last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The stream began, or came back.
    Start,
    /// One coded picture was large.
    LargePicture,
    /// Many coded pictures were a little larger.
    LargerPictures,
    /// A thumbnail differs from the background.
    Thumbnail,
    /// Nothing had been looked at for a minute.
    Safety,
}

impl Reason {
    /// The word for metrics and pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::LargePicture => "large picture",
            Self::LargerPictures => "larger pictures",
            Self::Thumbnail => "thumbnail",
            Self::Safety => "safety look",
        }
    }
}

impl From<Moves> for Reason {
    fn from(moves: Moves) -> Self {
        match moves {
            Moves::Single => Self::LargePicture,
            Moves::Slowly => Self::LargerPictures,
        }
    }
}

/// Counts since the gate began. They only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Units told.
    pub received: u64,
    /// Frames told: units decoded, those that were decoded again for a look back counted again.
    pub decoded: u64,
    /// Times that sizes had the stream decoded to see.
    pub glances: u64,
    /// Probes ordered: detections for the gate alone.
    pub probes: u64,
    /// Probes that found something: as often the gate had the past decoded.
    pub hits: u64,
    /// Detections ordered for the tracker, those beyond the rate where they were made.
    pub detections: u64,
    /// Probes and glances left out because too many before had found nothing.
    pub over_budget: u64,
    /// How long the stream was watched.
    pub watched: Duration,
    /// How long of that the gate was open: learning or active.
    pub open: Duration,
}

/// What the gate says of itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Report {
    /// What it is doing.
    pub state: State,
    /// Why it did so last.
    pub reason: Reason,
    /// Whether something moves: it has opened for that, or, where everything is looked at, what is followed was seen to in the last
    /// seconds. What is parked does not.
    pub moves: bool,
    /// What it goes by.
    pub tier: Tier,
    /// Why.
    pub why: Why,
    /// How soon a thing is found.
    pub promise: Duration,
    /// Smallest rise of one picture's size that tells, bytes. `None` while it is not known.
    pub smallest_change: Option<f32>,
    /// Places where a thing at rest is known.
    pub still: usize,
    /// Counts.
    pub counts: Counts,
}
