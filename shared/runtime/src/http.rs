//! The HTTP server of a program: its own routes beside `/healthz`, `/readyz` and `/metrics`.
//!
//! | bound | when it is reached |
//! |---|---|
//! | [`SEATS`] open connections; once half are, a sixteenth for those of one address that have shown no token | the next one is closed, counted |
//! | [`HEAD_TIMEOUT`] for a request's head | the connection is closed |
//! | [`HEAD`] of a request's head | 431, and the connection is closed |
//! | [`UNREAD`] in which a peer takes nothing of what it asked for | the connection is closed, counted |
//! | [`DRAIN`] after the end was asked for | what is still open is closed |

mod measure;

mod taken;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::extract::{ConnectInfo, State};
use axum::http::{Request, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router, middleware};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use omma_protocol::seats::SEATS;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::health::{Health, Readiness};
use crate::listen::{self, ListenError};
use crate::metrics::{Metrics, UPKEEP};
use crate::seats::{Room, Seat};
use taken::Taken;

/// How long a client may take to send a request's head; also how long an idle connection is kept.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Largest head of a request, in bytes: its line and all headers.
pub const HEAD: usize = 16 * 1024;

/// How long a client may take nothing of an answer.
pub const UNREAD: Duration = Duration::from_secs(30);

/// How long open requests may go on after the end was asked for: a part of [`GRACE`](crate::shutdown::GRACE).
pub const DRAIN: Duration = Duration::from_secs(1);

/// How long accepting rests after it failed, as it does while the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on `address` (the setting `http.listen`) and serves until `token` is cancelled.
///
/// # Errors
/// When the address can't be listened on.
pub async fn serve(
    address: SocketAddr,
    health: Health,
    metrics: Metrics,
    extra: Router,
    token: CancellationToken,
) -> Result<(), ListenError> {
    bind(address).await?.serve(health, metrics, extra, token).await;
    Ok(())
}

/// Takes the address of the setting `http.listen`, for programs that go on starting only when they have it.
///
/// # Errors
/// When the address can't be listened on.
pub async fn bind(address: SocketAddr) -> Result<Server, ListenError> {
    let listener = listen::tcp(address, "http.listen").await?;
    let address = listener.local_addr().map_err(|e| ListenError::new(address, "http.listen", &e))?;
    Ok(Server { listener, address, room: Room::of(SEATS) })
}

/// A server that has its port and does not answer yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    room: Room,
}

impl Server {
    /// Where it listens; the port is the real one where port 0 was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `token` is cancelled and open requests have ended, [`DRAIN`] at the most.
    pub async fn serve(self, health: Health, metrics: Metrics, extra: Router, token: CancellationToken) {
        let router = routes(health, metrics.clone()).merge(extra).layer(middleware::from_fn(measure::answer));
        tokio::select! {
            () = accept(self.listener, self.room, router, token) => {}
            () = upkeep(metrics) => {}
        }
    }
}

fn routes(health: Health, metrics: Metrics) -> Router {
    Router::new()
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readyz).with_state(health))
        .route("/metrics", get(render).with_state(metrics))
}

async fn readyz(State(health): State<Health>) -> (StatusCode, Json<Readiness>) {
    let readiness = health.readiness();
    let status = if readiness.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(readiness))
}

async fn render(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.render())
}

async fn upkeep(metrics: Metrics) {
    let mut tick = tokio::time::interval(UPKEEP);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        metrics.run_upkeep();
    }
}

async fn accept(listener: TcpListener, room: Room, router: Router, token: CancellationToken) {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let _cut_on_drop = cut.clone().drop_guard();
    while let Some(accepted) = token.run_until_cancelled(listener.accept()).await {
        let (socket, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::debug!(error = %e, "accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let seat = match room.take(peer.ip()) {
            Ok(seat) => Arc::new(seat),
            Err(full) => {
                measure::refused(full);
                tracing::debug!(%peer, error = %full, "a connection is refused");
                continue;
            }
        };
        // Small answers and WebSocket messages must not wait for the peer's acknowledgement (Nagle).
        if let Err(e) = socket.set_nodelay(true) {
            tracing::trace!(error = %e, "connection ended before it began");
            continue;
        }
        let (router, token, cut) = (router.clone(), token.clone(), cut.clone());
        connections.spawn(async move {
            cut.run_until_cancelled(connection(socket, peer, seat, router, token)).await;
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait()).await.is_err() {
        tracing::debug!(open = connections.len(), "connections are cut");
    }
}

/// One connection, until its peer closes it, or `token` is cancelled and the request under way is answered. Handlers
/// find the peer's address by axum's [`ConnectInfo`], and its seat by [`Arc<Seat>`](Seat), to say who has shown a right token.
async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    socket: S,
    peer: SocketAddr,
    seat: Arc<Seat>,
    router: Router,
    token: CancellationToken,
) {
    let router = TowerToHyperService::new(router);
    let answered = Arc::new(AtomicBool::new(false));
    let answers = Arc::clone(&answered);
    let service = service_fn(move |mut request: Request<Incoming>| {
        answers.store(true, Ordering::Relaxed);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(Arc::clone(&seat));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(Taken::within(UNREAD, socket)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let result = tokio::select! {
        result = &mut connection => result,
        () = token.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = result {
        // What a peer gets wrong is the peer's business; hyper has answered 400 where it could.
        // One that was answered is kept for the next request, and ends like this where none comes.
        if !(e.is_timeout() && answered.load(Ordering::Relaxed)) {
            measure::broken(&e);
        }
        tracing::debug!(error = %e, "connection ended");
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    measure::describe();
}

#[cfg(test)]
mod tests;
