//! What befalls an edge is told to its hub once, or without one to whoever listens at its broker; how it is, to whoever comes.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

#[path = "../../vision/tests/onnx/mod.rs"]
mod onnx;

#[expect(dead_code, reason = "a camera sends the pictures here")]
#[path = "../../vision/tests/onnx/dark.rs"]
mod dark;

use std::process::Command;

use omma_testkit::process::{Launch, Program, port};
use omma_testkit::stack::broker::{Listener, Mosquitto};
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::stack::{Camera, EDGE, Stack, StackOptions};
use omma_testkit::wait;
use serde_json::{Value, json};

const HEALTH: &str = "omma/v1/edges/site/health";
const INCIDENTS: &str = "omma/v1/edges/site/incidents";

/// What an edge ends with that its own watchdog has ended.
const STUCK: u8 = 70;

/// One that is not there: these tests are not about pictures.
fn absent() -> Vec<Camera> {
    let url = format!("rtsp://127.0.0.1:{}/absent", port::free());
    vec![Camera { placement: "none", ..Camera::at("door", url) }]
}

fn incidents(stack: &Stack) -> Result<Vec<Value>, String> {
    let answer = stack.api.json("/api/v1/incidents?limit=100")?;
    answer["incidents"].as_array().cloned().ok_or(answer.to_string())
}

fn kinds(incidents: &[Value]) -> Vec<&str> {
    incidents.iter().filter_map(|incident| incident["kind"].as_str()).collect()
}

/// The first message on a topic that who has just come hears, and whether the broker had retained it.
fn first(listener: &Listener, topic: &str) -> (Value, bool) {
    wait::until(&format!("a message on {topic}"), wait::LONG, || match listener.on(topic).first() {
        Some((payload, retained)) => Ok((serde_json::from_str(payload).unwrap(), *retained)),
        None => Err("none"),
    })
}

fn wait_until_nothing_waits(api: &omma_testkit::stack::api::Api) {
    wait::until("the outbox to be empty", wait::LONG, || match api.existing_metric("omma_outbox_waiting")? {
        0.0 => Ok(()),
        waiting => Err(format!("{waiting} wait")),
    });
}

#[test]
fn an_edge_that_was_killed_is_told_of_once() {
    let unseen = Camera { placement: "none", ..Camera::simulated("door") };
    let mut stack = Stack::start(StackOptions { cameras: vec![unseen], ..Default::default() });
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("the hub can't be reached: trying again");
    assert_eq!(incidents(&stack), Ok(vec![]), "nothing has befallen it");
    let (health, retained) = first(&Listener::start(stack.mqtt_port()), HEALTH);
    assert_eq!((&health["last_run"], &health["unclean_ends"]), (&json!("unknown"), &json!(0)), "{health}");
    // Whether the first listener came before it was published is up to the machine.
    let (_, later) = first(&Listener::start(stack.mqtt_port()), HEALTH);
    assert!(retained || later, "it is not retained");

    stack.edge.kill9();
    stack.edge.restart();
    stack.wait_for_edge();
    let told = wait::until("the incident", wait::LONG, || match incidents(&stack)? {
        told if told.is_empty() => Err("none".to_owned()),
        told => Ok(told),
    });
    assert_eq!(kinds(&told), ["unclean_end"], "{told:?}");
    let [incident] = &told[..] else { panic!("{told:?}") };
    assert_eq!(incident["edge"], EDGE);
    assert!(incident["message"].as_str().unwrap().contains("killed"), "{incident}");
    wait_until_nothing_waits(&stack.edge_api);

    // A clean restart tells nothing, and nothing again.
    stack.edge.stop();
    stack.edge.restart();
    stack.wait_for_edge();
    wait::until("the health of the new run", wait::LONG, || {
        let (health, retained) = first(&Listener::start(stack.mqtt_port()), HEALTH);
        let known = retained && health["last_run"] == "ended" && health["unclean_ends"] == 1;
        if known { Ok(()) } else { Err(format!("retained: {retained}, {health}")) }
    });
    wait_until_nothing_waits(&stack.edge_api);
    assert_eq!(incidents(&stack), Ok(told));
    let metrics = stack.api.metrics().unwrap();
    assert_eq!(metrics["omma_store_out_of_order_total"], 0.0);
    stack.finish();
}

#[test]
fn without_a_hub_the_broker_is_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let listener = Listener::start(mosquitto.port);
    let mut stack = EdgeOnly::start(absent(), &format!("url = \"mqtt://127.0.0.1:{}\"", mosquitto.port));
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("the broker can't be reached: trying again");
    stack.wait_for_mqtt("up");
    first(&listener, HEALTH);
    // Of a panic that the program outlived, and then of its end.
    let crashes = stack.folder().join("edge/crashes");
    std::fs::create_dir_all(&crashes).unwrap();
    let report = json!({
        "time_us": 1, "kind": "panic", "message": "index 7 is out of range", "place": "look.rs:1:1",
        "thread": "look door", "agent": "edge-agent 0"
    });
    std::fs::write(crashes.join("00000000000000000001-000.json"), report.to_string()).unwrap();
    stack.edge.kill9();
    for _ in 0..2 {
        stack.edge.restart();
        stack.wait_for_edge();
        stack.wait_for_mqtt("up");
        wait::until("two incidents", wait::LONG, || match listener.on(INCIDENTS).len() {
            2 => Ok(()),
            heard => Err(format!("{heard} were heard")),
        });
        wait_until_nothing_waits(&stack.api);
        stack.edge.stop();
    }
    let heard: Vec<Value> =
        listener.on(INCIDENTS).iter().map(|(payload, _)| serde_json::from_str(payload).unwrap()).collect();
    assert_eq!(kinds(&heard), ["panic", "unclean_end"], "{heard:?}");
    assert!(heard[0]["message"].as_str().unwrap().contains("index 7 is out of range"), "{heard:?}");
    assert!(listener.on(INCIDENTS).iter().all(|(_, retained)| !retained));
    let (health, retained) = first(&Listener::start(mosquitto.port), HEALTH);
    assert!(retained && health["crash_reports"] == 1 && health["unclean_ends"] == 1, "{health}");
    stack.finish();
}

/// A camera of bright pictures, at which a model that sees in the dark fails, or panics: what the edge is to read before it begins.
struct Bright {
    model: tempfile::TempDir,
    port: u16,
}

impl Bright {
    fn new() -> Self {
        let model = tempfile::tempdir().unwrap();
        dark::write_model(model.path());
        Self { model, port: port::free() }
    }

    /// The camera is not there yet.
    fn site(&self, engine: &str) -> Stack {
        let library = std::env::var("OMMA_ONNXRUNTIME").expect("`make test` sets it");
        let door = Camera { gate: "always", ..Camera::at("door", format!("rtsp://127.0.0.1:{}/door", self.port)) };
        let model = self.model.path();
        let detect = format!("model = {model:?}\nengine = \"{engine}\"\nonnxruntime = {library:?}\n");
        let cameras = vec![door, Camera { placement: "none", ..Camera::simulated("gate") }];
        let mut stack = Stack::start(StackOptions { cameras, detect: Some(detect), ..Default::default() });
        stack.edge.expect("camera failed: trying again");
        assert_eq!(incidents(&stack), Ok(vec![]), "nothing has befallen it");
        stack
    }

    fn shine(&self) -> Program {
        let film = self.model.path().join("bright.h264");
        let picture = format!("color=c=white:size={side}x{side}:rate=10", side = dark::SIDE);
        let ffmpeg = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", &picture, "-frames:v", "20"])
            .args(["-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "0", "-g", "10", "-f", "h264"])
            .arg(&film)
            .output()
            .expect("ffmpeg: `make setup` installs it");
        assert!(ffmpeg.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&ffmpeg.stderr));
        let (listen, scene) = (format!("127.0.0.1:{}", self.port), format!("door=file:{}@10", film.display()));
        Launch::of_workspace("omma-camera").args(["--listen", &listen, "--camera", &scene]).start()
    }
}

/// The edge is started again: what its hub is told, and how it says it is.
fn told_by_the_next_run(stack: &mut Stack) -> (Value, Value) {
    stack.edge.restart();
    stack.wait_for_edge();
    let told = wait::until("the incident", wait::LONG, || match incidents(stack)? {
        told if told.is_empty() => Err("none".to_owned()),
        told => Ok(told),
    });
    wait_until_nothing_waits(&stack.edge_api);
    assert_eq!(incidents(stack).as_ref(), Ok(&told));
    let [incident] = &told[..] else { panic!("{told:?}") };
    assert_eq!(incident["edge"], EDGE, "{incident}");
    let health = wait::until("its health", wait::LONG, || {
        let health = stack.api.json("/api/v1/edges/site")?["health"].clone();
        if health["crash_reports"] == 1 { Ok(health) } else { Err(health.to_string()) }
    });
    (incident.clone(), health)
}

/// tract panics at a bright picture, in the thread that looks.
#[test]
fn a_panic_of_a_running_edge_is_told_at_the_hub_once_it_was_started_again() {
    let bright = Bright::new();
    let mut stack = bright.site("tract");
    stack.edge.expect("panicked: range start index");
    stack.edge.expect("edge-agent ends: a part of camera door ended unasked");

    let mut camera = bright.shine();
    let ended = stack.edge.wait_for_end(wait::LONG);
    assert!(!ended.success(), "an edge that looks at nothing any more must say so: {ended}");
    camera.kill9();
    let (incident, health) = told_by_the_next_run(&mut stack);
    assert_eq!(incident["kind"], "panic", "{incident}");
    assert!(incident["message"].as_str().unwrap().contains("in thread look door"), "{incident}");
    assert_eq!(health["unclean_ends"], 0, "it ended by itself: {health}");
    stack.finish();
}

/// ONNX Runtime fails at bright pictures, and the model is read anew from a disk that does not answer any more.
#[test]
fn an_edge_whose_camera_thread_hangs_ends_after_a_minute_and_says_so_once_it_was_started_again() {
    let bright = Bright::new();
    let mut stack = bright.site("ort");
    let manifest = bright.model.path().join("model.toml");
    std::fs::remove_file(&manifest).unwrap();
    assert!(Command::new("mkfifo").arg(&manifest).status().unwrap().success());
    for complaint in ["the camera's pictures can't be looked at", "stuck: the program ends"] {
        stack.edge.expect(complaint);
    }

    let mut camera = bright.shine();
    let ended = stack.edge.wait_for_end(3 * wait::LONG);
    assert_eq!(ended.code(), Some(i32::from(STUCK)), "{ended}");
    camera.kill9();
    std::fs::remove_file(&manifest).unwrap();
    dark::write_model(bright.model.path());
    let (incident, health) = told_by_the_next_run(&mut stack);
    assert_eq!(incident["kind"], "watchdog", "{incident}");
    assert!(incident["message"].as_str().unwrap().contains("stuck: analysis of door"), "{incident}");
    assert_eq!(health["unclean_ends"], 0, "nobody killed it: {health}");
    stack.finish();
}
