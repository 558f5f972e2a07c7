//! What must last, over MQTT 5: events, incidents, pictures, and whether this edge is there; and beside it how its cameras are now,
//! and what is asked of it.
//!
//! ```text
//! outbox ──read──▶ flight ──publish──▶ link ──▶ broker ──▶ hub ──▶ store
//!    ▲                                                               │
//!    └───delete──── flight ◀──────────── link ◀───────────── acks ◀──┘
//! ```
//!
//! A record leaves the outbox only when the hub says that its *store* has it. What the broker confirms (PUBACK) counts
//! for nothing: every broker tried confirms before its disk has it. Where there is no hub
//! ([`MqttUplink::without_hub`]) the broker's confirmation is all that ever comes. [`edge_core::outbox::receipts`] tells
//! of what it is. Which records are sent when is decided as for QUIC ([`super::records`]); the connection is kept by a task
//! of its own ([`link`]), which never waits for this one to publish.
//!
//! | bound | when full |
//! |---|---|
//! | 32 states of events, 4 incidents and 4 pictures or 256 KB of them in flight | the rest waits on disk |
//! | the rate of pictures from before the connection (`outbox.backfill_kbit_s`) | they wait on disk |
//! | [`link::REQUESTS`] publishes handed to the client | publishing is tried again when one has gone out |
//!
//! Values of the moment ([`crate::control::notices`]) go out when no event may.

pub mod broker;

pub mod pem;

mod link;

mod reason;

mod message;

use std::time::Duration;

use edge_core::Moment;
use edge_core::outbox::receipts::{Message, Miscounted, Receipts};
use edge_core::retained;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{AckMessage, Topic};
use omma_runtime::step::Step;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock::EdgeClock;
use crate::control::notices::{Notices, ReplyTo};
use crate::outbox::{Ended, Outbox};
use crate::state::link::LinkState;
use crate::step;
use crate::uplink::records::{Due, EncodeError, Records};
use broker::Broker;
use link::{Heard, Link, LinkEvent};
use rumqttc::v5::mqttbytes::QoS;

/// How soon publishing is tried again when the client takes no more.
const FULL: Duration = Duration::from_millis(50);
/// How long after a connection began the broker has told what it had retained.
const TOLD: Duration = Duration::from_secs(5);
/// How long the goodbye may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// The MQTT uplink. One task owns it.
#[derive(Debug)]
pub struct MqttUplink {
    edge: EdgeId,
    broker: Broker,
    records: Records,
    clock: EdgeClock,
    state: LinkState,
    notices: Notices,
    /// Whether a hub acknowledges; else the broker's word counts.
    hub: bool,
    receipts: Receipts,
    up: bool,
    /// When what the broker had retained has been told.
    told_at: Option<Moment>,
    /// Longest packet that the broker takes.
    max_packet: usize,
    step: Step,
}

impl MqttUplink {
    /// Not connected. `backfill` is what pictures from before a connection may take of it, bytes a second.
    pub fn new(
        edge: EdgeId,
        broker: Broker,
        outbox: Outbox,
        backfill: u64,
        notices: Notices,
        clock: EdgeClock,
        state: LinkState,
    ) -> Self {
        let step = Step::new(step::UPLINK);
        Self {
            records: Records::new(outbox, backfill, clock.clone(), step.clone()),
            step,
            receipts: Receipts::default(),
            max_packet: usize::MAX,
            hub: true,
            up: false,
            told_at: None,
            edge,
            broker,
            notices,
            clock,
            state,
        }
    }

    /// Where there is no hub: a record leaves the outbox when the broker has taken it.
    #[must_use]
    pub fn without_hub(self) -> Self {
        Self { records: self.records.patient(), hub: false, ..self }
    }

    /// Sends until `token` is cancelled, then says goodbye. Connects again for as long as it takes.
    ///
    /// # Errors
    /// When the outbox has ended or the link's task has died; start again with a new one.
    pub async fn run(self, token: CancellationToken) -> Result<(), UplinkError> {
        let span = self.step.span();
        self.serve(token).instrument(span).await
    }

    async fn serve(mut self, token: CancellationToken) -> Result<(), UplinkError> {
        let mut link = Link::start(&self.edge, &self.broker, self.filters(), self.state.clone());
        let mut stored = self.records.watch();
        let notices = self.notices.clone();
        loop {
            let wake = self.send(&link).await?;
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                event = link.next() => self.heard(event.ok_or(UplinkError::LinkDied)?, &link).await?,
                changed = stored.changed() => changed.map_err(|_| Ended)?,
                () = notices.changed() => {}
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        if tokio::time::timeout(GOODBYE, link.goodbye(&self.edge)).await.is_err() {
            tracing::debug!("the broker did not take the goodbye in time: it will send the last will");
        }
        Ok(())
    }

    /// What is subscribed to.
    fn filters(&self) -> Vec<(String, QoS)> {
        let acks = self.hub.then(|| Topic::Acks(self.edge.clone()).to_string());
        let asked = acks.into_iter().chain(self.notices.request_filters());
        // What may be told twice or not at all needs no confirmation.
        let found = self.notices.retained_filters().into_iter().map(|filter| (filter, QoS::AtMostOnce));
        asked.map(|filter| (filter, QoS::AtLeastOnce)).chain(found).collect()
    }

    async fn heard(&mut self, event: LinkEvent, link: &Link) -> Result<(), UplinkError> {
        match event {
            LinkEvent::Up { max_packet, session_kept } => {
                self.max_packet = max_packet.map_or(usize::MAX, |max| max as usize);
                self.state.up();
                if link.greet(&self.edge) {
                    self.receipts.handed(Message::Other);
                }
                self.records.connected();
                self.notices.retained().connected(session_kept);
                (self.up, self.told_at) = (true, Some(self.clock.now() + TOLD));
            }
            LinkEvent::Down(answer) => {
                self.records.disconnected();
                self.receipts.connection_ended();
                self.notices.retained().disconnected();
                (self.up, self.told_at) = (false, None);
                // The link may have ended in the meantime.
                answer.send(()).unwrap_or_default();
            }
            LinkEvent::Ack(ack) => self.acknowledged(&ack).await?,
            LinkEvent::Heard(Heard { topic, payload, retained, properties }) => {
                let correlation = properties.correlation_data;
                let reply_to = properties.response_topic.map(|topic| ReplyTo { topic, correlation });
                self.notices.heard(&topic, payload, retained, reply_to);
            }
            LinkEvent::NotHeard { filter, code } => {
                let reason = self.refusal("subscribe to", &filter, &code);
                if filter == Topic::Acks(self.edge.clone()).to_string() {
                    self.state.refused(reason);
                } else {
                    self.state.hindered(reason);
                }
            }
            LinkEvent::Sent(id) => self.receipts.sent(id)?,
            LinkEvent::Answered { id, refusal } => self.answered(id, refusal).await?,
        }
        self.show();
        Ok(())
    }

    async fn acknowledged(&mut self, ack: &AckMessage) -> Result<(), UplinkError> {
        self.renumber();
        if self.records.acknowledged(ack).await? {
            self.state.accepted();
        }
        Ok(())
    }

    /// The broker's word.
    async fn answered(&mut self, id: u16, refusal: Option<String>) -> Result<(), UplinkError> {
        // Before the answer is taken for one to a record of the new outbox.
        self.renumber();
        let (answered, now) = (self.receipts.answered(id), self.clock.now());
        if let Some(Message::Value(serial)) = answered {
            let refused = self.notices.retained().answered(serial, refusal.is_none(), now);
            if let Some((topic, code)) = refused.zip(refusal) {
                let rule = self.notices.rule_for(&topic);
                self.state.hindered(self.refusal("publish", &rule, &code));
            }
            return Ok(());
        }
        if answered == Some(Message::Answer) {
            // Whoever asked wants the answer where this edge may not publish; events are not held up by that.
            if let Some(code) = refusal {
                self.state.hindered(self.refusal("answer on", "a response topic", &code));
            }
            return Ok(());
        }
        if let Some(code) = &refusal {
            let reason = self.refusal("publish", &Topic::fence(&self.edge), code);
            // A hub of before there were incidents takes the rest.
            let incident = matches!(answered, Some(Message::Record(sequence)) if self.records.is_incident(sequence));
            if incident { self.state.hindered(reason) } else { self.state.refused(reason) }
        }
        match answered {
            // The hub's word is what counts, and it is asked again.
            Some(Message::Record(_)) if self.hub => Ok(()),
            Some(Message::Record(sequence)) if refusal.is_some() => {
                self.records.refused(sequence);
                Ok(())
            }
            Some(Message::Record(sequence)) => {
                self.state.accepted();
                Ok(self.records.forget(&[[sequence, sequence]]).await?)
            }
            _ => Ok(()),
        }
    }

    fn refusal(&self, what: &str, which: &str, code: &str) -> String {
        format!("the broker does not let this edge {what} {which} ({code}): mend its access rules")
    }

    /// After a damaged database was set aside, its numbers mean nothing any more.
    fn renumber(&mut self) {
        if self.records.renumber() {
            self.receipts.begin_anew();
        }
    }

    /// Hands over what may be sent now. Returns when to come back even if nothing happens.
    async fn send(&mut self, link: &Link) -> Result<tokio::time::Instant, UplinkError> {
        loop {
            self.renumber();
            let due = match self.records.next().await? {
                Due::Record(due) => due,
                Due::Wait(until) => {
                    let now = self.clock.now();
                    let wakes = [until, self.send_values(link, now), self.told_at];
                    let wake = wakes.into_iter().flatten().min();
                    return Ok(self.clock.instant(wake.unwrap_or(now + Duration::from_secs(60))));
                }
            };
            let publish = message::publish(&self.edge, &due.stored)?;
            let len = publish.len();
            if len > self.max_packet {
                self.records.give_up(&due.stored, len, self.max_packet).await?;
                continue;
            }
            if !link.publish(publish) {
                return Ok(self.clock.instant(self.clock.now() + FULL));
            }
            self.receipts.handed(Message::Record(due.stored.stamp.sequence));
            self.records.sent(&due, len);
        }
    }

    /// Hands over what is not in the outbox. Returns when to come back even if nothing happens.
    fn send_values(&mut self, link: &Link, now: Moment) -> Option<Moment> {
        if !self.up {
            return None;
        }
        if self.told_at.is_some_and(|at| at <= now) {
            self.told_at = None;
            link.hear_no_more(&self.notices.retained_filters());
        }
        while let Some(answer) = self.notices.next_answer() {
            let publish = message::answer(answer.clone());
            if publish.len() > self.max_packet {
                self.step.dropped("answer too large");
            } else if link.publish(publish) {
                self.receipts.handed(Message::Answer);
            } else {
                self.notices.not_sent(answer);
                return Some(now + FULL);
            }
        }
        loop {
            let value = match self.notices.retained().next(now) {
                retained::Next::Send(value) => value,
                retained::Next::Wait(until) => return until,
            };
            let serial = value.serial;
            let publish = message::value(value);
            if publish.len() > self.max_packet {
                self.step.dropped("value too large");
                self.notices.retained().answered(serial, true, now);
            } else if link.publish(publish) {
                self.receipts.handed(Message::Value(serial));
            } else {
                self.notices.retained().not_taken(serial);
                return Some(now + FULL);
            }
        }
    }

    fn show(&self) {
        let topics = self.notices.retained().refused_topics();
        metrics::counter!("omma_control_dropped_total", "what" => "too many topics").absolute(topics);
    }
}

/// Why the uplink starts again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UplinkError {
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] Ended),
    /// The link's task panicked.
    #[error("the connection's task has died")]
    LinkDied,
    /// A record that can't be put into a message.
    #[error(transparent)]
    Message(#[from] EncodeError),
    /// The broker's confirmations.
    #[error(transparent)]
    Miscounted(#[from] Miscounted),
}

#[cfg(test)]
mod tests;
