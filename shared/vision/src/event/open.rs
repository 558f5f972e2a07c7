//! One open event: which of its frames is the best, and when it is told of again.

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::{Analyst, Label};
use omma_protocol::event::{Cause, Event, Phase, Why};
use omma_protocol::geometry::Rect;
use omma_protocol::id::{CameraId, EventId};
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};

use super::EventsConfig;
use super::rule::Things;

/// See the diagram of [`super`].
#[derive(Debug)]
pub(super) struct Open {
    id: EventId,
    pub(super) subject: Subject,
    cause: Cause,
    track: TrackId,
    label: Label,
    opened: CaptureTime,
    revision: u32,
    /// Best score so far.
    score: f32,
    best: View,
    /// In the newest frame it was seen in.
    last: View,
    told: CaptureTime,
    pictured: CaptureTime,
    silence: Duration,
}

/// What an event is about, by the rule of that place in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subject {
    /// One thing.
    Thing { id: u64, rule: usize },
    /// How many there are.
    Crowd { rule: usize },
}

impl Subject {
    /// Its event is closed.
    pub(super) fn close(self, things: &mut Things) {
        if let Self::Thing { id, rule } = self {
            things.close(id, rule);
        }
    }
}

/// What an event is about, in one frame.
#[derive(Debug, Clone)]
pub(super) struct Sight {
    pub(super) track: TrackId,
    pub(super) label: Label,
    pub(super) score: f32,
    pub(super) rect: Rect,
    /// A view is better than another by as much as this is greater.
    pub(super) quality: f32,
}

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

impl Sight {
    /// A thing: see [`super`] for its view's quality.
    pub(super) fn of(track: &Track) -> Self {
        const EDGE: f32 = 0.005;
        let r = track.rect;
        let cut_off = r.x < EDGE || r.y < EDGE || r.right() > 1.0 - EDGE || r.bottom() > 1.0 - EDGE;
        let quality = track.score * r.area().sqrt() * if cut_off { 0.5 } else { 1.0 };
        Self { track: track.id, label: Arc::clone(&track.label), score: track.score, rect: r, quality }
    }
}

impl Open {
    /// An event that is about to be opened by the frame of `time`.
    pub(super) fn new(
        id: EventId,
        subject: Subject,
        cause: Cause,
        time: CaptureTime,
        sight: Sight,
        opened: CaptureTime,
        config: &EventsConfig,
    ) -> Self {
        let view = View { time, rect: sight.rect, quality: sight.quality };
        Self {
            id,
            subject,
            cause,
            track: sight.track,
            label: sight.label,
            opened,
            revision: 0,
            score: sight.score,
            best: view,
            last: view,
            told: time,
            pictured: time,
            silence: config.update_every,
        }
    }

    /// What it is about is so in the frame of `time`. The thing's track may be another than before.
    pub(super) fn see(&mut self, time: CaptureTime, sight: &Sight) {
        self.track = sight.track;
        self.last = View { time, rect: sight.rect, quality: sight.quality };
        self.score = self.score.max(sight.score);
    }

    /// What it is about is as it was, in a frame that nobody looked at: no view is better than those before.
    pub(super) fn stay(&mut self, time: CaptureTime) {
        self.last = View { time, quality: self.last.quality.min(self.best.quality), ..self.last };
    }

    /// Its reason has grown: of numbers, the one furthest from what is allowed stays, and of times in a zone the longest.
    pub(super) fn grow(&mut self, now: Why) {
        match (&mut self.cause.why, now) {
            (Why::Over { count, .. }, Why::Over { count: now, .. }) => *count = now.max(*count),
            (Why::Under { count, .. }, Why::Under { count: now, .. }) => *count = now.min(*count),
            (Why::Stayed { seconds, .. }, Why::Stayed { seconds: now, .. }) => *seconds = now.max(*seconds),
            (why, now) => *why = now,
        }
    }

    /// What is to be told after the frame of `time`, and whether the event stays open. It closes when it was not seen
    /// for longer than `patience`.
    pub(super) fn step(
        &mut self,
        time: CaptureTime,
        patience: Duration,
        config: &EventsConfig,
    ) -> (Option<Step>, bool) {
        if self.revision == 0 {
            return (Some(self.tell(time, Phase::Opened, true)), true);
        }
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
            cause: Some(self.cause.clone()),
            analyst,
        }
    }

    fn tell(&mut self, time: CaptureTime, phase: Phase, picture: bool) -> Step {
        self.revision += 1;
        self.told = time;
        Step { phase, picture }
    }
}
