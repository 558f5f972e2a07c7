//! What each request means. Pure: it decides, its [`connection`](super::connection) does and then tells it.
//!
//! ```text
//!          SETUP             PLAY
//!   Init ─────────▶ Ready ─────────▶ Playing
//!    ▲    TEARDOWN    │  ◀───────────   │
//!    └────────────────┴──────PAUSE──────┘  (TEARDOWN from either)
//! ```
//!
//! A session lives and dies with its connection, as in most cameras.

use std::time::Duration;

use omma_protocol::time::CaptureTime;

use super::auth::Guard;
use super::request::Request;
use super::response::{Response, Status};
use super::rtp::Packetiser;
use super::sdp::TRACK;
use super::transport::Transport;

const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, SET_PARAMETER, TEARDOWN";

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
    /// Make this way for packets, then say [`Session::set_up`].
    SetUp { camera: String, transport: Transport },
    /// Send pictures from now on, then say [`Session::play`].
    Play,
    /// Stop sending, then say [`Session::pause`].
    Pause,
    /// Stop sending and forget the way, then say [`Session::tear_down`].
    TearDown,
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
}

impl Session {
    /// `id` is unpredictable; `timeout` is told to the client, and kept by the connection.
    pub(super) fn new(guard: Guard, id: String, timeout: Duration) -> Self {
        Self { guard, id, timeout, state: State::Init, track: String::new() }
    }

    /// `describe` gives a camera's session description, `None` where there is no such camera.
    pub(super) fn decide(&self, request: &Request, describe: impl Fn(&str) -> Option<String>) -> Decision {
        let refuse = |status| Decision::Answer(Response::new(status));
        let known = METHODS.split(", ").any(|method| method == request.method);
        if !known {
            return refuse(Status::NotImplemented);
        }
        if request.method == "OPTIONS" {
            return Decision::Answer(Response::ok().header("Public", METHODS));
        }
        if !self.guard.admits(&request.method, request.header("Authorization")) {
            let [digest, basic] = self.guard.challenges();
            let response = Response::new(Status::Unauthorized);
            return Decision::Answer(response.header("WWW-Authenticate", digest).header("WWW-Authenticate", basic));
        }
        match (request.method.as_str(), self.names_me(request)) {
            (_, Some(false)) => refuse(Status::SessionNotFound),
            ("DESCRIBE", _) => self.describe(request, describe),
            ("SETUP", _) => self.decide_set_up(request, describe),
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
        Decision::Answer(match camera_of(&request.uri).and_then(describe) {
            // The base ends in a slash, so that the track's relative URI is joined the same way by every client.
            Some(sdp) => Response::ok()
                .header("Content-Base", format!("{}/", request.uri.trim_end_matches('/')))
                .body("application/sdp", sdp),
            None => Response::new(Status::NotFound),
        })
    }

    fn decide_set_up(&self, request: &Request, describe: impl Fn(&str) -> Option<String>) -> Decision {
        if self.state == State::Playing {
            return Decision::Answer(Response::new(Status::WrongState));
        }
        let Some(camera) = camera_of(&request.uri).filter(|camera| describe(camera).is_some()) else {
            return Decision::Answer(Response::new(Status::NotFound));
        };
        match request.header("Transport").and_then(Transport::choose) {
            Some(transport) => Decision::SetUp { camera: camera.to_owned(), transport },
            None => Decision::Answer(Response::new(Status::UnsupportedTransport)),
        }
    }

    /// Whether the request names this session; `None` where it names none.
    fn names_me(&self, request: &Request) -> Option<bool> {
        let named = request.header("Session")?;
        Some(named.split(';').next().is_some_and(|id| id.trim() == self.id))
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
        self.answer().header("Transport", transport.answer(server_ports, ssrc))
    }

    /// Pictures are sent, the first one taken at `from` or a moment later.
    pub(super) fn play(&mut self, packetiser: &Packetiser, from: CaptureTime) -> Response {
        self.state = State::Playing;
        let (track, sequence, stamp) = (&self.track, packetiser.sequence(), packetiser.stamp(from));
        self.answer()
            .header("Range", "npt=now-")
            .header("RTP-Info", format!("url={track};seq={sequence};rtptime={stamp}"))
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
        Response::ok().header("Session", format!("{};timeout={}", self.id, self.timeout.as_secs()))
    }
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
