//! What is perishable, over QUIC: coded pictures and results, and only those that the hub asked for.
//!
//! ```text
//!            handshake, Hello         Welcome
//!  Waiting ───────────────────▶ Greeting ─────▶ Serving ──┐ Want, Ping, reports, results
//!     ▲                            │ refused       │  ▲───┘
//!     └────────── back-off ────────┴───── lost ────┘
//! ```
//!
//! One task serves the connection; one more for each camera whose units are wanted ([`groups`]).
//!
//! | bound | when full |
//! |---|---|
//! | 64 results waiting | the oldest are lost, counted |
//! | quinn's datagram buffer | the oldest are lost |
//! | 2 s of units for each wanted camera | skip to the next key picture, counted |
//! | 2 MB of unacknowledged bytes | units wait; a group that falls behind is reset |

mod connect;

mod control;

mod groups;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use edge_core::backoff::Backoff;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::join::JoinToken;
use omma_protocol::wire::quic::{CameraResult, EdgeToHub, HubToEdge, STREAM_RESULT, VERSION, WireError, encode_result};
use omma_runtime::backoff::random_seed;
use omma_runtime::step::Step;
use quinn::{Connection, SendDatagramError, VarInt};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::retry;
use crate::AGENT;
use crate::analysis::Results;
use crate::clock::EdgeClock;
use crate::state::{LinkState, Reports};
use crate::unit::Feed;
use connect::Connected;
use control::Control;
use groups::Counter;

/// From Hello to Welcome.
const GREETING: Duration = Duration::from_secs(5);
/// How long a result that is too large for a datagram is worth sending.
const RESULT: Duration = Duration::from_secs(1);
/// A connection that lasted this long was a success.
const STEADY: Duration = Duration::from_secs(5);

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
    feeds: BTreeMap<CameraId, Feed>,
    results: Results,
    reports: Reports,
    clock: EdgeClock,
    state: LinkState,
    retry: Backoff,
    step: Step,
}

impl QuicUplink {
    /// Not connected.
    pub fn new(
        join: JoinToken,
        feeds: BTreeMap<CameraId, Feed>,
        results: Results,
        reports: Reports,
        clock: EdgeClock,
        state: LinkState,
    ) -> Self {
        let retry = retry(random_seed());
        Self { edge: join.edge.clone(), join, feeds, results, reports, clock, state, retry, step: Step::new("uplink") }
    }

    /// Serves the hub until `token` is cancelled. Connects again for as long as it takes.
    pub async fn run(mut self, token: CancellationToken) {
        loop {
            let began = self.clock.now();
            let Err(e) = self.one_connection(&token).await else { return };
            if self.clock.now().saturating_sub(began) >= STEADY {
                self.retry.succeeded();
            }
            self.state.down(e.to_string());
            if token.run_until_cancelled(tokio::time::sleep(self.retry.next_delay())).await.is_none() {
                return;
            }
        }
    }

    /// Fine only when the program ends.
    async fn one_connection(&self, token: &CancellationToken) -> Result<(), QuicError> {
        let Some(welcomed) = token.run_until_cancelled(self.be_welcomed()).await else { return Ok(()) };
        let (connected, mut control) = welcomed?;
        self.state.up();
        let served = Serving::new(self, &connected).run(&mut control, token).await;
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

/// One connection that the hub has welcomed.
struct Serving<'a> {
    uplink: &'a QuicUplink,
    connection: Connection,
    /// By camera: the task that sends its units.
    units: BTreeMap<CameraId, Sending>,
    /// By camera: how many groups of it this connection has carried.
    groups: BTreeMap<CameraId, Counter>,
    /// Cameras whose results are wanted.
    results: BTreeMap<CameraId, ()>,
}

/// Owes the task its end.
struct Sending(AbortHandle);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<'a> Serving<'a> {
    fn new(uplink: &'a QuicUplink, connected: &Connected) -> Self {
        let connection = connected.connection.clone();
        Self { uplink, connection, units: BTreeMap::new(), groups: BTreeMap::new(), results: BTreeMap::new() }
    }

    async fn run(mut self, control: &mut Control, token: &CancellationToken) -> Result<(), QuicError> {
        let mut reports = self.uplink.reports.watch();
        let mut results = self.uplink.results.subscribe();
        reports.mark_changed();
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return Ok(()),
                message = control.hear() => self.heard(message?, control).await?,
                changed = reports.changed() => match changed {
                    Ok(()) => {
                        let cameras = reports.borrow_and_update().clone();
                        control.say(&EdgeToHub::Cameras(cameras)).await?;
                    }
                    // The pipelines have ended, and so will this.
                    Err(_) => return Ok(()),
                },
                result = results.recv() => match result {
                    Ok(result) => self.send_result(&result)?,
                    Err(RecvError::Lagged(lost)) => self.uplink.step.dropped_many("results behind", lost),
                    Err(RecvError::Closed) => return Ok(()),
                },
            }
        }
    }

    async fn heard(&mut self, message: HubToEdge, control: &mut Control) -> Result<(), QuicError> {
        match message {
            HubToEdge::Ping { ping } => control.say(&EdgeToHub::Pong { ping, at: self.uplink.clock.date_now() }).await,
            HubToEdge::Want { camera, units, results } => {
                self.wants(camera, units, results);
                Ok(())
            }
            HubToEdge::Refused { reason } => Err(QuicError::Refused(reason)),
            HubToEdge::Welcome => Err(WireError::Malformed("second welcome").into()),
        }
    }

    fn wants(&mut self, camera: CameraId, units: bool, results: bool) {
        let Some(feed) = self.uplink.feeds.get(&camera) else {
            // The hub may remember a camera that has been taken out of the configuration.
            tracing::debug!(%camera, "the hub wants a camera that is not here");
            return;
        };
        tracing::debug!(%camera, units, results, "wanted");
        if results {
            self.results.insert(camera.clone(), ());
        } else {
            self.results.remove(&camera);
        }
        if !units {
            self.units.remove(&camera);
        } else if !self.units.contains_key(&camera) {
            let reader = feed.read("uplink behind", self.uplink.clock.now());
            let counter = Arc::clone(self.groups.entry(camera.clone()).or_default());
            let step = self.uplink.step.clone();
            let sending = groups::send(self.connection.clone(), camera.clone(), reader, counter, step);
            self.units.insert(camera, Sending(tokio::spawn(sending).abort_handle()));
        }
    }

    fn send_result(&self, result: &CameraResult) -> Result<(), QuicError> {
        if !self.results.contains_key(&result.camera) {
            return Ok(());
        }
        let bytes = match encode_result(&result.camera, &result.result) {
            Ok(bytes) => bytes,
            Err(e) => {
                tracing::debug!(camera = %result.camera, error = %e, "result");
                self.uplink.step.dropped("result too large");
                return Ok(());
            }
        };
        match self.connection.send_datagram(bytes.clone()) {
            Ok(()) => self.uplink.step.done(),
            Err(SendDatagramError::ConnectionLost(e)) => return Err(e.into()),
            Err(_) => self.send_large_result(bytes),
        }
        Ok(())
    }

    /// A result that no datagram holds: a stream of its own, given up when it is no longer worth it.
    fn send_large_result(&self, bytes: bytes::Bytes) {
        let (connection, step) = (self.connection.clone(), self.uplink.step.clone());
        tokio::spawn(async move {
            let send = async {
                let mut stream = connection.open_uni().await.ok()?;
                stream.set_priority(groups::PRIORITY_RESULT).ok()?;
                stream.write_all(&[STREAM_RESULT]).await.ok()?;
                stream.write_chunk(bytes).await.ok()?;
                stream.finish().ok()
            };
            match tokio::time::timeout(RESULT, send).await {
                Ok(Some(())) => step.done(),
                _ => step.dropped("result late"),
            }
        });
    }
}

/// The application's code for an end without fault.
const NO_FAULT: VarInt = VarInt::from_u32(0);

#[cfg(test)]
mod tests;
