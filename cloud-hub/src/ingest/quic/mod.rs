//! Access units and per-frame boxes from edges, over QUIC; how edges shall be and are; and events and pictures where there is
//! no broker.
//!
//! ```text
//! endpoint ─▶ handshake ─▶ Hello ─▶ let in ─▶ [`control`]  cameras, clock; tells the edge what is wanted
//!                            │                [`streams`]  one for each group of pictures ─▶ bus
//!                            │                [`datagrams`] one for each result ───────────▶ bus
//!                            │                [`values`]   health, what became of what is desired; tells the edge what is
//!                            ▼                [`lasting`]  events, pictures ──────────────▶ store
//!                         refused
//! ```
//!
//! 1. An address that has not answered yet may be forged: all such are one origin, and have half of the places for handshakes
//!    between them. From then on who comes is asked to prove its address first (Retry, RFC 9000 §8.1.2), and holds nothing
//!    here until it has.
//! 2. An edge that comes again takes the place of its own older connection: after a cut the hub may learn of the new
//!    one before it knows that the old one is dead.
//! 3. Nothing is asked of an edge but what somebody reads from the bus.
//! 4. When the connection ends, the edge is marked as gone; its streams stay on the bus, and viewers wait for it.
//!
//! | bound | when it is reached |
//! |---|---|
//! | [`MAX_HANDSHAKES`] handshakes at a time; once half are under way, a sixteenth for those of one address | the next one is refused, counted |
//! | [`STRANGER_WINDOW`] of data before Hello was accepted | the sender waits |
//! | [`STREAMS`] open streams of one edge | the edge waits |
//! | [`lasting::RECORDS`] records of one edge that the store does not have yet | the edge waits |
//! | one text that is desired and not told yet | the newest wins |
//! | commands of one edge ([`crate::commands`]) | the next one is refused |
//! | [`streams::MAX_HELD`] bytes of unfinished units of one edge | the stream that goes over it is stopped, counted |

mod admission;

mod socket;

mod control;

mod streams;

mod datagrams;

pub mod value;

mod values;

mod lasting;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use omma_protocol::seats::Full;
use omma_protocol::wire::quic::ALPN;
use omma_runtime::listen::ListenError;
use omma_runtime::seats::{Room, Seat};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Endpoint, EndpointConfig, IdleTimeout, Incoming, ServerConfig, TokioRuntime, TransportConfig, VarInt};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::keep::Keeper;
use crate::access::{attempts::Attempts, edges::Edges};
use crate::bus::Bus;
use crate::commands::Commands;
use crate::complaint::Complaint;
use crate::desired::Desired;
use crate::identity::Identity;
use crate::registry::Registry;
use admission::Connections;
use socket::Counting;

/// Handshakes at a time, from the first packet until Hello was read.
pub const MAX_HANDSHAKES: usize = 128;
/// Streams of one edge that may be open: two groups of each of its cameras, and large results.
pub const STREAMS: u32 = 256;
/// Streams both ways: control and records.
const BOTH_WAYS: u32 = 2;

/// What may be in flight before Hello was accepted, which is a small part of it.
const STRANGER_WINDOW: u32 = 64 * 1024;
/// What one edge may have in flight: at 100 ms round trip some 600 Mbit/s.
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const DATAGRAMS: usize = 256 * 1024;
/// A dead edge is noticed after this long.
const IDLE_MS: u32 = 10_000;
const KEEP_ALIVE: Duration = Duration::from_secs(3);
const END: Duration = Duration::from_secs(1);

/// Why a connection is closed, as the edge sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    Ending = 0,
    Refused = 1,
    Replaced = 2,
    Protocol = 3,
}

impl Close {
    fn code(self) -> VarInt {
        VarInt::from_u32(self as u32)
    }
}

/// Why the step did not start.
#[derive(Debug, thiserror::Error)]
pub enum QuicError {
    /// The socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The certificate.
    #[error("start the QUIC ingest: {0}")]
    Tls(#[from] rustls::Error),
    /// The certificate's provider.
    #[error("start the QUIC ingest: {0}")]
    Cipher(#[from] quinn::crypto::rustls::NoInitialCipherSuite),
}

/// Where what arrives goes.
#[derive(Debug, Clone)]
pub struct Destination {
    /// Units and results.
    pub bus: Bus,
    /// Cameras and whether the edge is there.
    pub registry: Registry,
    /// Events and pictures.
    pub keeper: Keeper,
    /// What edges shall be.
    pub desired: Desired,
    /// What is asked of them.
    pub commands: Commands,
}

/// The step, with its port taken.
#[derive(Debug)]
pub struct Quic {
    endpoint: Endpoint,
    connections: Connections,
}

impl Quic {
    /// Takes the port.
    ///
    /// # Errors
    /// Where it is taken, or the certificate can't be used.
    pub fn bind(
        address: SocketAddr,
        identity: &Identity,
        edges: Edges,
        attempts: Attempts,
        destination: Destination,
    ) -> Result<Self, QuicError> {
        let tls = QuicServerConfig::try_from(identity.server_tls(&[&rustls::version::TLS13], &[ALPN])?)?;
        let mut config = ServerConfig::with_crypto(Arc::new(tls));
        config.transport_config(Arc::new(transport())).max_incoming(MAX_HANDSHAKES);
        let taken = |e| ListenError::new(address, "ingest.quic", &e);
        let runtime = Arc::new(TokioRuntime);
        let socket = Arc::new(Counting::bind(address, &*runtime).map_err(taken)?);
        let mut shape = EndpointConfig::default();
        // Edges would clear a bit at random by which `Counting` knows QUIC (RFC 9287).
        shape.grease_quic_bit(false);
        let endpoint = Endpoint::new_with_abstract_socket(shape, Some(config), socket, runtime).map_err(taken)?;
        Ok(Self { endpoint, connections: Connections::new(edges, attempts, destination) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// Where the socket has gone.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.endpoint.local_addr()
    }

    /// Serves edges until `token` is cancelled, then says goodbye to them.
    pub async fn run(self, token: CancellationToken) {
        let (room, refusals) = (Room::of(MAX_HANDSHAKES), Refusals::default());
        let tasks = TaskTracker::new();
        while let Some(Some(incoming)) = token.run_until_cancelled(self.endpoint.accept()).await {
            let proven = incoming.remote_address_validated();
            if !proven && room.scarce() {
                metrics::counter!("omma_ingest_handshakes_retried_total").increment(1);
                if let Err(error) = incoming.retry() {
                    tracing::debug!(%error, "ask for the proof of an address");
                }
                continue;
            }
            let address = incoming.remote_address();
            match room.take(if proven { address.ip() } else { UNPROVEN }) {
                Ok(seat) => {
                    tasks.spawn(serve(self.connections.clone(), incoming, seat).in_current_span());
                }
                Err(full) => {
                    refusals.tell(address, full);
                    incoming.refuse();
                }
            }
        }
        self.endpoint.close(Close::Ending.code(), b"the hub ends");
        tasks.close();
        let goodbye = async {
            tasks.wait().await;
            self.endpoint.wait_idle().await;
        };
        if tokio::time::timeout(END, goodbye).await.is_err() {
            tracing::debug!("edges did not hear the goodbye");
        }
    }
}

/// Whom addresses count as that have not answered yet: each may be anybody's, and none of them shall take an edge's share.
const UNPROVEN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Handshakes that there was no place for. Each reason is said for itself, now and then.
#[derive(Debug, Default)]
struct Refusals {
    full: Complaint,
    address: Complaint,
}

impl Refusals {
    fn tell(&self, from: SocketAddr, why: Full) {
        let reason = why.word();
        metrics::counter!("omma_ingest_handshakes_refused_total", "reason" => reason).increment(1);
        let complaint = match why {
            Full::Port(_) => &self.full,
            Full::Origin(_) => &self.address,
        };
        if let Some(unsaid) = complaint.due() {
            tracing::info!(step = "ingest", reason, %from, %why, unsaid, "a QUIC handshake is refused");
        }
    }
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_uni_streams(STREAMS.into())
        .max_concurrent_bidi_streams(BOTH_WAYS.into())
        .receive_window(STRANGER_WINDOW.into())
        .stream_receive_window(STREAM_WINDOW.into())
        .datagram_receive_buffer_size(Some(DATAGRAMS))
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))));
    transport
}

/// One connection, from its first packet to its end.
async fn serve(connections: Connections, incoming: Incoming, seat: Seat) {
    let address = incoming.remote_address();
    let admitted = connections.admit(incoming).await;
    drop(seat);
    match admitted {
        Ok(admitted) => {
            let edge = admitted.place.edge().clone();
            tracing::info!(%edge, %address, "edge connected");
            let reason = admitted.run(connections.destination()).await;
            tracing::info!(%edge, reason, "edge disconnected");
        }
        Err(refused) => {
            metrics::counter!("omma_ingest_refused_total", "reason" => refused.word()).increment(1);
            tracing::debug!(%address, error = %refused, "not let in");
        }
    }
}

/// A text of an edge, which is shown to people: it may be wrong, but not long.
fn text(said: &str) -> String {
    const MAX: usize = 500;
    said.chars().filter(|c| !c.is_control()).take(MAX).collect()
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_histogram!(
        "omma_ingest_delay_seconds",
        "From a picture's capture to its arrival, where clocks are known."
    );
    metrics::describe_counter!(
        "omma_ingest_handshakes_refused_total",
        "QUIC connections refused because too many began at once, by reason: `full` (128 are shaking hands), `address` (64 are, and 8 of its address, of IPv6 of its /64)."
    );
    metrics::describe_counter!(
        "omma_ingest_handshakes_retried_total",
        "QUIC connections that were asked to prove their address first, because 64 were shaking hands."
    );
    metrics::describe_counter!(
        "omma_ingest_datagrams_ignored_total",
        "Datagrams to the QUIC port that are no QUIC, as far as their first bytes tell."
    );
    metrics::describe_counter!("omma_ingest_refused_total", "Edges that were not let in over QUIC, by reason.");
}

#[cfg(test)]
mod tests;
