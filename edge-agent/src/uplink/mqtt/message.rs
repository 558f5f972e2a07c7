//! A stored thing, a value of the moment, or an answer as an MQTT message.

use bytes::Bytes;
use edge_core::retained::Value;
use omma_protocol::event::Lasting;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{
    EventMessage, IncidentMessage, PROP_OUTBOX, PROP_REVISION, PROP_SEQUENCE, PROP_TIME, StatusMessage, Topic,
};
use rumqttc::v5::mqttbytes::v5::PublishProperties;

use super::UplinkError;
use crate::AGENT;
use crate::control::notices::{Answer, ReplyTo};
use crate::outbox::Stored;

/// Topic, payload and properties; all are QoS 1.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    pub(super) properties: PublishProperties,
    pub(super) retain: bool,
}

impl Publish {
    fn on(topic: &Topic, payload: Bytes, properties: PublishProperties) -> Self {
        Self { topic: topic.to_string(), payload, properties, retain: topic.contract().is_retained() }
    }

    /// Longest packet that this can become (MQTT 5 §3.3): fixed header, topic, packet id and properties, payload.
    pub(super) fn len(&self) -> usize {
        const HEADERS: usize = 1024;
        self.payload.len() + HEADERS
    }
}

pub(super) fn publish(edge: &EdgeId, stored: &Stored) -> Result<Publish, UplinkError> {
    let stamp = stored.stamp;
    match &stored.what {
        Lasting::Event(event) => {
            let topic = Topic::Events(edge.clone(), event.camera.clone());
            Ok(Publish::on(&topic, json(&EventMessage::new(edge, event, Some(stamp)))?, json_properties()))
        }
        Lasting::Incident(incident) => {
            let topic = Topic::Incidents(edge.clone());
            Ok(Publish::on(&topic, json(&IncidentMessage::new(incident, stamp))?, json_properties()))
        }
        Lasting::Picture(picture) => {
            let user_properties = [
                (PROP_OUTBOX, stamp.outbox.to_string()),
                (PROP_SEQUENCE, stamp.sequence.to_string()),
                (PROP_REVISION, picture.revision.to_string()),
                (PROP_TIME, picture.time.0.to_string()),
            ];
            let properties = PublishProperties {
                user_properties: user_properties.map(|(key, value)| (key.to_owned(), value)).into(),
                content_type: Some("image/jpeg".to_owned()),
                ..PublishProperties::default()
            };
            let topic = Topic::Picture(edge.clone(), picture.camera.clone(), picture.event);
            Ok(Publish::on(&topic, picture.jpeg.clone(), properties))
        }
    }
}

fn json(message: &impl serde::Serialize) -> Result<Bytes, UplinkError> {
    serde_json::to_vec(message).map(Bytes::from).map_err(|e| UplinkError::Message(e.to_string()))
}

/// A value of the moment.
pub(super) fn value(value: Value<Bytes>) -> Publish {
    let Value { topic, payload, .. } = value;
    // What is none of Omma's topics is one of Home Assistant's discovery, which is retained.
    let retain = Topic::parse(&topic).is_none_or(|topic| topic.contract().is_retained());
    Publish { topic, payload, properties: PublishProperties::default(), retain }
}

/// To who asked, with what they know their question by (MQTT 5 §4.10). Never retained: the topic may be their own.
pub(super) fn answer(answer: Answer) -> Publish {
    let Answer { to: ReplyTo { topic, correlation }, payload } = answer;
    let properties = PublishProperties { correlation_data: correlation, ..json_properties() };
    Publish { topic, payload, properties, retain: false }
}

fn json_properties() -> PublishProperties {
    PublishProperties {
        payload_format_indicator: Some(1),
        content_type: Some("application/json".to_owned()),
        ..PublishProperties::default()
    }
}

/// Whether this edge is there.
pub(super) fn status(edge: &EdgeId, online: bool) -> Publish {
    let status = StatusMessage { online, agent: AGENT.to_owned() };
    // A bool and a text always are JSON.
    let json = serde_json::to_vec(&status).unwrap_or_default();
    Publish::on(&Topic::Status(edge.clone()), json.into(), PublishProperties::default())
}
