//! The connection to the broker, kept by one task that polls rumqttc's event loop and connects again when it ends.
//!
//! That task never publishes: awaiting room in rumqttc's queue from the task that empties it hangs for ever. The owner
//! publishes with [`Link::publish`], which never waits.
//!
//! When the connection ends, what rumqttc still held is thrown away: the outbox has it all, and sends it again in the
//! right order. Before the next one, what lies in files is read anew: certificates and passwords are renewed.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use bytes::Bytes;
use omma_protocol::backoff::Backoff;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{AckMessage, QOS, Topic};
use omma_runtime::backoff::random_seed;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, LastWill, Packet, PubAck, PubAckReason, PublishProperties, SubAck, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions, MqttState};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::broker::{Admission, Broker};
use super::message::{self, Publish};
use super::reason::reason;
use crate::state::link::LinkState;
use crate::uplink::{STEADY, retry};

// The quality of everything that is published here is the one agreed for all topics.
const _: () = assert!(QoS::AtLeastOnce as u8 == QOS);

/// Requests that rumqttc takes before it has sent them: the whole window, the values of the moment, and the greeting.
pub(super) const REQUESTS: usize = 64;
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
/// Only acknowledgements, commands and what this edge had published come this way.
const MAX_INCOMING: u32 = 256 * 1024;

/// What happened to the connection.
#[derive(Debug)]
pub(super) enum LinkEvent {
    Up {
        /// Longest packet that the broker takes, where it says so.
        max_packet: Option<u32>,
        /// Whether the broker has kept this edge's session.
        session_kept: bool,
    },
    /// Until this is answered or dropped, what is still published is thrown away; after that it would be sent over the
    /// next connection, out of order.
    Down(oneshot::Sender<()>),
    /// What the hub's store has.
    Ack(AckMessage),
    /// Anything else that was subscribed to.
    Heard(Heard),
    /// The broker does not let this edge hear that.
    NotHeard {
        /// Which filter.
        filter: String,
        /// Its reason.
        code: String,
    },
    /// The oldest message that was handed over and not sent is sent, under this packet id.
    Sent(u16),
    /// The broker has answered what was sent under this packet id.
    Answered {
        id: u16,
        /// Its reason, where it does not take it.
        refusal: Option<String>,
    },
}

/// A message as it came.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) topic: String,
    pub(super) payload: Bytes,
    /// The broker had retained it.
    pub(super) retained: bool,
    pub(super) properties: PublishProperties,
}

/// The owner's end.
#[derive(Debug)]
pub(super) struct Link {
    client: AsyncClient,
    filters: Vec<(String, QoS)>,
    events: mpsc::Receiver<LinkEvent>,
    task: JoinHandle<()>,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    /// `filters` are subscribed to by [`Link::greet`].
    pub(super) fn start(edge: &EdgeId, broker: &Broker, filters: Vec<(String, QoS)>, state: LinkState) -> Self {
        let (client, event_loop) = AsyncClient::new(options(edge, broker), REQUESTS);
        let (tell, events) = mpsc::channel(EVENTS);
        let acks = Topic::Acks(edge.clone()).to_string();
        let (broker, retry, names) = (broker.clone(), retry(random_seed()), filters.iter().map(|(f, _)| f.clone()));
        let keeper = Keeper { acks, filters: names.collect(), broker, event_loop, tell, state, retry, up: None };
        Self { client, filters, events, task: tokio::spawn(keeper.run().in_current_span()) }
    }

    /// `None` when the task has died.
    pub(super) async fn next(&mut self) -> Option<LinkEvent> {
        self.events.recv().await
    }

    /// Subscribes to what is heard, and says that this edge is there. Whether the client took the latter.
    pub(super) fn greet(&self, edge: &EdgeId) -> bool {
        let filters = self.filters.iter().map(|(filter, qos)| Filter::new(filter.clone(), *qos));
        let deaf = self.client.try_subscribe_many(filters).is_err();
        let greeted = self.publish(message::status(edge, true));
        if deaf || !greeted {
            // The queue was emptied when the last connection ended, so this needs a broker that connects and hangs.
            tracing::debug!("no room for the greeting: the resend timer or the next connection mends it");
        }
        greeted
    }

    /// Whether the client took it.
    pub(super) fn publish(&self, publish: Publish) -> bool {
        let Publish { topic, payload, properties, retain } = publish;
        self.client.try_publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties).is_ok()
    }

    /// What the broker had retained under these filters has come.
    pub(super) fn hear_no_more<'a>(&self, filters: impl IntoIterator<Item = &'a String>) {
        for filter in filters {
            if self.client.try_unsubscribe(filter).is_err() {
                tracing::debug!(filter, "no room for unsubscribing: this edge goes on hearing itself");
            }
        }
    }

    /// Says that this edge goes and waits until the broker was told.
    pub(super) async fn goodbye(mut self, edge: &EdgeId) {
        let said = self.publish(message::status(edge, false));
        if said && self.client.try_disconnect().is_ok() {
            // The task ends after it has sent the DISCONNECT.
            while self.events.recv().await.is_some() {}
        }
    }
}

fn options(edge: &EdgeId, broker: &Broker) -> MqttOptions {
    let Publish { topic, payload, retain, .. } = message::status(edge, false);
    let mut options = MqttOptions::new(format!("omma-edge-{edge}"), broker.host(), broker.port());
    options
        .set_keep_alive(KEEP_ALIVE)
        .set_connection_timeout(CONNECT_SECONDS)
        .set_clean_start(false)
        .set_session_expiry_interval(Some(SESSION_SECONDS))
        .set_max_packet_size(Some(MAX_INCOMING))
        .set_outgoing_inflight_upper_limit(PACKET_IDS)
        .set_last_will(LastWill::new(topic, payload, QoS::AtLeastOnce, retain, None));
    options
}

fn admit(options: &mut MqttOptions, admission: Admission) {
    if let Some(credentials) = &admission.credentials {
        options.set_credentials(&credentials.user, credentials.password.expose());
    }
    if let Some(tls) = admission.tls {
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
    }
}

/// The task that polls.
struct Keeper {
    /// The topic of acknowledgements.
    acks: String,
    /// In the order in which they are subscribed to.
    filters: Vec<String>,
    broker: Broker,
    event_loop: EventLoop,
    tell: mpsc::Sender<LinkEvent>,
    state: LinkState,
    retry: Backoff,
    /// Since when the connection is up.
    up: Option<Instant>,
}

impl Keeper {
    /// Ends when the owner is gone or has said goodbye.
    async fn run(mut self) {
        self.be_admitted().await;
        loop {
            match self.event_loop.poll().await {
                Ok(event) => {
                    if self.happened(event).await.is_break() {
                        return;
                    }
                }
                Err(e) => {
                    if self.ended(reason(&e, &self.broker)).await.is_break() {
                        return;
                    }
                    tokio::time::sleep(self.retry.next_delay()).await;
                    self.be_admitted().await;
                }
            }
        }
    }

    /// Reads what the next connection begins with, for as long as it takes until that can be read.
    async fn be_admitted(&mut self) {
        loop {
            let broker = self.broker.clone();
            match tokio::task::spawn_blocking(move || broker.admission()).await {
                Ok(Ok(admission)) => return admit(&mut self.event_loop.options, admission),
                Ok(Err(fault)) => self.state.down(fault.to_string()),
                Err(e) => self.state.down(format!("read what [mqtt] names: {e}")),
            }
            tokio::time::sleep(self.retry.next_delay()).await;
        }
    }

    /// Tells the owner. Breaks when nobody is there to be told any more.
    async fn happened(&mut self, event: Event) -> ControlFlow<()> {
        let event = match event {
            Event::Incoming(Packet::ConnAck(welcome)) => {
                self.up = Some(Instant::now());
                let max_packet = welcome.properties.and_then(|p| p.max_packet_size);
                LinkEvent::Up { max_packet, session_kept: welcome.session_present }
            }
            Event::Incoming(Packet::Publish(publish)) if publish.topic == self.acks.as_bytes() => {
                match serde_json::from_slice(&publish.payload) {
                    Ok(ack) => LinkEvent::Ack(ack),
                    Err(e) => {
                        metrics::counter!("omma_uplink_bad_acks_total").increment(1);
                        tracing::debug!(error = %e, "an acknowledgement can't be read");
                        return ControlFlow::Continue(());
                    }
                }
            }
            Event::Incoming(Packet::Publish(publish)) => LinkEvent::Heard(Heard {
                topic: String::from_utf8_lossy(&publish.topic).into_owned(),
                payload: publish.payload,
                retained: publish.retain,
                properties: publish.properties.unwrap_or_default(),
            }),
            Event::Incoming(Packet::PubAck(PubAck { pkid, reason, .. })) => {
                let taken = matches!(reason, PubAckReason::Success | PubAckReason::NoMatchingSubscribers);
                LinkEvent::Answered { id: pkid, refusal: (!taken).then(|| format!("{reason:?}")) }
            }
            Event::Outgoing(Outgoing::Publish(pkid)) => LinkEvent::Sent(pkid),
            Event::Incoming(Packet::SubAck(SubAck { return_codes, .. })) => {
                let codes = self.filters.iter().zip(&return_codes);
                let refused = codes.filter(|(_, code)| !matches!(code, SubscribeReasonCode::Success(_)));
                for (filter, code) in refused {
                    let told = LinkEvent::NotHeard { filter: filter.clone(), code: format!("{code:?}") };
                    if self.tell.send(told).await.is_err() {
                        return ControlFlow::Break(());
                    }
                }
                return ControlFlow::Continue(());
            }
            Event::Outgoing(Outgoing::Disconnect) => return ControlFlow::Break(()),
            _ => return ControlFlow::Continue(()),
        };
        match self.tell.send(event).await {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    /// After this nothing of the connection is left, here or in rumqttc.
    async fn ended(&mut self, why: String) -> ControlFlow<()> {
        // What had come before the end still counts, and must not be taken for news of the next connection.
        for event in std::mem::take(&mut self.event_loop.state.events) {
            self.happened(event).await?;
        }
        self.state.down(why);
        if let Some(since) = self.up.take() {
            if since.elapsed() >= STEADY {
                self.retry.succeeded();
            }
            self.owner_stops_publishing().await;
        }
        self.event_loop.clean();
        self.event_loop.pending.clear();
        // rumqttc goes on with the old state's packet ids, which another broker's lower limit makes it run out of, and
        // with a collision, for which it takes no requests.
        self.event_loop.state = MqttState::new(PACKET_IDS, false);
        ControlFlow::Continue(())
    }

    async fn owner_stops_publishing(&mut self) {
        let (answer, answered) = oneshot::channel();
        if self.tell.send(LinkEvent::Down(answer)).await.is_ok() {
            // An owner that is gone publishes nothing either.
            answered.await.unwrap_or_default();
        }
    }
}
