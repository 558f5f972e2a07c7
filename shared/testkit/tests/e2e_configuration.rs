//! An edge whose cameras are configured over MQTT, by Mosquitto's clients.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use omma_testkit::process::port;
use omma_testkit::stack::broker::{Listener, Mosquitto, ask, publish};
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::stack::{CAMERA_PASSWORD, Camera};
use omma_testkit::wait;
use serde_json::{Value, json};

const DESIRED: &str = "omma/v1/edges/site/config/desired";
const REPORTED: &str = "omma/v1/edges/site/config/reported";
const DOOR_STATE: &str = "omma/v1/edges/site/cameras/door/state";

/// With one camera that is not there, `door`: these tests are about which cameras there are.
fn start(mosquitto: &Mosquitto, edge: &str) -> EdgeOnly {
    let door = Camera { placement: "none", ..Camera::at("door", url("door")) };
    let mqtt = format!("url = \"mqtt://127.0.0.1:{}\"", mosquitto.port);
    let mut stack = EdgeOnly::start_with(vec![door], edge, &mqtt);
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("a credential is written here");
    stack.wait_for_mqtt("up");
    stack
}

fn url(camera: &str) -> String {
    format!("rtsp://viewer:{CAMERA_PASSWORD}@127.0.0.1:{}/{camera}", port::free())
}

fn toml(camera: &str) -> String {
    format!("[[camera]]\nid = \"{camera}\"\nplacement = \"none\"\nurl = \"{}\"\n", url(camera))
}

fn reported(listener: &Listener, state: &str) -> Value {
    wait::until(&format!("the cameras to be reported as {state}"), wait::LONG, || {
        let newest = listener.on(REPORTED).pop().map(|(payload, _)| payload).unwrap_or_default();
        match serde_json::from_str::<Value>(&newest) {
            Ok(message) if message["state"] == state => Ok(message),
            _ => Err(format!("it is {newest:?}")),
        }
    })
}

fn cameras(stack: &EdgeOnly) -> Vec<String> {
    let shown = stack.api.json("/state").unwrap();
    shown["cameras"].as_array().unwrap().iter().map(|camera| camera["camera"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn desired_cameras_run_are_kept_and_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let mut stack = start(&mosquitto, "");
    let listener = Listener::start(mosquitto.port);
    reported(&listener, "file");

    let answer = ask(mosquitto.port, DESIRED, &(toml("yard") + "rate = 0\nplcement = \"hub\"\n"));
    assert_eq!(answer["ok"], false);
    for (n, key) in ["camera[0].rate: ", "camera[0].plcement: "].into_iter().enumerate() {
        assert!(answer["reasons"][n].as_str().is_some_and(|reason| reason.contains(key)), "{key} in {answer}");
    }
    let refused = reported(&listener, "refused");
    assert!(refused.get("running").is_none() && refused["reasons"] == answer["reasons"], "{refused}");
    assert_eq!(cameras(&stack), ["door"]);

    let wanted = toml("yard") + &toml("gate");
    assert_eq!(ask(mosquitto.port, DESIRED, &wanted), json!({ "ok": true }));
    assert_eq!(cameras(&stack), ["yard", "gate"]);
    reported(&listener, "trial");
    let applied = reported(&listener, "applied");
    assert!(applied["running"].is_string() && applied["running"] == applied["desired"], "{applied}");
    wait::until("the camera that is no more to be cleared", wait::LONG, || match listener.on(DOOR_STATE).pop() {
        Some((payload, _)) if payload.is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    });

    stack.edge.stop();
    stack.edge.restart();
    stack.wait_for_mqtt("up");
    assert_eq!(cameras(&stack), ["yard", "gate"]);
    assert_eq!(reported(&listener, "applied")["running"], applied["running"]);
    let told: String = listener.on(REPORTED).into_iter().map(|(payload, _)| payload).collect();
    assert!(!(told + &stack.edge.log().lines().concat()).contains(CAMERA_PASSWORD));
    stack.finish();
}

#[test]
fn a_change_that_cuts_the_edge_off_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut mosquitto = Mosquitto::start(folder.path());
    let mut stack = start(&mosquitto, "rollback_s = 10");
    stack.edge.expect("the broker can't be reached: trying again");
    stack.edge.expect("they are taken back");
    let listener = Listener::start(mosquitto.port);
    reported(&listener, "file");
    publish(mosquitto.port, DESIRED, &toml("yard"), &["-r"]);
    reported(&listener, "trial");
    assert_eq!(cameras(&stack), ["yard"]);
    mosquitto.program.stop();
    stack.edge.wait_for_line("they are taken back");
    wait::until("the cameras of before", wait::LONG, || match cameras(&stack) {
        now if now == ["door"] => Ok(()),
        now => Err(format!("there are {now:?}")),
    });

    mosquitto.program.restart();
    mosquitto.wait();
    let taken_back = reported(&listener, "rolled_back");
    assert!(taken_back.get("running").is_none() && taken_back["reasons"][0].as_str().unwrap().contains("rollback_s"));
    // The broker has given the edge its retained copy again.
    stack.edge.wait_for_line("what was asked is refused");
    assert_eq!(cameras(&stack), ["door"]);
    reported(&listener, "rolled_back");
    stack.finish();
}
