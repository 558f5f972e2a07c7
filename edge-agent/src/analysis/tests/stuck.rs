//! A camera's thread that does not come back.

use std::fs::OpenOptions;
use std::process::Command;

use omma_vision::fair::Rank;

use super::*;
use crate::health::watchdog::{Manager, Watchdog};

/// In place of [`crate::health::watchdog::ANALYSIS`]: far more than one look at these pictures takes.
const PATIENCE: Duration = Duration::from_secs(5);

/// A disk that does not answer: whoever opens the file waits until it is let go on.
fn hang(file: &Path) {
    std::fs::remove_file(file).unwrap();
    assert!(Command::new("mkfifo").arg(file).status().unwrap().success());
}

/// Another camera has the detector again and again, so that each look comes of a turn that was waited for: who waits rests.
fn keep_busy(shared: Shared, end: CancellationToken) {
    tokio::spawn(async move {
        let yard = "yard".parse().unwrap();
        while let Some(turn) = shared.wait_for_detector(&yard, Rank::Usual, &end).await {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(turn);
        }
    });
}

/// The detector fails at every look, and is loaded anew from a disk that hangs, in the thread of the camera whose turn it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_camera_whose_detector_never_comes_back_is_found_stuck() {
    let watchdog = Watchdog::default();
    let (tell, told) = std::sync::mpsc::channel();
    let pulse = watchdog.pulse("analysis of door", PATIENCE);
    let _watching = watchdog.watch(Manager::default(), move |stuck| tell.send(stuck.to_vec()).unwrap()).unwrap();
    let mut site = Site::watched(Mode::Always, 200_000, pulse).await;
    site.send_until(Site::dark, |site| site.waiting() > 0).await;
    let manifest = site.folder.path().join("model.toml");
    hang(&manifest);
    keep_busy(site.shared.clone(), site.ends.clone());
    let mut stuck = vec![];
    site.send_until(Site::bright, |_| {
        stuck = told.try_recv().unwrap_or_default();
        !stuck.is_empty()
    })
    .await;
    // It is let go on, to end. For reading too, since a FIFO that nobody reads blocks who opens it for writing alone (fifo(7)).
    let let_go = OpenOptions::new().read(true).write(true).open(&manifest).unwrap();
    // Who opens it only now finds nothing.
    std::fs::remove_file(&manifest).unwrap();
    assert_eq!(stuck.iter().map(|stuck| &*stuck.step).collect::<Vec<_>>(), ["analysis of door"]);
    drop(let_go);
    site.end().await;
    assert!(told.try_recv().is_err(), "who waits for pictures, or looks, is not stuck");
}
