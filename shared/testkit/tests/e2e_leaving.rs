//! An edge that begins anew by itself, and tells why.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::time::Duration;

use omma_testkit::process::port;
use omma_testkit::process::shifted_clock::ShiftedClock;
use omma_testkit::stack::Camera;
use omma_testkit::stack::broker::{Listener, Mosquitto};
use omma_testkit::stack::edge_only::EdgeOnly;
use omma_testkit::wait;
use serde_json::Value;

const INCIDENTS: &str = "omma/v1/edges/site/incidents";
/// Nobody leaves for the clock in the first minute (`edge_core::wall_clock::STAYS`).
const CLOCK: Duration = Duration::from_secs(60 + 90);
/// Nor for memory before it has taken too much for a minute (`edge_core::memory::PATIENCE`).
const MEMORY: Duration = Duration::from_secs(60 + 90);

/// The one incident that was told, once it is.
fn told(listener: &Listener, limit: Duration) -> Value {
    wait::until("the incident", limit, || match &listener.on(INCIDENTS)[..] {
        [(told, _)] => Ok(serde_json::from_str(told).unwrap()),
        other => Err(format!("{other:?} was told")),
    })
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key} in {value}"))
}

#[test]
fn the_systems_clock_is_set_back_by_two_hours() {
    let folder = tempfile::tempdir().unwrap();
    let (mosquitto, clock) = (Mosquitto::start(folder.path()), ShiftedClock::new(folder.path()));
    let listener = Listener::start(mosquitto.port);
    let url = format!("rtsp://127.0.0.1:{}/absent", port::free());
    let absent = Camera { placement: "none", ..Camera::at("door", url) };
    let broker = format!("url = \"mqtt://127.0.0.1:{}\"", mosquitto.port);
    let mut stack = EdgeOnly::start_in(vec![absent], &broker, &clock.environment());
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("set back");
    stack.wait_for_mqtt("up");
    let (id, before) = (stack.edge.id(), stack.api.json("/state").unwrap());

    clock.set_by(-7200);
    let incident = told(&listener, CLOCK);
    assert_eq!(text(&incident, "kind"), "clock_set_back", "{incident}");
    assert!(text(&incident, "message").contains("set back by 7200 s"), "{incident}");
    stack.wait_for_edge();
    stack.wait_for_mqtt("up");
    assert_eq!(stack.edge.id(), id, "it begins anew under the same process id");
    let after = stack.api.json("/state").unwrap();
    assert_eq!((text(&before["health"], "last_run"), text(&after["health"], "last_run")), ("unknown", "ended"));
    assert!(after["health"]["clock"]["system_ahead_s"].as_f64().unwrap().abs() < 1.0, "{}", after["health"]);
    assert!(after["health"]["uptime_s"].as_u64().unwrap() < before["health"]["uptime_s"].as_u64().unwrap() + 60);
    stack.finish();
}

#[test]
fn more_memory_than_it_may_take() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let listener = Listener::start(mosquitto.port);
    let broker = format!("url = \"mqtt://127.0.0.1:{}\"", mosquitto.port);
    let least = [("OMMA_EDGE_HEALTH__MEMORY_MAX_MB", "64"), ("OMMA_EDGE_HEALTH__MEMORY_STAY_S", "60")];
    // With a model and a camera it takes more.
    let mut stack = EdgeOnly::start_in(vec![Camera::empty("door")], &broker, &least);
    stack.edge.expect("more memory than health.memory_max_mb");
    stack.edge.expect("too much memory for too long");
    let status = stack.edge.wait_for_end(MEMORY);
    assert_eq!(status.code(), Some(75), "{status}");
    stack.edge.restart();
    stack.wait_for_edge();
    let incident = told(&listener, wait::LONG);
    assert_eq!(text(&incident, "kind"), "over_memory", "{incident}");
    assert!(text(&incident, "message").contains("may take 64 MB"), "{incident}");
    let state = stack.api.json("/state").unwrap();
    assert_eq!(text(&state["health"], "last_run"), "ended", "in good order: {state}");
    stack.finish();
}
