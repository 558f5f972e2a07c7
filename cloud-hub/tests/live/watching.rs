//! What a viewer is sent.

use cloud_hub::bus::{Want, hub_clock};
use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::{HubToBrowser, Mode};
use omma_testkit::viewer::{Seen, Viewer};

use crate::hub::{LONG, TestHub, ask_clock, connected, pictures, said};

#[tokio::test(flavor = "multi_thread")]
async fn every_picture_arrives_under_its_capture_time_whoever_else_is_slow() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let _never_reads = hub.bus.subscribe(&camera.stream, Want::BOTH);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    for step in 0..20 {
        let sent = camera.send(9);
        assert!(pictures(&mut viewer, 9).await == sent, "step {step}: not what was sent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn boxes_come_under_the_timestamp_of_their_picture() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    for _ in 0..10 {
        let sent = camera.send(3);
        camera.send_result();
        let boxes = said(&mut viewer, |message| match message {
            HubToBrowser::Boxes(boxes) => Some(boxes),
            _ => None,
        })
        .await;
        let result = camera.result();
        assert_eq!((boxes.rtp, boxes.time_us), (sent[2].0, result.time.0));
        assert_eq!((boxes.stream, boxes.boxes.len()), (camera.stream.clone(), 1));
        assert_eq!((boxes.boxes[0].track, boxes.boxes[0].rect), (7, [0.25, 0.5, 0.125, 0.25]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_joins_later_begins_with_the_cached_group() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut first = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut first).await;
    let mut sent = camera.send(32);
    assert!(pictures(&mut first, 32).await == sent);
    sent.extend(camera.send(1)); // Just now: the group of a stream that has stopped is shown to nobody.
    // No further picture is sent: what the second one gets can only be the cached group, from the key picture on.
    let mut second = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    assert!(pictures(&mut second, 13).await == sent[20..]);
    assert!(pictures(&mut first, 1).await == sent[32..]);
    let more = camera.send(5);
    assert!(pictures(&mut first, 5).await == more);
    assert!(pictures(&mut second, 5).await == more);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_joins_a_stopped_stream_that_another_watches_waits_for_the_camera_to_come_back() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut first = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut first).await;
    let sent = camera.send(9);
    assert!(pictures(&mut first, 9).await == sent);
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let mut second = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut second).await;
    ask_clock(&mut second, 1).await;
    let rest = camera.send_rest_of_group();
    let key = camera.send(2);
    assert!(pictures(&mut second, 2).await == key, "the past was shown");
    assert!(pictures(&mut first, 13).await == [rest, key].concat());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_is_the_streams() {
    let hub = TestHub::start(8).await;
    let camera = hub.camera("site.door", Codec::H264, false);
    const AHEAD: i64 = 3_600_000_000;
    hub.bus.set_clock(&camera.stream, AHEAD);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    let before = hub_clock().0;
    let stream_us = ask_clock(&mut viewer, 5).await;
    let after = hub_clock().0;
    assert!((before..=after).contains(&(stream_us - AHEAD)), "{before} {} {after}", stream_us - AHEAD);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_a_key_picture_is_sent_nothing_else_before() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    let sent = camera.send(4);
    assert!(pictures(&mut viewer, 4).await == sent);
    // Old enough that the cached group is not simply sent again.
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    viewer.ask_key_picture().await.unwrap();
    ask_clock(&mut viewer, 1).await;
    camera.send_rest_of_group();
    let key = camera.send(2);
    assert!(pictures(&mut viewer, 2).await == key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_turns_to_h265_ends_its_viewers_with_the_reason() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    let sent = camera.send(1);
    assert!(pictures(&mut viewer, 1).await == sent);
    camera.send_codec(Codec::H265);
    let reason = said(&mut viewer, |message| match message {
        HubToBrowser::Error { reason } => Some(reason),
        _ => None,
    })
    .await;
    assert!(reason.contains("H.264"), "{reason}");
    while viewer.next(LONG).await.unwrap() != Seen::Gone {}
}
