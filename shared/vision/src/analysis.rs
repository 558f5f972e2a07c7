//! One stream's analysis, behind the detector: detections of a frame → its result for the screen, and what must last.
//!
//! 1. [`Tracker`] makes tracks of the detections, but for those under a mask, and anew where the [`View`] is another;
//! 2. [`Events`] makes events of the tracks, by the camera's rules;
//! 3. where an event has its best view so far, the frame becomes its picture, and the part of it around the thing its crop.
//!
//! The same on either side of the uplink. Owned by one task; never reads a clock.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use omma_media::frame::Frame;
use omma_media::jpeg::{self, JpegError};
use omma_protocol::detection::{Analyst, Detection};
use omma_protocol::event::{Event, Lasting, Picture};
use omma_protocol::geometry::Rect;
use omma_protocol::id::CameraId;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::{FrameResult, Track};

use crate::crop;
use crate::event::parked::Parked;
use crate::event::rule::config::RulesConfig;
use crate::event::rule::mask::Masks;
use crate::event::{Events, EventsConfig};
use crate::gate::{Mask, Thumbnail};
use crate::track::{Tracker, TrackerConfig};
use crate::view::{Turn, View};

/// Longest side of an event's picture unless it is set, in samples.
pub const PICTURE_SIDE: u32 = 960;
/// Longest side of an event's crop unless it is set, in samples.
pub const CROP_SIDE: u32 = 480;
/// JPEG quality of an event's picture unless it is set.
pub const PICTURE_QUALITY: u8 = 80;

/// How a stream is analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct AnalysisConfig {
    /// How things are followed.
    pub tracker: TrackerConfig,
    /// When events open, change and close.
    pub events: EventsConfig,
    /// Which things make events.
    pub rules: RulesConfig,
    /// Longest side of an event's picture, in samples. The whole frame is kept: what surrounds a thing is what tells
    /// an operator where it is.
    pub picture_side: u32,
    /// Longest side of an event's crop, in samples. It is cut from the frame as it was decoded: a thing that is far away
    /// has more of them here than in the shrunk picture.
    pub crop_side: u32,
    /// JPEG quality of both, 1 to 100.
    pub picture_quality: u8,
    /// Makes the random part of event ids. Must differ between streams and from run to run, or ids may meet.
    pub seed: [u8; 32],
}

impl AnalysisConfig {
    /// The defaults for things that are believed to be there from `min_score` on, and for `rate` looks a second, with
    /// fresh random bytes.
    pub fn seeded(min_score: f32, rate: f32, seed: [u8; 32]) -> Self {
        Self {
            tracker: TrackerConfig::believing(min_score).looking(rate),
            events: EventsConfig::default().looking(rate),
            rules: RulesConfig::default(),
            picture_side: PICTURE_SIDE,
            crop_side: CROP_SIDE,
            picture_quality: PICTURE_QUALITY,
            seed,
        }
    }
}

/// What came of looking at one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Looked {
    /// The tracks of this very frame, perhaps none.
    pub result: FrameResult,
    /// Events that changed, each followed by its picture where this frame is its best view.
    pub lasting: Vec<Lasting>,
}

/// What an analysis had to leave out since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AnalysisCounts {
    /// Detections that a mask hid.
    pub masked: u64,
    /// Detections that began no track because there were too many.
    pub tracks_refused: u64,
    /// Times that a thing in a frame had to wait for its event because too many were open.
    pub events_refused: u64,
    /// Pictures that could not be encoded; their events went out without.
    pub pictures_failed: u64,
}

impl AnalysisCounts {
    /// What was left out since they were `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            masked: self.masked - before.masked,
            tracks_refused: self.tracks_refused - before.tracks_refused,
            events_refused: self.events_refused - before.events_refused,
            pictures_failed: self.pictures_failed - before.pictures_failed,
        }
    }
}

/// Analyses one stream.
#[derive(Debug)]
pub struct Analysis {
    camera: CameraId,
    analyst: Arc<Analyst>,
    masks: Masks,
    view: View,
    /// Of the frame that was followed last, until its tracks are seen.
    turn: Turn,
    tracker: Tracker,
    events: Events,
    /// What an earlier run had parked, until the first frame.
    known: Option<Parked>,
    picture_side: u32,
    crop_side: u32,
    picture_quality: u8,
    masked: u64,
    pictures_failed: u64,
}

impl Analysis {
    /// An analysis that has seen nothing.
    pub fn new(camera: CameraId, analyst: Arc<Analyst>, config: AnalysisConfig) -> Self {
        Self {
            masks: Masks::new(config.rules.masks.clone()),
            view: View::default(),
            turn: Turn::None,
            tracker: Tracker::new(config.tracker),
            events: Events::new(camera.clone(), Arc::clone(&analyst), config.events, config.rules, config.seed),
            known: None,
            camera,
            analyst,
            picture_side: config.picture_side,
            crop_side: config.crop_side,
            picture_quality: config.picture_quality,
            masked: 0,
            pictures_failed: 0,
        }
    }

    /// Before the first frame: what an earlier run had parked, which makes no new events where the camera shows what it
    /// showed then.
    pub fn know(&mut self, parked: Parked) {
        self.known = Some(parked);
    }

    /// What is parked, for a later run: until the first frame what is [known](Analysis::know).
    pub fn parked(&self) -> Parked {
        let seen = || Parked { view: self.view.last().cloned().unwrap_or_default(), things: self.events.parked() };
        self.known.clone().unwrap_or_else(seen)
    }

    /// Another detector may look than before: what is told from now on bears its name.
    pub fn looked_at_by(&mut self, analyst: Arc<Analyst>) {
        if !Arc::ptr_eq(&self.analyst, &analyst) {
            self.events.looked_at_by(Arc::clone(&analyst));
            self.analyst = analyst;
        }
    }

    /// Takes what the detector found in one frame; nothing, too, is worth being told. Frames come in the order of
    /// their capture. `took` is passed on.
    pub fn look(&mut self, frame: &Arc<Frame>, detections: Vec<Detection>, took: Duration) -> Looked {
        let tracks = self.follow(frame, detections);
        self.see(frame, tracks, took)
    }

    /// The first half of [`Analysis::look`]: detections become tracks.
    pub fn follow(&mut self, frame: &Frame, detections: Vec<Detection>) -> Vec<Track> {
        let detections = self.prepare(frame, detections);
        self.tracker.update(frame.time, detections)
    }

    /// The same of a frame that is looked at beyond the camera's rate.
    pub fn follow_beyond_rate(&mut self, frame: &Frame, detections: Vec<Detection>) -> Vec<Track> {
        let detections = self.prepare(frame, detections);
        self.tracker.update_beyond_rate(frame.time, detections)
    }

    /// Leaves out what masks hide, and sees whether the view is another.
    fn prepare(&mut self, frame: &Frame, mut detections: Vec<Detection>) -> Vec<Detection> {
        let found = detections.len();
        detections.retain(|detection| !self.masks.hides(detection));
        self.masked += (found - detections.len()) as u64;
        self.turn = self.view.see(frame.time, Thumbnail::of(&frame.planes(), &Mask::default()));
        if self.turn != Turn::None {
            tracing::info!(camera = %self.camera, turn = ?self.turn, "the camera shows another view: things are followed anew");
            self.tracker.cut();
        }
        detections
    }

    /// The second half: tracks become events and pictures.
    pub fn see(&mut self, frame: &Arc<Frame>, tracks: Vec<Track>, took: Duration) -> Looked {
        let life = |track: &Track| self.tracker.life(track.id).cloned();
        let seen: Vec<_> = tracks.iter().filter_map(|track| Some((track.clone(), life(track)?))).collect();
        let aspect = frame.width as f32 / frame.height.max(1) as f32;
        let mut lasting = vec![];
        let mut jpeg: Option<Result<Bytes, JpegError>> = None;
        if let Some(known) = self.known.take() {
            if self.view.is_other_than(&known.view) {
                tracing::info!(camera = %self.camera, "the camera shows another view than before the start: nothing is parked in it");
            } else {
                self.events.know(&known.things, frame.time, aspect);
            }
        }
        let ended = self.events.turn(std::mem::take(&mut self.turn));
        lasting.extend(ended.into_iter().map(|change| Lasting::Event(change.event)));
        for change in self.events.see(frame.time, aspect, &seen) {
            let Event { id: event, revision, rect, .. } = change.event;
            lasting.push(Lasting::Event(change.event));
            if !change.picture {
                continue;
            }
            // Several events may have their best view in one frame: it is encoded once.
            let whole =
                jpeg.get_or_insert_with(|| jpeg::encode(frame.planes(), None, self.picture_side, self.picture_quality));
            let both = whole.clone().and_then(|whole| Ok((whole, self.crop(frame, rect)?)));
            match both {
                Ok((jpeg, crop)) => {
                    let (camera, time) = (self.camera.clone(), frame.time);
                    lasting.push(Lasting::Picture(Picture { event, camera, revision, time, jpeg, crop: Some(crop) }));
                }
                Err(error) => {
                    self.pictures_failed += 1;
                    tracing::debug!(%event, %error, "an event goes without its picture");
                }
            }
        }
        let analyst = Arc::clone(&self.analyst);
        Looked { result: FrameResult { time: frame.time, tracks, analyst, took }, lasting }
    }

    fn crop(&self, frame: &Frame, rect: Rect) -> Result<Bytes, JpegError> {
        let part = crop::around(rect, frame.width, frame.height);
        jpeg::encode(frame.planes(), Some(part), self.crop_side, self.picture_quality)
    }

    /// Nobody looked at the frame of `time` because nothing had changed since the last one: see [`Events::unchanged`].
    pub fn unchanged(&mut self, time: CaptureTime) -> Vec<Lasting> {
        self.events.unchanged(time).into_iter().map(|change| Lasting::Event(change.event)).collect()
    }

    /// A probe found these, which no mask hides, in the frame of `time`, which nobody looked at else. Where that makes something gone
    /// that was at rest, what is there still: see [`Events::probed`]. `took` is passed on.
    pub fn probed(&mut self, time: CaptureTime, found: &[Detection], took: Duration) -> Option<FrameResult> {
        let tracks = self.events.probed(time, found)?;
        Some(FrameResult { time, tracks, analyst: Arc::clone(&self.analyst), took })
    }

    /// Of what the detector found, what no mask hides. Counts nothing.
    pub fn of_interest(&self, detections: &[Detection]) -> Vec<Detection> {
        detections.iter().filter(|detection| !self.masks.hides(detection)).cloned().collect()
    }

    /// Closes what is open, at the last frame each thing was seen in: the stream has ended. Whoever is seen next was not there meanwhile.
    pub fn finish(&mut self) -> Vec<Lasting> {
        self.tracker.cut();
        self.events.finish().into_iter().map(|change| Lasting::Event(change.event)).collect()
    }

    /// What had to be left out.
    pub fn counts(&self) -> AnalysisCounts {
        AnalysisCounts {
            masked: self.masked,
            tracks_refused: self.tracker.refused(),
            events_refused: self.events.refused(),
            pictures_failed: self.pictures_failed,
        }
    }
}

#[cfg(test)]
mod tests;
