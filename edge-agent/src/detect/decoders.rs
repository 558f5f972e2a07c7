//! Decoders, which take tens of megabytes each for pictures of 1080p: only cameras that are being decoded have one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omma_media::decode::{DecodeError, Decoder, DecoderChoice};
use omma_protocol::id::CameraId;
use omma_protocol::unit::{AccessUnit, Codec};

/// Clones share them.
#[derive(Clone)]
pub(crate) struct Decoders {
    idle: Arc<Mutex<Vec<Idle>>>,
    /// How many are kept for the next that needs one.
    kept: usize,
}

struct Idle {
    decoder: Decoder,
    camera: CameraId,
}

impl Decoders {
    pub(super) fn new(kept: usize) -> Self {
        Self { idle: Arc::default(), kept }
    }

    /// Whether there can be one, and its name.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&self, camera: &CameraId, choice: DecoderChoice) -> Result<&'static str, DecodeError> {
        let mut idle = self.lock();
        if let Some(idle) = idle.first() {
            return Ok(idle.decoder.name());
        }
        let decoder = Decoder::new(Codec::H264, choice)?;
        let name = decoder.name();
        idle.push(Idle { decoder, camera: camera.clone() });
        Ok(name)
    }

    /// One that decodes `unit`, a key picture, and what follows: the one that this camera had last, or one that had the
    /// same parameter sets, since another must begin anew, which costs some ten milliseconds. `reorders` is what
    /// [`Decoder::reorders`] said of this camera. Give it back ([`Decoders::give_back`]); one that is dropped is made anew.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) fn lease(
        &self,
        camera: &CameraId,
        unit: &AccessUnit,
        choice: DecoderChoice,
        reorders: bool,
    ) -> Result<Decoder, DecodeError> {
        let mut idle = self.lock();
        let ours = idle.iter().position(|idle| idle.camera == *camera);
        let place = ours.or_else(|| idle.iter().position(|idle| idle.decoder.suits(unit)));
        let found = match place {
            Some(place) => Some(idle.remove(place)),
            None if idle.is_empty() => None,
            // The one that has been idle for the longest.
            None => Some(idle.remove(0)),
        };
        drop(idle);
        let mut decoder = match found {
            Some(Idle { decoder, .. }) => decoder,
            None => Decoder::new(unit.codec, choice)?,
        };
        if ours.is_none() {
            decoder.begin_elsewhere(reorders);
        }
        Ok(decoder)
    }

    /// The camera needs it no more for now.
    pub(crate) fn give_back(&self, camera: &CameraId, decoder: Decoder) {
        let mut idle = self.lock();
        idle.push(Idle { decoder, camera: camera.clone() });
        let over = idle.len().saturating_sub(self.kept);
        let gone: Vec<Idle> = idle.drain(..over).collect();
        drop(idle);
        // Megabytes are given back outside of the lock.
        drop(gone);
    }

    /// The camera has fallen silent: a decoder that nobody has used since is not kept for it.
    pub(crate) fn forget(&self, camera: &CameraId) {
        let mut idle = self.lock();
        let (gone, kept): (Vec<_>, Vec<_>) = idle.drain(..).partition(|idle| idle.camera == *camera);
        *idle = kept;
        drop(idle);
        drop(gone);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoders").field("idle", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_camera_that_fell_silent_no_decoder_is_kept() {
        let decoders = Decoders::new(2);
        let [door, gate] = ["door", "gate"].map(|id| id.parse::<CameraId>().unwrap());
        for camera in [&door, &gate] {
            decoders.give_back(camera, Decoder::new(Codec::H264, DecoderChoice::OpenH264).unwrap());
        }
        decoders.forget(&door);
        let idle: Vec<CameraId> = decoders.lock().iter().map(|idle| idle.camera.clone()).collect();
        assert_eq!(idle, [gate]);
    }
}
