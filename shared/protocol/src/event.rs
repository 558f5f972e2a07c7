//! Events: what is worth keeping.

use std::sync::Arc;

use bytes::Bytes;

use crate::detection::{Analyst, Label};
use crate::geometry::Rect;
use crate::id::{CameraId, EventId, OutboxId};
use crate::incident::Incident;
use crate::time::CaptureTime;
use crate::track::TrackId;

/// ```text
/// Opened ──▶ Updated* ──▶ Closed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The thing has just been confirmed.
    Opened,
    /// A better view of it, or it goes on.
    Updated,
    /// It is gone.
    Closed,
}

/// One state of one event. Later states of the same event have a higher revision and replace earlier ones.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// Which event.
    pub id: EventId,
    /// The camera on its edge.
    pub camera: CameraId,
    /// Where in its life it is.
    pub phase: Phase,
    /// 1 for `Opened`, one more for each later state.
    pub revision: u32,
    /// Class of the thing.
    pub label: Label,
    /// The track it came from; [`TrackId::NONE`] where it is about how many there are.
    pub track: TrackId,
    /// Best score so far, `0.0..=1.0`.
    pub score: f32,
    /// Where the thing was in the best frame.
    pub rect: Rect,
    /// When what it tells of began: the thing's first frame, or the moment it came into a zone or crossed a line.
    pub opened: CaptureTime,
    /// Frame of the best view so far.
    pub best: CaptureTime,
    /// Last frame in which it was seen; known from `Closed` on.
    pub closed: Option<CaptureTime>,
    /// Which rule made it and why. `None` for what was made before there were rules.
    pub cause: Option<Cause>,
    /// Who saw it.
    pub analyst: Arc<Analyst>,
}

/// Which rule made an event, and what of it came true.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// The rule, as the camera's configuration names it.
    pub rule: Arc<str>,
    /// What happened.
    pub why: Why,
}

/// What of a rule came true. Zones, lines and directions are called as the configuration calls them.
#[derive(Debug, Clone, PartialEq)]
pub enum Why {
    /// Something was seen, anywhere in the picture.
    Seen,
    /// It was in a zone.
    Inside {
        /// Which.
        zone: Arc<str>,
    },
    /// It stayed.
    Stayed {
        /// In which zone; `None` for anywhere in the picture.
        zone: Option<Arc<str>>,
        /// How long so far.
        seconds: f32,
    },
    /// It crossed a line.
    Crossed {
        /// Which.
        line: Arc<str>,
        /// In which direction.
        direction: Arc<str>,
    },
    /// There were more than allowed.
    Over {
        /// In which zone; `None` for anywhere in the picture.
        zone: Option<Arc<str>>,
        /// The most so far.
        count: u32,
        /// As many would have been fine.
        limit: u32,
    },
    /// There were fewer than wanted.
    Under {
        /// In which zone; `None` for anywhere in the picture.
        zone: Option<Arc<str>>,
        /// The fewest so far.
        count: u32,
        /// As many would have been fine.
        limit: u32,
    },
}

/// The best picture of an event so far: the whole frame, and the thing from near. One record, so that both are always of
/// the same frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Of which event.
    pub event: EventId,
    /// On which camera.
    pub camera: CameraId,
    /// The event's revision that it belongs to; a higher one replaces it.
    pub revision: u32,
    /// The frame.
    pub time: CaptureTime,
    /// The whole frame: a JPEG file (ITU-T T.81) with JFIF header.
    pub jpeg: Bytes,
    /// What is around the thing, cut from the frame before that was shrunk: another such file. `None` for what was made
    /// before there were crops.
    pub crop: Option<Bytes>,
}

impl Picture {
    /// Of both files together.
    pub fn bytes(&self) -> usize {
        self.jpeg.len() + self.crop.as_ref().map_or(0, Bytes::len)
    }
}

/// Something that must arrive once: an event's state, its picture, or an incident of the edge.
#[derive(Debug, Clone, PartialEq)]
pub enum Lasting {
    /// A state of an event.
    Event(Event),
    /// A picture.
    Picture(Picture),
    /// What befell the edge itself.
    Incident(Incident),
}

impl Lasting {
    /// The camera it is about; none where it is about the edge.
    pub fn camera(&self) -> Option<&CameraId> {
        match self {
            Lasting::Event(event) => Some(&event.camera),
            Lasting::Picture(picture) => Some(&picture.camera),
            Lasting::Incident(_) => None,
        }
    }
}

/// Where a lasting thing stands in its edge's outbox. The pair is what makes a copy known as a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Which outbox.
    pub outbox: OutboxId,
    /// Counted from 1 without gaps.
    pub sequence: u64,
}
