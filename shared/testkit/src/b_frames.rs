//! Footage with B-frames, which cameras send whose menu allows them.

#![allow(clippy::expect_used, reason = "helpers of tests fail the test")]

use std::path::PathBuf;
use std::process::Command;

/// Pictures a second.
pub const RATE: u32 = 10;
/// How many there are.
pub const PICTURES: usize = 100;

/// The walkers, coded anew as I P B B P B B …; a key picture every 20. H.264, Annex B.
///
/// # Panics
/// Where the footage or `ffmpeg` is missing.
pub fn walkers() -> Vec<u8> {
    const CODER: &str = "b-pyramid=none:b-adapt=0:repeat-headers=1:keyint=20:min-keyint=20:scenecut=0";
    let footage = std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE: run tests by `make test`");
    let ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-framerate", &RATE.to_string(), "-i"])
        .arg(PathBuf::from(footage).join("walkers.h264"))
        .args(["-frames:v", &PICTURES.to_string(), "-c:v", "libx264", "-profile:v", "main", "-preset", "veryfast"])
        .args(["-crf", "24", "-bf", "2", "-x264-params", CODER, "-f", "h264", "-"])
        .output()
        .expect("ffmpeg: `make setup` installs it");
    let said = String::from_utf8_lossy(&ffmpeg.stderr);
    assert!(ffmpeg.status.success() && !ffmpeg.stdout.is_empty(), "ffmpeg: {said}");
    ffmpeg.stdout
}
