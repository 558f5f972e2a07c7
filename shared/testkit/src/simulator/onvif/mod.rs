//! A simulated ONVIF device: answers the search (WS-Discovery) and the questions about its streams (SOAP over HTTP).
//!
//! Written from the specifications and apart from the program that it is a test of. What real devices get wrong is switched
//! on by an [`Oddity`] each. [`words`] and [`guard`] do no I/O.

mod words;
pub use words::Oddity;

mod guard;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, SockaddrIn, bind, setsockopt, socket, sockopt};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::auth::Login;
use guard::Sentry;
use words::Question;

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 255, 255, 250);
const PORT: u16 = 3702;
/// Largest question, bytes.
const LARGEST: usize = 64 << 10;
/// A client that takes longer is cut off.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a device is started with.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Who may ask; `None` lets everybody.
    pub login: Option<Login>,
    /// What it gets wrong.
    pub oddities: Vec<Oddity>,
    /// Whether it hears searches of everyone on the loopback interface, too.
    pub in_group: bool,
}

/// A device on 127.0.0.1 that runs until it is dropped.
#[derive(Debug)]
pub struct Device {
    http: SocketAddr,
    search: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    /// Ends its tasks when dropped.
    _runtime: Runtime,
}

struct House {
    http: SocketAddr,
    oddities: Vec<Oddity>,
    sentry: Mutex<Sentry>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Device {
    /// Starts one on free ports.
    ///
    /// # Errors
    /// When a port can't be had.
    pub fn start(config: Config) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let group = config.in_group.then(join).transpose()?;
        let (listener, search) = runtime.block_on(async {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            io::Result::Ok((listener, UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?))
        })?;
        let (http, search_address) = (listener.local_addr()?, search.local_addr()?);
        let sentry = Mutex::new(Sentry::new(config.login, &config.oddities));
        let asked = Arc::new(Mutex::new(vec![]));
        let house = Arc::new(House { http, oddities: config.oddities, sentry, asked: Arc::clone(&asked) });
        let search = Arc::new(search);
        runtime.spawn(hear(Arc::clone(&house), Arc::clone(&search), Arc::clone(&search)));
        if let Some(group) = group {
            let entered = runtime.enter();
            let group = Arc::new(UdpSocket::from_std(group)?);
            drop(entered);
            runtime.spawn(hear(Arc::clone(&house), group, search));
        }
        runtime.spawn(serve(house, listener));
        Ok(Self { http, search: search_address, asked, _runtime: runtime })
    }

    /// Where its device service is.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where it hears a search that is meant for it.
    pub fn search(&self) -> SocketAddr {
        self.search
    }

    /// Its name for life.
    pub fn endpoint(&self) -> String {
        words::endpoint(self.http.port())
    }

    /// The questions that it was asked, by name; those that it refused end with `!`.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.asked).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A socket in the group of all devices, on the loopback interface, beside others on the same port.
fn join() -> io::Result<std::net::UdpSocket> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let descriptor = socket(AddressFamily::Inet, SockType::Datagram, flags, None)?;
    setsockopt(&descriptor, sockopt::ReuseAddr, &true)?;
    let [a, b, c, d] = GROUP.octets();
    bind(descriptor.as_raw_fd(), &SockaddrIn::new(a, b, c, d, PORT))?;
    let socket = std::net::UdpSocket::from(descriptor);
    socket.join_multicast_v4(&GROUP, &Ipv4Addr::LOCALHOST)?;
    Ok(socket)
}

async fn hear(house: Arc<House>, socket: Arc<UdpSocket>, out: Arc<UdpSocket>) {
    let mut datagram = vec![0; LARGEST];
    while let Ok((length, from)) = socket.recv_from(&mut datagram).await {
        let text = String::from_utf8_lossy(datagram.get(..length).unwrap_or_default()).into_owned();
        if let Some(answer) = words::probe_match(&text, house.http, &house.oddities)
            && let Err(e) = out.send_to(answer.as_bytes(), from).await
        {
            tracing::debug!(error = %e, "answer to a search");
        }
    }
}

async fn serve(house: Arc<House>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let house = Arc::clone(&house);
        tokio::spawn(async move {
            match timeout(PATIENCE, answer(&house, stream)).await {
                Ok(Ok(())) => {}
                Ok(Err(e)) => tracing::debug!(error = %e, "connection of a client"),
                Err(_) => tracing::debug!("a client that is too slow"),
            }
        });
    }
}

/// One question, one connection.
async fn answer(house: &House, mut stream: TcpStream) -> io::Result<()> {
    let mut inbox = Vec::new();
    let (head, body) = loop {
        if let Some(whole) = whole(&inbox) {
            break whole;
        }
        if inbox.len() > LARGEST || stream.read_buf(&mut inbox).await? == 0 {
            return Err(io::ErrorKind::InvalidData.into());
        }
    };
    let (status, headers, body) = reply(house, &head, &body);
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/soap+xml\r\n{headers}Connection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await?;
    stream.shutdown().await
}

/// Head and body of a request, once both are there.
fn whole(inbox: &[u8]) -> Option<(String, String)> {
    let end = inbox.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(inbox.get(..end)?).into_owned();
    let length: usize = header(&head, "content-length")?.parse().ok()?;
    let body = inbox.get(end + 4..(end + 4).checked_add(length)?)?;
    Some((head, String::from_utf8_lossy(body).into_owned()))
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut headers = head.lines().filter_map(|line| line.split_once(':'));
    headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

/// Status, headers and body.
fn reply(house: &House, head: &str, body: &str) -> (&'static str, String, String) {
    let Some(question) = Question::read(body) else {
        return ("400 Bad Request", String::new(), words::fault("ter:WellFormed"));
    };
    let mut sentry = lock(&house.sentry);
    let secret = question.name == "GetDeviceInformation" && house.oddities.contains(&Oddity::Secretive);
    let admitted =
        question.name == "GetSystemDateAndTime" || (!secret && sentry.admits(&question, header(head, "authorization")));
    let refusal = if admitted { "" } else { "!" };
    lock(&house.asked).push(format!("{}{refusal}", question.name));
    if !admitted {
        return match sentry.challenges() {
            None => ("400 Bad Request", String::new(), words::fault("ter:NotAuthorized")),
            Some(challenges) => ("401 Unauthorized", challenges, String::new()),
        };
    }
    match words::reply(&question, house.http, &house.oddities) {
        Some(answer) => ("200 OK", String::new(), answer),
        None => ("500 Internal Server Error", String::new(), words::fault("ter:ActionNotSupported")),
    }
}
