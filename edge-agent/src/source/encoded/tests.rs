use omma_media::bitstream::h264::{Reordering, Sps};
use omma_media::frame::Planes;
use omma_media::jpeg;

use super::*;

/// A JPEG of one brightness.
fn picture(luma: u8, width: usize, height: usize) -> Picture {
    let (y, chroma) = (vec![luma; width * height], vec![128; width * height / 4]);
    let planes = Planes {
        width: width as u32,
        height: height as u32,
        y: &y,
        u: &chroma,
        v: &chroma,
        y_stride: width,
        uv_stride: width / 2,
        colour: COLOUR,
    };
    Picture::Jpeg(jpeg::encode(planes, None, 4096, 80).unwrap())
}

fn shot(picture: Picture, opened: Instant, ms: u64) -> Shot {
    Shot { picture, taken: opened + Duration::from_millis(ms) }
}

#[test]
fn key_pictures_come_at_most_two_seconds_apart() {
    for step_ms in [100, 900, 1000, 1500] {
        let opened = Instant::now();
        let mut transcoder = Transcoder::new(opened);
        let mut last_key = 0;
        for ms in (0..9000).step_by(step_ms) {
            let coded = transcoder.code(&shot(picture(90, 64, 48), opened, ms)).unwrap();
            if coded.key {
                assert!(ms - last_key <= 2000, "every {step_ms} ms: from {last_key} to {ms}");
                last_key = ms;
            }
            assert_eq!((coded.rtp, coded.first_packet), (ms as u32 * 90, opened + Duration::from_millis(ms)));
        }
        assert!(last_key >= 5000, "every {step_ms} ms: the last key picture came at {last_key}");
    }
}

#[test]
fn a_picture_of_another_size_begins_anew() {
    let opened = Instant::now();
    let mut transcoder = Transcoder::new(opened);
    for (n, (width, height)) in [(64, 48), (64, 48), (128, 96)].into_iter().enumerate() {
        let coded = transcoder.code(&shot(picture(90, width, height), opened, n as u64 * 100)).unwrap();
        assert_eq!(coded.key, n != 1);
        if let Some(sps) = Sps::find(&coded.data) {
            assert_eq!((sps.width, sps.height), (width as u32, height as u32));
            assert_eq!((sps.reordering, sps.colour), (Reordering::Never, COLOUR));
        }
    }
}

#[tokio::test]
async fn while_the_encoder_works_the_newest_picture_wins() {
    let (sender, shots) = mpsc::channel(8);
    let mut encoded = Encoded::new(shots);
    let opened = Instant::now();
    for n in 0..8 {
        sender.send(Ok(shot(picture(n * 20, 640, 480), opened, u64::from(n) * 10))).await.unwrap();
    }
    // All are taken before the first is begun, or while it is worked on.
    let mut arrived = vec![];
    while arrived.last() != Some(&Duration::from_millis(70)) {
        let coded = tokio::time::timeout(Duration::from_secs(20), encoded.next()).await.unwrap().unwrap();
        arrived.push(coded.first_packet - opened);
    }
    assert!(arrived.is_sorted() && arrived.len() < 8, "{arrived:?}");
    drop(sender);
    assert!(matches!(encoded.next().await, Err(SourceError::Closed)));
}

#[test]
fn broken_pictures_are_passed_over_until_there_are_too_many() {
    let (_sender, shots) = mpsc::channel(1);
    let mut encoded = Encoded::new(shots);
    let opened = Instant::now();
    let mut transcoder = Transcoder::new(opened);
    let mut show = |picture| encoded.sift(transcoder.code(&shot(picture, opened, 0)));
    let broken = || Picture::Jpeg(Bytes::from_static(b"no JPEG"));
    for picture in [broken(), broken(), picture(9, 64, 48), broken(), broken()] {
        assert!(show(picture).is_ok());
    }
    let error = show(broken()).unwrap_err().to_string();
    assert!(error.contains("none of the last 3 pictures can be shown: decode a JPEG of 7 bytes"), "{error}");
}

#[test]
fn raw_pictures_are_coded_and_others_may_follow() {
    let opened = Instant::now();
    let mut transcoder = Transcoder::new(opened);
    let format = raw::Format { layout: raw::Layout::Yuyv, width: 64, height: 48, stride: 128 };
    let of_rows = |rows: usize| Picture::Raw { format, data: vec![90u8; 128 * rows].into() };
    let first = transcoder.code(&shot(of_rows(48), opened, 0)).unwrap();
    let said = Sps::find(&first.data).map(|sps| (sps.width, sps.height, sps.colour));
    assert_eq!((said, first.key), (Some((64, 48, COLOUR)), true));
    let short = transcoder.code(&shot(of_rows(47), opened, 100)).unwrap_err();
    assert!(short.contains("expected at least 6144"), "{short}");
    assert_eq!(transcoder.code(&shot(Picture::Unchanged, opened, 150)).unwrap_err(), short);
    for (n, picture) in [of_rows(48), picture(90, 64, 48), Picture::Unchanged].into_iter().enumerate() {
        let coded = transcoder.code(&shot(picture, opened, 200 + n as u64 * 100)).unwrap();
        assert_eq!(coded.rtp, (200 + n as u32 * 100) * 90);
    }
}

#[test]
fn an_unchanged_picture_costs_next_to_nothing_and_is_a_picture_all_the_same() {
    let opened = Instant::now();
    let mut transcoder = Transcoder::new(opened);
    assert!(transcoder.code(&shot(Picture::Unchanged, opened, 0)).is_err(), "like which one?");
    let broken = transcoder.code(&shot(Picture::Jpeg(Bytes::from_static(b"no JPEG")), opened, 50)).unwrap_err();
    assert_eq!(transcoder.code(&shot(Picture::Unchanged, opened, 60)).unwrap_err(), broken);
    let first = transcoder.code(&shot(picture(90, 640, 480), opened, 100)).unwrap();
    let second = transcoder.code(&shot(Picture::Unchanged, opened, 1100)).unwrap();
    assert!(first.key && !second.key && second.data.len() < 200, "{} bytes", second.data.len());
}
