//! The steps of the path by their words, and every reason for which one throws work away
//! (`omma_step_dropped_total{step,reason}`).

use omma_runtime::step::Kind;

/// Takes what edges send, over QUIC and MQTT.
pub const INGEST: Kind = Kind::new(
    "ingest",
    &[
        "broken",
        "fence",
        "full",
        "late result",
        "over",
        "reset",
        "silent",
        "unknown camera",
        "unreadable",
        "unreadable value",
    ],
);

/// Passes on what is live.
pub const BUS: Kind = Kind::new("bus", &["slow"]);

/// The whole look of the hub: what waits for the engine, and the four after it together.
pub const INFER: Kind = Kind::new("infer", &["newer frame", "stream ended"]);

/// Makes frames of units.
pub const DECODE: Kind = Kind::new("decode", &["broken", "late", "unsupported"]);

/// Looks at frames.
pub const DETECT: Kind = Kind::new("detect", &["failed"]);

/// Follows what was found.
pub const TRACK: Kind = Kind::new("track", &["too many"]);

/// Makes events of tracks.
pub const EVENT: Kind = Kind::new("event", &["picture failed", "too many"]);

/// Keeps events and pictures.
pub const STORE: Kind = Kind::new("store", &["refused", "retried", "unwritten"]);

/// Shows cameras to browsers.
pub const LIVE: Kind = Kind::new("live", &["slow"]);

/// All of them, for [`omma_runtime::metrics::install`].
pub const ALL: &[Kind] = &[INGEST, BUS, INFER, DECODE, DETECT, TRACK, EVENT, STORE, LIVE];
