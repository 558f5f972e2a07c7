//! A stored thing, a value of the moment, or an answer as an MQTT message.

use bytes::Bytes;
use edge_core::outbox::flight::Kind;
use edge_core::retained::Value;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{StatusMessage, Topic};
use rumqttc::v5::mqttbytes::v5::PublishProperties;

use crate::AGENT;
use crate::control::notices::{Answer, ReplyTo};
use crate::outbox::Stored;
use crate::uplink::records::{EncodeError, OnTopic, on_topic};

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

/// A record of the outbox.
pub(super) fn publish(edge: &EdgeId, stored: &Stored) -> Result<Publish, EncodeError> {
    let OnTopic { topic, properties, payload } = on_topic(edge, stored)?;
    let properties = match stored.kind() {
        Kind::Event | Kind::Incident => json_properties(),
        Kind::Picture => PublishProperties {
            user_properties: properties,
            content_type: Some("image/jpeg".to_owned()),
            ..PublishProperties::default()
        },
    };
    Ok(Publish::on(&topic, payload, properties))
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
