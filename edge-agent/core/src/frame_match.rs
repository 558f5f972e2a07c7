//! Which frame of a camera's main stream something belongs to that was found in its sub-stream.
//!
//! A page draws boxes onto the frame whose capture time they carry, and it shows the main stream. So what was found in
//! the sub-stream takes the capture time of the main stream's frame nearest to its own, no more than half a frame interval
//! away. Both streams are dated by the edge's clock ([`crate::capture_clock`]).
//!
//! ```text
//! main   |     |     |     |           |     |
//! sub      a            b        c             d
//! ```
//!
//! - `a` and `b` belong to the frame that is nearest;
//! - `c` belongs to none: a frame is missing there;
//! - `d` waits: a frame that is nearer may still be on its way, at most for [`PATIENCE`]. So does `c` where the main stream
//!   has B-pictures, which are sent after a later one.
//!
//! Everything comes out in the order in which it went in. What belongs to no frame comes out too: the camera's main
//! stream may be away, and who counts what is seen must not go blind for that.

use std::collections::VecDeque;
use std::time::Duration;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::REORDERED;

use crate::Moment;

/// How long a frame is waited for.
pub const PATIENCE: Duration = Duration::from_millis(500);
/// Frames remembered: 24 s, the longest that the gate looks back, at 60 a second, and some more.
const FRAMES: usize = 1800;
/// What may wait; over that the first waits no longer.
const WAITING: usize = 64;
/// The frame interval is the median of so many.
const INTERVALS: usize = 15;
/// Cameras round their stamps to milliseconds, so that two intervals differ by one or two.
const ROUNDING: Duration = Duration::from_millis(2);

/// One camera's two streams. Owned by one task.
#[derive(Debug)]
pub struct FrameMatch<T> {
    /// Capture times of the main stream, in order.
    frames: VecDeque<CaptureTime>,
    /// Whether the main stream has been seen to send a frame after one that is shown after it.
    reorders: bool,
    waiting: VecDeque<Waiting<T>>,
}

#[derive(Debug)]
struct Waiting<T> {
    time: CaptureTime,
    until: Moment,
    found: T,
}

/// Where in the main stream a time is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Frame(CaptureTime),
    NotYet,
    Nowhere,
}

impl<T> Default for FrameMatch<T> {
    fn default() -> Self {
        Self { frames: VecDeque::new(), reorders: false, waiting: VecDeque::new() }
    }
}

impl<T> FrameMatch<T> {
    /// The main stream has a frame of this capture time.
    pub fn frame(&mut self, time: CaptureTime) {
        // The clock was set back: what came before has nothing to do with what comes now.
        if self.frames.back().is_some_and(|last| last.since(time) > REORDERED) {
            self.frames.clear();
        }
        if self.frames.len() == FRAMES {
            self.frames.pop_front();
        }
        // B-pictures are sent after one that is shown after them.
        let place = self.frames.partition_point(|frame| *frame < time);
        self.reorders |= place < self.frames.len();
        self.frames.insert(place, time);
    }

    /// Something was found in the sub-stream's frame of this capture time.
    pub fn found(&mut self, now: Moment, time: CaptureTime, found: T) {
        self.waiting.push_back(Waiting { time, until: now + PATIENCE, found });
    }

    /// The next that need not wait any more, and the capture time of the main stream's frame that it belongs to; `None`
    /// for that where it belongs to none. To be asked until nothing comes, after each call of the others and when it is
    /// time ([`Self::wake`]).
    pub fn next(&mut self, now: Moment) -> Option<(Option<CaptureTime>, T)> {
        let first = self.waiting.front()?;
        let frame = match self.place(first.time) {
            Place::Frame(frame) => Some(frame),
            Place::NotYet if now < first.until && self.waiting.len() <= WAITING => return None,
            Place::NotYet | Place::Nowhere => None,
        };
        self.waiting.pop_front().map(|first| (frame, first.found))
    }

    /// When to ask again, though nothing came. `None` where nothing waits.
    pub fn wake(&self) -> Option<Moment> {
        self.waiting.front().map(|first| first.until)
    }

    fn place(&self, time: CaptureTime) -> Place {
        let after = self.frames.partition_point(|frame| *frame < time);
        let before = after.checked_sub(1).and_then(|at| self.frames.get(at));
        let after = self.frames.get(after);
        let apart = |frame: CaptureTime| frame.since(time).max(time.since(frame));
        let nearest = before.into_iter().chain(after).copied().min_by_key(|frame| apart(*frame));
        let reach = self.interval().map_or(Duration::ZERO, |interval| interval / 2 + ROUNDING);
        match nearest {
            Some(frame) if apart(frame) <= reach => Place::Frame(frame),
            // A B-picture may be on its way though a later frame is there.
            Some(_) if after.is_some() && !self.reorders => Place::Nowhere,
            Some(_) | None => Place::NotYet,
        }
    }

    fn interval(&self) -> Option<Duration> {
        let newest = self.frames.len().saturating_sub(INTERVALS + 1);
        let frames = || self.frames.range(newest..);
        let mut intervals: Vec<_> = frames().zip(frames().skip(1)).map(|(one, next)| next.since(*one)).collect();
        intervals.sort_unstable();
        intervals.get(intervals.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests;
