//! An edge and a broker of the operator's, and no hub anywhere.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use omma_testkit::process::port;
use omma_testkit::stack::broker::certificates::{Authority, Certificate};
use omma_testkit::stack::broker::{Listener, Mosquitto, passwords};
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::stack::{Camera, EDGE};
use omma_testkit::wait;

/// No text of a test holds it by chance.
const PASSWORD: &str = "pw-broker-battery-staple";

#[test]
fn events_reach_whoever_listens_once_though_the_broker_is_killed() {
    let broker_folder = tempfile::tempdir().unwrap();
    let mut mosquitto = Mosquitto::start(broker_folder.path());
    let listener = Listener::persistent(&mut mosquitto);
    let mqtt = format!("url = \"mqtt://127.0.0.1:{}\"", mosquitto.port);
    let mut stack = EdgeOnly::start(vec![Camera::simulated("door")], &mqtt);
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("the broker can't be reached: trying again");
    let shown = stack.wait_for_mqtt("up");
    assert!(shown.get("quic").is_none() && shown["edge"] == EDGE, "{shown}");
    wait::until("events", wait::LONG, || match listener.sequences().len() {
        events if events >= 5 => Ok(()),
        events => Err(format!("{events} so far")),
    });
    // With nothing under way, so that each event goes out once.
    settle(&mut stack, &listener);

    mosquitto.program.kill9();
    let camera = stack.camera.as_mut().expect("a camera");
    camera.restart();
    camera.wait_for_line("listening rtsp://");
    wait::until("events that wait on the edge's disk", wait::LONG, || match waiting(&stack)? {
        waiting if waiting >= 3.0 => Ok(()),
        waiting => Err(format!("{waiting} wait")),
    });
    stack.wait_for_mqtt("down");
    mosquitto.program.restart();
    mosquitto.wait();
    settle(&mut stack, &listener);
    stack.finish();
}

/// Takes the camera away and waits until every event has ended and was read, each state once and in order.
fn settle(stack: &mut EdgeOnly, listener: &Listener) {
    stack.camera.as_mut().expect("a camera").kill9();
    stack.wait_for_camera("door", "failed");
    wait::until("every event to end and to be read", wait::LONG, || {
        let mut phases = BTreeMap::new();
        for event in listener.events() {
            phases.insert(event["id"].to_string(), event["phase"].to_string());
        }
        let open = phases.values().filter(|phase| *phase != "\"closed\"").count();
        let (read, put) = (listener.records() as f64, stack.api.metric("omma_step_done_total{step=\"outbox\"}")?);
        if open == 0 && read == put && waiting(stack)? == 0.0 {
            Ok(())
        } else {
            Err(format!("{open} events are open, {read} of {put} events and pictures were read"))
        }
    });
    let read = listener.sequences();
    assert_eq!(read.iter().collect::<BTreeSet<_>>().len(), read.len(), "read twice: {read:?}");
    assert!(read.is_sorted(), "out of order: {read:?}");
}

fn waiting(stack: &EdgeOnly) -> Result<f64, String> {
    stack.api.metric("omma_outbox_waiting")
}

/// A camera that nobody looks at and that is not there: these tests are about the broker.
fn absent() -> Vec<Camera> {
    let url = format!("rtsp://127.0.0.1:{}/absent", port::free());
    vec![Camera { placement: "none", ..Camera::at("door", url) }]
}

fn start(mqtt: &str) -> EdgeOnly {
    let mut stack = EdgeOnly::start(absent(), mqtt);
    stack.edge.expect("camera failed: trying again");
    stack
}

/// Everything that a person may read of the edge.
fn shown(stack: &EdgeOnly) -> String {
    stack.edge.log().lines().join("\n") + &stack.api.get("/state").unwrap().text()
}

fn own(port: u16, user: &str, ca: &Authority) -> String {
    format!("url = \"mqtts://{user}127.0.0.1:{port}\"\nca = {:?}\n", ca.certificate)
}

fn certificate_of(edge: &Certificate) -> String {
    format!("certificate = {:?}\nkey = {:?}\n", edge.certificate, edge.key)
}

fn tls(folder: &Path, server: &Certificate, authority: &Authority, who: &str) -> Mosquitto {
    Mosquitto::start_with(folder, &format!("{}{who}", server.listener(authority)))
}

#[test]
fn tls_with_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path(), "authority");
    let who = passwords(folder.path(), &[(EDGE, PASSWORD)]);
    let mosquitto = tls(folder.path(), &authority.issue("broker"), &authority, &who);

    let mut stack = start(&own(mosquitto.port, &format!("{EDGE}:{PASSWORD}@"), &authority));
    stack.edge.expect("mqtt.url: a credential is written here");
    stack.wait_for_mqtt("up");
    assert!(!shown(&stack).contains(PASSWORD));
    stack.finish();

    // The password in a file, first a wrong one: no restart is needed when it is mended.
    let file = folder.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let in_file = format!("password_file = {file:?}\n");
    let mut stack = start(&(own(mosquitto.port, &format!("{EDGE}@"), &authority) + &in_file));
    stack.edge.expect("can be read by every user of this machine");
    stack.edge.expect("the broker can't be reached: trying again");
    let state = stack.wait_for_mqtt("down");
    let reason = state["mqtt"]["reason"].as_str().unwrap();
    assert!(reason.contains("refuses this edge") && reason.contains("mqtt.url"), "{reason}");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    stack.wait_for_mqtt("up");
    assert!(!shown(&stack).contains(PASSWORD));
    stack.finish();
}

#[test]
fn tls_with_a_client_certificate_that_is_renewed() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new(folder.path(), "authority"), Authority::new(folder.path(), "stranger"));
    let who = "allow_anonymous false\nrequire_certificate true\nuse_identity_as_username true\n";
    let mosquitto = tls(folder.path(), &authority.issue("broker"), &authority, who);
    // One that the broker does not know, until it is renewed.
    let edge = stranger.issue(EDGE);
    let mut stack = start(&(own(mosquitto.port, "", &authority) + &certificate_of(&edge)));
    stack.edge.expect("the broker can't be reached: trying again");
    stack.wait_for_mqtt("down");
    authority.issue(EDGE);
    stack.wait_for_mqtt("up");
    stack.finish();
}

#[test]
fn a_broker_that_is_someone_else_is_refused_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, stranger) = (Authority::new(folder.path(), "authority"), Authority::new(folder.path(), "stranger"));
    let who = passwords(folder.path(), &[(EDGE, PASSWORD)]);
    let mosquitto = tls(folder.path(), &stranger.issue("broker"), &stranger, &who);
    let mut stack = start(&own(mosquitto.port, &format!("{EDGE}:{PASSWORD}@"), &authority));
    stack.edge.expect("mqtt.url: a credential is written here");
    stack.edge.expect("the broker can't be reached: trying again");
    let state = stack.wait_for_mqtt("down");
    let reason = state["mqtt"]["reason"].as_str().unwrap();
    assert!(reason.contains("certificate is refused") && reason.contains("mqtt.ca"), "{reason}");
    assert!(!shown(&stack).contains(PASSWORD));
    stack.finish();
}
