//! `GET incidents`: what befell the edges themselves.

use axum::Json;
use axum::extract::{Query, State};
use axum::http::Uri;
use omma_protocol::id::EdgeId;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::refusal::Refusal;
use crate::store::StoredIncident;

const LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;

/// What befell an edge: a crash, an unclean end, a damaged outbox.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Incident {
    /// UUID: the same however often the edge told it.
    #[schema(format = "uuid")]
    id: String,
    /// Which edge.
    #[schema(example = "site-1")]
    edge: String,
    /// When it happened, or was found, µs since the epoch, on the edge's clock, which may be wrong.
    time_us: i64,
    /// When the hub got it, µs since the epoch, on its own clock: later where the link was cut. Null for what a hub of before
    /// has kept.
    received_us: Option<i64>,
    /// `panic`, `watchdog`, `unclean_end`, `over_memory`, `clock_set_back`, `outbox_set_aside`, `outbox_gave_up`,
    /// `outbox_in_memory`; later edges may know more.
    #[schema(example = "unclean_end")]
    kind: String,
    /// For people: one line.
    message: String,
    /// The edge's outbox that it came from.
    #[schema(format = "uuid")]
    outbox: String,
    /// Its number there.
    sequence: u64,
}

/// A page of incidents.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Incidents {
    /// What the hub got last first, whatever the edges' clocks say.
    incidents: Vec<Incident>,
    /// Ask for what is `before` this to go on; null at the end.
    next: Option<i64>,
}

/// Which incidents.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Ask {
    /// Only this edge's.
    #[param(value_type = Option<String>, example = "site-1")]
    edge: Option<EdgeId>,
    /// Only what the hub got before: `next` of the page before.
    before: Option<i64>,
    /// At most so many, 1 to 500; 50 where it is not said.
    limit: Option<u32>,
}

/// The incidents that `GET incidents` asks for: whose, before which, how many.
///
/// # Errors
/// What is wrong with the query.
pub fn asked(uri: &Uri) -> Result<(Option<EdgeId>, Option<i64>, u32), Refusal> {
    let Query(Ask { edge, before, limit }) = Query::try_from_uri(uri)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::bad_request(format!("limit: expected 1 to {MAX_LIMIT}")));
    }
    Ok((edge, before, limit))
}

/// What befell the edges, in the order in which the hub got to know it, newest first.
#[utoipa::path(
    get, path = "/incidents", tag = "events", params(Ask),
    responses(
        (status = 200, body = Incidents),
        (status = 400, body = super::refusal::Body),
    )
)]
pub(super) async fn incidents(State(api): State<Api>, uri: Uri) -> Result<Json<Incidents>, Refusal> {
    let (edge, before, limit) = asked(&uri)?;
    // One more than asked for tells whether there is more.
    let mut incidents = api.store.incidents(edge.as_ref(), before, limit + 1).await?;
    let more = incidents.len() > limit as usize;
    incidents.truncate(limit as usize);
    let next = incidents.last().filter(|_| more).map(|last| last.number);
    Ok(Json(Incidents { incidents: incidents.into_iter().map(Incident::from).collect(), next }))
}

impl From<StoredIncident> for Incident {
    fn from(StoredIncident { edge, received_us, incident, .. }: StoredIncident) -> Self {
        Self {
            id: incident.id.to_string(),
            edge: edge.to_string(),
            time_us: incident.time_us,
            received_us,
            kind: incident.kind,
            message: incident.message,
            outbox: incident.outbox.to_string(),
            sequence: incident.sequence,
        }
    }
}
