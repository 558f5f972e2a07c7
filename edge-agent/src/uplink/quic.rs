//! What is perishable, over QUIC: coded pictures and results, and only those that the hub asked for. How the edge shall be and
//! is ([`values`]). Where the hub has no broker, what must last as well ([`lasting`]).
//!
//! ```text
//!            handshake, Hello         Welcome
//!  Waiting ───────────────────▶ Greeting ─────▶ Serving ──┐ Want, Ping, reports, results
//!     ▲                            │ refused       │  ▲───┘
//!     └────────── back-off ────────┴───── lost ────┘
//! ```
//!
//! One task serves the connection, records of the outbox included; one more for each camera whose units are wanted
//! ([`groups`]).
//!
//! | bound | when full |
//! |---|---|
//! | 64 results waiting | the oldest are lost, counted |
//! | quinn's datagram buffer | the oldest are lost |
//! | 2 s of units for each wanted camera | skip to the next key picture, counted |
//! | one group of it that is being written, 10 s or 16 MB | no more of it until the next key picture, counted |
//! | 4.3 MB of unacknowledged bytes, 2 MB of them never of records | what comes waits; a group that falls behind is reset |
//! | 32 states of events, and 4 pictures or 256 KB of them, in flight | the rest waits on disk |

mod connect;

mod control;

mod serving;

mod groups;

mod lasting;

mod lane;

mod places;

pub mod values;

use std::convert::Infallible;
use std::time::Duration;

use edge_core::Moment;
use omma_protocol::backoff::Backoff;
use omma_protocol::id::EdgeId;
use omma_protocol::join::JoinToken;
use omma_protocol::wire::quic::{EdgeToHub, HubToEdge, VERSION, WireError};
use omma_runtime::backoff::random_seed;
use omma_runtime::step::Step;
use quinn::VarInt;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{STEADY, retry};
use crate::AGENT;
use crate::analysis::Results;
use crate::clock::EdgeClock;
use crate::outbox::{Ended, Outbox};
use crate::state::Reports;
use crate::state::link::LinkState;
use crate::step;
use crate::unit::Feeds;
use crate::uplink::records::EncodeError;
use connect::Connected;
use control::Control;
use lasting::Lasting;
use places::Places;
use serving::Serving;
use values::Values;

/// From Hello to Welcome.
const GREETING: Duration = Duration::from_secs(5);

/// Why there is no connection, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum QuicError {
    /// The hub can't be reached, or is another one.
    #[error("connect to {address}: {reason}")]
    Connect {
        /// As the join token names it.
        address: String,
        /// Why.
        reason: String,
    },
    /// The hub does not let this edge in.
    #[error("the hub refuses this edge: {0}")]
    Refused(String),
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Lost(String),
    /// The hub said something that can't be understood.
    #[error("the hub said what this version does not understand: {0}")]
    Wire(#[from] WireError),
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] Ended),
    /// A record that can't be put into a message.
    #[error(transparent)]
    Message(#[from] EncodeError),
}

impl From<quinn::ConnectionError> for QuicError {
    fn from(e: quinn::ConnectionError) -> Self {
        Self::Lost(e.to_string())
    }
}

/// The QUIC uplink. One task owns it.
pub struct QuicUplink {
    edge: EdgeId,
    join: JoinToken,
    feeds: Feeds,
    results: Results,
    reports: Reports,
    clock: EdgeClock,
    state: LinkState,
    retry: Backoff,
    step: Step,
    /// Where the hub has no broker.
    lasting: Option<Lasting>,
    values: Option<Values>,
}

impl QuicUplink {
    /// Not connected.
    pub fn new(
        join: JoinToken,
        feeds: Feeds,
        results: Results,
        reports: Reports,
        clock: EdgeClock,
        state: LinkState,
    ) -> Self {
        let (edge, retry, step) = (join.edge.clone(), retry(random_seed()), Step::new(step::UPLINK));
        Self { edge, join, feeds, results, reports, clock, state, retry, step, lasting: None, values: None }
    }

    /// Where the hub has no broker: the records of the outbox go this way too. `backfill` is what pictures from before a
    /// connection may take of it, bytes a second.
    #[must_use]
    pub fn carrying(self, outbox: Outbox, backfill: u64) -> Self {
        let lasting = Lasting::new(self.edge.clone(), outbox, backfill, self.clock.clone(), self.step.clone());
        Self { lasting: Some(lasting), ..self }
    }

    /// With what the hub is told of the edge itself, and desires of it.
    #[must_use]
    pub fn telling(self, values: Values) -> Self {
        Self { values: Some(values), ..self }
    }

    /// Serves the hub until `token` is cancelled. Connects again for as long as it takes.
    pub async fn run(self, token: CancellationToken) {
        let span = self.step.span();
        self.serve(token).instrument(span).await;
    }

    async fn serve(mut self, token: CancellationToken) {
        let (mut lasting, mut values) = (self.lasting.take(), self.values.take());
        loop {
            let mut up = None;
            let Err(e) = self.one_connection(&mut lasting, &mut values, &mut up, &token).await else { return };
            // An attempt that timed out lasted long too, and was no success.
            if up.is_some_and(|since| self.clock.now().saturating_sub(since) >= STEADY) {
                self.retry.succeeded();
            }
            self.state.down(e.to_string());
            if token.run_until_cancelled(tokio::time::sleep(self.retry.next_delay())).await.is_none() {
                return;
            }
        }
    }

    /// Fine only when the program ends.
    async fn one_connection(
        &self,
        lasting: &mut Option<Lasting>,
        values: &mut Option<Values>,
        up: &mut Option<Moment>,
        token: &CancellationToken,
    ) -> Result<(), QuicError> {
        let Some(welcomed) = token.run_until_cancelled(self.be_welcomed()).await else { return Ok(()) };
        let (connected, mut control) = welcomed?;
        self.state.up();
        *up = Some(self.clock.now());
        let places = Places::default();
        let served = tokio::select! {
            served = Serving::new(self, &connected, places.clone()).run(&mut control, token) => served,
            failed = carry(lasting.as_mut(), &connected, places) => failed.map(|never| match never {}),
            failed = tell(values.as_mut(), &connected) => failed.map(|never| match never {}),
        };
        lasting.iter_mut().for_each(Lasting::disconnected);
        connected.close().await;
        served
    }

    async fn be_welcomed(&self) -> Result<(Connected, Control), QuicError> {
        let connected = connect::connect(&self.join).await?;
        let greeted = async {
            let mut control = Control::open(&connected.connection).await?;
            self.greet(&mut control).await?;
            Ok::<_, QuicError>(control)
        };
        match tokio::time::timeout(GREETING, greeted).await {
            Ok(control) => Ok((connected, control?)),
            Err(_) => Err(QuicError::Lost("the hub did not answer the greeting".to_owned())),
        }
    }

    async fn greet(&self, control: &mut Control) -> Result<(), QuicError> {
        let hello = EdgeToHub::Hello {
            version: VERSION,
            edge: self.edge.clone(),
            secret: self.join.secret.expose().clone(),
            agent: AGENT.to_owned(),
        };
        control.say(&hello).await?;
        match control.hear().await? {
            HubToEdge::Welcome => Ok(()),
            HubToEdge::Refused { reason } => Err(QuicError::Refused(reason)),
            _ => Err(WireError::Malformed("greeting").into()),
        }
    }
}

async fn carry(lasting: Option<&mut Lasting>, connected: &Connected, places: Places) -> Result<Infallible, QuicError> {
    match lasting {
        Some(lasting) => lasting.carry(&connected.connection, places).await,
        None => std::future::pending().await,
    }
}

async fn tell(values: Option<&mut Values>, connected: &Connected) -> Result<Infallible, QuicError> {
    match values {
        Some(values) => values.serve(&connected.connection).await,
        None => std::future::pending().await,
    }
}

/// The application's code for an end without fault.
const NO_FAULT: VarInt = VarInt::from_u32(0);

#[cfg(test)]
mod tests;
