//! libavcodec, where the build has it (feature `libav`): H.265, and H.264 in about half of openh264's time on CABAC
//! streams. Its software decoders only: a hardware decoder's pictures would have to be copied back for each look.
//!
//! One thread, no frame threading: a picture comes out with its own unit, or, where the stream is reordered, as soon
//! as the order is known. Times travel through the decoder with their pictures. What libavcodec would conceal is an
//! error here, as with openh264: a smeared picture is worse than none. Of H.265 what is missing is known only where
//! libavcodec says so.

use ffmpeg_next as ffmpeg;

use ffmpeg::codec::{self, threading};
use ffmpeg::decoder::Check;
use ffmpeg::frame::Video;
use ffmpeg::util::format::Pixel;
use ffmpeg::util::log;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use super::DecodeError;
use crate::bitstream::h264::{FrameNumbers, Sps};
use crate::frame::{Colour, Planes, Range};

/// `EAGAIN` of Linux: libavcodec wants more before it gives more.
const AGAIN: ffmpeg::Error = ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN };

pub(super) struct Libav {
    decoder: codec::decoder::Video,
    picture: Video,
    numbers: FrameNumbers,
}

impl Libav {
    pub(super) fn new(codec: Codec) -> Result<Self, DecodeError> {
        let failed = |error: ffmpeg::Error| DecodeError::Create(format!("libavcodec: {error}"));
        // What it has to say of a unit comes back as an error; its own lines would stand in the program's log.
        log::set_level(log::Level::Quiet);
        let id = match codec {
            Codec::H264 => codec::Id::H264,
            Codec::H265 => codec::Id::HEVC,
        };
        let found = codec::decoder::find(id).ok_or_else(|| failed(ffmpeg::Error::DecoderNotFound))?;
        let mut context = codec::Context::new_with_codec(found);
        context.set_threading(threading::Config { kind: threading::Type::None, count: 1, ..Default::default() });
        let mut decoder = context.decoder();
        decoder.check(Check::EXPLODE | Check::BITSTREAM | Check::BUFFER);
        Ok(Self {
            decoder: decoder.video().map_err(failed)?,
            picture: Video::empty(),
            numbers: FrameNumbers::default(),
        })
    }

    /// What a new parameter set of H.264 says.
    pub(super) fn announced(&mut self, sps: &Sps) {
        self.numbers.announced(sps);
    }

    /// Forgets all pictures.
    pub(super) fn restart(&mut self) {
        self.decoder.flush();
    }

    /// The picture that this unit brings out, and its time.
    pub(super) fn decode(&mut self, unit: &AccessUnit) -> Result<Option<(CaptureTime, &Video)>, String> {
        // libavcodec invents a picture of H.264 that is missing and says nothing. Of H.265 no numbers are announced.
        if self.numbers.is_gap_before(&unit.data) {
            return Err("a picture before it is missing".to_owned());
        }
        // A copy of coded bytes, with the zeros behind them that libavcodec reads.
        let mut packet = codec::packet::Packet::copy(&unit.data);
        packet.set_pts(Some(unit.time.0));
        self.decoder.send_packet(&packet).map_err(|error| error.to_string())?;
        self.receive()
    }

    /// Hands over what a reordered stream still holds back, in order.
    pub(super) fn drain(&mut self, mut each: impl FnMut(CaptureTime, &Video)) {
        if self.decoder.send_eof().is_ok() {
            while let Ok(Some((time, picture))) = self.receive() {
                each(time, picture);
            }
        }
        self.decoder.flush();
    }

    fn receive(&mut self) -> Result<Option<(CaptureTime, &Video)>, String> {
        match self.decoder.receive_frame(&mut self.picture) {
            Err(error) if error == AGAIN || error == ffmpeg::Error::Eof => return Ok(None),
            Err(error) => return Err(error.to_string()),
            Ok(()) => {}
        }
        let picture = &self.picture;
        if picture.is_corrupt() || picture.has_decode_errors() {
            return Err("a picture with faults".to_owned());
        }
        if !matches!(picture.format(), Pixel::YUV420P | Pixel::YUVJ420P) {
            return Err(format!("pictures of the format {:?}", picture.format()));
        }
        // Each packet had a time, so that each picture has one.
        Ok(picture.pts().map(|time| (CaptureTime(time), picture)))
    }
}

pub(super) fn planes(picture: &Video, colour: Colour) -> Planes<'_> {
    // Where only the decoder has read the usability information, as in H.265, its format tells the range.
    let full = picture.format() == Pixel::YUVJ420P;
    let colour = if full { Colour { range: Range::Full, ..colour } } else { colour };
    Planes {
        width: picture.width(),
        height: picture.height(),
        y: picture.data(0),
        u: picture.data(1),
        v: picture.data(2),
        y_stride: picture.stride(0),
        uv_stride: picture.stride(1),
        colour,
    }
}
