//! The programs that decode, as one.

use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use openh264::decoder::DecodedYUV;

#[cfg(feature = "libav")]
use super::libav;
use super::{DecodeError, DecoderChoice, openh264 as ours};
use crate::bitstream::h264::Sps;
use crate::frame::{Colour, Planes};

pub(super) enum Backend {
    OpenH264(ours::OpenH264),
    #[cfg(feature = "libav")]
    Libav(libav::Libav),
}

impl Backend {
    #[cfg(feature = "libav")]
    pub(super) fn new(codec: Codec, choice: DecoderChoice) -> Result<Self, DecodeError> {
        match (codec, choice) {
            (Codec::H264, DecoderChoice::OpenH264) => ours::OpenH264::new().map(Self::OpenH264),
            (Codec::H264 | Codec::H265, _) => libav::Libav::new(codec, choice).map(Self::Libav),
        }
    }

    #[cfg(not(feature = "libav"))]
    pub(super) fn new(codec: Codec, choice: DecoderChoice) -> Result<Self, DecodeError> {
        match (codec, choice.fault()) {
            (Codec::H265, _) => Err(DecodeError::NotInThisBuild { codec }),
            (Codec::H264, Some(fault)) => Err(DecodeError::Create(fault.to_owned())),
            (Codec::H264, None) => ours::OpenH264::new().map(Self::OpenH264),
        }
    }

    pub(super) fn restart(&mut self) -> Result<(), DecodeError> {
        match self {
            Self::OpenH264(backend) => backend.restart(),
            #[cfg(feature = "libav")]
            Self::Libav(backend) => backend.restart(),
        }
    }

    pub(super) fn announced(&mut self, sps: &Sps) {
        match self {
            Self::OpenH264(backend) => backend.announced(sps.reordering),
            #[cfg(feature = "libav")]
            Self::Libav(backend) => backend.announced(sps),
        }
    }

    /// Whether the stream that begins is reordered though nothing says so.
    pub(super) fn knows(&mut self, reorders: bool) {
        match self {
            Self::OpenH264(backend) => backend.knows(reorders),
            #[cfg(feature = "libav")]
            Self::Libav(_) => {}
        }
    }

    /// Whether it may hold pictures back.
    pub(super) fn holds_back(&self) -> bool {
        match self {
            Self::OpenH264(backend) => backend.holds_back(),
            #[cfg(feature = "libav")]
            Self::Libav(_) => true,
        }
    }

    pub(super) fn needs_key(&mut self, unit: &AccessUnit) -> bool {
        match self {
            Self::OpenH264(backend) => backend.needs_key(unit),
            #[cfg(feature = "libav")]
            Self::Libav(_) => false,
        }
    }

    pub(super) fn decode(&mut self, unit: &AccessUnit) -> Result<Option<(CaptureTime, Picture<'_>)>, String> {
        Ok(match self {
            Self::OpenH264(backend) => backend.decode(unit)?.map(|(time, picture)| (time, Picture::OpenH264(picture))),
            #[cfg(feature = "libav")]
            Self::Libav(backend) => backend.decode(unit)?.map(|time| (time, Picture::Libav(backend))),
        })
    }

    pub(super) fn drain(&mut self, colour: Colour, mut each: impl FnMut(CaptureTime, Planes<'_>)) {
        match self {
            Self::OpenH264(backend) => backend.drain(|time, picture| each(time, ours::planes(picture, colour))),
            #[cfg(feature = "libav")]
            Self::Libav(backend) => backend.drain(colour, each),
        }
    }
}

/// Where a picture lies.
pub(super) enum Picture<'a> {
    OpenH264(DecodedYUV<'a>),
    #[cfg(feature = "libav")]
    Libav(&'a mut libav::Libav),
}
