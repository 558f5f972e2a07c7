//! A hub without a broker, and an edge that brings everything over QUIC. Hub and edge are killed with SIGKILL while events
//! happen: each is in the hub's store once, and in the order in which it happened.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;

use omma_protocol::join::JoinToken;
use omma_testkit::process::Program;
use omma_testkit::stack::{EDGE, Stack, StackOptions, pictures, store};
use omma_testkit::wait;
use serde_json::Value;

/// How long the hub stays dead.
const OUTAGE: Duration = Duration::from_secs(8);

#[test]
fn every_event_arrives_once_and_in_order_though_hub_and_edge_are_killed() {
    let mut stack = Stack::start(StackOptions { without_broker: true, ..Default::default() });
    stack.edge.expect("the hub can't be reached: trying again");
    nothing_of_mqtt_is_there(&stack);
    let mut seen = Seen::default();
    pictures::look_at_one(&stack.api, "label=person");
    wait_for_stored(&stack, 5);
    seen.look(&stack);

    // The hub, while events happen.
    stack.hub.kill9();
    let before = newest(&stack);
    thread::sleep(OUTAGE);
    wait::until("events without a hub", wait::LONG, || if newest(&stack) > before { Ok(()) } else { Err("none") });
    stack.hub.restart();
    stack.wait_for_hub();
    wait_for_stored(&stack, newest(&stack));
    seen.look(&stack);

    // The edge, with events that wait.
    stack.hub.kill9();
    wait::until("events that wait on the edge's disk", wait::LONG, || {
        match stack.edge_api.metric("omma_outbox_waiting")? {
            waiting if waiting >= 3.0 => Ok(()),
            waiting => Err(format!("{waiting} wait")),
        }
    });
    let waited = newest(&stack);
    stack.edge.kill9();
    stack.hub.restart();
    stack.wait_for_hub();
    stack.edge.restart();
    stack.wait_for_edge();
    let stored = wait_for_stored(&stack, waited);
    wait_for_stored(&stack, stored.len() as u64 + 3);
    settle(&mut stack, &seen);
    stack.finish();
}

/// Nobody listens for MQTT, is waited for over MQTT, or is told to go there.
fn nothing_of_mqtt_is_there(stack: &Stack) {
    let join: JoinToken = stack.secrets.iter().find_map(|secret| secret.parse().ok()).expect("the join token");
    assert!(!join.has_broker(), "{join}");
    assert_eq!(listening(&stack.hub), BTreeSet::from([stack.api.port()]), "TCP ports of the hub");
    assert_eq!(listening(&stack.edge), BTreeSet::from([stack.edge_api.port()]), "TCP ports of the edge");

    let state = stack.edge_api.json("/state").unwrap();
    assert!(state.get("mqtt").is_none() && state["quic"]["state"] == "up", "{state}");
    for api in [&stack.edge_api, &stack.api] {
        let ready = api.json("/readyz").unwrap().to_string();
        assert!(!ready.contains("broker") && !ready.contains("mqtt"), "{ready}");
    }
    let metrics = stack.edge_api.metrics().unwrap();
    assert!(metrics.keys().all(|name| !name.contains("uplink=\"mqtt\"")), "{metrics:?}");
    assert_eq!(metrics["omma_uplink_up{uplink=\"quic\"}"], 1.0);
    stack.edge.log().lines().iter().find(|line| line.contains("the hub has no broker")).expect("the edge says so");
    let edges = stack.api.json("/api/v1/edges").unwrap();
    assert_eq!((&edges["edges"][0]["edge"], &edges["edges"][0]["online"]), (&EDGE.into(), &true.into()), "{edges}");
}

/// The TCP ports that a process listens on (proc(5): state `0A`, and the socket's inode).
fn listening(program: &Program) -> BTreeSet<u16> {
    let process = format!("/proc/{}", program.id());
    let sockets: BTreeSet<String> = fs::read_dir(format!("{process}/fd"))
        .unwrap()
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned()))
        .collect();
    let tables = ["tcp", "tcp6"].map(|table| fs::read_to_string(format!("{process}/net/{table}")).unwrap_or_default());
    let port = |line: &str| {
        let fields: Vec<_> = line.split_whitespace().collect();
        let listens = fields.get(3) == Some(&"0A") && fields.get(9).is_some_and(|inode| sockets.contains(*inode));
        let (_, port) = fields.get(1).filter(|_| listens)?.rsplit_once(':')?;
        u16::from_str_radix(port, 16).ok()
    };
    tables.iter().flat_map(|table| table.lines()).filter_map(port).collect()
}

/// What the hub has ever shown: by id, the highest revision and the place in the outbox that it came from.
#[derive(Default)]
struct Seen(BTreeMap<String, (u64, u64)>);

impl Seen {
    fn look(&mut self, stack: &Stack) {
        self.0.extend(states(&stack.api.events("").unwrap()));
        let disorder = stack.api.metrics().unwrap()["omma_store_out_of_order_total"];
        assert_eq!(disorder, 0.0, "stored in another order than they happened");
    }
}

fn states(events: &[Value]) -> BTreeMap<String, (u64, u64)> {
    let of = |event: &Value| {
        let number = |key: &str| event[key].as_u64().unwrap_or_else(|| panic!("{key} of {event}"));
        (event["id"].as_str().unwrap().to_owned(), (number("revision"), number("sequence")))
    };
    events.iter().map(of).collect()
}

/// How many records the edge's outbox has ever been given, over all its runs.
fn newest(stack: &Stack) -> u64 {
    stack.edge_api.metric("omma_outbox_newest").unwrap() as u64
}

fn wait_for_stored(stack: &Stack, count: u64) -> Vec<u64> {
    wait::until(&format!("{count} stored events and pictures"), wait::LONG, || {
        let stored = store::sequences(&stack.hub_data(), EDGE);
        if stored.len() as u64 >= count { Ok(stored) } else { Err(format!("{} so far", stored.len())) }
    })
}

/// Takes the cameras away and waits until every event has ended and everything is stored.
fn settle(stack: &mut Stack, seen: &Seen) {
    let events = stack.settle(&["door", "gate"]);
    let records = store::records(&stack.hub_data(), EDGE);
    let whole: Vec<(u64, bool)> = (1..=newest(stack)).map(|sequence| (sequence, true)).collect();
    assert_eq!(records, whole, "all that the outbox was ever given, each once, none of it refused");

    let states = states(&events);
    assert_eq!(states.len(), events.len(), "an event is there twice");
    for (id, (revision, sequence)) in &seen.0 {
        let kept = states.get(id).unwrap_or_else(|| panic!("{id} is gone"));
        assert!(kept.0 >= *revision && kept.1 >= *sequence, "{id} went back from {revision} to {kept:?}");
    }
    let sources: BTreeSet<u64> = states.values().map(|(_, sequence)| *sequence).collect();
    assert_eq!(sources.len(), states.len(), "two events of one record");
    assert_eq!(
        stack.api.metrics().unwrap()["omma_store_out_of_order_total"],
        0.0,
        "in another order than they happened"
    );
    println!("{} events, {} records", events.len(), records.len());
}
