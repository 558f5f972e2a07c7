//! Events, pictures and the state of edges, over MQTT.
//!
//! ```text
//! broker ─▶ [`poll`] ─▶ received ─▶ [`keep`] ─▶ store, in batches
//!    ▲                    (bounded)     │
//!    └── PUBACK, acks ◀─────────────────┘  only when the store has it
//! ```
//!
//! 1. The client's session is resumed after a cut, so that the broker keeps what came meanwhile.
//! 2. The broker sends at most [`IN_FLIGHT`] messages ahead of our PUBACK: that bounds what waits here, and a store
//!    that is slow or away holds the broker back.
//! 3. A batch is read ([`message`]), stored in one transaction, and then acknowledged twice: to the broker, message by
//!    message, and to each edge's outbox, in ranges.

mod client;

mod keep;

mod message;

mod poll;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use omma_protocol::wire::mqtt::EventMessage;
use omma_runtime::health::Part;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use client::{ClientError, Reach, options};

use crate::registry::Registry;
use crate::store::Store;

/// Messages that the broker sends ahead of our PUBACK.
pub const IN_FLIGHT: u16 = 64;
/// Messages that wait for the store: those, and as many again of quality 0, which nothing bounds. More are dropped,
/// which is counted.
const WAITING: usize = IN_FLIGHT as usize * 2;
/// Requests that wait for the client: PUBACKs first of all.
const REQUESTS: usize = 128;

/// A message as it came.
#[derive(Debug)]
struct Received {
    publish: Publish,
    /// On which connection. A PUBACK counts only there: the next may have given its number to another message.
    connection: u64,
}

/// What the step needs.
#[derive(Debug)]
pub struct Mqtt {
    /// Where what lasts goes.
    pub store: Store,
    /// Where it is noted whether an edge is there.
    pub registry: Registry,
    /// Events of the hub's own analysis, to be published.
    pub announcements: mpsc::Receiver<EventMessage>,
    /// Whether the broker is reached.
    pub broker_health: Part,
    /// Whether the store works.
    pub store_health: Part,
}

impl Mqtt {
    /// Runs until `token` is cancelled.
    pub async fn run(self, options: rumqttc::v5::MqttOptions, token: CancellationToken) {
        let (client, events) = rumqttc::v5::AsyncClient::new(options, REQUESTS);
        let (received, waiting) = mpsc::channel(WAITING);
        let connection = Arc::new(AtomicU64::new(0));
        let poll =
            poll::Poll { client: client.clone(), received, connection: connection.clone(), health: self.broker_health };
        let keep = keep::Keeper::new(client, connection, self.store, self.registry, self.store_health);
        tokio::select! {
            () = poll.run(events) => {}
            () = keep.run(waiting, self.announcements) => {}
            () = token.cancelled() => {}
        }
    }
}
