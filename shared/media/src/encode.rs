//! Picture → access unit, by openh264: Constrained Baseline, no B slices, parameter sets in front of each key picture.

use bytes::Bytes;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use openh264::encoder::{BitRate, EncoderConfig as Settings, FrameRate, IntraFramePeriod, RateControlMode, VuiConfig};
use openh264::formats::YUVSource;
use openh264::{OpenH264API, Timestamp};

use crate::bitstream::is_key;
use crate::frame::{Colour, Matrix, Planes, Range};

/// What the encoded stream is to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EncoderConfig {
    /// Bits a second to aim at.
    pub bitrate: u32,
    /// Pictures a second, to share the bits among.
    pub fps: f32,
    /// Pictures from one key picture to the next.
    pub key_interval: u32,
}

/// Why a picture was not encoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The picture's planes are too short, or a side is odd, or it is too large.
    #[error("a picture of {width}x{height} can't be encoded: sides must be even, up to 3840x2160, and planes complete")]
    Picture {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// openh264 refused.
    #[error("{doing}: {reason}")]
    OpenH264 {
        /// At what.
        doing: &'static str,
        /// What it says.
        reason: String,
    },
}

/// Encodes one stream. The size is that of the pictures and may change; a change begins with a key picture.
pub struct Encoder {
    openh264: openh264::encoder::Encoder,
}

impl Encoder {
    /// An encoder whose first picture will be a key picture.
    ///
    /// # Errors
    /// [`EncodeError::OpenH264`] when openh264 can't be made.
    pub fn new(config: EncoderConfig) -> Result<Self, EncodeError> {
        let settings = Settings::new()
            .bitrate(BitRate::from_bps(config.bitrate))
            .max_frame_rate(FrameRate::from_hz(config.fps))
            .intra_frame_period(IntraFramePeriod::from_num_frames(config.key_interval))
            .rate_control_mode(RateControlMode::Bitrate);
        Self::with(settings)
    }

    /// An encoder for pictures that come at no known rate: each gets the bits that it needs, a still scene next to none.
    /// The first picture is a key picture, and then those that [`Self::force_key`] asks for; a sudden change of scene may
    /// be one too. The stream says that its samples mean `colour`.
    ///
    /// # Errors
    /// [`EncodeError::OpenH264`] when openh264 can't be made.
    pub fn of_constant_quality(colour: Colour) -> Result<Self, EncodeError> {
        let vui = match colour.matrix {
            Matrix::Bt601 => VuiConfig::bt601(),
            Matrix::Bt709 => VuiConfig::bt709(),
        };
        let settings = Settings::new()
            // Quantisation by openh264's own constant, 26, with nothing that varies it.
            .rate_control_mode(RateControlMode::Off)
            .adaptive_quantization(false)
            // Only for the level that the stream announces.
            .max_frame_rate(FrameRate::from_hz(30.0))
            .vui(vui.full_range(colour.range == Range::Full));
        Self::with(settings)
    }

    fn with(settings: Settings) -> Result<Self, EncodeError> {
        // A frame that is left out has no unit, and who waits for it waits for ever.
        let settings = settings.skip_frames(false).num_threads(1);
        let openh264 = openh264::encoder::Encoder::with_api_config(OpenH264API::from_source(), settings)
            .map_err(|error| refused("make an H.264 encoder", &error))?;
        Ok(Self { openh264 })
    }

    /// Encodes one picture.
    ///
    /// # Errors
    /// [`EncodeError::Picture`] for planes that can't be, [`EncodeError::OpenH264`] when openh264 fails.
    pub fn encode(&mut self, planes: Planes<'_>, time: CaptureTime) -> Result<AccessUnit, EncodeError> {
        let (width, height) = (planes.width, planes.height);
        // openh264 reads the planes by pointer, so that their lengths have to be known good.
        if !planes.is_sound() || width % 2 != 0 || height % 2 != 0 {
            return Err(EncodeError::Picture { width, height });
        }
        let stamp = Timestamp::from_millis(u64::try_from(time.0 / 1000).unwrap_or(0));
        let coded = self.openh264.encode_at(&Source(planes), stamp).map_err(|e| refused("encode a picture", &e))?;
        let data = Bytes::from(coded.to_vec());
        if data.is_empty() {
            return Err(EncodeError::OpenH264 { doing: "encode a picture", reason: "no bytes came out".to_owned() });
        }
        Ok(AccessUnit { time, key: is_key(Codec::H264, &data), codec: Codec::H264, data })
    }

    /// Makes the next picture a key picture.
    pub fn force_key(&mut self) {
        self.openh264.force_intra_frame();
    }
}

fn refused(doing: &'static str, error: &openh264::Error) -> EncodeError {
    EncodeError::OpenH264 { doing, reason: error.to_string() }
}

struct Source<'a>(Planes<'a>);

impl YUVSource for Source<'_> {
    fn dimensions(&self) -> (usize, usize) {
        (self.0.width as usize, self.0.height as usize)
    }

    fn strides(&self) -> (usize, usize, usize) {
        (self.0.y_stride, self.0.uv_stride, self.0.uv_stride)
    }

    fn y(&self) -> &[u8] {
        self.0.y
    }

    fn u(&self) -> &[u8] {
        self.0.u
    }

    fn v(&self) -> &[u8] {
        self.0.v
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitstream::h264::{Reordering, Sps, has_b_slice};
    use crate::decode::{Decoder, DecoderChoice};
    use crate::footage;

    #[test]
    fn what_is_encoded_can_be_decoded_and_looks_alike() {
        let stream = std::fs::read(footage::path("vtest.h264")).unwrap();
        let units = footage::units(&stream, 10);
        let mut encoder = Encoder::new(EncoderConfig { bitrate: 2_000_000, fps: 10.0, key_interval: 8 }).unwrap();
        let (mut source, mut check) = (
            Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap(),
            Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap(),
        );
        let mut keys = vec![];
        for (i, unit) in units[..20].iter().enumerate() {
            let picture = source.decode(unit).unwrap().expect("a picture for each unit");
            if i == 11 {
                encoder.force_key();
            }
            let coded = encoder.encode(picture.planes(), unit.time).unwrap();
            assert!(!has_b_slice(&coded.data) && coded.time == unit.time);
            if coded.key {
                keys.push(i);
                let sps = Sps::find(&coded.data).expect("parameter sets in front of a key picture");
                assert_eq!((sps.width, sps.height, sps.reordering), (768, 576, Reordering::Never));
            }
            let before = footage::packed(&picture.planes());
            let after = footage::packed(&check.decode(&coded).unwrap().expect("a picture for each unit").planes());
            let error: f64 = before.iter().zip(&after).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
            let psnr = 10.0 * (255.0 * 255.0 * before.len() as f64 / error).log10();
            assert!(psnr > 30.0, "picture {i}: {psnr:.1} dB");
        }
        assert!(keys.starts_with(&[0, 8, 11]), "{keys:?}");
    }

    #[test]
    fn constant_quality_spends_bits_where_something_changes() {
        let colour = Colour { range: Range::Limited, matrix: Matrix::Bt601 };
        let mut encoder = Encoder::of_constant_quality(colour).unwrap();
        let noise = |factor: u32| (0..1280 * 720u32).map(|n| (n.wrapping_mul(factor) >> 25) as u8).collect::<Vec<u8>>();
        let pictures = [noise(2_654_435_761), noise(2_246_822_519)];
        let chroma = vec![128; 640 * 360];
        let mut units = vec![];
        for (n, picture) in [0, 0, 0, 1, 1, 1].into_iter().enumerate() {
            if n == 5 {
                encoder.force_key();
            }
            let (y, u, v) = (&pictures[picture][..], &chroma[..], &chroma[..]);
            let planes = Planes { width: 1280, height: 720, y, u, v, y_stride: 1280, uv_stride: 640, colour };
            units.push(encoder.encode(planes, CaptureTime(n as i64 * 700_000)).unwrap());
        }
        let sizes: Vec<usize> = units.iter().map(|unit| unit.data.len()).collect();
        assert!(units[0].key && !units[1].key && !units[2].key && units[5].key, "{sizes:?}");
        assert!(sizes[2] * 20 < sizes[0] && sizes[2] * 20 < sizes[3], "{sizes:?}");
        let sps = Sps::find(&units[0].data).unwrap();
        // Of 720 lines BT.709 would be guessed.
        assert_eq!((sps.width, sps.height, sps.colour), (1280, 720, colour));
    }

    #[test]
    fn planes_that_are_too_short_or_odd_are_refused() {
        let mut encoder = Encoder::new(EncoderConfig { bitrate: 100_000, fps: 10.0, key_interval: 8 }).unwrap();
        let data = [0; 64 * 64];
        for (width, height, stride) in [(63, 32, 64), (64, 31, 64), (64, 66, 64), (64, 32, 32), (0, 0, 64)] {
            let colour = Colour::default();
            let planes =
                Planes { width, height, y: &data, u: &data, v: &data, y_stride: stride, uv_stride: stride, colour };
            let refused = Err(EncodeError::Picture { width, height });
            assert_eq!(encoder.encode(planes, CaptureTime(0)), refused, "{width}x{height}");
        }
    }
}
