//! The steps of the path by their words, and every reason for which one throws work away
//! (`omma_step_dropped_total{step,reason}`).

use omma_runtime::step::Kind;

/// Receives what a camera sends.
pub const SOURCE: Kind = Kind::new(
    "source",
    &[
        "encoder behind",
        "packet lost",
        "packet unusable",
        "picture broken",
        "picture cut off",
        "picture missed",
        "timestamp jumped",
    ],
);

/// Hands access units to their readers, each of which may be behind.
pub const UNIT: Kind = Kind::new(
    "unit",
    &["analysis behind", "analysis late", "frame match behind", "no time", "snapshot", "uplink behind"],
);

/// Decides what is decoded. What it throws away is its own looks.
pub const GATE: Kind = Kind::new("gate", &["over budget"]);

/// Makes frames of units.
pub const DECODE: Kind = Kind::new("decode", &["broken", "no picture", "unsupported"]);

/// Looks at frames.
pub const DETECT: Kind = Kind::new("detect", &["failed", "newer frame"]);

/// Follows what was found, and gives it the times of the main stream's frames.
pub const TRACK: Kind = Kind::new("track", &["masked", "results behind", "too many"]);

/// Makes events of tracks.
pub const EVENT: Kind = Kind::new("event", &["picture failed", "too many"]);

/// Keeps what must last.
pub const OUTBOX: Kind = Kind::new("outbox", &["disk budget", "memory", "no disk at the end"]);

/// Sends it, and what is live, to broker and hub.
pub const UPLINK: Kind = Kind::new(
    "uplink",
    &[
        "answer too large",
        "group cut",
        "group reset",
        "group stopped",
        "no stream",
        "packet too large",
        "result late",
        "result too large",
        "results behind",
        "unit too large",
        "value too large",
    ],
);

/// All of them, for [`omma_runtime::metrics::install`].
pub const ALL: &[Kind] = &[SOURCE, UNIT, GATE, DECODE, DETECT, TRACK, EVENT, OUTBOX, UPLINK];
