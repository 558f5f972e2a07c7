//! What each parser of network bytes must hold for any bytes at all.
//!
//! One function a parser. `cargo fuzz` drives them (`shared/testkit/fuzz`, where those of the programs' own parsers stand), and
//! the ordinary tests `corpus` replay every input that was ever kept. None may panic; where something was parsed, its
//! invariants are asserted.

#![allow(clippy::panic, reason = "for tests: what can't go on fails the test, with its reason")]

mod quic;

mod mqtt;

mod camera;

use std::fs;
use std::path::Path;

use omma_protocol::join::JoinToken;
use omma_protocol::wire::browser::BrowserToHub;

use crate::simulator::{http, read_as_requests};

pub use camera::{bitstream, coded_pictures, jpeg, multipart, onvif, rtsp_interpreter, rtsp_redirect};
pub use mqtt::{hub_message, mqtt_command, mqtt_message, mqtt_topic};
pub use quic::{quic_control, quic_group, quic_lasting, quic_result};

/// One parser under test.
pub type Target = fn(&[u8]);

/// Every target by name, which is the name of its folder of inputs too.
pub const TARGETS: &[(&str, Target)] = &[
    ("quic_control", quic_control),
    ("quic_group", quic_group),
    ("quic_result", quic_result),
    ("quic_lasting", quic_lasting),
    ("mqtt_message", mqtt_message),
    ("hub_message", hub_message),
    ("mqtt_topic", mqtt_topic),
    ("mqtt_command", mqtt_command),
    ("rtsp_redirect", rtsp_redirect),
    ("rtsp_interpreter", rtsp_interpreter),
    ("browser_message", browser_message),
    ("join_token", join_token),
    ("bitstream", bitstream),
    ("coded_pictures", coded_pictures),
    ("rtsp_request", rtsp_request),
    ("http_request", http_request),
    ("multipart", multipart),
    ("jpeg", jpeg),
    ("onvif", onvif),
];

/// Hands each target every input that was ever kept for it.
///
/// # Panics
/// When one panics, or has fewer than two.
pub fn replay(targets: &[(&str, Target)]) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    for (name, target) in targets {
        let folder = fs::read_dir(corpus.join(name));
        let mut inputs: Vec<_> = folder.into_iter().flatten().flatten().map(|input| input.path()).collect();
        inputs.sort();
        assert!(inputs.len() >= 2, "the corpus of {name} has {} inputs", inputs.len());
        for input in inputs {
            println!("{name} {}", input.display());
            let data = fs::read(&input);
            target(&data.unwrap_or_else(|e| panic!("{}: {e}", input.display())));
        }
    }
}

/// What a browser says on its data channel or WebSocket.
pub fn browser_message(data: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<BrowserToHub>(data) {
        assert!(serde_json::to_vec(&message).is_ok());
    }
}

/// A join token as an operator pastes it.
pub fn join_token(data: &[u8]) {
    if let Some(token) = std::str::from_utf8(data).ok().and_then(|text| text.parse::<JoinToken>().ok()) {
        assert_eq!(token.reveal().parse(), Ok(token));
    }
}

/// What a player says to the camera simulator: no more requests than lines.
pub fn rtsp_request(data: &[u8]) {
    assert!(read_as_requests(data) <= data.iter().filter(|&&byte| byte == b'\n').count());
}

/// What a client says to the camera simulator over HTTP: no more requests than heads end.
pub fn http_request(data: &[u8]) {
    let ends = data.windows(4).filter(|bytes| bytes == b"\r\n\r\n").count();
    assert!(http::read_as_requests(data) <= ends);
}
