//! Boxes followed as a camera's analysis follows them, with the settings that it has for this rate and `min_score`.

use std::time::{Duration, Instant};

use anyhow::ensure;
use omma_protocol::detection::{Detection, Label};
use omma_protocol::time::CaptureTime;
use omma_vision::track::{Tracker, TrackerConfig};
use serde_json::{Value, json};

use crate::boxes::{Line, Size};

/// What the boxes are of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Film {
    pub(crate) size: Size,
    /// Pictures a second.
    pub(crate) rate: f32,
    pub(crate) frames: u32,
}

/// Returns what is told of it, and the tracks.
pub(crate) fn track(boxes: &[Line], film: Film, min_score: f32, runs: usize) -> anyhow::Result<(Value, Vec<Line>)> {
    ensure!(film.rate.is_finite() && film.rate > 0.0, "--rate is {}, expected more than 0", film.rate);
    ensure!((0.0..=1.0).contains(&min_score), "--min-score is {min_score}, expected 0 to 1");
    ensure!(film.frames > 0 && runs > 0, "--frames and --runs must be at least 1");
    let beyond = boxes.iter().find(|line| line.frame > film.frames);
    ensure!(beyond.is_none(), "there are boxes behind the last of {} frames: {beyond:?}", film.frames);
    let config = TrackerConfig::believing(min_score).looking(film.rate);
    let (mut times, mut tracks) = (vec![], vec![]);
    for _ in 0..runs {
        let took;
        (took, tracks) = once(frames(boxes, film), film, config.clone());
        times.push(took / film.frames);
    }
    times.sort_unstable();
    let told = json!({ "microseconds_per_frame": times[times.len() / 2].as_secs_f64() * 1e6 });
    Ok((told, tracks))
}

/// The boxes of each frame.
fn frames(boxes: &[Line], film: Film) -> Vec<Vec<Detection>> {
    let person: Label = "person".into();
    let mut frames = vec![vec![]; film.frames as usize];
    for line in boxes {
        let detection = Detection { label: person.clone(), score: line.score, rect: line.rect(film.size) };
        frames[line.frame as usize - 1].push(detection);
    }
    frames
}

/// Only the tracker's own time is counted.
fn once(frames: Vec<Vec<Detection>>, film: Film, config: TrackerConfig) -> (Duration, Vec<Line>) {
    let (mut tracker, mut took, mut lines) = (Tracker::new(config), Duration::ZERO, vec![]);
    for (n, detections) in (1u32..).zip(frames) {
        let time = CaptureTime((f64::from(n) / f64::from(film.rate) * 1e6) as i64);
        let began = Instant::now();
        let tracks = tracker.update(time, detections);
        took += began.elapsed();
        lines.extend(tracks.into_iter().map(|t| Line::new(n, Some(t.id.0), t.rect, t.score, film.size)));
    }
    (took, lines)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::geometry::Rect;

    #[test]
    fn a_walker_is_one_track_from_the_second_frame_on() {
        let film = Film { size: "640x480".parse().unwrap(), rate: 10.0, frames: 20 };
        let at = |n: u32| Rect { x: 0.1 + 0.01 * n as f32, y: 0.4, w: 0.05, h: 0.2 };
        let boxes: Vec<_> = (1..=18).map(|n| Line::new(n, None, at(n), 0.8, film.size)).collect();
        let (told, tracks) = track(&boxes, film, 0.4, 3).unwrap();
        assert!(told["microseconds_per_frame"].as_f64() > Some(0.0), "{told}");
        let ids: Vec<_> = tracks.iter().map(|line| (line.frame, line.id)).collect();
        assert_eq!(ids, (2..=18).map(|n| (n, Some(1))).collect::<Vec<_>>());
        assert!(track(&boxes, Film { frames: 10, ..film }, 0.4, 1).is_err());
    }
}
