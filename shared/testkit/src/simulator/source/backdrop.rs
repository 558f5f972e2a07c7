//! Real footage behind a clock, so that there is something to detect in a picture whose time of capture is known.

use std::path::Path;
use std::sync::Arc;

use omma_media::bitstream::access_unit::split_access_units;
use omma_media::bitstream::is_key;
use omma_media::decode::{Decoder, DecoderChoice};
use omma_media::frame::{Frame, FramePool, Planes};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};

use super::{Rate, SourceError};

/// Pictures kept decoded: 6 s, 83 MB at 1280x720.
const KEPT: usize = 60;
/// How fast the footage is shown, pictures a second.
const SHOWN: f32 = 10.0;

/// Decoded footage of a clock's size, shown forwards and backwards in turn, so that nothing in it ever jumps.
#[derive(Debug)]
pub(super) struct Backdrop {
    frames: Vec<Arc<Frame>>,
}

impl Backdrop {
    pub(super) fn read(path: &Path, width: usize, height: usize) -> Result<Self, SourceError> {
        let bytes = std::fs::read(path).map_err(|error| SourceError::Read { path: path.to_owned(), error })?;
        let fault = |fault| SourceError::Footage { path: path.to_owned(), fault };
        let pool = FramePool::new(KEPT);
        let mut decoder =
            Decoder::new(Codec::H264, DecoderChoice::Auto).map_err(|_| fault("the decoder can't be started"))?;
        let mut frames = vec![];
        for (number, data) in split_access_units(&bytes).into_iter().take(KEPT).enumerate() {
            let key = is_key(Codec::H264, data);
            let data = bytes::Bytes::copy_from_slice(data);
            let unit = AccessUnit { time: CaptureTime(number as i64), key, codec: Codec::H264, data };
            let decoded = decoder.decode(&unit).map_err(|_| fault("a picture of it can't be decoded"))?;
            frames.extend(decoded.map(|decoded| decoded.into_frame(&pool)));
        }
        let fits = |frame: &Arc<Frame>| (frame.width as usize, frame.height as usize) == (width, height);
        if frames.is_empty() || !frames.iter().all(fits) {
            return Err(fault("its pictures are not of the clock's size"));
        }
        Ok(Self { frames })
    }

    /// What stands behind picture `number` of the clock.
    pub(super) fn behind(&self, number: u64, rate: Rate) -> Planes<'_> {
        let shown = (number as f64 * f64::from(SHOWN / rate.hz())) as usize;
        let round = 2 * (self.frames.len() - 1).max(1);
        let place = shown % round;
        self.frames[place.min(round - place).min(self.frames.len() - 1)].planes()
    }
}
