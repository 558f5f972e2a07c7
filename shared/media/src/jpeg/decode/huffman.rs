//! Motion JPEG leaves the Huffman tables out, because they are always the same: those of ITU-T T.81 Annex K.3.

use std::borrow::Cow;

const MARKER: u8 = 0xff;
const HUFFMAN_TABLES: u8 = 0xc4;
const START_OF_SCAN: u8 = 0xda;
/// An APP0 segment as motion JPEG has it in AVI: to the decoder it says that tables which are missing are those.
const AVI1: [u8; 9] = *b"\xff\xe0\x00\x07AVI1\0";

/// The file, with word of the tables in front of its first scan where it has none. A file that can't be understood stays as it
/// is, for the decoder to say what is wrong with it.
pub(super) fn with_tables(jpeg: &[u8]) -> Cow<'_, [u8]> {
    match scan_without_tables(jpeg) {
        Some(at) => Cow::Owned([&jpeg[..at], &AVI1[..], &jpeg[at..]].concat()),
        None => Cow::Borrowed(jpeg),
    }
}

/// Where the first scan begins, if no tables stand in front of it.
fn scan_without_tables(jpeg: &[u8]) -> Option<usize> {
    // Behind the start of image.
    let mut at = 2;
    loop {
        match (*jpeg.get(at)?, *jpeg.get(at + 1)?) {
            (MARKER, HUFFMAN_TABLES) => return None,
            (MARKER, START_OF_SCAN) => return Some(at),
            (MARKER, 0xc0..=0xfe) => {
                let length = u16::from_be_bytes([*jpeg.get(at + 2)?, *jpeg.get(at + 3)?]);
                at += 2 + usize::from(length);
            }
            // A fill byte, or what should not be there.
            _ => at += 1,
        }
    }
}
