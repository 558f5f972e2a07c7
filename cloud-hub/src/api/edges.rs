//! `GET edges`: the sites.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;

/// One edge.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Edge {
    /// Its name.
    #[schema(example = "site-1")]
    edge: String,
    /// Whether it is connected, by any way.
    online: bool,
    /// Program and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// Its clock minus the hub's, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_ms: Option<f64>,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Edges {
    edges: Vec<Edge>,
}

/// Every edge that was here since the hub started.
#[utoipa::path(
    get, path = "/edges", tag = "cameras",
    responses((status = 200, body = Edges), (status = 401, body = super::refusal::Body))
)]
pub(super) async fn edges(State(api): State<Api>) -> Json<Edges> {
    let known = api.registry.edges();
    let edges = known.iter().map(|(name, edge)| Edge {
        edge: name.to_string(),
        online: edge.online(),
        agent: edge.agent.clone(),
        clock_offset_ms: edge.clock_offset_us.map(|us| us as f64 / 1000.0),
    });
    Json(Edges { edges: edges.collect() })
}
