//! Reading coded pictures without decoding them.
//!
//! 1. [`nal`] cuts a byte stream into NAL units;
//! 2. [`access_unit`] groups those of a file into access units;
//! 3. [`is_key`], [`video_info`] and [`Watch`] say what a unit and its stream are;
//! 4. [`h264`] and [`h265`] read parameter sets and the heads of slices.
//!
//! Nothing here panics, whatever the bytes: what can't be read is `None`.

pub mod nal;

pub mod access_unit;

mod info;
pub use info::{Watch, chroma_name, detect_codec, is_key, video_info};

pub mod h264;

pub mod h265;

mod bits;

#[cfg(test)]
pub(crate) mod tests;
