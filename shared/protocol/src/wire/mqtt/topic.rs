//! The names of topics.

use std::fmt;

use crate::id::{CameraId, EdgeId, EventId, LabelName, StreamId};

const ROOT: &str = "omma/v1/edges";

/// A topic that Omma speaks on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Whether an edge is there.
    Status(EdgeId),
    /// How an edge itself is now, retained.
    Health(EdgeId),
    /// What befell an edge.
    Incidents(EdgeId),
    /// States of events of one camera.
    Events(EdgeId, CameraId),
    /// The picture of one event.
    Picture(EdgeId, CameraId, EventId),
    /// How one camera is now, retained.
    Camera(EdgeId, CameraId, CameraValue),
    /// How many things of one class a camera sees now, retained.
    Objects(EdgeId, CameraId, LabelName),
    /// What is asked of an edge; its payload names the camera.
    Command(EdgeId, Command),
    /// What is asked of one camera.
    CameraCommand(EdgeId, CameraId, Command),
    /// The answer to a command, where its sender wants it within the edge's fence, under a name of the sender's.
    Response(EdgeId, LabelName),
    /// The cameras that an edge shall have.
    Desired(EdgeId),
    /// What became of them, retained.
    Reported(EdgeId),
    /// What the hub's store has.
    Acks(EdgeId),
    /// Events made by the hub's own analysis.
    HubEvents(StreamId),
}

macro_rules! levels {
    ($(#[$doc:meta])* $ty:ident { $($(#[$what:meta])* $v:ident = $name:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $ty {
            $($(#[$what])* $v),+
        }

        impl $ty {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$v),+];

            /// The topic level.
            pub fn name(self) -> &'static str {
                match self { $(Self::$v => $name),+ }
            }

            fn parse(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }
    };
}

levels! {
    /// Something of a camera of which the newest is all that counts.
    CameraValue {
        /// Whether it is live, and why not: JSON.
        State = "state",
        /// Whether something moves: `ON` or `OFF`.
        Motion = "motion",
        /// Whether it is looked at: `ON` or `OFF`.
        Detection = "detection",
        /// The newest picture: a JPEG file.
        Snapshot = "snapshot",
        /// What the newest event is about, from near: a JPEG file.
        Crop = "crop",
    }
}

levels! {
    /// What can be asked of a camera.
    Command {
        /// End everything of it and begin anew.
        RestartCamera = "restart_camera",
        /// Show its newest key picture as its snapshot.
        Snapshot = "snapshot",
        /// Look at it, or look no more.
        Detection = "detection",
    }
}

impl Topic {
    /// Reads a topic name; `None` for what is not ours.
    pub fn parse(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("omma/v1/")?;
        let levels: Vec<&str> = rest.split('/').collect();
        Some(match levels.as_slice() {
            ["edges", edge, of_edge @ ..] => Self::parse_of_edge(edge.parse().ok()?, of_edge)?,
            ["hub", "cameras", stream, "events"] => Topic::HubEvents(stream.parse().ok()?),
            _ => return None,
        })
    }

    fn parse_of_edge(edge: EdgeId, levels: &[&str]) -> Option<Self> {
        Some(match levels {
            ["status"] => Topic::Status(edge),
            ["health"] => Topic::Health(edge),
            ["incidents"] => Topic::Incidents(edge),
            ["acks"] => Topic::Acks(edge),
            ["config", "desired"] => Topic::Desired(edge),
            ["config", "reported"] => Topic::Reported(edge),
            ["command", command] => Topic::Command(edge, Command::parse(command)?),
            ["responses", name] => Topic::Response(edge, name.parse().ok()?),
            ["cameras", camera, "events"] => Topic::Events(edge, camera.parse().ok()?),
            ["cameras", camera, "pictures", event] => Topic::Picture(edge, camera.parse().ok()?, event.parse().ok()?),
            ["cameras", camera, "objects", label] => Topic::Objects(edge, camera.parse().ok()?, label.parse().ok()?),
            ["cameras", camera, "command", command] => {
                Topic::CameraCommand(edge, camera.parse().ok()?, Command::parse(command)?)
            }
            ["cameras", camera, value] => Topic::Camera(edge, camera.parse().ok()?, CameraValue::parse(value)?),
            _ => return None,
        })
    }

    /// The edge whose fence the topic is in; `None` for the hub's own.
    pub fn edge(&self) -> Option<&EdgeId> {
        match self {
            Topic::Status(e)
            | Topic::Health(e)
            | Topic::Incidents(e)
            | Topic::Events(e, _)
            | Topic::Picture(e, ..)
            | Topic::Camera(e, ..)
            | Topic::Objects(e, ..)
            | Topic::Command(e, _)
            | Topic::CameraCommand(e, ..)
            | Topic::Response(e, _)
            | Topic::Desired(e)
            | Topic::Reported(e)
            | Topic::Acks(e) => Some(e),
            Topic::HubEvents(_) => None,
        }
    }

    /// The filter for everything of one edge.
    pub fn fence(edge: &EdgeId) -> String {
        format!("{ROOT}/{edge}/#")
    }

    /// The filters that a hub subscribes to.
    pub fn hub_filters() -> [String; 4] {
        ["status", "incidents", "cameras/+/events", "cameras/+/pictures/+"].map(|of_edge| format!("{ROOT}/+/{of_edge}"))
    }

    /// The filters by which an edge hears what it is asked.
    pub fn request_filters(edge: &EdgeId) -> [String; 3] {
        [
            Topic::Desired(edge.clone()).to_string(),
            format!("{ROOT}/{edge}/command/+"),
            format!("{ROOT}/{edge}/cameras/+/command/+"),
        ]
    }

    /// The filters by which an edge finds what it had published and the broker retains: one topic of each camera, and
    /// counts.
    pub fn retained_filters(edge: &EdgeId) -> [String; 2] {
        [format!("{ROOT}/{edge}/cameras/+/state"), format!("{ROOT}/{edge}/cameras/+/objects/+")]
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Topic::Status(edge) => write!(f, "{ROOT}/{edge}/status"),
            Topic::Health(edge) => write!(f, "{ROOT}/{edge}/health"),
            Topic::Incidents(edge) => write!(f, "{ROOT}/{edge}/incidents"),
            Topic::Acks(edge) => write!(f, "{ROOT}/{edge}/acks"),
            Topic::Desired(edge) => write!(f, "{ROOT}/{edge}/config/desired"),
            Topic::Reported(edge) => write!(f, "{ROOT}/{edge}/config/reported"),
            Topic::Command(edge, command) => write!(f, "{ROOT}/{edge}/command/{}", command.name()),
            Topic::Response(edge, name) => write!(f, "{ROOT}/{edge}/responses/{name}"),
            Topic::Events(edge, camera) => write!(f, "{ROOT}/{edge}/cameras/{camera}/events"),
            Topic::Picture(edge, camera, event) => write!(f, "{ROOT}/{edge}/cameras/{camera}/pictures/{event}"),
            Topic::Objects(edge, camera, label) => write!(f, "{ROOT}/{edge}/cameras/{camera}/objects/{label}"),
            Topic::Camera(edge, camera, value) => write!(f, "{ROOT}/{edge}/cameras/{camera}/{}", value.name()),
            Topic::CameraCommand(edge, camera, command) => {
                write!(f, "{ROOT}/{edge}/cameras/{camera}/command/{}", command.name())
            }
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
        let mut topics = vec![
            Topic::Status(edge.clone()),
            Topic::Health(edge.clone()),
            Topic::Incidents(edge.clone()),
            Topic::Acks(edge.clone()),
            Topic::Desired(edge.clone()),
            Topic::Reported(edge.clone()),
            Topic::Response(edge.clone(), "x".parse().unwrap()),
            Topic::Events(edge.clone(), camera.clone()),
            Topic::Picture(edge.clone(), camera.clone(), event),
            Topic::Objects(edge.clone(), camera.clone(), LabelName::of("traffic light")),
            Topic::HubEvents(StreamId::new(edge.clone(), camera.clone())),
        ];
        topics.extend(CameraValue::ALL.iter().map(|value| Topic::Camera(edge.clone(), camera.clone(), *value)));
        for command in Command::ALL {
            topics.push(Topic::Command(edge.clone(), *command));
            topics.push(Topic::CameraCommand(edge.clone(), camera.clone(), *command));
        }
        for topic in topics {
            assert_eq!(Topic::parse(&topic.to_string()), Some(topic));
        }
        for strange in [
            "",
            "omma",
            "omma/v1/edges/E/status",
            "omma/v1/edges/e/status/x",
            "omma/v2/edges/e/status",
            "omma/v1/edges/e/cameras/c/mood",
            "omma/v1/edges/e/cameras/c/objects/+",
            "omma/v1/edges/e/command/explode",
        ] {
            assert_eq!(Topic::parse(strange), None, "{strange}");
        }
    }
}
