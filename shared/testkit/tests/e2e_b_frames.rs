//! A camera that sends B-frames, with real processes: it is told, edge and hub look at it, and live video says why not.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use omma_testkit::b_frames;
use omma_testkit::garbage::sdp;
use omma_testkit::simulator::{Config, Server};
use omma_testkit::stack::{Camera, Stack, StackOptions};
use omma_testkit::wait;

#[test]
fn b_frames_are_told_and_looked_at_and_not_shown_live() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.h264");
    std::fs::write(&film, b_frames::walkers()).unwrap();
    let camera = |id| format!("{id}=file:{}@{}", film.display(), b_frames::RATE).parse().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(Config::new(["door", "yard"].map(camera).into()))).unwrap();
    let cameras = vec![
        Camera::at("door", server.url("door")),
        Camera { placement: "hub", ..Camera::at("yard", server.url("yard")) },
        Camera::simulated("gate"),
    ];
    let mut stack = Stack::start(StackOptions { cameras, ..Default::default() });

    for (id, reorders) in [("door", true), ("yard", true), ("gate", false)] {
        stack.wait_for_state(id, "live");
        wait::until("the hub to know the order", wait::LONG, || {
            let shown = stack.api.camera(&format!("site.{id}"))?;
            if shown["reorders"] == reorders { Ok(()) } else { Err(format!("{shown}")) }
        });
    }
    // Whoever looks, at the edge or in the hub, finds persons, and loses no picture.
    for id in ["door", "yard"] {
        wait::until("persons", wait::LONG, || {
            let events = stack.api.events(&format!("stream=site.{id}&label=person"))?;
            if events.is_empty() { Err("none".to_owned()) } else { Ok(()) }
        });
        let path = format!("/api/v1/streams/site.{id}/whep");
        let answer = stack.api.send("POST", &path, "application/sdp", sdp::WITHOUT_VIDEO.as_bytes()).unwrap();
        assert_eq!(answer.status, 409, "{}", answer.text());
        assert!(answer.text().contains("B-frames") && answer.text().contains("switch them off"), "{}", answer.text());
    }
    for (api, lost) in [
        (&stack.edge_api, "{step=\"source\""),
        (&stack.edge_api, "{step=\"decode\",reason=\"broken\"}"),
        (&stack.api, "{step=\"decode\",reason=\"broken\"}"),
    ] {
        assert_eq!(api.metric(&format!("omma_step_dropped_total{lost}")), Ok(0.0), "{lost}");
    }
    // The edge must not see the cameras end before it does.
    stack.finish();
    drop(server);
}
