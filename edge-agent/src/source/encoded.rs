//! Pictures → access units, for cameras that send pictures and not a coded stream.
//!
//! ```text
//!  reader task ─▶ shots (1) ─▶ newest (1, the newest wins, count) ─▶ Transcoder: decode, encode ─▶ next()
//! ```
//!
//! A shot that comes while one is being encoded takes the place of the one that waits. Decoding and encoding happen off
//! the async threads, in memory that is used again for each picture. Key pictures come at most [`KEY_EVERY`] apart. Units
//! are stamped with when their picture was taken, where the device says so, and else with its arrival.

use std::future::pending;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_media::encode::Encoder;
use omma_media::jpeg::decode::Decoder;
use omma_media::planar::{COLOUR, Planar};
use omma_media::raw;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_runtime::step::Step;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::error::SourceError;
use super::rtsp::Coded;
use crate::step;

/// Longest time from one key picture to the next, where pictures come that often.
const KEY_EVERY: Duration = Duration::from_secs(2);
/// So many pictures in a row that can't be shown are no accident.
const BROKEN_IN_A_ROW: u32 = 3;

/// A picture as the camera gave it.
#[derive(Debug)]
pub struct Shot {
    /// What came.
    pub picture: Picture,
    /// When it was taken, where the device says that; else when it began to come.
    pub taken: Instant,
}

/// What comes of a camera.
#[derive(Debug)]
pub enum Picture {
    /// A JPEG file.
    Jpeg(Bytes),
    /// Samples.
    Raw {
        /// What the bytes are.
        format: raw::Format,
        /// The bytes.
        data: Bytes,
    },
    /// The camera says that nothing has changed. It is coded all the same, which costs next to nothing: whoever watches
    /// must know that the camera is there.
    Unchanged,
}

/// What the camera's reader hands over: a shot, or why there are no more.
pub type Read = Result<Shot, SourceError>;

/// Encodes one camera's shots. Owned by the task that takes the units.
#[derive(Debug)]
pub struct Encoded {
    shots: mpsc::Receiver<Read>,
    newest: Option<Shot>,
    /// Away while it works.
    transcoder: Option<Box<Transcoder>>,
    work: Option<JoinHandle<Done>>,
    broken: u32,
    step: Step,
}

impl Encoded {
    /// With what a reader will send. The channel need not hold more than one.
    pub fn new(shots: mpsc::Receiver<Read>) -> Self {
        let (transcoder, step) = (Some(Box::new(Transcoder::new(Instant::now()))), Step::new(step::SOURCE));
        Self { shots, newest: None, transcoder, work: None, broken: 0, step }
    }

    /// The next access unit. May be dropped at any time without loss.
    ///
    /// # Errors
    /// When the reader has ended, or the camera's pictures can't be shown.
    pub async fn next(&mut self) -> Result<Coded, SourceError> {
        loop {
            self.begin_work();
            tokio::select! {
                read = self.shots.recv() => self.take(read.unwrap_or(Err(SourceError::Closed))?),
                done = finished(&mut self.work) => {
                    self.work = None;
                    let (transcoder, done) = done.map_err(|e| SourceError::Failed(format!("encode a picture: {e}")))?;
                    self.transcoder = Some(transcoder);
                    if let Some(coded) = self.sift(done)? {
                        return Ok(coded);
                    }
                }
            }
        }
    }

    fn take(&mut self, shot: Shot) {
        // That nothing has changed since a picture must not take the picture's place.
        if matches!(shot.picture, Picture::Unchanged) && self.newest.is_some() {
            return;
        }
        if self.newest.replace(shot).is_some() {
            self.step.dropped("encoder behind");
        }
    }

    fn begin_work(&mut self) {
        if self.work.is_some() || self.newest.is_none() {
            return;
        }
        if let (Some(mut transcoder), Some(shot)) = (self.transcoder.take(), self.newest.take()) {
            self.work = Some(tokio::task::spawn_blocking(move || {
                let coded = transcoder.code(&shot);
                (transcoder, coded)
            }));
        }
    }

    fn sift(&mut self, done: Result<Coded, String>) -> Result<Option<Coded>, SourceError> {
        match done {
            Ok(coded) => {
                self.broken = 0;
                Ok(Some(coded))
            }
            Err(reason) => {
                self.step.dropped("picture broken");
                tracing::debug!(reason, "a picture can't be shown");
                self.broken += 1;
                match self.broken {
                    ..BROKEN_IN_A_ROW => Ok(None),
                    n => Err(SourceError::Unusable(format!("none of the last {n} pictures can be shown: {reason}"))),
                }
            }
        }
    }
}

async fn finished<T>(work: &mut Option<JoinHandle<T>>) -> Result<T, tokio::task::JoinError> {
    match work {
        Some(work) => work.await,
        None => pending().await,
    }
}

/// The transcoder comes back with what it made.
type Done = (Box<Transcoder>, Result<Coded, String>);

/// Decoder and encoder, with the memory of one picture.
struct Transcoder {
    opened: Instant,
    decoder: Decoder,
    /// The last one, or none.
    picture: Planar,
    /// Why there is no picture.
    fault: Option<String>,
    /// Made for the first picture.
    encoder: Option<Encoder>,
    keys: Keys,
}

impl std::fmt::Debug for Transcoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Transcoder").field("keys", &self.keys).finish_non_exhaustive()
    }
}

impl Transcoder {
    fn new(opened: Instant) -> Self {
        let fault = Some("there is none yet".to_owned());
        let (decoder, picture) = (Decoder::default(), Planar::default());
        Self { opened, decoder, picture, fault, encoder: None, keys: Keys::default() }
    }

    fn code(&mut self, shot: &Shot) -> Result<Coded, String> {
        match &shot.picture {
            Picture::Jpeg(jpeg) => {
                self.fault = self.decoder.decode(jpeg, &mut self.picture).err().map(|e| e.to_string());
            }
            Picture::Raw { format, data } => {
                self.fault = raw::convert(*format, data, &mut self.picture).err().map(|e| e.to_string());
            }
            Picture::Unchanged => {}
        }
        // What is as a broken picture was is as broken.
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            None => self.encoder.insert(Encoder::of_constant_quality(COLOUR).map_err(|e| e.to_string())?),
        };
        let at = shot.taken.saturating_duration_since(self.opened);
        if self.keys.is_due(at) {
            encoder.force_key();
        }
        let unit = encoder.encode(self.picture.planes(), CaptureTime(0) + at).map_err(|e| e.to_string())?;
        self.keys.coded(&unit, at);
        Ok(Coded {
            rtp: ticks(at),
            first_packet: shot.taken,
            lost_packets: 0,
            unusable_packets: 0,
            new_parameter_sets: false,
            key: unit.key,
            codec: Codec::H264,
            data: unit.data,
        })
    }
}

/// 90 kHz, as if the camera had sent RTP.
pub(super) fn ticks(at: Duration) -> u32 {
    (at.as_micros() * 9 / 100) as u32
}

/// When a picture is to be a key picture.
#[derive(Debug, Default)]
struct Keys {
    key: Option<Duration>,
    last: Option<Duration>,
}

impl Keys {
    /// Whether the picture at `at` must be one, so that none has to come before the next picture does.
    fn is_due(&self, at: Duration) -> bool {
        let (Some(key), Some(last)) = (self.key, self.last) else { return false };
        (at + at.saturating_sub(last)).saturating_sub(key) > KEY_EVERY
    }

    fn coded(&mut self, unit: &AccessUnit, at: Duration) {
        self.last = Some(at);
        if unit.key {
            self.key = Some(at);
        }
    }
}

#[cfg(test)]
mod tests;
