//! `GET cameras`: what there is to see.

use axum::Json;
use axum::extract::State;
use omma_protocol::camera::{CameraReport, CameraState, Placement};
use omma_protocol::id::{EdgeId, StreamId};
use omma_protocol::unit::Codec;
use serde::Serialize;
use utoipa::ToSchema;

use super::Api;
use crate::infer::InferState;
use crate::registry::Edge;

/// One camera.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Camera {
    /// `edge.camera`, unique in the hub.
    #[schema(example = "site-1.door")]
    stream: String,
    /// Its name for people.
    #[schema(example = "Front door")]
    name: String,
    /// The edge that has it.
    edge: String,
    /// Whether that edge is there.
    edge_online: bool,
    /// Where its pictures are looked at.
    placement: PlacementName,
    /// How it fares.
    state: StateName,
    /// What is wrong and how to mend it. Of a live camera: why nobody looks at its pictures, so that nothing is detected.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// `h264` or `h265`, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    codec: Option<CodecName>,
    /// Pixels across, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    /// Pixels down, once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    /// Whether it has B-frames, which browsers can't be sent; once known.
    #[serde(skip_serializing_if = "Option::is_none")]
    reorders: Option<bool>,
    /// Faults of its RTSP that the edge puts right, in the words of `operate/cameras.md`. Absent where there is none, and of edges of
    /// before they told it. Later versions may have further words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false, example = json!(["rtp_info"]))]
    interpreted: Vec<String>,
}

/// How a camera fares.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = CameraState)]
pub(super) enum StateName {
    /// Pictures arrive at the edge.
    Live,
    /// The edge connects to it.
    Connecting,
    /// It failed and is tried again.
    Failed,
    /// The edge is not connected.
    Offline,
}

/// Where a camera's pictures are looked at.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Placement)]
pub(super) enum PlacementName {
    /// On the edge.
    Edge,
    /// In the hub.
    Hub,
    /// Nowhere: live video only.
    None,
}

/// How a camera codes its pictures.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Codec)]
pub(super) enum CodecName {
    /// ITU-T H.264.
    H264,
    /// ITU-T H.265.
    H265,
}

/// All of them.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Cameras {
    cameras: Vec<Camera>,
}

/// Every camera of every edge that was here since the hub started.
#[utoipa::path(
    get, path = "/cameras", tag = "cameras",
    responses((status = 200, body = Cameras))
)]
pub(super) async fn cameras(State(api): State<Api>) -> Json<Cameras> {
    let known = api.registry.edges();
    let infer = api.infer.borrow().clone();
    let why =
        |edge: &EdgeId, camera: &CameraReport| api.unseen.reason(&StreamId::new(edge.clone(), camera.camera.clone()));
    let each = known.iter().flat_map(|(name, edge)| edge.cameras.iter().map(move |camera| (name, edge, camera)));
    Json(Cameras {
        cameras: each.map(|(name, edge, camera)| view(name, edge, camera, &infer, why(name, camera))).collect(),
    })
}

fn view(name: &EdgeId, edge: &Edge, report: &CameraReport, infer: &InferState, unseen: Option<String>) -> Camera {
    // Pictures come over QUIC: an edge whose MQTT alone is up has no live picture.
    let (state, mut reason) = match &report.state {
        _ if !edge.connected => (StateName::Offline, Some("its edge is not connected".to_owned())),
        CameraState::Live => (StateName::Live, None),
        CameraState::Connecting => (StateName::Connecting, None),
        CameraState::Failed { reason } => (StateName::Failed, Some(reason.clone())),
    };
    let remarks = edge.remarks.get(&report.camera);
    if reason.is_none() {
        let by_edge = remarks.and_then(|remarks| remarks.unseen.clone());
        let by_hub = match (report.placement, infer) {
            (Placement::Hub, InferState::Unavailable { reason }) => Some(reason.clone()),
            // Of a camera whose own looks failed there is more to say.
            (Placement::Hub, InferState::Failing { reason }) if unseen.is_none() => Some(reason.clone()),
            _ => None,
        };
        let nobody = by_edge.or(by_hub).map(|why| format!("nobody looks at it: {why}"));
        let not_the_hub = || unseen.filter(|_| report.placement == Placement::Hub);
        reason = nobody.or_else(|| not_the_hub().map(|why| format!("the hub can't look at it: {why}")));
    }
    let video = report.video.as_ref();
    Camera {
        stream: format!("{name}.{}", report.camera),
        name: report.name.clone(),
        edge: name.to_string(),
        edge_online: edge.online(),
        placement: match report.placement {
            Placement::Edge => PlacementName::Edge,
            Placement::Hub => PlacementName::Hub,
            Placement::None => PlacementName::None,
        },
        state,
        reason,
        codec: video.map(|v| match v.codec {
            Codec::H264 => CodecName::H264,
            Codec::H265 => CodecName::H265,
        }),
        width: video.map(|v| v.width),
        height: video.map(|v| v.height),
        reorders: video.map(|v| v.reorders),
        interpreted: remarks.map(|remarks| remarks.interpreted.clone()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Remarks;

    #[test]
    fn a_camera_says_why_it_shows_or_detects_nothing() {
        let report = CameraReport {
            camera: "door".parse().unwrap(),
            name: "Door".into(),
            placement: Placement::Hub,
            state: CameraState::Live,
            video: None,
        };
        let name = "site".parse().unwrap();
        let edge = |connected| Edge { connected, status: true, ..Edge::default() };
        let ready = InferState::Loading;
        let gone = InferState::Unavailable { reason: "no model".into() };
        let seen = |connected, infer, unseen: Option<&str>| {
            let camera = view(&name, &edge(connected), &report, infer, unseen.map(str::to_owned));
            (camera.state, camera.reason)
        };
        assert_eq!(seen(true, &ready, None), (StateName::Live, None));
        assert_eq!(seen(true, &gone, None), (StateName::Live, Some("nobody looks at it: no model".into())));
        assert_eq!(seen(false, &gone, None), (StateName::Offline, Some("its edge is not connected".into())));
        let failing = InferState::Failing { reason: "no such file".into() };
        assert_eq!(seen(true, &failing, None), (StateName::Live, Some("nobody looks at it: no such file".into())));
        let lost = Some("detect: device lost");
        let why = "the hub can't look at it: detect: device lost";
        assert_eq!(seen(true, &ready, lost), (StateName::Live, Some(why.into())));
        assert_eq!(seen(true, &failing, lost), (StateName::Live, Some(why.into())));
        assert_eq!(seen(false, &ready, lost), (StateName::Offline, Some("its edge is not connected".into())));
        let json = serde_json::to_string(&view(&name, &edge(true), &report, &ready, None)).unwrap();
        assert!(json.contains(r#""stream":"site.door""#) && !json.contains("codec"), "{json}");
        assert!(!json.contains("interpreted"), "{json}");
        let remarks = Remarks { interpreted: vec!["rtp_info".to_owned()], unseen: None };
        let mended = view(&name, &remarked(edge(true), remarks), &report, &ready, None);
        assert_eq!(serde_json::to_value(mended).unwrap()["interpreted"], serde_json::json!(["rtp_info"]));
    }

    fn remarked(edge: Edge, remarks: Remarks) -> Edge {
        Edge { remarks: [("door".parse().unwrap(), remarks)].into(), ..edge }
    }

    #[test]
    fn a_live_camera_that_its_edge_cannot_look_at_says_so_and_why() {
        let name = "site".parse().unwrap();
        let remarks = Remarks { unseen: Some("H.265 not decodable by this build".into()), interpreted: vec![] };
        let seen = |connected, state| {
            let report = CameraReport {
                camera: "door".parse().unwrap(),
                name: "Door".into(),
                placement: Placement::Edge,
                state,
                video: None,
            };
            let edge = Edge { connected, status: true, ..Edge::default() };
            let camera = view(&name, &remarked(edge, remarks.clone()), &report, &InferState::Loading, None);
            (camera.state, camera.reason.unwrap())
        };
        let unseen = "nobody looks at it: H.265 not decodable by this build".to_owned();
        assert_eq!(seen(true, CameraState::Live), (StateName::Live, unseen));
        let failed = CameraState::Failed { reason: "no route to it".into() };
        assert_eq!(seen(true, failed), (StateName::Failed, "no route to it".into()));
        assert_eq!(seen(false, CameraState::Live), (StateName::Offline, "its edge is not connected".into()));
    }
}
