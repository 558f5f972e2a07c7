//! What an edge is asked over MQTT, and to whom the answer goes.
//!
//! A command comes on a camera's own topic, where its payload is plain text (`ON`), as home automations send it; or on the
//! edge's, where it is JSON that names the camera (`{"camera": "door", "on": true}`).

use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::wire::mqtt::{Command, CommandMessage, OFF, ON, Topic};

/// What a camera is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which camera.
    pub camera: CameraId,
    /// What.
    pub act: Act,
}

/// What is done to a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// End everything of it and begin anew.
    Restart,
    /// Show its newest key picture as its snapshot.
    Snapshot,
    /// Look at it from now on, or no more.
    Detection(bool),
}

/// Why a message is not taken for a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A broker that retains a command gives it to the edge at each connection.
    #[error("a command must not be retained: clear it on the broker, and publish it without `retain`")]
    Retained,
    /// Not one of the edge's commands.
    #[error("there is no such command")]
    Unknown,
    /// The payload of a command to one camera.
    #[error("expected ON or OFF")]
    NotASwitch,
    /// The payload of a command to the edge.
    #[error("expected JSON such as {{\"camera\": \"door\"}}, for `detection` with \"on\": true or false")]
    NotJson,
}

/// Reads a message.
///
/// # Errors
/// When it is no command.
pub fn read(topic: &Topic, payload: &[u8], retained: bool) -> Result<Request, Refusal> {
    if retained {
        return Err(Refusal::Retained);
    }
    match topic {
        Topic::CameraCommand(_, camera, command) => {
            let on = match payload {
                payload if payload == ON.as_bytes() => Some(true),
                payload if payload == OFF.as_bytes() => Some(false),
                _ => None,
            };
            Ok(Request { camera: camera.clone(), act: act(*command, on).ok_or(Refusal::NotASwitch)? })
        }
        Topic::Command(_, command) => {
            let written: CommandMessage = serde_json::from_slice(payload).map_err(|_| Refusal::NotJson)?;
            Ok(Request { act: act(*command, written.on).ok_or(Refusal::NotJson)?, camera: written.camera })
        }
        _ => Err(Refusal::Unknown),
    }
}

fn act(command: Command, on: Option<bool>) -> Option<Act> {
    Some(match command {
        Command::RestartCamera => Act::Restart,
        Command::Snapshot => Act::Snapshot,
        Command::Detection => Act::Detection(on?),
    })
}

/// Whether an answer may go to `topic` (MQTT 5 §4.10). Of Omma's own topics only those that are for answers: else who may
/// ask could have the edge say anything in its own name.
pub fn may_answer(edge: &EdgeId, topic: &str) -> bool {
    let is_name =
        !topic.is_empty() && topic.len() <= 512 && !topic.contains(['+', '#', '\0']) && !topic.starts_with('$');
    let is_ours = topic == "omma" || topic.starts_with("omma/");
    is_name && (!is_ours || matches!(Topic::parse(topic), Some(Topic::Response(of, _)) if of == *edge))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_on(topic: &str, payload: &str) -> Result<(String, Act), Refusal> {
        let topic = Topic::parse(&format!("omma/v1/edges/e/{topic}")).unwrap();
        read(&topic, payload.as_bytes(), false).map(|request| (request.camera.to_string(), request.act))
    }

    #[test]
    fn commands_are_read_or_refused() {
        let door = |act| Ok(("door".to_owned(), act));
        for (topic, payload, expected) in [
            ("cameras/door/command/detection", "ON", door(Act::Detection(true))),
            ("cameras/door/command/detection", "OFF", door(Act::Detection(false))),
            ("cameras/door/command/detection", "off", Err(Refusal::NotASwitch)),
            ("cameras/door/command/restart_camera", "PRESS", door(Act::Restart)),
            ("cameras/door/command/snapshot", "", door(Act::Snapshot)),
            ("command/detection", r#"{"camera":"door","on":false}"#, door(Act::Detection(false))),
            ("command/detection", r#"{"camera":"door"}"#, Err(Refusal::NotJson)),
            ("command/snapshot", r#"{"camera":"door"}"#, door(Act::Snapshot)),
            ("command/snapshot", r#"{"camera":"DOOR"}"#, Err(Refusal::NotJson)),
            ("command/restart_camera", r#"{"camera":"door","now":1}"#, Err(Refusal::NotJson)),
            ("command/restart_camera", "door", Err(Refusal::NotJson)),
            ("status", "{}", Err(Refusal::Unknown)),
        ] {
            assert_eq!(read_on(topic, payload), expected, "{topic} {payload}");
        }
        let topic = Topic::parse("omma/v1/edges/e/cameras/door/command/snapshot").unwrap();
        assert_eq!(read(&topic, b"", true), Err(Refusal::Retained));
    }

    #[test]
    fn an_answer_goes_to_who_asked_and_nowhere_else() {
        let edge = "e".parse().unwrap();
        for (topic, may) in [
            ("answers/7", true),
            ("omma/v1/edges/e/responses/r7", true),
            ("omma/v1/edges/other/responses/r7", false),
            ("omma/v1/edges/e/status", false),
            ("omma/v1/edges/e/cameras/door/command/detection", false),
            ("omma", false),
            ("", false),
            ("a/+", false),
            ("$SYS/x", false),
        ] {
            assert_eq!(may_answer(&edge, topic), may, "{topic}");
        }
    }
}
