//! The agent beside the cameras. What it decides is in the crate `edge-core`; here it is done.
//!
//! ```text
//! source → unit → gate → decode → detect → track → event → outbox → uplink
//! ```
//!
//! [`pipeline`] is the table of contents: every joint with its bound. Then in the order of the path: [`clock`] dates
//! what the cameras send, [`source`] receives it, [`mod@unit`] hands it to its readers, [`analysis`] looks at it
//! with what [`detect`] shares, [`outbox`] keeps what must last, [`uplink`] brings both to the hub, [`state`] says how
//! all of them fare. [`cameras`] begins and ends what belongs to one camera, [`control`] tells others of it and does
//! what they ask.
//!
//! Beside the path, [`health`] sees that the agent itself is well, and for a person at a terminal [`discover`] finds
//! cameras and [`doctor`] examines one.

pub mod config;

pub mod pipeline;

pub mod step;

pub mod clock;

pub mod source;

pub mod unit;

pub mod analysis;

pub mod detect;

pub mod outbox;

pub mod uplink;

pub mod state;

pub mod cameras;

pub mod control;

pub mod health;

pub mod discover;

pub mod doctor;

mod verify;

/// Program and version, as told to the hub and to people.
pub const AGENT: &str = concat!("edge-agent ", env!("CARGO_PKG_VERSION"));
