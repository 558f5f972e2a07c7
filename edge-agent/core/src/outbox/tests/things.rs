//! Lasting things that tests put into an outbox, each with a number that tells it from all others.

use std::fmt::Debug;
use std::str::FromStr;
use std::sync::Arc;

use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::{Event, Lasting, Phase, Picture};
use omma_protocol::geometry::Rect;
use omma_protocol::id::{EventId, IncidentId};
use omma_protocol::incident::{Incident, IncidentKind};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::TrackId;

use super::disk::Put;

/// A UUID made of a number.
pub(in crate::outbox) fn id<T: FromStr<Err: Debug>>(number: u64) -> T {
    format!("{number:032x}").parse().expect("it is a UUID")
}

/// The thing of this number. A picture's `bytes` are those of its JPEG.
pub(in crate::outbox) fn thing(number: u32, put: Put) -> Lasting {
    let state = |event: u64, phase| {
        Lasting::Event(Event {
            id: id(event),
            camera: "door".parse().expect("it is an id"),
            phase,
            revision: number,
            label: "person".into(),
            track: TrackId(1),
            score: 0.5,
            rect: Rect::default(),
            opened: CaptureTime(1),
            best: CaptureTime(1),
            closed: None,
            cause: None,
            analyst: Arc::new(Analyst { place: Place::Edge, engine: "e".into(), model: "m".into() }),
        })
    };
    match put {
        Put::Opened(event) => state(event, Phase::Opened),
        Put::Updated(event) => state(event, Phase::Updated),
        Put::Closed(event) => state(event, Phase::Closed),
        Put::Picture { event, bytes } => Lasting::Picture(Picture {
            event: id(event),
            camera: "door".parse().expect("it is an id"),
            revision: number,
            time: CaptureTime(1),
            jpeg: vec![0; bytes as usize].into(),
            crop: None,
        }),
        Put::Incident => {
            let EventId(id) = id(number.into());
            Lasting::Incident(Incident::new(IncidentId(id), CaptureTime(1), IncidentKind::Panic, "told"))
        }
    }
}

/// The number of a thing.
pub(in crate::outbox) fn number(what: &Lasting) -> u32 {
    match what {
        Lasting::Event(event) => event.revision,
        Lasting::Picture(picture) => picture.revision,
        Lasting::Incident(incident) => incident.id.0.as_u128() as u32,
    }
}
