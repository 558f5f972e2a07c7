//! What the hub decides; the `cloud-hub` crate does it, under the same words.
//!
//! Every function here takes what arrived, and where time matters `now`, and returns what to do. This crate never
//! reads a clock, opens a socket or file, starts a task, or walks a `HashMap`.

pub mod fence;

pub mod attempts;

pub mod clock;

pub mod groups;

pub mod message;

pub mod arrival;

pub mod record;

pub mod runs;

pub mod retention;

pub mod acks;

pub mod delay;

pub mod desired;

pub mod retained;

pub mod unseen;

pub mod silence;
