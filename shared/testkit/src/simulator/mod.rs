//! A camera made of software: an RTSP 1.0 server (RFC 2326) that plays H.264 or H.265 in real time.
//!
//! What a player meets is what a good camera gives: one video track, packetisation mode 1 (RFC 6184; of H.265 RFC
//! 7798), over the RTSP connection or UDP, Digest or Basic authentication, sender reports with a true clock. A player
//! starts at a key picture, and stamps and sequence numbers never jump, not even where a file begins again.
//!
//! The happy path of one player:
//!
//! 1. [`server`] accepts the connection and gives it to a task of its own ([`connection`]).
//! 2. [`request`] cuts the bytes into requests, [`session`] decides what each means, [`auth`] who may.
//! 3. `DESCRIBE` is answered by [`sdp`]; `SETUP` picks a [`transport`].
//! 4. `PLAY` opens a [`source`]; [`player`] waits for each picture's time, [`rtp`] cuts it into packets, they are sent.
//!
//! What a bad camera gives is switched on by a [`Quirk`](quirk::Quirk) each, or is a [`Dialogue`](dialogue::Dialogue) that
//! was heard. The same cameras can be had over HTTP too
//! ([`http`]), with what cheaper cameras get wrong there; [`onvif`] is a device that says where its cameras are.
//!
//! `request`, `auth`, `session`, `dialogue`, `sdp`, `transport`, `seat`, `rtp`, `odd_pictures` and `pattern` do no I/O and read no
//! clock.

mod server;
pub use server::{Config, Counts, Server, StartError};

pub mod quirk;

pub mod dialogue;

mod connection;

mod request;
mod response;

mod auth;
pub use auth::Login;

mod session;

mod sdp;

mod transport;

mod seat;

mod player;

mod rtp;

mod odd_pictures;

pub mod http;

pub mod onvif;

pub mod source;

pub mod pattern;

/// Reads bytes as a player's, as a connection does: requests, the transport that they choose, the login that they
/// show. Returns how many requests were read. For fuzzing.
pub fn read_as_requests(data: &[u8]) -> usize {
    let login = Login { user: "viewer".to_owned(), password: "never told to anyone".to_owned().into() };
    let guard = auth::Guard::new(Some(login), "nonce".to_owned());
    let mut inbox = bytes::BytesMut::from(data);
    let mut requests = 0;
    while let Ok(Some(message)) = request::next_message(&mut inbox) {
        if let request::Message::Request(request) = message {
            requests += 1;
            let _chosen = request.header("Transport").and_then(transport::Transport::choose);
            assert!(!guard.admits(&request.method, request.header("Authorization")), "nobody told it the password");
        }
    }
    requests
}
