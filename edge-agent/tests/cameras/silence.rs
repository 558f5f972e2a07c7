//! Cameras that say nothing more, and do not close.

use std::time::Duration;

use omma_testkit::simulator::quirk::Quirk;

use crate::watched::{Camera, Watcher};

/// 5 s until it is found or 2 s in which a camera takes nobody, 3 s at most until it is tried again, and 10 s that a busy
/// machine may take. A back-off as long as a refusal's, 30 s, is more.
const GAP: Duration = Duration::from_secs(5 + 3 + 10);

async fn is_found_and_goes_on(quirk: Quirk) {
    let camera = Camera::start(&[quirk]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(10).await;
    watcher.fails("no picture for 5 s").await;
    let gap = watcher.breaks_off_and_goes_on().await;
    assert!((Duration::from_secs(5)..GAP).contains(&gap), "nothing for {gap:?}");
    watcher.decodes(10).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_falls_silent() {
    is_found_and_goes_on(Quirk::FallsSilent).await;
}

/// 2 s in which it takes nobody, and at most 3 s until it is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_camera_that_reboots() {
    let camera = Camera::start(&[Quirk::Reboots, Quirk::StampsFromZero]).await;
    let mut watcher = Watcher::start(&camera);
    watcher.decodes(10).await;
    let gap = watcher.breaks_off_and_goes_on().await;
    assert!((Duration::from_secs(2)..GAP).contains(&gap), "nothing for {gap:?}");
    watcher.decodes(10).await;
    assert_eq!(camera.server.counts().plays, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_half_open() {
    is_found_and_goes_on(Quirk::HalfOpen).await;
}
