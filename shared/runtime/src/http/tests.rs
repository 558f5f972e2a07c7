use std::future::Future;

use axum::Extension;
use axum::extract::ws::WebSocketUpgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;

use super::*;
use crate::health::Part;

struct Running {
    address: SocketAddr,
    part: Part,
    token: CancellationToken,
    task: JoinHandle<()>,
}

async fn start() -> Running {
    start_with(SEATS).await
}

async fn start_with(seats: usize) -> Running {
    let mut server = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    server.room = Room::of(seats);
    let (address, health, token) = (server.address(), Health::new(), CancellationToken::new());
    let part = health.part("store");
    let extra = Router::new()
        .route("/slow", get(async || tokio::time::sleep(Duration::from_millis(300)).await))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
        .route("/signed-in", get(async |Extension(seat): Extension<Arc<Seat>>| seat.shown()))
        .route("/hang", get(std::future::pending::<()>))
        .route(
            "/socket",
            get(async |upgrade: WebSocketUpgrade| upgrade.on_upgrade(async |mut s| drop(s.recv().await))),
        );
    let task = tokio::spawn(server.serve(health, Metrics::detached(), extra, token.clone()));
    Running { address, part, token, task }
}

/// Sends bytes and reads until the server closes.
async fn exchange(address: SocketAddr, request: &[u8]) -> String {
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(request).await.unwrap();
    let mut answer = vec![];
    // A server that closes with unread bytes of ours resets the connection; what it said before that counts.
    socket.read_to_end(&mut answer).await.ok();
    String::from_utf8_lossy(&answer).into_owned()
}

fn request(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").into_bytes()
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), work).await.expect("nothing for 20 s")
}

#[tokio::test]
async fn readiness_follows_its_parts_and_metrics_are_text() {
    let running = start().await;
    let get = async |path| within(exchange(running.address, &request(path))).await;
    assert!(get("/healthz").await.starts_with("HTTP/1.1 200"));
    let answer = get("/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(r#""reason":"starting""#), "{answer}");
    running.part.ready();
    assert!(get("/readyz").await.starts_with("HTTP/1.1 200"));
    let answer = get("/metrics").await;
    assert!(answer.contains("content-type: text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("\nprocess_resident_memory_bytes "), "{answer}");
    assert!(get("/peer").await.ends_with("\r\n\r\n127.0.0.1"));
    assert!(get("/nothing").await.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn garbage_is_refused_and_the_next_request_answered() {
    let running = start().await;
    let long = [b"GET /", [b'a'; 1 << 20].as_slice(), b" HTTP/1.1\r\n\r\n"].concat();
    for garbage in [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n".as_slice(), b"GET\r\n\r\n", &[0xff; 4096], &long] {
        let answer = within(exchange(running.address, garbage)).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(within(exchange(running.address, &request("/healthz"))).await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn the_end_answers_what_is_under_way_and_cuts_what_hangs() {
    let running = start().await;
    let ask = |path| tokio::spawn(async move { exchange(running.address, &request(path)).await });
    let (slow, hang) = (ask("/slow"), ask("/hang"));
    let mut idle = TcpStream::connect(running.address).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.token.cancel();
    assert!(within(slow).await.unwrap().starts_with("HTTP/1.1 200"));
    within(running.task).await.unwrap();
    assert_eq!(within(hang).await.unwrap(), "");
    assert_eq!(within(idle.read(&mut [0])).await.unwrap_or_default(), 0);
    assert!(TcpStream::connect(running.address).await.is_err(), "the port is still open");
}

#[tokio::test]
async fn a_connection_can_become_a_websocket() {
    let running = start().await;
    let mut socket = TcpStream::connect(running.address).await.unwrap();
    let upgrade = b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    socket.write_all(upgrade).await.unwrap();
    let mut answer = [0; 12];
    within(socket.read_exact(&mut answer)).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
}

/// Of the host 127.0.0.`host`.
async fn client(address: SocketAddr, host: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, host], 0).into()).unwrap();
    socket.connect(address).await.unwrap()
}

/// Asks for `path` and goes on with the connection, or `None` where that has been closed.
async fn asks(address: SocketAddr, host: u8, path: &str) -> Option<TcpStream> {
    let mut socket = client(address, host).await;
    // Who is refused may be so before it has said anything.
    socket.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.ok();
    let mut answer = [0; 12];
    within(socket.read_exact(&mut answer)).await.ok()?;
    assert_eq!(&answer, b"HTTP/1.1 200");
    Some(socket)
}

#[tokio::test]
async fn one_host_that_opens_connections_and_says_nothing_keeps_no_other_host_out() {
    const SEATS: usize = 32;
    let running = start_with(SEATS).await;
    let mut silent = Vec::new();
    for _ in 0..SEATS / 2 {
        silent.push(client(running.address, 1).await);
    }
    assert!(asks(running.address, 1, "/healthz").await.is_none(), "the silent host has more than its share");
    assert!(asks(running.address, 2, "/healthz").await.is_some(), "the other host");
    drop(silent);
    within(async { while asks(running.address, 1, "/healthz").await.is_none() {} }).await;
}

#[tokio::test]
async fn those_behind_one_address_who_have_shown_their_token_fill_every_seat() {
    const SEATS: usize = 32;
    let running = start_with(SEATS).await;
    let mut guests = Vec::new();
    for n in 0..SEATS {
        let guest = asks(running.address, 1, "/signed-in").await;
        guests.push(guest.unwrap_or_else(|| panic!("the {n}th is refused")));
    }
    assert!(asks(running.address, 2, "/healthz").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_much_and_reads_nothing_is_cut_off() {
    let router = Router::new().route("/much", get(async || vec![0; 1 << 20]));
    let peer = SocketAddr::from(([192, 0, 2, 7], 4000));
    // The second one's head ends the wait for it while the first one's answer is stuck; after the last none is waited for.
    let two = "GET /much HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2);
    for asked in [two.as_str(), "GET /much HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"] {
        let (mut far, socket) = duplex(4096);
        far.write_all(asked.as_bytes()).await.unwrap();
        let seat = Arc::new(Room::default().take(peer.ip()).unwrap());
        let served = connection(socket, peer, seat, router.clone(), CancellationToken::new());
        tokio::time::timeout(Duration::from_secs(3600), served).await.expect("it is kept for an hour");
    }
}

#[tokio::test]
async fn a_head_larger_than_any_that_is_meant_is_refused() {
    let running = start().await;
    let head = |bytes| format!("GET /healthz HTTP/1.1\r\nConnection: close\r\nx: {}\r\n\r\n", "a".repeat(bytes));
    let answer = within(exchange(running.address, head(HEAD / 2).as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let answer = within(exchange(running.address, head(HEAD).as_bytes())).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}
