//! The REST interface, and what stands around it.
//!
//! ```text
//! request ─▶ headers ─▶ /healthz /readyz /metrics                      (omma-runtime)
//!                    ─▶ /api/openapi.json
//!                    ─▶ /api/v1/live                                    signs in by its first message
//!                    ─▶ sign-in ─▶ time-out, size ─▶ /api/v1/…          routes
//!                    ─▶ the page and its files                           ([`crate::web`])
//! ```

mod refusal;

mod sign_in;

mod session;

mod cameras;

mod edges;

mod commands;

pub mod events;

pub mod incidents;

mod document;

use std::time::Duration;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use omma_protocol::wire::quic::values::MAX_DESIRED;
use tokio::sync::watch;
use tower_http::set_header::SetResponseHeaderLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::{Access, attempts::Attempts, edges::Edges};
use crate::commands::Commands;
use crate::desired::Desired;
use crate::infer::InferState;
use crate::infer::unseen::Unseen;
use crate::live::{self, LiveState};
use crate::registry::Registry;
use crate::store::Store;
use crate::web;
use refusal::Refusal;

/// Where the interface is.
const ROOT: &str = "/api/v1";
/// Longest answer to wait for.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Largest body; what takes a larger one says so itself.
const MAX_BODY: usize = 64 * 1024;

/// What the routes need. Clones share it.
#[derive(Debug, Clone)]
pub struct Api {
    /// Events, pictures and incidents.
    pub store: Store,
    /// Edges and cameras.
    pub registry: Registry,
    /// What edges shall be.
    pub desired: Desired,
    /// What is asked of them.
    pub commands: Commands,
    /// Which edges there can be.
    pub known: Edges,
    /// People.
    pub access: Access,
    /// Who has failed too often.
    pub attempts: Attempts,
    /// How the hub's own eye fares.
    pub infer: watch::Receiver<InferState>,
    /// What it can't look at.
    pub unseen: Unseen,
}

/// Everything that the hub serves over HTTP but health and metrics.
pub fn router(api: Api, live: LiveState) -> Router {
    Router::new()
        .nest(ROOT, version_1(api, live))
        .route("/api/openapi.json", get(async || Json(document())))
        .route("/api", get(unknown))
        .route("/api/", get(unknown))
        .route("/api/{*rest}", get(unknown))
        .fallback(web::page)
        .method_not_allowed_fallback(not_allowed)
        .layer(header_layer(header::CONTENT_SECURITY_POLICY, POLICY))
        .layer(header_layer(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header_layer(header::X_FRAME_OPTIONS, "DENY"))
        .layer(header_layer(header::REFERRER_POLICY, "no-referrer"))
        .layer(header_layer(HeaderName::from_static("cross-origin-opener-policy"), "same-origin"))
        .layer(header_layer(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
}

pub use document::document;

/// The page may load only what the hub serves, and nobody may frame it. Pictures come as blobs, because an `<img>`
/// can't show the token.
const POLICY: &str = "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob: mediastream:; \
     connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

fn version_1(api: Api, live: LiveState) -> Router {
    let signed_in = routes()
        .with_state(api.clone())
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .merge(live::router(live.clone()))
        .layer(middleware::from_fn(|request, next: Next| in_time(next.run(request))))
        .layer(middleware::from_fn_with_state(api, sign_in::sign_in));
    signed_in.merge(live::socket(live)).into()
}

fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(session::session))
        .routes(routes!(cameras::cameras))
        .routes(routes!(edges::edges))
        .routes(routes!(edges::edge))
        .merge(desired_routes())
        .routes(routes!(commands::command))
        .routes(routes!(events::list))
        .routes(routes!(events::labels))
        .routes(routes!(events::one))
        .routes(routes!(events::picture))
        .routes(routes!(events::crop))
        .routes(routes!(incidents::incidents))
}

fn desired_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(routes!(edges::configure, edges::give_back)).layer(DefaultBodyLimit::max(MAX_DESIRED))
}

/// A refusal in place of an answer that takes longer than [`TIMEOUT`].
async fn in_time(answer: impl Future<Output = Response>) -> Result<Response, Refusal> {
    tokio::time::timeout(TIMEOUT, answer).await.map_err(|_| {
        let message = format!("no answer within {} s: try again", TIMEOUT.as_secs());
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "timeout", message)
    })
}

async fn unknown(uri: Uri) -> Refusal {
    Refusal::not_found(format!("there is no `{}`: see /api/openapi.json", uri.path()))
}

async fn not_allowed() -> Refusal {
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this path takes another method")
}

fn header_layer(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_does_not_come_in_time_is_refused_with_a_body_as_any_other() {
        let response = in_time(std::future::pending()).await.into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        let body = axum::body::to_bytes(response.into_body(), MAX_BODY).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["error"]["kind"], "timeout", "{body}");
    }
}
