//! One thing, as rules see it: how far it has gone, where it rests, which zones it is in, which lines it crossed.
//!
//! Bounded by the camera's zones, lines and rules, however long the thing is there.

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::Detection;
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};

use super::config::{Anchor, Direction, Parked};
use super::geometry::{Point, Polygon, Segment};
use super::ground::Ground;
use crate::event::EventsConfig;
use crate::event::parked::ParkedThing;
use crate::track::Life;

/// Overlap with where a thing was at which it is still in its place.
const SAME_PLACE: f32 = 0.5;
/// Probes in a row that must have missed a thing, and how long ago the first, before it is gone: of what the detector finds in two
/// looks of three, one in 700 would be.
const GONE_AFTER: u32 = 6;
const GONE_FOR: Duration = Duration::from_secs(60);
/// A step counts as way from this length on, in longer sides of the thing's box: what trembles goes nowhere.
const STRIDE: f32 = 0.1;
/// And from this length on in heights of the picture.
const MIN_STRIDE: f32 = 0.01;

/// One thing. It is the same under several tracks where it was lost from sight in its place.
#[derive(Debug)]
pub(in crate::event) struct Thing {
    pub(in crate::event) id: u64,
    /// As in the newest frame it was seen in.
    pub(in crate::event) track: Track,
    /// Of its newest track.
    pub(super) life: Life,
    /// Of those before: frames, and the best score.
    earlier: (u32, f32),
    pub(super) first_seen: CaptureTime,
    pub(in crate::event) last_seen: CaptureTime,
    /// Where it last came to rest, and since when.
    place: (Rect, CaptureTime),
    path: Path,
    zones: Vec<Presence>,
    lines: Vec<Passage>,
    told: Vec<(usize, Option<Direction>)>,
    /// Of which rules the events are closed.
    over: Vec<usize>,
    /// Where it was parked and since when, until it has wholly left that.
    parked_in: Option<(Rect, CaptureTime)>,
    /// When it had, if no event was closed since.
    left: Option<CaptureTime>,
    doubt: Option<Doubt>,
}

/// While nobody looks, the gate's probes have not found it where it rested.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    since: CaptureTime,
    missed: u32,
    gone: bool,
}

impl Thing {
    pub(super) fn new(id: u64, time: CaptureTime, track: &Track, life: &Life, ground: &Ground) -> Self {
        let first = life.first_rect();
        let mut thing = Self {
            id,
            track: track.clone(),
            life: life.clone(),
            earlier: (0, 0.0),
            first_seen: life.first_seen(),
            last_seen: time,
            place: (track.rect, time),
            path: Path { at: ground.point(first, Anchor::Centre), length: 0.0 },
            zones: vec![Presence::default(); ground.zones.len()],
            lines: vec![Passage::default(); ground.lines.len()],
            told: vec![],
            over: vec![],
            parked_in: None,
            left: None,
            doubt: None,
        };
        // Between its first detection and its confirmation it may have come a long way.
        thing.go(life.first_seen(), first, ground);
        thing.go(time, track.rect, ground);
        thing
    }

    /// What an earlier run had parked. Its way before it came to rest is forgotten.
    pub(super) fn of_parked(
        id: u64,
        parked: &ParkedThing,
        told: Vec<(usize, Option<Direction>)>,
        ground: &Ground,
    ) -> Self {
        let ParkedThing { label, rect, score, place, since, seen, .. } = parked;
        Self {
            id,
            // Ids of tracks are of one run.
            track: Track { id: TrackId::NONE, label: Arc::clone(label), score: *score, rect: *rect },
            life: Life::begin(*since, *place, *score),
            earlier: (0, 0.0),
            first_seen: *since,
            last_seen: *seen,
            place: (*place, *since),
            path: Path { at: ground.point(*rect, Anchor::Centre), length: 0.0 },
            zones: vec![Presence::default(); ground.zones.len()],
            lines: vec![Passage::default(); ground.lines.len()],
            over: told.iter().map(|(rule, _)| *rule).collect(),
            told,
            parked_in: None,
            left: None,
            doubt: None,
        }
    }

    /// For a later run.
    pub(super) fn to_parked(&self, name: impl Fn(usize) -> Arc<str>) -> ParkedThing {
        ParkedThing {
            label: Arc::clone(&self.track.label),
            rect: self.track.rect,
            score: self.track.score,
            place: self.place.0,
            since: self.place.1,
            seen: self.last_seen,
            told: self.told.iter().map(|(rule, direction)| (name(*rule), *direction)).collect(),
        }
    }

    /// It is in the frame of `time`.
    pub(super) fn see(&mut self, time: CaptureTime, track: &Track, life: &Life, ground: &Ground, parked: Parked) {
        if self.track.id != track.id {
            self.earlier = (self.frames(), self.best_score());
        }
        self.track.clone_from(track);
        self.life.clone_from(life);
        if self.place.0.iou(track.rect) < SAME_PLACE {
            if self.is_parked(parked) {
                self.parked_in = Some(self.place);
            }
            // Back before it has wholly left, it has never left: a detector gives a wild box now and then.
            let back = self.parked_in.take_if(|(place, _)| place.iou(track.rect) >= SAME_PLACE);
            self.place = back.unwrap_or((track.rect, time));
        }
        (self.last_seen, self.doubt) = (time, None);
        if self.parked_in.take_if(|(place, _)| place.iou(track.rect) == 0.0).is_some() {
            self.left = Some(time);
        }
        self.go(time, track.rect, ground);
    }

    /// Whether a track that is new is this thing, which stood still and was lost from sight. Long after, only what
    /// began in the place is: someone who walks in front of it is somebody else.
    pub(super) fn is_continued_by(&self, time: CaptureTime, track: &Track, life: &Life, config: &EventsConfig) -> bool {
        let recent = time.since(self.last_seen) <= config.close_after_still;
        self.last_seen < time
            && self.stands_still(config)
            && self.track.label == track.label
            && self.track.rect.iou(track.rect) >= SAME_PLACE
            && (recent || self.track.rect.iou(life.first_rect()) >= SAME_PLACE)
    }

    /// Whether it stood still, and was there at `time`. Detectors miss what is there: who was seen within `close_after` was there.
    pub(super) fn is_at_rest(&self, time: CaptureTime, config: &EventsConfig) -> bool {
        self.stands_still(config) && time.since(self.last_seen) <= config.close_after
    }

    /// A probe of the frame of `time` has found these. `before` is the last time of which events were told. Whether it is gone now:
    /// detectors miss what is there, so that it takes some probes, and what hides a thing for a moment must not count for all of
    /// them.
    pub(super) fn probe(&mut self, time: CaptureTime, found: &[Detection], before: CaptureTime) -> bool {
        let here = |d: &Detection| d.label == self.track.label && d.rect.iou(self.track.rect) >= SAME_PLACE;
        if found.iter().any(here) {
            self.trust(before);
            return false;
        }
        let doubt = self.doubt.get_or_insert(Doubt { since: time, missed: 0, gone: false });
        doubt.missed = doubt.missed.saturating_add(1);
        let gone = doubt.missed >= GONE_AFTER && time.since(doubt.since) >= GONE_FOR;
        gone && !std::mem::replace(&mut doubt.gone, true)
    }

    /// Nothing speaks against its being there at `before`.
    pub(super) fn trust(&mut self, before: CaptureTime) {
        if self.doubt.take().is_some() {
            self.last_seen = before;
        }
    }

    /// Whether probes have missed it, and not often enough to say that it is gone. Nothing is decided until then.
    pub(in crate::event) fn is_doubted(&self) -> bool {
        self.doubt.is_some_and(|doubt| !doubt.gone)
    }

    /// Whether probes have missed it.
    pub(super) fn is_missed(&self) -> bool {
        self.doubt.is_some()
    }

    /// Whether it was in its place for a while when it was last seen.
    pub(in crate::event) fn stands_still(&self, config: &EventsConfig) -> bool {
        self.stood() >= config.still_after
    }

    pub(super) fn is_parked(&self, parked: Parked) -> bool {
        self.stood() >= parked.after
    }

    /// How long it is remembered when it is not seen.
    pub(super) fn is_remembered_for(&self, config: &EventsConfig, parked: Parked) -> Duration {
        let shortly = config.close_after.max(config.close_after_still);
        if self.is_parked(parked) { self.stood().min(parked.known_for).max(shortly) } else { shortly }
    }

    /// In how many frames it was found of those that the camera's rate asked for, under all of its tracks.
    pub(super) fn frames(&self) -> u32 {
        self.earlier.0.saturating_add(self.life.frames_at_rate())
    }

    /// Its best score, `0.0..=1.0`.
    pub(super) fn best_score(&self) -> f32 {
        self.earlier.1.max(self.life.best_score())
    }

    /// How far it has gone, in heights of the picture.
    pub(super) fn path(&self) -> f32 {
        self.path.length
    }

    /// Since when it has been in a zone. `None` where it is not there.
    pub(super) fn inside_since(&self, zone: usize) -> Option<CaptureTime> {
        self.zones.get(zone)?.since
    }

    /// When it last crossed a line.
    pub(super) fn crossed(&self, line: usize, direction: Direction) -> Option<CaptureTime> {
        self.lines.get(line)?.crossed[direction as usize]
    }

    /// Whether a rule has made an event of it, in this direction.
    pub(super) fn is_told(&self, rule: usize, direction: Option<Direction>) -> bool {
        self.told.contains(&(rule, direction))
    }

    /// A rule has made an event of it and makes no other.
    pub(in crate::event) fn tell(&mut self, rule: usize, direction: Option<Direction>) {
        if !self.is_told(rule, direction) {
            self.told.push((rule, direction));
        }
        self.over.retain(|over| *over != rule);
    }

    /// That event is closed.
    pub(in crate::event) fn close(&mut self, rule: usize) {
        self.over.push(rule);
        self.left = None;
    }

    /// Since when it has been away from where it was parked, if a rule's event of it was closed by then: whoever watches
    /// was told that it is there, and long ago.
    pub(super) fn away_since(&self, rule: usize) -> Option<CaptureTime> {
        self.left.filter(|_| self.over.contains(&rule))
    }

    /// By the last frame it was seen in, so that being out of sight does not count as standing.
    fn stood(&self) -> Duration {
        self.last_seen.since(self.place.1)
    }

    fn go(&mut self, time: CaptureTime, rect: Rect, ground: &Ground) {
        let room = ground.room(rect);
        self.path.go(ground.point(rect, Anchor::Centre), (STRIDE * ground.size(rect)).max(MIN_STRIDE));
        for (presence, (shape, anchor)) in self.zones.iter_mut().zip(&ground.zones) {
            presence.go(time, ground.point(rect, *anchor), shape, room);
        }
        for (passage, (shape, anchor)) in self.lines.iter_mut().zip(&ground.lines) {
            passage.go(time, ground.point(rect, *anchor), *shape, room);
        }
    }
}

#[derive(Debug)]
struct Path {
    /// Where the last step ended.
    at: Point,
    length: f32,
}

impl Path {
    fn go(&mut self, to: Point, stride: f32) {
        let step = self.at.distance(to);
        if step >= stride {
            self.length += step;
            self.at = to;
        }
    }
}

/// In a zone from when it is in it until it is out by more than `room`.
#[derive(Debug, Clone, Default)]
struct Presence {
    since: Option<CaptureTime>,
}

impl Presence {
    fn go(&mut self, time: CaptureTime, at: Point, zone: &Polygon, room: f32) {
        let inside = zone.contains(at) || (self.since.is_some() && zone.distance(at) <= room);
        self.since = if inside { self.since.or(Some(time)) } else { None };
    }
}

/// Crossing a line is being settled on one side, stepping over the line between its ends, and being settled on the
/// other. Within `room` of it a thing is on neither side, so that trembling there crosses nothing; who walks around
/// an end changes sides without stepping over.
#[derive(Debug, Clone, Default)]
struct Passage {
    at: Option<Point>,
    settled: Option<Direction>,
    /// Whether it stepped over an odd number of times since it was settled.
    over: bool,
    crossed: [Option<CaptureTime>; 2],
}

impl Passage {
    fn go(&mut self, time: CaptureTime, at: Point, line: Segment, room: f32) {
        self.over ^= self.at.replace(at).is_some_and(|before| line.is_crossed(before, at));
        let right = line.side(at);
        let side = match right {
            _ if right >= room => Direction::ToRight,
            _ if right <= -room => Direction::ToLeft,
            _ => return,
        };
        let other = self.settled.replace(side).is_some_and(|before| before != side);
        if std::mem::take(&mut self.over) && other {
            self.crossed[side as usize] = Some(time);
        }
    }
}

#[cfg(test)]
mod tests;
