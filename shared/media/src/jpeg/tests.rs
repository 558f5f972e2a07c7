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

    let part = Part { left: 480, top: 540, width: 480, height: 270 };
    assert_eq!(size(&encode(picture.planes(), Some(part), 2000, 80).unwrap()), (480, 270));
    assert_eq!(size(&encode(picture.planes(), Some(part), 240, 80).unwrap()), (240, 135));
}

#[test]
fn the_part_cut_out_is_the_right_one() {
    // Bright in the lower right quarter only.
    let y: Vec<u8> = (0..64 * 64).map(|i| if i / 64 >= 32 && i % 64 >= 32 { 235 } else { 16 }).collect();
    let uv = [128; 32 * 32];
    let picture = planes(&y, &uv, &uv, (64, 64));
    let mean = |left: u32, top: u32| {
        let pixels = rgb(&encode(picture, Some(Part { left, top, width: 32, height: 32 }), 64, 90).unwrap());
        pixels.iter().map(|&p| u64::from(p)).sum::<u64>() / pixels.len() as u64
    };
    assert!(mean(0, 0) < 4 && mean(32, 0) < 4 && mean(0, 32) < 4 && mean(32, 32) > 250);
}

#[test]
fn the_colours_of_a_part_stay_with_its_light() {
    // Red to the left of column 34 and above row 18, grey elsewhere; of odd sides, so that the last chroma is of one sample.
    let (width, height) = (67, 35);
    let is_red = |x: u32, y: u32| x < 34 && y < 18;
    let plane = |width: u32, height: u32, scale: u32, red: u8, grey: u8| -> Vec<u8> {
        let at = |i: u32| if is_red(i % width * scale, i / width * scale) { red } else { grey };
        (0..width * height).map(at).collect()
    };
    let (y, u, v) = (plane(width, height, 1, 81, 128), plane(34, 18, 2, 90, 128), plane(34, 18, 2, 240, 128));
    let picture = planes(&y, &u, &v, (width, height));
    let colours = |left, top, width, height| {
        let pixels = rgb(&encode(picture, Some(Part { left, top, width, height }), 80, 95).unwrap());
        assert_eq!(pixels.len(), (width * height * 3) as usize);
        let [first, last] = [&pixels[..3], &pixels[pixels.len() - 3..]];
        [first, last].map(|pixel| pixel[0].saturating_sub(pixel[2]) > 150)
    };
    assert_eq!(colours(32, 16, 2, 2), [true, true], "the last red ones");
    assert_eq!(colours(34, 18, 2, 2), [false, false], "the first grey ones");
    assert_eq!(colours(18, 2, 16, 16), [true, true]);
    assert_eq!(colours(0, 0, width, height), [true, false]);
    assert_eq!(colours(66, 34, 1, 1), [false, false], "the corner has no neighbour");
}

#[test]
fn what_is_no_picture_is_an_error() {
    let data = [0; 100];
    let short = planes(&data, &data, &data, (64, 64));
    assert_eq!(encode(short, None, 64, 80), Err(JpegError::Planes { width: 64, height: 64 }));
    let fine = planes(&data, &data, &data, (10, 10));
    let part = Part { left: 2, top: 4, width: 8, height: 6 };
    assert!(encode(fine, Some(part), 64, 80).is_ok());
    for part in [
        Part { width: 0, ..part },
        Part { height: 0, ..part },
        Part { left: 1, ..part },
        Part { top: 3, ..part },
        Part { width: 9, ..part },
        Part { height: 7, ..part },
        Part { left: 10, ..part },
        Part { left: u32::MAX - 1, ..part },
    ] {
        assert_eq!(encode(fine, Some(part), 64, 80), Err(JpegError::Part { part, width: 10, height: 10 }));
    }
}

proptest! {
    #[test]
    fn any_size_crop_and_bound_give_a_file_of_the_right_size(
        (width, height) in (1u32..80, 1u32..80), max_side in 0u32..100, quality in any::<u8>(),
        part in prop::option::of((0u32..80, 0u32..80, 1u32..80, 1u32..80)),
    ) {
        let y: Vec<u8> = (0..width * height).map(|i| (i * 7) as u8).collect();
        let part = part.map(|(left, top, w, h)| {
            let (left, top) = ((left % width) & !1, (top % height) & !1);
            Part { left, top, width: w.min(width - left), height: h.min(height - top) }
        });
        let file = encode(planes(&y, &y, &y, (width, height)), part, max_side, quality).unwrap();
        let (w, h) = size(&file);
        prop_assert!(w > 0 && h > 0 && u32::from(w.max(h)) <= max_side.max(1), "{w}x{h}");
        prop_assert!(u32::from(w) <= width && u32::from(h) <= height);
        if max_side >= width.max(height) {
            let whole = part.map_or((width, height), |part| (part.width, part.height));
            prop_assert_eq!((u32::from(w), u32::from(h)), whole);
        }
    }
}

#[test]
fn the_encoder_is_fed_every_sample_of_even_and_odd_rows() {
    for width in [1_u16, 2, 31, 64, 65] {
        let (half, to_jfif) = (usize::from(width.div_ceil(2)), ToJfif::from(Range::Limited, Matrix::Bt709));
        let samples = |n: usize, step: usize| (0..n).map(|i| (i * step % 251) as u8).collect::<Vec<_>>();
        let (y, u, v) = (samples(3 * usize::from(width), 7), samples(2 * half, 11), samples(2 * half, 13));
        let picture = Picture { width, height: 3, y, u, v, to_jfif };
        for row in 0..3 {
            let mut got = [vec![9], vec![9], vec![9], vec![]];
            picture.fill_buffers(row, &mut got);
            let mut wanted = [vec![9], vec![9], vec![9], vec![]];
            for column in 0..usize::from(width) {
                let at = usize::from(row) / 2 * half + column / 2;
                let (shift, cb, cr) = picture.to_jfif.chroma(picture.u[at], picture.v[at]);
                let luma = picture.y[usize::from(row) * usize::from(width) + column];
                wanted[0].push(picture.to_jfif.luma(luma, shift));
                wanted[1].push(cb);
                wanted[2].push(cr);
            }
            assert_eq!(got, wanted, "row {row} of {width}");
        }
    }
}
