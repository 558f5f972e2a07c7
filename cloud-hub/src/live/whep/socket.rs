//! The one UDP socket of all sessions: many datagrams with each call into the kernel, both ways.

use std::io::{self, ErrorKind, IoSliceMut};
use std::net::{IpAddr, SocketAddr};

use quinn_udp::{RecvMeta, Transmit, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;

use super::egress::{Batch, Egress};
use crate::live::{LiveConfig, LiveError};

/// Datagrams of one sender that the kernel may hand over in one piece (generic receive offload) fit this.
const RECEIVE_BYTES: usize = 64 * 1024;
/// Such pieces read with one call.
const RECEIVE_PIECES: usize = 4;
/// What is asked for the kernel's buffers: a key picture for many viewers. The kernel gives at most its own limit.
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// What ICMP reports of one peer, on the socket of all.
const PEERS: [ErrorKind; 4] = [
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::HostUnreachable,
    ErrorKind::NetworkUnreachable,
];

/// The socket and the addresses under which viewers reach it.
#[derive(Debug)]
pub(super) struct Socket {
    io: UdpSocket,
    state: UdpSocketState,
    announced: Vec<SocketAddr>,
}

/// Where received bytes are put. Kept by the reader, because they are large.
#[derive(Debug)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    meta: [RecvMeta; RECEIVE_PIECES],
    pieces: usize,
}

/// One received datagram.
#[derive(Debug)]
pub(super) struct Datagram<'a> {
    /// Who sent it.
    pub(super) from: SocketAddr,
    /// Under which of our addresses it arrived, where the system says so.
    pub(super) to: Option<IpAddr>,
    /// The content.
    pub(super) bytes: &'a [u8],
}

impl Socket {
    /// Opens it. Must be called in a runtime.
    ///
    /// # Errors
    /// Where the address is taken or not ours, or no viewer could be told where to send.
    pub(super) fn open(config: &LiveConfig) -> Result<Self, LiveError> {
        let listen = |source| LiveError::Listen { address: config.udp, source };
        let io = std::net::UdpSocket::bind(config.udp).map_err(listen)?;
        // This also makes the socket non-blocking and forbids fragments.
        let state = UdpSocketState::new((&io).into()).map_err(listen)?;
        for (name, set) in [
            ("send", state.set_send_buffer_size((&io).into(), BUFFER_BYTES)),
            ("receive", state.set_recv_buffer_size((&io).into(), BUFFER_BYTES)),
        ] {
            if let Err(error) = set {
                tracing::debug!(%error, buffer = name, "the kernel keeps its own size of a socket buffer");
            }
        }
        let io = UdpSocket::from_std(io).map_err(listen)?;
        let local = io.local_addr().map_err(listen)?;
        let announced = match config.announce.as_slice() {
            [] if local.ip().is_unspecified() => return Err(LiveError::NoAddress(local)),
            [] => vec![local],
            addresses => addresses.iter().map(|ip| SocketAddr::new(*ip, local.port())).collect(),
        };
        Ok(Self { io, state, announced })
    }

    /// The addresses that viewers are told.
    pub(super) fn announced(&self) -> &[SocketAddr] {
        &self.announced
    }

    /// Our address as the session knows it, for a datagram that arrived under `to`.
    pub(super) fn known_as(&self, to: Option<IpAddr>, from: SocketAddr) -> SocketAddr {
        let exact = self.announced.iter().find(|a| Some(a.ip()) == to);
        let family = || self.announced.iter().find(|a| a.is_ipv4() == from.is_ipv4());
        *exact.or_else(family).unwrap_or(&self.announced[0])
    }

    /// How many datagrams the kernel cuts from one batch.
    pub(super) fn max_segments(&self) -> usize {
        self.state.max_gso_segments()
    }

    /// Waits for datagrams and reads them. Cancelling loses nothing.
    ///
    /// # Errors
    /// Where the socket itself fails. What peers and the way to them cause (ICMP: a port closed behind them, a network
    /// that is gone) is passed over: their sessions time out by themselves.
    pub(super) async fn receive(&self, inbox: &mut Inbox) -> io::Result<()> {
        loop {
            let result = self.io.async_io(Interest::READABLE, || {
                let mut slices = inbox.bytes.chunks_mut(RECEIVE_BYTES).map(IoSliceMut::new);
                let mut slices: [IoSliceMut<'_>; RECEIVE_PIECES] =
                    std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
                self.state.recv((&self.io).into(), &mut slices, &mut inbox.meta)
            });
            match result.await {
                Ok(pieces) => {
                    inbox.pieces = pieces;
                    return Ok(());
                }
                Err(e) if PEERS.contains(&e.kind()) => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Sends what waits until the kernel takes no more. Returns how many batches could not be sent at all.
    pub(super) fn flush(&self, egress: &mut Egress) -> u64 {
        let mut failed = 0;
        while let Some(batch) = egress.front() {
            match self.send(batch) {
                Ok(()) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                // An address that can't be reached, say. The session it belongs to times out by itself.
                Err(error) => {
                    tracing::trace!(%error, to = %batch.to, "a datagram can't be sent");
                    failed += 1;
                }
            }
            egress.pop();
        }
        egress.set_max_segments(self.max_segments());
        failed
    }

    /// Waits until the kernel takes more.
    ///
    /// # Errors
    /// Where the socket itself fails.
    pub(super) async fn writable(&self) -> io::Result<()> {
        self.io.writable().await
    }

    fn send(&self, batch: &Batch) -> io::Result<()> {
        let segmented = batch.bytes.len() > batch.segment;
        let result = self.transmit(batch.to, &batch.bytes, segmented.then_some(batch.segment));
        match result {
            // A network card that can't segment after all says so with the first batch; `state` remembers it.
            Err(e) if segmented && e.kind() != ErrorKind::WouldBlock => {
                batch.bytes.chunks(batch.segment).try_for_each(|piece| self.transmit(batch.to, piece, None))
            }
            result => result,
        }
    }

    fn transmit(&self, destination: SocketAddr, contents: &[u8], segment_size: Option<usize>) -> io::Result<()> {
        let transmit = Transmit { destination, ecn: None, contents, segment_size, src_ip: None };
        self.io.try_io(Interest::WRITABLE, || self.state.try_send((&self.io).into(), &transmit))
    }
}

impl Default for Inbox {
    fn default() -> Self {
        Self { bytes: vec![0; RECEIVE_BYTES * RECEIVE_PIECES], meta: Default::default(), pieces: 0 }
    }
}

impl Inbox {
    /// What was received last.
    pub(super) fn datagrams(&self) -> impl Iterator<Item = Datagram<'_>> {
        let pieces = self.meta.iter().zip(self.bytes.chunks(RECEIVE_BYTES)).take(self.pieces);
        pieces.flat_map(|(meta, bytes)| {
            let bytes = &bytes[..meta.len.min(RECEIVE_BYTES)];
            bytes.chunks(meta.stride.max(1)).map(|bytes| Datagram { from: meta.addr, to: meta.dst_ip, bytes })
        })
    }
}
