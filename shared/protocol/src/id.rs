//! Names of edges, cameras, streams, events and outboxes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest edge or camera name, in bytes.
pub const MAX_NAME: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("a name must not be empty")]
    Empty,
    /// The text has more than [`MAX_NAME`] bytes.
    #[error("`{0}` is longer than {MAX_NAME} characters")]
    TooLong(String),
    /// A character is not allowed.
    #[error("`{name}` contains {found:?}: use a to z, 0 to 9, `-` and `_`, beginning with a letter or digit")]
    Character {
        /// The whole text.
        name: String,
        /// The first character that is not allowed.
        found: char,
    },
    /// A stream lacks the dot between edge and camera.
    #[error("`{0}` is not a stream: expected `edge.camera`")]
    NotAStream(String),
}

fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME {
        return Err(NameError::TooLong(name.chars().take(MAX_NAME).collect()));
    }
    let allowed = |i: usize, c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || (i > 0 && (c == '-' || c == '_'));
    match name.char_indices().find(|&(i, c)| !allowed(i, c)) {
        Some((_, found)) => Err(NameError::Character { name: name.to_owned(), found }),
        None => Ok(()),
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $ty:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $ty(String);

        impl $ty {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $ty {
            type Err = NameError;
            fn from_str(s: &str) -> Result<Self, NameError> {
                check_name(s)?;
                Ok(Self(s.to_owned()))
            }
        }

        impl TryFrom<String> for $ty {
            type Error = NameError;
            fn try_from(s: String) -> Result<Self, NameError> {
                check_name(&s)?;
                Ok(Self(s))
            }
        }

        impl From<$ty> for String {
            fn from(name: $ty) -> String {
                name.0
            }
        }

        impl fmt::Display for $ty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name! {
    /// One edge agent, unique in a hub. Lower-case letters, digits, `-`, `_`: it is a topic level and a URL segment.
    EdgeId
}

name! {
    /// One camera, unique on its edge. Same alphabet as [`EdgeId`].
    CameraId
}

name! {
    /// A class of things as a topic level: what its model calls `traffic light` is `traffic_light` there. Same alphabet as
    /// [`EdgeId`].
    LabelName
}

impl LabelName {
    /// The name of a model's label. What a topic level can't hold becomes `_`; two labels that differ in nothing else
    /// share a name.
    pub fn of(label: &str) -> Self {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '_' };
        let begun = label.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let name: String = begun.chars().take(MAX_NAME).map(allowed).collect();
        Self(if name.is_empty() { "thing".to_owned() } else { name })
    }
}

/// One camera of one edge, unique in a hub. Written `edge.camera`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StreamId {
    /// The edge that has the camera.
    pub edge: EdgeId,
    /// The camera on that edge.
    pub camera: CameraId,
}

impl StreamId {
    /// Joins the two names.
    pub fn new(edge: EdgeId, camera: CameraId) -> Self {
        Self { edge, camera }
    }
}

impl FromStr for StreamId {
    type Err = NameError;
    fn from_str(s: &str) -> Result<Self, NameError> {
        let (edge, camera) = s.split_once('.').ok_or_else(|| NameError::NotAStream(s.to_owned()))?;
        Ok(Self { edge: edge.parse()?, camera: camera.parse()? })
    }
}

impl TryFrom<String> for StreamId {
    type Error = NameError;
    fn try_from(s: String) -> Result<Self, NameError> {
        s.parse()
    }
}

impl From<StreamId> for String {
    fn from(id: StreamId) -> String {
        id.to_string()
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.edge, self.camera)
    }
}

/// One event. A UUID of version 7 (RFC 9562 §5.7): its order is the order of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, uuid::Error> {
        s.parse().map(Self)
    }
}

/// One incident of an edge ([`crate::incident`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(pub Uuid);

impl IncidentId {
    /// Of the SHA-1 hash of what happened: a UUID of version 5 (RFC 9562 §5.5), the same however often it is made.
    pub fn of_hash(sha1: [u8; 20]) -> Self {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&sha1[..16]);
        Self(uuid::Builder::from_sha1_bytes(bytes).into_uuid())
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One life of an edge's outbox. Drawn when its database is made, so that sequence numbers that begin again after a
/// lost disk are not mistaken for copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OutboxId(pub Uuid);

impl fmt::Display for OutboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for OutboxId {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, uuid::Error> {
        s.parse().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_topic_levels_and_url_segments() {
        for good in ["a", "site-1", "front_door", "0x", &"a".repeat(MAX_NAME)] {
            assert!(good.parse::<EdgeId>().is_ok(), "{good}");
        }
        for bad in ["", "A", "a.b", "a/b", "+", "#", "-a", "é", &"a".repeat(MAX_NAME + 1)] {
            assert!(bad.parse::<CameraId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn any_label_has_a_name_for_topics() {
        for (label, name) in
            [("person", "person"), ("Traffic light", "traffic_light"), ("+/#", "thing"), ("", "thing"), ("_a/b", "a_b")]
        {
            assert_eq!(LabelName::of(label).as_str(), name);
            assert!(name.parse::<LabelName>().is_ok(), "{name}");
        }
        assert!(LabelName::of(&"é".repeat(99)).as_str().parse::<LabelName>().is_ok());
        assert!(LabelName::of(&"x".repeat(99)).as_str().parse::<LabelName>().is_ok());
    }

    #[test]
    fn a_stream_reads_back_as_written() {
        let stream: StreamId = "site-1.door".parse().unwrap();
        assert_eq!(stream.to_string(), "site-1.door");
        assert_eq!("door".parse::<StreamId>(), Err(NameError::NotAStream("door".into())));
        assert!("a.b.c".parse::<StreamId>().is_err());
    }
}
