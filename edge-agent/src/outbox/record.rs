//! A lasting thing as it lies on disk: postcard, versioned by its first byte, independent of what crosses a network.

use std::sync::Arc;

use bytes::Bytes;
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::event::{Event, Lasting, Phase, Picture};
use omma_protocol::geometry::Rect;
use omma_protocol::id::{CameraId, EventId};
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
    EventV1(EventV1),
    PictureV1(PictureV1),
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
struct PictureV1 {
    event: u128,
    camera: CameraId,
    revision: u32,
    time_us: i64,
    jpeg: Bytes,
}

/// As bytes for the disk.
pub fn encode(lasting: &Lasting) -> Result<Vec<u8>, RecordError> {
    let record = match lasting {
        Lasting::Event(event) => Record::EventV1(event_to_disk(event)),
        Lasting::Picture(picture) => Record::PictureV1(PictureV1 {
            event: picture.event.0.as_u128(),
            camera: picture.camera.clone(),
            revision: picture.revision,
            time_us: picture.time.0,
            jpeg: picture.jpeg.clone(),
        }),
    };
    postcard::to_stdvec(&record).map_err(|_| RecordError)
}

/// Reads what [`encode`] of this or an earlier version wrote.
pub fn decode(bytes: &[u8]) -> Result<Lasting, RecordError> {
    Ok(match postcard::from_bytes(bytes).map_err(|_| RecordError)? {
        Record::EventV1(event) => Lasting::Event(event_from_disk(event)?),
        Record::PictureV1(picture) => Lasting::Picture(Picture {
            event: EventId(Uuid::from_u128(picture.event)),
            camera: picture.camera,
            revision: picture.revision,
            time: CaptureTime(picture.time_us),
            jpeg: picture.jpeg,
        }),
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

fn event_from_disk(event: EventV1) -> Result<Event, RecordError> {
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
        analyst: Arc::new(Analyst {
            place: if event.hub { Place::Hub } else { Place::Edge },
            engine: event.engine.into(),
            model: event.model.into(),
        }),
    })
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
        })
    }

    #[test]
    fn records_read_back() {
        for lasting in [
            Lasting::Event(event(7, Phase::Opened, 1)),
            Lasting::Event(event(7, Phase::Updated, 2)),
            Lasting::Event(event(u128::MAX, Phase::Closed, 3)),
            picture(9, 1000),
        ] {
            assert_eq!(decode(&encode(&lasting).unwrap()), Ok(lasting));
        }
    }

    /// Bytes of version 1 as they lie on disks in the field: this must be read for ever.
    #[test]
    fn version_1_is_still_read() {
        let bytes = encode(&Lasting::Event(event(7, Phase::Closed, 3))).unwrap();
        let written = [
            "00070464 6f6f7202 03067065 72736f6e 04000000 3f000080 3e000000 3f000000",
            "3e000080 3e020401 06000574 72616374 016d",
        ];
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, written.concat().replace(' ', ""));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, cut in 0usize..60, flip in 0usize..60) {
            drop(decode(&bytes));
            let mut good = encode(&Lasting::Event(event(7, Phase::Closed, 3))).unwrap();
            let at = flip % good.len();
            good[at] ^= 0x55;
            drop(decode(&good));
            drop(decode(&good[..cut.min(good.len())]));
        }
    }
}
