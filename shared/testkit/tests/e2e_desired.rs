//! An edge whose cameras are configured at its hub.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::{fs, io, thread};

use omma_testkit::link::relay::{Relay, Weather};
use omma_testkit::process::port;
use omma_testkit::stack::api::{Answer, Api};
use omma_testkit::stack::broker::{Listener, Mosquitto, ask, publish};
use omma_testkit::stack::{CAMERA_PASSWORD, Camera, EDGE, Stack, StackOptions};
use omma_testkit::wait;
use serde_json::Value;
use sha2::{Digest, Sha256};

const EDGE_PATH: &str = "/api/v1/edges/site";
const CONFIG_PATH: &str = "/api/v1/edges/site/config";
const DESIRED: &str = "omma/v1/edges/site/config/desired";
const REPORTED: &str = "omma/v1/edges/site/config/reported";
/// In a text with a fault in the same line.
const MISTYPED: &str = "pw-mistyped-lantern";

fn start(options: StackOptions) -> Stack {
    Stack::start(StackOptions { cameras: vec![Camera { placement: "none", ..Camera::simulated("door") }], ..options })
}

/// As the operator would write it: every camera that the edge shall have, here with the pictures of the one that there is.
fn toml(stack: &Stack, cameras: &[&str]) -> String {
    let url = stack.camera_url("door");
    cameras.iter().map(|id| format!("[[camera]]\nid = \"{id}\"\nplacement = \"none\"\nurl = \"{url}\"\n")).collect()
}

fn put(stack: &Stack, text: &str) -> Answer {
    stack.api.send("PUT", CONFIG_PATH, "application/toml", text.as_bytes()).unwrap()
}

/// Desires it, which the hub must take, and gives its digest.
fn desire(stack: &Stack, text: &str) -> String {
    let answer = put(stack, text);
    assert_eq!(answer.status, 202, "{}", answer.text());
    let digest = format!("{:x}", Sha256::digest(text));
    let shown: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(shown["configuration"]["desired"]["sha256"], digest, "{shown}");
    digest
}

fn edge(stack: &Stack) -> Value {
    stack.api.json(EDGE_PATH).unwrap()
}

/// Waits until that became of what is desired, and gives it.
fn becomes(stack: &Stack, state: &str) -> Value {
    wait::until(&format!("the cameras to be {state}"), wait::LONG, || {
        let shown = stack.api.json(EDGE_PATH)?["configuration"].clone();
        if shown["state"] == state { Ok(shown) } else { Err(shown.to_string()) }
    })
}

/// Those that the edge runs, as it says itself.
fn cameras(stack: &Stack) -> Vec<String> {
    let shown = stack.edge_api.json("/state").unwrap();
    shown["cameras"].as_array().unwrap().iter().map(|camera| camera["camera"].as_str().unwrap().to_owned()).collect()
}

fn wait_for_cameras(stack: &Stack, wanted: &[&str]) {
    wait::until(&format!("the cameras to be {wanted:?}"), wait::LONG, || match cameras(stack) {
        now if now == wanted => Ok(()),
        now => Err(format!("{now:?}")),
    });
}

fn starts(stack: &Stack) -> usize {
    stack.edge.log().lines().iter().filter(|line| line.contains("\"running\"")).count()
}

#[test]
fn a_camera_does_what_its_hub_is_asked_by_whoever_has_the_token() {
    let cameras = vec![Camera::simulated("door")];
    let mut stack = Stack::start(StackOptions { cameras, without_broker: true, ..StackOptions::default() });
    let command = |stack: &Stack, camera: &str, body: &str| {
        let path = format!("{EDGE_PATH}/cameras/{camera}/command");
        let answer = stack.api.send("POST", &path, "application/json", body.as_bytes()).unwrap();
        (answer.status, answer.text())
    };
    for on in [false, true] {
        let answer = command(&stack, "door", &format!(r#"{{"command":"detection","on":{on}}}"#));
        assert_eq!(answer, (200, r#"{"ok":true}"#.to_owned()));
        assert_eq!(stack.edge_api.json("/state").unwrap()["cameras"][0]["detection"], on);
    }
    let connects = || stack.edge_api.metric("omma_source_connects_total{camera=\"door\"}").unwrap();
    let before = connects();
    assert_eq!(command(&stack, "door", r#"{"command":"restart_camera"}"#).0, 200);
    wait::until("the camera to be connected to again", wait::LONG, || {
        if connects() > before { Ok(()) } else { Err("not yet") }
    });
    stack.wait_for_state("door", "live");
    for (camera, body, status, said) in [
        ("porch", r#"{"command":"restart_camera"}"#, 409, "there is no camera `porch` on this edge"),
        ("door", r#"{"command":"detection"}"#, 400, "on"),
        ("door", r#"{"command":"explode"}"#, 400, "restart_camera"),
        ("Door", r#"{"command":"restart_camera"}"#, 400, "Door"),
    ] {
        let (was, text) = command(&stack, camera, body);
        assert!(was == status && text.contains(said), "{camera} {body}: {was} {text}");
    }
    let stranger =
        Api::at(stack.api.port()).send("POST", &format!("{EDGE_PATH}/cameras/door/command"), "application/json", b"{}");
    assert_eq!(stranger.unwrap().status, 401);
    stack.edge.kill9();
    let (status, text) = command(&stack, "door", r#"{"command":"restart_camera"}"#);
    assert!(status == 503 && text.contains("the edge"), "{status} {text}");
    stack.edge.restart();
    stack.wait_for_state("door", "live");
    stack.finish();
}

#[test]
fn cameras_put_at_the_hub_run_at_once_and_hold_though_hub_and_edge_are_killed() {
    let mut stack = start(StackOptions::default());
    stack.edge.expect("a credential is written here");
    let own = becomes(&stack, "file");
    assert!(own.get("desired").is_none() && own.get("running").is_none(), "{own}");

    let wanted = toml(&stack, &["door", "porch"]);
    let digest = desire(&stack, &wanted);
    // For a quarter of a minute, which a camera may take to become live on a busy machine.
    becomes(&stack, "trial");
    stack.wait_for_state("porch", "live");
    let applied = becomes(&stack, "applied");
    assert_eq!((&applied["running"], &applied["desired"]["sha256"]), (&digest.clone().into(), &digest.into()));
    assert_eq!((cameras(&stack), starts(&stack)), (vec!["door".to_owned(), "porch".to_owned()], 1));

    // What the hub finds itself, and what only the edge does: both leave everything as it is.
    let broken = put(&stack, &format!("{wanted}url = \"{MISTYPED}\"\n"));
    assert_eq!(broken.status, 400);
    assert!(broken.text().contains("line 9: not TOML"), "{}", broken.text());
    assert_eq!(becomes(&stack, "applied"), applied);
    desire(&stack, &format!("{wanted}rate = 0\nplcement = \"hub\"\n"));
    let refused = becomes(&stack, "refused");
    for (n, key) in ["camera[1].rate: ", "camera[1].plcement: "].into_iter().enumerate() {
        assert!(refused["reasons"][n].as_str().is_some_and(|reason| reason.contains(key)), "{key} in {refused}");
    }
    assert_eq!(refused["running"], applied["running"]);
    assert_eq!(cameras(&stack), ["door", "porch"]);

    // It is desired on, of an edge that is away as well.
    desire(&stack, &wanted);
    becomes(&stack, "applied");
    stack.edge.expect("the hub can't be reached: trying again");
    stack.edge.expect("the broker can't be reached: trying again");
    stack.hub.kill9();
    stack.hub.restart();
    stack.wait_for_hub();
    becomes(&stack, "applied");
    stack.edge.kill9();
    let gone = wait::until("the edge to be gone", wait::LONG, || {
        let shown = edge(&stack);
        if shown["health"]["stale"] == true { Ok(shown) } else { Err(shown.to_string()) }
    });
    assert_eq!(gone["configuration"]["state"], "applied", "{gone}");
    desire(&stack, &toml(&stack, &["porch"]));
    assert_eq!(edge(&stack)["configuration"]["state"], "pending");
    stack.hub.kill9();
    stack.hub.restart();
    stack.wait_for_hub();
    assert_eq!(edge(&stack)["configuration"]["state"], "pending");
    stack.edge.restart();
    stack.wait_for_edge();
    becomes(&stack, "applied");
    assert_eq!(cameras(&stack), ["porch"]);

    let given_back = stack.api.send("DELETE", CONFIG_PATH, "text/plain", &[]).unwrap();
    assert_eq!(given_back.status, 202, "{}", given_back.text());
    wait_for_cameras(&stack, &["door"]);
    assert!(becomes(&stack, "file")["desired"]["since_us"].is_u64());
    stack.edge.stop();
    stack.edge.restart();
    stack.wait_for_edge();
    assert_eq!(cameras(&stack), ["door"]);
    stack.finish();
}

/// Not even looked away from: of the others one comes, one changes, and both go.
#[test]
fn a_camera_that_is_as_it_was_goes_on_undisturbed_while_others_come_and_change_and_go() {
    let mut stack = Stack::start(StackOptions { cameras: vec![Camera::simulated("door")], ..Default::default() });
    stack.edge.expect("a credential is written here");
    let of = |camera: &str, metric: &str| format!("omma_{metric}_total{{camera=\"{camera}\"");
    let read = |stack: &Stack, name: String| stack.edge_api.metric(&name).unwrap();
    let connects = |stack: &Stack, camera| read(stack, of(camera, "source_connects"));
    let goes_on = |stack: &Stack| {
        let before = read(stack, of("door", "gate_units_received"));
        wait::until("two seconds of pictures to be looked through", wait::LONG, || {
            let came = read(stack, of("door", "gate_units_received")) - before;
            if came >= 20.0 { Ok(()) } else { Err(format!("{came} came")) }
        });
    };
    let door = toml(&stack, &["door"]).replace("none", "edge");
    let porch = toml(&stack, &["porch"]);
    desire(&stack, &(door.clone() + &porch));
    stack.wait_for_state("porch", "live");
    goes_on(&stack);
    let before = ["door", "porch"].map(|camera| connects(&stack, camera));
    let lives = |stack: &Stack| {
        let is_door = |line: &&String| line.contains("\"live\"") && line.contains("\"door\"");
        stack.edge.log().lines().iter().filter(is_door).count()
    };
    let was_live = lives(&stack);
    assert!(was_live >= 1, "no line says that it is live");

    desire(&stack, &(door.clone() + &porch + "name = \"At the back\"\n" + &toml(&stack, &["yard"])));
    stack.wait_for_state("yard", "live");
    wait_for_cameras(&stack, &["door", "porch", "yard"]);
    wait::until("the camera that has changed to begin anew", wait::LONG, || match connects(&stack, "porch") {
        now if now > before[1] => Ok(()),
        now => Err(format!("{now} connects as before")),
    });
    goes_on(&stack);
    desire(&stack, &door);
    wait_for_cameras(&stack, &["door"]);
    goes_on(&stack);

    assert_eq!((connects(&stack, "door"), lives(&stack)), (before[0], was_live), "it was connected to anew");
    assert_eq!(read(&stack, of("door", "source_failures")), 0.0);
    stack.finish();
}

#[test]
fn who_listens_to_everything_on_the_hubs_broker_does_not_hear_what_is_desired() {
    let mut stack = start(StackOptions::default());
    stack.edge.expect("a credential is written here");
    let listeners = ["#", "omma/v1/edges/site/#", "omma/v1/edges/+/config/desired", DESIRED]
        .map(|filter| Listener::subscribed_to(stack.mqtt_port(), filter));
    let digest = desire(&stack, &toml(&stack, &["door", "porch"]));
    becomes(&stack, "applied");
    // Those who come later hear what is retained.
    let late = Listener::subscribed_to(stack.mqtt_port(), "#");
    for listener in [&listeners[0], &listeners[1], &late] {
        wait::until("what was reported to be heard", wait::LONG, || {
            let reported = listener.on(REPORTED);
            if reported.iter().any(|(said, _)| said.contains("applied")) {
                Ok(())
            } else {
                Err(format!("{reported:?}"))
            }
        });
    }
    for listener in listeners.iter().chain([&late]) {
        assert_eq!(listener.on(DESIRED), []);
        let heard = listener.lines().concat();
        // Passwords could be tried against a digest.
        assert!(!heard.contains(CAMERA_PASSWORD) && !heard.contains(&digest), "{heard}");
    }
    let file = stack.hub_data().join("desired").join(EDGE);
    assert!(fs::read_to_string(&file).unwrap().contains(CAMERA_PASSWORD));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    stack.finish();
}

#[test]
fn a_hub_without_a_broker_configures_its_edges_too_and_is_told_how_they_are() {
    let options = StackOptions { without_broker: true, edge: "rollback_s = 10", ..Default::default() };
    let mut stack = start(options);
    stack.edge.expect("a credential is written here");
    let health = wait::until("the edge to say how it is", wait::LONG, || {
        let health = stack.api.json(EDGE_PATH)?["health"].clone();
        if health.is_object() { Ok(health) } else { Err("not yet".to_owned()) }
    });
    assert_eq!((&health["stale"], &health["clock_plausible"]), (&false.into(), &true.into()), "{health}");
    assert!(health["disk_free_mb"].as_u64() > Some(0) && health["resident_mb"].as_u64() > Some(1), "{health}");
    let listed = stack.api.json("/api/v1/edges").unwrap()["edges"][0]["health"].clone();
    assert_eq!(listed["last_run"], health["last_run"], "{listed}");

    let kept = desire(&stack, &toml(&stack, &["door", "porch"]));
    stack.wait_for_state("porch", "live");
    becomes(&stack, "applied");

    // One whose trial sees the edge cut off from the hub that desired it.
    stack.edge.expect("the hub can't be reached: trying again");
    stack.edge.expect("with the other cameras the hub can't be reached: they are taken back");
    let wanted = toml(&stack, &["porch"]);
    desire(&stack, &wanted);
    becomes(&stack, "trial");
    stack.hub.kill9();
    stack.edge.wait_for_line("they are taken back");
    // The line comes before what it tells of.
    wait_for_cameras(&stack, &["door", "porch"]);
    stack.hub.restart();
    stack.wait_for_hub();
    let taken_back = becomes(&stack, "rolled_back");
    assert!(taken_back["reasons"][0].as_str().unwrap().contains("away from its hub for 10 s"), "{taken_back}");
    assert_eq!(taken_back["running"], kept);
    // The hub goes on to desire it, and the edge to refuse it, until it is put anew.
    stack.edge.kill9();
    stack.edge.restart();
    stack.wait_for_edge();
    let refused = becomes(&stack, "refused");
    assert!(refused["reasons"][0].as_str().unwrap().contains("tried before"), "{refused}");
    assert_eq!(cameras(&stack), ["door", "porch"]);
    desire(&stack, &wanted);
    becomes(&stack, "applied");
    assert_eq!(cameras(&stack), ["porch"]);
    stack.finish();
}

/// A way to the camera at this port of 127.0.0.1 that fills the uplink: while somebody goes it, nothing else passes.
fn filling(uplink: Arc<Relay>, camera: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            uplink.set(Weather::Silent);
            let far = TcpStream::connect(("127.0.0.1", camera)).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| (io::copy(&mut &near, &mut &far).ok(), far.shutdown(Shutdown::Both).ok()));
                scope.spawn(|| (io::copy(&mut &far, &mut &near).ok(), near.shutdown(Shutdown::Both).ok()));
            });
            uplink.set(Weather::Fair);
        }
    });
    port
}

/// Here it is the change that cuts the edge off, and nothing else: only taking it back leads back to the hub.
#[test]
fn a_camera_that_fills_the_uplink_is_taken_back_and_the_hub_hears_of_it() {
    let options =
        StackOptions { without_broker: true, relayed: Some(1), edge: "rollback_s = 10", ..Default::default() };
    let mut stack = start(options);
    for warning in [
        "a credential is written here",
        "the hub can't be reached: trying again",
        "with the other cameras the hub can't be reached: they are taken back",
    ] {
        stack.edge.expect(warning);
    }
    becomes(&stack, "file");
    let good = toml(&stack, &["door"]);
    let port = |url: &str| url.rsplit(':').next().unwrap().split('/').next().unwrap().parse::<u16>().unwrap();
    let direct = port(&stack.camera_url("door"));
    let through = filling(Arc::clone(stack.relay()), direct);
    let filling = toml(&stack, &["porch"]).replace(&format!(":{direct}/"), &format!(":{through}/"));
    desire(&stack, &(good + &filling));
    stack.edge.wait_for_line("they are taken back");
    let taken_back = becomes(&stack, "rolled_back");
    assert!(taken_back["reasons"][0].as_str().unwrap().contains("away from its hub for 10 s"), "{taken_back}");
    assert_eq!(cameras(&stack), ["door"]);
    // It is desired on, at each connection, and would cut the edge off each time.
    stack.edge.kill9();
    stack.edge.restart();
    stack.wait_for_edge();
    becomes(&stack, "refused");
    stack.wait_for_state("door", "live");
    assert_eq!(cameras(&stack), ["door"]);
    stack.finish();
}

/// Two masters: the hub, and who publishes on the operator's broker.
#[test]
fn while_the_hub_desires_what_a_broker_is_told_is_refused_and_never_do_both_take_turns() {
    let folder = tempfile::tempdir().unwrap();
    let mosquitto = Mosquitto::start(folder.path());
    let mut stack = start(StackOptions { external_broker: Some(mosquitto.port), ..Default::default() });
    for warning in ["a credential is written here", "the hub can't be reached: trying again"] {
        stack.edge.expect(warning);
    }
    let (both, porch, door) = (["door", "porch"], toml(&stack, &["porch"]), toml(&stack, &["door"]));
    let refused = |stack: &Stack| stack.edge_api.metric("omma_control_refused_total").unwrap();
    desire(&stack, &toml(&stack, &both));
    let applied = becomes(&stack, "applied");

    let answer = ask(mosquitto.port, DESIRED, &porch);
    assert!(answer["ok"] == false && answer["reasons"][0].as_str().unwrap().contains("the hub says"), "{answer}");
    // One that the broker repeats at each connection.
    publish(mosquitto.port, DESIRED, &door, &["-r"]);
    wait::until("what is retained to be refused", wait::LONG, || match refused(&stack) {
        2.0 => Ok(()),
        count => Err(format!("{count} refused")),
    });
    stack.edge.kill9();
    stack.edge.restart();
    stack.wait_for_edge();
    wait::until("it to be refused again", wait::LONG, || match refused(&stack) {
        1.0 => Ok(()),
        count => Err(format!("{count} refused")),
    });
    assert_eq!(cameras(&stack), both);
    let shown = becomes(&stack, "applied");
    assert_eq!((&shown["running"], &shown["reasons"]), (&applied["running"], &applied["reasons"]));

    // The broker has a say again, and keeps it though the hub tells at each connection that it desires nothing.
    let given_back = stack.api.send("DELETE", CONFIG_PATH, "text/plain", &[]).unwrap();
    assert_eq!(given_back.status, 202, "{}", given_back.text());
    becomes(&stack, "file");
    let answer = ask(mosquitto.port, DESIRED, &porch);
    assert_eq!(answer["ok"], true, "{answer}");
    becomes(&stack, "applied");
    stack.hub.kill9();
    stack.edge.wait_for_line("the hub can't be reached: trying again");
    stack.hub.restart();
    stack.wait_for_hub();
    stack.wait_for_state("porch", "live");
    becomes(&stack, "applied");
    assert_eq!(cameras(&stack), ["porch"]);

    // And loses it.
    desire(&stack, &toml(&stack, &both));
    becomes(&stack, "applied");
    assert_eq!(cameras(&stack), both);
    stack.finish();
}

#[test]
fn what_no_edge_can_be_is_refused_at_the_hub() {
    let stack = start(StackOptions::default());
    let good = format!("[[camera]]\nid = \"yard\"\nurl = \"rtsp://127.0.0.1:{}/x\"\n", port::free());
    let to = |path: &str, text: &[u8]| stack.api.send("PUT", path, "application/toml", text).unwrap();
    for (path, text, status, why) in [
        ("/api/v1/edges/nobody/config", good.as_bytes(), 404, "no join token"),
        ("/api/v1/edges/No-Name/config", good.as_bytes(), 400, "bad_request"),
        (CONFIG_PATH, b"", 400, "camera: missing"),
        (CONFIG_PATH, b"camera = \"\xff\"", 400, "UTF-8"),
        (CONFIG_PATH, &vec![b'#'; 256 * 1024 + 1], 413, "262144 bytes"),
    ] {
        let answer = to(path, text);
        assert!(answer.status == status && answer.text().contains(why), "{path}: {}: {}", answer.status, answer.text());
    }
    let nobody = omma_testkit::stack::api::Api::at(stack.api.port());
    for method in ["PUT", "DELETE"] {
        assert_eq!(nobody.send(method, CONFIG_PATH, "application/toml", good.as_bytes()).unwrap().status, 401);
    }
    assert_eq!(stack.api.get("/api/v1/edges/nobody").unwrap().status, 404);
    assert!(edge(&stack)["configuration"].get("desired").is_none());
    assert_eq!(cameras(&stack), ["door"]);
    stack.finish();
}
