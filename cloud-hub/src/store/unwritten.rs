//! Cameras whose pictures can't be written: a damaged or foreign folder, a disk of pictures that is full or read-only while
//! that of the database is fine. Events are kept meanwhile; the edges keep the pictures.
//!
//! A picture that could be written elsewhere is its camera's fault and nobody else's: the hub is ready, and after
//! [`GIVE_UP`] such pictures are let go, since they take the places of other cameras' on the way from their edge.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use omma_protocol::id::StreamId;

use super::StoreError;

/// A camera whose picture nobody has tried to write for so long is forgotten: an edge sends one that is not acknowledged again
/// after 160 s at the most.
const FORGET: Duration = Duration::from_secs(300);
/// For so long a camera's pictures are kept waiting where others' could be written.
pub(super) const GIVE_UP: Duration = Duration::from_secs(600);
/// Cameras that are remembered; of more it is enough to know these.
const MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<BTreeMap<StreamId, Failure>>);

#[derive(Debug)]
struct Failure {
    /// Since when it fails and others' could be written; `None` where they could not.
    alone_since: Option<Instant>,
    at: Instant,
    reason: String,
}

impl Unwritten {
    /// A picture of that camera could not be written, but could be `elsewhere`. Whether it is to be let go.
    pub(super) fn failed(&self, stream: &StreamId, error: &StoreError, elsewhere: bool, now: Instant) -> bool {
        metrics::counter!("omma_store_pictures_unwritten_total").increment(1);
        let mut failures = self.lock();
        if failures.is_empty() {
            tracing::error!(
                step = "store", %stream, %error,
                "pictures can't be written: events are stored without them, edges keep them, trying on. Where only this \
                 camera's can't be they are let go after ten minutes"
            );
        }
        let before = failures.get(stream).and_then(|failure| failure.alone_since);
        let alone_since = elsewhere.then(|| before.unwrap_or(now));
        if failures.len() < MAX || failures.contains_key(stream) {
            failures.insert(stream.clone(), Failure { alone_since, at: now, reason: error.to_string() });
        }
        let give_up = alone_since.is_some_and(|since| now.saturating_duration_since(since) >= GIVE_UP);
        if give_up {
            let_go(1);
        }
        give_up
    }

    /// One was.
    pub(super) fn written(&self, stream: &StreamId) {
        let mut failures = self.lock();
        if failures.remove(stream).is_some() {
            told_if_over(&failures);
        }
    }

    /// What is wrong; `None` where every camera's last picture was written, or could have been elsewhere.
    pub(super) fn reason(&self, now: Instant) -> Option<String> {
        let mut failures = self.lock();
        let before = failures.len();
        failures.retain(|_, failure| now.saturating_duration_since(failure.at) < FORGET);
        if failures.len() < before {
            told_if_over(&failures);
        }
        let mut all = failures.iter().filter(|(_, failure)| failure.alone_since.is_none());
        let (stream, failure) = all.next()?;
        let others = match all.count() {
            0 => String::new(),
            others => format!(", and of {others} more cameras"),
        };
        Some(format!("pictures of {stream}{others} can't be written: {}", failure.reason))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many pictures are nowhere.
pub(super) fn let_go(pictures: usize) {
    metrics::counter!("omma_store_pictures_given_up_total").increment(pictures as u64);
}

fn told_if_over(failures: &BTreeMap<StreamId, Failure>) {
    if failures.is_empty() {
        tracing::info!(step = "store", "no picture waits to be written in vain any more");
    }
}

pub(super) fn describe() {
    metrics::describe_counter!(
        "omma_store_pictures_unwritten_total",
        "Times a picture could not be written; what was with it was kept."
    );
    metrics::describe_counter!(
        "omma_store_pictures_given_up_total",
        "Pictures that could not be written and were let go: of a camera whose pictures alone could not be for ten minutes, or \
         of the hub's own analysis."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_fails_is_named_until_one_of_its_pictures_is_written_or_nobody_tries() {
        let (unwritten, now) = (Unwritten::default(), Instant::now());
        let failure = || StoreError::at("write a picture")(std::io::Error::other("read-only"));
        let [door, gate]: [StreamId; 2] = ["site.door", "site.gate"].map(|stream| stream.parse().unwrap());
        assert_eq!(unwritten.reason(now), None);
        for stream in [&door, &gate] {
            assert!(!unwritten.failed(stream, &failure(), false, now));
        }
        unwritten.written(&"site.yard".parse().unwrap());
        let reason = unwritten.reason(now).unwrap();
        assert!(reason.contains("site.door, and of 1 more") && reason.contains("read-only"), "{reason}");
        unwritten.written(&door);
        assert!(unwritten.reason(now).unwrap().contains("site.gate"));
        assert_eq!(unwritten.reason(now + FORGET), None);
    }

    #[test]
    fn pictures_that_alone_cannot_be_written_are_let_go_after_a_while_and_the_hub_is_ready() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let door: StreamId = "site.door".parse().unwrap();
        let fails = |after, elsewhere| {
            let failure = StoreError::at("write a picture")(std::io::Error::other("read-only"));
            unwritten.failed(&door, &failure, elsewhere, began + after)
        };
        let minute = Duration::from_secs(60);
        assert!(!fails(minute, false));
        assert!(unwritten.reason(began + minute).is_some(), "none can be written");
        assert!(!fails(2 * minute, true) && !fails(12 * minute - Duration::from_secs(1), true));
        assert_eq!(unwritten.reason(began + 12 * minute), None);
        assert!(fails(12 * minute, true) && fails(13 * minute, true));
        assert!(!fails(14 * minute, false) && !fails(15 * minute, true), "a disk that is full meanwhile: from anew");
        unwritten.written(&door);
        assert!(!fails(30 * minute, true));
    }
}
