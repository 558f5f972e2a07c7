//! openh264, which is in every build.
//!
//! A stream without B slices gives each picture with its own unit, at once. With B slices openh264 must hold pictures
//! back and gives them one unit later. Which of the two a stream is, its parameter sets say; where they do not
//! ([`Reordering::Unsaid`], most cameras of Main and High profile) it counts as in order until the first B slice comes,
//! and from the next key picture on as reordered: only those streams lose the rest of one group of pictures, once.
//! (openh264 can't be turned round inside a group: it has no memory for the pictures to hold back.)
//!
//! Without B slices pictures are those of the standard bit for bit; in B pictures openh264 is off by a few units in a
//! few samples of ten thousand. Its own threads are never turned on: by its documentation they crash.

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::AccessUnit;
use openh264::OpenH264API;
use openh264::decoder::{DecodeOptions, DecodedYUV, DecoderConfig, Flush};
use openh264::formats::YUVSource;

use super::DecodeError;
use super::order::Order;
use crate::bitstream::h264::Reordering;
use crate::frame::{Colour, Planes};

pub(super) struct OpenH264 {
    decoder: openh264::decoder::Decoder,
    order: Order,
}

impl OpenH264 {
    pub(super) fn new() -> Result<Self, DecodeError> {
        Ok(Self { decoder: make()?, order: Order::default() })
    }

    /// Forgets all pictures, so that nothing of before can come out under a wrong time.
    pub(super) fn restart(&mut self) -> Result<(), DecodeError> {
        self.decoder = make()?;
        self.order.forget_pending();
        Ok(())
    }

    /// What a new parameter set says of the order of pictures.
    pub(super) fn announced(&mut self, reordering: Reordering) {
        self.order.announced(reordering);
    }

    /// Whether the stream has shown that it is reordered.
    pub(super) fn reorders(&self) -> bool {
        self.order.has_revealed()
    }

    /// What is known of the stream that begins.
    pub(super) fn knows(&mut self, reorders: bool) {
        self.order.know(reorders);
    }

    /// Whether it holds pictures back.
    pub(super) fn holds_back(&self) -> bool {
        self.order.is_reordered()
    }

    /// Whether this unit can't be decoded before the next key picture, because it shows for the first time that the
    /// stream is reordered.
    pub(super) fn needs_key(&mut self, unit: &AccessUnit) -> bool {
        self.order.is_revealed_by(unit)
    }

    /// The picture that this unit brings out, and its time.
    pub(super) fn decode(&mut self, unit: &AccessUnit) -> Result<Option<(CaptureTime, DecodedYUV<'_>)>, String> {
        self.order.sent(unit);
        let flush = if self.order.is_reordered() { Flush::NoFlush } else { Flush::Flush };
        let options = DecodeOptions::new().flush_after_decode(flush);
        let picture = self.decoder.decode_with_options(&unit.data, options).map_err(|error| error.to_string())?;
        let order = &mut self.order;
        Ok(picture.and_then(|picture| Some((order.shown(unit.time)?, picture))))
    }

    /// Hands over what a reordered stream still holds back, in order.
    pub(super) fn drain(&mut self, mut each: impl FnMut(CaptureTime, &DecodedYUV<'_>)) {
        if !self.order.is_reordered() {
            return;
        }
        // An error here loses at most the pictures held back, and there is no unit to name.
        for picture in self.decoder.flush_remaining().unwrap_or_default() {
            if let Some(time) = self.order.shown(CaptureTime(i64::MIN)) {
                each(time, &picture);
            }
        }
    }
}

fn make() -> Result<openh264::decoder::Decoder, DecodeError> {
    openh264::decoder::Decoder::with_api_config(OpenH264API::from_source(), DecoderConfig::new())
        .map_err(|error| DecodeError::Create(error.to_string()))
}

pub(super) fn planes<'a>(picture: &'a DecodedYUV<'_>, colour: Colour) -> Planes<'a> {
    let (width, height) = picture.dimensions();
    let (y_stride, uv_stride, _) = picture.strides();
    Planes {
        width: width as u32,
        height: height as u32,
        y: picture.y(),
        u: picture.u(),
        v: picture.v(),
        y_stride,
        uv_stride,
        colour,
    }
}
