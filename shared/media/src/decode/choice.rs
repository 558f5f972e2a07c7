//! Who decodes.

use serde::Deserialize;

#[cfg(feature = "libav")]
use super::libav::{self, Hardware};

/// Which program decodes H.264, and in what hardware.
///
/// A device that is not there, or that does not decode a stream, leaves that to libavcodec's software.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecoderChoice {
    /// libavcodec where this build has it, with NVDEC or VA-API where this machine has that; openh264 otherwise.
    #[default]
    Auto,
    /// openh264.
    OpenH264,
    /// libavcodec, in software.
    Libav,
    /// libavcodec with NVDEC of an NVIDIA card.
    Nvdec,
    /// libavcodec with VA-API, of Intel's and AMD's graphics.
    Vaapi,
    /// libavcodec with a memory-to-memory device of V4L2, as small boards have. Its pictures come some units late, so that
    /// it is never chosen by `auto`.
    V4l2M2m,
}

impl DecoderChoice {
    /// Why this build can't do it, and how to mend that; `None` where it can.
    pub fn fault(self) -> Option<&'static str> {
        let missing = cfg!(not(feature = "libav")) && !matches!(self, Self::Auto | Self::OpenH264);
        missing.then_some("libavcodec is not in this build: build with `--features libav`, or choose \"openh264\"")
    }

    /// Why software decodes H.264 although a device was chosen: it is not there. `None` where it is, where none was
    /// chosen, and where [`DecoderChoice::fault`] says more.
    pub fn shortfall(self) -> Option<String> {
        #[cfg(feature = "libav")]
        if let [hardware] = self.hardware() {
            return libav::probe(*hardware).err();
        }
        None
    }

    /// What is tried before software.
    #[cfg(feature = "libav")]
    pub(super) fn hardware(self) -> &'static [Hardware] {
        match self {
            Self::Auto => &[Hardware::Nvdec, Hardware::Vaapi],
            Self::OpenH264 | Self::Libav => &[],
            Self::Nvdec => &[Hardware::Nvdec],
            Self::Vaapi => &[Hardware::Vaapi],
            Self::V4l2M2m => &[Hardware::V4l2M2m],
        }
    }
}
