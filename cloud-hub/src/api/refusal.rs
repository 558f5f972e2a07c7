//! Why a request was refused: `{"error":{"kind":"not_found","message":"…"}}`. Errors become statuses here and only here.

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::store::StoreError;

/// A refusal.
#[derive(Debug)]
pub struct Refusal {
    status: StatusCode,
    body: Body,
    retry_after: Option<u64>,
}

/// The body of every answer that is no success.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Body {
    error: Reason,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reason {
    /// One word for programs.
    #[schema(example = "not_found")]
    kind: &'static str,
    /// For people.
    message: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, body: Body { error: Reason { kind, message: message.into() } }, retry_after: None }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    pub(crate) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message)
    }

    pub(crate) fn too_many_attempts(seconds: u64) -> Self {
        let message = format!("too many wrong tokens from this address: try again in {seconds} s");
        let refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", message);
        Self { retry_after: Some(seconds), ..refusal }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // RFC 9110 §11.6.1: a 401 names the scheme.
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        tracing::error!(step = "store", error = %e, "a request can't be answered");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store", "the store does not answer: see the hub's log")
    }
}

impl From<QueryRejection> for Refusal {
    fn from(e: QueryRejection) -> Self {
        Self::bad_request(e.body_text())
    }
}

impl From<PathRejection> for Refusal {
    fn from(e: PathRejection) -> Self {
        Self::bad_request(e.body_text())
    }
}
