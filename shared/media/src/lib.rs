//! Coded pictures: bitstream reading, the group-of-pictures buffer, decoders, encoders.
//!
//! This crate does no I/O and never reads a clock. In the order of the path: bytes become access units and are
//! understood without decoding ([`bitstream`]), kept since the last key picture so that anyone may join ([`group`]),
//! decoded ([`decode`]) into pooled frames ([`frame`]), cut to a [`part`] and shrunk ([`shrink`]), and coded again for people ([`jpeg`]) or
//! viewers ([`encode`]). Cameras that code nothing give their pictures as they are ([`raw`]).

pub mod bitstream;

pub mod group;

pub mod frame;

pub mod decode;

pub mod encode;

pub mod jpeg;

pub mod part;

pub mod shrink;

pub mod raw;

pub mod planar;

#[cfg(test)]
mod footage;
