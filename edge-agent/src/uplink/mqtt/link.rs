//! The connection to the broker, kept by one task that polls rumqttc's event loop and connects again when it ends.
//!
//! That task never publishes: awaiting room in rumqttc's queue from the task that empties it hangs for ever. The owner
//! publishes with [`Link::publish`], which never waits.
//!
//! When the connection ends, what rumqttc still held is thrown away: the outbox has it all, and sends it again in the
//! right order.

use std::time::{Duration, Instant};

use omma_protocol::backoff::Backoff;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{AckMessage, Topic};
use omma_runtime::backoff::random_seed;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectReturnCode, LastWill, Packet, PubAck, PubAckReason, SubAck, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::broker::Broker;
use super::message::{self, Publish};
use crate::state::link::LinkState;
use crate::uplink::{STEADY, retry};

/// Requests that rumqttc takes before it has sent them: the whole window, and the greeting.
pub(super) const REQUESTS: usize = 48;
/// Packet ids that rumqttc goes round in, with room for a publish under each: far more than are ever under way, so that
/// none comes round to one that still waits. Its default is 65,535, which is 14 MB.
const PACKET_IDS: u16 = 1024;
/// Events that wait for the owner; then the connection's task waits for it.
const EVENTS: usize = 64;
/// TCP, TLS and CONNACK together.
const CONNECT_SECONDS: u64 = 10;
/// A broker that answers no ping for two of these is taken for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// How long the broker keeps acknowledgements for an edge that is away.
const SESSION_SECONDS: u32 = 3600;
/// Only acknowledgements come this way.
const MAX_INCOMING: u32 = 256 * 1024;

/// What happened to the connection.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Up {
        /// Longest packet that the broker takes, where it says so.
        max_packet: Option<u32>,
    },
    /// Until this is answered or dropped, what is still published is thrown away; after that it would be sent over the
    /// next connection, out of order.
    Down(oneshot::Sender<()>),
    Ack(AckMessage),
}

/// The owner's end.
#[derive(Debug)]
pub(super) struct Link {
    client: AsyncClient,
    acks: String,
    events: mpsc::Receiver<LinkEvent>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    pub(super) fn start(edge: &EdgeId, broker: &Broker, state: LinkState) -> Self {
        let (client, event_loop) = AsyncClient::new(options(edge, broker), REQUESTS);
        let (tell, events) = mpsc::channel(EVENTS);
        let acks = Topic::Acks(edge.clone()).to_string();
        let keeper = Keeper { event_loop, tell, acks: acks.clone(), state, retry: retry(random_seed()), up: None };
        Self { client, acks, events, task: tokio::spawn(keeper.run().in_current_span()) }
    }

    /// `None` when the task has died.
    pub(super) async fn next(&mut self) -> Option<LinkEvent> {
        self.events.recv().await
    }

    /// Subscribes to acknowledgements and says that this edge is there.
    pub(super) fn greet(&self, edge: &EdgeId) {
        let status = Topic::Status(edge.clone()).to_string();
        let subscribed = self.client.try_subscribe(self.acks.clone(), QoS::AtLeastOnce);
        let greeted = self.client.try_publish(status, QoS::AtLeastOnce, true, message::status(true));
        if subscribed.is_err() || greeted.is_err() {
            // The queue was emptied when the last connection ended, so this needs a broker that connects and hangs.
            tracing::debug!("no room for the greeting: the resend timer or the next connection mends it");
        }
    }

    /// Whether the client took it.
    pub(super) fn publish(&self, publish: Publish) -> bool {
        let Publish { topic, payload, properties } = publish;
        self.client.try_publish_with_properties(topic.to_string(), QoS::AtLeastOnce, false, payload, properties).is_ok()
    }

    /// Says that this edge goes and waits until the broker was told.
    pub(super) async fn goodbye(mut self, edge: &EdgeId) {
        let status = Topic::Status(edge.clone()).to_string();
        let said = self.client.try_publish(status, QoS::AtLeastOnce, true, message::status(false)).is_ok();
        if said && self.client.try_disconnect().is_ok() {
            // The task ends after it has sent the DISCONNECT.
            while self.events.recv().await.is_some() {}
        }
    }
}

fn options(edge: &EdgeId, broker: &Broker) -> MqttOptions {
    let mut options = MqttOptions::new(format!("omma-edge-{edge}"), &broker.host, broker.port);
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_connection_timeout(CONNECT_SECONDS)
        .set_clean_start(false)
        .set_session_expiry_interval(Some(SESSION_SECONDS))
        .set_max_packet_size(Some(MAX_INCOMING))
        .set_outgoing_inflight_upper_limit(PACKET_IDS)
        .set_last_will(LastWill::new(
            Topic::Status(edge.clone()).to_string(),
            message::status(false),
            QoS::AtLeastOnce,
            true,
            None,
        ));
    if let Some(credentials) = &broker.credentials {
        options.set_credentials(&credentials.user, credentials.password.expose());
    }
    if let Some(tls) = &broker.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls.clone())));
    }
    options
}

/// The task that polls.
struct Keeper {
    event_loop: EventLoop,
    tell: mpsc::Sender<LinkEvent>,
    acks: String,
    state: LinkState,
    retry: Backoff,
    /// Since when the connection is up.
    up: Option<Instant>,
}

impl Keeper {
    /// Ends when the owner is gone or has said goodbye.
    async fn run(mut self) {
        loop {
            let event = match self.event_loop.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(welcome))) => {
                    self.up = Some(Instant::now());
                    Some(LinkEvent::Up { max_packet: welcome.properties.and_then(|p| p.max_packet_size) })
                }
                Ok(Event::Incoming(Packet::Publish(publish))) if publish.topic == self.acks.as_bytes() => {
                    match serde_json::from_slice(&publish.payload) {
                        Ok(ack) => Some(LinkEvent::Ack(ack)),
                        Err(e) => {
                            metrics::counter!("omma_uplink_bad_acks_total").increment(1);
                            tracing::debug!(error = %e, "an acknowledgement can't be read");
                            None
                        }
                    }
                }
                Ok(Event::Incoming(Packet::PubAck(PubAck { reason, .. })))
                    if !matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers) =>
                {
                    self.refused("publish", format!("{reason:?}"));
                    None
                }
                Ok(Event::Incoming(Packet::SubAck(SubAck { return_codes, .. }))) => {
                    if let Some(code) = return_codes.iter().find(|c| !matches!(c, SubscribeReasonCode::Success(_))) {
                        self.refused("subscribe to", format!("{code:?}"));
                    }
                    None
                }
                Ok(Event::Outgoing(Outgoing::Disconnect)) => return,
                Ok(_) => None,
                Err(e) => {
                    self.ended(&e);
                    if let Some(since) = self.up.take() {
                        if since.elapsed() >= STEADY {
                            self.retry.succeeded();
                        }
                        self.owner_stops_publishing().await;
                    }
                    self.event_loop.clean();
                    self.event_loop.pending.clear();
                    // rumqttc keeps it over `clean`, and takes no requests while it waits for an old PUBACK.
                    self.event_loop.state.collision = None;
                    tokio::time::sleep(self.retry.next_delay()).await;
                    None
                }
            };
            if let Some(event) = event
                && self.tell.send(event).await.is_err()
            {
                return;
            }
        }
    }

    fn refused(&self, what: &str, code: String) {
        let rule = self.acks.trim_end_matches("acks");
        self.state.refused(format!("the broker does not let this edge {what} {rule}# ({code}): mend its access rules"));
    }

    async fn owner_stops_publishing(&mut self) {
        let (answer, answered) = oneshot::channel();
        if self.tell.send(LinkEvent::Down(answer)).await.is_ok() {
            // An owner that is gone publishes nothing either.
            answered.await.unwrap_or_default();
        }
    }

    fn ended(&self, error: &ConnectionError) {
        self.state.down(match error {
            ConnectionError::ConnectionRefused(
                code @ (ConnectReturnCode::BadUserNamePassword | ConnectReturnCode::NotAuthorized),
            ) => {
                format!("the broker refuses this edge ({code:?}): get a new join token with `cloud-hub join`")
            }
            error => format!("MQTT: {error}"),
        });
    }
}
