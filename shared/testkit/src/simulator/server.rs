//! The server: many cameras behind one port.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use omma_protocol::id::CameraId;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::auth::{Guard, Login};
use super::connection::{Connection, End, random_text};
use super::dialogue::Dialogue;
use super::http::{self, Darkrooms};
use super::player::SendError;
use super::quirk::{Quirk, Quirks};
use super::response::{Response, Status};
use super::seat::Seat;
use super::source::{Camera, Rate, Scene, Source, SourceError};

/// Most connections at a time; further ones are told 503 and closed.
const MAX_CONNECTIONS: usize = 256;
/// What the kernel may hold back for a slow client. By default it would grow to megabytes, many seconds of stream, and
/// nobody would notice that the client is behind.
const SEND_BUFFER: u32 = 256 * 1024;
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// How long a camera takes to start.
const START: Duration = Duration::from_secs(2);
/// What is shown after a change of size.
const OTHER_SIZE: Scene = Scene::Clock { width: 832, height: 96, over: None };

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the RTSP port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Address of the HTTP port, where there is to be one.
    pub http: Option<SocketAddr>,
    /// What it shows, each under its name.
    pub cameras: Vec<Camera>,
    /// Who may play; `None` lets everybody.
    pub login: Option<Login>,
    /// A client that sends neither request nor report for this long is cut off.
    pub session_timeout: Duration,
    /// What it gets wrong.
    pub quirks: Quirks,
    /// What it says in place of its own words. Every request is then taken for one of its first camera.
    pub dialogue: Option<Dialogue>,
}

impl Config {
    /// These cameras over RTSP on a free port of 127.0.0.1, open to everybody, with a time-out of 60 s and no quirk.
    pub fn new(cameras: Vec<Camera>) -> Self {
        let listen = (Ipv4Addr::LOCALHOST, 0).into();
        let session_timeout = Duration::from_secs(60);
        Self { listen, http: None, cameras, login: None, session_timeout, quirks: Quirks::default(), dialogue: None }
    }

    /// With these oddities.
    #[must_use]
    pub fn with_quirks(self, quirks: impl IntoIterator<Item = Quirk>) -> Self {
        Self { quirks: quirks.into_iter().collect(), ..self }
    }
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port can't be had.
    #[error("listen on {address}: {error}{}", remedy(.error))]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        error: io::Error,
    },
    /// A camera can't be shown.
    #[error("camera {camera}: {error}")]
    Source {
        /// Which.
        camera: CameraId,
        /// Why.
        error: SourceError,
    },
    /// Two cameras have one name.
    #[error("camera {0} is named twice")]
    Twice(CameraId),
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; end the program that has this port, or choose another",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}

/// What a server has seen since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because there were too many.
    pub refused: u64,
    /// Requests that lacked the right password.
    pub unauthorized: u64,
    /// Connections ended because they brought no RTSP.
    pub garbage: u64,
    /// Sessions set up.
    pub sessions: u64,
    /// Sessions ended by TEARDOWN.
    pub teardowns: u64,
    /// Sessions refused because there was one already.
    pub busy: u64,
    /// Times a player began.
    pub plays: u64,
    /// SET_PARAMETER requests that were granted.
    pub set_parameters: u64,
    /// Pictures sent, counted for each player.
    pub pictures: u64,
    /// Players ended because they were too slow.
    pub slow: u64,
    /// Connections ended because the client kept silent.
    pub silent: u64,
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    connections: Counter,
    refused: Counter,
    pub(super) unauthorized: Counter,
    garbage: Counter,
    pub(super) sessions: Counter,
    pub(super) teardowns: Counter,
    pub(super) busy: Counter,
    pub(super) plays: Counter,
    pub(super) set_parameters: Counter,
    pub(super) pictures: Counter,
    slow: Counter,
    silent: Counter,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A camera ready to be played.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) source: Source,
    pub(super) rate: Rate,
    /// What it goes over to where the size of its pictures changes.
    pub(super) other_size: Option<Source>,
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct House {
    pub(super) cameras: BTreeMap<String, Station>,
    pub(super) login: Option<Login>,
    pub(super) session_timeout: Duration,
    pub(super) tally: Tally,
    pub(super) quirks: Quirks,
    pub(super) dialogue: Option<Dialogue>,
    seat: Mutex<Seat>,
    /// Until when it starts again, where it does; that happens once.
    starting: Mutex<Option<Instant>>,
    /// What is made of the cameras' pictures over HTTP.
    pub(super) darkrooms: Darkrooms,
    pub(super) stop: CancellationToken,
    /// Cuts the connections of now, a child of `stop`; replaced when it has been used.
    cut: Mutex<CancellationToken>,
}

impl House {
    /// The one session, where there is only one.
    pub(super) fn seat(&self) -> MutexGuard<'_, Seat> {
        self.seat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to start again, unless it already has: every connection of now is cut.
    pub(super) fn reboot(&self) {
        let mut starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if starting.is_none() {
            *starting = Some(Instant::now() + START);
            self.cut_all();
        }
    }

    fn is_starting(&self) -> bool {
        let starting = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        starting.is_some_and(|until| Instant::now() < until)
    }

    fn cut_all(&self) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let used = std::mem::replace(&mut *cut, self.stop.child_token());
        used.cancel();
    }
}

/// A running server. Dropped, it ends with all its connections; [`Server::stop`] also waits for that.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    http: Option<SocketAddr>,
    house: Arc<House>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Server {
    /// Opens the cameras and the port. Needs a tokio runtime.
    ///
    /// # Errors
    /// When a camera's footage can't be played or the port can't be had.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let mut cameras = BTreeMap::new();
        for Camera { name, scene, rate } in config.cameras {
            let open = |scene: &Scene| {
                Source::open(scene, rate).map_err(|error| StartError::Source { camera: name.clone(), error })
            };
            let source = open(&scene)?;
            let other_size = config.quirks.has(Quirk::SizeChanges).then(|| open(&OTHER_SIZE)).transpose()?;
            if cameras.insert(name.as_str().to_owned(), Station { source, rate, other_size }).is_some() {
                return Err(StartError::Twice(name));
            }
        }
        let (listener, address) = listen(config.listen)?;
        let http = config.http.map(listen).transpose()?;
        let stop = CancellationToken::new();
        let house = Arc::new(House {
            cameras,
            login: config.login,
            session_timeout: config.session_timeout,
            tally: Tally::default(),
            quirks: config.quirks,
            dialogue: config.dialogue,
            seat: Mutex::default(),
            starting: Mutex::default(),
            darkrooms: Darkrooms::default(),
            stop: stop.clone(),
            cut: Mutex::new(stop.child_token()),
        });
        let tasks = TaskTracker::new();
        let http_address = http.as_ref().map(|(_, address)| *address);
        if let Some((listener, _)) = http {
            // A nonce is good for every connection: clients answer a challenge on another one.
            let guard = Arc::new(Guard::new(house.login.clone(), random_text()));
            let serve = move |house, stream, _: SocketAddr, cut| http::serve(house, stream, guard.clone(), cut);
            tasks.spawn(accept(listener, house.clone(), tasks.clone(), serve));
        }
        tasks.spawn(accept(listener, house.clone(), tasks.clone(), serve));
        Ok(Self { address, http: http_address, house, tasks, stop: stop.drop_guard() })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens for HTTP, if it does.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http
    }

    /// A camera's URL, without a login.
    pub fn url(&self, camera: &str) -> String {
        format!("rtsp://{}/{camera}", self.address)
    }

    /// What it has seen.
    pub fn counts(&self) -> Counts {
        let tally = &self.house.tally;
        Counts {
            connections: tally.connections.get(),
            refused: tally.refused.get(),
            unauthorized: tally.unauthorized.get(),
            garbage: tally.garbage.get(),
            sessions: tally.sessions.get(),
            teardowns: tally.teardowns.get(),
            busy: tally.busy.get(),
            plays: tally.plays.get(),
            set_parameters: tally.set_parameters.get(),
            pictures: tally.pictures.get(),
            slow: tally.slow.get(),
            silent: tally.silent.get(),
        }
    }

    /// Closes every connection of now without a word, as a camera does that restarts. New ones are welcome.
    pub fn drop_players(&self) {
        self.house.cut_all();
    }

    /// Ends the server and waits until all its connections are closed, for 5 s at most.
    pub async fn stop(self) {
        drop(self.stop);
        self.tasks.close();
        if timeout(STOP_WITHIN, self.tasks.wait()).await.is_err() {
            tracing::warn!(left = self.tasks.len(), "connections did not end within {STOP_WITHIN:?}");
        }
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let bound = bind(address).and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (bound, listener) = bound.map_err(|error| StartError::Listen { address, error })?;
    Ok((listener, bound))
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restart may take the port while connections of the last run linger.
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit it.
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(address)?;
    socket.listen(128)
}

/// Gives each connection to a task of its own, which runs `serve`.
async fn accept<F: Future<Output = ()> + Send + 'static>(
    listener: TcpListener,
    house: Arc<House>,
    tasks: TaskTracker,
    serve: impl Fn(Arc<House>, TcpStream, SocketAddr, CancellationToken) -> F + Send + 'static,
) {
    loop {
        let accepted = tokio::select! {
            () = house.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            // The port is not given up: another program might take it.
            Ok((stream, _)) if house.is_starting() => drop(stream),
            // One of the tasks is this one, and another the port's of the other protocol.
            Ok((stream, _)) if tasks.len() > MAX_CONNECTIONS => {
                house.tally.refused.add(1);
                refuse(stream).await;
            }
            Ok((stream, peer)) => {
                house.tally.connections.add(1);
                let cut = house.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
                tasks.spawn(serve(house.clone(), stream, peer, cut));
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection; are there too many open files?");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn refuse(mut stream: TcpStream) {
    let text = Response::new(Status::Full).encode(None);
    // A courtesy: whether it arrives makes no difference.
    timeout(Duration::from_millis(100), stream.write_all(&text)).await.ok();
}

async fn serve(house: Arc<House>, stream: TcpStream, peer: SocketAddr, cut: CancellationToken) {
    let end = match Connection::new(house.clone(), stream, peer) {
        Ok(connection) => connection.run(cut).await,
        Err(error) => End::Io(error),
    };
    match &end {
        End::Send(SendError::Slow) => {
            house.tally.slow.add(1);
            tracing::warn!(%peer, "player cut off: {end}");
        }
        End::Garbage(_) => {
            house.tally.garbage.add(1);
            tracing::info!(%peer, "connection ended: {end}");
        }
        End::Silent => {
            house.tally.silent.add(1);
            tracing::info!(%peer, "connection ended: {end}");
        }
        End::Closed | End::Cut | End::Io(_) | End::Send(SendError::Io(_)) => {
            tracing::debug!(%peer, "connection ended: {end}");
        }
    }
}
