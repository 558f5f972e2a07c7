//! The whole path with real processes: cameras, an edge, a hub, and clients that nobody here wrote.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;

use omma_protocol::wire::browser::Mode;
use omma_testkit::process::Launch;
use omma_testkit::stack::broker::Listener;
use omma_testkit::stack::{Camera, Stack, StackOptions, pictures};
use omma_testkit::viewer::{Hub, Seen, Viewer};
use omma_testkit::wait;
use serde_json::Value;
use tokio::runtime::Runtime;

#[test]
fn people_on_camera_become_events_with_pictures() {
    let hub_looks = Camera { placement: "hub", ..Camera::simulated("yard") };
    let stack =
        Stack::start(StackOptions { cameras: vec![Camera::simulated("door"), hub_looks], ..Default::default() });
    let listener = Listener::start(stack.mqtt_port());

    cameras_are_shown_with_what_they_send(&stack);
    let by_edge = an_event_with_its_picture(&stack, "site.door", "edge");
    an_event_with_its_picture(&stack, "site.yard", "hub");
    assert!(by_edge["outbox"].is_string() && by_edge["sequence"].as_u64() >= Some(1), "{by_edge}");
    lists_are_filtered_and_paged(&stack);
    integrations_hear_the_same_events(&stack, &listener);
    a_client_of_mqtt_3_1_1_hears_them_too(&stack);
    nothing_is_shown_without_the_token(&stack);
    somebody_watches(&stack);
    every_step_has_counted(&stack);
    stack.finish();
}

fn cameras_are_shown_with_what_they_send(stack: &Stack) {
    for id in ["site.door", "site.yard"] {
        let camera = stack.api.camera(id).unwrap();
        assert_eq!((&camera["codec"], &camera["width"], &camera["height"]), (&"h264".into(), &768.into(), &576.into()));
        assert_eq!((&camera["edge_online"], &camera["reorders"]), (&true.into(), &false.into()), "{camera}");
    }
    let edges = stack.api.json("/api/v1/edges").unwrap();
    assert_eq!((&edges["edges"][0]["edge"], &edges["edges"][0]["online"]), (&"site".into(), &true.into()), "{edges}");
}

/// Waits for a person with a picture and its crop, looks at all three, and gives the event.
fn an_event_with_its_picture(stack: &Stack, stream: &str, place: &str) -> Value {
    let event = pictures::look_at_one(&stack.api, &format!("stream={stream}&label=person"));
    assert_eq!((&event["stream"], &event["place"]), (&stream.into(), &place.into()), "{event}");
    let [x, y, w, h] = [0, 1, 2, 3].map(|i| event["box"][i].as_f64().unwrap());
    assert!(w > 0.0 && h > 0.0 && x + w > 0.0 && y + h > 0.0 && x < 1.0 && y < 1.0, "{event}");
    assert!((0.0..=1.0).contains(&event["score"].as_f64().unwrap()), "{event}");
    assert!(event["opened_us"].as_i64() <= event["best_us"].as_i64(), "{event}");

    let id = event["id"].as_str().unwrap();
    assert_eq!(stack.api.json(&format!("/api/v1/events/{id}")).unwrap()["stream"], stream);
    event
}

fn lists_are_filtered_and_paged(stack: &Stack) {
    assert_eq!(stack.api.events("label=zebra").unwrap(), Vec::<Value>::new());
    assert_eq!(stack.api.events("stream=site.nowhere").unwrap(), Vec::<Value>::new());
    wait::until("three events", wait::LONG, || match stack.api.events("")?.len() {
        0..3 => Err("fewer".to_owned()),
        _ => Ok(()),
    });
    // New events come first, so what is older than a known one stays as it is.
    let id = |event: &Value| event["id"].as_str().unwrap().to_owned();
    let newest = id(&stack.api.events("").unwrap()[0]);
    let whole = stack.api.json(&format!("/api/v1/events?before={newest}&limit=2")).unwrap();
    let first = stack.api.json(&format!("/api/v1/events?before={newest}&limit=1")).unwrap();
    let next = first["next"].as_str().expect("there are more");
    let second = stack.api.json(&format!("/api/v1/events?before={next}&limit=1")).unwrap();
    let ids = [&first, &second].map(|page| id(&page["events"][0]));
    assert_eq!(ids, [id(&whole["events"][0]), id(&whole["events"][1])]);
    assert!(ids[0] > ids[1], "newest first: {ids:?}");
}

fn integrations_hear_the_same_events(stack: &Stack, listener: &Listener) {
    let heard =
        wait::until("mosquitto_sub to hear of an event", wait::LONG, || listener.events().pop().ok_or("silence"));
    let id = heard["id"].as_str().unwrap();
    let stored = wait::until("the hub to have it too", wait::LONG, || stack.api.json(&format!("/api/v1/events/{id}")));
    for key in ["stream", "label", "track", "opened_us", "outbox", "place", "model"] {
        assert_eq!(stored[key], heard[key], "{key}");
    }
}

/// Over TLS, signed in as people sign in to the page.
fn a_client_of_mqtt_3_1_1_hears_them_too(stack: &Stack) {
    let (port, authority) = (stack.mqtts_port().to_string(), stack.hub_data().join("ca.pem").display().to_string());
    let there = ["-V", "mqttv311", "-h", "127.0.0.1", "-p", &port, "--cafile", &authority];
    let who = ["-u", "omma.reader", "-P", &stack.secrets[1], "-t", "omma/v1/edges/site/cameras/+/events"];
    let launch = Launch::of_system("mosquitto_sub").args(there.map(str::to_owned)).args(who.map(str::to_owned));
    let heard: Value = serde_json::from_str(&launch.args(["-C", "1", "-W", "90"]).output()).expect("an event");
    let id = heard["id"].as_str().unwrap();
    let stored = wait::until("the hub to have it", wait::LONG, || stack.api.json(&format!("/api/v1/events/{id}")));
    assert_eq!((&stored["stream"], &stored["opened_us"]), (&"site.door".into(), &heard["opened_us"]), "{heard}");
}

fn nothing_is_shown_without_the_token(stack: &Stack) {
    let id = stack.api.events("").unwrap()[0]["id"].as_str().unwrap().to_owned();
    let wrong = stack.api.clone().signed_in("wrong");
    for path in [
        "/api/v1/session",
        "/api/v1/cameras",
        "/api/v1/edges",
        "/api/v1/events",
        &format!("/api/v1/events/{id}/picture"),
        &format!("/api/v1/events/{id}/crop"),
    ] {
        let answer = wrong.get(path).unwrap();
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
        assert_eq!(stack.api.get(path).unwrap().status, 200, "{path} with the token");
    }
}

fn somebody_watches(stack: &Stack) {
    let address = format!("http://127.0.0.1:{}", stack.api.port()).parse().unwrap();
    let hub = Hub::new(address, &stack.secrets[1]);
    Runtime::new().unwrap().block_on(async {
        let mut viewer = Viewer::join(&hub, "site.door", Mode::Live).await.unwrap();
        while !matches!(viewer.next(wait::LONG).await.unwrap(), Seen::Picture { .. }) {}
    });
    // What a viewer was sent is counted now and then, and when the viewer has gone.
    for metric in ["omma_step_done_total{step=\"live\"}", "omma_step_duration_seconds_count{step=\"live\"}"] {
        wait::until(metric, wait::LONG, || match stack.api.existing_metric(metric)? {
            0.0 => Err("0".to_owned()),
            _ => Ok(()),
        });
    }
}

fn every_step_has_counted(stack: &Stack) {
    let steps = |metrics: &std::collections::BTreeMap<String, f64>| -> BTreeSet<String> {
        let done =
            |name: &str| name.strip_prefix("omma_step_done_total{step=\"")?.strip_suffix("\"}").map(str::to_owned);
        metrics.iter().filter(|(_, count)| **count > 0.0).filter_map(|(name, _)| done(name)).collect()
    };
    let (edge, hub) = (stack.edge_api.metrics().unwrap(), stack.api.metrics().unwrap());
    for (metrics, words) in [
        (&edge, &["source", "unit", "gate", "decode", "detect", "track", "event", "outbox", "uplink"][..]),
        (&hub, &["ingest", "bus", "infer", "decode", "detect", "track", "event", "store", "live"]),
    ] {
        for step in words {
            assert!(steps(metrics).contains(*step), "{step} has done nothing: {:?}", steps(metrics));
            let timed = metrics.get(&format!("omma_step_duration_seconds_count{{step=\"{step}\"}}"));
            assert!(timed.is_some_and(|count| *count > 0.0), "{step} has timed nothing");
        }
    }
    // Also where nothing was dropped.
    for (metrics, droppers) in [
        (&edge, &["source", "unit", "gate", "decode", "detect", "track", "event", "outbox", "uplink"][..]),
        (&hub, &["ingest", "bus", "infer", "decode", "detect", "track", "event", "store", "live"]),
    ] {
        for step in droppers {
            let drops = format!("omma_step_dropped_total{{step=\"{step}\",reason=");
            assert!(metrics.keys().any(|name| name.starts_with(&drops)), "{step} has no drop counter: {metrics:?}");
        }
    }
    assert_eq!(hub.get("omma_ingest_datagrams_ignored_total"), Some(&0.0), "an edge's QUIC is taken for garbage");
    for metrics in [edge, hub] {
        assert!(metrics["process_resident_memory_bytes"] > 1e6);
        assert!(metrics["process_cpu_seconds_total"] > 0.0);
    }
}
