//! Zones and lines as they lie in a picture of a certain shape, measured in heights of it.

use omma_protocol::geometry::Rect;

use super::config::{Anchor, RulesConfig};
use super::geometry::{Point, Polygon, Segment};

/// Room for jitter at a zone's side or a line, in longer sides of the thing's box: by so much boxes tremble.
const JITTER: f32 = 0.1;
/// The least room, in heights of the picture.
const MIN_ROOM: f32 = 0.005;
/// The most: who stands large before the camera does not tremble by more.
const MAX_ROOM: f32 = 0.05;

#[derive(Debug)]
pub(super) struct Ground {
    aspect: f32,
    pub(super) zones: Vec<(Polygon, Anchor)>,
    pub(super) lines: Vec<(Segment, Anchor)>,
}

impl Ground {
    /// `aspect` is the picture's width over its height; what is no such number counts as square.
    pub(super) fn new(config: &RulesConfig, aspect: f32) -> Self {
        let aspect = if aspect.is_finite() && aspect > 0.0 { aspect } else { 1.0 };
        Self {
            aspect,
            zones: config.zones.iter().map(|zone| (zone.shape.in_heights(aspect), zone.anchor)).collect(),
            lines: config.lines.iter().map(|line| (line.shape.in_heights(aspect), line.anchor)).collect(),
        }
    }

    pub(super) fn is_of(&self, aspect: f32) -> bool {
        self.aspect == aspect
    }

    pub(super) fn point(&self, rect: Rect, anchor: Anchor) -> Point {
        anchor.of(rect).in_heights(self.aspect)
    }

    /// The longer side of a box.
    pub(super) fn size(&self, rect: Rect) -> f32 {
        (rect.w * self.aspect).max(rect.h)
    }

    /// How far beyond a side a thing must be for the side to be settled.
    pub(super) fn room(&self, rect: Rect) -> f32 {
        (JITTER * self.size(rect)).clamp(MIN_ROOM, MAX_ROOM)
    }
}

impl Anchor {
    /// The point of a box, in units of the picture and cut to it.
    pub(super) fn of(self, rect: Rect) -> Point {
        let (x, y) = rect.centre();
        let y = if self == Self::Foot { rect.bottom() } else { y };
        Point { x: x.clamp(0.0, 1.0), y: y.clamp(0.0, 1.0) }
    }
}
