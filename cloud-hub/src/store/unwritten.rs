//! Cameras whose pictures can't be written: a damaged or foreign folder, a disk of pictures that is full or read-only while
//! that of the database is fine. Events are kept meanwhile; the edges keep the pictures.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use omma_protocol::id::StreamId;

use super::StoreError;

/// A camera whose picture nobody has tried to write for so long is forgotten: an edge sends one that is not acknowledged again
/// after 160 s at the most.
const FORGET: Duration = Duration::from_secs(300);
/// Cameras that are remembered; of more it is enough to know these.
const MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<BTreeMap<StreamId, Failure>>);

#[derive(Debug)]
struct Failure {
    at: Instant,
    reason: String,
}

impl Unwritten {
    /// A picture of that camera could not be written.
    pub(super) fn failed(&self, stream: &StreamId, error: &StoreError) {
        metrics::counter!("omma_store_pictures_unwritten_total").increment(1);
        let mut failures = self.lock();
        if failures.is_empty() {
            tracing::error!(
                step = "store", %stream, %error,
                "pictures can't be written: events are stored without them, edges keep them, trying on"
            );
        }
        if failures.len() < MAX || failures.contains_key(stream) {
            failures.insert(stream.clone(), Failure { at: Instant::now(), reason: error.to_string() });
        }
    }

    /// One was.
    pub(super) fn written(&self, stream: &StreamId) {
        let mut failures = self.lock();
        if failures.remove(stream).is_some() {
            told_if_over(&failures);
        }
    }

    /// What is wrong; `None` where every camera's last picture was written.
    pub(super) fn reason(&self, now: Instant) -> Option<String> {
        let mut failures = self.lock();
        let before = failures.len();
        failures.retain(|_, failure| now.saturating_duration_since(failure.at) < FORGET);
        if failures.len() < before {
            told_if_over(&failures);
        }
        let (stream, failure) = failures.first_key_value()?;
        let others = match failures.len() - 1 {
            0 => String::new(),
            others => format!(", and of {others} more cameras"),
        };
        Some(format!("pictures of {stream}{others} can't be written: {}", failure.reason))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, Failure>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
        unwritten.failed(&door, &failure());
        unwritten.failed(&gate, &failure());
        unwritten.written(&"site.yard".parse().unwrap());
        let reason = unwritten.reason(now).unwrap();
        assert!(reason.contains("site.door, and of 1 more") && reason.contains("read-only"), "{reason}");
        unwritten.written(&door);
        assert!(unwritten.reason(now).unwrap().contains("site.gate"));
        assert_eq!(unwritten.reason(Instant::now() + FORGET), None);
    }
}
