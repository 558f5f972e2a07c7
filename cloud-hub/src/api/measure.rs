//! How long answers take, by route.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

pub(super) async fn measure(request: Request, next: Next) -> Response {
    // The route's pattern, not the path: a path is an endless number of time series.
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "page".to_owned(), |p| p.as_str().to_owned());
    let started = Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("omma_http_duration_seconds", "route" => route, "status" => status)
        .record(started.elapsed().as_secs_f64());
    response
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_histogram!("omma_http_duration_seconds", "Time of an answer over HTTP, by route and status.");
}
