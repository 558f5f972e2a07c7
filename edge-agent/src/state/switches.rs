//! Which cameras are looked at just now. All are when the program starts: what someone switched off and forgot must not
//! blind a site for good.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omma_protocol::camera::Placement;
use omma_protocol::id::CameraId;
use tokio::sync::watch;

use crate::config::checked::Camera;

/// One switch for each camera that the edge looks at. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Switches(Arc<Mutex<BTreeMap<CameraId, watch::Sender<bool>>>>);

impl Switches {
    /// All on.
    pub fn new<'a>(cameras: impl IntoIterator<Item = &'a Camera>) -> Self {
        let switches = Self::default();
        switches.set(cameras);
        switches
    }

    /// These cameras are there from now on. Switches that were there stay as they are.
    pub fn set<'a>(&self, cameras: impl IntoIterator<Item = &'a Camera>) {
        let mut switches = self.lock();
        let mut before = std::mem::take(&mut *switches);
        for camera in cameras.into_iter().filter(|camera| camera.placement == Placement::Edge) {
            let switch = before.remove(&camera.id).unwrap_or_else(|| watch::Sender::new(true));
            switches.insert(camera.id.clone(), switch);
        }
    }

    /// Whether the camera is looked at. `None` where the edge never does.
    pub fn is_on(&self, camera: &CameraId) -> Option<bool> {
        self.lock().get(camera).map(|switch| *switch.borrow())
    }

    /// Switches. Whether the camera has a switch.
    pub fn switch(&self, camera: &CameraId, on: bool) -> bool {
        self.lock().get(camera).map(|switch| switch.send_replace(on)).is_some()
    }

    /// For who looks.
    pub fn watch(&self, camera: &CameraId) -> Option<watch::Receiver<bool>> {
        self.lock().get(camera).map(watch::Sender::subscribe)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CameraId, watch::Sender<bool>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
