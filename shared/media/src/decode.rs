//! Access unit → picture.
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
//! Two programs do the work: openh264, always there, and libavcodec in builds with the feature `libav`
//! ([`DecoderChoice`]), which may use a device. H.265 is libavcodec's alone; a build without it says so with each key picture
//! ([`DecodeError::NotInThisBuild`]). Pictures come out in the order they are to be shown, each under its own time.
//!
//! A camera may be switched from one codec to the other: the decoder follows at the next key picture.
//!
//! A decoder is used by one thread.

mod choice;

mod backend;

mod openh264;

#[cfg(feature = "libav")]
pub(crate) mod libav;

mod order;

use std::sync::Arc;

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use crate::bitstream::h264::Sps;
use crate::bitstream::nal::nals;
use crate::bitstream::{chroma_name, h265};
use crate::frame::{Colour, Frame, FramePool, Planes};
use backend::{Backend, Picture};
pub use choice::DecoderChoice;

/// Why there is no picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The codec, or what the stream does with it, is not decoded here. The camera has to be set otherwise.
    #[error("{what} can't be decoded here: set the camera to H.264, progressive, 8 bit 4:2:0")]
    Unsupported {
        /// What the stream has.
        what: String,
    },
    /// The codec needs a decoder that this build does not have.
    #[error(
        "{} not decodable by this build: switch the camera to H.264, use its H.264 sub-stream, or run a build with the \
         feature `libav`", codec.name()
    )]
    NotInThisBuild {
        /// The stream's codec.
        codec: Codec,
    },
    /// The decoder could not be made.
    #[error("make a decoder: {0}")]
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
        /// What the decoder says.
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
    codec: Codec,
    choice: DecoderChoice,
    backend: Backend,
    /// The parameter set in force, as sent.
    sps: Vec<u8>,
    colour: Colour,
    /// Luma samples of a picture under that parameter set.
    samples: u64,
    state: State,
    last_shown: Option<CaptureTime>,
    counts: DecodeCounts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// For a key picture. `used` tells that the backend holds something of before.
    Waiting {
        used: bool,
    },
    Decoding,
}

impl Decoder {
    /// A decoder that waits for its first key picture. H.265 is libavcodec's, whatever the choice; a device may be chosen.
    ///
    /// # Errors
    /// [`DecodeError::NotInThisBuild`] for H.265 in a build without libavcodec, [`DecodeError::Create`] when the chosen
    /// program is not in this build or refuses.
    pub fn new(codec: Codec, choice: DecoderChoice) -> Result<Self, DecodeError> {
        Ok(Self {
            codec,
            choice,
            backend: Backend::new(codec, choice)?,
            sps: vec![],
            colour: Colour::default(),
            samples: 0,
            state: State::Waiting { used: false },
            last_shown: None,
            counts: DecodeCounts::default(),
        })
    }

    /// The program that decodes, for logs, and what in hardware it uses.
    pub fn name(&self) -> &'static str {
        match self.backend {
            Backend::OpenH264(_) => "openh264",
            #[cfg(feature = "libav")]
            Backend::Libav(ref backend) => backend.name(),
        }
    }

    /// Decodes the next unit of the stream. `None` where there is nothing to show yet: the decoder waits for a key
    /// picture, or pictures are reordered.
    ///
    /// # Errors
    /// [`DecodeError::Broken`] names the unit; decoding begins again at the next key picture.
    /// [`DecodeError::Unsupported`] or [`DecodeError::NotInThisBuild`] comes with each key picture of a stream that can't
    /// be decoded here.
    pub fn decode(&mut self, unit: &AccessUnit) -> Result<Option<Decoded<'_>>, DecodeError> {
        if unit.key {
            self.turn_to(unit.codec)?;
            self.begin_group(unit)?;
        } else if unit.codec != self.codec || self.backend.needs_key(unit) {
            self.state = State::Waiting { used: true };
        }
        if self.state != State::Decoding {
            self.counts.skipped += 1;
            return Ok(None);
        }
        let Self { backend, state, counts, colour, last_shown, .. } = self;
        match backend.decode(unit) {
            Ok(None) => Ok(None),
            Ok(Some((time, picture))) => {
                let shown = counts.show(last_shown, time);
                Ok(shown.then_some(Decoded { time, colour: *colour, picture }))
            }
            Err(reason) => {
                counts.broken += 1;
                *state = State::Waiting { used: true };
                Err(DecodeError::Broken { time: unit.time, key: unit.key, bytes: unit.data.len(), reason })
            }
        }
    }

    /// The pictures that a reordered stream still holds back, when no more units come. Afterwards the decoder waits for
    /// a key picture.
    pub fn finish(&mut self, pool: &FramePool) -> Vec<Arc<Frame>> {
        let mut frames = vec![];
        if self.state == State::Decoding {
            let Self { backend, counts, colour, last_shown, .. } = self;
            backend.drain(*colour, |time, planes| {
                if counts.show(last_shown, time) {
                    frames.push(pool.copy(planes, time));
                }
            });
        }
        self.state = State::Waiting { used: true };
        frames
    }

    /// Forgets what was decoded, its times too, and waits for a key picture, which may be of before: whoever looks back
    /// has the same pictures come out again.
    pub fn begin_again(&mut self) {
        self.state = State::Waiting { used: true };
        self.last_shown = None;
    }

    /// Whether a key picture goes on under the parameter sets that are in force, so that nothing need begin anew for it.
    pub fn suits(&self, unit: &AccessUnit) -> bool {
        let sent = nals(&unit.data).find(|nal| nal.is_sequence_parameter_set(unit.codec));
        unit.codec == self.codec && sent.is_some_and(|nal| nal.bytes == self.sps)
    }

    /// Luma samples of its pictures, which its memory goes by; 0 before the first parameter set.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Whether another stream may have it: not where a device decodes, or gave up.
    pub fn may_be_shared(&self) -> bool {
        match &self.backend {
            Backend::OpenH264(_) => true,
            #[cfg(feature = "libav")]
            Backend::Libav(backend) => !backend.had_device(),
        }
    }

    /// Whether the stream has shown that it is reordered though nothing had said so.
    pub fn reorders(&self) -> bool {
        match &self.backend {
            Backend::OpenH264(backend) => backend.reorders(),
            #[cfg(feature = "libav")]
            Backend::Libav(_) => false,
        }
    }

    /// Goes on with a key picture of another stream, whose times have nothing to do with those of before, and which is known to
    /// be reordered or not ([`Decoder::reorders`]).
    pub fn begin_elsewhere(&mut self, reorders: bool) {
        self.last_shown = None;
        // What is held back would come out as the other's.
        if self.backend.holds_back() {
            self.state = State::Waiting { used: true };
        }
        self.backend.knows(reorders);
    }

    /// What was done so far.
    pub fn counts(&self) -> DecodeCounts {
        self.counts
    }

    /// Has the units of this codec decoded from now on.
    fn turn_to(&mut self, codec: Codec) -> Result<(), DecodeError> {
        if codec != self.codec {
            self.state = State::Waiting { used: true };
            self.backend = Backend::new(codec, self.choice)?;
            self.codec = codec;
            self.sps.clear();
            self.state = State::Waiting { used: false };
        }
        Ok(())
    }

    /// Gets ready for a key picture: a fresh start where the backend holds pictures of a broken group or of another
    /// size, so that nothing of them can come out under a wrong time.
    fn begin_group(&mut self, unit: &AccessUnit) -> Result<(), DecodeError> {
        let codec = self.codec;
        let sent = nals(&unit.data).find(|nal| nal.is_sequence_parameter_set(codec)).map_or(&[][..], |nal| nal.bytes);
        let changed = !sent.is_empty() && sent != self.sps;
        if (changed && !self.sps.is_empty()) || self.state == (State::Waiting { used: true }) {
            self.backend.restart()?;
        }
        if changed {
            self.sps = sent.to_vec();
            if let Some(what) = self.announced(sent) {
                self.sps.clear();
                self.state = State::Waiting { used: true };
                return Err(DecodeError::Unsupported { what });
            }
        }
        self.state = State::Decoding;
        Ok(())
    }

    /// Takes a new sequence parameter set. Gives what it asks for that is refused, in words that tell the operator which
    /// setting of the camera to look for.
    fn announced(&mut self, sps: &[u8]) -> Option<String> {
        let name = self.codec.name();
        let (interlaced, bit_depth, chroma_format, size) = match self.codec {
            Codec::H264 => {
                let sps = Sps::parse(sps)?;
                self.colour = sps.colour;
                self.backend.announced(&sps);
                (sps.interlaced, sps.bit_depth, sps.chroma_format, (sps.width, sps.height))
            }
            Codec::H265 => {
                let sps = h265::Sps::parse(sps)?;
                self.colour = Colour::guess(sps.height);
                (sps.interlaced, sps.bit_depth, sps.chroma_format, (sps.width, sps.height))
            }
        };
        self.samples = u64::from(size.0) * u64::from(size.1);
        // libavcodec's pictures have no chroma then.
        let takes_grey = matches!(self.backend, Backend::OpenH264(_));
        if interlaced {
            Some(format!("interlaced {name}"))
        } else if bit_depth != 8 || chroma_format > 1 || (chroma_format == 0 && !takes_grey) {
            Some(format!("{name} of {bit_depth} bit {}", chroma_name(chroma_format)))
        } else {
            None
        }
    }
}

impl DecodeCounts {
    /// Counts a picture, and says whether it is to be shown: times never go back.
    fn show(&mut self, last: &mut Option<CaptureTime>, time: CaptureTime) -> bool {
        let shown = last.is_none_or(|last| last < time);
        if shown {
            self.pictures += 1;
            *last = Some(time);
        } else {
            self.late += 1;
        }
        shown
    }
}

/// A picture in the decoder's memory, until the next unit is decoded.
pub struct Decoded<'a> {
    time: CaptureTime,
    colour: Colour,
    picture: Picture<'a>,
}

impl Decoded<'_> {
    /// When this picture was taken: not the time of the unit just given where the stream is reordered.
    pub fn time(&self) -> CaptureTime {
        self.time
    }

    /// The picture, not copied.
    pub fn planes(&self) -> Planes<'_> {
        match &self.picture {
            Picture::OpenH264(picture) => openh264::planes(picture, self.colour),
            #[cfg(feature = "libav")]
            Picture::Libav(backend) => backend.planes(self.colour),
        }
    }

    /// The picture, to be kept and shared: copied out of the decoder's memory unless the decoder can do without that.
    pub fn into_frame(self, pool: &FramePool) -> Arc<Frame> {
        #[cfg(feature = "libav")]
        if let Self { time, colour, picture: Picture::Libav(backend) } = self {
            return match backend.give() {
                Some(given) => Arc::new(Frame::given(given, colour, time)),
                None => pool.copy(backend.planes(colour), time),
            };
        }
        pool.copy(self.planes(), self.time)
    }
}

#[cfg(test)]
mod tests;
