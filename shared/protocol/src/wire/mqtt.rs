//! Edge ⇄ broker ⇄ hub over MQTT: what must last.
//!
//! Everything of an edge lies under `omma/v1/edges/{edge}/`, so that one access rule fences it in:
//!
//! [`CONTRACTS`] has each topic with who speaks, what, and whether it is retained; [`Topic`] reads and writes their names.
//!
//! Events that the hub's own analysis makes are under `omma/v1/hub/cameras/{edge.camera}/events`, with no outbox.
//! Events, incidents and pictures are in the edge's outbox under `(outbox, sequence)`; JSON carries both in its payload,
//! a picture in the MQTT 5 user properties `outbox`, `sequence`, `revision` and `time_us`. Its payload is the JPEG of the whole
//! frame and behind it that of the crop, where there is one, which begins at the byte that `crop_at` names: readers of JPEG
//! files end with the first one, so that a hub, or anyone else, who knows of no crops shows the whole frame. The hub
//! acknowledges what its *store* has; where there is no hub, nobody speaks on `acks`.

mod contract;

mod control;

mod health;

mod topic;

mod why;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::detection::{Analyst, Place};
use crate::event::{Cause, Event, Phase, Stamp};
use crate::geometry::Rect;
use crate::id::{EdgeId, EventId, OutboxId, StreamId};
use crate::time::CaptureTime;
use crate::track::TrackId;

pub use contract::{CONTRACTS, Contract, Party, Payload, QOS, Retained};
pub use control::{CameraMessage, CommandMessage, OFF, ON, ReportedMessage, ReportedState, ResponseMessage};
pub use health::{HealthMessage, IncidentMessage, OutboxHealth};
pub use topic::{CameraValue, Command, Topic};
pub use why::WhyMessage;

/// User property: the outbox.
pub const PROP_OUTBOX: &str = "outbox";
/// User property: the sequence number in it.
pub const PROP_SEQUENCE: &str = "sequence";
/// User property: which it is of several, a picture or what the hub desires.
pub const PROP_REVISION: &str = "revision";
/// User property of a command over QUIC: the name of the `responses/{name}` that its answer goes to.
pub const PROP_RESPONSE: &str = "response";
/// User property: capture time of the picture in µs since the epoch.
pub const PROP_TIME: &str = "time_us";
/// User property: how many bytes of the payload are the whole frame's JPEG; what follows is the crop's. Absent where there is
/// no crop.
pub const PROP_CROP: &str = "crop_at";

/// Whether an edge is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusMessage {
    /// False in the last will.
    pub online: bool,
    /// Program and version, for people.
    pub agent: String,
}

/// What the hub's store has, as inclusive ranges of sequence numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AckMessage {
    /// Of which outbox.
    pub outbox: OutboxId,
    /// `[first, last]` each.
    pub stored: Vec<[u64; 2]>,
}

/// A state of an event as JSON. Unknown keys are ignored, so that later versions may add some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventMessage {
    /// The edge's outbox; absent where the hub's own analysis made the event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outbox: Option<OutboxId>,
    /// The number in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// Which event.
    pub id: EventId,
    /// `edge.camera`.
    pub stream: StreamId,
    /// `opened`, `updated`, `closed`.
    pub phase: PhaseName,
    /// Rises with each state.
    pub revision: u32,
    /// Class.
    pub label: String,
    /// Track; 0 where it is about how many there are.
    pub track: u64,
    /// Best score, 0 to 1.
    pub score: f32,
    /// `[x, y, width, height]` in the best frame, 0 to 1.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
    /// When what it tells of began, µs since the epoch.
    pub opened_us: i64,
    /// Frame of the best view.
    pub best_us: i64,
    /// Last frame seen; from `closed` on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_us: Option<i64>,
    /// Name of the rule that made it; absent before there were rules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// What of the rule came true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Box<WhyMessage>>,
    /// `edge` or `hub`.
    pub place: PlaceName,
    /// Engine that saw it.
    pub engine: String,
    /// Model that saw it.
    pub model: String,
}

/// [`Phase`] as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PhaseName {
    /// Just confirmed.
    Opened,
    /// Goes on.
    Updated,
    /// Gone.
    Closed,
}

/// [`Place`] as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PlaceName {
    /// The edge agent.
    Edge,
    /// The hub.
    Hub,
}

impl EventMessage {
    /// From an event of `edge`; with no `stamp` for the hub's own.
    pub fn new(edge: &EdgeId, event: &Event, stamp: Option<Stamp>) -> Self {
        Self {
            outbox: stamp.map(|s| s.outbox),
            sequence: stamp.map(|s| s.sequence),
            id: event.id,
            stream: StreamId::new(edge.clone(), event.camera.clone()),
            phase: event.phase.into(),
            revision: event.revision,
            label: event.label.to_string(),
            track: event.track.0,
            score: event.score,
            rect: [event.rect.x, event.rect.y, event.rect.w, event.rect.h],
            opened_us: event.opened.0,
            best_us: event.best.0,
            closed_us: event.closed.map(|t| t.0),
            rule: event.cause.as_ref().map(|cause| cause.rule.to_string()),
            why: event.cause.as_ref().map(|cause| Box::new((&cause.why).into())),
            place: event.analyst.place.into(),
            engine: event.analyst.engine.to_string(),
            model: event.analyst.model.to_string(),
        }
    }

    /// The place in the edge's outbox.
    pub fn stamp(&self) -> Option<Stamp> {
        Some(Stamp { outbox: self.outbox?, sequence: self.sequence? })
    }

    /// Which rule made it and why; nothing where this version does not know the reason.
    fn cause(&self) -> Option<Cause> {
        Some(Cause { rule: self.rule.as_deref()?.into(), why: self.why.as_ref()?.to_why()? })
    }

    /// The event itself.
    pub fn to_event(&self) -> Event {
        let [x, y, w, h] = self.rect;
        Event {
            id: self.id,
            camera: self.stream.camera.clone(),
            phase: self.phase.into(),
            revision: self.revision,
            label: self.label.as_str().into(),
            track: TrackId(self.track),
            score: self.score,
            rect: Rect { x, y, w, h },
            opened: CaptureTime(self.opened_us),
            best: CaptureTime(self.best_us),
            closed: self.closed_us.map(CaptureTime),
            cause: self.cause(),
            analyst: Arc::new(Analyst {
                place: self.place.into(),
                engine: self.engine.as_str().into(),
                model: self.model.as_str().into(),
            }),
        }
    }
}

macro_rules! names {
    ($domain:ident, $name:ident, $($v:ident),+) => {
        impl From<$domain> for $name {
            fn from(d: $domain) -> Self {
                match d { $($domain::$v => $name::$v),+ }
            }
        }
        impl From<$name> for $domain {
            fn from(n: $name) -> Self {
                match n { $($name::$v => $domain::$v),+ }
            }
        }
    };
}
names!(Phase, PhaseName, Opened, Updated, Closed);
names!(Place, PlaceName, Edge, Hub);

/// Joins sequence numbers into inclusive ranges; order and copies do not matter.
pub fn ranges(mut sequences: Vec<u64>) -> Vec<[u64; 2]> {
    sequences.sort_unstable();
    sequences.dedup();
    let mut out: Vec<[u64; 2]> = vec![];
    for s in sequences {
        match out.last_mut() {
            Some([_, last]) if last.checked_add(1) == Some(s) => *last = s,
            _ => out.push([s, s]),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Why;

    #[test]
    fn ranges_join_what_is_adjacent() {
        assert_eq!(ranges(vec![5, 1, 2, 2, 3, 7, u64::MAX]), vec![[1, 3], [5, 5], [7, 7], [u64::MAX, u64::MAX]]);
        assert!(ranges(vec![]).is_empty());
    }

    fn event() -> Event {
        Event {
            id: EventId(uuid::Uuid::from_u128(1)),
            camera: "door".parse().unwrap(),
            phase: Phase::Closed,
            revision: 3,
            label: "person".into(),
            track: TrackId(4),
            score: 0.5,
            rect: Rect { x: 0.25, y: 0.5, w: 0.125, h: 0.25 },
            opened: CaptureTime(1),
            best: CaptureTime(2),
            closed: Some(CaptureTime(3)),
            cause: Some(Cause {
                rule: "gate".into(),
                why: Why::Crossed { line: "kerb".into(), direction: "in".into() },
            }),
            analyst: Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() }),
        }
    }

    #[test]
    fn an_event_reads_back_from_json() {
        let event = event();
        let stamp = Stamp { outbox: OutboxId(uuid::Uuid::from_u128(2)), sequence: 8 };
        let message = EventMessage::new(&"site".parse().unwrap(), &event, Some(stamp));
        let json = serde_json::to_string(&message).unwrap();
        let why = r#""rule":"gate","why":{"kind":"crossed","line":"kerb","direction":"in"}"#;
        for part in [r#""stream":"site.door""#, r#""box":[0.25,"#, why] {
            assert!(json.contains(part), "{part} in {json}");
        }
        let back: EventMessage = serde_json::from_str(&json).unwrap();
        assert_eq!((back.to_event(), back.stamp()), (event, Some(stamp)));
    }

    #[test]
    fn an_event_of_before_rules_and_one_of_a_later_reason_are_read() {
        let message = EventMessage::new(&"site".parse().unwrap(), &event(), None);
        let mut json = serde_json::to_value(&message).unwrap();
        json["why"] = serde_json::json!({ "kind": "sang", "zone": "choir", "tune": 7 });
        let later: EventMessage = serde_json::from_value(json.clone()).unwrap();
        let kept = serde_json::to_value(&later).unwrap();
        assert_eq!((&kept["why"]["kind"], &kept["why"]["zone"]), (&"sang".into(), &"choir".into()));
        assert_eq!(later.to_event().cause, None);
        let object = json.as_object_mut().unwrap();
        object.remove("rule");
        object.remove("why");
        let before: EventMessage = serde_json::from_value(json.clone()).unwrap();
        assert_eq!((before.to_event().cause, serde_json::to_value(&before).unwrap()), (None, json));
    }
}
