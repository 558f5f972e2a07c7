//! Turns the client's wheel, which must never wait for the store or for room in its own queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use omma_protocol::wire::mqtt::Topic;
use omma_runtime::backoff::{Backoff, random_seed};
use omma_runtime::health::Part;
use omma_runtime::step::Step;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop};
use tokio::sync::mpsc;

use super::Received;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);

pub(super) struct Poll {
    pub(super) client: AsyncClient,
    pub(super) received: mpsc::Sender<Received>,
    pub(super) connection: Arc<AtomicU64>,
    pub(super) health: Part,
}

impl Poll {
    /// Connects, again and again, and passes on what comes. Never ends by itself.
    pub(super) async fn run(self, mut events: EventLoop) {
        let step = Step::new("ingest");
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed());
        let mut failing = false;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    self.connection.fetch_add(1, Ordering::AcqRel);
                    backoff.reset();
                    failing = false;
                    self.subscribe();
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    tracing::info!(step = "ingest", "the broker is reached");
                    self.health.ready();
                }
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let connection = self.connection.load(Ordering::Acquire);
                    if self.received.try_send(Received { publish, connection }).is_err() {
                        step.dropped("full");
                    }
                }
                Ok(_) => {}
                Err(e) => {
                    metrics::counter!("omma_ingest_broker_failures_total").increment(1);
                    self.health.not_ready(format!("the broker can't be reached: {}", reason(&e)));
                    // The first of a row is worth a line: an operator must act if it lasts, and /readyz tells.
                    if !std::mem::replace(&mut failing, true) {
                        tracing::warn!(step = "ingest", error = reason(&e), "the broker can't be reached: trying on");
                    }
                    tokio::time::sleep(backoff.delay()).await;
                }
            }
        }
    }

    /// Also where the session was resumed: the broker then sends the retained state of edges again, which may have
    /// changed while nobody listened.
    fn subscribe(&self) {
        let filters = Topic::hub_filters().map(|filter| Filter::new(filter, QoS::AtLeastOnce));
        if let Err(e) = self.client.try_subscribe_many(filters) {
            // The queue is full of what the last connection left; the next one tries again.
            tracing::debug!(error = %e, "subscribe");
        }
    }
}

fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("it refuses the hub ({code:?}): check broker.url"),
        other => other.to_string(),
    }
}
