//! What each camera's gate does and why, or why its pictures can't be looked at, for `/state`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omma_protocol::id::CameraId;
use omma_vision::gate::{Report, State, Tier};
use serde::Serialize;
use tokio::sync::Notify;

/// The gates of all cameras that are looked at here. Clones share it; each camera's analysis tells of its own.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    reports: Mutex<BTreeMap<CameraId, Report>>,
    unseen: Mutex<BTreeMap<CameraId, String>>,
    changed: Notify,
}

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
        let state = report.state;
        let mut gates = self.lock();
        let before = match gates.get_mut(camera) {
            Some(known) => Some(std::mem::replace(known, report)),
            None => gates.insert(camera.clone(), report),
        };
        if before.is_none_or(|before| before.state != state) {
            self.0.changed.notify_one();
        }
    }

    /// The camera's pictures can't be looked at, and why; `None` where they can.
    pub fn cannot_look(&self, camera: &CameraId, why: Option<String>) {
        let mut unseen = self.lock_unseen();
        let before = match why.clone() {
            Some(why) => unseen.insert(camera.clone(), why),
            None => unseen.remove(camera),
        };
        if before != why {
            self.0.changed.notify_one();
        }
    }

    /// Why the camera's pictures can't be looked at, where that is so.
    pub fn unseen(&self, camera: &CameraId) -> Option<String> {
        self.lock_unseen().get(camera).cloned()
    }

    /// The camera is no more, or another one.
    pub fn forget(&self, camera: &CameraId) {
        self.lock().remove(camera);
        self.lock_unseen().remove(camera);
    }

    /// Waits until a gate's state has changed. For one task alone.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Whether something moves. A camera whose every picture is looked at says nothing of that.
    pub fn moves(&self, camera: &CameraId) -> bool {
        let gates = self.lock();
        gates.get(camera).is_some_and(|report| report.state == State::Active && report.tier != Tier::Always)
    }

    /// State and reason, as [`Gates::show`].
    pub fn words(&self, camera: &CameraId) -> Option<(&'static str, &'static str)> {
        if self.unseen(camera).is_some() {
            return None;
        }
        self.lock().get(camera).map(|report| (report.state.name(), report.reason.name()))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CameraId, Report>> {
        self.0.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_unseen(&self) -> MutexGuard<'_, BTreeMap<CameraId, String>> {
        self.0.unseen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is now. `None` where the camera is not looked at here, or can't be, or has sent nothing yet.
    pub fn show(&self, camera: &CameraId) -> Option<ShownGate> {
        if self.unseen(camera).is_some() {
            return None;
        }
        let report = *self.lock().get(camera)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_looked_at_is_told_until_it_can() {
        let (gates, camera): (Gates, CameraId) = (Gates::default(), "door".parse().unwrap());
        gates.cannot_look(&camera, Some("H.265".to_owned()));
        gates.changed().await;
        assert_eq!(gates.unseen(&camera).as_deref(), Some("H.265"));
        assert!(gates.show(&camera).is_none() && gates.words(&camera).is_none());
        gates.cannot_look(&camera, None);
        gates.changed().await;
        assert_eq!(gates.unseen(&camera), None);
    }
}
