//! Edge, broker and hub over MQTT.

use bytes::Bytes;
use edge_core::control;
use hub_core::arrival::{Arrival, Content, Origin};
use hub_core::message::{self, Message};
use hub_core::record::{check_event, check_incident, check_picture};
use omma_protocol::wire::mqtt::{AckMessage, EventMessage, StatusMessage, Topic};

/// The payloads of MQTT messages.
pub fn mqtt_message(data: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<EventMessage>(data) {
        let event = message.to_event();
        assert_eq!(event.id, message.id);
    }
    let (_, _) = (serde_json::from_slice::<AckMessage>(data).ok(), serde_json::from_slice::<StatusMessage>(data).ok());
}

/// A message as the hub takes it from its broker: a line with the topic, a line `key=value` for each user property, an
/// empty line, the payload. Whatever is to be stored is sound, and from the edge whose topic it came on.
pub fn hub_message(data: &[u8]) {
    let mut payload = data;
    let mut line = || {
        let end = payload.iter().position(|&byte| byte == b'\n').unwrap_or(payload.len());
        let (line, rest) = payload.split_at(end);
        payload = rest.get(1..).unwrap_or_default();
        line
    };
    let topic = line();
    let properties: Vec<(String, String)> = std::iter::from_fn(|| Some(line()).filter(|line| !line.is_empty()))
        .filter_map(|line| std::str::from_utf8(line).ok()?.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let Ok(Message::Lasting(Arrival { origin, content })) =
        message::read(topic, Bytes::copy_from_slice(payload), &properties)
    else {
        return;
    };
    let (name, edge) = (std::str::from_utf8(topic).ok(), origin.map(|Origin { edge, .. }| edge));
    assert_eq!(name.and_then(Topic::parse).and_then(|topic| topic.edge().cloned()), edge);
    match content {
        Content::Event(event) => assert!(edge.is_some_and(|e| check_event(&e, &event.stream.camera, &event).is_ok())),
        Content::Incident(incident) => assert!(edge.is_some() && check_incident(&incident).is_ok()),
        Content::Picture(picture) => {
            let crop = picture.crop.unwrap_or_default();
            assert!(check_picture(&picture.jpeg).is_ok() && Some(picture.stream.edge) == edge);
            assert!(crop.is_empty() || check_picture(&crop).is_ok());
            assert!(picture.jpeg.len() + crop.len() == payload.len());
        }
        Content::Unsound { reason } => assert!(!reason.is_empty()),
    }
}

/// A topic's name: what is ours reads back as it was written.
pub fn mqtt_topic(data: &[u8]) {
    if let Some(topic) = std::str::from_utf8(data).ok().and_then(Topic::parse) {
        assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
    }
}

/// A command as an edge takes it from its broker: a line with the topic, the payload. A retained one is never obeyed, and
/// on a camera's own topic none is for another.
pub fn mqtt_command(data: &[u8]) {
    let at = data.iter().position(|&byte| byte == b'\n').unwrap_or(data.len());
    let (topic, payload) = data.split_at(at);
    let payload = payload.get(1..).unwrap_or_default();
    let Some(topic) = std::str::from_utf8(topic).ok().and_then(Topic::parse) else { return };
    assert!(control::read(&topic, payload, true).is_err());
    match (control::read(&topic, payload, false), &topic) {
        (Ok(request), Topic::CameraCommand(_, camera, _)) => assert_eq!(request.camera, *camera),
        (taken, Topic::Command(..)) => drop(taken),
        (taken, topic) => assert!(taken.is_err(), "{topic} is no command"),
    }
}
