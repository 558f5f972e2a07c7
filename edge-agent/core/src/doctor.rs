//! What a camera is like, by what it says and sends: the deciding part of `edge-agent doctor`.
//!
//! 1. The caller connects, in the [`report::Asked::ways`] that are to be tried, and feeds each picture and sender
//!    report to a [`measure::Measure`]; [`timing`] finds jitter and clock drift in them.
//! 2. With what the camera described, that makes a [`report::Report`].
//! 3. [`diagnose`] says what is wrong and how to mend it, and what Omma already works around.
//!
//! Nothing here knows an address with its password: texts that come from a camera or a library are redacted before.

pub mod report;

pub mod measure;

pub mod timing;

pub mod diagnose;

#[cfg(test)]
mod series;
