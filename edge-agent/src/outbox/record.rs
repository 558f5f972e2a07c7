//! A lasting thing as it lies on disk: postcard, versioned by its first byte, independent of what crosses a network.

use std::sync::Arc;

use bytes::Bytes;
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::{Cause, Event, Lasting, Phase, Picture, Why};
use omma_protocol::geometry::Rect;
use omma_protocol::id::{CameraId, EventId, IncidentId};
use omma_protocol::incident::{Incident, IncidentKind};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::TrackId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The bytes are no record of this or an earlier version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a record can't be read")]
pub struct RecordError;

/// The variant's number is the version: only ever add at the end.
#[derive(Serialize, Deserialize)]
enum Record {
    /// An event without a cause.
    EventV1(EventV1),
    /// A picture without a crop.
    PictureV1(PictureV1),
    /// An event and which rule made it.
    EventV2(EventV1, CauseV1),
    IncidentV1(IncidentV1),
    /// A picture and its crop.
    PictureV2(PictureV1, Bytes),
}

#[derive(Serialize, Deserialize)]
struct EventV1 {
    id: u128,
    camera: CameraId,
    phase: u8,
    revision: u32,
    label: String,
    track: u64,
    score: f32,
    rect: [f32; 4],
    opened_us: i64,
    best_us: i64,
    closed_us: Option<i64>,
    hub: bool,
    engine: String,
    model: String,
}

#[derive(Serialize, Deserialize)]
struct CauseV1 {
    rule: String,
    why: WhyV1,
}

/// As in [`Record`]: only ever add at the end.
#[derive(Serialize, Deserialize)]
enum WhyV1 {
    Seen,
    Inside { zone: String },
    Stayed { zone: Option<String>, seconds: f32 },
    Crossed { line: String, direction: String },
    Over { zone: Option<String>, count: u32, limit: u32 },
    Under { zone: Option<String>, count: u32, limit: u32 },
}

#[derive(Serialize, Deserialize)]
struct PictureV1 {
    event: u128,
    camera: CameraId,
    revision: u32,
    time_us: i64,
    jpeg: Bytes,
}

#[derive(Serialize, Deserialize)]
struct IncidentV1 {
    id: u128,
    time_us: i64,
    kind: IncidentKindV1,
    message: String,
}

/// As in [`Record`]: only ever add at the end.
#[derive(Serialize, Deserialize)]
enum IncidentKindV1 {
    Panic,
    Watchdog,
    UncleanEnd,
    OverMemory,
    ClockSetBack,
    OutboxSetAside,
    OutboxGaveUp,
    OutboxInMemory,
}

/// As bytes for the disk.
pub fn encode(lasting: &Lasting) -> Result<Vec<u8>, RecordError> {
    let record = match lasting {
        Lasting::Event(event) => match &event.cause {
            None => Record::EventV1(event_to_disk(event)),
            Some(cause) => Record::EventV2(event_to_disk(event), cause_to_disk(cause)),
        },
        Lasting::Picture(picture) => match &picture.crop {
            None => Record::PictureV1(picture_to_disk(picture)),
            Some(crop) => Record::PictureV2(picture_to_disk(picture), crop.clone()),
        },
        Lasting::Incident(incident) => Record::IncidentV1(incident_to_disk(incident)),
    };
    postcard::to_stdvec(&record).map_err(|_| RecordError)
}

/// Reads what [`encode`] of this or an earlier version wrote.
pub fn decode(bytes: &[u8]) -> Result<Lasting, RecordError> {
    Ok(match postcard::from_bytes(bytes).map_err(|_| RecordError)? {
        Record::EventV1(event) => Lasting::Event(event_from_disk(event, None)?),
        Record::EventV2(event, cause) => Lasting::Event(event_from_disk(event, Some(cause_from_disk(cause)))?),
        Record::PictureV1(picture) => Lasting::Picture(picture_from_disk(picture, None)),
        Record::PictureV2(picture, crop) => Lasting::Picture(picture_from_disk(picture, Some(crop))),
        Record::IncidentV1(incident) => Lasting::Incident(incident_from_disk(incident)),
    })
}

fn event_to_disk(event: &Event) -> EventV1 {
    EventV1 {
        id: event.id.0.as_u128(),
        camera: event.camera.clone(),
        phase: match event.phase {
            Phase::Opened => 0,
            Phase::Updated => 1,
            Phase::Closed => 2,
        },
        revision: event.revision,
        label: event.label.to_string(),
        track: event.track.0,
        score: event.score,
        rect: [event.rect.x, event.rect.y, event.rect.w, event.rect.h],
        opened_us: event.opened.0,
        best_us: event.best.0,
        closed_us: event.closed.map(|t| t.0),
        hub: event.analyst.place == Place::Hub,
        engine: event.analyst.engine.to_string(),
        model: event.analyst.model.to_string(),
    }
}

fn event_from_disk(event: EventV1, cause: Option<Cause>) -> Result<Event, RecordError> {
    let [x, y, w, h] = event.rect;
    Ok(Event {
        id: EventId(Uuid::from_u128(event.id)),
        camera: event.camera,
        phase: match event.phase {
            0 => Phase::Opened,
            1 => Phase::Updated,
            2 => Phase::Closed,
            _ => return Err(RecordError),
        },
        revision: event.revision,
        label: event.label.into(),
        track: TrackId(event.track),
        score: event.score,
        rect: Rect { x, y, w, h },
        opened: CaptureTime(event.opened_us),
        best: CaptureTime(event.best_us),
        closed: event.closed_us.map(CaptureTime),
        cause,
        analyst: Arc::new(Analyst {
            place: if event.hub { Place::Hub } else { Place::Edge },
            engine: event.engine.into(),
            model: event.model.into(),
        }),
    })
}

fn picture_to_disk(picture: &Picture) -> PictureV1 {
    PictureV1 {
        event: picture.event.0.as_u128(),
        camera: picture.camera.clone(),
        revision: picture.revision,
        time_us: picture.time.0,
        jpeg: picture.jpeg.clone(),
    }
}

fn picture_from_disk(picture: PictureV1, crop: Option<Bytes>) -> Picture {
    Picture {
        event: EventId(Uuid::from_u128(picture.event)),
        camera: picture.camera,
        revision: picture.revision,
        time: CaptureTime(picture.time_us),
        jpeg: picture.jpeg,
        crop,
    }
}

fn incident_to_disk(incident: &Incident) -> IncidentV1 {
    let kind = match incident.kind {
        IncidentKind::Panic => IncidentKindV1::Panic,
        IncidentKind::Watchdog => IncidentKindV1::Watchdog,
        IncidentKind::UncleanEnd => IncidentKindV1::UncleanEnd,
        IncidentKind::OverMemory => IncidentKindV1::OverMemory,
        IncidentKind::ClockSetBack => IncidentKindV1::ClockSetBack,
        IncidentKind::OutboxSetAside => IncidentKindV1::OutboxSetAside,
        IncidentKind::OutboxGaveUp => IncidentKindV1::OutboxGaveUp,
        IncidentKind::OutboxInMemory => IncidentKindV1::OutboxInMemory,
    };
    let (id, time_us) = (incident.id.0.as_u128(), incident.time.0);
    IncidentV1 { id, time_us, kind, message: incident.message.clone() }
}

fn incident_from_disk(incident: IncidentV1) -> Incident {
    let kind = match incident.kind {
        IncidentKindV1::Panic => IncidentKind::Panic,
        IncidentKindV1::Watchdog => IncidentKind::Watchdog,
        IncidentKindV1::UncleanEnd => IncidentKind::UncleanEnd,
        IncidentKindV1::OverMemory => IncidentKind::OverMemory,
        IncidentKindV1::ClockSetBack => IncidentKind::ClockSetBack,
        IncidentKindV1::OutboxSetAside => IncidentKind::OutboxSetAside,
        IncidentKindV1::OutboxGaveUp => IncidentKind::OutboxGaveUp,
        IncidentKindV1::OutboxInMemory => IncidentKind::OutboxInMemory,
    };
    let id = IncidentId(Uuid::from_u128(incident.id));
    Incident { id, time: CaptureTime(incident.time_us), kind, message: incident.message }
}

fn cause_to_disk(cause: &Cause) -> CauseV1 {
    let zone = |zone: &Option<Arc<str>>| zone.as_deref().map(str::to_owned);
    let why = match &cause.why {
        Why::Seen => WhyV1::Seen,
        Why::Inside { zone } => WhyV1::Inside { zone: zone.to_string() },
        Why::Stayed { zone: within, seconds } => WhyV1::Stayed { zone: zone(within), seconds: *seconds },
        Why::Crossed { line, direction } => WhyV1::Crossed { line: line.to_string(), direction: direction.to_string() },
        Why::Over { zone: within, count, limit } => WhyV1::Over { zone: zone(within), count: *count, limit: *limit },
        Why::Under { zone: within, count, limit } => WhyV1::Under { zone: zone(within), count: *count, limit: *limit },
    };
    CauseV1 { rule: cause.rule.to_string(), why }
}

fn cause_from_disk(cause: CauseV1) -> Cause {
    let why = match cause.why {
        WhyV1::Seen => Why::Seen,
        WhyV1::Inside { zone } => Why::Inside { zone: zone.into() },
        WhyV1::Stayed { zone, seconds } => Why::Stayed { zone: zone.map(Into::into), seconds },
        WhyV1::Crossed { line, direction } => Why::Crossed { line: line.into(), direction: direction.into() },
        WhyV1::Over { zone, count, limit } => Why::Over { zone: zone.map(Into::into), count, limit },
        WhyV1::Under { zone, count, limit } => Why::Under { zone: zone.map(Into::into), count, limit },
    };
    Cause { rule: cause.rule.into(), why }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub(crate) fn event(id: u128, phase: Phase, revision: u32) -> Event {
        Event {
            id: EventId(Uuid::from_u128(id)),
            camera: "door".parse().unwrap(),
            phase,
            revision,
            label: "person".into(),
            track: TrackId(4),
            score: 0.5,
            rect: Rect { x: 0.25, y: 0.5, w: 0.125, h: 0.25 },
            opened: CaptureTime(1),
            best: CaptureTime(2),
            closed: (phase == Phase::Closed).then_some(CaptureTime(3)),
            cause: None,
            analyst: Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() }),
        }
    }

    pub(crate) fn picture(event: u128, bytes: usize) -> Lasting {
        Lasting::Picture(Picture {
            event: EventId(Uuid::from_u128(event)),
            camera: "door".parse().unwrap(),
            revision: 1,
            time: CaptureTime(2),
            jpeg: vec![7; bytes].into(),
            crop: None,
        })
    }

    /// One with a crop of as many bytes.
    pub(crate) fn cropped(event: u128, bytes: usize) -> Lasting {
        match picture(event, bytes) {
            Lasting::Picture(whole) => Lasting::Picture(Picture { crop: Some(vec![9; bytes].into()), ..whole }),
            other => other,
        }
    }

    pub(crate) fn incident(id: u128, kind: IncidentKind) -> Lasting {
        Lasting::Incident(Incident::new(IncidentId(Uuid::from_u128(id)), CaptureTime(3), kind, "it was killed"))
    }

    fn caused(why: Why) -> Lasting {
        Lasting::Event(Event { cause: Some(Cause { rule: "r".into(), why }), ..event(7, Phase::Closed, 3) })
    }

    #[test]
    fn records_read_back() {
        for lasting in [
            Lasting::Event(event(7, Phase::Opened, 1)),
            Lasting::Event(event(7, Phase::Updated, 2)),
            Lasting::Event(event(u128::MAX, Phase::Closed, 3)),
            picture(9, 1000),
            cropped(9, 1000),
            caused(Why::Seen),
            caused(Why::Inside { zone: "z".into() }),
            caused(Why::Stayed { zone: Some("z".into()), seconds: 60.5 }),
            caused(Why::Crossed { line: "l".into(), direction: "in".into() }),
            caused(Why::Over { zone: None, count: 5, limit: 4 }),
            caused(Why::Under { zone: Some("z".into()), count: 0, limit: 1 }),
        ] {
            assert_eq!(decode(&encode(&lasting).unwrap()), Ok(lasting));
        }
        for kind in IncidentKind::ALL {
            let lasting = incident(u128::MAX, kind);
            assert_eq!(decode(&encode(&lasting).unwrap()), Ok(lasting));
        }
    }

    fn bytes_of(hex: &[&str]) -> Vec<u8> {
        let hex: Vec<char> = hex.concat().chars().filter(|c| !c.is_whitespace()).collect();
        let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
        hex.chunks(2).map(byte).collect()
    }

    /// Bytes as they lie on disks in the field: these must be read for ever.
    #[test]
    fn records_of_every_version_are_still_read() {
        const EVENT: [&str; 2] = [
            "070464 6f6f7202 03067065 72736f6e 04000000 3f000080 3e000000 3f000000",
            "3e000080 3e020401 06000574 72616374 016d",
        ];
        let [first, rest] = EVENT;
        let rows = [
            (bytes_of(&["00", first, rest]), Lasting::Event(event(7, Phase::Closed, 3))),
            (
                bytes_of(&["02", first, rest, "0172 03 016c 02696e"]),
                caused(Why::Crossed { line: "l".into(), direction: "in".into() }),
            ),
            (bytes_of(&["03 07 06 02 0d", "697420776173206b696c6c6564"]), incident(7, IncidentKind::UncleanEnd)),
            (bytes_of(&["01 09 04646f6f72 01 04 03", "070707"]), picture(9, 3)),
            (bytes_of(&["04 09 04646f6f72 01 04 03", "070707 03 090909"]), cropped(9, 3)),
        ];
        for (bytes, lasting) in rows {
            assert_eq!(decode(&bytes).as_ref(), Ok(&lasting));
            assert_eq!(encode(&lasting).unwrap(), bytes);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, cut in 0usize..60, flip in 0usize..60) {
            drop(decode(&bytes));
            let mut good = encode(&caused(Why::Stayed { zone: Some("z".into()), seconds: 1.0 })).unwrap();
            let at = flip % good.len();
            good[at] ^= 0x55;
            drop(decode(&good));
            drop(decode(&good[..cut.min(good.len())]));
        }
    }
}
