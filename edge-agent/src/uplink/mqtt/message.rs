//! A stored thing as an MQTT message.

use bytes::Bytes;
use omma_protocol::event::Lasting;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{
    EventMessage, PROP_OUTBOX, PROP_REVISION, PROP_SEQUENCE, PROP_TIME, StatusMessage, Topic,
};
use rumqttc::v5::mqttbytes::v5::PublishProperties;

use super::UplinkError;
use crate::AGENT;
use crate::outbox::Stored;

/// Topic, payload and properties; all are QoS 1.
#[derive(Debug)]
pub(super) struct Publish {
    pub(super) topic: Topic,
    pub(super) payload: Bytes,
    pub(super) properties: PublishProperties,
}

impl Publish {
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
            let json = serde_json::to_vec(&EventMessage::new(edge, event, Some(stamp)))
                .map_err(|e| UplinkError::Message(e.to_string()))?;
            let properties = PublishProperties {
                payload_format_indicator: Some(1),
                content_type: Some("application/json".to_owned()),
                ..PublishProperties::default()
            };
            Ok(Publish { topic: Topic::Events(edge.clone(), event.camera.clone()), payload: json.into(), properties })
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
            Ok(Publish { topic, payload: picture.jpeg.clone(), properties })
        }
    }
}

/// Whether this edge is there; retained.
pub(super) fn status(online: bool) -> Vec<u8> {
    let status = StatusMessage { online, agent: AGENT.to_owned() };
    // A bool and a text always are JSON.
    serde_json::to_vec(&status).unwrap_or_default()
}
