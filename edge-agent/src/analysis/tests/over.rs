//! What was seen is followed no longer.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_seen_before_a_detector_failed_is_said_to_be_followed_no_longer() {
    let mut site = Site::begin().await;
    site.send_until(Site::dark, |site| site.waiting() > 0).await;
    let seen = site.told().unwrap().result.time;
    assert!(!site.told.gates.over(&site.camera(), seen));
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    site.closes().await;
    assert!(site.told.gates.over(&site.camera(), seen));
    site.send_until(Site::dark, |site| site.told_there() == Some(1)).await;
    let goes_on =
        |site: &mut Site| site.told().is_some_and(|told| !site.told.gates.over(&site.camera(), told.result.time));
    site.send_until(Site::dark, goes_on).await;
    site.end().await;
}

/// Nobody is looked at for whom it is down.
#[tokio::test(flavor = "multi_thread")]
async fn a_detector_that_is_down_keeps_nobody_unready_whose_camera_has_fallen_silent() {
    let mut site = Site::begin().await;
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    assert!(!site.is_ready());
    let ready = async {
        while !site.is_ready() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(WITHIN, ready).await.expect("the camera that is away keeps it unready");
    // One look is enough, when it is back.
    site.send_until(Site::bright, |site| !site.is_ready()).await;
    site.end().await;
}

/// A rule for fewer than so many would say nothing until somebody came.
#[tokio::test(flavor = "multi_thread")]
async fn that_nobody_is_there_is_told_when_what_was_seen_before_is_over() {
    let mut site = Site::gated(Mode::Gated, 2_000_000).await;
    site.send_until(Site::dim, |site| site.is_idle()).await;
    site.wanted.send_replace(false);
    site.send_until(Site::dim, |site| site.told.gates.show(&site.camera()).is_none()).await;
    site.told();
    site.wanted.send_replace(true);
    site.send_until(Site::dim, |site| site.told_there() == Some(0)).await;
    // The detector fails, and works again.
    site.send_until(Site::dim, |site| site.is_idle()).await;
    site.send_until(Site::bright, |site| site.unseen().is_some()).await;
    site.told();
    site.send_until(Site::dim, |site| site.told_there() == Some(0)).await;
    site.end().await;
}
