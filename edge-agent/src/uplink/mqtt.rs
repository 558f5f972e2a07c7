//! What must last, over MQTT 5: events, pictures, and whether this edge is there.
//!
//! ```text
//! outbox ──read──▶ flight ──publish──▶ link ──▶ broker ──▶ hub ──▶ store
//!    ▲                                                               │
//!    └───delete──── flight ◀──────────── link ◀───────────── acks ◀──┘
//! ```
//!
//! A record leaves the outbox only when the hub says that its *store* has it. What the broker confirms (PUBACK) counts
//! for nothing: every broker tried confirms before its disk has it. Where there is no hub
//! ([`MqttUplink::without_hub`]) the broker's confirmation is all that ever comes, and [`edge_core::outbox::receipts`]
//! tells of which record it is. Which records are sent when is decided by
//! [`edge_core::outbox::flight`]; the connection is kept by a task of its own ([`link`]), which never waits for this one
//! to publish.
//!
//! | bound | when full |
//! |---|---|
//! | 32 records in flight | the rest waits on disk |
//! | [`link::REQUESTS`] publishes handed to the client | publishing is tried again when one has gone out |

pub mod broker;

pub mod pem;

mod link;

mod reason;

mod message;

use std::time::{Duration, Instant};

use edge_core::outbox::flight::{Flight, Next, WINDOW};
use edge_core::outbox::receipts::{Message, Miscounted, Receipts};
use omma_protocol::id::{EdgeId, OutboxId};
use omma_protocol::wire::mqtt::AckMessage;
use omma_runtime::step::Step;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::clock::EdgeClock;
use crate::outbox::{Ended, Outbox, Stored, Which};
use crate::state::link::LinkState;
use broker::Broker;
use link::{Hears, Link, LinkEvent};

/// How long a read from the outbox may take before the connection is looked after again.
const READ: Duration = Duration::from_secs(2);
/// How soon publishing is tried again when the client takes no more.
const FULL: Duration = Duration::from_millis(50);
/// How long the goodbye may take.
pub(crate) const GOODBYE: Duration = Duration::from_secs(1);

/// The MQTT uplink. One task owns it.
#[derive(Debug)]
pub struct MqttUplink {
    edge: EdgeId,
    broker: Broker,
    outbox: Outbox,
    clock: EdgeClock,
    state: LinkState,
    flight: Flight,
    /// `None` where a hub acknowledges.
    receipts: Option<Receipts>,
    /// The outbox that the flight's numbers are of.
    numbered: OutboxId,
    /// Longest packet that the broker takes.
    max_packet: usize,
    step: Step,
}

impl MqttUplink {
    /// Not connected.
    pub fn new(edge: EdgeId, broker: Broker, outbox: Outbox, clock: EdgeClock, state: LinkState) -> Self {
        let (flight, step) = (Flight::new(WINDOW), Step::new("uplink"));
        let numbered = outbox.id();
        let (receipts, max_packet) = (None, usize::MAX);
        Self { edge, broker, outbox, clock, state, flight, receipts, numbered, max_packet, step }
    }

    /// Where there is no hub: a record leaves the outbox when the broker has taken it.
    #[must_use]
    pub fn without_hub(self) -> Self {
        Self { flight: Flight::without_hub(WINDOW), receipts: Some(Receipts::default()), ..self }
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
        let hears = if self.receipts.is_some() { Hears::Receipts } else { Hears::Acks };
        let mut link = Link::start(&self.edge, &self.broker, hears, self.state.clone());
        let mut stored = self.outbox.state();
        loop {
            let wake = self.send(&link).await?;
            tokio::select! {
                biased;
                () = token.cancelled() => break,
                event = link.next() => self.heard(event.ok_or(UplinkError::LinkDied)?, &link).await?,
                changed = stored.changed() => changed.map_err(|_| Ended)?,
                () = tokio::time::sleep_until(wake) => {}
            }
        }
        if tokio::time::timeout(GOODBYE, link.goodbye(&self.edge)).await.is_err() {
            tracing::debug!("the broker did not take the goodbye in time: it will send the last will");
        }
        Ok(())
    }

    async fn heard(&mut self, event: LinkEvent, link: &Link) -> Result<(), UplinkError> {
        match event {
            LinkEvent::Up { max_packet } => {
                self.max_packet = max_packet.map_or(usize::MAX, |max| max as usize);
                self.state.up();
                if link.greet(&self.edge) {
                    self.handed(Message::Other);
                }
                self.flight.connected();
            }
            LinkEvent::Down(answer) => {
                self.flight.disconnected();
                self.receipts.iter_mut().for_each(Receipts::connection_ended);
                // The link may have ended in the meantime.
                answer.send(()).unwrap_or_default();
            }
            LinkEvent::Ack(ack) => self.acknowledged(&ack).await?,
            LinkEvent::Sent(id) => {
                if let Some(receipts) = &mut self.receipts {
                    receipts.sent(id)?;
                }
            }
            LinkEvent::Answered { id, taken } => self.answered(id, taken).await?,
        }
        self.show();
        Ok(())
    }

    async fn acknowledged(&mut self, ack: &AckMessage) -> Result<(), UplinkError> {
        if ack.outbox != self.outbox.id() {
            // Of an outbox that was set aside; the broker kept it.
            tracing::debug!(outbox = %ack.outbox, "acknowledgement for another outbox");
            return Ok(());
        }
        self.forget(&ack.stored).await
    }

    /// The broker's word.
    async fn answered(&mut self, id: u16, taken: bool) -> Result<(), UplinkError> {
        // Before the answer is taken for one to a record of the new outbox.
        self.renumber();
        let Some(sequence) = self.receipts.as_mut().and_then(|receipts| receipts.answered(id)) else { return Ok(()) };
        if !taken {
            self.flight.refused(sequence, self.clock.now());
            return Ok(());
        }
        self.state.accepted();
        self.forget(&[[sequence, sequence]]).await
    }

    async fn forget(&mut self, acknowledged: &[[u64; 2]]) -> Result<(), UplinkError> {
        let stored = self.flight.acknowledged(acknowledged);
        stored.iter().for_each(|_| self.step.done());
        if !stored.is_empty() {
            self.outbox.delete(stored).await?;
        }
        Ok(())
    }

    fn handed(&mut self, message: Message) {
        if let Some(receipts) = &mut self.receipts {
            receipts.handed(message);
        }
    }

    /// After a damaged database was set aside, its numbers mean nothing any more.
    fn renumber(&mut self) {
        if self.numbered != self.outbox.id() {
            self.numbered = self.outbox.id();
            self.flight.begin_anew();
            self.receipts.iter_mut().for_each(Receipts::begin_anew);
        }
    }

    /// Hands over what may be sent now. Returns when to come back even if nothing happens.
    async fn send(&mut self, link: &Link) -> Result<tokio::time::Instant, UplinkError> {
        loop {
            let now = self.clock.now();
            self.renumber();
            let newest = self.outbox.state().borrow().newest;
            let which = match self.flight.next(now, newest) {
                Next::Again(sequence) => Which::Exactly(sequence),
                Next::From(sequence) => Which::From(sequence),
                Next::Wait(until) => {
                    return Ok(self.clock.instant(until.unwrap_or(now + Duration::from_secs(60))));
                }
            };
            let began = Instant::now();
            let Ok(read) = tokio::time::timeout(READ, self.outbox.read(which)).await else {
                return Ok(self.clock.instant(now + READ));
            };
            match (read?, which) {
                (Some(stored), _) => {
                    let publish = message::publish(&self.edge, &stored)?;
                    if publish.len() > self.max_packet {
                        self.give_up(&stored, publish.len()).await?;
                        continue;
                    }
                    if !link.publish(publish) {
                        return Ok(self.clock.instant(now + FULL));
                    }
                    if let Which::Exactly(_) = which {
                        metrics::counter!("omma_uplink_resent_total").increment(1);
                    }
                    self.step.observe(began.elapsed());
                    self.handed(Message::Record(stored.stamp.sequence));
                    self.flight.sent(stored.stamp.sequence, now);
                }
                (None, Which::Exactly(sequence)) => self.flight.gone(sequence),
                (None, Which::From(_)) => self.flight.none_before(newest + 1),
            }
            self.show();
        }
    }

    /// A record that the broker would close the connection for, every time: it must not hold up the others.
    async fn give_up(&mut self, stored: &Stored, len: usize) -> Result<(), UplinkError> {
        let (sequence, max) = (stored.stamp.sequence, self.max_packet);
        tracing::error!(sequence, len, max, "an event or picture is lost: the broker takes no packet of this length");
        self.step.dropped("packet too large");
        self.flight.gone(sequence);
        self.flight.none_before(sequence + 1);
        Ok(self.outbox.delete(vec![sequence]).await?)
    }

    fn show(&self) {
        metrics::gauge!("omma_uplink_in_flight").set(self.flight.len() as f64);
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
    #[error("encode a message: {0}")]
    Message(String),
    /// The broker's confirmations.
    #[error(transparent)]
    Miscounted(#[from] Miscounted),
}

#[cfg(test)]
mod tests;
