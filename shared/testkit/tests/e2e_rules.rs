//! Rules with real processes: of real people who walk and stand, each rule makes the events that it asks for, and each event
//! says over REST and over MQTT which rule made it and why.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use omma_testkit::stack::broker::Listener;
use omma_testkit::stack::{Camera, Scene, Stack, StackOptions};
use omma_testkit::wait;
use serde_json::{Value, json};

/// In each of the film's 14 s a man in a coat stands on the road for 6 s, a woman walks on the lawn, and a man in a jacket comes
/// from the lawn over the kerb; the man in the coat and another go over it the other way. Nobody is on the roof.
const RULES: &str = r#"
[[camera.zone]]
name = "lawn"
points = [[0.0, 0.6], [0.5, 0.6], [0.7, 1.0], [0.0, 1.0]]
[[camera.zone]]
name = "road"
points = [[0.78, 0.64], [0.92, 0.64], [0.92, 0.76], [0.78, 0.76]]
[[camera.zone]]
name = "roof"
points = [[0.4, 0.0], [0.7, 0.0], [0.7, 0.05], [0.4, 0.05]]
[[camera.line]]
name = "kerb"
points = [[0.729, 0.57], [0.729, 0.75]]
to_left = "in"
to_right = "out"
[[camera.rule]]
name = "walks on the lawn"
zone = "lawn"
labels = ["person"]
[[camera.rule]]
name = "hangs about"
zone = "road"
dwell = 3
labels = ["person"]
[[camera.rule]]
name = "comes in"
line = "kerb"
direction = "in"
labels = ["person"]
[[camera.rule]]
name = "goes out"
line = "kerb"
direction = "out"
labels = ["person"]
[[camera.rule]]
name = "crowd"
count_over = 2
labels = ["person"]
[[camera.rule]]
name = "roof unmanned"
count_under = 1
zone = "roof"
labels = ["person"]
[[camera.rule]]
name = "climbs"
zone = "roof"
labels = ["person"]
"#;

/// `why` of each rule's events, but for how long and how many. "climbs" has none.
fn causes() -> BTreeMap<&'static str, Value> {
    [
        ("walks on the lawn", json!({"kind": "inside", "zone": "lawn"})),
        ("hangs about", json!({"kind": "stayed", "zone": "road"})),
        ("comes in", json!({"kind": "crossed", "line": "kerb", "direction": "in"})),
        ("goes out", json!({"kind": "crossed", "line": "kerb", "direction": "out"})),
        ("crowd", json!({"kind": "over", "limit": 2})),
        ("roof unmanned", json!({"kind": "under", "zone": "roof", "limit": 1})),
    ]
    .into()
}

#[test]
fn each_event_says_which_rule_made_it_and_why() {
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("campus.h264");
    cut(&film);
    let camera = Camera { scene: Scene::Film(film), rules: RULES, ..Camera::simulated("door") };
    let mut stack = Stack::start(StackOptions { cameras: vec![camera], ..Default::default() });
    let listener = Listener::subscribed(stack.mqtt_port());

    wait::until("events of every rule, over REST and over MQTT", wait::LONG, || {
        let stored = stack.api.events("")?;
        let heard = listener.events();
        let is_there = |rule: &&str| [&stored, &heard].iter().all(|events| events.iter().any(|e| e["rule"] == **rule));
        let missing: Vec<_> = causes().into_keys().filter(|rule| !is_there(rule)).collect();
        match (missing.is_empty(), comes_before_goes(&stored)) {
            (true, true) => Ok(()),
            (_, comes) => Err(format!("none of {missing:?}, in before out: {comes}, of {} events", stored.len())),
        }
    });
    let stored = stack.settle(&["door"]);
    stored.iter().for_each(is_as_its_rule_says);
    let heard = wait::until("the end of every event over MQTT", wait::LONG, || {
        let heard = listener.events();
        let newest: BTreeMap<_, _> = heard.iter().map(|event| (event["id"].as_str().unwrap(), event)).collect();
        // Of those that were told of from their beginning.
        let open: Vec<_> = newest.into_values().filter(|event| event["phase"] != "closed").cloned().collect();
        if open.is_empty() { Ok(heard) } else { Err(format!("{open:?}")) }
    });
    heard.iter().for_each(is_as_its_rule_says);
    let by_id: BTreeMap<_, _> = stored.iter().map(|event| (event["id"].as_str().unwrap(), event)).collect();
    let closed: Vec<_> = heard.iter().filter(|event| event["phase"] == "closed").collect();
    assert!(closed.len() >= causes().len(), "{closed:?}");
    for event in closed {
        let same = by_id[event["id"].as_str().unwrap()];
        assert_eq!((&same["rule"], &same["why"]), (&event["rule"], &event["why"]), "{same} and {event}");
    }
    stack.finish();
}

/// Whether somebody came in and the next one went out within 4 s of it: in the film it is 2.3 s from the man in the jacket to the
/// man in the coat, and 7.8 s from who goes out last to who comes in.
fn comes_before_goes(events: &[Value]) -> bool {
    let of = |rule: &str| -> Vec<i64> {
        events.iter().filter(|event| event["rule"] == rule).map(|event| event["opened_us"].as_i64().unwrap()).collect()
    };
    let (comes, goes) = (of("comes in"), of("goes out"));
    comes.iter().any(|came| goes.iter().any(|went| (1..4_000_000).contains(&(went - came))))
}

fn is_as_its_rule_says(event: &Value) {
    let rule = event["rule"].as_str().unwrap_or_else(|| panic!("no rule: {event}"));
    let mut wanted = causes().remove(rule).unwrap_or_else(|| panic!("nobody does that here: {event}"));
    let why = &event["why"];
    match rule {
        "hangs about" => {
            assert!(why["seconds"].as_f64() >= Some(3.0), "{event}");
            wanted["seconds"] = why["seconds"].clone();
        }
        "crowd" => {
            assert!(why["count"].as_u64() >= Some(3), "{event}");
            wanted["count"] = why["count"].clone();
        }
        "roof unmanned" => wanted["count"] = json!(0),
        _ => assert_eq!(event["label"], "person", "{event}"),
    }
    assert_eq!(*why, wanted, "{event}");
}

/// The pictures 560 to 699 of our footage, where a key picture begins.
fn cut(film: &Path) {
    let footage = PathBuf::from(std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE: run tests by `make test`"));
    let ffmpeg = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-loglevel", "error", "-ss", "56", "-i"])
        .arg(footage.join("vtest.mp4"))
        .args(["-c", "copy", "-frames:v", "140", "-bsf:v", "h264_mp4toannexb", "-f", "h264"])
        .arg(film)
        .output()
        .expect("ffmpeg: `make setup` installs it");
    assert!(ffmpeg.status.success(), "ffmpeg: {}", String::from_utf8_lossy(&ffmpeg.stderr));
}
