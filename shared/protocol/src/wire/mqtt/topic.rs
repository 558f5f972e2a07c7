//! The names of topics.

use std::fmt;

use crate::id::{CameraId, EdgeId, EventId, StreamId};

const ROOT: &str = "omma/v1/edges";

/// A topic that Omma speaks on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Whether an edge is there.
    Status(EdgeId),
    /// States of events of one camera.
    Events(EdgeId, CameraId),
    /// The picture of one event.
    Picture(EdgeId, CameraId, EventId),
    /// What the hub's store has.
    Acks(EdgeId),
    /// Events made by the hub's own analysis.
    HubEvents(StreamId),
}

impl Topic {
    /// Reads a topic name; `None` for what is not ours.
    pub fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("omma/v1/")?;
        let levels: Vec<&str> = rest.split('/').collect();
        Some(match levels.as_slice() {
            ["edges", edge, "status"] => Topic::Status(edge.parse().ok()?),
            ["edges", edge, "acks"] => Topic::Acks(edge.parse().ok()?),
            ["edges", edge, "cameras", camera, "events"] => Topic::Events(edge.parse().ok()?, camera.parse().ok()?),
            ["edges", edge, "cameras", camera, "pictures", event] => {
                Topic::Picture(edge.parse().ok()?, camera.parse().ok()?, event.parse().ok()?)
            }
            ["hub", "cameras", stream, "events"] => Topic::HubEvents(stream.parse().ok()?),
            _ => return None,
        })
    }

    /// The edge whose fence the topic is in; `None` for the hub's own.
    pub fn edge(&self) -> Option<&EdgeId> {
        match self {
            Topic::Status(e) | Topic::Events(e, _) | Topic::Picture(e, ..) | Topic::Acks(e) => Some(e),
            Topic::HubEvents(_) => None,
        }
    }

    /// The filter for everything of one edge.
    pub fn fence(edge: &EdgeId) -> String {
        format!("{ROOT}/{edge}/#")
    }

    /// The filters that a hub subscribes to.
    pub fn hub_filters() -> [String; 3] {
        [format!("{ROOT}/+/status"), format!("{ROOT}/+/cameras/+/events"), format!("{ROOT}/+/cameras/+/pictures/+")]
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Status(edge) => write!(f, "{ROOT}/{edge}/status"),
            Topic::Acks(edge) => write!(f, "{ROOT}/{edge}/acks"),
            Topic::Events(edge, camera) => write!(f, "{ROOT}/{edge}/cameras/{camera}/events"),
            Topic::Picture(edge, camera, event) => write!(f, "{ROOT}/{edge}/cameras/{camera}/pictures/{event}"),
            Topic::HubEvents(stream) => write!(f, "omma/v1/hub/cameras/{stream}/events"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_read_back_and_strangers_are_refused() {
        let (edge, camera): (EdgeId, CameraId) = ("e".parse().unwrap(), "c".parse().unwrap());
        let event = EventId(uuid::Uuid::from_u128(9));
        for topic in [
            Topic::Status(edge.clone()),
            Topic::Acks(edge.clone()),
            Topic::Events(edge.clone(), camera.clone()),
            Topic::Picture(edge.clone(), camera.clone(), event),
            Topic::HubEvents(StreamId::new(edge.clone(), camera)),
        ] {
            assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
        }
        for strange in ["", "omma", "omma/v1/edges/E/status", "omma/v1/edges/e/status/x", "omma/v2/edges/e/status"] {
            assert_eq!(Topic::parse(strange), None, "{strange}");
        }
    }
}
