//! What each request means. Pure: it decides, its [`connection`](super::connection) does and then tells it.
//!
//! ```text
//!          SETUP             PLAY
//!   Init ─────────▶ Ready ─────────▶ Playing
//!    ▲    TEARDOWN    │  ◀───────────   │
//!    └────────────────┴──────PAUSE──────┘  (TEARDOWN from either)
//! ```
//!
//! A session lives and dies with its connection, as in most cameras; where there is only one, it is kept for a while longer, and
//! TEARDOWN on another connection ends it.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use super::auth::Guard;
use super::quirk::{Quirk, Quirks};
use super::request::Request;
use super::response::{Response, Status};
use super::rtp::Packetiser;
use super::sdp::TRACK;
use super::transport::Transport;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";
const METHODS_WITHOUT_PARAMETERS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN";
const METHODS_WITHOUT_GET_PARAMETER: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, SET_PARAMETER, TEARDOWN";
/// How far from those asked for other channels are.
const OTHER_CHANNELS: u8 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Init,
    Ready,
    Playing,
}

/// What is to be done about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing but to answer.
    Answer(Response),
    /// Nothing at all.
    Ignore,
    /// Make this way for packets, then say [`Session::set_up`].
    SetUp { camera: String, transport: Transport },
    /// Send pictures from now on, then say [`Session::play`].
    Play,
    /// Stop sending, then say [`Session::pause`].
    Pause,
    /// Stop sending and forget the way, then say [`Session::tear_down`].
    TearDown,
    /// End a session of a connection that has ended, where it is still there.
    TearDownOther(String),
}

/// One client's session.
#[derive(Debug)]
pub(super) struct Session {
    guard: Guard,
    id: String,
    timeout: Duration,
    state: State,
    /// The URI of the track, as the client wrote it in SETUP.
    track: String,
    quirks: Quirks,
    /// The camera that every URI means, where it is not for the URI to say.
    only: Option<String>,
}

impl Session {
    /// `id` is unpredictable; `timeout` is told to the client, and kept by the connection.
    pub(super) fn new(guard: Guard, id: String, timeout: Duration) -> Self {
        Self { guard, id, timeout, state: State::Init, track: String::new(), quirks: Quirks::default(), only: None }
    }

    pub(super) fn with_quirks(self, quirks: Quirks) -> Self {
        Self { quirks, ..self }
    }

    pub(super) fn with_only(self, only: Option<String>) -> Self {
        Self { only, ..self }
    }

    /// The name that the client is told.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// `describe` gives a camera's session description, `None` where there is no such camera.
    pub(super) fn decide(&mut self, request: &Request, describe: impl Fn(&str) -> Option<String>) -> Decision {
        let refuse = |status| Decision::Answer(Response::new(status));
        if self.quirks.has(Quirk::KeepaliveUnanswered) && self.state == State::Playing && is_keepalive(&request.method)
        {
            return Decision::Ignore;
        }
        let methods = if self.quirks.has(Quirk::GetParameterRefused) {
            METHODS_WITHOUT_PARAMETERS
        } else if self.quirks.has(Quirk::SetParameterOnly) {
            METHODS_WITHOUT_GET_PARAMETER
        } else {
            METHODS
        };
        let known = methods.split(", ").any(|method| method == request.method);
        if !known {
            return refuse(Status::NotImplemented);
        }
        if request.method == "OPTIONS" {
            return Decision::Answer(Response::ok().header("Public", methods));
        }
        if !self.guard.admits(&request.method, request.header("Authorization")) {
            let challenges = self.guard.challenges().into_iter();
            let response = Response::new(Status::Unauthorized);
            return Decision::Answer(
                challenges.fold(response, |response, challenge| response.header("WWW-Authenticate", challenge)),
            );
        }
        if self.quirks.has(Quirk::NoncePerRequest) {
            self.guard.renew();
        }
        match (request.method.as_str(), self.names_me(request)) {
            ("TEARDOWN", Some(false)) => Decision::TearDownOther(named(request).unwrap_or_default().to_owned()),
            (_, Some(false)) => refuse(Status::SessionNotFound),
            ("DESCRIBE", _) => self.describe(request, describe),
            ("SETUP", _) => self.decide_set_up(request, describe),
            ("GET_PARAMETER" | "SET_PARAMETER", _) if self.quirks.has(Quirk::GetParameterLies) => {
                refuse(Status::MethodNotAllowed)
            }
            ("GET_PARAMETER" | "SET_PARAMETER", named) if request.body.is_empty() => {
                Decision::Answer(if named.is_some() { self.answer() } else { Response::ok() })
            }
            ("GET_PARAMETER" | "SET_PARAMETER", _) => refuse(Status::ParameterNotUnderstood),
            (_, None) => refuse(Status::SessionNotFound),
            ("TEARDOWN", _) => Decision::TearDown,
            (_, _) if self.state == State::Init => refuse(Status::WrongState),
            ("PLAY", _) if self.state == State::Playing => Decision::Answer(self.answer()),
            ("PLAY", _) => Decision::Play,
            ("PAUSE", _) => Decision::Pause,
            _ => refuse(Status::MethodNotAllowed),
        }
    }

    fn describe(&self, request: &Request, describe: impl Fn(&str) -> Option<String>) -> Decision {
        if let Some(location) = self.moved(&request.uri) {
            return Decision::Answer(Response::new(Status::MovedTemporarily).header("Location", location));
        }
        let Some(sdp) = self.camera_of(&request.uri).and_then(describe) else {
            return Decision::Answer(Response::new(Status::NotFound));
        };
        // The base ends in a slash, so that the track's relative URI is joined the same way by every client.
        let slash = if self.quirks.has(Quirk::BaseWithoutSlash) { "" } else { "/" };
        let base = format!("{}{slash}", request.uri.trim_end_matches('/'));
        let base = match base.split_once("://") {
            Some((_, rest)) if self.quirks.has(Quirk::SchemelessBase) => rest.to_owned(),
            _ => base,
        };
        let response = Response::ok().header("Content-Base", base);
        Decision::Answer(if self.quirks.has(Quirk::NoContentType) {
            response.untyped_body(sdp)
        } else if self.quirks.has(Quirk::ContentTypeCharset) {
            response.body("application/sdp; charset=utf-8", sdp)
        } else {
            response.body("application/sdp", sdp)
        })
    }

    fn camera_of<'a>(&'a self, uri: &'a str) -> Option<&'a str> {
        self.only.as_deref().or_else(|| camera_of(uri))
    }

    /// Where a client is sent to instead.
    fn moved(&self, uri: &str) -> Option<String> {
        if self.quirks.has(Quirk::RedirectsAway) {
            Some("rtsp://192.0.2.1/elsewhere".to_owned())
        } else if self.quirks.has(Quirk::RedirectsInCircle) {
            Some(uri.to_owned())
        } else {
            (self.quirks.has(Quirk::Redirects) && !uri.ends_with("?moved")).then(|| format!("{uri}?moved"))
        }
    }

    fn decide_set_up(&self, request: &Request, describe: impl Fn(&str) -> Option<String>) -> Decision {
        if self.state == State::Playing {
            return Decision::Answer(Response::new(Status::WrongState));
        }
        let Some(camera) = self.camera_of(&request.uri).filter(|camera| describe(camera).is_some()) else {
            return Decision::Answer(Response::new(Status::NotFound));
        };
        let chosen = request.header("Transport").and_then(Transport::choose);
        match chosen.and_then(|transport| self.serve(transport)) {
            Some(transport) => Decision::SetUp { camera: camera.to_owned(), transport },
            None => Decision::Answer(Response::new(Status::UnsupportedTransport)),
        }
    }

    /// What is made of a way that the client wishes; `None` where it is refused.
    fn serve(&self, transport: Transport) -> Option<Transport> {
        match transport {
            Transport::Interleaved { .. } if self.quirks.has(Quirk::UdpOnly) => None,
            Transport::Udp { .. } if self.quirks.has(Quirk::TcpOnly) => None,
            Transport::Interleaved { rtp, rtcp } if self.quirks.has(Quirk::OtherChannels) => {
                let other = |channel: u8| channel.wrapping_add(OTHER_CHANNELS);
                Some(Transport::Interleaved { rtp: other(rtp), rtcp: other(rtcp) })
            }
            transport => Some(transport),
        }
    }

    /// Whether the request names this session; `None` where it names none.
    fn names_me(&self, request: &Request) -> Option<bool> {
        named(request).map(|id| id == self.id)
    }

    /// The way is made.
    pub(super) fn set_up(
        &mut self,
        request: &Request,
        transport: Transport,
        server_ports: Option<(u16, u16)>,
        ssrc: u32,
    ) -> Response {
        self.state = State::Ready;
        self.track.clone_from(&request.uri);
        let told = if self.quirks.has(Quirk::WrongSsrc) { !ssrc } else { ssrc };
        let transport = transport.answer(server_ports, told);
        let transport = match transport.split_once("ssrc=") {
            Some((before, _)) if self.quirks.has(Quirk::ForeignFirst) => before.trim_end_matches(';').to_owned(),
            Some((before, _)) if self.quirks.has(Quirk::ShortSsrc) => format!("{before}ssrc=A046"),
            Some((before, after)) if self.quirks.has(Quirk::PaddedHeaders) => format!("{before}ssrc= {after}"),
            _ => transport,
        };
        self.answer().header("Transport", transport)
    }

    /// Pictures are sent, the first one taken at `from` or a moment later.
    pub(super) fn play(&mut self, packetiser: &Packetiser, from: CaptureTime) -> Response {
        self.state = State::Playing;
        if self.quirks.has(Quirk::NonceRenewed) {
            self.guard.renew();
        }
        let response = self.answer().header("Range", "npt=now-");
        match self.rtp_info(packetiser.sequence(), packetiser.stamp_of_picture(from)) {
            Some(info) => response.header("RTP-Info", info),
            None => response,
        }
    }

    /// RFC 2326 §12.33.
    fn rtp_info(&self, sequence: u16, stamp: u32) -> Option<String> {
        let track = &self.track;
        let sequence = if self.quirks.has(Quirk::SeqZero) {
            0
        } else if self.quirks.has(Quirk::SeqOne) {
            1
        } else if self.quirks.has(Quirk::SeqLies) {
            sequence.wrapping_add(20_000)
        } else {
            sequence
        };
        if self.quirks.has(Quirk::NoRtpInfo) {
            None
        } else if self.quirks.has(Quirk::RtpInfoGarbage) {
            Some(track.clone())
        } else if self.quirks.has(Quirk::RtpInfoLies) {
            Some("url=rtsp://192.0.2.1/other;seq=1;rtptime=0".to_owned())
        } else if self.quirks.has(Quirk::BadRtptime) {
            Some(format!("url={track};seq={sequence};rtptime=4294967296000"))
        } else if self.quirks.has(Quirk::PaddedHeaders) {
            Some(format!("url={track};seq={sequence};rtptime={stamp};"))
        } else {
            Some(format!("url={track};seq={sequence};rtptime={stamp}"))
        }
    }

    /// Sending has stopped.
    pub(super) fn pause(&mut self) -> Response {
        self.state = State::Ready;
        self.answer()
    }

    /// Sending has stopped for good.
    pub(super) fn tear_down(&mut self) -> Response {
        self.state = State::Init;
        self.answer()
    }

    fn answer(&self) -> Response {
        let (id, seconds) = (&self.id, self.timeout.as_secs());
        let session = if self.quirks.has(Quirk::SessionNoTimeout) {
            id.clone()
        } else if self.quirks.has(Quirk::SessionSpace) {
            format!("{id}; timeout={seconds}")
        } else if self.quirks.has(Quirk::SessionIdSpace) {
            format!("{id} ;timeout={seconds}")
        } else if self.quirks.has(Quirk::SessionExtra) {
            format!("{id};timeout={seconds};owner=viewer")
        } else if self.quirks.has(Quirk::SessionZeroTimeout) {
            format!("{id};timeout=0")
        } else if self.quirks.has(Quirk::SessionIdChanges) && self.state == State::Playing {
            format!("another-{id};timeout={seconds}")
        } else {
            format!("{id};timeout={seconds}")
        };
        Response::ok().header("Session", session)
    }
}

/// The session that a request names.
fn named(request: &Request) -> Option<&str> {
    request.header("Session")?.split(';').next().map(str::trim)
}

/// Whether players ask this only to be heard of.
fn is_keepalive(method: &str) -> bool {
    matches!(method, "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER")
}

/// `rtsp://host/door/trackID=0?x` → `door`.
fn camera_of(uri: &str) -> Option<&str> {
    let path = match uri.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => uri.strip_prefix('/')?,
    };
    let path = path.split('?').next()?.trim_matches('/');
    Some(path.strip_suffix(TRACK).and_then(|path| path.strip_suffix('/')).unwrap_or(path))
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
