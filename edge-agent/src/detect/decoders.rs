//! Decoders, which take tens of megabytes each for pictures of 1080p: only cameras that are being decoded have one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omma_media::bitstream::video_info;
use omma_media::decode::{DecodeError, Decoder, DecoderChoice};
use omma_protocol::id::CameraId;
use omma_protocol::unit::{AccessUnit, Codec};

/// Clones share them.
#[derive(Clone)]
pub(crate) struct Decoders {
    idle: Arc<Mutex<Vec<Idle>>>,
    /// Luma samples of all that are kept for the next that needs one; the last that was given back is kept in any case.
    kept: u64,
}

/// Of the largest picture that cameras are usually set to.
const FULL_HD: u64 = 1920 * 1088;

struct Idle {
    decoder: Decoder,
    camera: CameraId,
}

impl Decoders {
    /// Keeps the memory of so many decoders of 1080p: as many smaller ones as that is, and fewer larger ones.
    pub(super) fn new(full_hd: usize) -> Self {
        Self { idle: Arc::default(), kept: full_hd as u64 * FULL_HD }
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
    /// same parameter sets, since another must begin anew, which costs as much as the picture does. So another camera's is
    /// taken only where there is no room for one more. `reorders` is what
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
            // The one that has been idle for the longest.
            None if samples(&idle) + samples_of(unit) > self.kept && !idle.is_empty() => Some(idle.remove(0)),
            None => None,
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
        let mut gone = vec![];
        while idle.len() > 1 && samples(&idle) > self.kept {
            gone.push(idle.remove(0));
        }
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

fn samples(idle: &[Idle]) -> u64 {
    idle.iter().map(|idle| idle.decoder.samples()).sum()
}

fn samples_of(unit: &AccessUnit) -> u64 {
    video_info(unit).map_or(FULL_HD, |info| u64::from(info.width) * u64::from(info.height))
}

impl std::fmt::Debug for Decoders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Decoders").field("idle", &self.lock().len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use omma_media::encode::{Encoder, EncoderConfig};
    use omma_media::frame::{Colour, Planes};
    use omma_protocol::time::CaptureTime;

    use super::*;

    fn key_picture(width: usize, height: usize) -> AccessUnit {
        let (y, chroma) = (vec![90; width * height], vec![128; width * height / 4]);
        let planes = Planes {
            width: width as u32,
            height: height as u32,
            y: &y,
            u: &chroma,
            v: &chroma,
            y_stride: width,
            uv_stride: width / 2,
            colour: Colour::default(),
        };
        let config = EncoderConfig { bitrate: 1_000_000, fps: 10.0, key_interval: 20 };
        Encoder::new(config).unwrap().encode(planes, CaptureTime(0)).unwrap()
    }

    /// Cameras whose key pictures come one after the other. Gives whose decoders are kept in the end, with the size of their
    /// pictures.
    fn kept(cores: usize, sizes: &[(usize, usize)]) -> Vec<(String, u64)> {
        let decoders = Decoders::new(cores);
        for _ in 0..2 {
            for (n, (width, height)) in sizes.iter().enumerate() {
                let (camera, unit) = (format!("camera-{n}").parse().unwrap(), key_picture(*width, *height));
                let mut decoder = decoders.lease(&camera, &unit, DecoderChoice::OpenH264, false).unwrap();
                assert!(decoder.decode(&unit).is_ok());
                decoders.give_back(&camera, decoder);
            }
        }
        decoders.lock().iter().map(|idle| (idle.camera.to_string(), idle.decoder.samples())).collect()
    }

    #[test]
    fn idle_cameras_of_small_pictures_each_keep_the_decoder_that_need_not_begin_anew() {
        let sizes = [(640, 360), (704, 576), (768, 576), (640, 480)];
        let own: Vec<_> = sizes.iter().enumerate().map(|(n, (w, h))| (format!("camera-{n}"), (w * h) as u64)).collect();
        assert_eq!(kept(1, &sizes), own);
    }

    #[test]
    fn of_large_pictures_as_many_are_kept_as_there_are_cores_and_one_in_any_case() {
        let large = [(1920, 1080), (1920, 1072), (1920, 1064)];
        assert_eq!(kept(2, &large).len(), 2);
        assert_eq!(kept(1, &[(2560, 1440), (2688, 1520)]).len(), 1);
    }

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
