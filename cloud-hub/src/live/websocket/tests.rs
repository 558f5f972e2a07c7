//! Who has not signed in keeps no page out, at a hub with few places.

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

struct Hub {
    address: SocketAddr,
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
    let strangers = state.strangers.clone();
    let app: Router = socket(state).into();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    Hub { address, strangers, token, _folder: folder }
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

#[tokio::test]
async fn who_says_nothing_leaves_his_seat_at_once_where_they_are_scarce() {
    let hub = hub().await;
    let mut silent = hub.open(1).await.unwrap();
    let _others: Vec<_> = (2..).take(STRANGERS / 2).map(|last| hub.strangers.take([127, 0, 0, last].into())).collect();
    let told = hear(&mut silent).await;
    assert!(matches!(&told, Some(HubToBrowser::Error { reason }) if reason.contains("at once")), "{told:?}");
}

#[tokio::test]
async fn a_frame_longer_than_any_message_is_not_waited_for() {
    let hub = hub().await;
    let mut socket = hub.open(1).await.unwrap();
    // A whole text of 1 MiB, masked (RFC 6455 §5.2), of which nothing more comes.
    let head = [&[0x81, 0x80 | 127][..], &(1u64 << 20).to_be_bytes(), &[0; 4]].concat();
    socket.get_mut().write_all(&head).await.unwrap();
    assert_eq!(hear(&mut socket).await, None, "it is waited for until it must have signed in");
}
