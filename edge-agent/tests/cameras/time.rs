//! Odd stamps: each unit must be dated later than the one before, and near its arrival.

use omma_testkit::simulator::quirk::Quirk;

use crate::watched::{Camera, Watcher};

plays! {
    stamps_that_roll_over: StampsRollOver;
    stamps_that_jump_by_two_hours: StampsJump;
    stamps_that_go_back: StampsGoBack;
    stamps_that_begin_again_at_0: StampsRestart;
    sender_reports_whose_clock_steps: NtpSteps;
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
