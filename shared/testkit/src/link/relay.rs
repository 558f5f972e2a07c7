//! Stands between an edge and what it connects to, and is the weather there: fair, thin and lossy, or silent.
//!
//! ```text
//! edge ──UDP──▶ a session for each of its sockets, two [`Link`]s ──▶ hub
//!      ──TCP──▶ a connection for each, as slow as the link is    ──▶ broker
//! ```
//!
//! TCP loses nothing on the way, because the kernel sends again; here it is slow instead. A thread of its own; all ends with it.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Link, Shape};

/// Longest datagram.
const DATAGRAM: usize = 65_536;
/// What is copied of a TCP connection at once. On a thin link a message is several of it.
const PIECE: usize = 4096;

/// What the link is like now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Weather {
    /// As if it were not there.
    Fair,
    /// This.
    Thin(Shape),
    /// Nothing passes, and nobody is told: connections stay.
    Silent,
}

/// The relay.
#[derive(Debug)]
pub struct Relay {
    weather: watch::Sender<Weather>,
    /// Ends the TCP connections that there are.
    cut: Arc<Mutex<CancellationToken>>,
    udp: u16,
    tcp: u16,
    /// Whose end ends the tasks.
    _runtime: Runtime,
}

impl Relay {
    /// From ports of its own on 127.0.0.1 to these there, in fair weather. What chance there is follows from `seed`.
    ///
    /// # Errors
    /// Where a socket or a thread can't be had.
    pub fn start(udp: u16, tcp: u16, seed: u64) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (weather, cut) = (watch::Sender::new(Weather::Fair), Arc::new(Mutex::new(CancellationToken::new())));
        let front = Arc::new(runtime.block_on(UdpSocket::bind(to(0)))?);
        let listener = runtime.block_on(TcpListener::bind(to(0)))?;
        let ports = (front.local_addr()?.port(), listener.local_addr()?.port());
        runtime.spawn(datagrams(front, to(udp), weather.subscribe(), seed));
        runtime.spawn(connections(listener, to(tcp), weather.subscribe(), cut.clone()));
        Ok(Self { weather, cut, udp: ports.0, tcp: ports.1, _runtime: runtime })
    }

    /// Where datagrams go to it.
    pub fn udp_port(&self) -> u16 {
        self.udp
    }

    /// Where TCP connections go to it.
    pub fn tcp_port(&self) -> u16 {
        self.tcp
    }

    /// It is like this from now on. What is under way arrives.
    pub fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// Closes every TCP connection without a word.
    pub fn cut(&self) {
        std::mem::take(&mut *self.cut.lock().unwrap_or_else(PoisonError::into_inner)).cancel();
    }
}

fn to(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// One way of a session: datagrams wait here until they arrive.
struct Way {
    link: Link,
    weather: watch::Receiver<Weather>,
    begun: Instant,
    out: mpsc::UnboundedSender<(Instant, Vec<u8>)>,
}

impl Way {
    /// To `to`, or else to whom the socket is connected.
    fn new(socket: Arc<UdpSocket>, to: Option<SocketAddr>, weather: watch::Receiver<Weather>, seed: u64) -> Self {
        let (out, mut on_wire) = mpsc::unbounded_channel::<(Instant, Vec<u8>)>();
        tokio::spawn(async move {
            while let Some((at, datagram)) = on_wire.recv().await {
                tokio::time::sleep_until(at).await;
                let sent = match to {
                    Some(to) => socket.send_to(&datagram, to).await,
                    None => socket.send(&datagram).await,
                };
                // Who does not listen just now misses it, as on any network.
                sent.ok();
            }
        });
        let fair = Shape { rate: u64::MAX, delay: Duration::ZERO, queue: Duration::MAX, loss: 0.0 };
        Self { link: Link::new(fair, seed), weather, begun: Instant::now(), out }
    }

    fn carry(&mut self, datagram: &[u8]) {
        let now = self.begun.elapsed();
        let weather = *self.weather.borrow();
        let arrives = match weather {
            Weather::Fair => Some(now),
            Weather::Thin(shape) => {
                self.link.reshape(shape);
                self.link.carry(datagram.len(), now)
            }
            Weather::Silent => None,
        };
        if let Some(at) = arrives {
            // Its task ends with the runtime alone.
            self.out.send((self.begun + at, datagram.to_vec())).ok();
        }
    }
}

async fn datagrams(front: Arc<UdpSocket>, to: SocketAddr, weather: watch::Receiver<Weather>, seed: u64) {
    // One for each connection that an edge has made in the life of a test.
    let mut sessions = BTreeMap::<SocketAddr, Way>::new();
    let mut buffer = vec![0; DATAGRAM];
    loop {
        // An error is the news that nobody listened there when something was sent before.
        let Ok((length, from)) = front.recv_from(&mut buffer).await else { continue };
        if !sessions.contains_key(&from) {
            let back = match session(to).await {
                Ok(back) => Arc::new(back),
                Err(error) => {
                    eprintln!("relay: no socket for {from}: {error}");
                    continue;
                }
            };
            let number = seed.wrapping_add(2 * sessions.len() as u64);
            let down = Way::new(front.clone(), Some(from), weather.clone(), number.wrapping_add(1));
            tokio::spawn(answers(back.clone(), down));
            sessions.insert(from, Way::new(back, None, weather.clone(), number));
        }
        if let Some(up) = sessions.get_mut(&from) {
            up.carry(&buffer[..length]);
        }
    }
}

async fn session(to: SocketAddr) -> io::Result<UdpSocket> {
    let back = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    back.connect(to).await?;
    Ok(back)
}

async fn answers(back: Arc<UdpSocket>, mut down: Way) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        // As above: a hub that is not up.
        let Ok(length) = back.recv(&mut buffer).await else { continue };
        down.carry(&buffer[..length]);
    }
}

async fn connections(
    listener: TcpListener,
    to: SocketAddr,
    weather: watch::Receiver<Weather>,
    cut: Arc<Mutex<CancellationToken>>,
) {
    loop {
        let near = match listener.accept().await {
            Ok((near, _)) => near,
            Err(error) => {
                eprintln!("relay: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let cut = cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tokio::spawn(cut.run_until_cancelled_owned(connection(near, to, weather.clone())));
    }
}

/// The first way that ends, ends both.
async fn connection(mut near: TcpStream, to: SocketAddr, weather: watch::Receiver<Weather>) -> io::Result<()> {
    let mut far = TcpStream::connect(to).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let ((near_in, near_out), (far_in, far_out)) = (near.split(), far.split());
    tokio::select! {
        ended = copy(near_in, far_out, weather.clone()) => ended,
        ended = copy(far_in, near_out, weather) => ended,
    }
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut buffer = [0; PIECE];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return Ok(());
        }
        let ended = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        let now = *weather.wait_for(|weather| *weather != Weather::Silent).await.map_err(ended)?;
        if let Weather::Thin(Shape { rate, delay, .. }) = now {
            tokio::time::sleep(delay + Duration::from_secs_f64(length as f64 * 8.0 / rate.max(1) as f64)).await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);
    const WHILE: Duration = Duration::from_millis(300);

    /// Who answers each datagram, and each byte, with the same.
    fn echo() -> (u16, u16) {
        let (udp, tcp) = (net::UdpSocket::bind(to(0)).unwrap(), net::TcpListener::bind(to(0)).unwrap());
        let ports = (udp.local_addr().unwrap().port(), tcp.local_addr().unwrap().port());
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while let Ok((length, from)) = udp.recv_from(&mut buffer) {
                udp.send_to(&buffer[..length], from).unwrap();
            }
        });
        std::thread::spawn(move || {
            for connection in tcp.incoming().map_while(Result::ok) {
                std::thread::spawn(move || io::copy(&mut &connection, &mut &connection));
            }
        });
        ports
    }

    #[test]
    fn datagrams_pass_are_slow_or_lost_and_pass_again() {
        let (udp, tcp) = echo();
        let relay = Relay::start(udp, tcp, 1).unwrap();
        let client = net::UdpSocket::bind(to(0)).unwrap();
        client.connect(to(relay.udp_port())).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let round = |n: u8| {
            let mut buffer = [0; 10];
            client.send(&[n]).unwrap();
            assert_eq!((client.recv(&mut buffer).unwrap(), buffer[0]), (1, n));
        };
        round(1);
        let delay = Duration::from_millis(100);
        relay.set(Weather::Thin(Shape { rate: 1_000_000, delay, queue: PATIENCE, loss: 0.0 }));
        let begun = std::time::Instant::now();
        round(2);
        assert!(begun.elapsed() >= delay * 2);
        relay.set(Weather::Silent);
        client.send(&[3]).unwrap();
        client.set_read_timeout(Some(WHILE)).unwrap();
        assert!(client.recv(&mut [0; 10]).is_err(), "it passed");
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        relay.set(Weather::Fair);
        round(4);
    }

    #[test]
    fn a_connection_stands_still_goes_on_and_is_cut() {
        let (udp, tcp) = echo();
        let relay = Relay::start(udp, tcp, 1).unwrap();
        let connect = || {
            let client = net::TcpStream::connect(to(relay.tcp_port())).unwrap();
            client.set_read_timeout(Some(PATIENCE)).unwrap();
            client
        };
        let (mut client, mut byte) = (connect(), [0]);
        client.write_all(&[1]).unwrap();
        client.read_exact(&mut byte).unwrap();
        relay.set(Weather::Silent);
        client.write_all(&[2]).unwrap();
        client.set_read_timeout(Some(WHILE)).unwrap();
        assert!(client.read(&mut byte).is_err(), "it passed");
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        relay.set(Weather::Fair);
        client.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [2]);
        relay.cut();
        assert!(matches!(client.read(&mut byte), Ok(0) | Err(_)));
        // The next one is another.
        let mut client = connect();
        client.write_all(&[3]).unwrap();
        client.read_exact(&mut byte).unwrap();
        assert_eq!(byte, [3]);
    }
}
