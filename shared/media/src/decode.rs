//! Access unit → picture, by openh264.
//!
//! ```text
//!            ┌──────── unit ────────┐
//! Waiting ──key picture──▶ Decoding ┘
//!    ▲                        │ broken unit: an error that names it
//!    └────────────────────────┘
//! ```
//!
//! Units that come while the decoder waits for a key picture are passed over and counted: decoding on after a broken
//! one would show smeared pictures, and boxes found in them.
//!
//! **Order.** A stream without B slices gives each picture with its own unit, at once. With B slices openh264 must
//! hold pictures back and gives them one unit later. Which of the two a stream is, its parameter sets say; where they
//! do not ([`h264::Reordering::Unsaid`], most cameras of Main and High profile) it counts as in order until the first B
//! slice comes, and from the next key picture on as reordered: only those streams lose the rest of one group of
//! pictures, once. (openh264 can't be turned round inside a group: it has no memory for the pictures to hold back.)
//!
//! Without B slices pictures are those of the standard bit for bit; in B pictures openh264 is off by a few units in a
//! few samples of ten thousand.
//!
//! This module owns one openh264 decoder, which is used by one thread. Its own threads are never turned on: by its
//! documentation they crash.

mod order;

use std::sync::Arc;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use openh264::decoder::{DecodeOptions, DecodedYUV, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use crate::bitstream::h264::{self, Sps};
use crate::bitstream::nal::nals;
use crate::frame::{Colour, Frame, FramePool, Planes};
use order::Order;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The codec, or what the stream does with it, is not decoded here. The camera has to be set otherwise.
    #[error("{what} can't be decoded here: set the camera to H.264, progressive, 8 bit 4:2:0")]
    Unsupported {
        /// What the stream has.
        what: String,
    },
    /// openh264 could not be made.
    #[error("make an H.264 decoder: {0}")]
    Create(String),
    /// This unit can't be decoded; the decoder waits for the next key picture.
    #[error("decode the unit of {time} ({bytes} bytes{}): {reason}", if *key { ", key picture" } else { "" })]
    Broken {
        /// The unit's capture time.
        time: CaptureTime,
        /// Whether it was a key picture.
        key: bool,
        /// Its size.
        bytes: usize,
        /// What openh264 says.
        reason: String,
    },
}

/// What a decoder did since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecodeCounts {
    /// Pictures given.
    pub pictures: u64,
    /// Units that could not be decoded.
    pub broken: u64,
    /// Units passed over while waiting for a key picture.
    pub skipped: u64,
    /// Pictures not given because a later one had been: units whose times go back.
    pub late: u64,
}

/// Decodes one stream.
pub struct Decoder {
    openh264: openh264::decoder::Decoder,
    /// The parameter set in force, as sent.
    sps: Vec<u8>,
    colour: Colour,
    order: Order,
    state: State,
    counts: DecodeCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For a key picture. `used` tells that openh264 holds something of before.
    Waiting {
        used: bool,
    },
    Decoding,
}

impl Decoder {
    /// A decoder that waits for its first key picture.
    ///
    /// # Errors
    /// [`DecodeError::Unsupported`] for anything but H.264, [`DecodeError::Create`] when openh264 refuses.
    pub fn new(codec: Codec) -> Result<Self, DecodeError> {
        if codec != Codec::H264 {
            return Err(DecodeError::Unsupported { what: codec.name().to_owned() });
        }
        Ok(Self {
            openh264: make_openh264()?,
            sps: vec![],
            colour: Colour::default(),
            order: Order::default(),
            state: State::Waiting { used: false },
            counts: DecodeCounts::default(),
        })
    }

    /// Decodes the next unit of the stream. `None` where there is nothing to show yet: the decoder waits for a key
    /// picture, or pictures are reordered.
    ///
    /// # Errors
    /// [`DecodeError::Broken`] names the unit; decoding begins again at the next key picture.
    /// [`DecodeError::Unsupported`] comes with each key picture of a stream that can't be decoded here.
    pub fn decode(&mut self, unit: &AccessUnit) -> Result<Option<Decoded<'_>>, DecodeError> {
        if unit.codec != Codec::H264 {
            return Err(DecodeError::Unsupported { what: unit.codec.name().to_owned() });
        }
        if unit.key {
            self.begin_group(unit)?;
        } else if self.order.is_revealed_by(unit) {
            self.state = State::Waiting { used: true };
        }
        if self.state != State::Decoding {
            self.counts.skipped += 1;
            return Ok(None);
        }
        self.order.sent(unit);

        let Self { openh264, order, state, counts, .. } = self;
        let flush = if order.is_reordered() { Flush::NoFlush } else { Flush::Flush };
        let options = DecodeOptions::new().flush_after_decode(flush);
        match openh264.decode_with_options(&unit.data, options) {
            Ok(None) => Ok(None),
            Ok(Some(picture)) => match order.shown(unit.time) {
                Some(time) => {
                    counts.pictures += 1;
                    Ok(Some(Decoded { time, colour: self.colour, picture }))
                }
                None => {
                    counts.late += 1;
                    Ok(None)
                }
            },
            Err(error) => {
                counts.broken += 1;
                *state = State::Waiting { used: true };
                Err(DecodeError::Broken {
                    time: unit.time,
                    key: unit.key,
                    bytes: unit.data.len(),
                    reason: error.to_string(),
                })
            }
        }
    }

    /// The pictures that a reordered stream still holds back, when no more units come. Afterwards the decoder waits for
    /// a key picture.
    pub fn finish(&mut self, pool: &FramePool) -> Vec<Arc<Frame>> {
        let mut frames = vec![];
        if self.state == State::Decoding && self.order.is_reordered() {
            // An error here loses at most the pictures held back, and there is no unit to name.
            for picture in self.openh264.flush_remaining().unwrap_or_default() {
                match self.order.shown(CaptureTime(i64::MIN)) {
                    Some(time) => frames.push(Decoded { time, colour: self.colour, picture }.to_frame(pool)),
                    None => self.counts.late += 1,
                }
            }
        }
        self.counts.pictures += frames.len() as u64;
        self.state = State::Waiting { used: true };
        frames
    }

    /// What was done so far.
    pub fn counts(&self) -> DecodeCounts {
        self.counts
    }

    /// Gets ready for a key picture: a fresh openh264 where the old one holds pictures of a broken group or of another
    /// size, so that nothing of them can come out under a wrong time.
    fn begin_group(&mut self, unit: &AccessUnit) -> Result<(), DecodeError> {
        let sent = nals(&unit.data).find(|nal| nal.h264_type() == h264::SPS).map_or(&[][..], |nal| nal.bytes);
        let changed = !sent.is_empty() && sent != self.sps;
        if (changed && !self.sps.is_empty()) || self.state == (State::Waiting { used: true }) {
            self.openh264 = make_openh264()?;
            self.order.forget_pending();
        }
        if changed {
            self.sps = sent.to_vec();
            if let Some(sps) = Sps::parse(sent) {
                self.colour = sps.colour;
                self.order.announced(sps.reordering);
                if let Some(what) = unsupported(&sps) {
                    self.sps.clear();
                    self.state = State::Waiting { used: true };
                    return Err(DecodeError::Unsupported { what });
                }
            }
        }
        self.state = State::Decoding;
        Ok(())
    }
}

fn make_openh264() -> Result<openh264::decoder::Decoder, DecodeError> {
    let api = openh264::OpenH264API::from_source();
    openh264::decoder::Decoder::with_api_config(api, DecoderConfig::new())
        .map_err(|error| DecodeError::Create(error.to_string()))
}

/// What openh264 refuses, in words that tell the operator which setting of the camera to look for.
fn unsupported(sps: &Sps) -> Option<String> {
    if sps.interlaced {
        Some("interlaced H.264".to_owned())
    } else if sps.bit_depth != 8 || sps.chroma_format > 1 {
        let chroma = ["4:0:0", "4:2:0", "4:2:2", "4:4:4"].get(usize::from(sps.chroma_format)).unwrap_or(&"?");
        Some(format!("H.264 of {} bit {chroma}", sps.bit_depth))
    } else {
        None
    }
}

/// A picture in the decoder's memory, until the next unit is decoded.
pub struct Decoded<'a> {
    time: CaptureTime,
    colour: Colour,
    picture: DecodedYUV<'a>,
}

impl Decoded<'_> {
    /// When this picture was taken: not the time of the unit just given where the stream is reordered.
    pub fn time(&self) -> CaptureTime {
        self.time
    }

    /// The picture, not copied.
    pub fn planes(&self) -> Planes<'_> {
        let (width, height) = self.picture.dimensions();
        let (y_stride, uv_stride, _) = self.picture.strides();
        Planes {
            width: width as u32,
            height: height as u32,
            y: self.picture.y(),
            u: self.picture.u(),
            v: self.picture.v(),
            y_stride,
            uv_stride,
            colour: self.colour,
        }
    }

    /// A copy to be kept and shared.
    pub fn to_frame(&self, pool: &FramePool) -> Arc<Frame> {
        pool.copy(self.planes(), self.time)
    }
}

#[cfg(test)]
mod tests;
