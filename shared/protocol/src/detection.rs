//! What a detector says of one frame, before it is followed over time.

use std::sync::Arc;

use crate::geometry::Rect;

/// The name of a class, as the model's manifest has it: `person`, `car`. Shared, because every box carries one.
pub type Label = Arc<str>;

/// One box that a detector found.
#[derive(Debug, Clone, PartialEq)]
pub struct Detection {
    /// Class.
    pub label: Label,
    /// Confidence, `0.0..=1.0`.
    pub score: f32,
    /// Where.
    pub rect: Rect,
}

/// Which side of the uplink looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// The edge agent.
    Edge,
    /// The hub.
    Hub,
}

/// Who made a result: every result says so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Analyst {
    /// Side.
    pub place: Place,
    /// Engine, as its module is named: `tract`, `ort`, `ort-cuda`.
    pub engine: Arc<str>,
    /// Model, as its manifest is named: `nanodet-g-256x416`.
    pub model: Arc<str>,
}
