//! What is agreed of each topic: who speaks, what, and whether the broker keeps it. `docs/reference/mqtt.md` is made of it.

use super::{CameraValue, Command, Topic};

/// Quality of service of every message: at least once (MQTT 5 §4.3.2).
pub const QOS: u8 = 1;

/// Who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Party {
    /// The edge agent.
    Edge,
    /// The hub.
    Hub,
    /// Whom the broker's access rules let.
    Anyone,
}

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payload {
    /// JSON of the struct of this name.
    Json(&'static str),
    /// A JPEG file.
    Jpeg,
    /// [`ON`](super::ON) or [`OFF`](super::OFF).
    Switch,
    /// A number, decimal.
    Count,
    /// TOML.
    Toml,
    /// It is not read.
    Anything,
}

/// Whether the broker keeps the newest message for who comes later (MQTT 5 §3.3.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retained {
    /// Always.
    Yes,
    /// Never.
    No,
    /// As its publisher likes.
    MayBe,
}

/// What is agreed of a topic.
#[derive(Debug, PartialEq, Eq)]
pub struct Contract {
    /// Its name, with `{edge}`, `{camera}`, `{event}`, `{label}`, `{name}` and `{command}` in place of what varies.
    pub name: &'static str,
    /// Who publishes.
    pub from: Party,
    /// What.
    pub payload: Payload,
    /// Whether it is kept.
    pub retained: Retained,
    /// What it says, for people.
    pub what: &'static str,
}

impl Contract {
    /// Whether Omma's own messages on it are retained.
    pub fn is_retained(&self) -> bool {
        self.retained == Retained::Yes
    }
}

macro_rules! contracts {
    ($($id:ident $name:literal $from:ident $payload:expr, $retained:ident, $what:literal;)+) => {
        $(static $id: Contract = Contract {
            name: $name,
            from: Party::$from,
            payload: $payload,
            retained: Retained::$retained,
            what: $what,
        };)+

        /// All of them, in reading order.
        pub static CONTRACTS: &[&Contract] = &[$(&$id),+];
    };
}

contracts! {
    STATUS "omma/v1/edges/{edge}/status" Edge Payload::Json("StatusMessage"), Yes,
        "Whether the edge is there; also its last will.";
    HEALTH "omma/v1/edges/{edge}/health" Edge Payload::Json("HealthMessage"), Yes,
        "How the edge itself is.";
    STATE "omma/v1/edges/{edge}/cameras/{camera}/state" Edge Payload::Json("CameraMessage"), Yes,
        "How the camera is.";
    MOTION "omma/v1/edges/{edge}/cameras/{camera}/motion" Edge Payload::Switch, Yes,
        "Whether something moves: the gate has opened for it; while it learns, and with `gate = \"always\"`, what is followed has changed its place in the last seconds. What has been parked for half a minute does not move.";
    OBJECTS "omma/v1/edges/{edge}/cameras/{camera}/objects/{label}" Edge Payload::Count, Yes,
        "How many of a class are there now.";
    DETECTION "omma/v1/edges/{edge}/cameras/{camera}/detection" Edge Payload::Switch, Yes,
        "Whether the camera is looked at.";
    SNAPSHOT "omma/v1/edges/{edge}/cameras/{camera}/snapshot" Edge Payload::Jpeg, Yes,
        "The newest event's best picture, on a broker of the operator's.";
    CROP "omma/v1/edges/{edge}/cameras/{camera}/crop" Edge Payload::Jpeg, Yes,
        "What the newest event is about, from near: the crop of its best picture, on a broker of the operator's.";
    EVENTS "omma/v1/edges/{edge}/cameras/{camera}/events" Edge Payload::Json("EventMessage"), No,
        "A state of an event.";
    PICTURE "omma/v1/edges/{edge}/cameras/{camera}/pictures/{event}" Edge Payload::Jpeg, No,
        "The event's best picture so far: the whole frame, and behind it, from the byte `crop_at` on, the crop.";
    INCIDENTS "omma/v1/edges/{edge}/incidents" Edge Payload::Json("IncidentMessage"), No,
        "What befell the edge itself: a crash, an unclean end, a damaged outbox.";
    DETECTION_COMMAND "omma/v1/edges/{edge}/cameras/{camera}/command/detection" Anyone Payload::Switch, No,
        "Look at the camera, or look no more.";
    RESTART_COMMAND "omma/v1/edges/{edge}/cameras/{camera}/command/restart_camera" Anyone Payload::Anything, No,
        "End everything of the camera and begin anew.";
    SNAPSHOT_COMMAND "omma/v1/edges/{edge}/cameras/{camera}/command/snapshot" Anyone Payload::Anything, No,
        "Show the newest key picture as the snapshot.";
    COMMAND "omma/v1/edges/{edge}/command/{command}" Anyone Payload::Json("CommandMessage"), No,
        "The same commands, of the camera that the payload names.";
    DESIRED "omma/v1/edges/{edge}/config/desired" Anyone Payload::Toml, MayBe,
        "Every `[[camera]]` that the edge shall have.";
    REPORTED "omma/v1/edges/{edge}/config/reported" Edge Payload::Json("ReportedMessage"), Yes,
        "What became of them.";
    RESPONSE "omma/v1/edges/{edge}/responses/{name}" Edge Payload::Json("ResponseMessage"), No,
        "The answer to a command or a configuration, where its sender names this as the response topic.";
    ACKS "omma/v1/edges/{edge}/acks" Hub Payload::Json("AckMessage"), No,
        "What the hub's store has.";
    HUB_EVENTS "omma/v1/hub/cameras/{edge}.{camera}/events" Hub Payload::Json("EventMessage"), No,
        "A state of an event that the hub's own analysis made.";
}

impl Topic {
    /// What is agreed of it.
    pub fn contract(&self) -> &'static Contract {
        match self {
            Topic::Status(_) => &STATUS,
            Topic::Health(_) => &HEALTH,
            Topic::Incidents(_) => &INCIDENTS,
            Topic::Events(..) => &EVENTS,
            Topic::Picture(..) => &PICTURE,
            Topic::Camera(_, _, CameraValue::State) => &STATE,
            Topic::Camera(_, _, CameraValue::Motion) => &MOTION,
            Topic::Camera(_, _, CameraValue::Detection) => &DETECTION,
            Topic::Camera(_, _, CameraValue::Snapshot) => &SNAPSHOT,
            Topic::Camera(_, _, CameraValue::Crop) => &CROP,
            Topic::Objects(..) => &OBJECTS,
            Topic::Command(..) => &COMMAND,
            Topic::CameraCommand(_, _, Command::Detection) => &DETECTION_COMMAND,
            Topic::CameraCommand(_, _, Command::RestartCamera) => &RESTART_COMMAND,
            Topic::CameraCommand(_, _, Command::Snapshot) => &SNAPSHOT_COMMAND,
            Topic::Response(..) => &RESPONSE,
            Topic::Desired(_) => &DESIRED,
            Topic::Reported(_) => &REPORTED,
            Topic::Acks(_) => &ACKS,
            Topic::HubEvents(_) => &HUB_EVENTS,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contract_is_that_of_the_topic_which_it_names() {
        for contract in CONTRACTS {
            let names = Command::ALL.iter().map(|command| {
                let id = "00000000-0000-0000-0000-000000000009";
                let values = [
                    ("{edge}", "e"),
                    ("{camera}", "c"),
                    ("{event}", id),
                    ("{label}", "l"),
                    ("{name}", "n"),
                    ("{command}", command.name()),
                ];
                values.iter().fold(contract.name.to_owned(), |name, (place, value)| name.replace(place, value))
            });
            for name in names {
                let topic = Topic::parse(&name).unwrap_or_else(|| panic!("{name} is no topic"));
                assert_eq!((topic.contract(), topic.to_string()), (*contract, name));
            }
        }
    }
}
