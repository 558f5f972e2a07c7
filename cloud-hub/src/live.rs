//! What a browser sees: pictures over WebRTC, boxes with them, events over a WebSocket.
//!
//! 1. The page posts an SDP offer to `streams/{stream}/whep` ([`whep`]). The answer is its session.
//! 2. Pictures come over RTP with the capture time as their timestamp; boxes come over the session's data channel
//!    `omma` under the same timestamp, so that the page draws each box on the frame that it was found in.
//! 3. The page keeps one WebSocket, `live` ([`websocket`]), over which it hears of events of all streams and, where it
//!    draws no video, of boxes.
//!
//! [`router`] needs the sign-in layer around it: a WHEP request shows its token as every other request does.
//! [`socket`] must stay outside of that layer, because a browser can't set a header on a WebSocket: there the first
//! message is the token.

pub mod whep;

pub(crate) mod websocket;

mod refusal;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use omma_runtime::seats::Room;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Access, attempts::Attempts};
use crate::bus::Bus;
use crate::feed::Feed;
use crate::registry::Registry;

/// How live video is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveConfig {
    /// The one UDP socket of all sessions.
    pub udp: SocketAddr,
    /// Addresses that viewers are told to send to, where they differ from the socket's: behind a NAT, in a container,
    /// or where the socket listens on all addresses.
    pub announce: Vec<IpAddr>,
    /// Most sessions at once; one more is refused.
    pub max_sessions: usize,
}

impl LiveConfig {
    /// Enough for every screen of a large site, few enough that memory stays bounded (a session takes about 1 MB).
    pub const MAX_SESSIONS: usize = 256;
}

/// Why live video could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The socket.
    #[error("listen for live video on udp {address} (setting `live.udp`): {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The socket has no address that a viewer could send to.
    #[error("`live.udp` listens on all addresses ({0}): name the addresses that viewers reach in `live.announce`")]
    NoAddress(SocketAddr),
}

/// Most pages with an open WebSocket. One more is told so.
const MAX_PAGES: usize = 512;
/// Most WebSockets that have not signed in yet, by the rule of [`omma_protocol::seats`].
const STRANGERS: usize = 256;

/// What the routes need. Clones share it.
#[derive(Debug, Clone)]
pub struct LiveState {
    whep: whep::Whep,
    bus: Bus,
    registry: Registry,
    access: Access,
    attempts: Attempts,
    feed: Feed,
    pages: Arc<Semaphore>,
    strangers: Room,
    token: CancellationToken,
}

impl LiveState {
    /// Opens the socket and starts the task that owns all sessions; it ends with `token`. TLS's process-wide provider
    /// must be installed. Must be called in a runtime.
    ///
    /// # Errors
    /// Where the socket can't be opened, or no viewer could reach it.
    pub fn start(
        config: &LiveConfig,
        bus: Bus,
        registry: Registry,
        access: Access,
        attempts: Attempts,
        feed: Feed,
        token: CancellationToken,
    ) -> Result<Self, LiveError> {
        let whep = whep::Whep::start(config, bus.clone(), token.clone())?;
        let (pages, strangers) = (Arc::new(Semaphore::new(MAX_PAGES)), Room::of(STRANGERS));
        Ok(Self { whep, bus, registry, access, attempts, feed, pages, strangers, token })
    }

    /// Is done when the task that owns all sessions has ended, by a panic too.
    pub async fn ended(&self) {
        self.whep.ended().await;
    }
}

/// `POST streams/{stream}/whep` and `DELETE` of a session. Belongs inside the sign-in layer.
pub fn router(state: LiveState) -> OpenApiRouter {
    OpenApiRouter::new()
        .routes(routes!(whep::routes::join))
        .routes(routes!(whep::routes::leave))
        .layer(DefaultBodyLimit::max(whep::routes::MAX_OFFER))
        .with_state(state)
}

/// `GET live`, the WebSocket. Belongs outside of the sign-in layer: it asks for the token itself.
pub fn socket(state: LiveState) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(websocket::open)).with_state(state)
}

/// What the routes of [`router`] and [`socket`] take and give, for the interface's description.
pub fn document() -> utoipa::openapi::OpenApi {
    OpenApiRouter::<LiveState>::new()
        .routes(routes!(whep::routes::join))
        .routes(routes!(whep::routes::leave))
        .routes(routes!(websocket::open))
        .into_openapi()
}
