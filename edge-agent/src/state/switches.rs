//! Which cameras are looked at just now. All are when the program starts: what someone switched off and forgot must not
//! blind a site for good.

use std::collections::BTreeMap;
use std::sync::Arc;

use omma_protocol::camera::Placement;
use omma_protocol::id::CameraId;
use tokio::sync::watch;

use crate::config::checked::Camera;

/// One switch for each camera that the edge looks at. Clones share them.
#[derive(Debug, Clone)]
pub struct Switches(Arc<BTreeMap<CameraId, watch::Sender<bool>>>);

impl Switches {
    /// All on.
    pub fn new<'a>(cameras: impl IntoIterator<Item = &'a Camera>) -> Self {
        let looked_at = cameras.into_iter().filter(|camera| camera.placement == Placement::Edge);
        Self(Arc::new(looked_at.map(|camera| (camera.id.clone(), watch::Sender::new(true))).collect()))
    }

    /// Whether the camera is looked at. `None` where the edge never does.
    pub fn is_on(&self, camera: &CameraId) -> Option<bool> {
        self.0.get(camera).map(|switch| *switch.borrow())
    }

    /// Switches. Whether the camera has a switch.
    pub fn switch(&self, camera: &CameraId, on: bool) -> bool {
        self.0.get(camera).map(|switch| switch.send_replace(on)).is_some()
    }

    /// For who looks.
    pub fn watch(&self, camera: &CameraId) -> Option<watch::Receiver<bool>> {
        self.0.get(camera).map(watch::Sender::subscribe)
    }
}
