//! How an edge shall be and how it is, over QUIC: with every hub, whether it has a broker or not.
//!
//! ```text
//! hub  ── bidirectional stream that it opens ──▶ edge  [`STREAM_VALUES`], then records: `config/desired`,
//!                                                       `cameras/{camera}/command/{command}`
//! edge ── the same stream ─────────────────────▶ hub   [`STREAM_VALUES`], then records: `config/reported`, `health`,
//!                                                       `cameras/{camera}/state`, `responses/{name}`
//! ```
//!
//! Records are framed and mean what they do in [`lasting`](super::lasting): the payload is that of the MQTT topic of the same
//! name. Each replaces the one before it on its topic; nothing is acknowledged, because each connection begins with all of
//! them, but for commands: a command has a user property [`PROP_RESPONSE`](crate::wire::mqtt::PROP_RESPONSE), and its answer goes to
//! the topic that it names. An edge that has not begun with one after
//! [`ANSWER_WITHIN`] passes it over. An edge of before there were commands here does not answer. A topic that the reader does not know is passed over. A camera's state is without that of its gate, which changes by the
//! second.
//!
//! What is desired has a user property [`PROP_REVISION`](crate::wire::mqtt::PROP_REVISION), a number that grows with each time
//! that the hub was told what to desire: a text that was told anew is known by it from one that is repeated.
//!
//! What is desired holds the cameras' passwords. It never goes over the hub's broker, where others listen: this stream has one
//! reader, which has shown its secret. The hub desires nothing before the edge has spoken on the stream, so that an edge of
//! before there were values, which leaves it unread, is not sent any. A hub of before does not open it.

use std::time::Duration;

/// First byte of the stream, in both directions.
pub const STREAM_VALUES: u8 = 4;
/// Longest text of `config/desired` that a hub desires, bytes. An empty one desires the cameras of the edge's own file.
pub const MAX_DESIRED: usize = 256 * 1024;
/// How long whoever commands waits for the answer. What was begun is done all the same.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(8);
/// How often an edge says how it is, and at the beginning.
pub const HEALTH_EVERY: Duration = Duration::from_secs(60);
