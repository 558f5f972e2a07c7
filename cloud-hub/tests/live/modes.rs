//! Live and exact.

use std::time::Duration;

use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::{BrowserToHub, HubToBrowser, Mode};
use omma_testkit::viewer::{Seen, Viewer};

use crate::hub::{Camera, LONG, TestHub, connected, said};

/// The mode in force, and how long browser and page are to hold a picture.
async fn mode(viewer: &mut Viewer) -> (Mode, Duration, Duration) {
    let ms = |n: u32| Duration::from_millis(n.into());
    said(viewer, |message| match message {
        HubToBrowser::Mode { mode, delay_ms, hold_ms } => Some((mode, ms(delay_ms), ms(hold_ms))),
        _ => None,
    })
    .await
}

async fn playout(viewer: &mut Viewer, camera: &mut Camera) -> (Duration, Duration) {
    camera.send(1);
    loop {
        if let Seen::Picture { playout, .. } = viewer.next(LONG).await.unwrap() {
            return playout.expect("the extension on every picture");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_holds_no_picture_back_and_a_viewer_may_change_its_mind() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    assert_eq!(mode(&mut viewer).await, (Mode::Live, Duration::ZERO, Duration::ZERO));
    assert_eq!(playout(&mut viewer, &mut camera).await, (Duration::ZERO, Duration::ZERO));
    viewer.say(&BrowserToHub::Mode { mode: Mode::Exact }).await.unwrap();
    let (now, delay, hold) = mode(&mut viewer).await;
    assert_eq!((now, delay), (Mode::Exact, Duration::ZERO), "so short a time the page holds alone");
    assert!(hold > Duration::ZERO);
    assert_eq!(playout(&mut viewer, &mut camera).await, (Duration::ZERO, Duration::ZERO));
}

#[tokio::test(flavor = "multi_thread")]
async fn exact_holds_pictures_back_for_as_long_as_analysis_takes_in_the_browser_what_the_page_has_no_room_for() {
    const ANALYSIS: Duration = Duration::from_millis(500);
    const PAGE: Duration = Duration::from_millis(200);
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Exact).await.unwrap();
    assert_eq!(mode(&mut viewer).await.0, Mode::Exact);
    connected_media(&mut viewer, &mut camera).await;
    for _ in 0..5 {
        camera.send(1);
        tokio::time::sleep(ANALYSIS).await;
        camera.send_result();
    }
    let delay = loop {
        let (_, delay, hold) = mode(&mut viewer).await;
        if hold > ANALYSIS && delay > ANALYSIS - PAGE {
            break delay;
        }
    };
    assert_eq!(delay.as_millis() % 10, 0);
    // A picture that was sent before the delay changed may still be on its way.
    while playout(&mut viewer, &mut camera).await != (delay, delay) {}
}

async fn connected_media(viewer: &mut Viewer, camera: &mut Camera) {
    camera.send(1);
    while !matches!(viewer.next(LONG).await.unwrap(), Seen::Picture { .. }) {}
}

#[test]
fn what_is_not_understood_is_answered_and_counted_and_harms_nothing() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || runtime.block_on(say_what_is_not_understood()));
    let (text, metric) = (recorder.handle().render(), "omma_live_messages_refused_total{channel=\"data_channel\"} 4");
    assert!(text.lines().any(|line| line == metric), "{text}");
}

async fn say_what_is_not_understood() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    // Not the empty text: str0m, the viewer here, sends no chunk for it.
    for text in ["{", r#"{"type":"reboot"}"#, r#"{"type":"watch","stream":null}"#, "\u{0}"] {
        viewer.say_text(text).await.unwrap();
        let reason = said(&mut viewer, |message| match message {
            HubToBrowser::Error { reason } => Some(reason),
            _ => None,
        })
        .await;
        assert!(!reason.is_empty());
    }
    assert_eq!(playout(&mut viewer, &mut camera).await, (Duration::ZERO, Duration::ZERO));
}
