//! What each camera's gate does and why, for `/state`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use omma_protocol::id::CameraId;
use omma_vision::gate::{Report, State};
use serde::Serialize;

/// The gates of all cameras that are looked at here. Clones share it; each camera's analysis tells of its own.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Mutex<BTreeMap<CameraId, Report>>>);

/// A gate as `/state` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownGate {
    /// Whether everything is decoded and looked at.
    open: bool,
    /// `learning`, `idle`, `looking` or `active`.
    state: &'static str,
    /// Why it opened or glanced last.
    reason: &'static str,
    /// What it goes by.
    tier: &'static str,
    /// Why.
    why: &'static str,
    /// How soon a thing is found, ms.
    promise_ms: u64,
    /// Places where a thing at rest is known.
    still: usize,
}

impl Gates {
    /// Tells of a camera's gate.
    pub fn tell(&self, camera: &CameraId, report: Report) {
        let mut gates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match gates.get_mut(camera) {
            Some(known) => *known = report,
            None => drop(gates.insert(camera.clone(), report)),
        }
    }

    /// As it is now. `None` where the camera is not looked at here, or has sent nothing yet.
    pub fn show(&self, camera: &CameraId) -> Option<ShownGate> {
        let report = *self.0.lock().unwrap_or_else(PoisonError::into_inner).get(camera)?;
        Some(ShownGate {
            open: matches!(report.state, State::Learning | State::Active),
            state: report.state.name(),
            reason: report.reason.name(),
            tier: report.tier.name(),
            why: report.why.name(),
            promise_ms: u64::try_from(report.promise.as_millis()).unwrap_or(u64::MAX),
            still: report.still,
        })
    }
}
