//! Turns the client's wheel, which must never wait for the store or for room in its own queue.
//!
//! ```text
//!   away ──ConnAck──▶ asked ──SubAck: all granted──▶ heard
//!    ▲                │ ▲ │                            │
//!    │                │ └─┘ refused, or no answer:     │
//!    │                │     said, and asked again      │
//!    └────────────────┴────────────────────────────────┘
//!      the connection ends, or a message had to be dropped that the broker waits to have acknowledged
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use omma_protocol::backoff::Backoff;
use omma_protocol::wire::mqtt::Topic;
use omma_runtime::backoff::random_seed;
use omma_runtime::health::Part;
use omma_runtime::step::Step;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish, SubAck, Subscribe, SubscribeReasonCode};
use rumqttc::v5::{ConnectionError, Event, EventLoop, Request};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::Received;
use crate::registry::Registry;
use crate::step;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);
/// After a connection that lasted this long the first wait is the shortest again. A shorter one is no recovery: a
/// store that stands still would else have the hub reconnect ten times a second.
const STEADY: Duration = Duration::from_secs(10);
/// Subscriptions that were refused, or not answered, are asked for again after this long: an operator may have mended
/// the broker's access rules meanwhile.
const ASK_AGAIN: Duration = Duration::from_secs(10);

/// The wheel. Owned by the task that turns it.
pub(super) struct Poll {
    received: mpsc::Sender<Received>,
    connection: Arc<AtomicU64>,
    registry: Registry,
    health: Part,
    step: Step,
    backoff: Backoff,
    /// When the connection that is up began.
    since: Option<Instant>,
    /// When the subscriptions were asked for that the broker has not granted.
    asked: Option<Instant>,
    /// Whether this row of failures has been said.
    failing: bool,
    /// Whether this row of refusals has been said.
    refused: bool,
}

impl Poll {
    pub(super) fn new(
        received: mpsc::Sender<Received>,
        connection: Arc<AtomicU64>,
        registry: Registry,
        health: Part,
    ) -> Self {
        Self {
            received,
            connection,
            registry,
            health,
            step: Step::new(step::INGEST),
            backoff: Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed()),
            since: None,
            asked: None,
            failing: false,
            refused: false,
        }
    }

    /// Connects, again and again, and passes on what comes. Ends only where the client was asked to say goodbye, when
    /// that and all before it have been sent.
    pub(super) async fn run(mut self, mut events: EventLoop) {
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => self.connected(&mut events),
                Ok(Event::Incoming(Packet::SubAck(answer))) => self.answered(&answer),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    if !self.pass_on(publish) {
                        self.start_over(&mut events).await;
                    }
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => {}
                Err(e) => {
                    self.failed(&e);
                    self.rest().await;
                }
            }
            if self.asked.is_some_and(|at| at.elapsed() >= ASK_AGAIN) {
                self.ask(&mut events);
            }
        }
    }

    /// Asks also where the session was resumed: the broker then sends the retained state of edges again, which may
    /// have changed while nobody listened. What it does not send again it has forgotten: an edge whose will it never
    /// published is not there.
    fn connected(&mut self, events: &mut EventLoop) {
        self.connection.fetch_add(1, Ordering::AcqRel);
        self.registry.forget_statuses();
        self.since = Some(Instant::now());
        self.ask(events);
    }

    /// Subscribes in front of everything that waits, and not by the client: its queue is full of what gathered while
    /// the broker was away, and a hub whose subscription finds no room there hears nobody.
    fn ask(&mut self, events: &mut EventLoop) {
        let filters = Topic::hub_filters().map(|filter| Filter::new(filter, QoS::AtLeastOnce));
        events.pending.retain(|request| !matches!(request, Request::Subscribe(_)));
        events.pending.push_front(Request::Subscribe(Subscribe::new_many(filters, None)));
        self.asked = Some(Instant::now());
    }

    fn answered(&mut self, answer: &SubAck) {
        let refusal = answer.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
        let Some(code) = refusal else {
            self.asked = None;
            (self.failing, self.refused) = (false, false);
            tracing::info!("the broker is reached");
            self.health.ready();
            return;
        };
        metrics::counter!("omma_ingest_subscriptions_refused_total").increment(1);
        let reason = format!(
            "the broker refuses the hub's subscriptions ({code:?}): its access rules must let the hub subscribe to \
             what lies under omma/v1/edges/"
        );
        if !std::mem::replace(&mut self.refused, true) {
            tracing::warn!(reason, "no events reach the hub: asking on");
        }
        self.health.not_ready(reason);
    }

    /// False where a message had to be dropped that the broker waits to have acknowledged.
    fn pass_on(&self, publish: Publish) -> bool {
        let owed = publish.qos != QoS::AtMostOnce;
        let connection = self.connection.load(Ordering::Acquire);
        match self.received.try_send(Received { publish, connection }) {
            // Nobody keeps anything any more: the hub is leaving.
            Ok(()) | Err(TrySendError::Closed(_)) => true,
            Err(TrySendError::Full(_)) => {
                self.step.dropped("full");
                !owed
            }
        }
    }

    /// A message that was dropped is never acknowledged, and its place in the broker's window would be lost for as
    /// long as the connection lasts. On the next one the broker sends it again.
    async fn start_over(&mut self, events: &mut EventLoop) {
        metrics::counter!("omma_ingest_reconnects_forced_total").increment(1);
        self.health.not_ready("more came from the broker than the store takes: connecting again");
        events.clean();
        // What was read and not looked at would only be dropped too, and end the next connection.
        events.state.events.clear();
        self.rest().await;
    }

    fn failed(&mut self, error: &ConnectionError) {
        metrics::counter!("omma_ingest_broker_failures_total").increment(1);
        self.health.not_ready(format!("the broker can't be reached: {}", reason(error)));
        // The first of a row is worth a line: an operator must act if it lasts, and /readyz tells.
        if !std::mem::replace(&mut self.failing, true) {
            tracing::warn!(error = reason(error), "the broker can't be reached: trying on");
        }
    }

    /// Between two connections.
    async fn rest(&mut self) {
        self.asked = None;
        if self.since.take().is_some_and(|since| since.elapsed() >= STEADY) {
            self.backoff.succeeded();
        }
        tokio::time::sleep(self.backoff.next_delay()).await;
    }
}

fn reason(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("it refuses the hub ({code:?}): check broker.url"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
