//! What is put right between a camera and a library that is stricter than other players are (RFC 2326).
//!
//! ```text
//!  camera ──▶ Pieces ──▶ packets: empty ones taken out ──────────────────────▶ library
//!                   └──▶ answers: paired with what was asked, headers mended ─▶
//! ```
//!
//! 1. [`framing::Pieces`] cuts what comes into interleaved packets and messages, and nothing finer.
//! 2. [`packet::Sequences`] takes out RTP packets without content and closes the gap in the sequence numbers.
//! 3. [`conversation::Conversation`] pairs an answer with its request, and says when the request is to be signed anew.
//! 4. [`trials::Trials`] says which faults are put right, judged by what came of it.
//! 5. [`mend`] changes the headers that a [`Mends`] names, and [`description`] what stands in an answer to DESCRIBE.
//!
//! Invariant: what is not named, or not understood, goes through byte for byte.

use std::net::IpAddr;

use bytes::Bytes;
use serde::Serialize;

use crate::doctor::report::Way;

pub mod framing;

pub mod head;

pub mod description;

pub mod packet;

pub mod conversation;

pub mod same_age;

pub mod trials;

use head::Head;

/// One fault of a camera that is put right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// `Content-Type` with parameters (RFC 2616 §14.17).
    ContentType,
    /// A description of which a part can't be read (RFC 4566 §5).
    Description,
    /// A time-out of 0, or another parameter than the time-out, in `Session` (RFC 2326 §12.37).
    Session,
    /// `RTP-Info` without `url=` (RFC 2326 §12.33).
    RtpInfo,
    /// Another SSRC in `Transport` than the packets' (RFC 2326 §12.39).
    Ssrc,
    /// RTP packets without content.
    EmptyPackets,
    /// A nonce that is good for a single request, or renewed in mid-session (RFC 7616 §3.3).
    Nonce,
}

impl Mend {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::ContentType,
        Self::Description,
        Self::Session,
        Self::RtpInfo,
        Self::Ssrc,
        Self::EmptyPackets,
        Self::Nonce,
    ];

    /// Its word in metrics, `/state` and the doctor's JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::ContentType => "content_type",
            Self::Description => "description",
            Self::Session => "session",
            Self::RtpInfo => "rtp_info",
            Self::Ssrc => "ssrc",
            Self::EmptyPackets => "empty_packets",
            Self::Nonce => "nonce",
        }
    }

    /// Whether it can be put right where packets come this way: datagrams go by.
    pub fn works_over(self, way: Way) -> bool {
        self != Self::EmptyPackets || way == Way::Tcp
    }
}

/// Those that one camera needs, in the order of [`Mend::ALL`]. None at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mends(u8);

impl Mends {
    /// Gives whether it was not there yet.
    pub fn insert(&mut self, mend: Mend) -> bool {
        let before = self.0;
        self.0 |= 1 << mend as u8;
        self.0 != before
    }

    /// It did not help.
    pub fn remove(&mut self, mend: Mend) {
        self.0 &= !(1 << mend as u8);
    }

    /// Whether it is needed.
    pub fn has(self, mend: Mend) -> bool {
        self.0 & (1 << mend as u8) != 0
    }

    /// Whether none is.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each.
    pub fn iter(self) -> impl Iterator<Item = Mend> {
        Mend::ALL.into_iter().filter(move |mend| self.has(*mend))
    }
}

/// Changes what `mends` names in a camera's answer. `camera` is where it sends datagrams from, which the library could not
/// know otherwise.
pub fn mend(answer: &mut Head, body: &mut Bytes, mends: Mends, camera: Option<IpAddr>) {
    if mends.has(Mend::Description) && !body.is_empty() {
        *body = description::readable(body).into();
        answer.edit("Content-Length", |_| Some(body.len().to_string()));
    }
    if mends.has(Mend::ContentType) {
        answer.edit("Content-Type", |value| {
            let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            Some(if media_type == SDP { media_type } else { value.to_owned() })
        });
    }
    if mends.has(Mend::Session) {
        answer.edit("Session", |value| Some(session(value)));
    }
    if mends.has(Mend::RtpInfo) {
        // First stamp and sequence number are taken from the packets anyway.
        answer.edit("RTP-Info", |_| None);
    }
    answer.edit("Transport", |value| Some(transport(value, mends.has(Mend::Ssrc), camera)));
}

const SDP: &str = "application/sdp";

/// The id, and the time-out where it is one. Without one it is 60 s (RFC 2326 §12.37).
fn session(value: &str) -> String {
    let mut parts = value.split(';').map(str::trim);
    let id = parts.next().unwrap_or_default();
    let parameters = parts.filter_map(|part| part.split_once('='));
    let mut time_outs = parameters.filter(|(name, _)| name.trim().eq_ignore_ascii_case("timeout"));
    let time_out = time_outs.next().and_then(|(_, seconds)| seconds.trim().parse::<u32>().ok());
    match time_out {
        Some(seconds @ 1..) => format!("{id};timeout={seconds}"),
        Some(0) | None => id.to_owned(),
    }
}

fn transport(value: &str, without_ssrc: bool, camera: Option<IpAddr>) -> String {
    let is =
        |part: &str, name: &str| part.split_once('=').is_some_and(|(key, _)| key.trim().eq_ignore_ascii_case(name));
    let mut parts: Vec<&str> = value.split(';').filter(|part| !(without_ssrc && is(part, "ssrc"))).collect();
    let source = camera
        .filter(|_| parts.iter().any(|part| is(part, "server_port")) && !parts.iter().any(|part| is(part, "source")));
    let source = source.map(|camera| format!("source={camera}"));
    parts.extend(source.as_deref());
    parts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(mend_one: Mend, header: &str) -> String {
        let mut mends = Mends::default();
        mends.insert(mend_one);
        let text = format!("RTSP/1.0 200 OK\r\nCSeq: 1\r\n{header}\r\n\r\n");
        let mut head = Head::parse(text.as_bytes());
        mend(&mut head, &mut Bytes::new(), mends, None);
        let out = String::from_utf8(head.bytes().to_vec()).unwrap();
        out.trim_start_matches("RTSP/1.0 200 OK\r\nCSeq: 1\r\n").trim_end().to_owned()
    }

    #[test]
    fn what_is_named_is_mended() {
        for (mend, header, out) in [
            (Mend::ContentType, "Content-Type: application/sdp; charset=utf-8", "Content-Type: application/sdp"),
            (Mend::ContentType, "content-type: Application/SDP;x=1", "content-type: application/sdp"),
            (Mend::ContentType, "Content-Type: text/html; charset=utf-8", "Content-Type: text/html; charset=utf-8"),
            (Mend::Session, "Session: 12;timeout=30;owner=viewer", "Session: 12;timeout=30"),
            (Mend::Session, "Session: 12; owner=viewer; timeout= 30", "Session: 12;timeout=30"),
            (Mend::Session, "Session: 12;Timeout=30", "Session: 12;timeout=30"),
            (Mend::Session, "Session: 12;timeout=0", "Session: 12"),
            (Mend::Session, "Session: 12;timeout=soon", "Session: 12"),
            (Mend::RtpInfo, "RTP-Info: rtsp://cam/track;seq=1", ""),
            (Mend::RtpInfo, "rtp-info: a=b\r\n folded\r\nX: 1", "X: 1"),
            (
                Mend::Ssrc,
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;SSRC=01234567;mode=play",
                "Transport: RTP/AVP/TCP;unicast;interleaved=0-1;mode=play",
            ),
            // Not named: as it was.
            (Mend::Nonce, "Transport: RTP/AVP/TCP;ssrc=01234567", "Transport: RTP/AVP/TCP;ssrc=01234567"),
            (Mend::Nonce, "Content-Type:  application/sdp; charset=x ", "Content-Type:  application/sdp; charset=x"),
        ] {
            assert_eq!(mended(mend, header), out);
        }
    }

    #[test]
    fn a_description_that_is_shorter_says_so() {
        let mut mends = Mends::default();
        mends.insert(Mend::Description);
        let mut head = Head::parse(b"RTSP/1.0 200 OK\r\nContent-Length: 12\r\n\r\n");
        let mut body = Bytes::from_static(b"v=0\r\nm=audio");
        mend(&mut head, &mut body, mends, None);
        assert_eq!((head.value("Content-Length"), &*body), (Some("5"), &b"v=0\r\n"[..]));
    }

    #[test]
    fn datagrams_come_from_the_camera_where_it_does_not_say_whence() {
        let camera = Some([192, 0, 2, 20].into());
        for (value, out) in [
            ("RTP/AVP;server_port=5000-5001", "RTP/AVP;server_port=5000-5001;source=192.0.2.20"),
            ("RTP/AVP;server_port=5000-5001;source=192.0.2.9", "RTP/AVP;server_port=5000-5001;source=192.0.2.9"),
            ("RTP/AVP/TCP;interleaved=0-1", "RTP/AVP/TCP;interleaved=0-1"),
        ] {
            assert_eq!(transport(value, false, camera), out);
        }
    }

    #[test]
    fn each_is_needed_once() {
        let mut mends = Mends::default();
        assert!(mends.is_empty() && mends.insert(Mend::Ssrc) && !mends.insert(Mend::Ssrc));
        assert!(mends.insert(Mend::ContentType));
        assert_eq!(mends.iter().collect::<Vec<_>>(), [Mend::ContentType, Mend::Ssrc]);
        mends.remove(Mend::Ssrc);
        assert_eq!(mends.iter().collect::<Vec<_>>(), [Mend::ContentType]);
    }
}
