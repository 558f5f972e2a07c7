//! JPEG files, read back by ffmpeg.

use super::*;
use crate::decode::{Decoder, DecoderChoice};
use crate::footage;
use crate::frame::Colour;
use omma_protocol::unit::Codec;
use proptest::prelude::*;

/// Width and height of a JPEG file, from its frame header (ITU-T T.81 §B.2.2).
fn size(jpeg: &[u8]) -> (u16, u16) {
    const BASELINE: [u8; 2] = [0xff, 0xc0];
    let at = jpeg.windows(2).position(|marker| marker == BASELINE).expect("a baseline JPEG");
    let field = |i: usize| u16::from_be_bytes([jpeg[at + i], jpeg[at + i + 1]]);
    (field(7), field(5))
}

fn planes<'a>(y: &'a [u8], u: &'a [u8], v: &'a [u8], (width, height): (u32, u32)) -> Planes<'a> {
    let colour = Colour::default();
    Planes { width, height, y, u, v, y_stride: width as usize, uv_stride: width.div_ceil(2) as usize, colour }
}

fn rgb(jpeg: &[u8]) -> Vec<u8> {
    footage::run("ffmpeg", &["-f", "mjpeg", "-i", "-", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], jpeg)
}

#[test]
fn colours_come_out_as_they_went_in_whatever_range_and_matrix() {
    // Pure red, green, blue, white and black as each matrix and range has them.
    let rows = [
        (
            Range::Limited,
            Matrix::Bt601,
            [[81, 90, 240], [145, 54, 34], [41, 240, 110], [235, 128, 128], [16, 128, 128]],
        ),
        (
            Range::Limited,
            Matrix::Bt709,
            [[63, 102, 240], [173, 42, 26], [32, 240, 118], [235, 128, 128], [16, 128, 128]],
        ),
        (Range::Full, Matrix::Bt601, [[76, 85, 255], [150, 44, 21], [29, 255, 107], [255, 128, 128], [0, 128, 128]]),
        (Range::Full, Matrix::Bt709, [[54, 99, 255], [182, 30, 12], [18, 255, 116], [255, 128, 128], [0, 128, 128]]),
    ];
    let wanted = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0]];
    for (range, matrix, colours) in rows {
        for (ycc, rgb_wanted) in colours.into_iter().zip(wanted) {
            let [y, u, v] = ycc.map(|sample| [sample; 32 * 32]);
            let mut picture = planes(&y, &u, &v, (32, 32));
            picture.colour = Colour { range, matrix };
            let got = rgb(&encode(picture, None, 32, 95).unwrap());
            let off = got[..3].iter().zip(rgb_wanted).map(|(a, b): (&u8, u8)| a.abs_diff(b)).max();
            assert!(off <= Some(6), "{range:?} {matrix:?} {ycc:?}: {:?}", &got[..3]);
        }
    }
}

#[test]
fn a_real_picture_is_shrunk_and_cut_and_looks_like_ffmpegs() {
    let stream = std::fs::read(footage::path("hd-high.h264")).unwrap();
    let mut decoder = Decoder::new(Codec::H264, DecoderChoice::Auto).unwrap();
    let units = footage::units(&stream, 30);
    let picture = decoder.decode(&units[0]).unwrap().expect("a picture for the first unit");
    let file = encode(picture.planes(), None, 960, 80).unwrap();
    assert_eq!(size(&file), (960, 540));
    assert!((10_000..400_000).contains(&file.len()), "{} bytes", file.len());

    let conversion = "scale=960:540:flags=area:in_color_matrix=bt709:in_range=tv,format=rgb24";
    let arguments = ["-f", "h264", "-i", "-", "-frames:v", "1", "-vf", conversion, "-f", "rawvideo", "-"];
    let wanted = footage::run("ffmpeg", &arguments, &stream);
    let got = rgb(&file);
    assert_eq!(got.len(), wanted.len());
    let error: f64 = got.iter().zip(&wanted).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum();
    let psnr = 10.0 * (255.0 * 255.0 * got.len() as f64 / error).log10();
    assert!(psnr > 28.0, "{psnr:.1} dB");

    let part = Rect { x: 0.25, y: 0.5, w: 0.25, h: 0.25 };
    assert_eq!(size(&encode(picture.planes(), Some(part), 2000, 80).unwrap()), (480, 270));
    assert_eq!(size(&encode(picture.planes(), Some(part), 240, 80).unwrap()), (240, 135));
}

#[test]
fn the_part_cut_out_is_the_right_one() {
    // Bright in the lower right quarter only.
    let y: Vec<u8> = (0..64 * 64).map(|i| if i / 64 >= 32 && i % 64 >= 32 { 235 } else { 16 }).collect();
    let uv = [128; 32 * 32];
    let picture = planes(&y, &uv, &uv, (64, 64));
    let mean = |x: f32, y: f32| {
        let pixels = rgb(&encode(picture, Some(Rect { x, y, w: 0.5, h: 0.5 }), 64, 90).unwrap());
        pixels.iter().map(|&p| u64::from(p)).sum::<u64>() / pixels.len() as u64
    };
    assert!(mean(0.0, 0.0) < 4 && mean(0.5, 0.0) < 4 && mean(0.0, 0.5) < 4 && mean(0.5, 0.5) > 250);
}

#[test]
fn what_is_no_picture_is_an_error() {
    let data = [0; 100];
    let short = planes(&data, &data, &data, (64, 64));
    assert_eq!(encode(short, None, 64, 80), Err(JpegError::Planes { width: 64, height: 64 }));
    let fine = planes(&data, &data, &data, (10, 10));
    for rect in [Rect { x: 1.5, y: 0.0, w: 1.0, h: 1.0 }, Rect { x: 0.0, y: 0.0, w: -1.0, h: 1.0 }, Rect::default()] {
        assert_eq!(encode(fine, Some(rect), 64, 80), Err(JpegError::EmptyCrop));
    }
    assert!(encode(fine, Some(Rect { x: f32::NAN, y: 0.0, w: 1.0, h: 1.0 }), 64, 80).is_err());
}

proptest! {
    #[test]
    fn any_size_crop_and_bound_give_a_file_of_the_right_size(
        (width, height) in (1u32..80, 1u32..80), max_side in 0u32..100, quality in any::<u8>(),
        crop in prop::option::of((-0.5f32..1.0, -0.5f32..1.0, 0.6f32..2.0, 0.6f32..2.0)),
    ) {
        let y: Vec<u8> = (0..width * height).map(|i| (i * 7) as u8).collect();
        let crop = crop.map(|(x, y, w, h)| Rect { x, y, w, h });
        let file = encode(planes(&y, &y, &y, (width, height)), crop, max_side, quality).unwrap();
        let (w, h) = size(&file);
        prop_assert!(w > 0 && h > 0 && u32::from(w.max(h)) <= max_side.max(1), "{w}x{h}");
        prop_assert!(u32::from(w) <= width && u32::from(h) <= height);
        if crop.is_none() && max_side >= width.max(height) {
            prop_assert_eq!((u32::from(w), u32::from(h)), (width, height));
        }
    }
}
