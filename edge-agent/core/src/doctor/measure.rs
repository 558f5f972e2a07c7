//! Measures a stream, picture by picture.
//!
//! ```text
//! picture ──▶ stretch of stamps without a jump ──▶ rate, key pictures   (of all stretches)
//!                                               └▶ jitter, drift, bits  (of the longest one)
//! ```
//!
//! What a jump is [`CaptureClock`] says, which dates the agent's pictures by the same rule.

mod stretch;

use omma_protocol::time::CaptureTime;

use super::report::{Coding, Measured, SenderReports, Video};
use crate::Moment;
use crate::capture_clock::CaptureClock;
use stretch::{Seen, round, seconds};

/// One picture as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// When its first packet came.
    pub arrival: Moment,
    /// RTP timestamp, 90 kHz.
    pub rtp: u32,
    /// Its size.
    pub bytes: usize,
    /// Whether decoding can begin here.
    pub key: bool,
    /// Whether it refers to pictures that are shown later, as far as that was looked for.
    pub b_slices: bool,
    /// RTP packets missing before or within it.
    pub lost_packets: u16,
    /// Packets left out before it: of another stream, or out of order.
    pub unusable_packets: u32,
    /// Whether it brought parameter sets that were not known.
    pub new_parameter_sets: bool,
    /// What its parameter set says, where it has one.
    pub coding: Option<Coding>,
}

/// One stream, from its PLAY on.
#[derive(Debug, Default)]
pub struct Measure {
    clock: CaptureClock,
    seen: Vec<Seen>,
    lost_packets: u64,
    unusable_packets: u64,
    video: Option<Video>,
    /// Of before the first parameter set.
    early_b_pictures: u64,
    sender_reports: u64,
    clock_ahead_us: Option<i64>,
}

impl Measure {
    /// Takes the next picture.
    pub fn picture(&mut self, picture: Picture) {
        let arrival_us = i64::try_from(picture.arrival.as_micros()).unwrap_or(i64::MAX);
        let jumped = self.clock.stamp(picture.rtp, CaptureTime(arrival_us), picture.key, false).jump.is_some();
        let (ticks, stretch) = match self.seen.last() {
            Some(last) => {
                let step = i64::from(picture.rtp.wrapping_sub(last.ticks as u32).cast_signed());
                (last.ticks.saturating_add(step), last.stretch + u64::from(jumped))
            }
            None => (i64::from(picture.rtp), 0),
        };
        let (bytes, key, b_slices) = (picture.bytes as u64, picture.key, picture.b_slices);
        self.seen.push(Seen { arrival_us, ticks, bytes, key, b_slices, stretch });
        self.lost_packets += u64::from(picture.lost_packets);
        self.unusable_packets += u64::from(picture.unusable_packets);
        self.learn(picture);
    }

    /// Takes a sender report that calls `date` what the camera calls `camera`.
    pub fn sender_report(&mut self, camera: CaptureTime, date: CaptureTime) {
        self.sender_reports += 1;
        self.clock_ahead_us = Some(camera.0.saturating_sub(date.0));
    }

    /// Whether a picture came.
    pub fn has_pictures(&self) -> bool {
        !self.seen.is_empty()
    }

    /// What the parameter sets said.
    pub fn video(&self) -> Option<&Video> {
        self.video.as_ref()
    }

    /// What was measured so far; `None` before the first picture.
    pub fn measured(&self) -> Option<Measured> {
        let (first, last) = (self.seen.first()?, self.seen.last()?);
        let longest = stretch::stretches(&self.seen).max_by_key(|stretch| stretch.len()).unwrap_or_default();
        let timing = stretch::timing_of(longest);
        // A burst of kept pictures at the beginning would make rates that no one ever sees again.
        let steady = longest.get(stretch::settled_in(longest, timing.as_ref())..).unwrap_or_default();
        Some(Measured {
            span_s: round(seconds(last.arrival_us - first.arrival_us), 3),
            pictures: self.seen.len() as u64,
            lost_packets: self.lost_packets,
            unusable_packets: self.unusable_packets,
            rate: stretch::rate(&self.seen, steady),
            keys: stretch::keys(&self.seen),
            size: stretch::size(&self.seen, steady),
            stamps: stretch::stamps(&self.seen),
            backlog_ms: timing.as_ref().map(|timing| timing.backlog_ms),
            drift: timing.as_ref().and_then(|timing| timing.drift.clone()),
            jitter: timing.map(|timing| timing.jitter),
            sender_reports: SenderReports {
                count: self.sender_reports,
                clock_ahead_s: self.clock_ahead_us.map(|us| round(seconds(us), 3)),
            },
        })
    }

    fn learn(&mut self, picture: Picture) {
        let (b_pictures, brought) = (u64::from(picture.b_slices), u64::from(picture.new_parameter_sets));
        match (&mut self.video, picture.coding) {
            (Some(video), coding) => {
                if let Some(coding) = coding.filter(|coding| *coding != video.coding) {
                    video.coding = coding;
                    video.changes += 1;
                }
                video.b_pictures += b_pictures;
                video.in_band_parameter_sets += brought;
            }
            (None, Some(coding)) => {
                let b_pictures = self.early_b_pictures + b_pictures;
                self.video = Some(Video { coding, b_pictures, changes: 0, in_band_parameter_sets: brought });
            }
            (None, None) => self.early_b_pictures += b_pictures,
        }
    }
}

#[cfg(test)]
mod tests;
