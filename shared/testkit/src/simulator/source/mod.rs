//! Where a camera's pictures come from: a file played in a loop, or a clock drawn and coded live.
//!
//! A [`Feed`] is one player's place in a source. It never gets ahead of real time, and begins at a key picture.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use omma_media::bitstream::h264;
use omma_media::bitstream::nal::nals;
use omma_media::encode::EncodeError;
use omma_protocol::id::{CameraId, NameError};
use omma_protocol::time::CaptureTime;
use tokio::time::Instant;

mod film;
use film::{Film, Showing};

mod backdrop;
use backdrop::Backdrop;

mod clock;
use clock::{Clock, Watching};

/// One camera as asked for: `door=file:PATH@10` or `clock=clock:1280x720@30`, the number being pictures a second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Camera {
    /// The path of its URL.
    pub name: CameraId,
    /// What it shows.
    pub scene: Scene,
    /// Pictures a second.
    pub rate: Rate,
}

/// What a camera shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scene {
    /// An H.264 byte stream without B-frames, in an endless loop.
    File(PathBuf),
    /// A moving pattern with the time of capture drawn into it (see [`super::pattern`]).
    Clock {
        /// Pixels; even, and enough for the clock's cells.
        width: usize,
        /// Pixels; even, and enough for one cell.
        height: usize,
        /// An H.264 byte stream of that size, shown behind the clock instead of the pattern.
        over: Option<PathBuf>,
    },
}

/// Why a text is no [`Camera`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraError {
    /// The parts are not there.
    #[error(
        "`{0}` is not a camera: expected NAME=file:PATH@RATE, NAME=clock:WIDTHxHEIGHT@RATE or NAME=clock:WIDTHxHEIGHT:over=PATH@RATE"
    )]
    Shape(String),
    /// The name can't be a path of a URL.
    #[error("camera name: {0}")]
    Name(#[from] NameError),
    /// The rate can't be used.
    #[error("camera {camera}: `{rate}` is not a rate: expected pictures a second from 0.1 to 240")]
    Rate {
        /// Which camera.
        camera: CameraId,
        /// As written.
        rate: String,
    },
}

impl FromStr for Camera {
    type Err = CameraError;

    fn from_str(text: &str) -> Result<Self, CameraError> {
        let shape = || CameraError::Shape(text.to_owned());
        let (name, scene) = text.split_once('=').ok_or_else(shape)?;
        let (scene, rate) = scene.rsplit_once('@').ok_or_else(shape)?;
        let name: CameraId = name.parse()?;
        let rate = rate.parse().map_err(|()| CameraError::Rate { camera: name.clone(), rate: rate.to_owned() })?;
        let scene = match scene.split_once(':') {
            Some(("file", path)) if !path.is_empty() => Scene::File(path.into()),
            Some(("clock", size)) => {
                let (size, over) = match size.split_once(":over=") {
                    Some((size, path)) if !path.is_empty() => (size, Some(path.into())),
                    _ => (size, None),
                };
                let (width, height) = size.split_once('x').ok_or_else(shape)?;
                Scene::Clock {
                    width: width.parse().map_err(|_| shape())?,
                    height: height.parse().map_err(|_| shape())?,
                    over,
                }
            }
            _ => return Err(shape()),
        };
        Ok(Self { name, scene, rate })
    }
}

/// Pictures a second, in thousandths, so that time never drifts by rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    thousandths: u32,
}

impl Rate {
    /// When picture `index` is due, counted from picture 0.
    pub fn time_of(self, index: u64) -> Duration {
        let nanos = u128::from(index) * 1_000_000_000_000 / u128::from(self.thousandths);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many pictures were due by `elapsed`, not counting picture 0.
    pub fn index_at(self, elapsed: Duration) -> u64 {
        (elapsed.as_nanos() * u128::from(self.thousandths) / 1_000_000_000_000) as u64
    }

    /// Pictures a second.
    pub fn hz(self) -> f32 {
        self.thousandths as f32 / 1000.0
    }
}

impl FromStr for Rate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let hz: f64 = text.parse().map_err(|_| ())?;
        if (0.1..=240.0).contains(&hz) { Ok(Self { thousandths: (hz * 1000.0).round() as u32 }) } else { Err(()) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", f64::from(self.thousandths) / 1000.0)
    }
}

/// Why a camera can't be shown.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file can't be read.
    #[error("read {path}: {error}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not what is played here.
    #[error("{path}: {fault}")]
    Footage {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The size can't hold the clock or be coded.
    #[error("a clock of {width}x{height}: both must be even, from {min_width}x{min_height} to 3840x2160", min_width = super::pattern::MIN_WIDTH, min_height = super::pattern::CELL)]
    Size {
        /// As asked for.
        width: usize,
        /// As asked for.
        height: usize,
    },
    /// The encoder refused.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The encoder's first picture came without what a player must know.
    #[error("the encoder's first picture has no parameter sets")]
    NoParameterSets,
}

/// One coded picture, cut into NAL units without start codes; none is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    /// Whether decoding can begin here.
    pub(super) key: bool,
    /// In the order they are sent.
    pub(super) nals: Vec<Bytes>,
}

impl Picture {
    /// The NAL units of an access unit, which lies within `stream`.
    fn cut(stream: &Bytes, unit: &[u8]) -> Self {
        let nals: Vec<Bytes> = nals(unit).map(|nal| stream.slice_ref(nal.bytes)).collect();
        Self { key: nals.iter().any(|nal| nal_type(nal) == h264::IDR), nals }
    }
}

/// `nal_unit_type` of a unit that is not empty.
pub(super) fn nal_type(nal: &[u8]) -> u8 {
    nal[0] & 0x1f
}

/// What a decoder must know first: one sequence and one picture parameter set, each a NAL unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ParameterSets {
    pub(super) sps: Bytes,
    pub(super) pps: Bytes,
}

impl ParameterSets {
    /// The first ones of these NAL units.
    fn find(nals: &[Bytes]) -> Option<Self> {
        let first = |kind| nals.iter().find(|nal| nal_type(nal) == kind).cloned();
        Some(Self { sps: first(h264::SPS)?, pps: first(h264::PPS)? })
    }
}

/// A source that is ready to be played by any number of players.
#[derive(Debug)]
pub(super) enum Source {
    Film(Arc<Film>),
    Clock(Arc<Clock>),
}

impl Source {
    /// Reads the file, or starts the encoder once to learn its parameter sets.
    pub(super) fn open(scene: &Scene, rate: Rate) -> Result<Self, SourceError> {
        Ok(match scene {
            Scene::File(path) => Self::Film(Arc::new(Film::read(path, rate)?)),
            Scene::Clock { width, height, over } => {
                let backdrop = over.as_deref().map(|path| Backdrop::read(path, *width, *height)).transpose()?;
                Self::Clock(Arc::new(Clock::new(*width, *height, rate, backdrop)?))
            }
        })
    }

    pub(super) fn parameter_sets(&self) -> &ParameterSets {
        match self {
            Self::Film(film) => film.parameter_sets(),
            Self::Clock(clock) => clock.parameter_sets(),
        }
    }

    /// A new player's feed, which begins with a key picture now.
    pub(super) fn play(&self) -> Feed {
        match self {
            Self::Film(film) => Feed::Film(film.show(Instant::now(), wall_clock())),
            Self::Clock(clock) => Feed::Clock(clock.watch()),
        }
    }
}

/// A picture whose time has come.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) picture: Arc<Picture>,
    /// When it was taken, on this machine's wall clock.
    pub(super) time: CaptureTime,
    /// When it was to be sent.
    pub(super) at: Instant,
}

/// One player's place in a source.
#[derive(Debug)]
pub(super) enum Feed {
    Film(Showing),
    Clock(Watching),
}

impl Feed {
    /// Waits for the next picture. `None`: the source has ended, or has thrown pictures away because the player did not
    /// fetch them for seconds. Giving up the wait loses nothing.
    pub(super) async fn next(&mut self) -> Option<Due> {
        match self {
            Self::Film(showing) => Some(showing.next().await),
            Self::Clock(watching) => watching.next().await,
        }
    }
}

/// Now, on this machine's wall clock.
pub(super) fn wall_clock() -> CaptureTime {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    CaptureTime(since_epoch.as_micros() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_read() {
        let door: Camera = "door=file:/a@b/x.h264@29.97".parse().unwrap();
        assert_eq!((door.name.as_str(), door.scene), ("door", Scene::File("/a@b/x.h264".into())));
        assert_eq!(door.rate.to_string(), "29.97");
        let clock: Camera = "c=clock:1280x720@30".parse().unwrap();
        assert_eq!(clock.scene, Scene::Clock { width: 1280, height: 720, over: None });
        let over: Camera = "c=clock:1280x720:over=a@b.h264@30".parse().unwrap();
        assert_eq!(over.scene, Scene::Clock { width: 1280, height: 720, over: Some("a@b.h264".into()) });
        for wrong in ["door", "door=file:x", "door=file:@10", "door=tape:x@10", "c=clock:1280@30", "c=clock:axb@30"] {
            assert_eq!(wrong.parse::<Camera>(), Err(CameraError::Shape(wrong.into())));
        }
        assert!(matches!("c=clock:1280x720@0".parse::<Camera>(), Err(CameraError::Rate { .. })));
        assert!(matches!("c=clock:1280x720@nan".parse::<Camera>(), Err(CameraError::Rate { .. })));
        assert!(matches!("Door!=clock:1280x720@30".parse::<Camera>(), Err(CameraError::Name(_))));
    }

    #[test]
    fn time_does_not_drift() {
        let rate: Rate = "30".parse().unwrap();
        assert_eq!(rate.time_of(30 * 86_400), Duration::from_secs(86_400));
        for index in [0, 1, 2, 1_000_001] {
            assert_eq!(rate.index_at(rate.time_of(index) + Duration::from_micros(1)), index);
        }
    }
}
