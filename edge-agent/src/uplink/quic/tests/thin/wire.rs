//! Two ends of quinn on a link of the testkit, in the runtime's time, which a test may simulate.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use omma_protocol::join::JoinToken;
use omma_protocol::wire::quic::SERVER_NAME;
use omma_testkit::link::{Link, Shape};
use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime, UdpPoller};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::uplink::quic::connect::client_config;

/// The way back is not what is thin.
const BACK: Shape =
    Shape { rate: 100_000_000, delay: Duration::from_millis(20), queue: Duration::from_secs(1), loss: 0.0 };

/// A datagram, and when it arrives.
type OnWire = (Instant, Vec<u8>);

/// One end's socket.
#[derive(Debug)]
struct End {
    here: SocketAddr,
    there: SocketAddr,
    link: Mutex<Link>,
    begun: Instant,
    out: UnboundedSender<OnWire>,
    inbox: Mutex<UnboundedReceiver<Vec<u8>>>,
}

/// An edge that is connected to a hub: its end of the connection, the hub's, and what must live as long.
pub(super) async fn wired(up: Shape, hub: ServerConfig, join: &JoinToken) -> (Connection, Connection, [Endpoint; 2]) {
    let [edge_at, hub_at] = [1, 2].map(|n| SocketAddr::from(([192, 0, 2, n], 4433)));
    let ((from_edge, at_hub), (from_hub, at_edge)) = (one_way(), one_way());
    let end = |here, there, shape, out, inbox| {
        let (link, inbox) = (Mutex::new(Link::new(shape, 1)), Mutex::new(inbox));
        Arc::new(End { here, there, link, begun: Instant::now(), out, inbox })
    };
    let endpoint = |server, end| {
        let runtime = Arc::new(TokioRuntime);
        Endpoint::new_with_abstract_socket(EndpointConfig::default(), server, end, runtime).unwrap()
    };
    let edge = endpoint(None, end(edge_at, hub_at, up, from_edge, at_edge));
    let hub = endpoint(Some(hub), end(hub_at, edge_at, BACK, from_hub, at_hub));
    let connecting = edge.connect_with(client_config(join).unwrap(), hub_at, SERVER_NAME).unwrap();
    let accepting = async { hub.accept().await.unwrap().await.unwrap() };
    let (at_edge, at_hub) = tokio::join!(connecting, accepting);
    (at_edge.unwrap(), at_hub, [edge, hub])
}

fn one_way() -> (UnboundedSender<OnWire>, UnboundedReceiver<Vec<u8>>) {
    let (out, mut on_wire) = unbounded_channel::<OnWire>();
    let (arrive, inbox) = unbounded_channel();
    tokio::spawn(async move {
        while let Some((at, datagram)) = on_wire.recv().await {
            tokio::time::sleep_until(at).await;
            if arrive.send(datagram).is_err() {
                return;
            }
        }
    });
    (out, inbox)
}

impl AsyncUdpSocket for End {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(Ready)
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        assert_eq!((transmit.destination, transmit.segment_size), (self.there, None));
        let arrives = self.link.lock().unwrap().carry(transmit.contents.len(), self.begun.elapsed());
        if let Some(at) = arrives {
            // The other end may be gone, as on any network.
            self.out.send((self.begun + at, transmit.contents.to_vec())).ok();
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        match self.inbox.lock().unwrap().poll_recv(cx) {
            Poll::Ready(Some(datagram)) => {
                let len = datagram.len();
                bufs[0][..len].copy_from_slice(&datagram);
                meta[0] = RecvMeta { addr: self.there, len, stride: len, ..RecvMeta::default() };
                Poll::Ready(Ok(1))
            }
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.here)
    }
}

/// A link loses what it has no room for, and is never busy.
#[derive(Debug)]
struct Ready;

impl UdpPoller for Ready {
    fn poll_writable(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
