//! An edge, Mosquitto and its clients: values of the moment, commands with answers, Home Assistant's discovery.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::env;
use std::path::PathBuf;

use omma_testkit::process::{Launch, port};
use omma_testkit::simulator::{Config, Server};
use omma_testkit::stack::broker::{Listener, Mosquitto, ask, passwords, publish};
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::stack::{CAMERA_PASSWORD, Camera, EDGE, Scene};
use omma_testkit::{standing, wait};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const DOOR: &str = "omma/v1/edges/site/cameras/door";
const VALUES: [&str; 6] = ["state", "detection", "motion", "objects/person", "snapshot", "crop"];
const STATUS: &str = "omma/v1/edges/site/status";

/// Waits until the newest message on a topic is as wanted, and gives it.
fn newest(listener: &Listener, topic: &str, wanted: impl Fn(&str) -> bool) -> String {
    wait::until(&format!("{topic} to be as wanted"), wait::LONG, || match listener.on(topic).pop() {
        Some((payload, _)) if wanted(&payload) => Ok(payload),
        other => Err(format!("it is {other:?}")),
    })
}

fn door(level: &str) -> String {
    format!("{DOOR}/{level}")
}

fn start(cameras: Vec<Camera>, mosquitto: &Mosquitto, more: &str) -> EdgeOnly {
    let mqtt = format!("url = \"mqtt://127.0.0.1:{}\"\n{more}", mosquitto.port);
    let stack = EdgeOnly::start(cameras, &mqtt);
    stack.wait_for_mqtt("up");
    stack
}

/// That the broker gave each value to who had just come.
fn all_are_retained(listener: &Listener) {
    for level in VALUES {
        newest(listener, &door(level), |_| true);
        assert!(listener.on(&door(level)).first().is_some_and(|(_, retained)| *retained), "{level} is not retained");
    }
}

fn people(payload: &str) -> bool {
    payload.parse::<u32>().is_ok_and(|count| count > 0)
}

#[test]
fn who_comes_later_is_told_how_a_camera_is_now() {
    let folder = tempfile::tempdir().unwrap();
    let mut mosquitto = Mosquitto::start(folder.path());
    let mut stack = start(vec![Camera::simulated("door")], &mosquitto, "");
    // Whether the camera or the edge was there first is up to the machine.
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("the broker can't be reached: trying again");
    let early = Listener::start(mosquitto.port);
    newest(&early, &door("objects/person"), people);
    newest(&early, &door("motion"), |payload| payload == "ON");
    for picture in ["snapshot", "crop"] {
        newest(&early, &door(picture), |_| true);
    }

    let late = Listener::start(mosquitto.port);
    let state: Value = serde_json::from_str(&newest(&late, &door("state"), |p| p.contains("\"live\""))).unwrap();
    assert_eq!((&state["placement"], &state["rate"], &state["codec"]), (&json!("edge"), &json!(5.0), &json!("H.264")));
    assert!(state["width"].as_u64().unwrap() > 0 && state["gate"].is_string() && state.get("reason").is_none());
    assert!(state["gate_tier"].is_string() && state["gate_why"].is_string(), "{state}");
    newest(&late, &door("detection"), |payload| payload == "ON");
    newest(&late, STATUS, |payload| payload.contains("true"));
    all_are_retained(&late);

    // A broker that lost everything is told anew.
    let heard = || VALUES.map(|level| early.on(&door(level)).len());
    mosquitto.program.kill9();
    let before = heard();
    mosquitto.program.restart();
    mosquitto.wait();
    wait::until("every value once more", wait::LONG, || {
        let now = heard();
        let all = now.iter().zip(&before).all(|(now, before)| now > before);
        if all { Ok(()) } else { Err(format!("{now:?} messages, before {before:?}")) }
    });
    all_are_retained(&Listener::start(mosquitto.port));

    stack.camera.as_mut().unwrap().kill9();
    let failed: Value = serde_json::from_str(&newest(&early, &door("state"), |p| p.contains("failed"))).unwrap();
    let reason = failed["reason"].as_str().unwrap();
    assert!(!reason.is_empty() && !reason.contains(CAMERA_PASSWORD), "{reason}");
    newest(&early, &door("motion"), |payload| payload == "OFF");
    newest(&early, &door("objects/person"), |payload| payload == "0");
    // The last will speaks for an edge that can't.
    stack.edge.kill9();
    newest(&early, STATUS, |payload| payload.contains("false"));
    stack.finish();
}

/// Motion and counts used to stay as they were.
#[test]
fn when_the_sub_stream_is_gone_nobody_is_counted() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let film = PathBuf::from(env::var_os("OMMA_FOOTAGE").expect("tests run by `make test`")).join("vtest.h264");
    let runtime = Runtime::new().unwrap();
    let low = format!("low=file:{}@10", film.display()).parse().unwrap();
    let server = runtime.block_on(Server::start(Config::new(vec![low]))).unwrap();
    let camera = Camera { sub_url: Some(server.url("low")), ..Camera::simulated("door") };
    let mut stack = start(vec![camera], &mosquitto, "");
    stack.edge.expect("camera failed: trying again");
    let listener = Listener::start(mosquitto.port);
    newest(&listener, &door("objects/person"), people);
    newest(&listener, &door("motion"), |payload| payload == "ON");
    drop(server);
    runtime.shutdown_background();
    newest(&listener, &door("state"), |payload| payload.contains("unseen"));
    newest(&listener, &door("objects/person"), |payload| payload == "0");
    newest(&listener, &door("motion"), |payload| payload == "OFF");
    stack.finish();
}

/// A driveway with a car in it was said to move all night.
#[test]
fn who_stands_there_from_the_beginning_is_counted_and_is_no_motion() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let film = folder.path().join("standing.h264");
    standing::write(&film);
    let camera = Camera { scene: Scene::Still(film), gate: "always", ..Camera::simulated("door") };
    let mut stack = start(vec![camera], &mosquitto, "");
    stack.edge.expect("camera failed: trying again");
    let listener = Listener::start(mosquitto.port);
    newest(&listener, &door("objects/person"), people);
    let looks = || stack.api.metric("omma_step_done_total{step=\"detect\"}");
    let before = looks().unwrap();
    wait::until("fifty looks more", wait::LONG, || match looks()? {
        looks if looks >= before + 50.0 => Ok(()),
        looks => Err(format!("{looks} looks")),
    });
    let moves = listener.on(&door("motion"));
    assert!(!moves.is_empty() && moves.iter().all(|(payload, _)| payload == "OFF"), "{moves:?}");
    newest(&listener, &door("objects/person"), people);
    stack.finish();
}

#[test]
fn a_camera_does_what_is_asked_and_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let mut stack = start(vec![Camera::simulated("door")], &mosquitto, "");
    stack.edge.expect("camera failed: trying again");
    let (listener, ok) = (Listener::start(mosquitto.port), json!({ "ok": true }));
    let ask = |topic: &str, payload: &str| ask(mosquitto.port, topic, payload);
    newest(&listener, &door("objects/person"), people);

    assert_eq!(ask(&door("command/detection"), "OFF"), ok);
    newest(&listener, &door("detection"), |payload| payload == "OFF");
    newest(&listener, &door("objects/person"), |payload| payload == "0");
    newest(&listener, &door("motion"), |payload| payload == "OFF");
    assert_eq!(stack.api.json("/state").unwrap()["cameras"][0]["detection"], false);

    // Nobody looks, so that this one is no event's.
    let before = listener.on(&door("snapshot")).len();
    assert_eq!(ask("omma/v1/edges/site/command/snapshot", r#"{"camera":"door"}"#), ok);
    wait::until("another snapshot", wait::LONG, || match listener.on(&door("snapshot")).len() {
        now if now > before => Ok(()),
        _ => Err("none"),
    });

    assert_eq!(ask("omma/v1/edges/site/command/detection", r#"{"camera":"door","on":true}"#), ok);
    newest(&listener, &door("objects/person"), people);

    let connects = || stack.api.metric("omma_source_connects_total{camera=\"door\"}").unwrap();
    let before = connects();
    assert_eq!(ask(&door("command/restart_camera"), "PRESS"), ok);
    wait::until("the camera to be connected to again", wait::LONG, || {
        if connects() > before { Ok(()) } else { Err("not yet") }
    });
    stack.wait_for_camera("door", "live");

    let detection = door("command/detection");
    for (topic, payload, part) in [
        ("omma/v1/edges/site/cameras/yard/command/snapshot", "now", "no camera `yard`"),
        (detection.as_str(), "off", "ON or OFF"),
        ("omma/v1/edges/site/command/restart_camera", "door", "expected JSON"),
    ] {
        let answer = ask(topic, payload);
        let reason = answer["reasons"][0].as_str().unwrap_or_default();
        assert!(answer["ok"] == false && reason.contains(part), "{topic}: {answer}");
    }
    // A retained command would be carried out at each connection.
    publish(mosquitto.port, &door("command/detection"), "OFF", &["-r"]);
    newest(&listener, &door("detection"), |payload| payload == "OFF");
    publish(mosquitto.port, &door("command/detection"), "ON", &[]);
    newest(&listener, &door("detection"), |payload| payload == "ON");
    stack.edge.stop();
    stack.edge.restart();
    stack.edge.wait_for_line("must not be retained");
    stack.wait_for_camera("door", "live");
    assert_eq!(stack.api.json("/state").unwrap()["cameras"][0]["detection"], true);
    stack.finish();
}

/// Many a switch and panel speaks no version 5. It has a password at the broker, and gets no answer.
#[test]
fn a_client_of_mqtt_3_1_1_hears_a_camera_and_switches_it() {
    const OLD: [&str; 6] = ["-V", "mqttv311", "-u", "panel", "-P", "pw-panel"];
    let folder = tempfile::tempdir().unwrap();
    let who = passwords(folder.path(), &[(EDGE, "pw-edge"), ("panel", "pw-panel")]);
    let mosquitto = Mosquitto::start_with(folder.path(), &who);
    let mqtt = format!("url = \"mqtt://{EDGE}:pw-edge@127.0.0.1:{}\"", mosquitto.port);
    let mut stack = EdgeOnly::start(vec![Camera::simulated("door")], &mqtt);
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("mqtt.url: a credential is written here");
    stack.wait_for_mqtt("up");
    let port = mosquitto.port.to_string();
    // What the broker retains as it is now, or the next event.
    let heard = |level: &str, payload: &str| {
        wait::until(&format!("{level} to be {payload}"), wait::LONG, || {
            let topic = door(level);
            let there = ["-h", "127.0.0.1", "-p", &port, "-t", &topic, "-C", "1", "-W", "60"].map(str::to_owned);
            let text = Launch::of_system("mosquitto_sub").args(OLD).args(there).output();
            if text.contains(payload) { Ok(()) } else { Err(format!("it is {text}")) }
        });
    };
    heard("state", "\"live\"");
    heard("events", "\"person\"");
    heard("detection", "ON");
    publish(mosquitto.port, &door("command/detection"), "OFF", &OLD);
    heard("detection", "OFF");
    assert_eq!(stack.api.json("/state").unwrap()["cameras"][0]["detection"], false);
    publish(mosquitto.port, &door("command/detection"), "ON", &OLD);
    heard("detection", "ON");
    stack.finish();
}

#[test]
fn home_assistant_finds_the_cameras_and_loses_those_that_are_no_more() {
    const OF_EDGE: &str = "homeassistant/device/omma_site/_edge/config";
    const DOOR: &str = "homeassistant/device/omma_site/door/config";
    const YARD: &str = "homeassistant/device/omma_site/yard/config";
    const YARD_STATE: &str = "omma/v1/edges/site/cameras/yard/state";
    const STRANGER: &str = "homeassistant/device/omma_other/yard/config";
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    for topic in [YARD, YARD_STATE, STRANGER] {
        publish(mosquitto.port, topic, "of before", &["-r"]);
    }
    let listener = Listener::of_everything(mosquitto.port);
    newest(&listener, STRANGER, |payload| payload == "of before");
    let url = format!("rtsp://127.0.0.1:{}/absent", port::free());
    let absent = Camera { placement: "none", ..Camera::at("door", url) };
    let mut stack = start(vec![absent], &mosquitto, "home_assistant = \"homeassistant\"");
    stack.edge.expect("camera failed: trying again");

    let edge: Value = serde_json::from_str(&newest(&listener, OF_EDGE, |payload| !payload.is_empty())).unwrap();
    let door: Value = serde_json::from_str(&newest(&listener, DOOR, |payload| !payload.is_empty())).unwrap();
    assert_eq!(door["device"]["via_device"], edge["device"]["identifiers"][0]);
    assert_eq!(door["components"]["snapshot"]["topic"], "omma/v1/edges/site/cameras/door/snapshot");
    newest(&listener, YARD, str::is_empty);
    newest(&listener, YARD_STATE, str::is_empty);
    assert_eq!(listener.on(STRANGER).len(), 1, "what another edge announced is not ours to clear");

    let before = listener.on(DOOR).len();
    publish(mosquitto.port, "homeassistant/status", "online", &[]);
    wait::until("the edge to announce again", wait::LONG, || match listener.on(DOOR).len() {
        times if times > before => Ok(()),
        times => Err(format!("announced {times} times")),
    });
    stack.finish();
}
