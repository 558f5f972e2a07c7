//! A camera's two streams with real processes: the sub-stream is looked at, the main one is shown, and boxes belong to its
//! frames.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::PathBuf;
use std::time::Instant;

use omma_protocol::wire::browser::{HubToBrowser, Mode};
use omma_testkit::simulator::{Config, Server};
use omma_testkit::stack::{Camera, Stack, StackOptions};
use omma_testkit::viewer::{Hub, Seen, Viewer};
use omma_testkit::wait;
use serde_json::Value;
use tokio::runtime::Runtime;

/// Pictures a second of the sub-stream; the main one has ten. So most of its frames lie between two of the other's.
const RATE: u32 = 15;
/// Results that are looked at.
const RESULTS: usize = 20;
/// Pictures for which the last result's own is waited for.
const MORE: usize = 10;

#[test]
fn boxes_of_the_sub_stream_belong_to_frames_of_the_main_stream() {
    let film = PathBuf::from(std::env::var_os("OMMA_FOOTAGE").expect("tests run by `make test`")).join("vtest.h264");
    let runtime = Runtime::new().unwrap();
    let low = format!("low=file:{}@{RATE}", film.display()).parse().unwrap();
    let server = runtime.block_on(Server::start(Config::new(vec![low]))).unwrap();
    let door = Camera { sub_url: Some(server.url("low")), ..Camera::simulated("door") };
    let mut stack = Stack::start(StackOptions { cameras: vec![door], ..Default::default() });

    let shown = wait::until("the sub-stream to be live", wait::LONG, || {
        let shown = door_of(&stack)?;
        if shown["sub"]["state"] == "live" { Ok(shown) } else { Err(format!("it is {shown}")) }
    });
    assert_eq!((&shown["state"], &shown["sub"]["video"]["width"]), (&"live".into(), &768.into()), "{shown}");
    assert!(server.counts().plays >= 1 && shown["unseen"].is_null(), "{shown}");
    runtime.block_on(boxes_are_on_frames(&stack));

    stack.edge.expect("camera failed: trying again");
    drop(server);
    runtime.shutdown_background();
    let shown = wait::until("the sub-stream to have failed", wait::LONG, || {
        let shown = door_of(&stack)?;
        if shown["sub"]["state"] == "failed" { Ok(shown) } else { Err(format!("it is {shown}")) }
    });
    assert!(shown["unseen"].as_str().unwrap().starts_with("its sub-stream: "), "{shown}");
    assert_eq!((&shown["state"], &shown["sub"]["state"]), (&"live".into(), &"failed".into()), "{shown}");
    stack.finish();
}

async fn boxes_are_on_frames(stack: &Stack) {
    let hub = format!("http://127.0.0.1:{}", stack.api.port()).parse().unwrap();
    let hub = Hub::new(hub, &stack.secrets[1]);
    let mut viewer = Viewer::join(&hub, "site.door", Mode::Live).await.unwrap();
    let (mut pictures, mut results): (Vec<u32>, Vec<u32>) = (vec![], vec![]);
    let (begun, mut more) = (Instant::now(), MORE);
    while more > 0 {
        assert!(begun.elapsed() < wait::LONG, "{} results and {} pictures", results.len(), pictures.len());
        match viewer.next(wait::LONG).await.unwrap() {
            Seen::Picture { rtp, contiguous, .. } => {
                assert!(contiguous, "a picture is missing");
                pictures.push(rtp);
                more -= usize::from(results.len() == RESULTS);
            }
            Seen::Said(message) => {
                if let HubToBrowser::Boxes(boxes) = *message
                    && let Some(first) = pictures.first()
                    // Of what was before this viewer came it has no picture.
                    && boxes.rtp.wrapping_sub(*first) < 1 << 31
                    && results.len() < RESULTS
                {
                    results.push(boxes.rtp);
                }
            }
            Seen::Gone => panic!("the session ended after {} pictures", pictures.len()),
            Seen::Connected | Seen::ChannelOpen => {}
        }
    }
    let lost: Vec<_> = results.iter().filter(|rtp| !pictures.contains(rtp)).collect();
    assert!(lost.is_empty(), "results {lost:?} belong to none of the pictures {pictures:?}");
}

/// What the edge shows of the camera.
fn door_of(stack: &Stack) -> Result<Value, String> {
    let state = stack.edge_api.json("/state")?;
    state["cameras"].get(0).cloned().ok_or_else(|| "there is no camera".to_owned())
}
