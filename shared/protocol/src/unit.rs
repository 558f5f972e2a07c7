//! One coded picture.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::CaptureTime;

/// How pictures are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

impl Codec {
    /// The name as people write it.
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "H.264",
            Codec::H265 => "H.265",
        }
    }
}

/// By how much a picture may have been taken before one that was sent before it: a B-picture is sent after the picture
/// that is shown after it. Three in a row at four pictures a second, or 16, the most there can be (`MaxDpbFrames`, H.264
/// §A.3.1), at 16.
pub const REORDERED: Duration = Duration::from_secs(1);

/// One access unit (H.264 §7.4.1.2): every NAL unit of one picture.
///
/// `data` is a byte stream (H.264 Annex B) with four-byte start codes; a key picture carries its parameter sets in
/// front, so that decoding can begin at any `key` unit with nothing else known. Cloning copies no pixels or bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessUnit {
    /// When the picture was taken, which is when it is to be shown. Units come in the order of decoding: of a stream with
    /// B-pictures, times go back by up to [`REORDERED`].
    pub time: CaptureTime,
    /// Whether decoding can begin here: IDR, of H.265 also BLA and CRA, after which pictures may come that who begins here can't
    /// decode.
    pub key: bool,
    /// How `data` is coded.
    pub codec: Codec,
    /// The byte stream.
    pub data: Bytes,
}
