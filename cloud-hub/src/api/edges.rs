//! `edges`: the sites, how each is, and what it shall be.

mod view;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use hub_core::desired;
use omma_protocol::id::EdgeId;
use omma_protocol::secret::Secret;
use omma_protocol::wire::quic::values::MAX_DESIRED;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use super::refusal::Refusal;
use crate::identity::files::FileError;
use view::Edge;

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Edges {
    edges: Vec<Edge>,
}

/// Every edge that was here since the hub started.
#[utoipa::path(
    get, path = "/edges", tag = "edges",
    responses((status = 200, body = Edges))
)]
pub(super) async fn edges(State(api): State<Api>) -> Json<Edges> {
    let known = api.registry.edges();
    let edges = known.iter().map(|(name, edge)| Edge::new(name, edge, api.desired.of(name), view::now_us()));
    Json(Edges { edges: edges.collect() })
}

/// One edge that a join token was ever made for.
#[utoipa::path(
    get, path = "/edges/{edge}", tag = "edges", params(("edge" = String, example = "site-1")),
    responses(
        (status = 200, body = Edge),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
    )
)]
pub(super) async fn edge(
    State(api): State<Api>,
    edge: Result<Path<EdgeId>, PathRejection>,
) -> Result<Json<Edge>, Refusal> {
    let edge = known(&api, edge).await?;
    Ok(Json(shown(&api, &edge)))
}

/// Which cameras the edge shall have.
///
/// The body is TOML with every `[[camera]]`, as in the edge's own file. It is kept, told to the edge when it is there, checked
/// by it as a whole, and taken back where it cuts the edge off from this hub. What becomes of it is in `configuration` of the
/// edge. It holds passwords of cameras: nothing gives it back.
#[utoipa::path(
    put, path = "/edges/{edge}/config", tag = "edges", params(("edge" = String, example = "site-1")),
    request_body(content = String, content_type = "application/toml"),
    responses(
        (status = 202, body = Edge, description = "It is kept; the edge has not judged it yet"),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
        (status = 413, body = super::refusal::Body),
        (status = 503, body = super::refusal::Body),
    )
)]
pub(super) async fn configure(
    State(api): State<Api>,
    edge: Result<Path<EdgeId>, PathRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Result<(StatusCode, Json<Edge>), Refusal> {
    let edge = known(&api, edge).await?;
    let body = body.map_err(|e| match e.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            let message = format!("expected at most {MAX_DESIRED} bytes");
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message)
        }
        _ => Refusal::bad_request(e.body_text()),
    })?;
    let text = String::from_utf8(body.into()).map_err(|_| Refusal::bad_request("expected TOML as UTF-8 text"))?;
    let cameras = desired::check(&text).map_err(|faults| Refusal::bad_request(faults.join("\n")))?;
    api.desired.set(&edge, Secret::new(text)).await?;
    tracing::info!(step = "api", %edge, cameras, "other cameras are desired of an edge");
    Ok((StatusCode::ACCEPTED, Json(shown(&api, &edge))))
}

/// The edge shall have the cameras of its own file again.
#[utoipa::path(
    delete, path = "/edges/{edge}/config", tag = "edges", params(("edge" = String, example = "site-1")),
    responses(
        (status = 202, body = Edge, description = "It is kept; the edge has not done it yet"),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
        (status = 503, body = super::refusal::Body),
    )
)]
pub(super) async fn give_back(
    State(api): State<Api>,
    edge: Result<Path<EdgeId>, PathRejection>,
) -> Result<(StatusCode, Json<Edge>), Refusal> {
    let edge = known(&api, edge).await?;
    api.desired.set(&edge, Secret::new(String::new())).await?;
    tracing::info!(step = "api", %edge, "the cameras of its own file are desired of an edge");
    Ok((StatusCode::ACCEPTED, Json(shown(&api, &edge))))
}

/// One that could be here: a typing error desires nothing of nobody.
pub(super) async fn known(api: &Api, edge: Result<Path<EdgeId>, PathRejection>) -> Result<EdgeId, Refusal> {
    let Path(edge) = edge?;
    let (known, name) = (api.known.clone(), edge.clone());
    match tokio::task::spawn_blocking(move || known.knows(&name)).await {
        Ok(true) => Ok(edge),
        _ => Err(Refusal::not_found(format!("no join token was ever made for an edge `{edge}`"))),
    }
}

fn shown(api: &Api, edge: &EdgeId) -> Edge {
    let here = api.registry.edges().get(edge).cloned().unwrap_or_default();
    Edge::new(edge, &here, api.desired.of(edge), view::now_us())
}

impl From<FileError> for Refusal {
    fn from(e: FileError) -> Self {
        tracing::error!(step = "api", error = %e, "what is desired of an edge can't be kept");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "disk", "the disk does not take it: see the hub's log")
    }
}
