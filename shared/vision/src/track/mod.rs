//! Boxes → tracks: which box of this frame is which thing of the frames before.
//!
//! ByteTrack (Zhang et al., ECCV 2022), with time in seconds:
//!
//! 1. each track's box is predicted to the frame's capture time ([`kalman`]);
//! 2. good detections are assigned to tracks by overlap times score ([`mod@assign`]), as ByteTrack's own code does;
//! 3. what began beside a track that was found too takes what good detections are left: it may be a second box of that
//!    one thing, and where two persons are seen as one it must not be preferred to either. ByteTrack's code has all
//!    tentative tracks wait so; here those that began by themselves are worth as much as one that is lost;
//! 4. what was found once so far, whose velocity nobody knows, takes what good detections are left nearby;
//! 5. tracks that got none take a poor detection, which is how a thing half hidden is kept;
//! 6. good detections that are still left begin new tracks.
//!
//! ```text
//! Tentative ──`confirm_hits` looks in a row──▶ Confirmed ⇄ lost: not seen in this frame
//!     └──not seen──▶ gone                          └──not seen for `max_lost`──▶ gone
//! ```
//!
//! Where looks are further apart than was thought, because the camera gives fewer pictures or the detector takes longer, two of them
//! may miss a thing all the same ([`Cadence`]): else it would be gone before each look, and nothing would ever be found twice.
//!
//! The gate asks for looks beyond the camera's rate while somebody may be coming. They are told apart
//! ([`Tracker::update_beyond_rate`]), so that looks at the rate confirm what they do without them. Across a look beyond the rate
//! a tentative track needs what two looks at the rate would show: it must have been found for about the time between these, and
//! what one of them misses is gone after as long. So what is found in every second frame only is confirmed, whichever those
//! are, and a flicker is not.
//!
//! The crate `trackforge` was looked at and not taken: its filter steps by frames, where ours are skipped by the gate
//! and come at changing intervals; it associates across classes; and it brings a matrix library for what are four
//! filters of two states. Boxes are compared enlarged (buffered IoU; Yang et al., WACV 2023) by as much as the filter is
//! unsure of the prediction, and a thing that was found once by much more, since at five frames a second things move by
//! their own width before a velocity is known. Enlarging all boxes by that much confuses people who walk side by side.
//!
//! `make bench NAME=track` measures it beside another ByteTrack.
//!
//! The tracker never reads a clock and is deterministic: same detections, same ids.

mod assign;
mod kalman;
mod life;

use std::time::Duration;

use omma_protocol::detection::{Detection, Label};
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{Track, TrackId};

use crate::cadence::{Cadence, two_looks_missed};
use assign::assign;
use kalman::Motion;
pub use life::{Life, REMEMBERED};

/// How much larger the box of a thing found once is taken on each side for each second since, in sizes of the box: enough
/// for what moves by its own width between two frames at five a second.
const NEW_BUFFER: f32 = 1.5;
/// The most, of any box: half a box on each side still keeps neighbours apart.
const MAX_BUFFER: f32 = 0.5;
/// Smallest overlap of a thing found once, in boxes enlarged so much.
const NEW_OVERLAP: f32 = 0.2;

/// How things are followed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackerConfig {
    /// A detection from this score on is good: it can begin a track. `0.0..=1.0`.
    pub high_score: f32,
    /// A detection below this score is not looked at. `0.0..=1.0`.
    pub low_score: f32,
    /// Smallest overlap (buffered IoU) at which a detection can belong to a track.
    pub min_overlap: f32,
    /// Frames in a row in which a thing must be found before it is told of; at least 2.
    pub confirm_hits: u32,
    /// Time between two looks at the camera's rate: where some were beyond it, a thing is found for as long before it is told
    /// of, and one that a look at the rate misses is gone after as long; give or take the quarter that looks are uneven by.
    pub interval: Duration,
    /// How long a confirmed thing may be out of sight and keep its id, at least: two looks in a row may miss it.
    pub max_lost: Duration,
    /// Most tracks at once. At the bound no new one begins.
    pub max_tracks: usize,
}

impl Default for TrackerConfig {
    fn default() -> Self {
        Self {
            high_score: 0.5,
            low_score: 0.4,
            min_overlap: 0.25,
            confirm_hits: 2,
            interval: Duration::ZERO,
            max_lost: Duration::from_millis(1500),
            max_tracks: 256,
        }
    }
}

impl TrackerConfig {
    /// Detections from `min_score` on begin tracks; fainter ones, down to four fifths of it, still carry on a track that
    /// is there. Far fainter ones would keep alive what never was: at a fifth, NanoDet's second boxes beside a person and
    /// a sign taken for one stay on as things of their own.
    pub fn believing(min_score: f32) -> Self {
        Self { high_score: min_score, low_score: 0.8 * min_score, ..Self::default() }
    }

    /// For so many looks a second: a thing may be missed in two of them and keep its id, however seldom they are.
    pub fn looking(self, rate: f32) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / f64::from(rate)).unwrap_or(self.interval);
        Self { max_lost: self.max_lost.max(two_looks_missed(interval)), interval, ..self }
    }
}

/// Follows the things of one stream.
#[derive(Debug)]
pub struct Tracker {
    config: TrackerConfig,
    tracks: Vec<Followed>,
    last_id: u64,
    /// Counts the frames looked at.
    frame: u64,
    /// The last of them that was at the rate, and the last beyond it; 0 before.
    at_rate: u64,
    beyond_rate: u64,
    /// Of those at the rate.
    cadence: Cadence,
    refused: u64,
}

#[derive(Debug)]
struct Followed {
    /// Given when it is confirmed.
    id: Option<TrackId>,
    label: Label,
    motion: Motion,
    life: Life,
    last_seen: CaptureTime,
    /// The same in frames looked at.
    last_frame: u64,
    /// What `motion` is predicted to.
    predicted: CaptureTime,
    /// It began where a confirmed thing was found by another detection.
    beside: bool,
}

impl Tracker {
    /// A tracker that has seen nothing.
    pub fn new(config: TrackerConfig) -> Self {
        let cadence = Cadence::default();
        Self { config, tracks: vec![], last_id: 0, frame: 0, at_rate: 0, beyond_rate: 0, cadence, refused: 0 }
    }

    /// Takes all detections of one frame. Returns the confirmed tracks seen in this very frame, each with its
    /// detection's box and score, by ascending id. Ids count from 1 and are never given again.
    ///
    /// Frames come in the order of their capture; one that does not is taken as no time after the last, and what was not
    /// confirmed by then is gone.
    pub fn update(&mut self, time: CaptureTime, detections: Vec<Detection>) -> Vec<Track> {
        self.cadence.look(time);
        self.begin_frame(time);
        self.at_rate = self.frame;
        self.look(time, detections)
    }

    /// The same of a frame that is looked at beyond the camera's rate: whether there are such, and which, is luck, so that
    /// they must not be more proof than looks at the rate are.
    pub fn update_beyond_rate(&mut self, time: CaptureTime, detections: Vec<Detection>) -> Vec<Track> {
        self.begin_frame(time);
        self.beyond_rate = self.frame;
        self.look(time, detections)
    }

    fn look(&mut self, time: CaptureTime, mut detections: Vec<Detection>) -> Vec<Track> {
        detections.retain(|d| d.score >= self.config.low_score && is_box(d.rect));
        let (mut good, mut poor): (Vec<_>, Vec<_>) =
            detections.into_iter().partition(|detection| detection.score >= self.config.high_score);

        let (least, mut seen) = (self.config.min_overlap, vec![]);
        let near = move |track: &Followed, detection: &Detection| {
            above(least, track.overlap(detection, track.motion.unsure())) * detection.score.min(1.0)
        };
        let sure = move |track: &Followed, detection: &Detection| match track.id {
            None if track.beside => 0.0,
            _ => near(track, detection),
        };
        let new = move |track: &Followed, detection: &Detection| match track.life.frames() {
            1 => above(NEW_OVERLAP, track.overlap(detection, NEW_BUFFER * time.since(track.last_seen).as_secs_f32())),
            _ => 0.0,
        };
        self.associate(time, &mut good, &mut seen, sure);
        self.associate(time, &mut good, &mut seen, near);
        self.associate(time, &mut good, &mut seen, new);
        self.associate(time, &mut poor, &mut seen, near);
        let (at_rate, beyond_rate, short) = (self.at_rate, self.beyond_rate, self.config.interval * 3 / 4);
        self.tracks.retain(|track| {
            // At once where no look beyond the rate came in between.
            let gone = track.last_frame > beyond_rate || time.since(track.last_seen) >= short;
            track.id.is_some() || track.last_frame >= at_rate || !gone
        });
        self.begin(time, good);

        seen.sort_by_key(|track: &Track| track.id);
        seen
    }

    /// The camera shows another view: nothing that was followed goes on in it.
    pub fn cut(&mut self) {
        self.tracks.clear();
    }

    /// What is remembered of a confirmed thing. `None` once it is gone.
    pub fn life(&self, id: TrackId) -> Option<&Life> {
        self.tracks.iter().find(|track| track.id == Some(id)).map(|track| &track.life)
    }

    /// Detections that began no track because there were too many.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Lets go what is gone by then, and predicts where the others are.
    fn begin_frame(&mut self, time: CaptureTime) {
        self.frame += 1;
        let (at_rate, long) = (self.at_rate, self.config.interval * 5 / 4);
        let max_lost = self.config.max_lost.max(self.cadence.patience());
        self.tracks.retain(|track| {
            let passed = time.since(track.last_seen);
            let gone = track.last_frame < at_rate && passed >= long || track.last_seen > time;
            passed <= max_lost && (track.id.is_some() || !gone)
        });
        for track in &mut self.tracks {
            track.motion.predict(time.since(track.predicted).as_secs_f32());
            track.predicted = time;
        }
    }

    /// Assigns detections to the tracks that have none of this frame yet, so that the sum of `gain` is largest, and takes
    /// out those that were assigned. A pair of gain zero can't be.
    fn associate(
        &mut self,
        time: CaptureTime,
        detections: &mut Vec<Detection>,
        seen: &mut Vec<Track>,
        gain: impl Fn(&Followed, &Detection) -> f32,
    ) {
        let free = |&track: &usize| self.tracks[track].last_frame != self.frame;
        let tracks: Vec<usize> = (0..self.tracks.len()).filter(free).collect();
        let columns = detections.len();
        let pairs = tracks.iter().flat_map(|&track| detections.iter().map(move |detection| (track, detection)));
        let gains: Vec<f32> = pairs.map(|(track, detection)| gain(&self.tracks[track], detection)).collect();
        let mut taken = vec![false; columns];
        for (row, column) in assign(tracks.len(), columns, |row, column| gains[row * columns + column]) {
            taken[column] = true;
            seen.extend(self.hit(tracks[row], time, &detections[column]));
        }
        let mut taken = taken.into_iter();
        detections.retain(|_| taken.next() != Some(true));
    }

    /// A track was found again. Gives it where it is confirmed.
    fn hit(&mut self, track: usize, time: CaptureTime, detection: &Detection) -> Option<Track> {
        let track = &mut self.tracks[track];
        track.motion.correct(detection.rect);
        track.life.go_on(detection.score);
        if self.beyond_rate == self.frame {
            track.life.last_was_beyond_rate();
        }
        (track.last_seen, track.last_frame) = (time, self.frame);
        let (hits, found_for) = (self.config.confirm_hits, time.since(track.life.first_seen()));
        // Three looks at the rate take longer than that: two within it follow each other.
        let proven = track.life.frames_at_rate() >= hits || found_for >= self.config.interval * 3 / 4;
        if track.id.is_none() && track.life.frames() >= hits && proven {
            self.last_id += 1;
            track.id = Some(TrackId(self.last_id));
        }
        let Detection { label, score, rect } = detection.clone();
        track.id.map(|id| Track { id, label, score, rect })
    }

    fn begin(&mut self, time: CaptureTime, detections: Vec<Detection>) {
        for detection in detections {
            if self.tracks.len() >= self.config.max_tracks {
                self.refused += 1;
                continue;
            }
            let here = |track: &Followed| track.id.is_some() && track.last_frame == self.frame;
            let overlaps = |track: &Followed| track.overlap(&detection, 0.0) >= self.config.min_overlap;
            let beside = self.tracks.iter().any(|track| here(track) && overlaps(track));
            let mut life = Life::begin(time, detection.rect, detection.score);
            if self.beyond_rate == self.frame {
                life.last_was_beyond_rate();
            }
            self.tracks.push(Followed {
                id: None,
                motion: Motion::new(detection.rect),
                life,
                label: detection.label,
                last_seen: time,
                last_frame: self.frame,
                predicted: time,
                beside,
            });
        }
    }
}

impl Followed {
    /// Overlap with a detection of the same class, both boxes enlarged by `buffer` of their sizes on each side, but never
    /// by more than [`MAX_BUFFER`]. `0.0..=1.0`; classes do not mix.
    fn overlap(&self, detection: &Detection, buffer: f32) -> f32 {
        if self.label != detection.label {
            return 0.0;
        }
        let buffer = buffer.min(MAX_BUFFER);
        enlarged(self.motion.rect(), buffer).iou(enlarged(detection.rect, buffer))
    }
}

/// The overlap where it is enough, else nothing.
fn above(least: f32, overlap: f32) -> f32 {
    if overlap >= least { overlap } else { 0.0 }
}

/// Each side moved out by `share` of the box's size.
fn enlarged(rect: Rect, share: f32) -> Rect {
    let (dx, dy) = (rect.w * share, rect.h * share);
    Rect { x: rect.x - dx, y: rect.y - dy, w: rect.w + 2.0 * dx, h: rect.h + 2.0 * dy }
}

fn is_box(rect: Rect) -> bool {
    rect.x.is_finite() && rect.y.is_finite() && rect.w.is_finite() && rect.h.is_finite() && rect.area() > 0.0
}

#[cfg(test)]
mod tests;
