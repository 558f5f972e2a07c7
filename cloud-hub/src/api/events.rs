//! `GET events`, `labels`, `events/{id}`, and its best picture whole and from near.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use hub_core::silence::REASON;
use omma_protocol::id::{EventId, StreamId};
use omma_protocol::wire::mqtt::{PhaseName, PlaceName, WhyMessage};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Api;
use super::refusal::Refusal;
use crate::store::{Filter, StoredEvent, View};

const LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 500;
const MAX_LABELS: u32 = 1000;

/// An event's latest state.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Event {
    /// UUID of version 7.
    #[schema(format = "uuid")]
    id: String,
    /// `edge.camera`.
    #[schema(example = "site-1.door")]
    stream: String,
    /// Where in its life it is.
    phase: Phase,
    /// Rises with each state.
    revision: u32,
    /// Class of the thing.
    #[schema(example = "person")]
    label: String,
    /// The track that it came from; 0 where it is about how many there are.
    track: u64,
    /// Best score, 0 to 1.
    score: f32,
    /// `[x, y, width, height]` in the best frame, 0 to 1 from the left top.
    #[serde(rename = "box")]
    rect: [f32; 4],
    /// When what it tells of began, µs since the epoch, on the edge's clock.
    opened_us: i64,
    /// Frame of the best view.
    best_us: i64,
    /// Last frame in which it was seen, once it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_us: Option<i64>,
    /// Why the hub has closed it, where its edge has not. Should the edge tell more of it after all, that takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "nothing was heard of its edge for 7 days")]
    closed_reason: Option<String>,
    /// Name of the rule that made it; absent before there were rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "stranger in the drive")]
    rule: Option<String>,
    /// What of the rule came true.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<Why>,
    /// Which side looked.
    place: Place,
    /// Engine that saw it.
    engine: String,
    /// Model that saw it.
    model: String,
    /// The edge's outbox that it came from; absent for the hub's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = "uuid")]
    outbox: Option<String>,
    /// Its number there.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    /// The revision of its best picture; null where there is none.
    picture_revision: Option<u32>,
    /// Whether that has a crop too: edges of before there were crops send none.
    has_crop: bool,
}

/// Why a rule made an event. Which of the others are there goes by `kind`.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Why {
    /// `seen`, `inside`, `stayed`, `crossed`, `over`, `under`; later edges may know more.
    #[schema(example = "crossed")]
    kind: String,
    /// The zone; absent for the whole picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    zone: Option<String>,
    /// The line.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    /// What the direction over the line is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    direction: Option<String>,
    /// How long it has stayed so far.
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f32>,
    /// How many there were: the most over the limit, the fewest under it.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u32>,
    /// As many would have been fine.
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
}

/// `opened` → `updated` → `closed`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Phase {
    /// Just confirmed.
    Opened,
    /// Goes on.
    Updated,
    /// Gone.
    Closed,
}

/// Which side of the uplink looked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// The edge agent.
    Edge,
    /// The hub.
    Hub,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Events {
    /// Newest first.
    events: Vec<Event>,
    /// Ask for what is `before` this to go on; null at the end.
    #[schema(format = "uuid")]
    next: Option<String>,
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Ask {
    /// Only this stream's.
    #[param(value_type = Option<String>, example = "site-1.door")]
    stream: Option<StreamId>,
    /// Only this class.
    #[param(example = "person")]
    label: Option<String>,
    /// Only in this phase.
    phase: Option<Phase>,
    /// Only older than this one: `next` of the page before.
    #[param(value_type = Option<String>, format = "uuid")]
    before: Option<EventId>,
    /// At most so many, 1 to 500; 50 where it is not said.
    limit: Option<u32>,
}

/// The events that `GET events` asks for.
///
/// # Errors
/// What is wrong with the query.
pub fn asked(uri: &Uri) -> Result<Filter, Refusal> {
    let Query(ask) = Query::<Ask>::try_from_uri(uri)?;
    let limit = ask.limit.unwrap_or(LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Refusal::bad_request(format!("limit: expected 1 to {MAX_LIMIT}")));
    }
    let phase = ask.phase.map(|phase| match phase {
        Phase::Opened => PhaseName::Opened,
        Phase::Updated => PhaseName::Updated,
        Phase::Closed => PhaseName::Closed,
    });
    Ok(Filter { stream: ask.stream, label: ask.label, phase, before: ask.before, limit })
}

/// Events, newest first.
#[utoipa::path(
    get, path = "/events", tag = "events", params(Ask),
    responses(
        (status = 200, body = Events),
        (status = 400, body = super::refusal::Body),
    )
)]
pub(super) async fn list(State(api): State<Api>, uri: Uri) -> Result<Json<Events>, Refusal> {
    let asked = asked(&uri)?;
    // One more than asked for tells whether there is more.
    let (limit, filter) = (asked.limit, Filter { limit: asked.limit + 1, ..asked });
    let mut events = api.store.events(&filter).await?;
    let more = events.len() > limit as usize;
    events.truncate(limit as usize);
    let next = events.last().filter(|_| more).map(|last| last.event.id.to_string());
    Ok(Json(Events { events: events.into_iter().map(Event::from).collect(), next }))
}

/// What events have been about.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Labels {
    /// Each once, in the order of their bytes: the first 1000.
    #[schema(max_items = 1000, example = json!(["car", "person"]))]
    labels: Vec<String>,
}

/// The classes that events have been about so far: what `label` of `/events` may be asked for.
#[utoipa::path(get, path = "/labels", tag = "events", responses((status = 200, body = Labels)))]
pub(super) async fn labels(State(api): State<Api>) -> Result<Json<Labels>, Refusal> {
    Ok(Json(Labels { labels: api.store.labels(MAX_LABELS).await? }))
}

/// One event.
#[utoipa::path(
    get, path = "/events/{id}", tag = "events",
    params(("id" = String, Path, format = "uuid", description = "The event")),
    responses(
        (status = 200, body = Event),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
    )
)]
pub(super) async fn one(
    State(api): State<Api>,
    id: Result<Path<EventId>, PathRejection>,
) -> Result<Json<Event>, Refusal> {
    let Path(id) = id?;
    let event = api.store.event(id).await?.ok_or_else(|| Refusal::not_found("there is no such event"))?;
    Ok(Json(event.into()))
}

/// The best picture of an event so far: the whole frame. Its `ETag` is the picture's revision.
#[utoipa::path(
    get, path = "/events/{id}/picture", tag = "events",
    params(("id" = String, Path, format = "uuid", description = "The event")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The picture of `If-None-Match` is still the best"),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
    )
)]
pub(super) async fn picture(
    State(api): State<Api>,
    id: Result<Path<EventId>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let picture = api.store.picture(id?.0, View::Whole).await?;
    let picture = picture.ok_or_else(|| Refusal::not_found("the event has no picture"))?;
    Ok(jpeg(&headers, picture))
}

/// What the best picture's box shows, with some of what is around it, from the frame as the edge decoded it: a thing that is
/// far away is larger here than in the picture. Its `ETag` is the picture's revision; both are of one frame.
#[utoipa::path(
    get, path = "/events/{id}/crop", tag = "events",
    params(("id" = String, Path, format = "uuid", description = "The event")),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The crop of `If-None-Match` is still the best picture's"),
        (status = 400, body = super::refusal::Body),
        (status = 404, body = super::refusal::Body),
    )
)]
pub(super) async fn crop(
    State(api): State<Api>,
    id: Result<Path<EventId>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let crop = api.store.picture(id?.0, View::Crop).await?;
    let crop = crop.ok_or_else(|| Refusal::not_found("the event's picture has no crop"))?;
    Ok(jpeg(&headers, crop))
}

fn jpeg(headers: &HeaderMap, (revision, jpeg): (u32, Bytes)) -> Response {
    let tag = format!("\"{revision}\"");
    // The best picture of today may be replaced by a better one, so that it is asked for again each time; what has
    // not changed is not sent again.
    let caching = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, "private, no-cache")];
    if headers.get(header::IF_NONE_MATCH).is_some_and(|v| v.as_bytes() == tag.as_bytes()) {
        return (StatusCode::NOT_MODIFIED, caching).into_response();
    }
    (caching, [(header::CONTENT_TYPE, "image/jpeg")], jpeg).into_response()
}

impl From<StoredEvent> for Event {
    fn from(stored: StoredEvent) -> Self {
        let StoredEvent { event, picture_revision, has_crop, given_up } = stored;
        Self {
            id: event.id.to_string(),
            stream: event.stream.to_string(),
            phase: match event.phase {
                PhaseName::Opened => Phase::Opened,
                PhaseName::Updated => Phase::Updated,
                PhaseName::Closed => Phase::Closed,
            },
            revision: event.revision,
            label: event.label,
            track: event.track,
            score: event.score,
            rect: event.rect,
            opened_us: event.opened_us,
            best_us: event.best_us,
            closed_us: event.closed_us,
            closed_reason: given_up.then(|| REASON.to_owned()),
            rule: event.rule,
            why: event.why.map(|why| Why::from(*why)),
            place: match event.place {
                PlaceName::Edge => Place::Edge,
                PlaceName::Hub => Place::Hub,
            },
            engine: event.engine,
            model: event.model,
            outbox: event.outbox.map(|outbox| outbox.to_string()),
            sequence: event.sequence,
            picture_revision,
            has_crop,
        }
    }
}

impl From<WhyMessage> for Why {
    fn from(message: WhyMessage) -> Self {
        let WhyMessage { kind, zone, line, direction, seconds, count, limit } = message;
        Self { kind, zone, line, direction, seconds, count, limit }
    }
}
