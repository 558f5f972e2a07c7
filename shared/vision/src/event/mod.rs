//! Tracks → events: what is worth keeping of what was followed.
//!
//! ```text
//!             lived `min_duration`        better view, or still there after a while
//! confirmed ──────────────────────▶ Opened ──────────────▶ Updated* ──┐
//!     └─ gone before: nothing          └── not seen for `close_after` ─┴──▶ Closed
//! ```
//!
//! - **A view's quality** is its score times the square root of its area, halved where the box touches the picture's
//!   edge and the thing is cut off: twice as near counts like twice as sure. A view `better` times as good as the best
//!   so far is told of with a new picture, at most every `picture_every`.
//! - **A thing that goes on** is told of after `update_every`, then after twice that, and so on up to `update_max`:
//!   a car parked for a day is a few hundred messages, not seventeen thousand.
//! - **A thing that stands still** is often missed by the detector for seconds. Its event stays open for
//!   `close_after_still`, and a new track of its class in its place goes on with the same event.
//!
//! These rules never read a clock and draw nothing from the system: ids come from capture times and a seeded
//! generator. Nothing is kept but for open events, of which there are at most `max_open`.

mod open;

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::Analyst;
use omma_protocol::event::Event;
use omma_protocol::id::{CameraId, EventId};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::Track;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use open::{Open, Step};

/// When events open, change and close.
#[derive(Debug, Clone, PartialEq)]
pub struct EventsConfig {
    /// How long a thing must have been there, from its first detection on.
    pub min_duration: Duration,
    /// After how long a thing that goes on is first told of again; doubles each time.
    pub update_every: Duration,
    /// The longest silence about a thing that goes on.
    pub update_max: Duration,
    /// The shortest time between two pictures of one event.
    pub picture_every: Duration,
    /// How many times better than the best view so far a view must be to be told of. Over 1.
    pub better: f32,
    /// How long after a thing was last seen its event closes.
    pub close_after: Duration,
    /// The same for a thing that stood still.
    pub close_after_still: Duration,
    /// How long a thing must have stayed in its place to stand still.
    pub still_after: Duration,
    /// Most open events. At the bound a new one waits until another closes.
    pub max_open: usize,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self {
            min_duration: Duration::from_millis(400),
            update_every: Duration::from_secs(5),
            update_max: Duration::from_secs(300),
            picture_every: Duration::from_secs(1),
            better: 1.3,
            close_after: Duration::from_secs(2),
            close_after_still: Duration::from_secs(15),
            still_after: Duration::from_secs(3),
            max_open: 64,
        }
    }
}

/// A new state of an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The state.
    pub event: Event,
    /// Whether the frame just seen is the best view so far, so that its picture is to be kept under this revision.
    pub picture: bool,
}

/// The events of one stream. Owned by one task.
#[derive(Debug)]
pub struct Events {
    config: EventsConfig,
    camera: CameraId,
    analyst: Arc<Analyst>,
    random: StdRng,
    /// In the order of opening.
    open: Vec<Open>,
    refused: u64,
}

impl Events {
    /// No events yet. `seed` makes the random part of event ids and must differ from run to run.
    pub fn new(camera: CameraId, analyst: Arc<Analyst>, config: EventsConfig, seed: [u8; 32]) -> Self {
        Self { config, camera, analyst, random: StdRng::from_seed(seed), open: vec![], refused: 0 }
    }

    /// Takes the confirmed tracks of one frame, each with the time of its first detection. Changes come in the order
    /// of the events' opening.
    pub fn see(&mut self, time: CaptureTime, tracks: &[(Track, CaptureTime)]) -> Vec<Change> {
        let mut changes = vec![];
        let mut strangers = vec![];
        for seen in tracks {
            match self.open.iter_mut().find(|open| open.track() == seen.0.id) {
                Some(open) => open.see(time, &seen.0),
                None => strangers.push(seen),
            }
        }
        for (track, first_seen) in strangers {
            if let Some(parked) = self.open.iter_mut().find(|open| open.is_continued_by(time, track, &self.config)) {
                parked.go_on_as(time, track);
            } else if time.since(*first_seen) >= self.config.min_duration {
                self.try_open(time, track, *first_seen);
            }
        }
        self.open.retain_mut(|open| {
            let (step, keep) = open.step(time, &self.config);
            changes.extend(step.map(|step| change(open, step, &self.camera, &self.analyst)));
            keep
        });
        changes
    }

    /// Closes what is open: the stream has ended. Each event is closed at the last frame its thing was seen in.
    pub fn finish(&mut self) -> Vec<Change> {
        let ended = std::mem::take(&mut self.open);
        ended
            .into_iter()
            .map(|mut open| {
                let step = open.close();
                change(&open, step, &self.camera, &self.analyst)
            })
            .collect()
    }

    /// Events that are open.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// How often a thing in a frame had to wait for its event because too many were open.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    fn try_open(&mut self, time: CaptureTime, track: &Track, first_seen: CaptureTime) {
        if self.open.len() >= self.config.max_open {
            self.refused += 1;
            return;
        }
        let mut random = [0; 10];
        self.random.fill_bytes(&mut random);
        let millis = u64::try_from(time.as_micros() / 1000).unwrap_or(0);
        let id = EventId(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid());
        self.open.push(Open::new(id, time, track, first_seen, &self.config));
    }
}

fn change(open: &Open, step: Step, camera: &CameraId, analyst: &Arc<Analyst>) -> Change {
    Change { event: open.event(step, camera.clone(), Arc::clone(analyst)), picture: step.picture }
}

#[cfg(test)]
mod tests;
