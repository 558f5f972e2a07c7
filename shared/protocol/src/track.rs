//! Boxes followed over time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::detection::{Analyst, Label};
use crate::geometry::Rect;
use crate::time::CaptureTime;

/// One thing in one stream, for as long as it is followed. Never given twice in one run of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackId(pub u64);

impl TrackId {
    /// No thing in particular. Ids of things count from 1.
    pub const NONE: Self = Self(0);
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a tracked thing is in one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Which thing.
    pub id: TrackId,
    /// Its class.
    pub label: Label,
    /// Confidence of this frame's detection, `0.0..=1.0`.
    pub score: f32,
    /// Where it is in this frame.
    pub rect: Rect,
}

/// All that was found in one frame. An empty one says that the frame was looked at and nothing was there.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameResult {
    /// The frame's capture time.
    pub time: CaptureTime,
    /// The confirmed tracks seen in this very frame.
    pub tracks: Vec<Track>,
    /// Who looked.
    pub analyst: Arc<Analyst>,
    /// From the unit's arrival at the analyst to this result.
    pub took: Duration,
}
