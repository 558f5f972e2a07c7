//! What viewers say and are told over the data channel.

use std::time::Duration;

use omma_protocol::wire::browser::{BrowserToHub, HubToBrowser, Mode};

use super::Driver;
use crate::bus::hub_clock;
use crate::live::whep::SessionId;
use crate::live::whep::session::Input;

impl Driver {
    pub(super) fn said(&mut self, id: SessionId, text: &str) {
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        match serde_json::from_str(text) {
            Ok(BrowserToHub::Clock { id: question }) => {
                let stream_us = self.bus.stream_clock(&viewer.stream, hub_clock()).0;
                self.tell(id, &HubToBrowser::Clock { id: question, stream_us });
            }
            Ok(BrowserToHub::Mode { mode }) => {
                viewer.mode = mode;
                self.tell_mode(id);
            }
            Ok(BrowserToHub::Auth { .. } | BrowserToHub::Watch { .. }) => {
                self.refuse(id, "`auth` and `watch` belong on the WebSocket, not on a data channel".to_owned());
            }
            Err(error) => self.refuse(id, format!("not understood: {error}")),
        }
    }

    fn refuse(&mut self, id: SessionId, reason: String) {
        self.metrics.messages_refused.increment(1);
        self.tell(id, &HubToBrowser::Error { reason });
    }

    pub(super) fn tell_mode(&mut self, id: SessionId) {
        let Some(viewer) = self.viewers.get(&id) else { return };
        let (delay, hold) = match (viewer.mode, self.sources.get(&viewer.stream)) {
            (Mode::Exact, Some(source)) => (source.delay(), source.hold()),
            _ => (Duration::ZERO, Duration::ZERO),
        };
        let (delay_ms, hold_ms) = (delay.as_millis() as u32, hold.as_millis() as u32);
        let message = HubToBrowser::Mode { mode: viewer.mode, delay_ms, hold_ms };
        self.tell(id, &message);
    }

    pub(super) fn tell(&mut self, id: SessionId, message: &HubToBrowser) {
        if let Some(text) = to_json(message) {
            self.apply(id, Input::Message(&text));
        }
    }
}

/// Our own types always have a JSON form; a failure would be a fault of the program, seen by its tests.
pub(super) fn to_json(message: &HubToBrowser) -> Option<String> {
    serde_json::to_string(message)
        .inspect_err(|error| tracing::error!(%error, "a message to a browser can't be written"))
        .ok()
}
