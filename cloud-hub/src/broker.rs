//! The MQTT broker in the box: rmqtt, in memory.
//!
//! ```text
//! edges         ── TLS ────▶ ┐
//! the hub's own ── TLS ────▶ ├ [`door`]: is it MQTT ──▶ rmqtt ── asks ──▶ [`gatekeeper`]: who is it, may it say and hear that
//! integrations  ── plain ──▶ ┘
//! ```
//!
//! It keeps nothing on disk and need not: an edge forgets an event only when the hub's store has it, and sends it
//! again when the broker is back. It runs on a runtime of its own, so that its tasks, which it starts and does not
//! give out, end when the hub does.
//!
//! | bound | when it is reached |
//! |---|---|
//! | [`SEATS`] on each port; once half are taken, a sixteenth for those of one address that have shown no CONNECT | the next one is closed |
//! | [`HANDSHAKE`] for TLS and CONNECT | the connection is closed |
//! | [`MAX_PACKET`] | the client is disconnected |
//! | [`OF_AN_EDGE`] retained of one edge, [`OF_ALL`] of all | a new message is not retained, and its topic's older one neither |
//! | [`MAX_QUEUE`] messages for a slow subscriber | the oldest is dropped |
//!
//! rmqtt takes clients from a TCP listener of its own and from nothing else, here on a port of 127.0.0.1 that the system
//! chooses. Who finds it and comes past the doors is refused at CONNECT, since no door has entered the address that it comes
//! from among its [`guests`]. Before CONNECT rmqtt has no bound on number or time and offers none to set: another program
//! of this machine can hold file descriptors of the hub's so, as far as its own reach.
//!
//! [`SEATS`]: omma_protocol::seats::SEATS
//! [`OF_AN_EDGE`]: hub_core::retained::OF_AN_EDGE
//! [`OF_ALL`]: hub_core::retained::OF_ALL

mod door;

pub mod connect;

mod guests;

mod gatekeeper;

mod retained;

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU16;
use std::time::Duration;

use omma_protocol::secret::Secret;
use omma_runtime::listen::ListenError;
use rmqtt::context::ServerContext;
use rmqtt::net::{Builder, Listener};
use rmqtt::server::MqttServer;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::{Handle, Runtime};
use tokio::task::JoinHandle;

use crate::access::{Access, attempts::Attempts, edges::Edges, new_secret};
use crate::config::Embedded;
use crate::identity::Identity;
use door::Door;
use gatekeeper::Gatekeeper;
use guests::Guests;

/// Largest packet, in bytes: a picture and its properties.
pub const MAX_PACKET: u32 = 2 * 1024 * 1024 + 64 * 1024;
/// Messages kept for a subscriber that does not keep up or is away.
pub const MAX_QUEUE: usize = 512;
/// The user name of the hub's own client. Holds a dot, so that no edge can have it.
pub const HUB_USER: &str = "omma.hub";
/// The user name of integrations, whose password is the sign-in token.
pub const READER_USER: &str = "omma.reader";

const IN_FLIGHT: NonZeroU16 = NonZeroU16::MIN.saturating_add(63);
const HANDSHAKE: Duration = Duration::from_secs(10);
const SEND: Duration = Duration::from_secs(10);
/// Connections that the system keeps until they are taken.
const BACKLOG: u32 = 512;
/// How long the session of a client that is away is kept at the most.
const SESSION: Duration = Duration::from_secs(3600);
/// Retained words of edges must outlive any quiet time; rmqtt's own default would drop them after five minutes.
const RETAINED: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const END: Duration = Duration::from_secs(1);
const THREADS: usize = 2;

/// Why the broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum BrokerError {
    /// A socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Its certificate.
    #[error("start the broker: {0}")]
    Tls(#[from] rustls::Error),
    /// rmqtt's own socket.
    #[error("start the broker: listen on 127.0.0.1: {0}")]
    Inside(String),
    /// Threads or randomness.
    #[error("start the broker: {0}")]
    System(#[from] io::Error),
}

/// The running broker. Ends when dropped, abruptly; [`Broker::stop`] waits.
#[derive(Debug)]
pub struct Broker {
    threads: Threads,
    serving: Option<JoinHandle<()>>,
    /// Where the hub's own client finds it.
    pub address: SocketAddr,
    /// The hub's own client's password, of this run.
    pub password: Secret<String>,
}

/// What the broker asks for who may come in.
#[derive(Debug, Clone)]
pub struct Doors {
    /// People and integrations.
    pub access: Access,
    /// Edges.
    pub edges: Edges,
    /// Who has failed too often.
    pub attempts: Attempts,
}

/// Numbers of the listeners, by which the gatekeeper tells them apart.
const TLS: u16 = 1;
const PLAIN: u16 = 2;

impl Broker {
    /// Takes its ports and starts.
    ///
    /// # Errors
    /// Where a port is taken, or the certificate can't be used.
    pub fn start(config: &Embedded, identity: &Identity, doors: Doors) -> Result<Self, BrokerError> {
        let threads = Threads::start()?;
        let password = new_secret()?;
        let guests = Guests::default();
        let gatekeeper = Gatekeeper::new(doors, guests.clone(), password.clone(), config);
        let (doors, listeners) = {
            // Sockets are registered with the runtime that they are made in.
            let _in_its_runtime = threads.handle().enter();
            ports(config, identity, &guests)?
        };
        let serving = Some(threads.handle().spawn(serve(gatekeeper, doors, listeners)));
        Ok(Self { threads, serving, address: reachable(config.tls), password })
    }

    /// Is done when the broker has ended, which it does only where something is wrong. Can be asked for once.
    pub fn ended(&mut self) -> impl Future<Output = ()> + Send + use<> {
        let serving = self.serving.take();
        async move {
            match serving {
                Some(serving) => {
                    if let Err(e) = serving.await {
                        tracing::debug!(step = "ingest", error = %e, "the broker's task");
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// Ends it; what it still does after [`END`] is cut off.
    pub async fn stop(self) {
        let Self { mut threads, .. } = self;
        let Some(runtime) = threads.runtime.take() else { return };
        let ended = tokio::task::spawn_blocking(move || runtime.shutdown_timeout(END)).await;
        if let Err(e) = ended {
            tracing::debug!(error = %e, "end the broker");
        }
    }
}

/// The broker's own runtime.
#[derive(Debug)]
struct Threads {
    runtime: Option<Runtime>,
    handle: Handle,
}

impl Threads {
    fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("broker")
            .enable_all()
            .build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        // A runtime that is simply dropped waits for its tasks, which panics inside of another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(gatekeeper: Gatekeeper, doors: Vec<Door>, listeners: Vec<(u16, Listener)>) {
    // Its check of the machine's load would refuse edges just when a busy hub restarts.
    let context = ServerContext::new().busy_check_enable(false).build().await;
    *context.extends.retain_mut().await = Box::new(retained::Retained::default());
    gatekeeper.register(&context).await;
    let mut server = MqttServer::new(context);
    for (number, listener) in listeners {
        server = server.listener_by_id(listener, number);
    }
    for door in doors {
        tokio::spawn(door.run());
    }
    if let Err(e) = server.build().run().await {
        tracing::error!(step = "ingest", error = %e, "the broker has ended");
    }
}

/// Each port that is open to clients, and rmqtt's own behind it, by its number.
type Ports = (Vec<Door>, Vec<(u16, Listener)>);

fn ports(config: &Embedded, identity: &Identity, guests: &Guests) -> Result<Ports, BrokerError> {
    let (mut doors, mut listeners) = (vec![], vec![]);
    let mut open = |number, name, listener, tls| {
        let (inside, address) = inside(name)?;
        listeners.push((number, inside));
        doors.push(Door::new(name, listener, tls, address, guests.clone()));
        Ok::<_, BrokerError>(())
    };
    let tls = identity.server_tls(rustls::ALL_VERSIONS, &[])?;
    open(TLS, "tls", listen(config.tls, "broker.tls_listen")?, Some(tls))?;
    if let Some(address) = config.plain {
        open(PLAIN, "plain", listen(address, "broker.listen")?, None)?;
    }
    Ok((doors, listeners))
}

/// A port that is open to clients.
fn listen(address: SocketAddr, setting: &str) -> Result<TcpListener, ListenError> {
    let open = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Without it a hub that is started again can't listen for a minute.
        socket.set_reuseaddr(true)?;
        // Connections inherit it: a client without MQTT's own keep-alive that is gone is noticed at last.
        socket.set_keepalive(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    open().map_err(|e| ListenError::new(address, setting, &e))
}

/// A listener of rmqtt's, which only doors can use: the gatekeeper lets in nobody else.
fn inside(name: &str) -> Result<(Listener, SocketAddr), BrokerError> {
    let broken = |e: rmqtt::net::Error| BrokerError::Inside(format!("{e:#}"));
    let listener = Builder::new()
        .name(name)
        .laddr((Ipv4Addr::LOCALHOST, 0).into())
        .nodelay(true)
        // The gatekeeper lets anonymous readers in; rmqtt's own switch would not even ask it.
        .allow_anonymous(false)
        .max_packet_size(MAX_PACKET)
        .max_inflight(IN_FLIGHT)
        .max_mqueue_len(MAX_QUEUE)
        .max_clientid_len(128)
        .max_topic_levels(16)
        .max_subscriptions(64)
        .handshake_timeout(HANDSHAKE)
        .send_timeout(SEND)
        .max_session_expiry_interval(SESSION)
        .message_expiry_interval(RETAINED);
    let listener = listener.bind().and_then(Listener::tcp).map_err(broken)?;
    let address = listener.local_addr().map_err(broken)?;
    Ok((listener, address))
}

/// Where a client on this machine reaches a listener.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen {
        SocketAddr::V4(a) if a.ip().is_unspecified() => (Ipv4Addr::LOCALHOST, a.port()).into(),
        SocketAddr::V6(a) if a.ip().is_unspecified() => (Ipv6Addr::LOCALHOST, a.port()).into(),
        _ => listen,
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!(
        "omma_broker_refused_total",
        "What the embedded broker's access rules refused, by packet."
    );
    metrics::describe_counter!(
        "omma_broker_handshake_failures_total",
        "Connections to the embedded broker that came to no MQTT CONNECT, by door and reason: `tls`, `malformed`, `silent` (none within 10 s), `gone` (left before), `full` (1024 are there), `address` (512 are there, and 64 of its address, of IPv6 of its /64, have shown none yet), `system` (no file descriptors or memory left)."
    );
    metrics::describe_counter!(
        "omma_broker_disconnects_total",
        "Clients of the embedded broker that are gone again, by reason; `protocol` is what is no MQTT."
    );
    metrics::describe_counter!(
        "omma_broker_retained_refused_total",
        "Retained messages that the embedded broker did not keep, by reason: `edge` (its edge has 16 MiB), `all` (all have 256 MiB)."
    );
}

#[cfg(test)]
mod tests;
