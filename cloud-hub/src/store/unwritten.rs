//! Cameras whose pictures can't be written: a damaged or foreign folder, a disk of pictures that is full or read-only while
//! that of the database is fine. Events are kept meanwhile; the edges keep the pictures.
//!
//! Where the same picture could be written elsewhere, and another camera's of the same edge has been since, the fault is the camera's
//! alone: the hub is ready, and after [`GIVE_UP`] such pictures are let go, since they take the places of other cameras' on the way
//! from their edge. Where that other camera's can't be written either any more it begins anew: the fault may be the whole edge's,
//! of which nothing is let go. Where that befalls a second camera it is no camera's fault any more, as of a folder that belongs to somebody else:
//! the hub is not ready.

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
    /// Whether it could be written elsewhere.
    elsewhere: bool,
    /// Where another camera's of its edge was written meanwhile.
    alone: Option<Alone>,
    /// Whether its pictures are let go.
    let_go: bool,
    at: Instant,
    reason: String,
}

#[derive(Debug, Clone)]
struct Alone {
    since: Instant,
    /// Whose was written last.
    other: StreamId,
}

impl Failure {
    fn begin_anew(&mut self) {
        (self.alone, self.let_go) = (None, false);
    }
}

impl Unwritten {
    /// A picture of that camera could not be written, but could be `elsewhere`. Whether it is to be let go.
    pub(super) fn failed(&self, stream: &StreamId, error: &StoreError, elsewhere: bool, now: Instant) -> bool {
        let mut failures = self.lock();
        if failures.is_empty() {
            tracing::error!(
                step = "store", %stream, %error,
                "pictures can't be written: events are stored without them, edges keep them, trying on. Where other cameras' of the \
                 same edge are written they are let go after ten minutes"
            );
        }
        for failure in failures.values_mut() {
            // The disk is full: no camera is alone with that. Nor is one whose edge has no other any more that is known to be written.
            if !elsewhere || failure.alone.as_ref().is_some_and(|alone| alone.other == *stream) {
                failure.begin_anew();
            }
            failure.elsewhere &= elsewhere;
        }
        let before = failures.get(stream);
        let alone = before.and_then(|failure| failure.alone.clone());
        let give_up = alone.as_ref().is_some_and(|alone| now.saturating_duration_since(alone.since) >= GIVE_UP);
        if give_up && !before.is_some_and(|failure| failure.let_go) {
            tracing::error!(step = "store", %stream, %error, "the camera's pictures can't be written and are let go");
        }
        if failures.len() < MAX || before.is_some() {
            let reason = error.to_string();
            failures.insert(stream.clone(), Failure { elsewhere, alone, let_go: give_up, at: now, reason });
        }
        give_up
    }

    /// One was.
    pub(super) fn written(&self, stream: &StreamId, now: Instant) {
        let mut failures = self.lock();
        if failures.remove(stream).is_some() {
            told_if_over(&failures);
        }
        for (_, failure) in failures.iter_mut().filter(|(each, failure)| each.edge == stream.edge && failure.elsewhere)
        {
            let since = failure.alone.as_ref().map_or(now, |alone| alone.since);
            failure.alone = Some(Alone { since, other: stream.clone() });
        }
    }

    /// What is wrong; `None` where every camera's last picture was written, or one camera's alone of its edge's was not.
    pub(super) fn reason(&self, now: Instant) -> Option<String> {
        let mut failures = self.lock();
        let before = failures.len();
        failures.retain(|_, failure| now.saturating_duration_since(failure.at) < FORGET);
        if failures.len() < before {
            told_if_over(&failures);
        }
        let let_go = failures.values().filter(|failure| failure.let_go).count();
        let told = |failure: &Failure| failure.alone.is_none() || (failure.let_go && let_go > 1);
        let mut all = failures.iter().filter(|(_, failure)| told(failure));
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

/// So many pictures could not be written, and the rest of their batch was kept.
pub(super) fn count(pictures: usize) {
    metrics::counter!("omma_store_pictures_unwritten_total").increment(pictures as u64);
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
        "Pictures that could not be written and were let go: of a camera whose pictures alone could not be for ten minutes while \
         others' of its edge were, or of the hub's own analysis."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn streams<const N: usize>(names: [&str; N]) -> [StreamId; N] {
        names.map(|name| name.parse().unwrap())
    }

    fn failure() -> StoreError {
        StoreError::at("write a picture")(std::io::Error::other("read-only"))
    }

    #[test]
    fn a_camera_that_fails_is_named_until_one_of_its_pictures_is_written_or_nobody_tries() {
        let (unwritten, now) = (Unwritten::default(), Instant::now());
        let [door, gate] = streams(["site.door", "site.gate"]);
        assert_eq!(unwritten.reason(now), None);
        for stream in [&door, &gate] {
            assert!(!unwritten.failed(stream, &failure(), false, now));
        }
        let reason = unwritten.reason(now).unwrap();
        assert!(reason.contains("site.door, and of 1 more") && reason.contains("read-only"), "{reason}");
        unwritten.written(&door, now);
        assert!(unwritten.reason(now).unwrap().contains("site.gate"));
        assert_eq!(unwritten.reason(now + FORGET), None);
    }

    #[test]
    fn pictures_that_alone_cannot_be_written_are_let_go_after_a_while_and_the_hub_is_ready() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door, yard] = streams(["site.door", "site.yard"]);
        let fails = |after, elsewhere| unwritten.failed(&door, &failure(), elsewhere, began + after);
        let minute = Duration::from_secs(60);
        assert!(!fails(minute, false));
        assert!(unwritten.reason(began + minute).is_some(), "none can be written");
        unwritten.written(&yard, began + minute);
        assert!(!fails(2 * minute, true) && unwritten.reason(began + 2 * minute).is_some());
        unwritten.written(&yard, began + 2 * minute);
        assert_eq!(unwritten.reason(began + 2 * minute), None);
        assert!(!fails(12 * minute - Duration::from_secs(1), true));
        assert_eq!(unwritten.reason(began + 12 * minute), None);
        assert!(fails(12 * minute, true) && fails(13 * minute, true));
        assert!(!fails(14 * minute, false) && !fails(15 * minute, true), "a disk that is full meanwhile: from anew");
        unwritten.written(&yard, began + 15 * minute);
        assert!(!fails(16 * minute, true) && fails(25 * minute, true));
        unwritten.written(&door, began + 25 * minute);
        assert!(!fails(45 * minute, true));
    }

    /// Only the folder above was tried: where that took a file, all pictures of all sites were let go, and the hub was ready.
    #[test]
    fn where_no_cameras_pictures_can_be_written_none_is_let_go_though_the_folder_above_takes_files() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let both = streams(["site.door", "site.gate"]);
        for minute in 0..60 {
            let now = began + Duration::from_secs(60 * minute);
            for stream in &both {
                assert!(!unwritten.failed(stream, &failure(), true, now));
            }
            assert!(unwritten.reason(now).unwrap().contains("site.door, and of 1 more"));
        }
    }

    #[test]
    fn where_pictures_of_a_second_camera_are_let_go_the_hub_is_not_ready() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door, gate, yard] = streams(["site.door", "site.gate", "site.yard"]);
        for (after, gone, names) in
            [(0, false, None), (600, true, None), (1200, true, Some("site.door, and of 1 more"))]
        {
            let now = began + Duration::from_secs(after);
            assert_eq!(unwritten.failed(&door, &failure(), true, now), gone);
            if after > 0 {
                assert_eq!(unwritten.failed(&gate, &failure(), true, now), names.is_some());
            }
            unwritten.written(&yard, now);
            let reason = unwritten.reason(now);
            assert_eq!(reason.is_some(), names.is_some(), "{reason:?}");
            assert!(names.is_none_or(|names| reason.unwrap().contains(names)));
        }
    }

    /// As of a backup of one site's pictures that root has restored: ten minutes later all that its edge had was refused.
    #[test]
    fn pictures_of_a_whole_site_are_not_let_go_because_another_sites_can_be_written() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door, gate, yard] = streams(["site.door", "site.gate", "other.yard"]);
        for minute in 0..60 {
            let now = began + Duration::from_secs(60 * minute);
            for stream in [&door, &gate] {
                assert!(!unwritten.failed(stream, &failure(), true, now), "{stream} in minute {minute}");
            }
            unwritten.written(&yard, now);
            assert!(unwritten.reason(now).unwrap().contains("site.door, and of 1 more"));
        }
    }

    /// As of a `chown -R` that walks from folder to folder.
    #[test]
    fn where_the_camera_that_was_written_last_fails_as_well_none_is_let_go() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door, yard] = streams(["site.door", "site.yard"]);
        let fails =
            |stream, minute: u64| unwritten.failed(stream, &failure(), true, began + Duration::from_secs(60 * minute));
        assert!(!fails(&door, 0));
        unwritten.written(&yard, began);
        for minute in 1..60 {
            assert!(!fails(&yard, minute) && !fails(&door, minute), "in minute {minute}");
        }
        assert!(unwritten.reason(began + Duration::from_secs(60 * 60)).unwrap().contains("site.door, and of 1 more"));
        unwritten.written(&yard, began + Duration::from_secs(60 * 60));
        assert!(!fails(&door, 69) && fails(&door, 70), "from anew");
    }
}
