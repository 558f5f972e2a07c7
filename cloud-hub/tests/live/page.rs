//! The page's WebSocket.

use futures::{SinkExt, StreamExt};
use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::{BrowserToHub, HubToBrowser};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::hub::{LONG, TestHub};

type Socket = WebSocketStream<TcpStream>;

async fn open(hub: &TestHub) -> Socket {
    let stream = TcpStream::connect(hub.address).await.unwrap();
    client_async(format!("ws://{}/api/v1/live", hub.address), stream).await.unwrap().0
}

async fn say(socket: &mut Socket, message: &BrowserToHub) {
    let text = serde_json::to_string(message).unwrap();
    socket.send(Message::Text(text.into())).await.unwrap();
}

/// The next message; `None` when the socket has closed.
async fn hear(socket: &mut Socket) -> Option<HubToBrowser> {
    loop {
        match timeout(LONG, socket.next()).await.expect("a message in time")? {
            Ok(Message::Text(text)) => return Some(serde_json::from_str(&text).unwrap()),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

async fn signed_in(hub: &TestHub) -> Socket {
    let mut socket = open(hub).await;
    say(&mut socket, &BrowserToHub::Auth { token: hub.token.clone() }).await;
    // The answer to a question shows that signing in is done and the feed is listened to.
    say(&mut socket, &BrowserToHub::Clock { id: 1 }).await;
    assert!(matches!(hear(&mut socket).await, Some(HubToBrowser::Clock { id: 1, .. })));
    socket
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_hears_of_events_and_of_the_boxes_it_watches() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut socket = signed_in(&hub).await;
    let picture = HubToBrowser::Picture { event: "e".into(), revision: 2, has_crop: true };
    hub.feed.publish(picture.clone());
    assert_eq!(hear(&mut socket).await, Some(picture));

    let mut want = hub.bus.want(&camera.stream);
    assert!(!want.borrow_and_update().results);
    say(&mut socket, &BrowserToHub::Watch { stream: Some(camera.stream.clone()) }).await;
    timeout(LONG, want.wait_for(|want| want.results && !want.units)).await.unwrap().unwrap();
    let sent = camera.send(1);
    camera.send_result();
    match hear(&mut socket).await {
        Some(HubToBrowser::Boxes(boxes)) => assert_eq!(boxes.rtp, sent[0].0),
        other => panic!("{other:?}"),
    }
    say(&mut socket, &BrowserToHub::Watch { stream: None }).await;
    timeout(LONG, want.wait_for(|want| !want.results)).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_happens_while_a_page_signs_in_is_heard_and_what_it_missed_is_said() {
    let hub = TestHub::start(8).await;
    let picture = |revision| HubToBrowser::Picture { event: "e".into(), revision, has_crop: false };
    let mut socket = open(&hub).await;
    hub.feed.publish(picture(1));
    say(&mut socket, &BrowserToHub::Auth { token: hub.token.clone() }).await;
    assert_eq!(hear(&mut socket).await, Some(picture(1)));

    let mut late = open(&hub).await;
    let more = cloud_hub::feed::DEPTH as u32 + 10;
    (0..more).for_each(|revision| hub.feed.publish(picture(revision)));
    say(&mut late, &BrowserToHub::Auth { token: hub.token.clone() }).await;
    assert_eq!(hear(&mut late).await, Some(HubToBrowser::Resync));
    assert_eq!(hear(&mut late).await, Some(picture(10)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_guesses_has_to_wait_and_locks_nobody_out() {
    let hub = TestHub::start(8).await;
    let mut told = String::new();
    while !told.contains("too many") {
        let mut socket = open(&hub).await;
        say(&mut socket, &BrowserToHub::Auth { token: "wrong".into() }).await;
        let Some(HubToBrowser::Error { reason }) = hear(&mut socket).await else { panic!("let in") };
        told = reason;
    }
    signed_in(&hub).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_in_without_the_token() {
    let hub = TestHub::start(8).await;
    let first = |text: &str| Message::Text(Utf8Bytes::from(text));
    for (message, part) in [
        (first(r#"{"type":"auth","token":"wrong"}"#), "token"),
        (first(r#"{"type":"watch","stream":null}"#), "first message"),
        (first("hello"), "first message"),
        (Message::Binary(vec![1, 2, 3].into()), "first message"),
    ] {
        let mut socket = open(&hub).await;
        socket.send(message).await.unwrap();
        hub.feed.publish(HubToBrowser::Picture { event: "secret".into(), revision: 1, has_crop: false });
        match hear(&mut socket).await {
            Some(HubToBrowser::Error { reason }) => assert!(reason.contains(part), "{reason}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(hear(&mut socket).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stranger_is_sent_away() {
    let hub = TestHub::start(8).await;
    let mut socket = open(&hub).await;
    assert!(matches!(hear(&mut socket).await, Some(HubToBrowser::Error { .. })));
    assert_eq!(hear(&mut socket).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_page_says_wrong_is_answered_and_it_stays() {
    let hub = TestHub::start(8).await;
    let mut socket = signed_in(&hub).await;
    for text in ["{", r#"{"type":"mode","mode":"exact"}"#, r#"{"type":"watch","stream":"site.nothing"}"#] {
        socket.send(Message::Text(text.into())).await.unwrap();
        assert!(matches!(hear(&mut socket).await, Some(HubToBrowser::Error { .. })), "{text}");
    }
    say(&mut socket, &BrowserToHub::Clock { id: 9 }).await;
    assert!(matches!(hear(&mut socket).await, Some(HubToBrowser::Clock { id: 9, .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stops_tells_its_pages() {
    let hub = TestHub::start(8).await;
    let mut socket = signed_in(&hub).await;
    drop(hub);
    match hear(&mut socket).await {
        Some(HubToBrowser::Error { reason }) => assert!(reason.contains("shutting down"), "{reason}"),
        other => panic!("{other:?}"),
    }
    assert_eq!(hear(&mut socket).await, None);
}
