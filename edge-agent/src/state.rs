//! How everything fares, for the hub, for `/state` and for `/readyz`.
//!
//! Ready means that the program does its work: configuration read, outbox open, detector loaded, pipelines running. A
//! camera or a hub that is away is shown here and does not make the program unready: a restart would not mend it.

use axum::routing::get;
use axum::{Json, Router};
use omma_protocol::camera::{CameraReport, CameraState};
use omma_protocol::id::{CameraId, EdgeId};
use serde::Serialize;
use tokio::sync::watch;

use crate::AGENT;
use crate::config::checked::Camera;

/// What is known of all cameras, in the order of the configuration. Clones share it; the QUIC uplink watches it.
#[derive(Debug, Clone)]
pub struct Reports(watch::Sender<Vec<CameraReport>>);

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
        Self(watch::Sender::new(reports.collect()))
    }

    /// Changes one camera's report and tells the watchers if that made a difference.
    pub fn change(&self, camera: &CameraId, change: impl FnOnce(&mut CameraReport)) {
        self.0.send_if_modified(|reports| {
            let Some(report) = reports.iter_mut().find(|report| report.camera == *camera) else { return false };
            let before = report.clone();
            change(report);
            *report != before
        });
    }

    /// For a task that tells others.
    pub fn watch(&self) -> watch::Receiver<Vec<CameraReport>> {
        self.0.subscribe()
    }
}

/// How a way to the hub fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Link {
    /// Being connected to, for the first time.
    Connecting,
    /// Up.
    Up,
    /// Down, being tried again.
    Down {
        /// Why. Never holds a secret.
        reason: String,
    },
}

/// One uplink's state. Clones share it.
#[derive(Debug, Clone)]
pub struct LinkState {
    name: &'static str,
    link: watch::Sender<Link>,
}

impl LinkState {
    /// Connecting. `name` is a metric label: `quic`, `mqtt`.
    pub fn new(name: &'static str) -> Self {
        let state = Self { name, link: watch::Sender::new(Link::Connecting) };
        state.gauge(false);
        state
    }

    /// It is up.
    pub fn up(&self) {
        self.link.send_replace(Link::Up);
        self.gauge(true);
        tracing::info!(uplink = self.name, "connected");
    }

    /// It is down. Says so once for each time and each new reason.
    pub fn down(&self, reason: String) {
        self.gauge(false);
        metrics::counter!("omma_uplink_failures_total", "uplink" => self.name).increment(1);
        let down = Link::Down { reason };
        if *self.link.borrow() != down {
            if let Link::Down { reason } = &down {
                tracing::warn!(uplink = self.name, reason, "the hub can't be reached: trying again");
            }
            self.link.send_replace(down);
        }
    }

    /// As it is now.
    pub fn now(&self) -> Link {
        self.link.borrow().clone()
    }

    fn gauge(&self, up: bool) {
        metrics::gauge!("omma_uplink_up", "uplink" => self.name).set(f64::from(u8::from(up)));
    }
}

/// What the outbox holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OutboxState {
    /// Events and pictures that the hub does not have yet.
    pub waiting: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The newest sequence number that is safely on disk.
    #[serde(skip)]
    pub newest: u64,
    /// Given up because the disk's share was used, since the start.
    pub given_up: u64,
}

/// Everything that `/state` shows.
#[derive(Debug, Clone)]
pub struct State {
    /// Who.
    pub edge: EdgeId,
    /// The cameras.
    pub reports: Reports,
    /// The QUIC uplink.
    pub quic: LinkState,
    /// The MQTT uplink.
    pub mqtt: LinkState,
    /// The outbox.
    pub outbox: watch::Receiver<OutboxState>,
}

#[derive(Serialize)]
struct Shown {
    edge: EdgeId,
    agent: &'static str,
    cameras: Vec<ShownCamera>,
    quic: Link,
    mqtt: Link,
    outbox: OutboxState,
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
}

impl State {
    /// `/state`, beside the health routes.
    pub fn router(self) -> Router {
        Router::new().route("/state", get(move || std::future::ready(Json(self.show()))))
    }

    fn show(&self) -> Shown {
        let reports = self.reports.0.borrow();
        let cameras = reports.iter().map(|report| {
            let (state, reason) = match &report.state {
                CameraState::Connecting => ("connecting", None),
                CameraState::Live => ("live", None),
                CameraState::Failed { reason } => ("failed", Some(reason.clone())),
            };
            ShownCamera {
                camera: report.camera.clone(),
                name: report.name.clone(),
                state,
                reason,
                video: report.video.clone(),
            }
        });
        Shown {
            edge: self.edge.clone(),
            agent: AGENT,
            cameras: cameras.collect(),
            quic: self.quic.now(),
            mqtt: self.mqtt.now(),
            outbox: *self.outbox.borrow(),
        }
    }
}
