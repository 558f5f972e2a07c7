//! Cameras that give JPEGs over HTTP, with real processes: in every form found in the wild, shown live, looked at, killed.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::time::{Duration, Instant};

use omma_media::bitstream::is_key;
use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::Mode;
use omma_testkit::stack::broker::Mosquitto;
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::stack::{CAMERA_PASSWORD, Camera, EDGE, Stack, StackOptions};
use omma_testkit::viewer::{Hub, Seen, Viewer};
use omma_testkit::wait;

#[test]
fn they_are_shown_live_and_make_events_and_come_back() {
    let mjpeg = Camera::over_http("door", "mjpeg?no-length&wrong-boundary&no-tables");
    let snapshots = Camera::over_http("yard", "snapshot.jpg");
    let mut stack = Stack::start(StackOptions { cameras: vec![mjpeg, snapshots], ..Default::default() });
    stack.edge.expect("camera failed: trying again");
    for id in ["door", "yard"] {
        let stream = format!("{EDGE}.{id}");
        let shown = stack.api.camera(&stream).unwrap();
        let video = ["codec", "width", "height", "reorders"].map(|key| shown[key].clone());
        assert_eq!(
            video,
            [serde_json::json!("h264"), serde_json::json!(768), serde_json::json!(576), serde_json::json!(false)],
            "{shown}"
        );
        is_watched(&stack, &stream);
        wait::until(&format!("a person with a picture on {stream}"), wait::LONG, || {
            let events = stack.api.events(&format!("stream={stream}&label=person"))?;
            let pictured = events.iter().any(|event| event["picture_revision"].is_u64());
            if pictured { Ok(()) } else { Err(format!("{} events, none with a picture", events.len())) }
        });
    }

    stack.camera.kill9();
    for id in ["door", "yard"] {
        let (camera, _) = stack.wait_for_state(id, "failed");
        assert!(!camera["reason"].as_str().unwrap_or_default().is_empty(), "{camera}");
    }
    stack.camera.restart();
    let back = Instant::now();
    for id in ["door", "yard"] {
        stack.wait_for_state(id, "live");
    }
    println!("live again {:.1} s after the camera was started", back.elapsed().as_secs_f64());
    assert!(back.elapsed() < Duration::from_secs(5), "live again only after {:?}", back.elapsed());
    let said = stack.edge.log().lines().join("\n") + &stack.edge_api.get("/state").unwrap().text();
    assert!(!said.contains(CAMERA_PASSWORD), "the camera's password is shown");
    stack.finish();
}

/// Sees ten pictures in a row, the first of them a key picture.
fn is_watched(stack: &Stack, stream: &str) {
    let hub = format!("http://127.0.0.1:{}", stack.api.port()).parse().unwrap();
    let hub = Hub::new(hub, &stack.secrets[1]);
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let mut viewer = Viewer::join(&hub, stream, Mode::Live).await.unwrap();
        let mut pictures = 0;
        while pictures < 10 {
            match viewer.next(wait::LONG).await.unwrap() {
                Seen::Picture { data, contiguous, .. } => {
                    assert!(contiguous && (pictures > 0 || is_key(Codec::H264, &data)));
                    pictures += 1;
                }
                Seen::Gone => panic!("{stream}: the session ended after {pictures} pictures"),
                Seen::Connected | Seen::ChannelOpen | Seen::Said(_) => {}
            }
        }
    });
}

#[test]
fn forms_of_the_wild_come_live_and_what_can_not_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let camera = |id, page| Camera { placement: "none", ..Camera::over_http(id, page) };
    let cameras = vec![
        camera("dashes", "mjpeg?dashed-boundary&line-feeds&garbage"),
        camera("bare", "mjpeg?no-length&wrong-boundary"),
        camera("lengths", "mjpeg?short-length&basic"),
        camera("damaged", "mjpeg?no-end&cut-off"),
        camera("lazy", "snapshot.jpg?lazy&no-tables"),
        camera("silent", "mjpeg?silent"),
        camera("page", "mjpeg?page"),
        camera("nowhere", "mjpg/video.mjpg"),
    ];
    let mut stack = EdgeOnly::start(cameras, &format!("url = \"mqtt://127.0.0.1:{}\"", mosquitto.port));
    stack.edge.expect("camera failed: trying again");
    for id in ["dashes", "bare", "lengths", "damaged", "lazy", "silent"] {
        stack.wait_for_camera(id, "live");
    }
    for (id, part) in [("page", "web page"), ("nowhere", "check `url` (404 Not Found)")] {
        stack.wait_for_camera(id, "failed");
        let state = stack.api.json("/state").unwrap();
        let shown = state["cameras"].as_array().unwrap().iter().find(|camera| camera["camera"] == id).unwrap();
        assert!(shown["reason"].as_str().unwrap().contains(part), "{shown}");
    }
    wait::until("the silent camera to be found", wait::LONG, || {
        if stack.edge.log().contains("no picture for 5 s") { Ok(()) } else { Err("nothing is said of it") }
    });
    // Every fourth picture of one camera is cut off, and it goes on all the same.
    wait::until("pictures cut off to be counted", wait::LONG, || {
        match stack.api.metric("omma_step_dropped_total{step=\"source\",reason=\"picture cut off\"}")? {
            cut_off if cut_off >= 5.0 => Ok(()),
            cut_off => Err(format!("{cut_off} so far")),
        }
    });
    assert!(stack.api.metric("omma_source_failures_total{camera=\"page\"").unwrap() > 0.0, "failures are counted");
    for id in ["dashes", "bare", "lengths", "damaged", "lazy"] {
        stack.wait_for_camera(id, "live");
        let failures = stack.api.metric(&format!("omma_source_failures_total{{camera=\"{id}\"")).unwrap();
        assert_eq!(failures, 0.0, "{id} failed meanwhile");
    }
    stack.finish();
}
