//! Cameras that the hub should look at and can't, and when that is said: at once, of a further camera after [`NEWS`] at the
//! soonest, and again after [`AGAIN`] while it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use omma_protocol::id::StreamId;

/// From one line to the next where another camera has come to those that can't be looked at.
const NEWS: Duration = Duration::from_secs(60);
/// From one line to the next where nothing is new.
const AGAIN: Duration = Duration::from_secs(300);

/// What keeps the hub from seeing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The pictures can't be decoded.
    Undecoded,
    /// The detector fails at each of them.
    Undetected,
}

/// What is to be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// One of the cameras.
    pub stream: StreamId,
    /// Why it can't be looked at.
    pub reason: String,
    /// How many more can't be.
    pub others: usize,
}

/// Those cameras.
#[derive(Debug, Default)]
pub struct Unseen {
    streams: BTreeMap<StreamId, (Cause, String)>,
    /// One that no line was of has come to them.
    news: bool,
    said: Option<Duration>,
}

impl Unseen {
    /// This camera can't be looked at, `now` on a clock that never steps. Gives what is to be said, if anything.
    pub fn blind(&mut self, stream: &StreamId, cause: Cause, reason: String, now: Duration) -> Option<Line> {
        self.news |= self.streams.insert(stream.clone(), (cause, reason)).is_none();
        let wait = if self.news { NEWS } else { AGAIN };
        if self.said.is_some_and(|said| now.saturating_sub(said) < wait) {
            return None;
        }
        (self.said, self.news) = (Some(now), false);
        let (stream, (_, reason)) = self.streams.get_key_value(stream)?;
        Some(Line { stream: stream.clone(), reason: reason.clone(), others: self.streams.len() - 1 })
    }

    /// That no longer keeps the hub from looking at this camera. Whether none is left that can't be looked at.
    pub fn sees(&mut self, stream: &StreamId, cause: Cause) -> bool {
        if self.streams.get(stream).is_none_or(|(why, _)| *why != cause) {
            return false;
        }
        self.streams.remove(stream);
        self.streams.is_empty()
    }

    /// Why this camera can't be looked at; `None` where it can.
    #[must_use]
    pub fn reason(&self, stream: &StreamId) -> Option<&str> {
        self.streams.get(stream).map(|(_, reason)| reason.as_str())
    }

    /// How many can't be.
    #[must_use]
    pub fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether all can be.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams<const N: usize>(names: [&str; N]) -> [StreamId; N] {
        names.map(|name| format!("site.{name}").parse().unwrap())
    }

    #[test]
    fn a_detector_that_fails_at_every_look_is_said_at_once_and_every_five_minutes_and_not_by_each_camera() {
        let (mut unseen, all) = (Unseen::default(), streams(["door", "gate", "yard"]));
        let mut said = vec![];
        for second in 0..700 {
            for stream in &all {
                let reason = "detect: device lost".to_owned();
                let line = unseen.blind(stream, Cause::Undetected, reason, Duration::from_secs(second));
                said.extend(line.map(|line| (second, line.stream.camera.to_string(), line.others)));
            }
        }
        let door = "door".to_owned();
        assert_eq!(said, [(0, door.clone(), 0), (60, door.clone(), 2), (360, door.clone(), 2), (660, door, 2)]);
        assert_eq!(unseen.len(), 3);
    }

    #[test]
    fn a_camera_that_is_blind_now_and_then_does_not_fill_the_log() {
        let (mut unseen, [door]) = (Unseen::default(), streams(["door"]));
        let lines = (0..600).filter(|second| {
            let now = Duration::from_secs(*second);
            let line = unseen.blind(&door, Cause::Undecoded, "H.265".into(), now);
            assert!(unseen.sees(&door, Cause::Undecoded) && !unseen.sees(&door, Cause::Undecoded));
            line.is_some()
        });
        assert_eq!(lines.count(), 10);
    }

    #[test]
    fn what_did_not_keep_the_hub_from_seeing_does_not_end_it() {
        let (mut unseen, [door]) = (Unseen::default(), streams(["door"]));
        unseen.blind(&door, Cause::Undetected, "lost".into(), Duration::ZERO);
        unseen.blind(&door, Cause::Undecoded, "H.265".into(), Duration::ZERO);
        assert!(!unseen.sees(&door, Cause::Undetected));
        assert_eq!(unseen.reason(&door), Some("H.265"));
        assert!(unseen.sees(&door, Cause::Undecoded) && unseen.is_empty());
        assert_eq!(unseen.reason(&door), None);
    }
}
