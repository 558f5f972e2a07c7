//! `GET live`: events of all streams and, where a page asks, the boxes of one.
//!
//! ```text
//!  opened ──Auth, within 5 s──▶ signed in ──closed, no frame, silent, too slow, shutting down──▶ gone
//!     └──────anything else: refused with the reason────────────────────────────────────────────▶ gone
//! ```
//!
//! Until it has signed in a page may be anyone: it has a seat among [`STRANGERS`](super::STRANGERS), of which one address gets
//! no more than its share, and no page's place. While seats are scarce it has it for a second: a page sends its token at once,
//! and behind a proxy all pages are one address.
//!
//! Nothing is queued for a page: it reads the feed and the bus at its own pace, each of which skips what a slow reader
//! missed. Where it missed events it is told so, and asks the REST interface again. One that takes nothing for
//! [`SEND_WITHIN`] is dropped and told why; it may come back.
//!
//! A page listens to the feed from before the socket is open, and hears it once signed in: what it then asks the REST
//! interface for leaves no gap to what it hears.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use omma_protocol::id::StreamId;
use omma_protocol::wire::browser::{BoxesMessage, BrowserToHub, HubToBrowser};
use omma_runtime::seats::Seat;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};
use tracing::Instrument;

use super::LiveState;
use super::refusal::Refusal;
use crate::access::attempts::address_of;
use crate::bus::{Item, Subscription, Want, hub_clock};
use crate::feed::FeedReader;

/// How long a page may take to sign in: so many times of
const AUTH_TURNS: usize = 5;
/// this, or once where seats are scarce.
const AUTH_TURN: Duration = Duration::from_secs(1);
/// How long one message may take to be taken.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// A page that is there answers pings.
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENT_FOR: Duration = Duration::from_secs(45);
/// Longest message of a page, and longest frame. The longest meant is the token.
const MAX_MESSAGE: usize = 4 * 1024;

/// Why a socket closed.
#[derive(Debug)]
enum End {
    /// The page went.
    Left,
    /// The page is told this before it is dropped.
    Refused(u16, &'static str),
}

/// Of a page whose next message can't be found any more.
const NO_FRAME: End =
    End::Refused(close_code::PROTOCOL, "that is no WebSocket frame, no UTF-8, or longer than 4096 bytes");

/// Opens the page's channel. The first message must be `{"type":"auth","token":"…"}`.
#[utoipa::path(
    get, path = "/live", tag = "live", security(()),
    responses(
        (status = 101, description = "WebSocket; JSON texts"),
        (status = 400, description = "Not a WebSocket request"),
        (status = 503, description = "Too many are signing in"),
    )
)]
pub(crate) async fn open(State(state): State<LiveState>, request: Request) -> Result<Response, Refusal> {
    let (mut parts, _) = request.into_parts();
    let address = address_of(&parts.extensions);
    let upgrade = WebSocketUpgrade::from_request_parts(&mut parts, &state)
        .await
        .map_err(|e| Refusal::bad_request(format!("this is a WebSocket: {}", e.body_text())))?;
    let stranger = state.strangers.take(address).map_err(|full| {
        refused(full.word());
        let message = "too many are signing in at the moment: try again in a few seconds";
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "full", message)
    })?;
    let feed = state.feed.subscribe();
    // A frame is read whole before it is told that the message is too long; the buffer is there from the start.
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).read_buffer_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(async move |socket| {
        let page = Page { socket, address, state, feed, watched: None, heard: Instant::now() };
        page.serve(stranger).instrument(omma_runtime::step::span("live")).await;
    }))
}

struct Page {
    socket: WebSocket,
    address: IpAddr,
    state: LiveState,
    feed: FeedReader,
    watched: Option<(StreamId, Subscription)>,
    heard: Instant,
}

impl Page {
    async fn serve(mut self, stranger: Seat) {
        let end = match self.sign_in().await {
            Ok(()) => {
                drop(stranger);
                self.open().await
            }
            // Its seat is held until it has been told, or has not listened.
            Err(end) => return self.tell(end).await,
        };
        self.tell(end).await;
    }

    /// One that has signed in.
    async fn open(&mut self) -> End {
        let Ok(place) = self.state.pages.clone().try_acquire_owned() else {
            refused("pages");
            return End::Refused(close_code::AGAIN, "too many pages are open: close another one");
        };
        gauge!("omma_live_pages").increment(1.0);
        let end = self.run().await;
        gauge!("omma_live_pages").decrement(1.0);
        drop(place);
        end
    }

    /// Why it is dropped, where it is.
    async fn tell(&mut self, end: End) {
        let End::Refused(code, reason) = end else { return };
        tracing::debug!(reason, "a page is dropped");
        // Best effort: a page that is too slow will not take this either.
        let told = async {
            self.say(&HubToBrowser::Error { reason: reason.to_owned() }).await.ok()?;
            let frame = CloseFrame { code, reason: reason.into() };
            self.socket.send(Message::Close(Some(frame))).await.ok()
        };
        if timeout(SEND_WITHIN, told).await.is_err() {
            tracing::trace!("a page did not take the reason why it is dropped");
        }
    }

    async fn sign_in(&mut self) -> Result<(), End> {
        let first = self.first().await.inspect_err(|_| refused("silent"))?;
        let message = match first {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).ok(),
            Some(Err(error)) if !has_left(&error) => {
                refused("protocol");
                return Err(NO_FRAME);
            }
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Left),
            Some(Ok(_)) => None,
        };
        match message {
            Some(BrowserToHub::Auth { token }) if self.state.access.check(&token) => Ok(()),
            Some(BrowserToHub::Auth { .. }) => {
                refused("token");
                let reason = match self.state.attempts.wrong(self.address, "websocket") {
                    Some(_) => "too many wrong tokens from this address: try again in a minute",
                    None => "the sign-in token is wrong",
                };
                Err(End::Refused(close_code::POLICY, reason))
            }
            _ => {
                refused("protocol");
                Err(End::Refused(close_code::POLICY, "the first message must be {\"type\":\"auth\",\"token\":…}"))
            }
        }
    }

    /// The first message, where it comes in time.
    async fn first(&mut self) -> Result<Option<Result<Message, axum::Error>>, End> {
        for _ in 0..AUTH_TURNS {
            if let Ok(first) = timeout(AUTH_TURN, self.socket.recv()).await {
                return Ok(first);
            }
            if self.state.strangers.scarce() {
                return Err(End::Refused(
                    close_code::AGAIN,
                    "many are signing in: send the token at once, or come again",
                ));
            }
        }
        Err(End::Refused(close_code::POLICY, "sign in within 5 seconds: send {\"type\":\"auth\",\"token\":…} first"))
    }

    async fn run(&mut self) -> End {
        let token = self.state.token.clone();
        let mut ping = interval(PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let silent = self.heard + SILENT_FOR;
            let sent = tokio::select! {
                () = token.cancelled() => return End::Refused(close_code::AWAY, "the hub is shutting down"),
                message = self.feed.next() => match message {
                    Some(message) => self.say(&message).await,
                    None => return End::Refused(close_code::AWAY, "the hub is shutting down"),
                },
                item = watched(&mut self.watched) => self.boxes(item).await,
                message = self.socket.recv() => match message {
                    Some(Ok(message)) => self.hear(message).await,
                    Some(Err(error)) if !has_left(&error) => {
                        message_refused();
                        return NO_FRAME;
                    }
                    Some(Err(_)) | None => return End::Left,
                },
                _ = ping.tick() => self.send(Message::Ping(Bytes::new())).await,
                () = sleep_until(silent) => return End::Refused(close_code::AWAY, "the page answers no pings"),
            };
            if let Err(end) = sent {
                return end;
            }
        }
    }

    async fn hear(&mut self, message: Message) -> Result<(), End> {
        self.heard = Instant::now();
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Err(End::Left),
            Message::Binary(_) => return self.refuse("messages are JSON texts").await,
            Message::Ping(_) | Message::Pong(_) => return Ok(()),
        };
        match serde_json::from_str(&text) {
            Ok(BrowserToHub::Watch { stream: None }) => self.watched = None,
            Ok(BrowserToHub::Watch { stream: Some(stream) }) => return self.watch(stream).await,
            Ok(BrowserToHub::Clock { id }) => {
                let now = hub_clock();
                let stream_us = self.watched.as_ref().map_or(now, |(s, _)| self.state.bus.stream_clock(s, now)).0;
                return self.say(&HubToBrowser::Clock { id, stream_us }).await;
            }
            Ok(BrowserToHub::Auth { .. }) => return self.refuse("already signed in").await,
            Ok(BrowserToHub::Mode { .. }) => return self.refuse("`mode` belongs on a viewer's data channel").await,
            Err(error) => return self.refuse(&format!("not understood: {error}")).await,
        }
        Ok(())
    }

    async fn watch(&mut self, stream: StreamId) -> Result<(), End> {
        if self.state.registry.camera(&stream).is_none() {
            self.watched = None;
            return self.complain(&format!("no edge has reported a camera `{stream}`")).await;
        }
        let subscription = self.state.bus.subscribe(&stream, Want::RESULTS);
        self.watched = Some((stream, subscription));
        Ok(())
    }

    async fn boxes(&mut self, item: Option<Item>) -> Result<(), End> {
        let Some((stream, _)) = &self.watched else { return Ok(()) };
        match item {
            Some(Item::Result(result)) => {
                let late_us = self.state.bus.stream_clock(stream, hub_clock()).0.saturating_sub(result.time.0);
                let boxes = BoxesMessage::new(stream, &result, late_us as f32 / 1e3);
                self.say(&HubToBrowser::Boxes(boxes)).await
            }
            Some(Item::Unit { .. }) => Ok(()),
            None => {
                let reason = format!("the camera `{stream}` was removed");
                self.watched = None;
                self.complain(&reason).await
            }
        }
    }

    /// A page of ours would not have said that.
    async fn refuse(&mut self, reason: &str) -> Result<(), End> {
        message_refused();
        self.complain(reason).await
    }

    async fn complain(&mut self, reason: &str) -> Result<(), End> {
        self.say(&HubToBrowser::Error { reason: reason.to_owned() }).await
    }

    async fn say(&mut self, message: &HubToBrowser) -> Result<(), End> {
        match serde_json::to_string(message) {
            Ok(text) => self.send(Message::Text(text.into())).await,
            Err(error) => {
                tracing::error!(%error, "a message to a browser can't be written");
                Ok(())
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => {
                counter!("omma_live_pages_too_slow_total").increment(1);
                Err(End::Refused(close_code::POLICY, "the page is too slow to follow"))
            }
        }
    }
}

fn refused(reason: &'static str) {
    counter!("omma_live_pages_refused_total", "reason" => reason).increment(1);
}

fn message_refused() {
    counter!("omma_live_messages_refused_total", "channel" => "websocket").increment(1);
}

/// Whether the page has left without a Close, rather than sent what is no frame. axum does not show of what type the
/// error underneath is, so that an end of the connection is known by its text.
fn has_left(error: &axum::Error) -> bool {
    let mut causes = std::iter::successors(Some(error as &(dyn Error + 'static)), |&e| e.source());
    causes.any(|e| e.is::<io::Error>()) || error.to_string().ends_with("without closing handshake")
}

/// The next item of the watched stream; never where none is watched.
async fn watched(watched: &mut Option<(StreamId, Subscription)>) -> Option<Item> {
    match watched {
        Some((_, subscription)) => subscription.next().await,
        None => std::future::pending().await,
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_gauge!("omma_live_pages", "Pages that are signed in over WebSocket.");
    describe_counter!(
        "omma_live_pages_refused_total",
        "Pages that were not let in, by reason: `token` (a wrong one), `protocol` (the first message was another one, or no frame of a WebSocket), `silent` (none came within 5 s, or 1 s where 128 are signing in), `pages` (512 are open), `full` (256 are signing in), `address` (128 are, and 16 of its address, of IPv6 of its /64)."
    );
    describe_counter!(
        "omma_live_messages_refused_total",
        "What pages said that is not understood or does not belong there, by channel: `websocket` (once signed in; also what is no frame), `data_channel` (of a viewer)."
    );
    describe_counter!("omma_live_pages_too_slow_total", "Pages cut off because they did not read.");
}

#[cfg(test)]
mod tests;
