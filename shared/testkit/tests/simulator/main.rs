//! The camera simulator before clients that no one here wrote: ffmpeg, ffprobe, retina; and before clients that
//! misbehave.

mod clients;

mod playing;

mod refusing;

mod stopping;

mod program;
