//! Tells of cameras that the hub should look at and can't ([`hub_core::unseen`]): in the log, as a metric, and for who asks how
//! a camera fares.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hub_core::unseen::Cause;
use omma_protocol::id::StreamId;

/// Those cameras. Clones share them.
#[derive(Debug, Clone)]
pub struct Unseen(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    began: Instant,
    state: Mutex<hub_core::unseen::Unseen>,
}

impl Default for Unseen {
    fn default() -> Self {
        Self(Arc::new(Inner { began: Instant::now(), state: Mutex::default() }))
    }
}

impl Unseen {
    /// Why the hub can't look at this camera; `None` where it can, or need not.
    pub fn reason(&self, stream: &StreamId) -> Option<String> {
        self.lock().reason(stream).map(str::to_owned)
    }

    /// It can't.
    pub(super) fn blind(&self, stream: &StreamId, cause: Cause, reason: String) {
        let mut state = self.lock();
        if let Some(line) = state.blind(stream, cause, reason, self.0.began.elapsed()) {
            let (stream, reason, others) = (line.stream, line.reason, line.others);
            tracing::warn!(step = "infer", %stream, reason, others, "the hub can't look at the camera's pictures");
        }
        count(state.len());
    }

    /// What kept it from looking is over, or it need not look any more.
    pub(super) fn sees(&self, stream: &StreamId, cause: Cause) {
        let mut state = self.lock();
        if state.sees(stream, cause) {
            tracing::info!(step = "infer", "there is no camera any more that the hub can't look at");
        }
        count(state.len());
    }

    fn lock(&self) -> MutexGuard<'_, hub_core::unseen::Unseen> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn count(cameras: usize) {
    metrics::gauge!("omma_infer_unseen_cameras").set(cameras as f64);
}
