//! For tests: streams made up from a seed.

use super::measure::{Measure, Picture};
use super::report::{
    Asked, Attempt, Coding, Description, FORMAT, Failure, FailureKind, Offer, Reordering, Report, Way,
};
use crate::Moment;
use omma_protocol::unit::Codec;

/// Numbers that look random and are the same each time (xorshift64*, after Vigna).
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        dice.up_to(1.0);
        dice
    }

    pub(super) fn up_to(&mut self, most: f64) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1u64 << 53) as f64 * most
    }

    pub(super) fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.up_to(1.0)).ln()
    }
}

/// A camera that does nothing wrong, until a test changes it.
#[derive(Debug, Clone)]
pub(super) struct Camera {
    pub(super) hz: f64,
    pub(super) seconds: f64,
    pub(super) key_every: usize,
    pub(super) first_rtp: u32,
    pub(super) jitter_us: f64,
    pub(super) key_bytes: usize,
    pub(super) other_bytes: usize,
    /// How many B pictures between two others.
    pub(super) b_pictures: usize,
    pub(super) coding: Coding,
}

impl Default for Camera {
    fn default() -> Self {
        Self {
            hz: 25.0,
            seconds: 10.0,
            key_every: 50,
            first_rtp: 4_294_900_000,
            jitter_us: 2_000.0,
            key_bytes: 60_000,
            other_bytes: 8_000,
            b_pictures: 0,
            coding: coding(),
        }
    }
}

impl Camera {
    /// What it sends, in the order of sending.
    pub(super) fn pictures(&self, seed: u64) -> Vec<Picture> {
        let mut dice = Dice::new(seed);
        let run = self.b_pictures + 1;
        (0..(self.hz * self.seconds) as usize)
            .map(|n| {
                // Of a run, the last shown is sent first and the others after it.
                let (begin, place) = (n / run * run, n % run);
                let shown = if place == 0 { begin + self.b_pictures } else { begin + place - 1 };
                let key = n % self.key_every == 0;
                Picture {
                    arrival: Moment::from_secs_f64((n as f64 / self.hz * 1e6 + dice.up_to(self.jitter_us)) / 1e6),
                    rtp: self.first_rtp.wrapping_add((shown as f64 * 90_000.0 / self.hz) as u32),
                    bytes: if key { self.key_bytes } else { self.other_bytes },
                    key,
                    b_slices: place > 0,
                    lost_packets: 0,
                    unusable_packets: 0,
                    new_parameter_sets: false,
                    coding: key.then(|| self.coding.clone()),
                }
            })
            .collect()
    }

    /// What is found of it.
    pub(super) fn report(&self) -> Report {
        report(&self.pictures(1))
    }
}

pub(super) fn measured(pictures: &[Picture]) -> Measure {
    let mut measure = Measure::default();
    for picture in pictures {
        measure.picture(picture.clone());
    }
    measure
}

/// These pictures, over TCP, from a camera that described them well.
pub(super) fn report(pictures: &[Picture]) -> Report {
    let mut measure = measured(pictures);
    measure.sender_report(at(1_800_000_000), at(1_800_000_000));
    let taken =
        Offer { media: "video".into(), encoding: "h264".into(), clock_hz: 90_000, rate_hz: Some(25.0), taken: true };
    Report {
        format: FORMAT,
        camera: "rtsp://192.0.2.20".into(),
        credentials_given: true,
        credentials_literal: false,
        interpreted: vec![],
        transport_asked: Asked::Auto,
        attempts: vec![attempt(Way::Tcp, None)],
        description: Some(Description {
            server: None,
            redirected: false,
            sends_to_closed_sessions: false,
            streams: vec![taken],
            has_parameter_sets: true,
            parameter_sets_readable: true,
        }),
        video: measure.video().cloned(),
        measured: measure.measured(),
        failure: None,
    }
}

/// A camera from which no picture came.
pub(super) fn failed(kind: FailureKind, reason: &str) -> Report {
    let failure = Failure { kind, reason: reason.into() };
    let attempts = vec![attempt(Way::Tcp, Some(failure.clone()))];
    Report { attempts, video: None, measured: None, failure: Some(failure), ..report(&[]) }
}

pub(super) fn attempt(transport: Way, failure: Option<Failure>) -> Attempt {
    let first_picture_after_ms = failure.is_none().then_some(180);
    Attempt { transport, described_after_ms: Some(40), first_picture_after_ms, failure }
}

pub(super) fn coding() -> Coding {
    Coding {
        codec: Codec::H264,
        profile: "Main".into(),
        level: "4.0".into(),
        width: 1920,
        height: 1080,
        interlaced: false,
        bit_depth: 8,
        chroma: "4:2:0".into(),
        reordering: Reordering::Unsaid,
        rate_hz: None,
    }
}

fn at(seconds: i64) -> omma_protocol::time::CaptureTime {
    omma_protocol::time::CaptureTime(seconds * 1_000_000)
}
