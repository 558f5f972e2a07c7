//! Where on one connection each stream has its place.
//!
//! quinn sends what has the highest priority first, and of the same in turn. From top to bottom:
//!
//! | | records behind video | beside it | beside it, while a camera goes first |
//! |---|---|---|---|
//! | control | 6 | 6 | 6 |
//! | results | 5 | 5 | 5 |
//! | newest group of the camera that goes first | 4 | | 1 |
//! | newest group of each other camera | 3 | 1 | 0 |
//! | groups that are finished and not across | 2 | 0 | -1 |
//! | records | 1 | 1 | 1 |
//!
//! [`Floor`](edge_core::outbox::floor::Floor) decides whether records are behind or beside, [`KeyQueue`] which camera goes
//! first. It is the video that moves, and not the records: of a stream with bytes to send a new
//! priority counts only once it has had its turn (quinn-proto 0.11, `StreamsState::write_stream_frames`), which records behind
//! video that fills the uplink never have. Who goes first has its turn soon: who was first before goes back into its own.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use edge_core::uplink::key_queue::{KeyQueue, Turn};
use omma_protocol::id::CameraId;

pub(super) const PRIORITY_CONTROL: i32 = 6;
pub(super) const PRIORITY_RESULT: i32 = 5;
pub(super) const PRIORITY_RECORDS: i32 = 1;
pub(super) const PRIORITY_NEWEST: i32 = 3;

/// The places of one connection. Clones share them: the [`Lane`](super::lane::Lane) says where records are, who sends video reads
/// it, and waits to go first where a group was lost.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    beside: AtomicBool,
    queue: Mutex<KeyQueue>,
    /// Somebody waits or goes first: while nobody does, no unit takes the lock.
    queued: AtomicBool,
}

/// Of one camera's streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Of the newest group.
    pub(super) newest: i32,
    /// Of those that are finished.
    pub(super) finished: i32,
    pub(super) goes_first: bool,
}

impl Places {
    pub(super) fn set_beside(&self, beside: bool) {
        self.0.beside.store(beside, Ordering::Relaxed);
    }

    pub(super) fn are_beside(&self) -> bool {
        self.0.beside.load(Ordering::Relaxed)
    }

    /// The camera's place, when the connection has sent so many bytes.
    pub(super) fn of(&self, camera: &CameraId, sent: impl FnOnce() -> u64) -> Place {
        let first = if self.has_queue() { self.change(|queue| queue.ask(camera, sent())) } else { None };
        if first == Some(Turn::Begins) {
            metrics::counter!("omma_uplink_key_turns_total").increment(1);
        }
        let goes_first = matches!(first, Some(Turn::Begins | Turn::Own));
        let others = match (self.are_beside(), first) {
            (false, _) => PRIORITY_NEWEST,
            (true, None) => PRIORITY_RECORDS,
            (true, Some(_)) => PRIORITY_RECORDS - 1,
        };
        Place { newest: others + i32::from(goes_first), finished: others - 1, goes_first }
    }

    /// A group of the camera was lost; the one that it sends now began with so many bytes.
    pub(super) fn lost(&self, camera: &CameraId, bytes: u64) {
        self.change(|queue| queue.lost(camera, bytes));
    }

    /// The camera's next group begins, with so many bytes, when the connection has sent so many.
    pub(super) fn begun(&self, camera: &CameraId, bytes: u64, sent: impl FnOnce() -> u64) {
        if self.has_queue() {
            self.change(|queue| queue.begun(camera, bytes, sent()));
        }
    }

    /// The camera sends no more over this connection.
    pub(super) fn left(&self, camera: &CameraId) {
        self.change(|queue| queue.left(camera));
    }

    fn has_queue(&self) -> bool {
        self.0.queued.load(Ordering::Relaxed)
    }

    fn change<T>(&self, change: impl FnOnce(&mut KeyQueue) -> T) -> T {
        let mut queue = self.0.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut queue);
        self.0.queued.store(!queue.is_empty(), Ordering::Relaxed);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera(name: &str) -> CameraId {
        name.parse().unwrap()
    }

    #[test]
    fn who_lost_a_group_goes_before_other_cameras_and_never_before_records_that_have_waited() {
        let (places, a, b) = (Places::default(), camera("a"), camera("b"));
        let at = |camera: &CameraId, sent| {
            let place = places.of(camera, || sent);
            (place.newest, place.finished, place.goes_first)
        };
        assert_eq!((at(&a, 0), at(&b, 0)), ((3, 2, false), (3, 2, false)));
        places.lost(&a, 1000);
        assert_eq!((at(&a, 0), at(&b, 0)), ((4, 2, true), (3, 2, false)));
        places.set_beside(true);
        assert_eq!((at(&a, 0), at(&b, 0)), ((PRIORITY_RECORDS, -1, true), (0, -1, false)));
        assert_eq!((at(&b, 1250), at(&a, 1250)), ((PRIORITY_RECORDS, 0, false), (PRIORITY_RECORDS, 0, false)));
        places.set_beside(false);
        assert_eq!(at(&a, 1250), (3, 2, false));
    }
}
