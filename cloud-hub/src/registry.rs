//! Which edges and cameras there are and how they fare, as the edges themselves say.
//!
//! Holds the newest word of each edge; what an edge said stays known after it has gone, marked as offline. Two
//! sources write: the QUIC ingest (cameras, clock, health, whether connected) and, where there is a broker, the MQTT ingest (the
//! retained status). An edge is online while either link is up.

use std::collections::BTreeMap;
use std::sync::Arc;

use omma_protocol::camera::CameraReport;
use omma_protocol::id::{CameraId, EdgeId, StreamId};
use omma_protocol::wire::mqtt::{HealthMessage, ReportedMessage};
use tokio::sync::watch;

/// One edge.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Edge {
    /// Whether its QUIC connection is up.
    pub connected: bool,
    /// Whether its MQTT status says that it is there.
    pub status: bool,
    /// Program and version.
    pub agent: Option<String>,
    /// The edge's clock minus the hub's, µs; once measured.
    pub clock_offset_us: Option<i64>,
    /// Its cameras as last reported.
    pub cameras: Vec<CameraReport>,
    /// What it last said over QUIC of a camera beside the report, where there is something to say.
    pub remarks: BTreeMap<CameraId, Remarks>,
    /// How it itself was when it last said so, over QUIC.
    pub health: Option<Told<HealthMessage>>,
    /// What became of what is desired of it, as it last said over QUIC.
    pub reported: Option<Told<ReportedMessage>>,
}

/// What an edge says of a camera beside its report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remarks {
    /// Why its pictures can't be looked at where the edge looks, though the camera may be live.
    pub unseen: Option<String>,
    /// Faults of its RTSP that the edge puts right.
    pub interpreted: Vec<String>,
}

/// What an edge said, and when.
#[derive(Debug, Clone, PartialEq)]
pub struct Told<T> {
    /// By the hub's clock, µs since the epoch.
    pub at_us: i64,
    /// What.
    pub what: T,
}

impl Edge {
    /// Whether any link is up.
    pub fn online(&self) -> bool {
        self.connected || self.status
    }
}

/// All edges at one moment.
pub type Edges = BTreeMap<EdgeId, Edge>;

/// The list. Clones share it; `watch` tells of every change.
#[derive(Debug, Clone)]
pub struct Registry(Arc<watch::Sender<Arc<Edges>>>);

impl Default for Registry {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Arc::default())))
    }
}

impl Registry {
    /// The list now.
    pub fn edges(&self) -> Arc<Edges> {
        self.0.borrow().clone()
    }

    /// The list now and whenever it changes.
    pub fn watch(&self) -> watch::Receiver<Arc<Edges>> {
        self.0.subscribe()
    }

    /// One camera's report, where its edge has said it.
    pub fn camera(&self, stream: &StreamId) -> Option<CameraReport> {
        let edges = self.0.borrow();
        edges.get(&stream.edge)?.cameras.iter().find(|c| c.camera == stream.camera).cloned()
    }

    /// Changes one edge, making it known where it was not. Readers wake only if something did change.
    pub fn update(&self, edge: &EdgeId, change: impl FnOnce(&mut Edge)) {
        self.0.send_if_modified(|edges| {
            let mut new = edges.get(edge).cloned().unwrap_or_default();
            change(&mut new);
            if edges.get(edge) == Some(&new) {
                return false;
            }
            Arc::make_mut(edges).insert(edge.clone(), new);
            true
        });
    }

    /// Until their status is heard over MQTT again, edges are there only where they are connected over QUIC.
    pub fn forget_statuses(&self) {
        self.0.send_if_modified(|edges| {
            if !edges.values().any(|edge| edge.status) {
                return false;
            }
            Arc::make_mut(edges).values_mut().for_each(|edge| edge.status = false);
            true
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_wake_only_when_something_changed() {
        let registry = Registry::default();
        let mut watch = registry.watch();
        let edge: EdgeId = "site".parse().unwrap();
        registry.update(&edge, |e| e.connected = true);
        assert!(watch.has_changed().unwrap());
        watch.mark_unchanged();
        registry.update(&edge, |e| e.connected = true);
        assert!(!watch.has_changed().unwrap());
        assert!(registry.edges()[&edge].online());
    }
}
