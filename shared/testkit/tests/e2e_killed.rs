//! Every process is killed with SIGKILL in turn. The others go on, what comes back is found again, and every event is
//! in the hub's store once.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use omma_testkit::stack::broker::{Listener, Mosquitto};
use omma_testkit::stack::{EDGE, Stack, StackOptions, store};
use omma_testkit::wait;
use serde_json::Value;

/// How long the hub, and how long a camera, stay dead.
const OUTAGE: Duration = Duration::from_secs(20);

/// Each test runs a camera, a detector and a hub: one at a time, or a small machine measures its own load.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn camera_killed() {
    let _alone = alone();
    let mut stack = Stack::start(StackOptions::default());
    stack.edge.expect("camera failed: trying again");
    let ours = [stack.edge.id(), stack.hub.id()];
    stack.camera.kill9();
    let (camera, _) = stack.wait_for_state("door", "failed");
    assert!(!camera["reason"].as_str().unwrap_or_default().is_empty(), "{camera}");
    // Long enough that the edge tries as seldom as it ever does.
    thread::sleep(OUTAGE);

    let looked = detected(&stack);
    stack.camera.restart();
    stack.camera.wait_for_line("listening rtsp://");
    let back = Instant::now();
    for id in ["door", "gate"] {
        stack.wait_for_state(id, "live");
    }
    println!("live again {:.1} s after the camera was back", back.elapsed().as_secs_f64());
    assert!(back.elapsed() < Duration::from_secs(5), "live again only after {:?}", back.elapsed());
    wait::until("new looks", wait::LONG, || if detected(&stack) > looked + 10.0 { Ok(()) } else { Err("none") });
    assert_eq!([stack.edge.id(), stack.hub.id()], ours);
    stack.edge.assert_running();
    stack.finish();
}

#[test]
fn hub_killed_while_events_happen() {
    let _alone = alone();
    let mut stack = Stack::start(StackOptions::default());
    let listener = Listener::start(stack.mqtt_port());
    stack.edge.expect("the hub can't be reached: trying again");
    wait_for_stored(&stack, 5);
    in_order(&listener);

    stack.hub.kill9();
    let (looked, put) = (detected(&stack), put(&stack));
    thread::sleep(OUTAGE);
    let looks = detected(&stack) - looked;
    // Two cameras at 5 looks a second make 200 in 20 s; a quarter would do to say that it went on.
    assert!(looks > 50.0, "only {looks} looks while the hub was dead");
    wait::until("events without a hub", wait::LONG, || if self::put(&stack) > put { Ok(()) } else { Err("none") });
    stack.hub.restart();
    stack.wait_for_hub();

    let stored = settle(&mut stack);
    assert_eq!(stored.len() as f64, self::put(&stack), "as many as the edge put into its outbox");
    nothing_older_is_kept_than_was_heard(&stack, &listener);
    stack.finish();
}

#[test]
fn edge_killed_with_events_waiting() {
    let _alone = alone();
    let mut stack = Stack::start(StackOptions::default());
    stack.edge.expect("the hub can't be reached: trying again");
    wait_for_stored(&stack, 5);
    stack.hub.kill9();
    let before = store::sequences(&stack.hub_data(), EDGE);
    // Pictures are made and wait as well, one of each thing in sight, and so does what is stored and was not acknowledged.
    let made = || stack.edge_api.metric("omma_step_done_total{step=\"event\"}");
    let earlier = made().unwrap();
    wait::until("events that wait on the edge's disk", wait::LONG, || {
        match (made()? - earlier, stack.edge_api.metric("omma_outbox_waiting")?) {
            (made, waiting) if made >= 10.0 && waiting >= 10.0 => Ok(()),
            (made, waiting) => Err(format!("{made} were made, {waiting} wait")),
        }
    });
    let put = put(&stack) as u64;
    stack.edge.kill9();
    stack.hub.restart();
    stack.wait_for_hub();
    // It has subscribed before the edge is there to publish what it has on its disk.
    let listener = Listener::subscribed(stack.mqtt_port());
    stack.edge.restart();
    stack.wait_for_edge();
    // The numbers go on, in the same outbox: `store::sequences` fails where there is a second one.
    let stored = wait_for_stored(&stack, put as usize).len();
    wait_for_stored(&stack, stored + 3);
    settle(&mut stack);
    the_store_has_what_the_edge_had(&stack, &listener, before.last().copied().unwrap_or_default()..put);
    in_order(&listener);
    stack.finish();
}

#[test]
fn broker_killed() {
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Mosquitto::start(folder.path());
    let listener = Listener::start(broker.port);
    let mut stack = Stack::start(StackOptions { external_broker: Some(broker.port), ..Default::default() });
    stack.edge.expect("the hub can't be reached: trying again");
    stack.hub.expect("the broker can't be reached: trying on");
    wait_for_stored(&stack, 5);

    broker.program.kill9();
    let put = put(&stack);
    wait::until("events without a broker", wait::LONG, || {
        if self::put(&stack) > put + 2.0 { Ok(()) } else { Err("none") }
    });
    broker.program.restart();
    broker.wait();

    let stored = settle(&mut stack);
    assert_eq!(stored.len() as f64, self::put(&stack), "as many as the edge put into its outbox");
    nothing_older_is_kept_than_was_heard(&stack, &listener);
    stack.finish();
}

fn detected(stack: &Stack) -> f64 {
    stack.edge_api.metric("omma_step_done_total{step=\"detect\"}").unwrap()
}

/// How many events and pictures this run of the edge has put into its outbox.
fn put(stack: &Stack) -> f64 {
    stack.edge_api.metric("omma_step_done_total{step=\"outbox\"}").unwrap()
}

/// Waits until the hub's store has so many records of the edge's outbox.
fn wait_for_stored(stack: &Stack, count: usize) -> Vec<u64> {
    wait::until(&format!("{count} stored events and pictures"), wait::LONG, || {
        let stored = store::sequences(&stack.hub_data(), EDGE);
        if stored.len() >= count { Ok(stored) } else { Err(format!("{} so far", stored.len())) }
    })
}

/// Takes the cameras away and waits until every event has ended and everything is stored, which it gives: all numbers
/// from 1 on, and each event once.
fn settle(stack: &mut Stack) -> Vec<u64> {
    let events = stack.settle(&["door", "gate"]);
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "an event is there twice");

    let stored = store::sequences(&stack.hub_data(), EDGE);
    let whole: Vec<u64> = (1..=stored.len() as u64).collect();
    assert_eq!(stored, whole, "numbers are missing");
    let metrics = stack.api.metrics().unwrap();
    assert_eq!(metrics["omma_store_out_of_order_total"], 0.0, "stored in another order than they happened");
    println!("{} events, {} records", events.len(), stored.len());
    stored
}

/// Whatever was heard on the way, in whatever order and however often, the store has that state or a later one.
fn nothing_older_is_kept_than_was_heard(stack: &Stack, listener: &Listener) {
    let stored = stack.api.events("").unwrap();
    let stored: BTreeMap<_, _> = stored.iter().map(|event| (event["id"].as_str(), &event["revision"])).collect();
    let heard = listener.events();
    assert!(!heard.is_empty(), "mosquitto_sub heard nothing");
    for event in &heard {
        let revision = stored.get(&event["id"].as_str()).unwrap_or_else(|| panic!("the store lacks {event}"));
        assert!(revision.as_u64() >= event["revision"].as_u64(), "the store has revision {revision} of {event}");
    }
}

/// Whoever listened on the broker has heard the same events as the store has, each as it was in the end, and among them those
/// that the edge had put on its disk, under these numbers, when it was killed.
fn the_store_has_what_the_edge_had(stack: &Stack, listener: &Listener, waited: Range<u64>) {
    let number = |event: &Value| event["sequence"].as_u64().unwrap();
    let facts = |event: &Value| {
        let id = event["id"].as_str().unwrap().to_owned();
        (id, (event["revision"].as_u64(), number(event), event["stream"].to_string(), event["phase"].to_string()))
    };
    let stored = stack.api.events("").unwrap();
    let stored: BTreeMap<_, _> = stored.iter().filter(|event| number(event) > waited.start).map(facts).collect();
    let heard = wait::until("the listener to have heard as much", wait::LONG, || {
        let mut heard = listener.events();
        heard.sort_by_key(number);
        // The later one of an event takes the place of the earlier one.
        let last: BTreeMap<_, _> = heard.iter().map(facts).collect();
        if last.len() >= stored.len() { Ok(heard) } else { Err(format!("{} of {} events", last.len(), stored.len())) }
    });
    let last: BTreeMap<_, _> = heard.iter().map(facts).collect();
    assert_eq!(last, stored, "what was heard, and what is stored");

    let mut revisions: BTreeMap<String, u64> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for event in heard.iter().filter(|event| seen.insert(number(event))) {
        let revision = event["revision"].as_u64().unwrap();
        let earlier = revisions.insert(event["id"].to_string(), revision);
        assert!(earlier.is_none_or(|earlier| earlier < revision), "after revision {earlier:?} comes {event}");
    }
    let survivors = heard.iter().filter(|event| number(event) > waited.start && number(event) <= waited.end);
    let survivors: BTreeSet<_> = survivors.map(|event| event["id"].to_string()).collect();
    println!("{} events waited on the edge's disk", survivors.len());
    assert!(!survivors.is_empty(), "no event waited");
}

/// Copies aside, an edge publishes what happens on a camera in the order in which it happened.
fn in_order(listener: &Listener) {
    let mut last: BTreeMap<String, u64> = BTreeMap::new();
    let mut heard = BTreeSet::new();
    let events = listener.events();
    assert!(!events.is_empty(), "mosquitto_sub heard nothing");
    for event in events {
        let sequence = event["sequence"].as_u64().unwrap();
        if heard.insert(sequence) {
            let stream = event["stream"].as_str().unwrap().to_owned();
            let before = last.insert(stream, sequence).unwrap_or_default();
            assert!(sequence > before, "{sequence} came after {before}: {event}");
        }
    }
}
