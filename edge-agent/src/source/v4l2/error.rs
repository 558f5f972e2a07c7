//! Why a device gives no pictures, in words that an operator can act on.

use std::io;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

/// Why there is no stream, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// ENOENT, ENXIO, ENODEV before there were pictures.
    #[error(
        "there is no device {}: is the camera plugged in? `v4l2-ctl --list-devices` names those that are; a name under \
         /dev/v4l/by-id/ stays the same when others come and go; a unit of systemd needs PrivateDevices=no", .0.display()
    )]
    Missing(PathBuf),
    /// EACCES, EPERM.
    #[error(
        "this user may not open {}: add it to the group `video` (`usermod -aG video USER`; in a unit of systemd \
         SupplementaryGroups=video, DeviceAllow=char-video4linux rw and Wants= and After=modprobe@videodev.service), and \
         start the agent again", .0.display()
    )]
    Forbidden(PathBuf),
    /// EBUSY.
    #[error(
        "{} is busy (EBUSY): another program, or another [[camera]], has it; `fuser -v {}` names the program",
        .0.display(), .0.display()
    )]
    Busy(PathBuf),
    /// ENOSPC.
    #[error(
        "the USB bus has no room left for {} (ENOSPC): take input_format = \"mjpeg\", a smaller video_size or framerate, \
         or a port of another bus (`lsusb -t`)", .0.display()
    )]
    NoBandwidth(PathBuf),
    /// Something else has this name, or a part of a camera that gives no pictures.
    #[error("{} gives no pictures: {reason}", .path.display())]
    NoCamera {
        /// Which.
        path: PathBuf,
        /// What it is.
        reason: &'static str,
    },
    /// None that is understood here, or not in that size.
    #[error("{} has no format that fits ({asked}); it offers {offered}", .path.display())]
    NoFormat {
        /// Which.
        path: PathBuf,
        /// What was expected.
        asked: String,
        /// What there is.
        offered: String,
    },
    /// ENODEV, ENXIO in mid-stream.
    #[error("{} was unplugged", .0.display())]
    Unplugged(PathBuf),
    /// Anything else.
    #[error("{}: {doing}: {reason}", .path.display())]
    Failed {
        /// Which.
        path: PathBuf,
        /// At what.
        doing: &'static str,
        /// What the kernel says.
        reason: String,
    },
}

impl DeviceError {
    /// Its word in metrics.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing(_) => "no device",
            Self::Forbidden(_) => "forbidden",
            Self::Busy(_) => "busy",
            Self::NoBandwidth(_) => "no bandwidth",
            Self::NoCamera { .. } => "no camera",
            Self::NoFormat { .. } => "no format",
            Self::Unplugged(_) => "unplugged",
            Self::Failed { .. } => "failed",
        }
    }

    /// What went wrong before there were pictures.
    pub fn opening(path: &Path, doing: &'static str, error: &io::Error) -> Self {
        Self::of(path, doing, error, Self::Missing)
    }

    /// What went wrong in mid-stream.
    pub fn streaming(path: &Path, doing: &'static str, error: &io::Error) -> Self {
        Self::of(path, doing, error, Self::Unplugged)
    }

    fn of(path: &Path, doing: &'static str, error: &io::Error, gone: fn(PathBuf) -> Self) -> Self {
        let path = path.to_owned();
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENOENT | Errno::ENXIO | Errno::ENODEV) => gone(path),
            Some(Errno::EACCES | Errno::EPERM) => Self::Forbidden(path),
            Some(Errno::EBUSY) => Self::Busy(path),
            Some(Errno::ENOSPC) => Self::NoBandwidth(path),
            Some(Errno::ENOTTY) => Self::NoCamera { path, reason: "it is no V4L2 device" },
            _ => Self::Failed { path, doing, reason: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_said_with_what_to_do() {
        let door = Path::new("/dev/video7");
        for (errno, kind, part) in [
            (Errno::ENOENT, "no device", "plugged in"),
            (Errno::ENODEV, "no device", "/dev/v4l/by-id/"),
            (Errno::EACCES, "forbidden", "group `video`"),
            (Errno::EBUSY, "busy", "another program"),
            (Errno::ENOSPC, "no bandwidth", "mjpeg"),
            (Errno::ENOTTY, "no camera", "no V4L2 device"),
            (Errno::EIO, "failed", "choose a format"),
        ] {
            let error = DeviceError::opening(door, "choose a format", &io::Error::from_raw_os_error(errno as i32));
            let said = error.to_string();
            assert!(error.kind() == kind && said.contains(part) && said.contains("/dev/video7"), "{errno}: {said}");
        }
        let gone = DeviceError::streaming(door, "take a picture", &io::Error::from_raw_os_error(Errno::ENODEV as i32));
        assert_eq!((gone.kind(), gone.to_string().as_str()), ("unplugged", "/dev/video7 was unplugged"));
    }
}
