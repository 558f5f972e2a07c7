//! The UDP socket under quinn, which ignores in silence what is no QUIC: here that is counted.

use std::io::{self, IoSliceMut};
use std::net::{SocketAddr, UdpSocket};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use metrics::{Counter, counter};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Runtime, UdpPoller};

/// Header form and fixed bit of the first byte (RFC 9000 §17.2, §17.3.1).
const LONG: u8 = 0x80;
const FIXED: u8 = 0x40;
/// QUIC version 1 as a long header has it (RFC 9000 §15).
const VERSION: [u8; 4] = [0, 0, 0, 1];

/// Counts, and leaves everything else to quinn's own.
#[derive(Debug)]
pub(super) struct Counting {
    socket: Arc<dyn AsyncUdpSocket>,
    ignored: Counter,
}

impl Counting {
    /// Takes `address`.
    pub(super) fn bind(address: SocketAddr, runtime: &dyn Runtime) -> io::Result<Self> {
        let socket = runtime.wrap_udp_socket(UdpSocket::bind(address)?)?;
        Ok(Self { socket, ignored: counter!("omma_ingest_datagrams_ignored_total") })
    }
}

impl AsyncUdpSocket for Counting {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.socket).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.socket.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let received = ready!(self.socket.poll_recv(cx, bufs, meta))?;
        for (buffer, meta) in bufs.iter().zip(&*meta).take(received) {
            // The kernel may have joined several of one sender, each `stride` long but the last.
            let together = buffer.get(..meta.len).unwrap_or_default();
            let ignored = together.chunks(meta.stride.max(1)).filter(|datagram| !may_be_quic(datagram)).count();
            if ignored > 0 {
                self.ignored.increment(ignored as u64);
            }
        }
        Poll::Ready(Ok(received))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.socket.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.socket.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.socket.may_fragment()
    }
}

/// As far as its unprotected bytes tell: a short header has nothing more than the fixed bit.
fn may_be_quic(datagram: &[u8]) -> bool {
    match datagram {
        [first, rest @ ..] if first & FIXED != 0 => first & LONG == 0 || rest.starts_with(&VERSION),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_quic_is_told_by_its_first_bytes() {
        for (datagram, expected) in [
            (&b""[..], false),
            (b"GET / HTTP/1.1\r\n", true), // `G` has the fixed bit: a short header to an unknown connection
            (b"\x16\x03\x01\x02\x00", false),
            (b"\xc3\x00\x00\x00\x01\x08", true),
            (b"\xc3\x00\x00\x00\x02\x08", false),
            (b"\xc3\x00\x00", false),
            (b"\x43\x01", true),
        ] {
            assert_eq!(may_be_quic(datagram), expected, "{datagram:02x?}");
        }
    }
}
