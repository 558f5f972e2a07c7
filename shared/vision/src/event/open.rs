//! One open event: which of its frames is the best, and when it is told of again.

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::{Analyst, Label};
use omma_protocol::event::{Event, Phase};
use omma_protocol::geometry::Rect;
use omma_protocol::id::{CameraId, EventId};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};

use super::EventsConfig;

/// Overlap with where a thing was at which it is still in its place.
const SAME_PLACE: f32 = 0.5;

/// See the diagram of [`super`].
#[derive(Debug)]
pub(super) struct Open {
    id: EventId,
    track: TrackId,
    label: Label,
    opened: CaptureTime,
    revision: u32,
    /// Best score so far.
    score: f32,
    best: View,
    /// In the newest frame it was seen in.
    last: View,
    /// Where it was when it last came to rest, and since when.
    place: (Rect, CaptureTime),
    told: CaptureTime,
    pictured: CaptureTime,
    silence: Duration,
}

/// A thing in one frame.
#[derive(Debug, Clone, Copy)]
struct View {
    time: CaptureTime,
    rect: Rect,
    quality: f32,
}

/// What an event does next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    phase: Phase,
    pub(super) picture: bool,
}

impl View {
    fn of(time: CaptureTime, track: &Track) -> Self {
        const EDGE: f32 = 0.005;
        let r = track.rect;
        let cut_off = r.x < EDGE || r.y < EDGE || r.right() > 1.0 - EDGE || r.bottom() > 1.0 - EDGE;
        let quality = track.score * r.area().sqrt() * if cut_off { 0.5 } else { 1.0 };
        Self { time, rect: r, quality }
    }
}

impl Open {
    /// An event that is about to be opened by the frame of `time`.
    pub(super) fn new(
        id: EventId,
        time: CaptureTime,
        track: &Track,
        opened: CaptureTime,
        config: &EventsConfig,
    ) -> Self {
        let view = View::of(time, track);
        Self {
            id,
            track: track.id,
            label: Arc::clone(&track.label),
            opened,
            revision: 0,
            score: track.score,
            best: view,
            last: view,
            place: (track.rect, time),
            told: time,
            pictured: time,
            silence: config.update_every,
        }
    }

    pub(super) fn track(&self) -> TrackId {
        self.track
    }

    /// The thing is in the frame of `time`.
    pub(super) fn see(&mut self, time: CaptureTime, track: &Track) {
        self.last = View::of(time, track);
        self.score = self.score.max(track.score);
        if self.place.0.iou(track.rect) < SAME_PLACE {
            self.place = (track.rect, time);
        }
    }

    /// Whether a track that is new is this thing, which stood still and was lost from sight.
    pub(super) fn is_continued_by(&self, time: CaptureTime, track: &Track, config: &EventsConfig) -> bool {
        self.last.time < time
            && self.stands_still(config)
            && self.label == track.label
            && self.last.rect.iou(track.rect) >= SAME_PLACE
    }

    /// Goes on under another track.
    pub(super) fn go_on_as(&mut self, time: CaptureTime, track: &Track) {
        self.track = track.id;
        self.see(time, track);
    }

    /// What is to be told after the frame of `time`, and whether the event stays open.
    pub(super) fn step(&mut self, time: CaptureTime, config: &EventsConfig) -> (Option<Step>, bool) {
        if self.revision == 0 {
            return (Some(self.tell(time, Phase::Opened, true)), true);
        }
        let patience = if self.stands_still(config) { config.close_after_still } else { config.close_after };
        if time.since(self.last.time) > patience {
            return (Some(self.close()), false);
        }
        let seen = self.last.time == time;
        let better = self.last.quality >= self.best.quality * config.better;
        if seen && better && time.since(self.pictured) >= config.picture_every {
            self.best = self.last;
            self.pictured = time;
            return (Some(self.tell(time, Phase::Updated, true)), true);
        }
        if seen && time.since(self.told) >= self.silence {
            self.silence = (self.silence * 2).min(config.update_max);
            return (Some(self.tell(time, Phase::Updated, false)), true);
        }
        (None, true)
    }

    pub(super) fn close(&mut self) -> Step {
        self.tell(self.last.time, Phase::Closed, false)
    }

    /// Its state after `step`.
    pub(super) fn event(&self, step: Step, camera: CameraId, analyst: Arc<Analyst>) -> Event {
        Event {
            id: self.id,
            camera,
            phase: step.phase,
            revision: self.revision,
            label: Arc::clone(&self.label),
            track: self.track,
            score: self.score,
            rect: self.best.rect,
            opened: self.opened,
            best: self.best.time,
            closed: (step.phase == Phase::Closed).then_some(self.last.time),
            cause: None,
            analyst,
        }
    }

    fn tell(&mut self, time: CaptureTime, phase: Phase, picture: bool) -> Step {
        self.revision += 1;
        self.told = time;
        Step { phase, picture }
    }

    /// By the last frame it was seen in, so that being out of sight does not count as standing.
    fn stands_still(&self, config: &EventsConfig) -> bool {
        self.last.time.since(self.place.1) >= config.still_after
    }
}
