//! What one access unit, or a stream of them, is.

use omma_protocol::camera::VideoInfo;
use omma_protocol::unit::{AccessUnit, Codec};

use super::nal::nals;
use super::{h264, h265};

/// Whether decoding can begin at this access unit: an IDR picture in H.264, any intra random access point in H.265.
pub fn is_key(codec: Codec, data: &[u8]) -> bool {
    nals(data).any(|nal| match codec {
        Codec::H264 => nal.h264_type() == h264::IDR,
        Codec::H265 => h265::is_random_access(nal.h265_type()),
    })
}

/// What people call a `chroma_format_idc` (H.264 and H.265 §6.2): `"4:2:0"` for 1, `"?"` over 3.
pub fn chroma_name(chroma_format: u8) -> &'static str {
    match chroma_format {
        0 => "4:0:0",
        1 => "4:2:0",
        2 => "4:2:2",
        3 => "4:4:4",
        _ => "?",
    }
}

/// How a byte stream is coded, by its first parameter set that can be read. `None` where there is none.
pub fn detect_codec(stream: &[u8]) -> Option<Codec> {
    nals(stream).find_map(|nal| {
        if nal.h264_type() == h264::SPS && h264::Sps::parse(nal.bytes).is_some() {
            Some(Codec::H264)
        } else if nal.h265_type() == h265::SPS && h265::Sps::parse(nal.bytes).is_some() {
            Some(Codec::H265)
        } else {
            None
        }
    })
}

/// What the parameter sets of this access unit say; `None` where it has none that can be read.
///
/// An H.264 stream that says nothing of its order counts as in order as long as the unit has no B slice. A key
/// picture never has one: who follows a stream should use [`Watch`].
pub fn video_info(unit: &AccessUnit) -> Option<VideoInfo> {
    let (width, height, reorders) = match unit.codec {
        Codec::H264 => {
            let sps = h264::Sps::find(&unit.data)?;
            let reorders = match sps.reordering {
                h264::Reordering::Never => false,
                h264::Reordering::Unsaid => h264::has_b_slice(&unit.data),
                h264::Reordering::Announced => true,
            };
            (sps.width, sps.height, reorders)
        }
        Codec::H265 => {
            let sps = h265::Sps::find(&unit.data)?;
            (sps.width, sps.height, sps.reorders)
        }
    };
    Some(VideoInfo { codec: unit.codec, width, height, reorders })
}

/// Follows a stream's [`VideoInfo`]: its parameter sets may change, and whether an H.264 stream reorders shows only
/// once a B slice comes where the parameter sets say nothing.
///
/// ```text
/// Unknown ──key picture──▶ in order ──B slice──▶ reorders
///                             ▲  └─ key picture: size ─┘ (the order stays as seen while the parameter set is the same)
/// ```
#[derive(Debug, Clone, Default)]
pub struct Watch {
    info: Option<VideoInfo>,
    /// Whether B slices are still to be looked for.
    unsaid: bool,
}

impl Watch {
    /// Takes the next unit. Gives the stream's information where it is new or has changed.
    pub fn see(&mut self, unit: &AccessUnit) -> Option<&VideoInfo> {
        let changed = if unit.key { self.see_key(unit) } else { self.see_slices(unit) };
        if changed { self.info.as_ref() } else { None }
    }

    /// What is known so far.
    pub fn info(&self) -> Option<&VideoInfo> {
        self.info.as_ref()
    }

    fn see_key(&mut self, unit: &AccessUnit) -> bool {
        let Some(mut info) = video_info(unit) else { return false };
        self.unsaid = unit.codec == Codec::H264
            && h264::Sps::find(&unit.data).is_some_and(|sps| sps.reordering == h264::Reordering::Unsaid);
        if let Some(known) = &self.info {
            let same_stream = (known.codec, known.width, known.height) == (info.codec, info.width, info.height);
            info.reorders |= self.unsaid && same_stream && known.reorders;
        }
        let changed = self.info.as_ref() != Some(&info);
        self.info = Some(info);
        changed
    }

    fn see_slices(&mut self, unit: &AccessUnit) -> bool {
        let Some(info) = &mut self.info else { return false };
        if !self.unsaid || info.reorders || !h264::has_b_slice(&unit.data) {
            return false;
        }
        info.reorders = true;
        true
    }
}
