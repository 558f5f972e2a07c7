//! Reads an MQTT message of an edge: topic, properties and payload in, what it says out. Pure.
//!
//! What names its place in an outbox and is otherwise not understood, such as an event of a newer edge, is noted as
//! unsound: unacknowledged it would come again for ever and hold up what stands behind it.

use bytes::Bytes;
use omma_protocol::event::Stamp;
use omma_protocol::id::{CameraId, EdgeId, EventId, OutboxId, StreamId};
use omma_protocol::time::CaptureTime;
use omma_protocol::wire::mqtt::{
    EventMessage, IncidentMessage, PROP_CROP, PROP_OUTBOX, PROP_REVISION, PROP_SEQUENCE, PROP_TIME, StatusMessage,
    Topic,
};
use serde::Deserialize;

use crate::arrival::{Arrival, Content, Origin, Picture};
use crate::record::{check_event, check_incident, check_picture};

/// Longest event, incident or status, in bytes.
const MAX_JSON: usize = 16 * 1024;

/// What a message says.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// Whether an edge is there.
    Status(EdgeId, StatusMessage),
    /// To be stored.
    Lasting(Arrival),
}

/// Why a message can't even be noted: it names no place in an outbox.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The topic.
    #[error("not a topic of an edge")]
    Topic,
    /// Bytes of a payload that is too long to be looked at.
    #[error("payload of {0} bytes is over the bound of {MAX_JSON}")]
    TooLong(usize),
    /// What the payload lacks as JSON.
    #[error("payload: {0}")]
    Json(String),
    /// An event without a place in an outbox.
    #[error("payload names no `outbox` and `sequence`")]
    NoStamp,
    /// Which of a picture's properties.
    #[error("user property `{0}` is missing or wrong")]
    Property(&'static str),
}

/// Reads one message.
///
/// # Errors
/// [`Unreadable`]: it can be neither kept nor acknowledged.
pub fn read(topic: &[u8], payload: Bytes, properties: &[(String, String)]) -> Result<Message, Unreadable> {
    let topic = std::str::from_utf8(topic).ok().and_then(Topic::parse).ok_or(Unreadable::Topic)?;
    match topic {
        Topic::Status(edge) => Ok(Message::Status(edge, json(&payload)?)),
        Topic::Events(edge, camera) => event(edge, &camera, &payload).map(Message::Lasting),
        Topic::Incidents(edge) => incident(edge, &payload).map(Message::Lasting),
        Topic::Picture(edge, camera, event) => picture(edge, camera, event, payload, properties).map(Message::Lasting),
        // Nothing else was subscribed to.
        _ => Err(Unreadable::Topic),
    }
}

/// What [`read`] could not read of a record that `edge` sent over its own connection, noted as unsound where its
/// properties or its payload as JSON name its place.
///
/// # Errors
/// [`Unreadable`], as it was, where they name none.
pub fn noted_of(
    edge: &EdgeId,
    payload: &[u8],
    properties: &[(String, String)],
    unreadable: Unreadable,
) -> Result<Message, Unreadable> {
    let named = property(properties, PROP_OUTBOX).and_then(|outbox| Ok((outbox, property(properties, PROP_SEQUENCE)?)));
    let (stamp, content) = match named {
        Ok((outbox, sequence)) => (Stamp { outbox, sequence }, Content::Unsound { reason: unreadable.to_string() }),
        Err(_) => noted(payload, unreadable)?,
    };
    Ok(Message::Lasting(Arrival { origin: Some(Origin { edge: edge.clone(), stamp }), content }))
}

fn event(edge: EdgeId, camera: &CameraId, payload: &[u8]) -> Result<Arrival, Unreadable> {
    let (stamp, content) = match json::<EventMessage>(payload) {
        Ok(event) => {
            let stamp = event.stamp().ok_or(Unreadable::NoStamp)?;
            let content = match check_event(&edge, camera, &event) {
                Ok(()) => Content::Event(Box::new(event)),
                Err(unsound) => Content::Unsound { reason: unsound.to_string() },
            };
            (stamp, content)
        }
        Err(unreadable) => noted(payload, unreadable)?,
    };
    Ok(Arrival { origin: Some(Origin { edge, stamp }), content })
}

fn incident(edge: EdgeId, payload: &[u8]) -> Result<Arrival, Unreadable> {
    let (stamp, content) = match json::<IncidentMessage>(payload) {
        Ok(incident) => {
            let stamp = incident.stamp();
            let content = match check_incident(&incident) {
                Ok(()) => Content::Incident(Box::new(incident)),
                Err(unsound) => Content::Unsound { reason: unsound.to_string() },
            };
            (stamp, content)
        }
        Err(unreadable) => noted(payload, unreadable)?,
    };
    Ok(Arrival { origin: Some(Origin { edge, stamp }), content })
}

/// What names its place and can't be read otherwise.
fn noted(payload: &[u8], unreadable: Unreadable) -> Result<(Stamp, Content), Unreadable> {
    match serde_json::from_slice(payload) {
        Ok(Place { outbox, sequence }) => {
            Ok((Stamp { outbox, sequence }, Content::Unsound { reason: unreadable.to_string() }))
        }
        Err(_) => Err(unreadable),
    }
}

/// All that must be understood of an event or incident for it to be acknowledged.
#[derive(Deserialize)]
struct Place {
    outbox: OutboxId,
    sequence: u64,
}

fn picture(
    edge: EdgeId,
    camera: CameraId,
    event: EventId,
    payload: Bytes,
    properties: &[(String, String)],
) -> Result<Arrival, Unreadable> {
    let outbox: OutboxId = property(properties, PROP_OUTBOX)?;
    let stamp = Stamp { outbox, sequence: property(properties, PROP_SEQUENCE)? };
    let sound = || -> Result<Picture, String> {
        let revision = property(properties, PROP_REVISION).map_err(|e| e.to_string())?;
        let time = CaptureTime(property(properties, PROP_TIME).map_err(|e| e.to_string())?);
        let (jpeg, crop) = cut(payload, properties)?;
        let stream = StreamId::new(edge.clone(), camera);
        Ok(Picture { stream, event, revision, time, jpeg, crop })
    };
    let content = sound().map_or_else(|reason| Content::Unsound { reason }, Content::Picture);
    Ok(Arrival { origin: Some(Origin { edge, stamp }), content })
}

/// The whole frame, and the crop behind it where there is one.
fn cut(mut payload: Bytes, properties: &[(String, String)]) -> Result<(Bytes, Option<Bytes>), String> {
    let check = |jpeg: &[u8]| check_picture(jpeg).map_err(|e| e.to_string());
    if !properties.iter().any(|(key, _)| key == PROP_CROP) {
        check(&payload)?;
        return Ok((payload, None));
    }
    let at: usize = property(properties, PROP_CROP).map_err(|e| e.to_string())?;
    if at > payload.len() {
        return Err(format!("{}: its payload has {} bytes", Unreadable::Property(PROP_CROP), payload.len()));
    }
    let crop = payload.split_off(at);
    check(&payload)?;
    check(&crop)?;
    Ok((payload, Some(crop)))
}

fn property<T: std::str::FromStr>(properties: &[(String, String)], name: &'static str) -> Result<T, Unreadable> {
    let value = properties.iter().find(|(key, _)| key == name).and_then(|(_, value)| value.parse().ok());
    value.ok_or(Unreadable::Property(name))
}

fn json<T: serde::de::DeserializeOwned>(payload: &[u8]) -> Result<T, Unreadable> {
    if payload.len() > MAX_JSON {
        return Err(Unreadable::TooLong(payload.len()));
    }
    serde_json::from_slice(payload).map_err(|e| Unreadable::Json(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const EVENT: &str = r#"{"outbox":"00000000-0000-0000-0000-000000000001","sequence":7,
        "id":"00000000-0000-0000-0000-000000000002","stream":"site.door","phase":"opened","revision":1,
        "label":"person","track":1,"score":0.5,"box":[0.1,0.1,0.2,0.2],"opened_us":10,"best_us":10,
        "place":"edge","engine":"tract","model":"m"}"#;
    const INCIDENT: &str = r#"{"outbox":"00000000-0000-0000-0000-000000000001","sequence":9,
        "id":"00000000-0000-5000-8000-000000000003","time_us":5,"kind":"unclean_end","message":"it was killed"}"#;
    const INCIDENTS: &str = "omma/v1/edges/site/incidents";
    const EVENTS: &str = "omma/v1/edges/site/cameras/door/events";
    const PICTURES: &str = "omma/v1/edges/site/cameras/door/pictures/00000000-0000-0000-0000-000000000002";

    fn of(topic: &str, payload: &str) -> Result<Message, Unreadable> {
        read(topic.as_bytes(), Bytes::copy_from_slice(payload.as_bytes()), &[])
    }

    fn reason(message: Message) -> String {
        match message {
            Message::Lasting(Arrival { content: Content::Unsound { reason }, origin: Some(_) }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_sound_event_is_to_be_stored() {
        let Message::Lasting(arrival) = of(EVENTS, EVENT).unwrap() else { panic!("not an event") };
        assert_eq!(arrival.origin.unwrap().stamp.sequence, 7);
        assert!(matches!(arrival.content, Content::Event(e) if e.label == "person"));
    }

    #[test]
    fn an_event_of_another_edges_stream_is_noted_and_not_kept() {
        let other = "omma/v1/edges/other/cameras/door/events";
        assert!(reason(of(other, EVENT).unwrap()).contains("site.door"));
        assert!(reason(of(EVENTS, &EVENT.replace("0.5,\"box", "7.5,\"box")).unwrap()).contains("score"));
    }

    #[test]
    fn an_event_of_a_newer_edge_is_noted_so_that_it_does_not_come_for_ever() {
        for (newer, why) in [
            (EVENT.replace("\"opened\"", "\"paused\""), "paused"),
            (EVENT.replace("\"track\":1,", ""), "track"),
            (EVENT.replace("\"m\"}", &format!("\"{}\"}}", "m".repeat(MAX_JSON))), "over the bound"),
        ] {
            assert!(reason(of(EVENTS, &newer).unwrap()).contains(why), "{why}");
        }
    }

    #[test]
    fn what_names_no_place_in_an_outbox_is_unreadable() {
        assert!(matches!(of(EVENTS, "{"), Err(Unreadable::Json(_))));
        assert_eq!(of(EVENTS, &EVENT.replace("\"sequence\":7,", "")), Err(Unreadable::NoStamp));
        assert_eq!(of(EVENTS, &" ".repeat(MAX_JSON + 1)), Err(Unreadable::TooLong(MAX_JSON + 1)));
        assert_eq!(of("omma/v1/edges/site/acks", "{}"), Err(Unreadable::Topic));
        assert_eq!(of(PICTURES, "x"), Err(Unreadable::Property(PROP_OUTBOX)));
    }

    #[test]
    fn an_incident_is_kept_with_whatever_word_and_noted_where_it_is_not_understood() {
        for payload in [INCIDENT.to_owned(), INCIDENT.replace("unclean_end", "of_a_later_edge")] {
            let Message::Lasting(arrival) = of(INCIDENTS, &payload).unwrap() else { panic!("not an incident") };
            assert_eq!(arrival.origin.unwrap().stamp.sequence, 9);
            assert!(matches!(arrival.content, Content::Incident(incident) if incident.message == "it was killed"));
        }
        for (newer, why) in [(r#""time_us":"now""#, "invalid type"), (r#""time_us":-5"#, "time_us")] {
            assert!(
                reason(of(INCIDENTS, &INCIDENT.replace(r#""time_us":5"#, newer)).unwrap()).contains(why),
                "{newer}"
            );
        }
        assert!(matches!(of(INCIDENTS, &INCIDENT.replace("\"sequence\":9,", "")), Err(Unreadable::Json(_))));
    }

    #[test]
    fn a_picture_carries_its_place_in_properties() {
        let properties = [
            (PROP_OUTBOX, "00000000-0000-0000-0000-000000000001"),
            (PROP_SEQUENCE, "8"),
            (PROP_REVISION, "2"),
            (PROP_TIME, "99"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let jpeg = Bytes::from_static(&[0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9]);
        let read = |payload| read(PICTURES.as_bytes(), payload, &properties).unwrap();
        let Message::Lasting(arrival) = read(jpeg) else { panic!("not a picture") };
        assert!(matches!(arrival.content, Content::Picture(p) if p.revision == 2 && p.time.0 == 99));
        assert!(reason(read(Bytes::from_static(b"<html>"))).contains("JPEG"));
        let placed = super::read(PICTURES.as_bytes(), Bytes::from_static(b"x"), &properties[..2]).unwrap();
        assert!(reason(placed).contains(PROP_REVISION));
    }

    #[test]
    fn behind_the_whole_frame_is_its_crop() {
        const WHOLE: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9];
        const CROP: &[u8] = &[0xff, 0xd8, 0xff, 0xe1, 1, 0xff, 0xd9];
        let read = |crop_at: &str| {
            let properties = [
                (PROP_OUTBOX, "00000000-0000-0000-0000-000000000001"),
                (PROP_SEQUENCE, "8"),
                (PROP_REVISION, "2"),
                (PROP_TIME, "99"),
                (PROP_CROP, crop_at),
            ]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
            let known = if crop_at.is_empty() { &properties[..4] } else { &properties };
            read(PICTURES.as_bytes(), [WHOLE, CROP].concat().into(), known).unwrap()
        };
        let Message::Lasting(arrival) = read("6") else { panic!("not a picture") };
        let Content::Picture(picture) = arrival.content else { panic!("{arrival:?}") };
        assert_eq!((&picture.jpeg[..], picture.crop.as_deref(), picture.crop_at()), (WHOLE, Some(CROP), Some(6)));
        // As a hub of before there were crops reads it.
        let Message::Lasting(arrival) = read("") else { panic!("not a picture") };
        assert!(matches!(arrival.content, Content::Picture(p) if p.jpeg == [WHOLE, CROP].concat() && p.crop.is_none()));
        for (crop_at, why) in [("5", "JPEG"), ("0", "JPEG"), ("13", "JPEG"), ("14", PROP_CROP), ("-1", PROP_CROP)] {
            assert!(reason(read(crop_at)).contains(why), "{crop_at}");
        }
    }

    #[test]
    fn a_record_on_a_topic_of_a_newer_edge_is_noted_where_it_names_its_place() {
        let site: EdgeId = "site".parse().unwrap();
        let named = [(PROP_OUTBOX, "00000000-0000-0000-0000-000000000001"), (PROP_SEQUENCE, "8")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()));
        let noted = |payload: &[u8], properties: &[_]| noted_of(&site, payload, properties, Unreadable::Topic);
        for message in
            [noted(b"\xff", &named), noted(INCIDENT.as_bytes(), &[]), noted(INCIDENT.as_bytes(), &named[..1])]
        {
            assert!(reason(message.unwrap()).contains("not a topic"));
        }
        assert_eq!(noted(b"la", &named[1..]), Err(Unreadable::Topic));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(topic in prop::sample::select(vec![EVENTS, INCIDENTS, PICTURES, "omma/v1/edges/site/status"]),
                                  bytes in prop::collection::vec(any::<u8>(), 0..200),
                                  keys in prop::collection::vec(("[a-z_]{0,8}", ".{0,20}"), 0..5)) {
            if let Ok(Message::Lasting(_)) = read(topic.as_bytes(), bytes.into(), &keys) {
                prop_assert!(![EVENTS, INCIDENTS].contains(&topic), "garbage is no event");
            }
        }
    }
}
