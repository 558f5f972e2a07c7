//! A camera as asked for, in words.

use std::path::PathBuf;
use std::str::FromStr;

use omma_protocol::id::{CameraId, NameError};

use super::Rate;

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
    /// An H.264 or H.265 byte stream in an endless loop; with B-frames only H.264 where no picture refers to one.
    File {
        /// Where it is.
        path: PathBuf,
        /// So many pictures of its first group are played, so that cameras that begin together have their key pictures at
        /// different times. All where it is not set.
        first_group: Option<usize>,
    },
    /// The scene of an H.264 byte stream with nobody in it, over and over with light noise.
    Still(PathBuf),
    /// A moving pattern with the time of capture drawn into it (see [`super::super::pattern`]).
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
        "`{0}` is not a camera: expected NAME=file:PATH@RATE, NAME=file:PATH:first=PICTURES@RATE, NAME=still:PATH@RATE, NAME=clock:WIDTHxHEIGHT@RATE or NAME=clock:WIDTHxHEIGHT:over=PATH@RATE"
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
            Some(("file", path)) if !path.is_empty() => {
                let (path, first_group) = match path.rsplit_once(":first=") {
                    Some((path, pictures)) => (path, Some(pictures.parse().map_err(|_| shape())?)),
                    None => (path, None),
                };
                Scene::File { path: path.into(), first_group }
            }
            Some(("still", path)) if !path.is_empty() => Scene::Still(path.into()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_read() {
        let door: Camera = "door=file:/a@b/x.h264@29.97".parse().unwrap();
        let file = |first_group| Scene::File { path: "/a@b/x.h264".into(), first_group };
        assert_eq!((door.name.as_str(), door.scene), ("door", file(None)));
        let late: Camera = "late=file:/a@b/x.h264:first=7@30".parse().unwrap();
        assert_eq!(late.scene, file(Some(7)));
        assert_eq!(door.rate.to_string(), "29.97");
        let empty: Camera = "yard=still:x.h264@10".parse().unwrap();
        assert_eq!(empty.scene, Scene::Still("x.h264".into()));
        let clock: Camera = "c=clock:1280x720@30".parse().unwrap();
        assert_eq!(clock.scene, Scene::Clock { width: 1280, height: 720, over: None });
        let over: Camera = "c=clock:1280x720:over=a@b.h264@30".parse().unwrap();
        assert_eq!(over.scene, Scene::Clock { width: 1280, height: 720, over: Some("a@b.h264".into()) });
        for wrong in [
            "door",
            "door=file:x",
            "door=file:@10",
            "door=tape:x@10",
            "door=file:x:first=some@10",
            "c=clock:1280@30",
            "c=clock:axb@30",
        ] {
            assert_eq!(wrong.parse::<Camera>(), Err(CameraError::Shape(wrong.into())));
        }
        assert!(matches!("c=clock:1280x720@0".parse::<Camera>(), Err(CameraError::Rate { .. })));
        assert!(matches!("c=clock:1280x720@nan".parse::<Camera>(), Err(CameraError::Rate { .. })));
        assert!(matches!("Door!=clock:1280x720@30".parse::<Camera>(), Err(CameraError::Name(_))));
    }
}
