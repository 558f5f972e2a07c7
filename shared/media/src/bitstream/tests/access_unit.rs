use proptest::prelude::*;

use super::super::access_unit::split_access_units;
use super::super::is_key;
use super::{bytes, proptest, stream};
use crate::footage;
use omma_protocol::unit::Codec;

const SPS: &str = "67640033ac1514a0a02ff950";

/// Slices of H.264 by `first_mb_in_slice` 0 and 1.
const FIRST: [u8; 3] = [0x41, 0x9a, 0x80];
const SECOND: [u8; 3] = [0x41, 0x4d, 0x80];
const IDR: [u8; 3] = [0x65, 0x88, 0x80];

fn split(nals: &[&[u8]]) -> Vec<usize> {
    let stream = stream(&nals.iter().map(|nal| nal.to_vec()).collect::<Vec<_>>());
    split_access_units(&stream).iter().map(|unit| super::nal::nals(unit).count()).collect()
}

#[test]
fn units_begin_where_the_standard_says() {
    let sps = &bytes(SPS)[..];
    let (pps, delimiter, sei, end): (&[u8], &[u8], &[u8], &[u8]) = (&[0x68, 0xee], &[9, 0xf0], &[6, 5, 1], &[10]);
    assert_eq!(split(&[sps, pps, &IDR, &FIRST, &FIRST]), [3, 1, 1]);
    assert_eq!(split(&[sps, pps, &IDR, &SECOND, &FIRST, &SECOND, &SECOND]), [4, 3], "slices of one picture");
    assert_eq!(split(&[delimiter, sps, pps, sei, &IDR, delimiter, sei, &FIRST]), [5, 3]);
    assert_eq!(split(&[sps, pps, &IDR, sps, pps, &IDR]), [3, 3], "parameter sets before each key picture");
    assert_eq!(split(&[sps, pps, &IDR, end, &FIRST]), [4, 1], "an end of sequence belongs to the picture before");
    assert_eq!(split(&[]), [0usize; 0]);
}

#[test]
fn real_footage_has_as_many_units_as_pictures() {
    for (name, pictures, keys_every) in [("vtest.h264", 795, Some(20)), ("hd-high.h264", 300, None)] {
        let stream = std::fs::read(footage::path(name)).unwrap();
        let units = split_access_units(&stream);
        assert_eq!(units.len(), pictures, "{name}");
        assert_eq!(units.concat(), stream, "{name}");
        assert!(is_key(Codec::H264, units[0]));
        if let Some(every) = keys_every {
            assert!(units.iter().enumerate().all(|(i, unit)| is_key(Codec::H264, unit) == (i % every == 0)), "{name}");
        }
    }
}

#[test]
fn h265_footage_has_as_many_units_as_pictures() {
    let source = ["-f", "lavfi", "-i", "testsrc=size=192x128:rate=10:duration=3", "-pix_fmt", "yuv420p"];
    let coder = ["-c:v", "libx265", "-x265-params", "bframes=3:keyint=12:slices=2:log-level=none", "-f", "hevc", "-"];
    let stream = footage::run("ffmpeg", &[&source[..], &coder[..]].concat(), &[]);
    let units = split_access_units(&stream);
    assert_eq!((units.len(), units.concat() == stream), (30, true));
    assert!(is_key(Codec::H265, units[0]) && !is_key(Codec::H265, units[1]));
}

proptest! {
    #[test]
    fn the_units_are_the_stream(
        garbage in prop::collection::vec(prop_oneof![3 => Just(0u8), 2 => Just(1), 1 => Just(0x65), 1 => Just(0x67), 1 => any::<u8>()], 0..300),
    ) {
        let units = split_access_units(&garbage);
        prop_assert_eq!(&units.concat(), &garbage);
        prop_assert!(units.iter().all(|unit| !unit.is_empty()));
    }
}
