//! An H.265 byte stream made up here: parameter sets as libx265 writes them, before slices of which only the heads are
//! real. Enough for all that does not decode.

/// Pixels.
pub const WIDTH: u32 = 98;
/// Pixels.
pub const HEIGHT: u32 = 50;

/// Groups of pictures, and pictures in each.
const GROUPS: usize = 4;
const GROUP: usize = 10;

const VPS: &[u8] = &[
    0x40, 0x01, 0x0c, 0x01, 0xff, 0xff, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03,
    0x00, 0x1e, 0x95, 0x98, 0x09,
];
/// Main, 98x50, nothing reordered.
const SPS: &[u8] = &[
    0x42, 0x01, 0x01, 0x01, 0x60, 0x00, 0x00, 0x03, 0x00, 0x90, 0x00, 0x00, 0x03, 0x00, 0x00, 0x03, 0x00, 0x1e, 0xa0,
    0x34, 0x83, 0x9c, 0x92, 0x65, 0x92, 0xae, 0x4c, 0xaf, 0x01, 0x68, 0x08, 0x00, 0x00, 0x03, 0x00, 0x08, 0x00, 0x00,
    0x03, 0x00, 0x50, 0x40,
];
const PPS: &[u8] = &[0x44, 0x01, 0xc1, 0x72, 0xb4, 0x62, 0x40];
/// Video, sequence and picture parameter set, that real cameras have sent (from retina's tests), and the size in pixels.
pub type CameraSets = ([&'static [u8]; 3], (u32, u32));

/// Tenda CP3PRO.
pub const TENDA: CameraSets = (
    [
        b"\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\x2c\x0c\x00\x02\x00\
          \x00\x03\x00\x28\x00\x02\x00\x02\x80",
        b"\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\xa0\x05\x02\x01\x71\x65\x2e\x49\
          \x32\x4b\xb2",
        b"\x44\x01\xc0\xf2\xf0\x33\x24",
    ],
    (640, 368),
);

/// Xiaomi YI Pro 2K Home: its reference picture sets are predicted from each other.
pub const XIAOMI: CameraSets = (
    [
        b"\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x00\x03\x00\x00\x03\x00\x00\x03\x00\xba\xac\x09",
        b"\x42\x01\x01\x01\x60\x00\x00\x03\x00\x00\x03\x00\x00\x03\x00\x00\x03\x00\xba\xa0\x01\x20\x20\x05\x11\xfe\
          \x5a\xee\x44\x88\x8b\xf2\xdc\xd4\x04\x04\x04\x02",
        b"\x44\x01\xc0\xf2\x84\x89\x03\x32\x40",
    ],
    (2304, 1296),
);

/// One whose pictures have several temporal layers, as those of Reolink; its other two sets are made up.
pub const LAYERS: CameraSets = (
    [
        VPS,
        b"\x42\x01\x04\x21\x60\x00\x00\x03\x00\x00\x03\x00\x00\x03\x00\x00\x03\x00\x7b\x00\x00\xa0\x03\xc0\x80\x11\
          \x07\xcb\xeb\x5a\xd3\x92\x89\xae\x55\x64",
        PPS,
    ],
    (1920, 1080),
);

/// Headers of a slice of an IDR picture and of one that follows (IDR_W_RADL, TRAIL_R).
const KEY: [u8; 2] = [0x26, 0x01];
const DELTA: [u8; 2] = [0x02, 0x01];
/// `first_slice_segment_in_pic_flag` and what may follow it.
const FIRST: u8 = 0xd0;
const SECOND: u8 = 0x50;

/// Four groups of ten pictures of two slices each, every picture another: key pictures of several packets with their
/// parameter sets, and small ones.
pub fn stream() -> Vec<u8> {
    stream_with([VPS, SPS, PPS])
}

/// The same with other parameter sets.
pub fn stream_with(sets: [&[u8]; 3]) -> Vec<u8> {
    let mut stream = vec![];
    let mut unit = |nal: &[u8]| stream.extend_from_slice(&[&[0, 0, 0, 1][..], nal].concat());
    let mut random = 1u32;
    for picture in 0..GROUPS * GROUP {
        let key = picture % GROUP == 0;
        if key {
            sets.into_iter().for_each(&mut unit);
        }
        for begin in [FIRST, SECOND] {
            let (header, size) = if key { (KEY, 4000) } else { (DELTA, 300 + picture) };
            let body = std::iter::repeat_with(|| {
                // Numerical Recipes' generator.
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // No zero, so that nothing in it looks like a start code.
                (random >> 24) as u8 | 1
            });
            unit(&header.into_iter().chain([begin]).chain(body.take(size)).collect::<Vec<_>>());
        }
    }
    stream
}

#[cfg(test)]
mod tests {
    use omma_media::bitstream::access_unit::split_access_units;
    use omma_media::bitstream::h265::Sps;
    use omma_media::bitstream::{detect_codec, is_key};
    use omma_protocol::unit::Codec;

    use super::*;

    #[test]
    fn it_is_read_as_h265() {
        let stream = stream();
        assert_eq!(detect_codec(&stream), Some(Codec::H265));
        let sps = Sps::find(&stream).unwrap();
        assert_eq!((sps.width, sps.height, sps.reorders), (WIDTH, HEIGHT, false));
        let keys: Vec<bool> = split_access_units(&stream).into_iter().map(|unit| is_key(Codec::H265, unit)).collect();
        assert_eq!(keys, (0..GROUPS * GROUP).map(|n| n % GROUP == 0).collect::<Vec<_>>());
    }
}
