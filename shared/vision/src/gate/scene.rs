//! What the last thumbnails say: does the scene differ from what it is when nothing happens?

use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;

use super::background::{Background, CHANGED, Change};
use super::thumbnail::Thumbnail;

/// A picture that differs this many times [`CHANGED`] needs no second.
const CLEAR: f32 = 1.6;
/// Under this a picture shows that nobody is there, in deviations.
const UNCHANGED: f32 = 0.75 * CHANGED;
/// Of the last three thumbnails, this many must differ.
const FIRING: u32 = 2;
/// More of the picture changed than a thing can cover: another scene (infrared on or off, the camera was turned).
const OTHER_SCENE: f32 = 0.4;
/// Time in which the background follows what is seen, seconds: while idle, and while looking.
const FOLLOW: f32 = 20.0;
const FOLLOW_LOOKING: f32 = 8.0;
/// The most one picture moves the background.
const MOST: f32 = 0.35;

#[derive(Debug)]
pub(super) struct Scene {
    background: Background,
    last: Thumbnail,
    change: Change,
    /// The last key picture compared, and how far it was from the background.
    key: (CaptureTime, f32),
    threshold: f32,
    /// One bit a thumbnail, the newest lowest: whether it differed.
    firing: u8,
    seen: CaptureTime,
    /// Seconds since the thumbnail before.
    passed: f32,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            background: Background::default(),
            last: Thumbnail::default(),
            change: Change::default(),
            key: (NEVER, f32::INFINITY),
            threshold: CHANGED,
            firing: 0,
            seen: NEVER,
            passed: 0.0,
        }
    }

    /// Whether the frame of `time` was compared before, or a later one.
    pub(super) fn has_seen(&self, time: CaptureTime) -> bool {
        time <= self.seen
    }

    /// Compares the thumbnail of the frame of `time`, of a key picture or not. `doubt`, from 1 on, is how much more than
    /// usual it takes.
    pub(super) fn see(&mut self, time: CaptureTime, is_key: bool, thumbnail: Thumbnail, doubt: f32) {
        self.passed = if self.seen == NEVER { 0.0 } else { time.since(self.seen).as_secs_f32() };
        self.seen = time;
        self.change = self.background.compare(&thumbnail);
        self.last = thumbnail;
        if is_key {
            self.key = (time, self.change.score);
        }
        self.threshold = CHANGED * doubt;
        self.firing = self.firing << 1 & 0b111 | u8::from(self.change.score > self.threshold);
    }

    /// Whether the scene differs. A key picture comes alone, so that it has to do without a second opinion.
    pub(super) fn differs(&self, is_key: bool) -> bool {
        let score = self.change.score;
        self.firing.count_ones() >= FIRING || score > self.threshold * CLEAR || is_key && score > self.threshold
    }

    /// Whether the key picture of `time` showed the scene as it is, and nothing that becomes a thing.
    pub(super) fn was_clear_at(&self, time: CaptureTime) -> bool {
        self.key.0 == time && self.key.1 < UNCHANGED
    }

    /// Whether a picture of the past shows the scene as it is now. Nothing is learnt.
    pub(super) fn was_clear(&mut self, thumbnail: &Thumbnail) -> bool {
        self.background.is_of(thumbnail) && self.background.compare(thumbnail).score < UNCHANGED
    }

    /// Whether the thumbnail seen last differed by itself.
    pub(super) fn fires(&self) -> bool {
        self.firing & 1 == 1
    }

    /// What was seen last is the scene, but for what `things` cover.
    pub(super) fn follow(&mut self, looking: bool, things: &[Rect]) {
        let seconds = if looking { FOLLOW_LOOKING } else { FOLLOW };
        self.background.learn(&self.last, (self.passed / seconds).min(MOST), things);
    }

    /// The detector found nothing of interest in what was seen last.
    pub(super) fn in_vain(&mut self) {
        if self.change.share > OTHER_SCENE {
            self.background.replace(&self.last);
            self.firing = 0;
        } else {
            self.background.absorb(&self.last);
        }
    }

    /// What differed before is dealt with.
    pub(super) fn calm(&mut self) {
        self.firing = 0;
    }

    /// Times before mean nothing any more; the scene is still the scene.
    pub(super) fn restart(&mut self) {
        (self.seen, self.firing, self.key) = (NEVER, 0, (NEVER, f32::INFINITY));
    }
}

const NEVER: CaptureTime = CaptureTime(i64::MIN);
