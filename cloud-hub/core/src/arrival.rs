//! What arrives at the store, and what becomes of it.

use bytes::Bytes;
use omma_protocol::event::{Lasting, Stamp};
use omma_protocol::id::{EdgeId, EventId, StreamId};
use omma_protocol::time::CaptureTime;
use omma_protocol::wire::mqtt::{EventMessage, IncidentMessage};

use crate::record::Keep;

/// One thing to keep.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Where it comes from; `None` for the hub's own.
    pub origin: Option<Origin>,
    /// What it is.
    pub content: Content,
}

/// A place in an edge's outbox. The edge is the one that the broker let publish it: an outbox that another edge names
/// is another outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Whose.
    pub edge: EdgeId,
    /// Where in it.
    pub stamp: Stamp,
}

/// What it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// A state of an event.
    Event(Box<EventMessage>),
    /// A picture of an event.
    Picture(Picture),
    /// What befell the edge that it comes from.
    Incident(Box<IncidentMessage>),
    /// Something that can't be kept: its place in the outbox is noted, so that the edge sends it no more.
    Unsound {
        /// Why.
        reason: String,
    },
}

/// A picture of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Of which stream.
    pub stream: StreamId,
    /// Of which event.
    pub event: EventId,
    /// The event's revision that it belongs to.
    pub revision: u32,
    /// When it was taken.
    pub time: CaptureTime,
    /// The whole frame: a JPEG file.
    pub jpeg: Bytes,
    /// What is around the thing: another one. `None` where an edge of before there were crops made the picture.
    pub crop: Option<Bytes>,
}

impl Picture {
    /// What its file holds, one behind the other.
    pub fn files(&self) -> impl Iterator<Item = Bytes> {
        std::iter::once(self.jpeg.clone()).chain(self.crop.clone())
    }

    /// Where in its file the crop begins.
    pub fn crop_at(&self) -> Option<usize> {
        self.crop.as_ref().map(|_| self.jpeg.len())
    }

    /// Where its file lies. The first 24 of an event id's bits count time in steps of 4.7 hours (RFC 9562 §5.7), which
    /// keeps folders small.
    pub fn place(&self) -> String {
        let id = self.event.to_string();
        let bucket = id.get(..6).unwrap_or_default();
        format!("{}/{}/{bucket}/{id}-{}.jpg", self.stream.edge, self.stream.camera, self.revision)
    }
}

/// What became of it. All but [`Outcome::Unwritten`] may be acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was sound.
    Kept {
        /// Whether it changed anything.
        keep: Keep,
        /// The picture that it replaced.
        replaced: Option<String>,
    },
    /// It was noted and not kept.
    Refused {
        /// Why.
        reason: String,
    },
    /// A picture whose file could not be written: neither kept nor noted. Whoever has it must keep it.
    Unwritten {
        /// Why.
        reason: String,
    },
}

impl Arrival {
    /// Something that the hub's own analysis made.
    pub fn of_hub(stream: &StreamId, lasting: Lasting) -> Self {
        let content = match lasting {
            Lasting::Event(event) => Content::Event(Box::new(EventMessage::new(&stream.edge, &event, None))),
            Lasting::Picture(picture) => Content::Picture(Picture {
                stream: stream.clone(),
                event: picture.event,
                revision: picture.revision,
                time: picture.time,
                jpeg: picture.jpeg,
                crop: picture.crop,
            }),
            Lasting::Incident(_) => Content::Unsound { reason: "the hub's own analysis is no edge".to_owned() },
        };
        Self { origin: None, content }
    }
}
