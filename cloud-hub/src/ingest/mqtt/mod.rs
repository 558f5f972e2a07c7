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
//! 3. A batch is read ([`hub_core::message`]), stored in one transaction, and then acknowledged twice: to the broker, message by
//!    message, and to each edge's outbox, in ranges.
//! 4. At the end the hub's own events that wait are published, then the broker is told goodbye, for [`LEAVE`] at the
//!    most.

mod client;

mod keep;

mod poll;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use omma_protocol::wire::mqtt::EventMessage;
use omma_runtime::health::Part;
use rumqttc::v5::mqttbytes::v5::Publish;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use client::{ClientError, Reach, options};

use super::keep::Keeper;
use crate::registry::Registry;

/// Messages that the broker sends ahead of our PUBACK.
pub const IN_FLIGHT: u16 = 64;
/// Messages that wait for the store: those, and as many again of quality 0, which nothing bounds. More are dropped and
/// counted; for one that the broker waits to have acknowledged the hub connects again.
const WAITING: usize = IN_FLIGHT as usize * 2;
/// Requests that wait for the client: PUBACKs first of all.
const REQUESTS: usize = 128;
/// How long leaving may take: a broker that is away does not hold up the hub's end.
const LEAVE: Duration = Duration::from_secs(1);

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
    pub keeper: Keeper,
    /// Where it is noted whether an edge is there.
    pub registry: Registry,
    /// Events of the hub's own analysis, to be published.
    pub announcements: mpsc::Receiver<EventMessage>,
    /// Whether the broker is reached.
    pub broker_health: Part,
}

impl Mqtt {
    /// Runs until `token` is cancelled and what waits in [`Mqtt::announcements`] is published, or [`LEAVE`] is over.
    /// Cancel it once nobody makes any more of those.
    pub async fn run(self, options: rumqttc::v5::MqttOptions, token: CancellationToken) {
        let Self { keeper, registry, announcements, broker_health } = self;
        let (client, events) = rumqttc::v5::AsyncClient::new(options, REQUESTS);
        let (received, waiting) = mpsc::channel(WAITING);
        let connection = Arc::new(AtomicU64::new(0));
        let poll = poll::Poll::new(received, connection.clone(), registry.clone(), broker_health);
        let keep = keep::Keep::new(client, connection, keeper, registry);
        let work = async { tokio::join!(poll.run(events), keep.run(waiting, announcements, token.clone())) };
        let late = async {
            token.cancelled().await;
            tokio::time::sleep(LEAVE).await;
        };
        tokio::select! {
            ((), ()) = work => {}
            () = late => tracing::debug!("the broker did not hear the goodbye"),
        }
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!("omma_ingest_broker_failures_total", "Connections to the broker that failed or ended.");
    metrics::describe_counter!(
        "omma_ingest_subscriptions_refused_total",
        "Times the broker refused the hub's subscriptions."
    );
    metrics::describe_counter!(
        "omma_ingest_reconnects_forced_total",
        "Connections to the broker begun anew because more came than the store takes."
    );
    metrics::describe_counter!(
        "omma_ingest_pubacks_stale_total",
        "Messages stored after the connection that brought them had ended; the broker sends them again."
    );
}
