//! `POST streams/{stream}/whep` and `DELETE` of the session it made (draft-ietf-wish-whep §4).

use axum::extract::rejection::{PathRejection, StringRejection};
use axum::extract::{OriginalUri, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use omma_protocol::id::StreamId;
use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::Mode;
use serde::Deserialize;

use super::session::read_offer;
use super::source::{NOT_H264, REORDERS};
use super::{JoinError, Joined};
use crate::live::LiveState;
use crate::live::refusal::Refusal;

const SDP: &str = "application/sdp";
/// Longest offer. Chromium's for one video and one data channel is about 6 KB.
pub(in crate::live) const MAX_OFFER: usize = 64 * 1024;

/// How a viewer joins.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct JoinQuery {
    /// `live` (each picture at once) or `exact` (each picture when its boxes are there).
    #[serde(default)]
    #[param(value_type = Option<String>, example = "live")]
    mode: Mode,
}

/// How a viewer asks to be sent pictures.
///
/// # Errors
/// Where the query is another one.
pub fn mode_asked(uri: &Uri) -> Result<Mode, Refusal> {
    let wrong = |_| Refusal::bad_request("the query takes only `mode`, which is `live` or `exact`");
    Query::try_from_uri(uri).map(|Query(JoinQuery { mode })| mode).map_err(wrong)
}

/// Joins a stream as a viewer.
///
/// The offer receives one H.264 video in packetization mode 1 and makes a data channel labelled `omma`, unordered,
/// without retransmissions, for boxes. Its answer's only candidates are the hub's (ICE-lite); nothing is trickled.
#[utoipa::path(
    post, path = "/streams/{stream}/whep", tag = "live",
    params(("stream" = String, Path, description = "`edge.camera`", example = "site-1.door"), JoinQuery),
    request_body(content = String, content_type = "application/sdp", description = "SDP offer"),
    responses(
        (status = 201, description = "SDP answer; `Location` is the session", body = String, content_type = "application/sdp"),
        (status = 400, description = "The offer, the stream's name or the mode can't be used"),
        (status = 404, description = "No edge has such a camera"),
        (status = 409, description = "The camera's video can't be sent over WebRTC; the message says how to mend it"),
        (status = 413, description = "The offer is too large"),
        (status = 415, description = "The body is not `application/sdp`"),
        (status = 503, description = "All places for viewers are taken"),
    )
)]
pub(crate) async fn join(
    State(state): State<LiveState>,
    OriginalUri(uri): OriginalUri,
    stream: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Result<String, StringRejection>,
) -> Result<Response, Refusal> {
    let stream = stream_id(&stream?)?;
    let mode = mode_asked(&uri)?;
    let sdp = headers.get(header::CONTENT_TYPE).is_some_and(|v| v.as_bytes().starts_with(SDP.as_bytes()));
    if !sdp {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            format!("the body must be {SDP}"),
        ));
    }
    let body = body.map_err(|e| Refusal::new(e.status(), "bad_request", format!("the offer can't be read: {e}")))?;
    watchable(&state, &stream)?;
    let offer = read_offer(&body).map_err(|e| Refusal::bad_request(e.to_string()))?;
    let Joined { id, answer } = state.whep.join(stream, offer, mode).await.map_err(|e| {
        let (status, kind) = match &e {
            JoinError::Offer(_) => (StatusCode::BAD_REQUEST, "bad_request"),
            JoinError::Full(_) => (StatusCode::SERVICE_UNAVAILABLE, "full"),
            JoinError::Stopping => (StatusCode::SERVICE_UNAVAILABLE, "stopping"),
        };
        Refusal::new(status, kind, e.to_string())
    })?;
    let location = format!("{}/{id}", uri.path().trim_end_matches('/'));
    Ok((StatusCode::CREATED, [(header::CONTENT_TYPE, SDP), (header::LOCATION, &location)], answer).into_response())
}

/// Ends a viewer's session.
#[utoipa::path(
    delete, path = "/streams/{stream}/whep/{session}", tag = "live",
    params(
        ("stream" = String, Path, description = "`edge.camera`"),
        ("session" = String, Path, description = "From the `Location` of the answer"),
    ),
    responses(
        (status = 200, description = "It has ended"),
        (status = 400, description = "Not the name of a stream"),
        (status = 404, description = "There is no such session"),
    )
)]
pub(crate) async fn leave(
    State(state): State<LiveState>,
    names: Result<Path<(String, String)>, PathRejection>,
) -> Result<StatusCode, Refusal> {
    let Path((stream, session)) = names?;
    let stream = stream_id(&stream)?;
    let known = match session.parse() {
        Ok(id) => state.whep.leave(stream, id).await,
        Err(_) => false,
    };
    if known {
        Ok(StatusCode::OK)
    } else {
        Err(Refusal::not_found("there is no such session: it may have ended already"))
    }
}

fn stream_id(text: &str) -> Result<StreamId, Refusal> {
    text.parse().map_err(|e: omma_protocol::id::NameError| Refusal::bad_request(e.to_string()))
}

/// Whether browsers can be sent this stream, as far as its edge has said.
fn watchable(state: &LiveState, stream: &StreamId) -> Result<(), Refusal> {
    let Some(camera) = state.registry.camera(stream) else {
        return Err(Refusal::not_found(format!("no edge has reported a camera `{stream}`")));
    };
    let reason = match camera.video {
        Some(video) if video.codec != Codec::H264 => NOT_H264,
        Some(video) if video.reorders => REORDERS,
        _ => return Ok(()),
    };
    Err(Refusal::new(StatusCode::CONFLICT, "not_watchable", format!("{stream} can't be shown: {reason}")))
}
