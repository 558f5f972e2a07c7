//! Who has not signed in keeps no page out, at a hub with few places; and what is wrong is told and counted.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use futures::{SinkExt, StreamExt};
use omma_runtime::seats::Room;
use omma_testkit::wait::LONG;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{WebSocketStream, client_async};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::access::{Access, attempts::Attempts};
use crate::bus::Bus;
use crate::feed::Feed;
use crate::live::{LiveConfig, socket};
use crate::registry::Registry;

const STRANGERS: usize = 32;

const PROTOCOL: &str = "omma_live_pages_refused_total{reason=\"protocol\"}";
const SILENT: &str = "omma_live_pages_refused_total{reason=\"silent\"}";
const MESSAGES: &str = "omma_live_messages_refused_total{channel=\"websocket\"}";

struct Hub {
    address: SocketAddr,
    pages: Arc<Semaphore>,
    strangers: Room,
    token: String,
    _folder: TempDir,
}

type Socket = WebSocketStream<TcpStream>;

/// With a place for one page.
async fn hub() -> Hub {
    omma_runtime::tls::install_provider();
    let folder = tempfile::tempdir().unwrap();
    let access = Access::open(folder.path()).unwrap();
    let token = access.token().expose().clone();
    let config = LiveConfig { udp: ([127, 0, 0, 1], 0).into(), announce: vec![], max_sessions: 1 };
    let (bus, registry, end) = (Bus::new(), Registry::default(), CancellationToken::new());
    let mut state =
        LiveState::start(&config, bus, registry, access, Attempts::default(), Feed::default(), end).unwrap();
    state.pages = Arc::new(Semaphore::new(1));
    state.strangers = Room::of(STRANGERS);
    let (pages, strangers) = (Arc::clone(&state.pages), state.strangers.clone());
    let app: Router = socket(state).into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Hub { address, pages, strangers, token, _folder: folder }
}

impl Hub {
    /// Opens one on the host 127.0.0.`host`.
    async fn open(&self, host: u8) -> Result<Socket, Error> {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, host], 0).into()).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        Ok(client_async(format!("ws://{}/live", self.address), stream).await?.0)
    }

    /// What one that has signed in and asks for the time is answered.
    async fn sign_in(&self, host: u8) -> (Socket, HubToBrowser) {
        let mut socket = self.open(host).await.unwrap();
        for message in [BrowserToHub::Auth { token: self.token.clone() }, BrowserToHub::Clock { id: 1 }] {
            let text = serde_json::to_string(&message).unwrap();
            socket.send(tungstenite::Message::Text(text.into())).await.unwrap();
        }
        let answer = hear(&mut socket).await.expect("an answer");
        (socket, answer)
    }

    /// Waits until nobody is there any more.
    async fn is_left(&self) {
        let empty = || {
            let take = |last: u8| self.strangers.take([127, 0, 0, last].into()).ok();
            let free: Vec<_> = (1..).take(STRANGERS).filter_map(take).collect();
            free.len() == STRANGERS && self.pages.available_permits() == 1
        };
        let left = async {
            while !empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, left).await.expect("somebody stays");
    }
}

/// How often the hub has counted each of `names` once `talk` has ended.
fn counted<const N: usize>(names: [&str; N], talk: impl Future<Output = ()>) -> [u32; N] {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(talk));
    let text = recorder.handle().render();
    names.map(|name| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.map_or(0, |value| value.trim().parse().unwrap())
    })
}

/// What is no frame, or one longer than any message, of which no more comes. Each is masked (RFC 6455 §5.2).
fn broken_frames() -> [Vec<u8>; 3] {
    const MASK: [u8; 4] = [0; 4];
    let of_no_type = [&[0x8f, 0x80][..], &MASK].concat();
    let of_a_mebibyte = [&[0x81, 0x80 | 127][..], &(1u64 << 20).to_be_bytes(), &MASK].concat();
    let text_that_is_none = [&[0x81, 0x80 | 1][..], &MASK, &[0xff]].concat();
    [of_no_type, of_a_mebibyte, text_that_is_none]
}

async fn hear(socket: &mut Socket) -> Option<HubToBrowser> {
    loop {
        match timeout(LONG, socket.next()).await.expect("nothing is said")? {
            Ok(tungstenite::Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(tungstenite::Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Whether that is the last that is said before the socket closes.
async fn is_told(socket: &mut Socket, part: &str) {
    let told = hear(socket).await;
    assert!(matches!(&told, Some(HubToBrowser::Error { reason }) if reason.contains(part)), "{told:?}");
    assert_eq!(hear(socket).await, None);
}

#[tokio::test]
async fn who_is_not_signed_in_has_no_pages_place() {
    let hub = hub().await;
    let _silent = [hub.open(1).await.unwrap(), hub.open(1).await.unwrap()];
    let (_page, answer) = hub.sign_in(1).await;
    assert!(matches!(answer, HubToBrowser::Clock { id: 1, .. }), "{answer:?}");
    let (_page, answer) = hub.sign_in(1).await;
    assert!(matches!(&answer, HubToBrowser::Error { reason } if reason.contains("too many pages")), "{answer:?}");
}

#[tokio::test]
async fn one_host_that_opens_sockets_and_says_nothing_keeps_no_other_host_out() {
    let hub = hub().await;
    let host = |last: u8| IpAddr::from([127, 0, 0, last]);
    let silent: Vec<_> = (0..STRANGERS / 2).map(|_| hub.strangers.take(host(1)).unwrap()).collect();
    match hub.open(1).await {
        Err(Error::Http(refusal)) => assert_eq!(refusal.status(), 503),
        other => panic!("{other:?}"),
    }
    // A page that has signed in is not counted among the strangers: its seat is free again.
    let (_page, answer) = hub.sign_in(2).await;
    assert!(matches!(answer, HubToBrowser::Clock { id: 1, .. }), "{answer:?}");
    let free: Vec<_> = (3..).take(STRANGERS).filter_map(|last| hub.strangers.take(host(last)).ok()).collect();
    assert_eq!(silent.len() + free.len(), STRANGERS);
}

#[test]
fn who_says_nothing_leaves_his_seat_at_once_where_they_are_scarce() {
    let counts = counted([SILENT, PROTOCOL], async {
        let hub = hub().await;
        let mut silent = hub.open(1).await.unwrap();
        let take = |last: u8| hub.strangers.take([127, 0, 0, last].into());
        let _others: Vec<_> = (2..).take(STRANGERS / 2).map(take).collect();
        is_told(&mut silent, "at once").await;
    });
    assert_eq!(counts, [1, 0]);
}

#[test]
fn what_is_not_the_token_or_no_frame_is_told_at_once_and_counted() {
    let counts = counted([PROTOCOL, SILENT], async {
        let hub = hub().await;
        for frame in broken_frames() {
            let mut socket = hub.open(1).await.unwrap();
            socket.get_mut().write_all(&frame).await.unwrap();
            is_told(&mut socket, "no WebSocket frame").await;
        }
        let texts = ["hello", r#"{"type":"watch","stream":null}"#].map(tungstenite::Message::text);
        for message in texts.into_iter().chain([tungstenite::Message::binary(vec![1u8, 2, 3])]) {
            let mut socket = hub.open(1).await.unwrap();
            socket.send(message).await.unwrap();
            is_told(&mut socket, "first message").await;
        }
    });
    assert_eq!(counts, [6, 0]);
}

#[test]
fn what_a_page_says_wrong_is_told_and_counted_and_a_camera_that_is_gone_is_not_wrong() {
    let counts = counted([MESSAGES, PROTOCOL], async {
        let hub = hub().await;
        let (mut page, _) = hub.sign_in(1).await;
        let wrong = ["{", r#"{"type":"reboot"}"#, r#"{"type":"auth","token":"x"}"#, r#"{"type":"mode","mode":"live"}"#];
        let gone = r#"{"type":"watch","stream":"site.gone"}"#;
        let texts = wrong.into_iter().chain([gone]).map(tungstenite::Message::text);
        for message in texts.chain([tungstenite::Message::binary(vec![1u8, 2, 3])]) {
            page.send(message).await.unwrap();
            let answer = hear(&mut page).await;
            assert!(matches!(answer, Some(HubToBrowser::Error { .. })), "{answer:?}");
        }
        page.get_mut().write_all(&broken_frames()[0]).await.unwrap();
        is_told(&mut page, "no WebSocket frame").await;
    });
    assert_eq!(counts, [6, 0]);
}

#[test]
fn who_leaves_has_done_nothing_wrong_however_he_does() {
    let counts = counted([PROTOCOL, SILENT, MESSAGES], async {
        let hub = hub().await;
        for how in ["with a Close", "without", "with a reset"] {
            let (stranger, (page, _)) = (hub.open(1).await.unwrap(), hub.sign_in(1).await);
            for mut socket in [stranger, page] {
                match how {
                    "with a Close" => socket.close(None).await.unwrap(),
                    "with a reset" => socket.get_ref().set_zero_linger().unwrap(),
                    _ => {}
                }
            }
            hub.is_left().await;
        }
    });
    assert_eq!(counts, [0; 3]);
}
