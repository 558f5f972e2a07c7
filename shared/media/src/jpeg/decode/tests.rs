//! Pictures written by our own encoder in every sampling, read back, and compared with ffmpeg's reading.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use proptest::prelude::*;

use super::*;
use crate::footage;
use crate::planar::COLOUR;

/// A JPEG of a smooth colourful picture.
fn jpeg(width: u16, height: u16, sampling: SamplingFactor) -> Vec<u8> {
    let pixel = |x: u16, y: u16| [(x * 2 % 256) as u8, (y * 3 % 256) as u8, ((x + y) % 256) as u8];
    let pixels: Vec<u8> = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
    let mut file = vec![];
    let mut encoder = Encoder::new(&mut file, 90);
    encoder.set_sampling_factor(sampling);
    encoder.encode(&pixels, width, height, ColorType::Rgb).unwrap();
    file
}

fn decoded(jpeg: &[u8]) -> Planar {
    let mut picture = Planar::default();
    Decoder::default().decode(jpeg, &mut picture).unwrap();
    picture
}

fn packed(jpeg: &[u8]) -> Vec<u8> {
    footage::packed(&decoded(jpeg).planes())
}

/// The file without its Huffman tables, as motion JPEG has it.
fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    let (mut bare, mut at) = (jpeg[..2].to_vec(), 2);
    while jpeg[at + 1] != START_OF_SCAN {
        let end = at + 2 + usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
        if jpeg[at + 1] != HUFFMAN_TABLES {
            bare.extend_from_slice(&jpeg[at..end]);
        }
        at = end;
    }
    bare.extend_from_slice(&jpeg[at..]);
    bare
}

const HUFFMAN_TABLES: u8 = 0xc4;
const START_OF_SCAN: u8 = 0xda;

#[test]
fn every_sampling_and_odd_sizes_look_as_ffmpeg_sees_them() {
    for (width, height, sampling) in [
        (64, 48, SamplingFactor::F_2_2),
        (64, 48, SamplingFactor::F_2_1),
        (64, 48, SamplingFactor::F_1_2),
        (64, 48, SamplingFactor::F_1_1),
        (67, 49, SamplingFactor::F_2_2),
        (67, 49, SamplingFactor::F_1_1),
        (17, 16, SamplingFactor::F_2_1),
    ] {
        let file = jpeg(width, height, sampling);
        let picture = decoded(&file);
        let planes = picture.planes();
        assert!(planes.is_sound() && planes.colour == COLOUR);
        assert_eq!((planes.width, planes.height), (u32::from(width & !1), u32::from(height & !1)));
        let crop = format!("crop={}:{}:0:0,scale=out_range=tv,format=yuv420p", planes.width, planes.height);
        let arguments = ["-f", "mjpeg", "-i", "-", "-vf", &crop, "-f", "rawvideo", "-"];
        let theirs = footage::run("ffmpeg", &arguments, &file);
        let ours = footage::packed(&planes);
        let luma = (planes.width * planes.height) as usize;
        assert_eq!(ours.len(), theirs.len(), "{width}x{height} {sampling:?}");
        let off = |from: usize, to: usize| {
            ours[from..to].iter().zip(&theirs[from..to]).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>()
                / (to - from) as f64
        };
        let (luma_off, chroma_off) = (off(0, luma), off(luma, ours.len()));
        assert!(luma_off < 1.0 && chroma_off < 3.0, "{width}x{height} {sampling:?}: {luma_off:.2} {chroma_off:.2}");
    }
}

#[test]
fn grey_pictures_have_no_colour() {
    let pixels: Vec<u8> = (0..64 * 32).map(|i| (i % 64 * 4) as u8).collect();
    let mut file = vec![];
    Encoder::new(&mut file, 95).encode(&pixels, 64, 32, ColorType::Luma).unwrap();
    let picture = decoded(&file);
    let planes = picture.planes();
    assert!(planes.is_sound() && planes.u.iter().chain(planes.v).all(|&sample| sample == 128));
    assert!(planes.y[0] < 20 && planes.y[63] > 225, "limited range: {} {}", planes.y[0], planes.y[63]);
}

#[test]
fn what_a_camera_leaves_out_is_put_in() {
    for sampling in [SamplingFactor::F_2_2, SamplingFactor::F_1_1] {
        let file = jpeg(64, 48, sampling);
        let bare = without_tables(&file);
        assert!(bare.len() + 400 < file.len());
        assert_eq!(packed(&bare), packed(&file));
    }
    let file = jpeg(64, 48, SamplingFactor::F_2_2);
    assert!(matches!(huffman::with_tables(&file), std::borrow::Cow::Borrowed(_)), "nothing is copied for nothing");
    // No end of image: all of the picture is there.
    assert_eq!(packed(&file[..file.len() - 2]), packed(&file));
}

#[test]
fn a_picture_cut_off_in_its_head_is_refused_and_the_next_is_fine() {
    let file = jpeg(320, 240, SamplingFactor::F_2_2);
    let (mut decoder, mut picture) = (Decoder::default(), decoded(&file));
    let junk = b"\r\n--boundary\r\nContent-Type: image/jpeg\r\n\r\n";
    for cut in [0, 2, 100, 200] {
        for tail in [&[][..], &[0xff, 0xd9], junk] {
            let cut_off = [&file[..cut], tail].concat();
            let refused = decoder.decode(&cut_off, &mut picture);
            assert!(matches!(refused, Err(DecodeError::Broken { .. })), "{cut} of {}: {refused:?}", file.len());
            assert!(!picture.planes().is_sound());
        }
    }
    assert!(decoder.decode(&file, &mut picture).is_ok() && picture.planes().is_sound());
}

#[test]
fn a_picture_that_can_not_be_encoded_is_refused() {
    let error = Decoder::default().decode(&jpeg(15, 64, SamplingFactor::F_1_1), &mut Planar::default()).unwrap_err();
    assert_eq!(error, DecodeError::Size(SizeError { width: 15, height: 64 }));
}

#[test]
fn the_ranges_ends_and_middle_are_where_they_belong() {
    assert_eq!([LUMA[0], LUMA[255], CHROMA[0], CHROMA[128], CHROMA[255]], [16, 235, 16, 128, 240]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A camera's memory may be as bad as its network.
    #[test]
    fn damaged_files_are_decoded_or_refused(hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20)) {
        let mut file = jpeg(64, 48, SamplingFactor::F_2_2);
        for (at, byte) in hits {
            let at = at.index(file.len());
            file[at] = byte;
        }
        let mut picture = Planar::default();
        let done = Decoder::default().decode(&file, &mut picture);
        prop_assert_eq!(done.is_ok(), picture.planes().is_sound());
    }
}
