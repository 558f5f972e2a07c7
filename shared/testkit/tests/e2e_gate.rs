//! The gate with real processes: where nobody is, hardly anything is decoded, and who walks past is an event as ever.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;

use omma_testkit::stack::{Camera, Stack, StackOptions};
use omma_testkit::wait;
use serde_json::Value;

/// Units that come while it is watched what is done with them: half a minute.
const UNITS: f64 = 300.0;

#[test]
fn an_empty_scene_is_hardly_decoded_and_walkers_are_events() {
    let cameras = vec![Camera::simulated("door"), Camera::empty("yard")];
    let stack = Stack::start(StackOptions { cameras, ..Default::default() });

    let gate = wait::until("the gate of the empty yard to close", wait::LONG, || {
        let gate = gate(&stack, "yard")?;
        if gate["state"] == "idle" { Ok(gate) } else { Err(format!("it is {gate}")) }
    });
    assert_eq!(gate["open"], false, "{gate}");
    for key in ["reason", "tier", "why"] {
        assert!(gate[key].is_string(), "{gate}");
    }
    assert!(gate["promise_ms"].as_u64() >= Some(300), "{gate}");
    wait::until("the metrics to say of the tier what the state says", wait::LONG, || {
        let (gate, metrics) = (self::gate(&stack, "yard")?, metrics(&stack));
        let (tier, why) = (gate["tier"].as_str().unwrap_or_default(), gate["why"].as_str().unwrap_or_default());
        let told = of(&metrics, "tier", "yard", &format!(",tier=\"{tier}\",why=\"{why}\""));
        let tiers = metrics.iter().filter(|(name, _)| name.starts_with("omma_gate_tier{camera=\"yard\""));
        let sum: f64 = tiers.map(|(_, value)| value).sum();
        if told == 1.0 && sum == 1.0 { Ok(()) } else { Err(format!("{gate}: {metrics:?}")) }
    });
    assert!(of(&metrics(&stack), "promise_seconds", "yard", "") >= 0.3);

    let (before, events) = (metrics(&stack), events_of(&stack, "yard"));
    let after = wait::until("half a minute of the empty yard", wait::LONG, || {
        let now = metrics(&stack);
        let came = grown(&before, &now, "units_received_total", "yard");
        if came >= UNITS { Ok(now) } else { Err(format!("{came} units")) }
    });
    let [received, decoded, open] = ["units_received_total", "units_decoded_total", "open_seconds_total"]
        .map(|n| grown(&before, &after, n, "yard"));
    assert!(decoded > 0.0, "key pictures are decoded all the same");
    // Not much less: what a detector takes for a thing, at a place that is new to the gate, opens it once for ten seconds.
    assert!(decoded < received * 0.5, "{decoded} of {received} units of an empty scene were decoded");
    assert!(open < 15.0, "open for {open} s where nobody is");
    assert_eq!(events_of(&stack, "yard"), events, "nobody came");

    wait::until("persons at the door with their pictures", wait::LONG, || {
        let events = stack.api.events("stream=site.door&label=person")?;
        let pictured = events.iter().filter(|event| event["picture_revision"].is_u64()).count();
        if pictured >= 3 { Ok(()) } else { Err(format!("{pictured} of {} events", events.len())) }
    });
    let door = metrics(&stack);
    assert!(of(&door, "looks_total", "door", ",kind=\"live\"") > 20.0, "{door:?}");
    assert!(of(&door, "open_seconds_total", "door", "") > 10.0, "{door:?}");
    stack.finish();
}

fn gate(stack: &Stack, camera: &str) -> Result<Value, String> {
    let state = stack.edge_api.json("/state")?;
    let cameras = state["cameras"].as_array().cloned().unwrap_or_default();
    let shown = cameras.into_iter().find(|shown| shown["camera"] == camera);
    shown.map(|shown| shown["gate"].clone()).ok_or(format!("there is no {camera}"))
}

fn metrics(stack: &Stack) -> BTreeMap<String, f64> {
    let metrics = stack.edge_api.metrics().unwrap();
    metrics.into_iter().filter(|(name, _)| name.starts_with("omma_gate_")).collect()
}

/// One metric of the gate. `more` is what stands behind the camera's label.
fn of(metrics: &BTreeMap<String, f64>, name: &str, camera: &str, more: &str) -> f64 {
    metrics.get(&format!("omma_gate_{name}{{camera=\"{camera}\"{more}}}")).copied().unwrap_or_default()
}

fn grown(before: &BTreeMap<String, f64>, after: &BTreeMap<String, f64>, name: &str, camera: &str) -> f64 {
    of(after, name, camera, "") - of(before, name, camera, "")
}

/// How many events there were, open ones too: what stood there from the beginning may be one.
fn events_of(stack: &Stack, camera: &str) -> usize {
    stack.api.events(&format!("stream=site.{camera}")).unwrap().len()
}
