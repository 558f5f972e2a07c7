//! libavcodec, where the build has it (feature `libav`): H.265, and H.264 in about half of openh264's time on CABAC
//! streams; in hardware where there is some ([`hardware`]).
//!
//! One thread, no frame threading: a picture comes out with its own unit, or, where the stream is reordered, as soon
//! as the order is known. Times travel through the decoder with their pictures. What libavcodec would conceal is an
//! error here, as with openh264: a smeared picture is worse than none. Of H.265 what is missing is known only where
//! libavcodec says so; in hardware, of both, a part of a picture that is missing shows in no way.

mod hardware;

use std::collections::VecDeque;

use ffmpeg_next as ffmpeg;

use ffmpeg::codec::{self, threading};
use ffmpeg::decoder::Check;
use ffmpeg::frame::Video;
use ffmpeg::util::format::Pixel;
use ffmpeg::util::{color, log};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use super::{DecodeError, DecoderChoice};
use crate::bitstream::h264::{FrameNumbers, Sps};
use crate::frame::{Colour, Matrix, Planes, Range};
use crate::planar::Planar;
use crate::raw;
pub(super) use hardware::Hardware;

/// `EAGAIN` of Linux: libavcodec wants more before it gives more.
const AGAIN: ffmpeg::Error = ffmpeg::Error::Other { errno: ffmpeg::error::EAGAIN };

/// So many key pictures in a row that a device can't decode, and it is not asked any more.
const STRIKES: u8 = 3;

pub(super) struct Libav {
    codec: Codec,
    decoder: codec::decoder::Video,
    /// What decodes, where that is not libavcodec itself.
    hardware: Option<Hardware>,
    /// Whether a device was asked at all.
    had_device: bool,
    /// Key pictures that it could not decode since the last picture it gave.
    strikes: u8,
    /// Pictures that came out with earlier ones: from libavcodec 61 on a unit of H.265 brings out all that are due, and no unit
    /// is taken before they are fetched. No more than the stream is reordered by.
    came: VecDeque<Video>,
    /// As the decoder gave it, in memory.
    picture: Video,
    /// Empty: what the next one is fetched into.
    spare: Video,
    /// The picture as three planes, where it came with two.
    planar: Planar,
    numbers: FrameNumbers,
}

impl Libav {
    pub(super) fn new(codec: Codec, choice: DecoderChoice) -> Result<Self, DecodeError> {
        // What it has to say of a unit comes back as an error; its own lines would stand in the program's log.
        log::set_level(log::Level::Quiet);
        let asked =
            choice.hardware().iter().find_map(|hardware| Some((Some(*hardware), open(codec, Some(*hardware)).ok()?)));
        let (hardware, decoder) = match asked {
            Some(found) => found,
            None => (None, open(codec, None).map_err(DecodeError::Create)?),
        };
        Ok(Self {
            codec,
            decoder,
            hardware,
            had_device: hardware.is_some(),
            strikes: 0,
            came: VecDeque::new(),
            picture: Video::empty(),
            spare: Video::empty(),
            planar: Planar::default(),
            numbers: FrameNumbers::default(),
        })
    }

    /// Who decodes.
    pub(super) fn name(&self) -> &'static str {
        self.hardware.map_or("libavcodec", Hardware::name)
    }

    /// What a new parameter set of H.264 says.
    pub(super) fn announced(&mut self, sps: &Sps) {
        self.numbers.announced(sps);
    }

    /// Whether a device decodes, or did until it was given up.
    pub(super) fn had_device(&self) -> bool {
        self.had_device
    }

    /// Forgets all pictures. A device that could not decode so often is given up.
    ///
    /// # Errors
    /// libavcodec does not decode this in software.
    pub(super) fn restart(&mut self) -> Result<(), DecodeError> {
        self.came.clear();
        if self.strikes >= STRIKES {
            (self.hardware, self.strikes) = (None, 0);
        } else if self.hardware != Some(Hardware::V4l2M2m) {
            self.decoder.flush();
            return Ok(());
        }
        // libavcodec can't flush a decoder of V4L2: what it holds would come out later, or nothing any more.
        self.decoder = open(self.codec, self.hardware).map_err(DecodeError::Create)?;
        Ok(())
    }

    /// The time of the next picture, where this unit brings one out. [`Libav::planes`] has it until the next.
    pub(super) fn decode(&mut self, unit: &AccessUnit) -> Result<Option<CaptureTime>, String> {
        // libavcodec invents a picture of H.264 that is missing and says nothing. Of H.265 no numbers are announced.
        if self.numbers.is_gap_before(&unit.data) {
            return Err("a picture before it is missing".to_owned());
        }
        // A copy of coded bytes, with the zeros behind them that libavcodec reads.
        let mut packet = codec::packet::Packet::copy(&unit.data);
        packet.set_pts(Some(unit.time.0));
        // Given back before the next needs one: of a device there are few.
        self.picture = Video::empty();
        let sent = self.decoder.send_packet(&packet).map_err(|e| e.to_string());
        let received = sent.and_then(|()| self.collect()).and_then(|()| self.next());
        match received {
            Ok(Some(_)) => self.strikes = 0,
            Err(_) if unit.key && self.hardware.is_some() => self.strikes += 1,
            _ => {}
        }
        received
    }

    /// Hands over what a reordered stream still holds back, in order. To be restarted afterwards.
    pub(super) fn drain(&mut self, colour: Colour, mut each: impl FnMut(CaptureTime, Planes<'_>)) {
        if self.decoder.send_eof().is_ok() {
            while let (_, Ok(Some(time))) = (self.collect(), self.next()) {
                each(time, self.planes(colour));
            }
        }
    }

    /// Fetches the pictures that are out: all, but of V4L2's few that it fills in turn only one.
    fn collect(&mut self) -> Result<(), String> {
        while self.hardware != Some(Hardware::V4l2M2m) || self.came.is_empty() {
            match self.decoder.receive_frame(&mut self.spare) {
                Err(error) if error == AGAIN || error == ffmpeg::Error::Eof => return Ok(()),
                Err(error) => return Err(error.to_string()),
                // V4L2's gives such while it only learns what its pictures will be.
                Ok(()) if self.spare.format() == Pixel::None => return Ok(()),
                Ok(()) => self.came.push_back(std::mem::replace(&mut self.spare, Video::empty())),
            }
        }
        Ok(())
    }

    /// Has the next picture ready, and gives its time.
    fn next(&mut self) -> Result<Option<CaptureTime>, String> {
        let Some(picture) = self.came.pop_front() else { return Ok(None) };
        self.picture = picture;
        if self.picture.is_corrupt() || self.picture.has_decode_errors() {
            return Err("a picture with faults".to_owned());
        }
        // Each packet had a time, so that each picture has one.
        let time = self.picture.pts().map(CaptureTime);
        hardware::fetch(&mut self.picture, &mut self.spare)?;
        match self.picture.format() {
            Pixel::YUV420P | Pixel::YUVJ420P => {}
            Pixel::NV12 => self.deinterleave(),
            other => return Err(format!("pictures of the format {other:?}")),
        }
        Ok(time)
    }

    fn deinterleave(&mut self) {
        let plane = |index| (self.picture.data(index), self.picture.stride(index));
        let size = (self.picture.width() as usize, self.picture.height() as usize);
        raw::deinterleave(plane(0), plane(1), size, &mut self.planar);
    }

    /// The picture that came last.
    pub(super) fn planes(&self, colour: Colour) -> Planes<'_> {
        match self.picture.format() {
            Pixel::NV12 => Planes { colour: told(&self.picture, colour), ..self.planar.planes() },
            _ => planes(&self.picture, colour),
        }
    }

    /// The picture that came last, given away as it is: libavcodec fills another for the next. `None` where its planes are
    /// in this decoder's own memory, and where its buffer may be one of the few that a device of V4L2 fills in turn.
    pub(super) fn give(&mut self) -> Option<Given> {
        let own = self.picture.format() != Pixel::NV12 && self.hardware != Some(Hardware::V4l2M2m);
        own.then(|| Given(std::mem::replace(&mut self.picture, Video::empty())))
    }
}

/// A picture in memory that libavcodec counts the holders of, and does not fill again before this is dropped.
pub(crate) struct Given(Video);

impl Given {
    /// The picture.
    pub(crate) fn planes(&self, colour: Colour) -> Planes<'_> {
        planes(&self.0, colour)
    }
}

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Given({}x{})", self.0.width(), self.0.height())
    }
}

/// What a picture says of its colours, where it says anything. Only the decoder has read the usability information of
/// H.265.
fn told(picture: &Video, colour: Colour) -> Colour {
    let full = picture.format() == Pixel::YUVJ420P || picture.color_range() == color::Range::JPEG;
    Colour {
        range: if full { Range::Full } else { colour.range },
        matrix: match picture.color_space() {
            color::Space::BT709 => Matrix::Bt709,
            color::Space::BT470BG | color::Space::SMPTE170M => Matrix::Bt601,
            _ => colour.matrix,
        },
    }
}

fn planes(picture: &Video, colour: Colour) -> Planes<'_> {
    Planes {
        width: picture.width(),
        height: picture.height(),
        y: picture.data(0),
        u: picture.data(1),
        v: picture.data(2),
        y_stride: picture.stride(0),
        uv_stride: picture.stride(1),
        colour: told(picture, colour),
    }
}

/// Whether there is such a device; why not.
pub(super) fn probe(hardware: Hardware) -> Result<(), String> {
    open(Codec::H264, Some(hardware)).map(drop)
}

/// A decoder that is ready for its first unit.
fn open(codec: Codec, hardware: Option<Hardware>) -> Result<codec::decoder::Video, String> {
    let failed = |error: ffmpeg::Error| format!("libavcodec: {error}");
    let mut context = match hardware {
        Some(hardware) => hardware.context(codec)?,
        None => {
            let id = match codec {
                Codec::H264 => codec::Id::H264,
                Codec::H265 => codec::Id::HEVC,
            };
            let found = codec::decoder::find(id).ok_or_else(|| failed(ffmpeg::Error::DecoderNotFound))?;
            codec::Context::new_with_codec(found)
        }
    };
    context.set_threading(threading::Config { kind: threading::Type::None, count: 1, ..Default::default() });
    let mut decoder = context.decoder();
    // Some decoders reckon with times, which are microseconds.
    decoder.set_packet_time_base((1, 1_000_000));
    decoder.check(Check::EXPLODE | Check::BITSTREAM | Check::BUFFER);
    decoder.video().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decoder;
    use crate::footage;
    use crate::frame::FramePool;

    #[test]
    fn a_device_that_decodes_nothing_is_given_up_and_one_that_loses_a_picture_is_not() {
        let stream = std::fs::read(footage::path("vtest.h264")).unwrap();
        let key = footage::units(&stream, 10).swap_remove(0);
        let broken = AccessUnit { data: vec![0, 0, 0, 1, 0x65, 0xff, 0xff, 0xff].into(), ..key.clone() };
        let mut decoder = Libav::new(Codec::H264, DecoderChoice::Libav).unwrap();
        decoder.hardware = Some(Hardware::Nvdec);
        for good in [true, false] {
            for _ in 1..STRIKES {
                assert!(decoder.decode(&broken).is_err());
                decoder.restart().unwrap();
                assert_eq!(decoder.name(), "libavcodec with NVDEC");
            }
            if good {
                assert!(decoder.decode(&key).unwrap().is_some());
            }
        }
        assert!(decoder.decode(&broken).is_err());
        decoder.restart().unwrap();
        assert_eq!(decoder.name(), "libavcodec");
        assert!(decoder.decode(&key).unwrap().is_some());
    }

    #[test]
    fn a_picture_that_is_held_is_not_filled_again() {
        let stream = std::fs::read(footage::path("vtest.h264")).unwrap();
        let mut decoder = Decoder::new(Codec::H264, DecoderChoice::Libav).unwrap();
        let pool = FramePool::new(1);
        let mut held = vec![];
        for unit in footage::units(&stream, 10).iter().take(12) {
            let picture = decoder.decode(unit).unwrap().unwrap();
            let copy = pool.copy(picture.planes(), unit.time).planes().y.to_vec();
            held.push((copy, picture.into_frame(&pool)));
        }
        for (copy, frame) in &held {
            let Planes { y, y_stride, width, .. } = frame.planes();
            assert!(y.chunks(y_stride).map(|row| &row[..width as usize]).eq(copy.chunks(width as usize)));
        }
        assert!(held.windows(2).all(|two| two[0].0 != two[1].0), "footage that stands still shows nothing");
    }

    #[test]
    fn pictures_that_came_together_are_given_one_for_each_unit_and_forgotten_at_a_restart() {
        let stream = std::fs::read(footage::path("vtest.h264")).unwrap();
        let units = footage::units(&stream, 10);
        let mut decoder = Libav::new(Codec::H264, DecoderChoice::Libav).unwrap();
        for pts in 1..4 {
            let mut picture = Video::new(Pixel::YUV420P, 64, 32);
            picture.set_pts(Some(pts));
            decoder.came.push_back(picture);
        }
        assert_eq!(decoder.decode(&units[0]), Ok(Some(CaptureTime(1))));
        assert_eq!(decoder.decode(&units[1]), Ok(Some(CaptureTime(2))));
        assert_eq!(decoder.next(), Ok(Some(CaptureTime(3))));
        assert_eq!(decoder.next(), Ok(Some(units[0].time)));
        decoder.restart().unwrap();
        assert_eq!(decoder.next(), Ok(None));
    }

    #[test]
    fn a_devices_picture_has_three_planes_and_keeps_its_colours() {
        let mut decoder = Libav::new(Codec::H264, DecoderChoice::Libav).unwrap();
        let mut picture = Video::new(Pixel::NV12, 70, 18);
        picture.set_color_range(color::Range::JPEG);
        picture.set_color_space(color::Space::BT709);
        picture.data_mut(0).fill(90);
        picture.data_mut(1).chunks_exact_mut(2).for_each(|pair| pair.copy_from_slice(&[100, 200]));
        decoder.picture = picture;
        decoder.deinterleave();
        let planes = decoder.planes(Colour::default());
        assert!(planes.is_sound() && (planes.width, planes.height) == (70, 18));
        assert_eq!(planes.colour, Colour { range: Range::Full, matrix: Matrix::Bt709 });
        for (plane, value) in [(planes.y, 90), (planes.u, 100), (planes.v, 200)] {
            assert!(plane.iter().all(|sample| *sample == value), "{value}");
        }
    }
}
