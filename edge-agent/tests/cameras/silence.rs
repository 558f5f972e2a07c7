//! Cameras that say nothing more, and do not close.

use std::time::Duration;

use edge_agent::config::Transport;
use edge_core::interpreter::Mend;
use omma_testkit::simulator::quirk::Quirk;
use tokio::net::{TcpListener, TcpStream};

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

/// A way to a camera on which each connection is reset after 3 s, as by a router that forgets it. Until the test ends.
async fn resetting(camera: &Camera) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (url, to) = (camera.url(), camera.server.address());
    let url = url.replace(&to.to_string(), &listener.local_addr().unwrap().to_string());
    tokio::spawn(async move {
        while let Ok((mut player, _)) = listener.accept().await {
            let mut camera = TcpStream::connect(to).await.unwrap();
            let both = tokio::io::copy_bidirectional(&mut player, &mut camera);
            // Either end may close before.
            tokio::time::timeout(Duration::from_secs(3), both).await.ok();
            player.set_zero_linger().unwrap();
        }
    });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interpreted_connection_that_is_reset_is_not_told_as_a_camera_that_closed_the_stream() {
    let camera = Camera::start(&[Quirk::RtpInfoGarbage]).await;
    let mut watcher = Watcher::of(&resetting(&camera).await, Transport::Tcp);
    watcher.decodes(5).await;
    assert_eq!(watcher.interpreted(), [Mend::RtpInfo]);
    let reason = watcher.fails("the connection to the camera broke").await;
    assert!(reason.contains("reset by peer"), "{reason}");
}
