use std::future::Future;

use axum::extract::ws::WebSocketUpgrade;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
    let server = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
    let (address, health, token) = (server.address(), Health::new(), CancellationToken::new());
    let part = health.part("store");
    let extra = Router::new()
        .route("/slow", get(async || tokio::time::sleep(Duration::from_millis(300)).await))
        .route("/peer", get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()))
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
