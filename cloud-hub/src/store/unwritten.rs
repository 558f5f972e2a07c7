//! Cameras whose pictures can't be written: a damaged or foreign folder, a disk of pictures that is full or read-only while
//! that of the database is fine. Events are kept meanwhile; the edges keep the pictures.
//!
//! Where the same picture could be written as a trial in the folder of its edge, the fault is the camera's alone: the hub is ready, and
//! after [`GIVE_UP`] such pictures are let go, since they take the places of other cameras' on the way from their edge, all of them
//! perhaps, so that no other's ever comes. Where another camera of the edge fails, too, the trial is not enough, as where each
//! camera's folder belongs to somebody else and that above does not: then a third one's must have been written since. Where that
//! one's can't be any more, or the trial, it begins anew: the fault may be the whole edge's, of which nothing is let go. Where a
//! second camera's are let go it is no camera's fault any more: the hub is not ready.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use omma_protocol::id::StreamId;

use super::StoreError;

/// A camera whose picture nobody has tried to write for so long is forgotten: an edge sends one that is not acknowledged again
/// after 160 s at the most.
const FORGET: Duration = Duration::from_secs(300);
/// For so long a camera's pictures are kept waiting where the fault is the camera's alone.
pub(super) const GIVE_UP: Duration = Duration::from_secs(600);
/// Cameras that are remembered; of more it is enough to know these.
const MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Unwritten(Mutex<BTreeMap<StreamId, Failure>>);

#[derive(Debug)]
struct Failure {
    /// Whether it could be written in its edge's folder.
    elsewhere: bool,
    /// Where the fault is the camera's.
    alone: Option<Alone>,
    /// Whether its pictures are let go.
    let_go: bool,
    at: Instant,
    reason: String,
}

#[derive(Debug, Clone)]
struct Alone {
    since: Instant,
    /// Whose of the same edge was written last; `None` where that was the trial.
    other: Option<StreamId>,
}

impl Failure {
    fn begin_anew(&mut self) {
        (self.alone, self.let_go) = (None, false);
    }
}

impl Unwritten {
    /// A picture of that camera could not be written, but could be `elsewhere`, in its edge's folder. Whether it is to be let go.
    pub(super) fn failed(&self, stream: &StreamId, error: &StoreError, elsewhere: bool, now: Instant) -> bool {
        let mut failures = self.lock();
        if failures.is_empty() {
            tracing::error!(
                step = "store", %stream, %error,
                "pictures can't be written: events are stored without them, edges keep them, trying on. Where it is one camera's \
                 folder alone they are let go after ten minutes"
            );
        }
        let mut is_only = true;
        for (each, failure) in failures.iter_mut().filter(|(each, _)| each.edge == stream.edge) {
            is_only &= each == stream;
            // Of one that is alone by the trial, any other camera's failure makes that doubtful.
            let is_doubtful = |alone: &Alone| alone.other.as_ref().map_or(each != stream, |other| other == stream);
            if !elsewhere || failure.alone.as_ref().is_some_and(is_doubtful) {
                failure.begin_anew();
            }
            failure.elsewhere &= elsewhere;
        }
        let before = failures.get(stream);
        let by_trial = || (elsewhere && is_only).then_some(Alone { since: now, other: None });
        let alone = before.and_then(|failure| failure.alone.clone()).or_else(by_trial);
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
            failure.alone = Some(Alone { since, other: Some(stream.clone()) });
        }
    }

    /// What is wrong; `None` where every camera's last picture was written, or that it was not is one camera's fault alone.
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
        "Pictures that could not be written and were let go: of a camera whose pictures alone, of its edge's, could not be for ten \
         minutes, or of the hub's own analysis."
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

    /// It had to be another camera's picture that was written; where the door's held all places of its edge none ever came.
    #[test]
    fn pictures_of_one_camera_that_hold_all_places_of_its_edge_are_let_go_though_no_other_camera_is_tried() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door] = streams(["site.door"]);
        let fails = |after, elsewhere| unwritten.failed(&door, &failure(), elsewhere, began + after);
        let minute = Duration::from_secs(60);
        assert!(!fails(minute, false));
        assert!(unwritten.reason(began + minute).is_some(), "none can be written");
        assert!(!fails(2 * minute, true));
        assert_eq!(unwritten.reason(began + 2 * minute), None);
        assert!(!fails(12 * minute - Duration::from_secs(1), true));
        assert_eq!(unwritten.reason(began + 12 * minute), None);
        assert!(fails(12 * minute, true) && fails(13 * minute, true));
        assert!(!fails(14 * minute, false) && !fails(15 * minute, true), "a disk that is full meanwhile: from anew");
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

    /// As of a `chown -R root pictures/site/*`: the door's held all places, so that nobody could know of the yard.
    #[test]
    fn where_a_second_camera_fails_after_the_first_ones_were_let_go_both_are_kept() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door, yard] = streams(["site.door", "site.yard"]);
        let fails =
            |stream, minute: u64| unwritten.failed(stream, &failure(), true, began + Duration::from_secs(60 * minute));
        assert!(!fails(&door, 0) && fails(&door, 10));
        for minute in 11..60 {
            assert!(!fails(&yard, minute) && !fails(&door, minute), "in minute {minute}");
        }
        assert!(unwritten.reason(began + Duration::from_secs(60 * 60)).unwrap().contains("site.door, and of 1 more"));
    }

    /// Each edge's folder is tried by itself.
    #[test]
    fn that_another_edges_folder_takes_nothing_does_not_have_a_camera_that_is_alone_begin_anew() {
        let (unwritten, began) = (Unwritten::default(), Instant::now());
        let [door, other] = streams(["site.door", "other.yard"]);
        assert!(!unwritten.failed(&door, &failure(), true, began));
        assert!(!unwritten.failed(&other, &failure(), false, began));
        assert!(unwritten.failed(&door, &failure(), true, began + GIVE_UP));
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
