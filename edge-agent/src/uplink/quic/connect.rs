//! From the join token to a QUIC connection to the hub that made it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use edge_core::outbox::flight::PICTURE_BYTES;
use omma_protocol::join::JoinToken;
use omma_protocol::wire::quic::SERVER_NAME;
use omma_protocol::wire::quic::lasting::MAX_RECORD;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, IdleTimeout, TransportConfig, VarInt};

use super::{NO_FAULT, QuicError};
use crate::uplink::tls;

/// To look the hub's name up.
const RESOLVE: Duration = Duration::from_secs(5);
/// For one of its addresses to answer.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// To tell the hub that the connection ends.
const CLOSE: Duration = Duration::from_millis(500);
/// Keeps the path through address translators open, and notices a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// Three keep-alives lost.
const IDLE_MS: u32 = 7_000;
/// What lies here is older than what is to come, so little may lie here: 2 MB of units is one key picture at 4K, and 160
/// Mbit/s at a round trip of 100 ms. Records never take the units' part, whatever lies behind them: one of the longest may join
/// what is in flight. Units may fill the records' part too, as one group of a camera does that is longer than all of this on a
/// thin link: quinn bounds a connection and no stream. Then each waits for room like the other.
const SEND_WINDOW: u64 = (2 << 20) + PICTURE_BYTES + MAX_RECORD as u64;
const DATAGRAM_BUFFER: usize = 64 << 10;

/// A connection and the socket it has for itself.
pub(super) struct Connected {
    pub(super) connection: Connection,
    endpoint: Endpoint,
}

impl Connected {
    /// Tells the hub.
    pub(super) async fn close(self) {
        self.connection.close(NO_FAULT, b"ending");
        if tokio::time::timeout(CLOSE, self.endpoint.wait_idle()).await.is_err() {
            tracing::trace!("the hub did not confirm the end");
        }
    }
}

/// Tries the hub's addresses one after the other.
pub(super) async fn connect(join: &JoinToken) -> Result<Connected, QuicError> {
    let fail = |reason: String| QuicError::Connect { address: join.quic.clone(), reason };
    let config = client_config(join).map_err(&fail)?;
    let addresses: Vec<SocketAddr> = match tokio::time::timeout(RESOLVE, tokio::net::lookup_host(&join.quic)).await {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(e)) => return Err(fail(format!("look the name up: {e}"))),
        Err(_) => return Err(fail("look the name up: no answer".to_owned())),
    };
    let mut reason = "the name has no address".to_owned();
    for address in addresses {
        match handshake(address, config.clone()).await {
            Ok(connected) => return Ok(connected),
            Err(e) => reason = e,
        }
    }
    Err(fail(reason))
}

async fn handshake(address: SocketAddr, config: ClientConfig) -> Result<Connected, String> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let endpoint = Endpoint::client(any).map_err(|e| format!("open a UDP socket: {e}"))?;
    let connecting = endpoint.connect_with(config, address, SERVER_NAME).map_err(|e| e.to_string())?;
    match tokio::time::timeout(HANDSHAKE, connecting).await {
        Ok(Ok(connection)) => Ok(Connected { connection, endpoint }),
        Ok(Err(e)) => Err(e.to_string()),
        Err(_) => Err(format!("no answer from {address} (UDP): is the hub up and its port open?")),
    }
}

pub(super) fn client_config(join: &JoinToken) -> Result<ClientConfig, String> {
    let tls = tls::quic(join.fingerprint).map_err(|e| e.to_string())?;
    let crypto = QuicClientConfig::try_from(tls).map_err(|e| e.to_string())?;
    let mut transport = TransportConfig::default();
    transport
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(IdleTimeout::from(VarInt::from_u32(IDLE_MS))))
        .send_window(SEND_WINDOW)
        .datagram_send_buffer_size(DATAGRAM_BUFFER);
    let mut config = ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    Ok(config)
}
