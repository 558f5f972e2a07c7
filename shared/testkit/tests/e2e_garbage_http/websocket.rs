//! Garbage on the page's WebSocket: in place of frames, of the token, and once signed in.

use std::io::{ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpStream};

use omma_protocol::wire::browser::{BrowserToHub, HubToBrowser};
use omma_testkit::garbage::garbage;
use omma_testkit::stack::Stack;
use omma_testkit::wait;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tungstenite::{Error, Message, WebSocket};

use crate::{LIVE, SEED};

type Page = WebSocket<TcpStream>;

/// As a page that has not signed in.
pub(crate) fn open(stack: &Stack) -> Page {
    let port = stack.api.port();
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    socket.set_read_timeout(Some(wait::LONG)).unwrap();
    tungstenite::client(format!("ws://127.0.0.1:{port}{LIVE}"), socket).expect("a WebSocket").0
}

fn say(page: &mut Page, message: &BrowserToHub) {
    page.send(Message::text(serde_json::to_string(message).unwrap())).unwrap();
}

/// The first of what the hub says that is wanted; `None` where the socket closes before.
fn hear<T>(page: &mut Page, wanted: impl Fn(HubToBrowser) -> Option<T>) -> Option<T> {
    loop {
        match page.read() {
            Ok(Message::Text(text)) => {
                if let Some(found) = wanted(serde_json::from_str(&text).unwrap()) {
                    return Some(found);
                }
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => panic!("nothing is said, nor closed"),
            Ok(Message::Close(_)) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

pub(crate) fn complaint(page: &mut Page) -> Option<String> {
    hear(page, |message| match message {
        HubToBrowser::Error { reason } => Some(reason),
        _ => None,
    })
}

fn message(random: &mut StdRng, binary: bool) -> Message {
    let bytes = garbage(random, 1000);
    if binary { Message::binary(bytes) } else { Message::text(String::from_utf8_lossy(&bytes).into_owned()) }
}

/// Every other time with the whole head of a frame of no known type (RFC 6455 §5.2). Else the hub may wait for more.
pub(crate) fn in_place_of_frames(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    for n in 0..40 {
        let mut page = open(stack);
        let mut bytes = garbage(&mut random, 2000);
        if n % 2 == 0 {
            bytes[0] |= 0x07;
            bytes.resize(bytes.len() + 14, 0);
        }
        page.get_mut().write_all(&bytes).unwrap();
        if n % 2 == 0 {
            let reason = complaint(&mut page).expect("a reason");
            assert!(reason.contains("no WebSocket frame"), "{reason}");
        }
    }
}

pub(crate) fn in_place_of_a_token(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    for n in 0..40 {
        let mut page = open(stack);
        page.send(message(&mut random, n % 2 == 0)).unwrap();
        let reason = complaint(&mut page).expect("a reason");
        assert!(reason.contains("first message"), "{reason}");
        assert_eq!(complaint(&mut page), None);
    }
}

pub(crate) fn once_signed_in(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut page = open(stack);
    say(&mut page, &BrowserToHub::Auth { token: stack.secrets[1].clone() });
    for n in 0..40 {
        page.send(message(&mut random, n % 2 == 0)).unwrap();
        assert!(complaint(&mut page).is_some(), "the socket is closed after {n} messages");
    }
    say(&mut page, &BrowserToHub::Clock { id: 7 });
    let answered = hear(&mut page, |message| matches!(message, HubToBrowser::Clock { id: 7, .. }).then_some(()));
    assert!(answered.is_some(), "the socket is closed");
    // Longer than any message, so that it is not read to its end: the reason may be lost with the connection.
    page.send(Message::binary(vec![0u8; 5000])).unwrap();
    while complaint(&mut page).is_some() {}
}
