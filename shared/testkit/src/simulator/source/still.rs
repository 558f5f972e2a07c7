//! An empty scene: what stands behind the persons of some footage, coded over and over with a sensor's light noise.
//!
//! Each sample is the median of pictures spread over the footage, so that whoever walks is in none of them for long
//! enough to be seen. Coded once, as a film.

use std::path::Path;

use bytes::Bytes;
use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::encode::{Encoder, EncoderConfig};
use omma_media::frame::{Colour, Planes};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use super::{Rate, SourceError};

/// Pictures that the scene is made of.
const TAKEN: usize = 25;
/// Pictures until it begins again, with another key picture: 20 s at ten a second.
const PICTURES: u64 = 200;
/// Pictures from one key picture to the next.
const GROUP: u32 = 20;
/// As cameras code 768x576.
const BITS_PER_SECOND: u32 = 1_000_000;
/// Steps of luma by which a sample may be off.
const NOISE: i16 = 1;

/// The empty scene of a footage as an H.264 byte stream.
pub(super) fn coded(path: &Path, rate: Rate) -> Result<Bytes, SourceError> {
    let mut scene = Scene::read(path)?;
    let config = EncoderConfig { bitrate: BITS_PER_SECOND, fps: rate.hz(), key_interval: GROUP };
    let mut encoder = Encoder::new(config)?;
    let mut stream = vec![];
    let mut random = 1;
    for number in 0..PICTURES {
        let time = CaptureTime(rate.time_of(number).as_micros() as i64);
        stream.extend_from_slice(&encoder.encode(scene.noisy(&mut random), time)?.data);
    }
    Ok(stream.into())
}

/// Planes without padding.
struct Scene {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    /// The luma with noise.
    noisy: Vec<u8>,
    /// Both chroma planes, one after the other.
    chroma: Vec<u8>,
}

impl Scene {
    fn read(path: &Path) -> Result<Self, SourceError> {
        let bytes = std::fs::read(path).map_err(|error| SourceError::Read { path: path.to_owned(), error })?;
        let fault = |fault| SourceError::Footage { path: path.to_owned(), fault };
        let units = split_access_units(&bytes);
        let step = (units.len() / TAKEN).max(1);
        let mut decoder =
            Decoder::new(Codec::H264, DecoderChoice::Auto).map_err(|_| fault("the decoder can't be started"))?;
        let (mut width, mut height, mut pictures) = (0, 0, vec![]);
        for (number, data) in units.into_iter().enumerate() {
            let key = is_key(Codec::H264, data);
            let data = Bytes::copy_from_slice(data);
            let unit = AccessUnit { time: CaptureTime(number as i64), key, codec: Codec::H264, data };
            let decoded = decoder.decode(&unit).map_err(|_| fault("a picture of it can't be decoded"))?;
            if let Some(decoded) = decoded.filter(|_| number % step == 0) {
                let planes = decoded.planes();
                (width, height) = (planes.width as usize, planes.height as usize);
                pictures.push(packed(&planes));
            }
        }
        let samples = pictures.first().map_or(0, Vec::len);
        if samples == 0 || pictures.iter().any(|picture| picture.len() != samples) {
            return Err(fault("its pictures are not all of one size"));
        }
        let mut chroma = median(&pictures, samples);
        let luma: Vec<u8> = chroma.drain(..width * height).collect();
        Ok(Self { width, height, noisy: luma.clone(), luma, chroma })
    }

    /// The scene as the sensor sees it this time.
    fn noisy(&mut self, random: &mut u32) -> Planes<'_> {
        for (noisy, luma) in self.noisy.iter_mut().zip(&self.luma) {
            // Numerical Recipes' generator: nothing here need be unpredictable.
            *random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (*random >> 24) as i16 % (2 * NOISE + 1) - NOISE;
            *noisy = (i16::from(*luma) + noise).clamp(0, 255) as u8;
        }
        let (u, v) = self.chroma.split_at(self.chroma.len() / 2);
        Planes {
            width: self.width as u32,
            height: self.height as u32,
            y: &self.noisy,
            u,
            v,
            y_stride: self.width,
            uv_stride: self.width.div_ceil(2),
            colour: Colour::default(),
        }
    }
}

fn packed(planes: &Planes<'_>) -> Vec<u8> {
    let (width, height) = (planes.chroma_width() as usize, planes.chroma_height() as usize);
    let mut samples = vec![];
    for (plane, stride, width, height) in [
        (planes.y, planes.y_stride, planes.width as usize, planes.height as usize),
        (planes.u, planes.uv_stride, width, height),
        (planes.v, planes.uv_stride, width, height),
    ] {
        plane.chunks(stride).take(height).for_each(|row| samples.extend_from_slice(&row[..width]));
    }
    samples
}

/// The median of each sample.
fn median(pictures: &[Vec<u8>], samples: usize) -> Vec<u8> {
    let mut values = vec![0; pictures.len()];
    let median = |at: usize| {
        for (value, picture) in values.iter_mut().zip(pictures) {
            *value = picture[at];
        }
        let middle = values.len() / 2;
        *values.select_nth_unstable(middle).1
    };
    (0..samples).map(median).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_walks_past_is_not_in_the_median() {
        let walks = |number: usize| (0..25).map(|at| if at == number { 200 } else { 40 + at as u8 }).collect();
        let pictures: Vec<Vec<u8>> = (0..25).map(walks).collect();
        assert_eq!(median(&pictures, 25), (0..25).map(|at| 40 + at).collect::<Vec<u8>>());
    }

    #[test]
    fn noise_is_light_and_never_the_same() {
        let luma = vec![0, 128, 255, 60];
        let mut scene = Scene { width: 2, height: 2, noisy: luma.clone(), luma: luma.clone(), chroma: vec![128; 2] };
        let mut random = 1;
        let first = scene.noisy(&mut random).y.to_vec();
        let second = scene.noisy(&mut random).y.to_vec();
        assert!(first != second);
        assert!(first.iter().zip(&luma).all(|(noisy, luma)| noisy.abs_diff(*luma) <= 1));
    }
}
