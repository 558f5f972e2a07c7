//! What is parked outlives its edge, with real processes: who stood there for a minute makes no event anew after a kill.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::time::Duration;

use omma_testkit::stack::{Camera, Scene, Stack, StackOptions};
use omma_testkit::{standing, wait};
use serde_json::Value;

/// A minute until a thing is parked, and at most another until that is on the disk.
const PARKED: Duration = Duration::from_secs(240);
/// Looks after a restart. A thing that is new is told of after three.
const LOOKS: f64 = 50.0;

#[test]
fn what_stood_there_for_a_minute_makes_no_event_anew_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("standing.h264");
    standing::write(&film);
    let edge_data = folder.path().join("edge");
    let options = StackOptions {
        cameras: vec![Camera { scene: Scene::Still(film), gate: "always", ..Camera::simulated("door") }],
        edge_data: Some(edge_data.clone()),
        ..Default::default()
    };
    let mut stack = Stack::start(options);

    let file = edge_data.join("parked/door.json");
    let parked = wait::until("somebody to be parked", PARKED, || {
        let text = std::fs::read(&file).map_err(|e| e.to_string())?;
        let kept: Value = serde_json::from_slice(&text).map_err(|e| e.to_string())?;
        let things = kept["things"].as_array().cloned().unwrap_or_default();
        if things.is_empty() { Err(kept.to_string()) } else { Ok(things) }
    });
    let before = ids(&events(&stack));
    assert!(!before.is_empty(), "who is parked was told of");

    restart_killed(&mut stack);
    let anew = events_of_now(&stack, &before);
    let again: Vec<_> = anew.iter().filter(|event| parked.iter().any(|thing| is_in_place(event, thing))).collect();
    assert!(again.is_empty(), "parked are {parked:?}, and told of anew {again:?}");

    // Without the file all of them are new: it is the file that keeps them quiet.
    let before = ids(&events(&stack));
    stack.edge.kill9();
    std::fs::remove_file(&file).unwrap();
    stack.edge.restart();
    stack.wait_for_edge();
    wait::until("who stands there to be told of", wait::LONG, || {
        let anew = events_of_now(&stack, &before);
        match anew.iter().any(|event| parked.iter().any(|thing| is_in_place(event, thing))) {
            true => Ok(()),
            false => Err(format!("{anew:?}")),
        }
    });
    stack.finish();
}

/// Kills the edge, starts it, and waits until it has looked often enough to tell of whoever is new.
fn restart_killed(stack: &mut Stack) {
    stack.edge.kill9();
    stack.edge.restart();
    stack.wait_for_edge();
    wait::until("looks after the restart", wait::LONG, || {
        let looks = stack.edge_api.metric("omma_step_done_total{step=\"detect\"}")?;
        if looks >= LOOKS { Ok(()) } else { Err(format!("{looks} looks")) }
    });
    // What was told of is in the store.
    wait::until("the outbox to be empty", wait::LONG, || match stack.edge_api.metric("omma_outbox_waiting")? {
        0.0 => Ok(()),
        waiting => Err(format!("{waiting} wait")),
    });
}

fn events(stack: &Stack) -> Vec<Value> {
    stack.api.events("stream=site.door").unwrap()
}

fn ids(events: &[Value]) -> BTreeSet<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

fn events_of_now(stack: &Stack, before: &BTreeSet<String>) -> Vec<Value> {
    events(stack).into_iter().filter(|event| !before.contains(event["id"].as_str().unwrap())).collect()
}

/// Whether most of an event's box and of a parked thing's place are the same.
fn is_in_place(event: &Value, thing: &Value) -> bool {
    let rect = |value: &Value| -> [f64; 4] { std::array::from_fn(|i| value[i].as_f64().unwrap()) };
    let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (rect(&event["box"]), rect(&thing["place"]));
    let along = |a: f64, aw: f64, b: f64, bw: f64| ((a + aw).min(b + bw) - a.max(b)).max(0.0);
    let both = along(ax, aw, bx, bw) * along(ay, ah, by, bh);
    event["label"] == thing["label"] && both > 0.5 * (aw * ah + bw * bh - both)
}
