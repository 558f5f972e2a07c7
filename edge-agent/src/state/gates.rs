//! What each camera's gate does and why, or why its pictures can't be looked at, for `/state`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omma_protocol::id::CameraId;
use omma_protocol::time::CaptureTime;
use omma_vision::gate::{Report, State};
use serde::Serialize;
use tokio::sync::Notify;

/// The gates of all cameras that are looked at here. Clones share it; each camera's analysis tells of its own.
#[derive(Debug, Clone, Default)]
pub struct Gates(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    cameras: Mutex<BTreeMap<CameraId, Known>>,
    changed: Notify,
}

/// What is known of one camera.
#[derive(Debug, Default)]
struct Known {
    report: Option<Report>,
    unseen: Option<String>,
    over: Option<CaptureTime>,
}

impl Known {
    /// What its gate does, where it can do anything.
    fn report(&self) -> Option<&Report> {
        self.report.as_ref().filter(|_| self.unseen.is_none())
    }
}

/// A gate as `/state` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownGate {
    /// Whether everything is decoded and looked at.
    open: bool,
    /// `learning`, `idle`, `looking` or `active`.
    pub(crate) state: &'static str,
    /// Why it opened or glanced last.
    pub(crate) reason: &'static str,
    /// What it goes by.
    pub(crate) tier: &'static str,
    /// Why.
    pub(crate) why: &'static str,
    /// How soon a thing is found, ms.
    promise_ms: u64,
    /// Places where a thing at rest is known.
    still: usize,
}

impl Gates {
    /// Tells of a camera's gate.
    pub fn tell(&self, camera: &CameraId, report: Report) {
        let before = self.lock().entry(camera.clone()).or_default().report.replace(report);
        let telling = |report: Report| (report.state, report.moves, report.tier, report.why);
        if before.is_none_or(|before| telling(before) != telling(report)) {
            self.0.changed.notify_one();
        }
    }

    /// The camera's pictures can't be looked at, and why; `None` where they can.
    pub fn cannot_look(&self, camera: &CameraId, why: Option<String>) {
        let mut cameras = self.lock();
        let known = cameras.entry(camera.clone()).or_default();
        let before = std::mem::replace(&mut known.unseen, why.clone());
        if before != why {
            self.0.changed.notify_one();
        }
    }

    /// Why the camera's pictures can't be looked at, where that is so.
    pub fn unseen(&self, camera: &CameraId) -> Option<String> {
        self.lock().get(camera)?.unseen.clone()
    }

    /// What was seen in the camera's pictures up to this one is followed no longer.
    pub fn is_over(&self, camera: &CameraId, last: CaptureTime) {
        self.lock().entry(camera.clone()).or_default().over = Some(last);
    }

    /// Whether what was seen in this picture of the camera's is followed no longer.
    pub fn over(&self, camera: &CameraId, seen: CaptureTime) -> bool {
        self.lock().get(camera).and_then(|known| known.over).is_some_and(|last| seen <= last)
    }

    /// Nobody looks at the camera, or who did has ended. What is over is over still.
    pub fn forget(&self, camera: &CameraId) {
        if let Some(known) = self.lock().get_mut(camera) {
            *known = Known { over: known.over, ..Known::default() };
        }
    }

    /// The camera is no more.
    pub fn remove(&self, camera: &CameraId) {
        self.lock().remove(camera);
    }

    /// Waits until what a gate does, or goes by, has changed. For one task alone.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Whether something moves before the camera.
    pub fn moves(&self, camera: &CameraId) -> bool {
        self.lock().get(camera).and_then(|known| known.report.as_ref()).is_some_and(|report| report.moves)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CameraId, Known>> {
        self.0.cameras.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// As it is now. `None` where the camera is not looked at here, or can't be, or has sent nothing yet.
    pub fn show(&self, camera: &CameraId) -> Option<ShownGate> {
        let report = *self.lock().get(camera)?.report()?;
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
        assert!(gates.show(&camera).is_none());
        gates.cannot_look(&camera, None);
        gates.changed().await;
        assert_eq!(gates.unseen(&camera), None);
    }
}
