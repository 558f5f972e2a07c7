//! Hub ⇄ browser: JSON texts on a viewer's data channel (label `omma`) and on the WebSocket `/api/v1/live`.
//!
//! A frame is known to the browser by its RTP timestamp, which the hub derives from the capture time
//! ([`CaptureTime::rtp`](crate::time::CaptureTime::rtp)) and `requestVideoFrameCallback` reports for the frame on screen.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::mqtt::{EventMessage, PlaceName};
use crate::id::StreamId;
use crate::track::FrameResult;

/// What the hub says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum HubToBrowser {
    /// The boxes of one frame.
    Boxes(BoxesMessage),
    /// A state of an event (WebSocket only).
    Event(EventMessage),
    /// A better picture of an event is in the store (WebSocket only).
    Picture {
        /// Of which event, as UUID text.
        event: String,
        /// The event's revision that it belongs to.
        revision: u32,
        /// Whether it has a crop.
        has_crop: bool,
    },
    /// Answer to [`BrowserToHub::Clock`].
    Clock {
        /// The question's number.
        id: u32,
        /// The stream's clock (its edge's) when the hub answered, µs since the epoch. A frame with RTP timestamp
        /// `t` was taken at the latest moment before this whose 90 kHz count is `t` modulo 2^32.
        stream_us: i64,
    },
    /// The viewer's mode and the delay that goes with it.
    Mode {
        /// The mode in force.
        mode: Mode,
        /// How long the browser's own buffer holds a picture back once it has come (`playout-delay`), ms. 0 when live.
        delay_ms: u32,
        /// How long after its capture, by the stream's clock, the boxes of a picture are there, ms: whatever the browser
        /// did of it, the page holds each picture until then. 0 when live.
        hold_ms: u32,
    },
    /// The page missed some: it fetches the list again (WebSocket only).
    Resync,
    /// A message that was refused, or the reason why the channel closes.
    Error {
        /// For people.
        reason: String,
    },
}

/// How a viewer weighs time against truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every picture at once; boxes are those of the newest analysed frame.
    #[default]
    Live,
    /// Pictures wait as long as analysis takes; every box is on its own frame.
    Exact,
}

/// The boxes of one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxesMessage {
    /// Which stream.
    pub stream: StreamId,
    /// The frame: its RTP timestamp.
    pub rtp: u32,
    /// The frame: its capture time, µs since the epoch, on the edge's clock.
    pub time_us: i64,
    /// From capture to the moment the hub passed this on, ms.
    pub delay_ms: f32,
    /// Who looked.
    pub place: PlaceName,
    /// With what engine.
    pub engine: String,
    /// With what model.
    pub model: String,
    /// What was found; empty where nothing was.
    pub boxes: Vec<BoxMessage>,
}

/// One box.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BoxMessage {
    /// Track.
    pub track: u64,
    /// Class.
    pub label: String,
    /// Score, 0 to 1.
    pub score: f32,
    /// `[x, y, width, height]`, 0 to 1 from the left top.
    #[serde(rename = "box")]
    pub rect: [f32; 4],
}

impl BoxesMessage {
    /// From a result. `delay_ms` is measured by the hub.
    pub fn new(stream: &StreamId, result: &FrameResult, delay_ms: f32) -> Self {
        Self {
            stream: stream.clone(),
            rtp: result.time.rtp(),
            time_us: result.time.0,
            delay_ms,
            place: result.analyst.place.into(),
            engine: result.analyst.engine.to_string(),
            model: result.analyst.model.to_string(),
            boxes: result
                .tracks
                .iter()
                .map(|t| BoxMessage {
                    track: t.id.0,
                    label: t.label.to_string(),
                    score: t.score,
                    rect: [t.rect.x, t.rect.y, t.rect.w, t.rect.h],
                })
                .collect(),
        }
    }
}

/// What the browser says. Its `Debug` does not show the token.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum BrowserToHub {
    /// First message on the WebSocket: the sign-in token. (On a data channel the WHEP request has shown it.)
    Auth {
        /// The token.
        token: String,
    },
    /// The stream's boxes are wanted on this WebSocket from now on; it replaces the stream wanted before.
    Watch {
        /// Which stream; null for none.
        stream: Option<StreamId>,
    },
    /// Asks for the stream's clock.
    Clock {
        /// Comes back.
        id: u32,
    },
    /// Wants another mode (data channel only).
    Mode {
        /// Which.
        mode: Mode,
    },
}

impl fmt::Debug for BrowserToHub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BrowserToHub::Auth { token: _ } => f.debug_struct("Auth").finish_non_exhaustive(),
            BrowserToHub::Watch { stream } => f.debug_struct("Watch").field("stream", stream).finish(),
            BrowserToHub::Clock { id } => f.debug_struct("Clock").field("id", id).finish(),
            BrowserToHub::Mode { mode } => f.debug_struct("Mode").field("mode", mode).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_tagged_by_type() {
        let json = serde_json::to_string(&BrowserToHub::Mode { mode: Mode::Exact }).unwrap();
        assert_eq!(json, r#"{"type":"mode","mode":"exact"}"#);
        let clock: HubToBrowser = serde_json::from_str(r#"{"type":"clock","id":1,"stream_us":5}"#).unwrap();
        assert_eq!(clock, HubToBrowser::Clock { id: 1, stream_us: 5 });
        assert_eq!(serde_json::to_string(&HubToBrowser::Resync).unwrap(), r#"{"type":"resync"}"#);
        let mode = HubToBrowser::Mode { mode: Mode::Exact, delay_ms: 120, hold_ms: 340 };
        let json = serde_json::to_string(&mode).unwrap();
        assert_eq!(json, r#"{"type":"mode","mode":"exact","delay_ms":120,"hold_ms":340}"#);
        assert!(serde_json::from_str::<BrowserToHub>(r#"{"type":"reboot"}"#).is_err());
    }

    #[test]
    fn a_token_crosses_the_wire_and_no_log() {
        let auth = BrowserToHub::Auth { token: "hunter2".into() };
        assert_eq!(serde_json::to_string(&auth).unwrap(), r#"{"type":"auth","token":"hunter2"}"#);
        assert!(!format!("{auth:?} {auth:#?}").contains("hunter2"));
    }
}
