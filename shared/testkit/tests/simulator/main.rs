//! The camera simulator before clients that no one here wrote: ffmpeg, ffprobe, retina; and before clients that
//! misbehave.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod clients;

mod playing;

mod refusing;

mod stopping;

mod program;

mod http;
