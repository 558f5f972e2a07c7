//! Where a camera's pictures come from: a file played in a loop, its scene with nobody in it, or a clock drawn and coded
//! live.
//!
//! A [`Feed`] is one player's place in a source. It never gets ahead of real time, and begins at a key picture.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use omma_media::encode::EncodeError;
use omma_protocol::time::CaptureTime;
use tokio::time::Instant;

mod camera;
pub use camera::{Camera, CameraError, Scene};

mod rate;
pub use rate::Rate;

mod picture;
pub(super) use picture::{ParameterSets, Picture, h265_type, nal_type};

mod order;

mod film;
use film::{Film, Showing};

mod still;

mod backdrop;
use backdrop::Backdrop;

mod clock;
use clock::{Clock, Watching};

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
            Scene::File { path, first_group } => Self::Film(Arc::new(Film::read(path, rate, *first_group)?)),
            Scene::Still(path) => Self::Film(Arc::new(Film::of(still::coded(path, rate)?, path, rate)?)),
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
    /// Of a film, the number of the picture that it begins with, from 0, and when that is taken.
    pub(super) fn begins_with(&self) -> Option<(usize, CaptureTime)> {
        match self {
            Self::Film(showing) => Some(showing.begins_with()),
            Self::Clock(_) => None,
        }
    }

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
