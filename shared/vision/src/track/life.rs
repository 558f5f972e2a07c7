//! What is remembered of a thing while it is followed: bounded, however long that is.

use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;

/// Scores that are remembered: some seconds of looks, so that a thing is judged by more than one lucky frame and yet
/// not by how it looked from afar an hour ago.
pub const REMEMBERED: usize = 32;

/// The life of one thing so far, from its first detection on, which is before it was confirmed.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    first_seen: CaptureTime,
    first_rect: Rect,
    frames: u32,
    /// Those of them that were looked at beyond the camera's rate.
    beyond_rate: u32,
    best: f32,
    /// A ring; frame `n` is at `n % REMEMBERED`.
    scores: [f32; REMEMBERED],
}

impl Life {
    /// Begins with the first detection.
    pub fn begin(time: CaptureTime, rect: Rect, score: f32) -> Self {
        let mut life = Self {
            first_seen: time,
            first_rect: rect,
            frames: 0,
            beyond_rate: 0,
            best: 0.0,
            scores: [0.0; REMEMBERED],
        };
        life.go_on(score);
        life
    }

    /// It was found again.
    pub fn go_on(&mut self, score: f32) {
        self.scores[self.frames as usize % REMEMBERED] = score;
        self.frames = self.frames.saturating_add(1);
        self.best = self.best.max(score);
    }

    /// The frame in which it was found last was looked at beyond the camera's rate.
    pub(super) fn last_was_beyond_rate(&mut self) {
        self.beyond_rate = self.beyond_rate.saturating_add(1);
    }

    /// When it was first found.
    pub fn first_seen(&self) -> CaptureTime {
        self.first_seen
    }

    /// Where it was first found.
    pub fn first_rect(&self) -> Rect {
        self.first_rect
    }

    /// In how many frames it was found.
    pub fn frames(&self) -> u32 {
        self.frames
    }

    /// In how many of those that the camera's rate asked for.
    pub fn frames_at_rate(&self) -> u32 {
        self.frames.saturating_sub(self.beyond_rate)
    }

    /// Its best score, `0.0..=1.0`.
    pub fn best_score(&self) -> f32 {
        self.best
    }

    /// The mean of its last [`REMEMBERED`] scores, or of all where there are fewer. `0.0..=1.0`.
    pub fn mean_score(&self) -> f32 {
        let known = &self.scores[..(self.frames as usize).min(REMEMBERED)];
        known.iter().sum::<f32>() / known.len().max(1) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_forgets_what_is_long_ago_and_the_best_does_not() {
        let mut life = Life::begin(CaptureTime(1), Rect::default(), 0.9);
        assert_eq!((life.frames(), life.mean_score(), life.best_score()), (1, 0.9, 0.9));
        life.go_on(0.5);
        assert!((life.mean_score() - 0.7).abs() < 1e-6);
        for _ in 0..REMEMBERED {
            life.go_on(0.4);
        }
        assert!((life.mean_score() - 0.4).abs() < 1e-6 && life.best_score() == 0.9, "{life:?}");
        assert_eq!(life.frames(), 2 + REMEMBERED as u32);
        life.frames = u32::MAX;
        life.go_on(0.4);
        assert!((life.mean_score() - 0.4).abs() < 1e-6, "a thing followed for ever ends nothing");
    }
}
