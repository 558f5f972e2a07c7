//! What is measured of the HTTP server: how long answers take, by route, and connections that broke off.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;
use metrics::{counter, describe_counter, describe_histogram, histogram};

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

/// A connection that ended otherwise than by HTTP.
pub(super) fn broken(error: &hyper::Error) {
    let reason = if error.is_parse() {
        "unreadable"
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
        "Connections that ended otherwise than by HTTP: unreadable, slow to send a head, cut."
    );
}
