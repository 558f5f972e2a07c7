//! Odd stamps: each unit must be dated later than the one before, and near its arrival.

use omma_testkit::simulator::quirk::{ENCODED_AFTER, Quirk};

use crate::film::RATE;
use crate::watched::{Camera, Watcher};

plays! {
    stamps_that_roll_over: StampsRollOver;
    stamps_that_jump_by_two_hours: StampsJump;
    stamps_that_go_back: StampsGoBack;
    stamps_that_begin_again_at_0: StampsRestart;
    sender_reports_whose_clock_steps: NtpSteps;
}

/// For so long, in which the camera's clock gains or loses 100 ms, and sender reports are followed by as much.
const DRIFTING: usize = 25 * RATE as usize;
/// Pictures at the end that are looked at. One of them is read at once, also by a busy machine.
const AT_THE_END: usize = 2 * RATE as usize;

/// How long after the date that they are given pictures have come, after some time, µs: the least of the last ones.
async fn lateness(quirk: Quirk) -> i64 {
    let camera = Camera::start(&[quirk]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.reads(DRIFTING - AT_THE_END).await;
    let mut least = i64::MAX;
    for _ in 0..AT_THE_END {
        least = least.min(watcher.next_lateness().await);
    }
    assert_eq!((watcher.beginnings, camera.server.counts().plays), (1, 1));
    least
}

/// Not followed, it would have pictures dated 100 ms after they have come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_gains() {
    let lateness = lateness(Quirk::ClockFast).await;
    assert!(lateness > -20_000, "pictures are dated {} µs ahead", -lateness);
}

/// Not followed, it would have pictures dated 100 ms before they come; what is followed is what it was 10 s before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clock_that_loses() {
    let lateness = lateness(Quirk::ClockSlow).await;
    assert!(lateness < 70_000, "pictures are dated {lateness} µs late");
}

/// Not followed, its reports would have pictures dated when they come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_encodes_late_and_says_so_in_its_sender_reports() {
    let (lateness, late) = (lateness(Quirk::EncodesLate).await, ENCODED_AFTER.as_micros() as i64);
    assert!((late - 20_000..late + 70_000).contains(&lateness), "sent after {late} µs, and dated {lateness} µs before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stamps_that_begin_at_0_in_each_session() {
    let camera = Camera::start(&[Quirk::StampsFromZero]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(10).await;
    let before = watcher.newest();
    camera.server.drop_players();
    watcher.breaks_off_and_goes_on().await;
    watcher.decodes(10).await;
    assert!(watcher.newest() > before);
}
