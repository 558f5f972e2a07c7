//! What is measured of the HTTP server: how long answers take, by route, and connections that broke off.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, describe_counter, describe_histogram, histogram};
use omma_protocol::seats::Full;

use super::taken;

/// Around every route.
pub(super) async fn answer(request: Request, next: Next) -> Response {
    // The route's pattern, not the path: a path is an endless number of time series.
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |p| p.as_str().to_owned());
    let started = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    histogram!("omma_http_duration_seconds", "route" => route, "status" => status)
        .record(started.elapsed().as_secs_f64());
    response
}

/// A connection that there was no seat for.
pub(super) fn refused(why: Full) {
    counter!("omma_http_refused_total", "reason" => why.word()).increment(1);
}

/// A connection that ended otherwise than by HTTP.
pub(super) fn broken(error: &hyper::Error) {
    let reason = if error.is_parse() {
        "unreadable"
    } else if taken::is_unread(error) {
        "unread"
    } else if error.is_timeout() {
        "slow"
    } else {
        "cut"
    };
    counter!("omma_http_broken_total", "reason" => reason).increment(1);
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_histogram!(
        "omma_http_duration_seconds",
        "Time of an answer over HTTP, by route and status; `other` is the page, or no route."
    );
    describe_counter!(
        "omma_http_broken_total",
        "Connections that ended otherwise than by HTTP: unreadable, slow to send a head, unread (nothing was taken of an answer for 30 s), cut."
    );
    describe_counter!(
        "omma_http_refused_total",
        "Connections that there was no place for, by reason: `full` (1024 are open), `address` (512 are, and 64 of its address, of IPv6 of its /64, have shown no token)."
    );
}
