//! How everything fares, for the hub, for `/state` and for `/readyz`.
//!
//! Ready means that the program does its work: configuration read, outbox open, detector loaded, pipelines running. A
//! camera or a hub that is away is shown here and does not make the program unready: a restart would not mend it.

pub mod link;

pub mod gates;

pub mod switches;

use std::collections::{BTreeMap, BTreeSet};

use axum::routing::get;
use axum::{Json, Router};
use edge_core::interpreter::{Mend, Mends};
use omma_protocol::camera::{CameraReport, CameraState};
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::wire::mqtt::CameraMessage;
use serde::Serialize;
use tokio::sync::watch;

use crate::AGENT;
use crate::config::checked::Camera;
use crate::health::HealthState;
use gates::{Gates, ShownGate};
use link::{Link, LinkState};
use switches::Switches;

/// What is known of all cameras, in the order of the configuration. Clones share it; the QUIC uplink watches it.
#[derive(Debug, Clone)]
pub struct Reports {
    /// What the hub is told.
    told: watch::Sender<Vec<CameraReport>>,
    /// What is put right of each camera's RTSP, where something is.
    interpreted: watch::Sender<BTreeMap<CameraId, Mends>>,
}

impl Reports {
    /// All connecting.
    pub fn new<'a>(cameras: impl IntoIterator<Item = &'a Camera>) -> Self {
        let reports = cameras.into_iter().map(|camera| CameraReport {
            camera: camera.id.clone(),
            name: camera.name.clone(),
            placement: camera.placement,
            state: CameraState::Connecting,
            video: None,
        });
        Self { told: watch::Sender::new(reports.collect()), interpreted: watch::Sender::new(BTreeMap::new()) }
    }

    /// Of those that have a sub-stream, all connecting.
    pub fn of_sub_streams<'a>(cameras: impl IntoIterator<Item = &'a Camera>) -> Self {
        Self::new(cameras.into_iter().filter(|camera| camera.sub_url.is_some()))
    }

    /// These cameras are there from now on. Those that `stay` as they are keep their reports, all others are connecting.
    pub fn set<'a>(&self, cameras: impl IntoIterator<Item = &'a Camera>, stay: impl Fn(&CameraId) -> bool) {
        let mut begun = Self::new(cameras).told.borrow().clone();
        self.interpreted.send_modify(|interpreted| {
            interpreted.retain(|camera, _| stay(camera) && begun.iter().any(|begun| begun.camera == *camera));
        });
        self.told.send_modify(|reports| {
            for report in &mut begun {
                if let Some(known) = reports.iter().find(|known| known.camera == report.camera && stay(&known.camera)) {
                    *report = known.clone();
                }
            }
            *reports = begun;
        });
    }

    /// Changes one camera's report and tells the watchers if that made a difference.
    pub fn change(&self, camera: &CameraId, change: impl FnOnce(&mut CameraReport)) {
        self.told.send_if_modified(|reports| {
            let Some(report) = reports.iter_mut().find(|report| report.camera == *camera) else { return false };
            let before = report.clone();
            change(report);
            *report != before
        });
    }

    /// One camera's.
    pub fn of(&self, camera: &CameraId) -> Option<CameraReport> {
        self.told.borrow().iter().find(|report| report.camera == *camera).cloned()
    }

    /// From now on this is put right of a camera's RTSP.
    pub fn interpreted(&self, camera: &CameraId, mends: Mends) {
        self.interpreted.send_modify(|interpreted| {
            interpreted.insert(camera.clone(), mends);
        });
    }

    /// What is put right of a camera's RTSP.
    pub fn mends(&self, camera: &CameraId) -> Vec<Mend> {
        self.interpreted.borrow().get(camera).into_iter().flat_map(|mends| mends.iter()).collect()
    }

    /// For a task that tells others.
    pub fn watch(&self) -> watch::Receiver<Vec<CameraReport>> {
        self.told.subscribe()
    }
}

/// What the outbox holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OutboxState {
    /// Events and pictures that the hub, or without one the broker, does not have yet.
    pub waiting: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The newest sequence number that may be sent.
    #[serde(skip)]
    pub newest: u64,
    /// Given up because the disk's share was used, or that of memory while the disk took nothing, since the start.
    pub given_up: u64,
    /// How many of those that wait are in memory alone, because the disk takes nothing.
    pub in_memory: u64,
    /// Damaged databases that were set aside and still lie there: the newest, and older ones where there is room.
    pub set_aside: u64,
}

/// Everything that `/state` shows.
#[derive(Debug, Clone)]
pub struct State {
    /// Who.
    pub edge: EdgeId,
    /// The cameras.
    pub reports: Reports,
    /// The sub-streams, of cameras that have one.
    pub subs: Reports,
    /// Their gates.
    pub gates: Gates,
    /// Which are looked at just now.
    pub switches: Switches,
    /// The QUIC uplink, where there is a hub.
    pub quic: Option<LinkState>,
    /// The MQTT uplink, where there is a broker.
    pub mqtt: Option<LinkState>,
    /// The outbox.
    pub outbox: watch::Receiver<OutboxState>,
    /// The agent itself.
    pub health: watch::Receiver<HealthState>,
}

#[derive(Serialize)]
struct Shown {
    edge: EdgeId,
    agent: &'static str,
    cameras: Vec<ShownCamera>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quic: Option<Link>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mqtt: Option<Link>,
    outbox: OutboxState,
    health: HealthState,
}

#[derive(Serialize)]
struct ShownCamera {
    camera: CameraId,
    name: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<omma_protocol::camera::VideoInfo>,
    /// Faults of its RTSP that are put right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interpreted: Vec<Mend>,
    /// Whether it is looked at; absent where the edge never does.
    #[serde(skip_serializing_if = "Option::is_none")]
    detection: Option<bool>,
    /// The stream that is looked at, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<ShownStream>,
    /// Why its pictures can't be looked at, and how to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    unseen: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<ShownGate>,
}

#[derive(Serialize)]
struct ShownStream {
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    video: Option<omma_protocol::camera::VideoInfo>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interpreted: Vec<Mend>,
}

impl ShownStream {
    fn of(report: CameraReport, interpreted: Vec<Mend>) -> Self {
        let reason = report.state.reason().map(str::to_owned);
        Self { state: report.state.name(), reason, video: report.video, interpreted }
    }
}

impl State {
    /// Why a camera's pictures can't be looked at, though the camera itself may be live.
    pub fn unseen(&self, camera: &CameraId) -> Option<String> {
        let sub = || match self.subs.of(camera)?.state {
            CameraState::Failed { reason } => Some(format!("its sub-stream: {reason}")),
            CameraState::Connecting => Some("its sub-stream: being connected to".to_owned()),
            CameraState::Live => None,
        };
        self.gates.unseen(camera).or_else(sub)
    }

    /// What is put right of a camera's RTSP, of either of its streams.
    pub fn interpreted(&self, camera: &CameraId) -> Vec<String> {
        let both: BTreeSet<Mend> = self.reports.mends(camera).into_iter().chain(self.subs.mends(camera)).collect();
        both.into_iter().map(|mend| mend.name().to_owned()).collect()
    }

    /// How a camera is, for others, as far as it does not change by the second: without its gate. `None` where there is no such
    /// camera any more.
    pub fn message(&self, camera: &Camera) -> Option<CameraMessage> {
        let (unseen, interpreted) = (self.unseen(&camera.id), self.interpreted(&camera.id));
        Some(CameraMessage { unseen, interpreted, ..CameraMessage::new(&self.reports.of(&camera.id)?, camera.rate) })
    }

    /// `/state`, beside the health routes.
    pub fn router(self) -> Router {
        Router::new().route("/state", get(move || std::future::ready(Json(self.show()))))
    }

    fn show(&self) -> Shown {
        let reports = self.reports.told.borrow();
        let cameras = reports.iter().map(|report| ShownCamera {
            camera: report.camera.clone(),
            name: report.name.clone(),
            state: report.state.name(),
            reason: report.state.reason().map(str::to_owned),
            video: report.video.clone(),
            detection: self.switches.is_on(&report.camera),
            interpreted: self.reports.mends(&report.camera),
            sub: self.subs.of(&report.camera).map(|sub| ShownStream::of(sub, self.subs.mends(&report.camera))),
            unseen: self.unseen(&report.camera),
            gate: self.gates.show(&report.camera),
        });
        Shown {
            edge: self.edge.clone(),
            agent: AGENT,
            cameras: cameras.collect(),
            quic: self.quic.as_ref().map(LinkState::now),
            mqtt: self.mqtt.as_ref().map(LinkState::now),
            outbox: *self.outbox.borrow(),
            health: self.health.borrow().clone(),
        }
    }
}
