//! Footage of people who stand still, as a parked car does.

#![allow(clippy::expect_used, reason = "helpers of tests fail the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Writes one picture of the walkers over and over, as H.264, Annex B.
///
/// # Panics
/// Where the footage or `ffmpeg` is missing.
pub fn write(film: &Path) {
    let footage = std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE: run tests by `make test`");
    let ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-framerate", "10", "-i"])
        .arg(PathBuf::from(footage).join("walkers.h264"))
        .args(["-vf", "trim=end_frame=1,loop=24:1", "-c:v", "libx264", "-profile:v", "main", "-crf", "18", "-bf", "0"])
        .args(["-f", "h264"])
        .arg(film)
        .output()
        .expect("ffmpeg: `make setup` installs it");
    assert!(ffmpeg.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&ffmpeg.stderr));
}
