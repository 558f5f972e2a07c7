//! `GET session`: whether the token is good.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

/// What signing in shows.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    /// The hub's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
}

/// Tells whether the token is good, and the hub's version.
#[utoipa::path(
    get, path = "/session", tag = "session",
    responses((status = 200, body = Session))
)]
pub(super) async fn session() -> Json<Session> {
    Json(Session { version: env!("CARGO_PKG_VERSION") })
}
