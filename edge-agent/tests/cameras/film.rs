//! Footage made on the spot: noise, so that every picture needs several packets.

use std::sync::OnceLock;

use omma_media::encode::{Encoder, EncoderConfig};
use omma_media::frame::{Colour, Planes};
use omma_protocol::time::CaptureTime;

pub(crate) const WIDTH: u32 = 320;
const HEIGHT: u32 = 240;
/// Pictures a second.
pub(crate) const RATE: u32 = 50;
/// Two seconds; then it begins again.
const PICTURES: i64 = 100;
/// Pictures from one key picture to the next: five groups a second.
const GROUP: u32 = 10;

/// H.264, byte stream.
pub(crate) fn film() -> &'static [u8] {
    static FILM: OnceLock<Vec<u8>> = OnceLock::new();
    FILM.get_or_init(|| {
        let config = EncoderConfig { bitrate: 3_000_000, fps: RATE as f32, key_interval: GROUP };
        let mut encoder = Encoder::new(config).unwrap();
        let samples = (WIDTH * HEIGHT) as usize;
        let mut random = 1u32;
        let mut film = vec![];
        for number in 0..PICTURES {
            let luma: Vec<u8> = std::iter::repeat_with(|| {
                // Numerical Recipes' generator.
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24) as u8
            })
            .take(samples)
            .collect();
            let chroma = vec![128; samples / 4];
            let planes = Planes {
                width: WIDTH,
                height: HEIGHT,
                y: &luma,
                u: &chroma,
                v: &chroma,
                y_stride: WIDTH as usize,
                uv_stride: WIDTH as usize / 2,
                colour: Colour::default(),
            };
            film.extend_from_slice(&encoder.encode(planes, CaptureTime(number * 20_000)).unwrap().data);
        }
        film
    })
}
