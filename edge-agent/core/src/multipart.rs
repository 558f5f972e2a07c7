//! JPEG pictures out of a stream of parts: MJPEG over HTTP (`multipart/x-mixed-replace`, RFC 2046 §5.1).
//!
//! ```text
//!            start of image                       end of image, or the promised length
//!  Between ────────────────▶ Picture (walked) ──────────────────────────────────────▶ Between
//! ```
//!
//! What cameras get wrong is what stands *around* the pictures: a boundary that is not the one announced, with dashes or
//! quotes too many, no `Content-Length` or a wrong one, no empty line, garbage. What they get right is the JPEG. So the
//! boundary is not looked at. A picture begins with its start-of-image marker and is walked by its own segments
//! (ITU-T T.81 §B.1) to its end; a thumbnail in a segment is passed over with it. `Content-Length` is a hint that ends a
//! picture which has no end-of-image marker, where what follows looks like the end of a part. A picture in which another one
//! begins was cut off: it is thrown away and counted, because its missing half would be shown as something else, and be
//! taken for motion.
//!
//! Invariant: however the bytes are cut, the same pictures come out. Holds at most [`MAX_PICTURE`] and what came last.

use bytes::{Buf, Bytes, BytesMut};

use crate::Moment;

/// Largest picture that is taken, bytes.
pub const MAX_PICTURE: usize = 8 << 20;
/// Most bytes between two pictures: other parts, such as sound, are passed over.
pub const MAX_BETWEEN: usize = 1 << 20;
/// Of what lies between, this much in front of a picture is searched for the headers of its part.
const HEAD: usize = 4096;
/// Start of image, and the first byte of the marker that follows.
const START: [u8; 3] = [MARKER, START_OF_IMAGE, MARKER];
const MARKER: u8 = 0xff;
const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// A picture as it came: from its start of image on, and mostly to its end of image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// JPEG.
    pub data: Bytes,
    /// When its first bytes came.
    pub began: Moment,
}

/// Why a stream can't be read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MultipartError {
    /// Over [`MAX_PICTURE`].
    #[error("a picture of more than {} MiB: choose a smaller size or a lower quality in the camera", MAX_PICTURE >> 20)]
    TooLarge,
    /// Over [`MAX_BETWEEN`].
    #[error("there is no JPEG in the stream: choose MJPEG (Motion JPEG) for this address in the camera")]
    NoPicture,
}

/// Reads one stream. After an error it is of no more use.
#[derive(Debug, Default)]
pub struct Multipart {
    buffer: BytesMut,
    /// When the newest bytes came.
    now: Moment,
    /// Bytes that were let go since the last picture.
    passed: usize,
    picture: Option<Walk>,
    cut_off: u64,
}

/// A picture that is at the front of the buffer.
#[derive(Debug)]
struct Walk {
    began: Moment,
    /// Up to here its structure is known. May lie behind the end of the buffer.
    at: usize,
    /// Within entropy-coded data, not between segments.
    coded: bool,
    /// `Content-Length` of its part.
    promised: Option<usize>,
}

/// Where a picture ends, in bytes from its beginning.
#[derive(Debug, Clone, Copy)]
enum End {
    Whole(usize),
    /// Another one begins here.
    CutOff(usize),
}

impl Multipart {
    /// Takes what came at `now`. Call [`Self::next_picture`] until there is none.
    pub fn push(&mut self, bytes: &[u8], now: Moment) {
        self.buffer.extend_from_slice(bytes);
        self.now = now;
    }

    /// Pictures thrown away because they were cut off.
    pub fn cut_off(&self) -> u64 {
        self.cut_off
    }

    /// The next whole picture.
    ///
    /// # Errors
    /// See [`MultipartError`].
    pub fn next_picture(&mut self) -> Result<Option<Picture>, MultipartError> {
        loop {
            let mut walk = match self.picture.take() {
                Some(walk) => walk,
                None => match self.begin()? {
                    Some(walk) => walk,
                    None => return Ok(None),
                },
            };
            let end = walk.go_on(&self.buffer);
            let reached = match end {
                Some(End::Whole(at) | End::CutOff(at)) => at,
                None => walk.at.min(self.buffer.len()),
            };
            if reached > MAX_PICTURE {
                return Err(MultipartError::TooLarge);
            }
            match end {
                Some(End::Whole(_)) => {
                    return Ok(Some(Picture { data: self.buffer.split_to(reached).freeze(), began: walk.began }));
                }
                Some(End::CutOff(_)) => {
                    self.buffer.advance(reached);
                    self.cut_off += 1;
                }
                None => {
                    self.picture = Some(walk);
                    return Ok(None);
                }
            }
        }
    }

    /// Looks for a start of image and brings it to the front of the buffer.
    fn begin(&mut self) -> Result<Option<Walk>, MultipartError> {
        let found = self.buffer.windows(START.len()).position(|bytes| bytes == START);
        let last = self.buffer.len().saturating_sub(START.len() - 1);
        if self.passed + found.unwrap_or(last) > MAX_BETWEEN {
            return Err(MultipartError::NoPicture);
        }
        let Some(start) = found else {
            // What is kept may hold headers, and at its end the beginning of a start of image.
            let over = self.buffer.len().saturating_sub(HEAD + START.len());
            self.buffer.advance(over);
            self.passed += over;
            return Ok(None);
        };
        let promised = content_length(&self.buffer[start.saturating_sub(HEAD)..start]);
        self.buffer.advance(start);
        self.passed = 0;
        Ok(Some(Walk { began: self.now, at: 0, coded: false, promised }))
    }
}

impl Walk {
    /// Walks as far as the bytes go. The picture's end, where it is among them.
    fn go_on(&mut self, picture: &[u8]) -> Option<End> {
        loop {
            if let Some(promised) = self.promised.filter(|&promised| self.at >= promised) {
                if matches!(picture.get(promised)?, b'\r' | b'\n' | b'-') {
                    return Some(End::Whole(promised));
                }
                self.promised = None;
            }
            if self.coded {
                let until = self.promised.unwrap_or(picture.len()).min(picture.len());
                let data = picture.get(self.at..until).unwrap_or_default();
                self.at += data.iter().position(|&byte| byte == MARKER).unwrap_or(data.len());
                // Where the promised length is reached, it is looked at first.
                if self.at == until && self.promised == Some(until) {
                    continue;
                }
            }
            let (&first, &second) = (picture.get(self.at)?, picture.get(self.at + 1)?);
            match (first, second) {
                // Not where a marker should be, or a fill byte (§B.1.1.2).
                (..MARKER, _) | (MARKER, MARKER) => self.at += 1,
                // A stuffed byte, restart or temporary marker: stand alone (§B.1.1.3).
                (MARKER, 0x00 | 0x01 | 0xd0..=0xd7) => self.at += 2,
                (MARKER, START_OF_IMAGE) if self.at == 0 => self.at += 2,
                (MARKER, START_OF_IMAGE) => return Some(End::CutOff(self.at)),
                (MARKER, END_OF_IMAGE) => return Some(End::Whole(self.at + 2)),
                (MARKER, segment) => {
                    let length = [*picture.get(self.at + 2)?, *picture.get(self.at + 3)?];
                    self.at += 2 + usize::from(u16::from_be_bytes(length));
                    self.coded = segment == START_OF_SCAN;
                }
            }
        }
    }
}

/// The value of the last such header in front of a picture (RFC 9110 §8.6).
fn content_length(head: &[u8]) -> Option<usize> {
    let value = |line: &[u8]| {
        let (name, value) = line.split_at_checked(line.iter().position(|&byte| byte == b':')?)?;
        let is_length = name.trim_ascii().eq_ignore_ascii_case(b"content-length");
        is_length.then(|| std::str::from_utf8(&value[1..]).ok()?.trim().parse::<usize>().ok())?
    };
    head.rsplit(|&byte| byte == b'\n').find_map(value).filter(|&length| length > START.len())
}

#[cfg(test)]
mod tests;
