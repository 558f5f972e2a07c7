//! A port of the broker: lets through to rmqtt who has shown a whole CONNECT, and says who has not.
//!
//! ```text
//! client ── TCP ──▶ seat free? ──▶ TLS ──▶ CONNECT whole and sound? ──▶ 127.0.0.1: rmqtt
//!                      │ full,      │ tls        │ malformed, silent, gone
//!                      │ address    │            │
//!                      ▼            ▼            ▼
//!                 closed, counted by that word, logged now and then with the client's address
//! ```
//!
//! rmqtt alone would wait for a first byte without end, take connections without number, and tell nobody what it could not
//! read. Bytes are handed on as they came; rmqtt answers, and ends the connection.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use omma_protocol::seats::Full;
use omma_runtime::seats::{Room, Seat};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::guests::Guests;
use super::{HANDSHAKE, SEND, connect};
use crate::complaint::Complaint;

/// Bytes that are handed on at once.
const CHUNK: usize = 16 * 1024;
/// After a connection could not be taken: the system lacks memory or file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// One port, and what is behind it.
#[derive(Debug)]
pub(super) struct Door {
    name: &'static str,
    listener: TcpListener,
    tls: Option<Tls>,
    /// Where rmqtt listens for this port's clients.
    inside: SocketAddr,
    guests: Guests,
    room: Room,
    /// For TLS and CONNECT.
    handshake: Duration,
    complaints: Complaints,
}

struct Tls(TlsAcceptor);

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

/// Why someone is not let through. Each is said for itself, so that a port scan hides no edge that distrusts the hub.
#[derive(Debug, Default)]
struct Complaints {
    full: Complaint,
    address: Complaint,
    tls: Complaint,
    malformed: Complaint,
    silent: Complaint,
    system: Complaint,
}

/// A connection that is not let through.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("the TLS handshake failed: {0}")]
    Tls(io::Error),
    #[error("its first packet is no MQTT CONNECT: {0}")]
    Malformed(String),
    #[error("it sent no whole MQTT CONNECT within {} s", HANDSHAKE.as_secs())]
    Silent,
    #[error("it left before it had sent a whole MQTT CONNECT")]
    Gone,
}

impl Door {
    pub(super) fn new(
        name: &'static str,
        listener: TcpListener,
        tls: Option<rustls::ServerConfig>,
        inside: SocketAddr,
        guests: Guests,
    ) -> Self {
        let tls = tls.map(|config| Tls(TlsAcceptor::from(Arc::new(config))));
        let (room, complaints) = (Room::default(), Complaints::default());
        Self { name, listener, tls, inside, guests, room, handshake: HANDSHAKE, complaints }
    }

    /// Never ends; what it has begun ends with the runtime.
    pub(super) async fn run(self) {
        let door = Arc::new(self);
        loop {
            let (client, from) = match door.listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    door.system("a client's connection can't be taken", &error);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            let seat = match door.room.take(from.ip()) {
                Ok(seat) => seat,
                Err(full) => {
                    let complaint = match full {
                        Full::Port(_) => &door.complaints.full,
                        Full::Origin(_) => &door.complaints.address,
                    };
                    door.refuse(full.word(), Some(complaint), from, &full);
                    continue;
                }
            };
            let door = Arc::clone(&door);
            tokio::spawn(async move { door.serve(client, from, seat).await });
        }
    }

    async fn serve(&self, client: TcpStream, from: SocketAddr, seat: Seat) {
        if let Err(error) = client.set_nodelay(true) {
            tracing::debug!(step = "ingest", %from, %error, "a client's socket");
        }
        match timeout(self.handshake, self.shake_hands(client)).await.unwrap_or(Err(Refused::Silent)) {
            Ok((client, begun)) => {
                seat.shown();
                if let Err(error) = self.let_through(client, &begun, from).await {
                    tracing::debug!(step = "ingest", door = self.name, %from, %error, "a client's connection has ended");
                }
            }
            Err(why) => {
                let (reason, complaint) = match &why {
                    Refused::Tls(_) => ("tls", Some(&self.complaints.tls)),
                    Refused::Malformed(_) => ("malformed", Some(&self.complaints.malformed)),
                    Refused::Silent => ("silent", Some(&self.complaints.silent)),
                    // So does whoever asks whether the port is open, every few seconds and for good.
                    Refused::Gone => ("gone", None),
                };
                self.refuse(reason, complaint, from, &why);
            }
        }
    }

    fn refuse(&self, reason: &'static str, complaint: Option<&Complaint>, from: SocketAddr, why: &dyn Display) {
        metrics::counter!("omma_broker_handshake_failures_total", "door" => self.name, "reason" => reason).increment(1);
        if let Some(unsaid) = complaint.and_then(Complaint::due) {
            tracing::info!(step = "ingest", door = self.name, reason, %from, %why, unsaid, "a client of the broker is not let in");
        }
    }

    /// There are no file descriptors or no memory left: nothing that the client could mend.
    fn system(&self, what: &str, error: &io::Error) {
        metrics::counter!("omma_broker_handshake_failures_total", "door" => self.name, "reason" => "system")
            .increment(1);
        if let Some(unsaid) = self.complaints.system.due() {
            tracing::error!(step = "ingest", door = self.name, %error, unsaid, "{what}");
        }
    }

    async fn shake_hands(&self, client: TcpStream) -> Result<(Client, BytesMut), Refused> {
        let mut client: Client = match &self.tls {
            None => Box::pin(client),
            Some(Tls(tls)) => Box::pin(tls.accept(client).await.map_err(|e| {
                let left = matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset);
                if left { Refused::Gone } else { Refused::Tls(e) }
            })?),
        };
        let (mut begun, mut enough) = (BytesMut::new(), 1);
        loop {
            if client.read_buf(&mut begun).await.map_err(|_| Refused::Gone)? == 0 {
                return Err(Refused::Gone);
            }
            if begun.len() < enough {
                continue;
            }
            // Looked at each time there is twice as much, so that bytes that come one by one cost no more than others.
            enough = (2 * begun.len()).min(connect::length(&begun).unwrap_or(usize::MAX)).max(begun.len() + 1);
            if connect::whole(&begun).map_err(|e| Refused::Malformed(e.to_string()))? {
                return Ok((client, begun));
            }
        }
    }

    async fn let_through(&self, client: Client, begun: &[u8], from: SocketAddr) -> io::Result<()> {
        let inside = async {
            let inside = TcpStream::connect(self.inside).await?;
            inside.set_nodelay(true)?;
            let guest = self.guests.enter(inside.local_addr()?, from);
            // The system may give the same port to two doors' connections, for they go to two addresses.
            Ok((inside, guest.ok_or_else(|| io::Error::from(io::ErrorKind::AddrInUse))?))
        };
        let (mut inside, guest) = inside.await.inspect_err(|e| self.system("a client can't be let through", e))?;
        let (mut from_client, mut to_client) = tokio::io::split(client);
        let (mut from_broker, mut to_broker) = inside.split();
        let upwards = async {
            to_broker.write_all(begun).await?;
            tokio::io::copy(&mut from_client, &mut to_broker).await?;
            // The client has said all: the broker ends it, or still has something to say.
            to_broker.shutdown().await?;
            std::future::pending().await
        };
        let ended = tokio::select! {
            ended = upwards => ended,
            ended = hand_down(&mut from_broker, &mut to_client) => ended,
        };
        drop(guest);
        ended
    }
}

/// Over TLS or not.
type Client = Pin<Box<dyn Io>>;

trait Io: AsyncRead + AsyncWrite + Send {}

impl<T: AsyncRead + AsyncWrite + Send> Io for T {}

/// Until the broker has ended the connection. A client that takes nothing for [`SEND`] is not waited for.
async fn hand_down(broker: &mut (impl AsyncRead + Unpin), client: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = broker.read(&mut chunk).await?;
        let handed = async {
            if n == 0 {
                return client.shutdown().await;
            }
            client.write_all(&chunk[..n]).await?;
            client.flush().await
        };
        timeout(SEND, handed).await??;
        if n == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
