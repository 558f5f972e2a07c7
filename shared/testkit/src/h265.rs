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
/// Headers of a slice of an IDR picture and of one that follows (IDR_W_RADL, TRAIL_R).
const KEY: [u8; 2] = [0x26, 0x01];
const DELTA: [u8; 2] = [0x02, 0x01];
/// `first_slice_segment_in_pic_flag` and what may follow it.
const FIRST: u8 = 0xd0;
const SECOND: u8 = 0x50;

/// Four groups of ten pictures of two slices each, every picture another: key pictures of several packets with their
/// parameter sets, and small ones.
pub fn stream() -> Vec<u8> {
    let mut stream = vec![];
    let mut unit = |nal: &[u8]| stream.extend_from_slice(&[&[0, 0, 0, 1][..], nal].concat());
    let mut random = 1u32;
    for picture in 0..GROUPS * GROUP {
        let key = picture % GROUP == 0;
        if key {
            [VPS, SPS, PPS].into_iter().for_each(&mut unit);
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
