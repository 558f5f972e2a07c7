//! H.265 with real processes: it goes from the camera into the hub's bus, each side whose build can't decode it says so
//! once, the hub shows that nobody looks at a camera that is live, and everything else goes on; an edge whose build can decode it
//! looks at it.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use omma_testkit::h265;
use omma_testkit::simulator::{Config, Server};
use omma_testkit::stack::{Camera, Scene, Stack, StackOptions, pictures};
use omma_testkit::wait;
use serde_json::Value;

/// Pictures a second, two key pictures among them.
const RATE: u32 = 20;

#[test]
fn what_this_build_cannot_decode_is_forwarded_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.h265");
    std::fs::write(&film, h265::stream()).unwrap();
    let [door, yard] = ["door", "yard"].map(|id| format!("{id}=file:{}@{RATE}", film.display()).parse().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime.block_on(Server::start(Config::new(vec![door, yard]))).unwrap();
    let cameras = vec![
        Camera::at("door", server.url("door")),
        Camera { placement: "hub", ..Camera::at("yard", server.url("yard")) },
        Camera::simulated("gate"),
    ];
    let mut stack = Stack::start(StackOptions { cameras, ..Default::default() });
    stack.edge.expect("the camera's pictures can't be looked at");
    stack.hub.expect("the hub can't look at the camera's pictures");

    for id in ["door", "yard"] {
        let (shown, _) = stack.wait_for_state(id, "live");
        assert_eq!((&shown["codec"], &shown["width"]), (&"h265".into(), &h265::WIDTH.into()), "{shown}");
    }
    let door = wait::until("the edge to say that it can't look", wait::LONG, || {
        let door = camera_of(&stack, "door")?;
        if door["unseen"].is_string() { Ok(door) } else { Err(format!("it is {door}")) }
    });
    let unseen = door["unseen"].as_str().unwrap();
    for words in ["H.265 not decodable by this build", "H.264", "sub-stream", "libav"] {
        assert!(unseen.contains(words), "{unseen}");
    }
    assert_eq!((&door["state"], &door["gate"]), (&"live".into(), &Value::Null), "{door}");
    let shown = wait::until("the hub to show that nobody looks at it", wait::LONG, || {
        let shown = stack.api.camera("site.door")?;
        if shown["reason"].is_string() { Ok(shown) } else { Err(format!("{shown}")) }
    });
    assert_eq!((&shown["state"], &shown["reason"]), (&"live".into(), &format!("nobody looks at it: {unseen}").into()));
    wait::until("units of the other one in the hub's bus", wait::LONG, || {
        let yard = stack.api.camera("site.yard")?;
        let said = yard["reason"].as_str().unwrap_or_default();
        if said.starts_with("the hub can't look at it: H.265 not decodable") { Ok(()) } else { Err(format!("{yard}")) }
    });
    assert!(stack.hub.log().contains("the hub can't look at the camera's pictures"));
    assert_eq!(stack.api.existing_metric("omma_infer_unseen_cameras"), Ok(1.0));

    wait::until("some more key pictures", wait::LONG, || {
        let metrics = stack.edge_api.metrics()?;
        let seen = metrics.get("omma_step_dropped_total{step=\"decode\",reason=\"unsupported\"}");
        if seen.is_some_and(|count| *count >= 6.0) { Ok(()) } else { Err(format!("{seen:?}")) }
    });
    let said = stack.edge.log().lines().into_iter().filter(|line| line.contains("can't be looked at")).count();
    assert_eq!(said, 1, "it is said once");
    wait::until("persons at the other camera", wait::LONG, || {
        let events = stack.api.events("stream=site.gate&label=person")?;
        if events.is_empty() { Err("none".to_owned()) } else { Ok(()) }
    });
    assert!(camera_of(&stack, "gate").unwrap()["unseen"].is_null());
    assert!(stack.api.camera("site.gate").unwrap()["reason"].is_null());
    // The edge must not see the cameras end before it does.
    stack.finish();
    drop(server);
}

/// The same edge with the feature `libav`, which `make test-libav` builds beside it.
const WITH_LIBAV: &str = "edge-agent-libav";

#[test]
#[ignore = "needs an edge with the feature libav: make test-libav"]
fn people_on_an_h265_camera_are_events_where_the_edge_is_built_with_libav() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("walkers.h265");
    walkers(&film);
    let camera = Camera { scene: Scene::Film(film), ..Camera::simulated("door") };
    let options = StackOptions { cameras: vec![camera], edge_program: WITH_LIBAV, ..Default::default() };
    let stack = Stack::start(options);

    let event = pictures::look_at_one(&stack.api, "stream=site.door&label=person");
    assert_eq!((&event["place"], &event["stream"]), (&"edge".into(), &"site.door".into()), "{event}");
    let shown = stack.api.camera("site.door").unwrap();
    assert_eq!((&shown["codec"], &shown["width"], &shown["height"]), (&"h265".into(), &768.into(), &576.into()));
    let door = camera_of(&stack, "door").unwrap();
    assert!(door["unseen"].is_null() && door["gate"].is_object(), "{door}");
    for lost in ["{step=\"source\"", "{step=\"decode\",reason=\"broken\"}", "{step=\"decode\",reason=\"unsupported\"}"]
    {
        assert_eq!(stack.edge_api.metric(&format!("omma_step_dropped_total{lost}")), Ok(0.0), "{lost}");
    }
    stack.finish();
}

/// Our footage as an H.265 camera codes it.
fn walkers(film: &Path) {
    let footage = PathBuf::from(std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE: run tests by `make test`"));
    let ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-framerate", "10", "-i"])
        .arg(footage.join("walkers.h264"))
        .args(["-c:v", "libx265", "-preset", "ultrafast", "-crf", "22"])
        .args(["-x265-params", "log-level=error:bframes=0:keyint=20:min-keyint=20:scenecut=0:repeat-headers=1"])
        .args(["-f", "hevc"])
        .arg(film)
        .output()
        .expect("ffmpeg: `make setup` installs it");
    assert!(ffmpeg.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&ffmpeg.stderr));
}

/// What the edge shows of a camera.
fn camera_of(stack: &Stack, id: &str) -> Result<Value, String> {
    let state = stack.edge_api.json("/state")?;
    let cameras = state["cameras"].as_array().cloned().unwrap_or_default();
    cameras.into_iter().find(|shown| shown["camera"] == id).ok_or(format!("there is no {id}"))
}
