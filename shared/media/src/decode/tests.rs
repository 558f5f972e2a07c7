//! Against ffmpeg's decoder on real footage, and with units lost, cut and broken.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::bitstream::access_unit::split_access_units;
use crate::bitstream::tests::without_usability_information;
use crate::bitstream::{h264, is_key};
use crate::footage::{self, packed, reference, run};

mod h265;

/// Every decoder of this build: what is asserted holds for each, unless it is said for one.
fn decoders() -> impl Iterator<Item = Decoder> {
    let choices = [DecoderChoice::OpenH264, DecoderChoice::Libav].into_iter().filter(|choice| choice.fault().is_none());
    choices.map(|choice| Decoder::new(Codec::H264, choice).unwrap())
}

fn openh264() -> Decoder {
    Decoder::new(Codec::H264, DecoderChoice::OpenH264).unwrap()
}

fn footage(name: &str) -> Vec<u8> {
    std::fs::read(footage::path(name)).unwrap()
}

/// The inputs of the fuzz target `coded_pictures`, which is one decoder's, by all of them.
#[test]
fn whatever_is_decoded_of_what_fuzzing_kept_is_a_whole_picture() {
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../testkit/fuzz/corpus/coded_pictures");
    let mut shown = 0;
    for input in std::fs::read_dir(kept).unwrap() {
        let data = std::fs::read(input.unwrap().path()).unwrap();
        for mut decoder in decoders() {
            for (data, n) in split_access_units(&data).iter().zip(0..) {
                let (key, data) = (is_key(Codec::H264, data), Bytes::copy_from_slice(data));
                let unit = AccessUnit { time: CaptureTime(n), codec: Codec::H264, key, data };
                if let Ok(Some(picture)) = decoder.decode(&unit) {
                    assert!(picture.planes().is_sound());
                    shown += 1;
                }
            }
        }
    }
    assert!(shown > 20, "{shown}");
}

#[test]
fn without_b_frames_each_unit_gives_its_picture_at_once_bit_for_bit() {
    for (name, fps, frames) in [("vtest.h264", 10, 100), ("hd-high.h264", 30, 40)] {
        let stream = footage(name);
        let wanted = reference(&stream, frames);
        for mut decoder in decoders() {
            let name = format!("{name} by {}", decoder.name());
            let mut wanted = wanted.chunks(wanted.len() / frames);
            for unit in &footage::units(&stream, fps)[..frames] {
                let picture =
                    decoder.decode(unit).unwrap().unwrap_or_else(|| panic!("{name}: no picture for {}", unit.time));
                assert_eq!(picture.time(), unit.time);
                assert!(Some(&packed(&picture.planes())[..]) == wanted.next(), "{name}: another at {}", unit.time);
            }
            assert_eq!(decoder.counts(), DecodeCounts { pictures: frames as u64, ..DecodeCounts::default() }, "{name}");
        }
    }
}

/// Three B-frames between any two others, none of which is referred to.
const PLAIN: &str = "bframes=3:b-adapt=0:b-pyramid=none:keyint=30:scenecut=0";

/// A clip with B-frames made from real footage: its units in the order they are sent, at their presentation times, and
/// its pictures by time as ffmpeg decodes them.
fn b_frames(frames: usize, x264: &str) -> (Vec<AccessUnit>, BTreeMap<CaptureTime, Vec<u8>>) {
    reordered(frames, &["libx264", "-profile:v", "main", "-x264-params", x264], "h264")
}

/// The same of the coder `coder`, which is named first and has its options behind, in the format `format`.
fn reordered(frames: usize, coder: &[&str], format: &str) -> (Vec<AccessUnit>, BTreeMap<CaptureTime, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("clip.mp4");
    let (source, clip, count) = (footage::path("vtest.h264"), clip.to_str().unwrap(), frames.to_string());
    let input = ["-i", source.to_str().unwrap(), "-frames:v", &count, "-c:v"];
    run("ffmpeg", &[&input[..], coder, &[clip]].concat(), &[]);
    let filter = format!("{format}_mp4toannexb");
    let stream = run("ffmpeg", &["-i", clip, "-c", "copy", "-bsf:v", &filter, "-f", format, "-"], &[]);
    let times =
        run("ffprobe", &["-select_streams", "v", "-show_entries", "packet=pts_time", "-of", "csv=p=0", clip], &[]);
    let times = String::from_utf8(times).unwrap();
    let times = times.lines().map(|line| line.trim_end_matches(',').parse::<f64>().unwrap());
    let mut units = footage::units(&stream, 10);
    assert_eq!(units.len(), frames);
    for (unit, seconds) in units.iter_mut().zip(times) {
        unit.time = CaptureTime(1_700_000_000_000_000 + (seconds * 1e6).round() as i64);
    }
    let pictures = reference(&stream, frames);
    let mut times: Vec<_> = units.iter().map(|unit| unit.time).collect();
    assert!(!times.is_sorted(), "the clip is reordered");
    times.sort_unstable();
    let pictures = pictures.chunks(pictures.len() / frames).map(<[u8]>::to_vec);
    (units, times.into_iter().zip(pictures).collect())
}

/// The same picture but for what openh264 gets wrong in B pictures.
fn assert_alike(got: &[u8], wanted: &[u8], time: CaptureTime) {
    let off = got.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).filter(|&off| off > 0);
    let (samples, worst) = off.fold((0, 0), |(n, worst), off| (n + 1, off.max(worst)));
    assert!(
        got.len() == wanted.len() && samples < got.len() / 2000 && worst < 16,
        "{samples} samples by {worst} at {time}"
    );
}

/// All pictures that come out of `units`, in order.
fn decode_all(decoder: &mut Decoder, units: &[AccessUnit]) -> Vec<(CaptureTime, Vec<u8>)> {
    let mut out = vec![];
    for unit in units {
        if let Some(picture) = decoder.decode(unit).unwrap() {
            out.push((picture.time(), packed(&picture.planes())));
        }
    }
    let rest = decoder.finish(&FramePool::new(4));
    out.extend(rest.iter().map(|frame| (frame.time, packed(&frame.planes()))));
    out
}

#[test]
fn with_b_frames_each_picture_comes_in_order_under_its_own_time() {
    for x264 in [PLAIN, "bframes=1:keyint=25", "bframes=5:b-adapt=2:b-pyramid=normal:ref=4:keyint=50"] {
        let (units, wanted) = b_frames(100, x264);
        for mut decoder in decoders() {
            let got = decode_all(&mut decoder, &units);
            let name = format!("{x264} by {}", decoder.name());
            let times: Vec<_> = got.iter().map(|picture| picture.0).collect();
            assert_eq!(times, wanted.keys().copied().collect::<Vec<_>>(), "{name}");
            got.iter().for_each(|(time, picture)| assert_alike(picture, &wanted[time], *time));
            assert_eq!(decoder.counts(), DecodeCounts { pictures: 100, ..DecodeCounts::default() }, "{name}");
        }
    }
}

/// Takes out of the parameter sets what they say of reordering.
fn leave_unsaid(units: &mut [AccessUnit]) {
    for unit in units.iter_mut().filter(|unit| unit.key) {
        let nals: Vec<_> = nals(&unit.data)
            .map(|nal| match nal.h264_type() {
                h264::SPS => without_usability_information(nal.bytes),
                _ => nal.bytes.to_vec(),
            })
            .collect();
        unit.data = nals.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect::<Vec<_>>().into();
        assert_eq!(Sps::find(&unit.data).unwrap().reordering, h264::Reordering::Unsaid);
    }
}

#[test]
fn b_frames_that_nobody_announced_cost_the_rest_of_one_group() {
    let (mut units, wanted) = b_frames(100, PLAIN);
    leave_unsaid(&mut units);
    let mut decoder = openh264();
    let got = decode_all(&mut decoder, &units);
    // I and P of the first group, which is 30 units long, then everything.
    let times: Vec<_> = got.iter().map(|picture| picture.0).collect();
    let all: Vec<_> = wanted.keys().copied().collect();
    assert_eq!(times, [&[all[0], all[4]], &all[30..]].concat());
    got.iter().for_each(|(time, picture)| assert_alike(picture, &wanted[time], *time));
    assert_eq!(decoder.counts(), DecodeCounts { pictures: 72, skipped: 28, ..DecodeCounts::default() });
}

#[test]
fn a_broken_unit_is_named_and_decoding_goes_on_at_the_next_key_picture() {
    let units = footage::units(&footage("vtest.h264"), 10);
    let stream: Vec<u8> = units[40..60].iter().flat_map(|unit| unit.data.to_vec()).collect();
    let wanted = reference(&stream, 20);
    for mut decoder in decoders() {
        for unit in &units[5..20] {
            assert!(decoder.decode(unit).unwrap().is_none(), "in the middle of a group");
        }
        for unit in &units[20..25] {
            assert!(decoder.decode(unit).unwrap().is_some());
        }
        let mut cut = units[25].clone();
        cut.data = cut.data.slice(..cut.data.len() / 2);
        let Err(error) = decoder.decode(&cut) else { panic!("half a unit was decoded by {}", decoder.name()) };
        let DecodeError::Broken { time, key, bytes, .. } = error else { panic!("{error}") };
        assert_eq!((time, key, bytes), (cut.time, false, cut.data.len()));
        for unit in &units[26..40] {
            assert!(decoder.decode(unit).unwrap().is_none());
        }
        for (unit, wanted) in units[40..60].iter().zip(wanted.chunks(wanted.len() / 20)) {
            let picture = decoder.decode(unit).unwrap().expect("a picture for each unit");
            assert!(picture.time() == unit.time && packed(&picture.planes()) == wanted);
        }
        assert_eq!(decoder.counts(), DecodeCounts { pictures: 25, broken: 1, skipped: 29, late: 0 });
    }
}

#[test]
fn a_unit_that_is_missing_is_found_out() {
    let units = footage::units(&footage("vtest.h264"), 10);
    for mut decoder in decoders() {
        let mut outcomes = vec![];
        for unit in units[..25].iter().enumerate().filter(|(i, _)| *i != 8).map(|(_, unit)| unit) {
            outcomes.push(decoder.decode(unit).map(|picture| picture.is_some()));
        }
        let name = decoder.name();
        assert!(outcomes[..8].iter().all(|o| *o == Ok(true)), "{name}: {outcomes:?}");
        assert!(matches!(outcomes[8], Err(DecodeError::Broken { .. })), "{name}: {outcomes:?}");
        assert!(outcomes[9..19].iter().all(|o| *o == Ok(false)), "{name}: {outcomes:?}");
        assert!(outcomes[19..].iter().all(|o| *o == Ok(true)), "{name}: {outcomes:?}");
    }
}

#[test]
fn the_camera_changes_its_size() {
    let (small, large) = (footage::units(&footage("vtest.h264"), 10), footage::units(&footage("hd-high.h264"), 10));
    for mut decoder in decoders() {
        let sizes: Vec<_> = [&small[..3], &large[..3], &small[20..23]]
            .concat()
            .iter()
            .zip(0..)
            .map(|(unit, i)| {
                let unit = AccessUnit { time: CaptureTime(i), ..unit.clone() };
                decoder.decode(&unit).unwrap().map(|picture| picture.planes().width)
            })
            .collect();
        assert_eq!(sizes, [768, 768, 768, 1920, 1920, 1920, 768, 768, 768].map(Some), "{}", decoder.name());
    }
}

/// On a machine without the device libavcodec decodes, and says why.
#[test]
fn a_chosen_device_gives_each_picture_at_once_bit_for_bit_whether_it_is_there_or_not() {
    let stream = footage("vtest.h264");
    let wanted = reference(&stream, 30);
    for choice in [DecoderChoice::Auto, DecoderChoice::Nvdec, DecoderChoice::Vaapi] {
        if choice.fault().is_some() {
            assert!(Decoder::new(Codec::H264, choice).is_err());
            continue;
        }
        let mut decoder = Decoder::new(Codec::H264, choice).unwrap();
        if let Some(why) = choice.shortfall() {
            assert!(why.starts_with("no such device: ") && decoder.name() == "libavcodec", "{why}");
        }
        let mut wanted = wanted.chunks(wanted.len() / 30);
        for unit in &footage::units(&stream, 10)[..30] {
            let picture = decoder.decode(unit).unwrap().expect("a picture for each unit");
            assert_eq!(picture.time(), unit.time);
            assert!(Some(&packed(&picture.planes())[..]) == wanted.next(), "{choice:?}: another at {}", unit.time);
        }
    }
}

#[cfg(feature = "libav")]
#[test]
fn a_memory_to_memory_device_that_is_not_there_is_told_of() {
    let mut decoder = Decoder::new(Codec::H264, DecoderChoice::V4l2M2m).unwrap();
    if DecoderChoice::V4l2M2m.shortfall().is_some() {
        assert_eq!(decoder.name(), "libavcodec");
        assert!(decoder.decode(&footage::units(&footage("vtest.h264"), 10)[0]).unwrap().is_some());
    }
}

#[test]
fn what_is_not_decoded_here_says_how_to_mend_it() {
    let h265 = Decoder::new(Codec::H265, DecoderChoice::Auto).map(|decoder| decoder.name());
    match cfg!(feature = "libav") {
        true => assert!(h265.unwrap().starts_with("libavcodec")),
        false => {
            let error = h265.expect_err("an error").to_string();
            assert!(error.starts_with("H.265 not decodable by this build: switch the camera to H.264"), "{error}");
        }
    }
    assert_eq!(DecoderChoice::Libav.fault().is_some(), Decoder::new(Codec::H264, DecoderChoice::Libav).is_err());
    for (option, value, what) in [("-flags", "+ildct+ilme", "interlaced"), ("-pix_fmt", "yuv422p", "8 bit 4:2:2")] {
        let source = ["-f", "lavfi", "-i", "testsrc=size=128x128:rate=10:duration=1"];
        let coder = ["-pix_fmt", "yuv420p", option, value, "-c:v", "libx264", "-f", "h264", "-"];
        let stream = run("ffmpeg", &[&source[..], &coder[..]].concat(), &[]);
        let mut decoder = openh264();
        let error = decoder.decode(&footage::units(&stream, 10)[0]).err().expect("an error").to_string();
        assert!(error.contains(what) && error.contains("set the camera to"), "{error}");
    }
}

/// Two cameras of the same make in turn on one decoder, each a group at a time, the second's clock far behind the first's.
#[test]
fn two_streams_in_turn_on_one_decoder_have_the_pictures_that_each_had_on_its_own() {
    let (plain, reordered) = (footage::units(&footage("vtest.h264"), 10), b_frames(60, PLAIN).0);
    for (units, name) in [(plain, "in order"), (reordered, "reordered")] {
        let starts: Vec<usize> = (0..units.len()).filter(|&n| units[n].key).take(3).collect();
        let [a, b] = [&units[starts[0]..starts[1]], &units[starts[1]..starts.get(2).copied().unwrap_or(units.len())]];
        for (mut shared, (mut one, mut other)) in decoders().zip(decoders().zip(decoders())) {
            let (first, second) = (decode_all(&mut one, a), decode_all(&mut other, b));
            assert!(first.len() > 15 && second.len() > 15, "{name}: {} and {}", first.len(), second.len());
            let mut in_turn = |units: &[AccessUnit]| {
                shared.begin_elsewhere(false);
                decode_all(&mut shared, units)
            };
            assert!(in_turn(a) == first && in_turn(b) == second && in_turn(a) == first, "{name}: other pictures");
            // Cut off in the middle, so that something may be held back.
            let cut = in_turn(&a[..a.len() / 2]);
            assert!(!cut.is_empty() && in_turn(b) == second, "{name}: other pictures after a cut");
        }
    }
}

/// What a stream has shown goes with it, and not with the decoder.
#[test]
fn b_frames_that_nobody_announced_cost_a_group_once_whoever_decodes() {
    let mut units = b_frames(90, PLAIN).0;
    leave_unsaid(&mut units);
    let (first, rest) = units.split_at(units.iter().skip(1).position(|unit| unit.key).unwrap() + 1);
    let plain = &footage::units(&footage("vtest.h264"), 10)[..20];
    let mut decoder = openh264();
    let lost = decode_all(&mut decoder, first).len();
    assert!(lost < first.len() && decoder.reorders(), "{lost} of {}", first.len());
    let (known, mut another) = (decoder.reorders(), openh264());
    assert_eq!(decode_all(&mut another, plain).len(), 20);
    another.begin_elsewhere(known);
    assert_eq!(decode_all(&mut another, rest).len(), rest.len(), "it was known");
    another.begin_elsewhere(false);
    assert_eq!(decode_all(&mut another, plain).len(), 20);
    assert!(!another.reorders());
}

#[test]
fn a_decoder_suits_what_its_parameter_sets_say() {
    let (door, yard) = (footage::units(&footage("vtest.h264"), 10), footage::units(&footage("hd-high.h264"), 30));
    let mut decoder = openh264();
    assert!(!decoder.suits(&door[0]));
    decoder.decode(&door[0]).unwrap();
    assert!(decoder.suits(&door[0]) && !decoder.suits(&yard[0]));
}

#[test]
fn who_looks_back_has_the_same_pictures_again() {
    let units = &footage::units(&footage("vtest.h264"), 10)[..50];
    for mut decoder in decoders() {
        let pictures = |decoder: &mut Decoder, units: &[AccessUnit]| -> Vec<_> {
            let all = units.iter().map(|unit| decoder.decode(unit).unwrap().map(|p| (p.time(), packed(&p.planes()))));
            all.flatten().collect()
        };
        let first = pictures(&mut decoder, units);
        decoder.begin_again();
        assert!(pictures(&mut decoder, &units[10..20]).is_empty(), "no key picture");
        let again = pictures(&mut decoder, &units[20..]);
        assert!(units[20].key && again == first[20..], "{}", decoder.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn broken_bytes_are_errors_or_pictures_and_nothing_worse(
        damage in prop::collection::vec((0usize..40, any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>(),
    ) {
        let mut units = footage::units(&footage("vtest.h264"), 10)[..40].to_vec();
        for (unit, at, byte) in damage {
            let mut data = units[unit].data.to_vec();
            let at = at.index(data.len());
            data[at] = byte;
            units[unit].data = Bytes::from(data);
        }
        let short = cut.index(units[7].data.len());
        units[7].data = units[7].data.slice(..short);
        for mut decoder in decoders() {
            let mut last = None;
            for unit in &units {
                if let Ok(Some(picture)) = decoder.decode(unit) {
                    prop_assert!(last < Some(picture.time()) && picture.planes().is_sound());
                    last = Some(picture.time());
                }
            }
        }
    }
}
