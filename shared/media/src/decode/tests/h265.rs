//! H.265: decoded where the build has libavcodec, refused by name elsewhere.

use super::*;

/// H.265 of real footage, without B-frames.
fn h265(frames: usize) -> Vec<u8> {
    let (source, count) = (footage::path("vtest.h264"), frames.to_string());
    let input = ["-i", source.to_str().unwrap(), "-frames:v", &count];
    let x265 = "bframes=0:keyint=20:scenecut=0:repeat-headers=1:log-level=none";
    let coder = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", x265, "-f", "hevc", "-"];
    run("ffmpeg", &[&input[..], &coder[..]].concat(), &[])
}

#[cfg(feature = "libav")]
#[test]
fn h265_gives_each_picture_at_once_bit_for_bit_and_is_refused_with_ten_bits() {
    let stream = h265(50);
    let wanted = reference(&stream, 50);
    let mut wanted = wanted.chunks(wanted.len() / 50);
    let mut decoder = Decoder::new(Codec::H265, DecoderChoice::OpenH264).unwrap();
    for unit in &footage::units(&stream, 10) {
        let picture = decoder.decode(unit).unwrap().expect("a picture for each unit");
        assert_eq!(picture.time(), unit.time);
        assert!(Some(&packed(&picture.planes())[..]) == wanted.next(), "another at {}", unit.time);
    }
    assert_eq!(decoder.counts(), DecodeCounts { pictures: 50, ..DecodeCounts::default() });

    let source = ["-f", "lavfi", "-i", "testsrc=size=128x128:rate=10:duration=1", "-pix_fmt", "yuv420p10le"];
    let coder = ["-c:v", "libx265", "-x265-params", "log-level=none", "-f", "hevc", "-"];
    let stream = run("ffmpeg", &[&source[..], &coder[..]].concat(), &[]);
    let error = decoder.decode(&footage::units(&stream, 10)[0]).err().expect("an error").to_string();
    assert!(error.contains("H.265 of 10 bit 4:2:0"), "{error}");
}

/// From libavcodec 61 on a key picture brings out all pictures before it at once.
#[cfg(feature = "libav")]
#[test]
fn h265_with_b_frames_gives_each_picture_in_order_under_its_own_time() {
    let x265 = "bframes=4:b-pyramid=1:keyint=20:open-gop=0:scenecut=0:repeat-headers=1:log-level=none";
    let (units, wanted) = reordered(100, &["libx265", "-preset", "ultrafast", "-x265-params", x265], "hevc");
    let mut decoder = Decoder::new(Codec::H265, DecoderChoice::Libav).unwrap();
    let got = decode_all(&mut decoder, &units);
    assert!(got.into_iter().eq(wanted));
    assert_eq!(decoder.counts(), DecodeCounts { pictures: 100, ..DecodeCounts::default() });
}

#[test]
fn a_camera_is_switched_to_h265_and_back() {
    let (before, between) = (footage::units(&footage("vtest.h264"), 10), footage::units(&h265(1), 10));
    let between = AccessUnit { time: before[1].time, ..between[0].clone() };
    for mut decoder in decoders() {
        let mut width =
            |unit: &AccessUnit| decoder.decode(unit).map(|picture| picture.map(|picture| picture.planes().width));
        assert_eq!(width(&before[0]), Ok(Some(768)));
        let wanted = match cfg!(feature = "libav") {
            true => Ok(Some(768)),
            false => Err(DecodeError::NotInThisBuild { codec: Codec::H265 }),
        };
        assert_eq!(width(&between), wanted);
        assert_eq!(width(&before[2]), Ok(None), "in the middle of a group");
        assert_eq!(width(&before[20]), Ok(Some(768)));
    }
}
