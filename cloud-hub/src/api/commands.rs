//! `command`: what is asked of a camera, of an edge that is connected.

use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use bytes::Bytes;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::wire::mqtt::{Command, OFF, ON, Topic};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Api;
use super::edges::known;
use super::refusal::Refusal;
use crate::commands::AskError;

/// What a camera is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum CameraCommand {
    /// End everything of it and begin anew.
    RestartCamera,
    /// Look at it, or look no more.
    Detection {
        /// Whether to look.
        on: bool,
    },
}

impl CameraCommand {
    fn parts(self) -> (Command, &'static str) {
        match self {
            Self::RestartCamera => (Command::RestartCamera, ""),
            Self::Detection { on } => (Command::Detection, if on { ON } else { OFF }),
        }
    }
}

/// It was done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Done {
    /// Always.
    ok: bool,
}

/// Asks something of a camera.
///
/// Its edge does it and answers within 8 s, or it is not connected, busy or silent; then what was begun may be done yet. Detection that was switched off is on again when the edge starts anew.
#[utoipa::path(
    post, path = "/edges/{edge}/cameras/{camera}/command", tag = "edges",
    params(("edge" = String, example = "site-1"), ("camera" = String, example = "door")),
    request_body = CameraCommand,
    responses(
        (status = 200, body = Done),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
        (status = 409, body = super::refusal::Body, description = "The edge refuses"),
        (status = 503, body = super::refusal::Body, description = "The edge is away, busy, lost or silent"),
    )
)]
pub(super) async fn command(
    State(api): State<Api>,
    path: Result<Path<(EdgeId, CameraId)>, PathRejection>,
    body: Result<Json<CameraCommand>, JsonRejection>,
) -> Result<Json<Done>, Refusal> {
    let Path((edge, camera)) = path?;
    let Json(asked) = body.map_err(|e| Refusal::bad_request(e.body_text()))?;
    let edge = known(&api, Ok(Path(edge))).await?;
    let (command, payload) = asked.parts();
    let topic = Topic::CameraCommand(edge.clone(), camera.clone(), command);
    let answer = api.commands.ask(topic, Bytes::from_static(payload.as_bytes())).await?;
    if !answer.ok {
        return Err(Refusal::new(StatusCode::CONFLICT, "refused", answer.reasons.join("\n")));
    }
    tracing::info!(step = "api", %edge, %camera, ?asked, "an edge did what was asked");
    Ok(Json(Done { ok: true }))
}

impl From<AskError> for Refusal {
    fn from(e: AskError) -> Self {
        let kind = match e {
            AskError::Away => "edge_away",
            AskError::Busy => "edge_busy",
            AskError::Lost => "edge_lost",
            AskError::Silent => "edge_silent",
        };
        Self::new(StatusCode::SERVICE_UNAVAILABLE, kind, e.to_string())
    }
}
