//! WebRTC out: a page offers, the hub answers, pictures flow (WHEP, draft-ietf-wish-whep).
//!
//! ```text
//!  routes ── join, leave ──▶ driver ◀── units, results ── bus
//!                              │ owns every session, and
//!                              ▼
//!                         one UDP socket
//! ```
//!
//! 1. [`routes`] checks that the stream can be sent to a browser at all and hands the offer to the driver.
//! 2. [`driver`], one task, owns all [`session`]s, finds by address whose each datagram is, and wakes each session at
//!    its own [`deadlines`].
//! 3. A stream is read from the bus once, however many watch it ([`source`]), its pictures are cut into packets once
//!    ([`packetize`]) and kept since the last key picture ([`group`]). A viewer is a place in that group.
//! 4. What sessions send is gathered ([`egress`]) and handed to the kernel in batches ([`socket`]).
//!
//! No joint has a queue for each viewer: one whose network is slow falls behind in the group and goes on with the next.

pub mod routes;

mod driver;

pub mod session;

mod source;

mod group;

pub mod packetize;

mod deadlines;

pub mod egress;

mod socket;

pub(crate) mod metrics;

use std::fmt;
use std::str::FromStr;

use omma_protocol::id::StreamId;
use omma_protocol::wire::browser::Mode;
use str0m::change::SdpOffer;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use super::{LiveConfig, LiveError};
use crate::bus::Bus;
use driver::Driver;
use session::OfferError;
use socket::Socket;

/// Joins and leaves waiting for the driver. Where it is full, the request waits: the driver takes one in about a
/// millisecond.
const COMMANDS: usize = 64;

/// One viewer's session, as in its URL. Random, so that it can't be guessed by another viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SessionId(Uuid);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SessionId {
    type Err = uuid::Error;
    fn from_str(s: &str) -> Result<Self, uuid::Error> {
        s.parse().map(Self)
    }
}

/// The way to the driver. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Whep {
    commands: mpsc::Sender<Command>,
}

/// Why a viewer was not let in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JoinError {
    /// The offer.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// No room.
    #[error("all {0} places for viewers are taken (setting `live.max_sessions`): close another viewer")]
    Full(usize),
    /// The hub is shutting down.
    #[error("live video is stopping")]
    Stopping,
}

/// A viewer who was let in.
#[derive(Debug)]
pub(crate) struct Joined {
    /// The session.
    pub(crate) id: SessionId,
    /// SDP.
    pub(crate) answer: String,
}

#[derive(Debug)]
enum Command {
    Join { stream: StreamId, offer: SdpOffer, mode: Mode, reply: oneshot::Sender<Result<Joined, JoinError>> },
    Leave { stream: StreamId, id: SessionId, reply: oneshot::Sender<bool> },
}

impl Whep {
    /// Opens the socket and starts the driver.
    pub(super) fn start(config: &LiveConfig, bus: Bus, token: CancellationToken) -> Result<Self, LiveError> {
        let socket = Socket::open(config)?;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let driver = Driver::new(socket, bus, config.max_sessions);
        let span = driver.span();
        tokio::spawn(driver.run(receiver, token).instrument(span));
        Ok(Self { commands })
    }

    /// Lets a viewer in.
    ///
    /// # Errors
    /// See [`JoinError`].
    pub(crate) async fn join(&self, stream: StreamId, offer: SdpOffer, mode: Mode) -> Result<Joined, JoinError> {
        let (reply, answer) = oneshot::channel();
        let join = Command::Join { stream, offer, mode, reply };
        self.commands.send(join).await.map_err(|_| JoinError::Stopping)?;
        answer.await.map_err(|_| JoinError::Stopping)?
    }

    /// Is done when the driver has ended.
    pub(super) async fn ended(&self) {
        self.commands.closed().await;
    }

    /// Ends a session. Returns whether there was one.
    pub(crate) async fn leave(&self, stream: StreamId, id: SessionId) -> bool {
        let (reply, answer) = oneshot::channel();
        let sent = self.commands.send(Command::Leave { stream, id, reply }).await;
        sent.is_ok() && answer.await.unwrap_or(false)
    }
}
