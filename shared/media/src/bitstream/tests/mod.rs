//! Parameter sets of encoders whose meaning ffprobe confirmed, parameter sets written here field by field, and
//! garbage.

mod access_unit;
mod h264;
mod h265;
mod writer;

use bytes::Bytes;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use proptest::prelude::*;

use super::*;

pub(crate) use h264::without_usability_information;

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn unit(codec: Codec, data: Vec<u8>) -> AccessUnit {
    AccessUnit { time: CaptureTime(0), key: is_key(codec, &data), codec, data: Bytes::from(data) }
}

fn stream(nals: &[Vec<u8>]) -> Vec<u8> {
    nals.iter().flat_map(|nal| [&[0, 0, 0, 1][..], nal].concat()).collect()
}

#[test]
fn a_watch_learns_that_a_stream_reorders_when_a_b_slice_comes() {
    let unsaid = bytes("67640033ac1514a0a02ff950");
    assert_eq!(super::h264::Sps::parse(&unsaid).unwrap().reordering, super::h264::Reordering::Unsaid);
    // first_mb_in_slice 0 and slice_type 7 (I), 5 (P), 6 (B).
    let [i, p, b] = [[0x65, 0x88, 0x80], [0x41, 0x98, 0x80], [0x01, 0x9e, 0x80]].map(|slice| slice.to_vec());
    let key = || unit(Codec::H264, stream(&[unsaid.clone(), i.clone()]));
    let mut watch = Watch::default();
    assert!(watch.see(&unit(Codec::H264, stream(std::slice::from_ref(&b)))).is_none(), "nothing is known yet");
    assert!(!watch.see(&key()).unwrap().reorders);
    assert!(watch.see(&unit(Codec::H264, stream(&[p]))).is_none() && watch.see(&key()).is_none());
    assert!(watch.see(&unit(Codec::H264, stream(&[b]))).unwrap().reorders);
    assert!(watch.see(&key()).is_none(), "it stays as seen");
    assert!(watch.info().unwrap().reorders);
    let other = stream(&[bytes("6742c00ad9047b011000000300100000030140f1226480"), i]);
    let info = watch.see(&unit(Codec::H264, other)).unwrap();
    assert_eq!((info.width, info.height, info.reorders), (64, 48, false));
}

#[test]
fn key_pictures_and_codecs() {
    assert!(is_key(Codec::H264, &stream(&[vec![9, 0xf0], vec![0x65, 0x88]])));
    assert!(!is_key(Codec::H264, &stream(&[vec![9, 0xf0], vec![0x41, 0x9a]])));
    assert!(is_key(Codec::H265, &stream(&[vec![0x26, 1, 0xaf]])), "IDR_W_RADL");
    assert!(is_key(Codec::H265, &stream(&[vec![0x2a, 1, 0xaf]])), "CRA");
    assert!(!is_key(Codec::H265, &stream(&[vec![0x02, 1, 0xd0]])), "TRAIL_R");
    assert_eq!(detect_codec(&stream(&[bytes("67640033ac1514a0a02ff950")])), Some(Codec::H264));
    assert_eq!(
        detect_codec(&stream(&[bytes(
            "42010101600000030090000003000003001ea034839c926592ae4caf0168080000030008000003005040"
        )])),
        Some(Codec::H265)
    );
    assert_eq!(detect_codec(b"no video at all"), None);
}

proptest! {
    #[test]
    fn garbage_never_panics(data in prop::collection::vec(prop_oneof![Just(0u8), Just(1), Just(0x67), Just(0x42), any::<u8>()], 0..400)) {
        let mut watch = Watch::default();
        for codec in [Codec::H264, Codec::H265] {
            let mut unit = unit(codec, data.clone());
            let _read = video_info(&unit);
            drop(watch.see(&unit).cloned());
            unit.key = true;
            drop(watch.see(&unit).cloned());
        }
        let _read = super::h264::Sps::parse(&data);
        let _read = super::h265::Sps::parse(&data);
        let _either = super::h264::has_b_slice(&data);
    }
}
