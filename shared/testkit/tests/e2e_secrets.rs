//! Everything that anyone can see is searched for everything that nobody may see, while cameras work and while they fail.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::Ipv4Addr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use omma_protocol::join::JoinToken;
use omma_testkit::garbage::sdp;
use omma_testkit::process::{Launch, port};
use omma_testkit::simulator::{Config, Login, Server};
use omma_testkit::stack::broker::Listener;
use omma_testkit::stack::{CAMERA_PASSWORD, CAMERA_USER, Camera, EDGE, Stack, StackOptions};
use omma_testkit::wait;
use serde_json::Value;
use tokio::runtime::Runtime;

/// Passwords of cameras that fail, in every place that cameras take them in. No other text holds them.
const WRONG: &str = "pw-wrong-zebra-umbrella";
const WRONG_OVER_HTTP: &str = "pw-wrong-giraffe-anvil";
const OF_NOBODY: &str = "pw-nobody-lantern-moss";
const IN_QUERY: &str = "pw-query-copper-violin";
const OF_NO_HOST: &str = "pw-nohost-thistle-drum";
const IN_PATH: &str = "pw-path-walnut-kite";
const DESIRED: &str = "pw-desired-marble-oboe";
const OF_SUB_STREAM: &str = "pw-substream-pebble-harp";

/// Their names, each with what the hub says of it.
const FAILING: [&str; 4] = ["wrong", "pictures", "absent", "nowhere"];

#[test]
fn no_secret_is_shown_by_cameras_that_work_and_cameras_that_fail() {
    let runtime = Runtime::new().unwrap();
    let login = Login { user: CAMERA_USER.to_owned(), password: CAMERA_PASSWORD.to_owned().into() };
    let config = Config {
        http: Some((Ipv4Addr::LOCALHOST, 0).into()),
        login: Some(login),
        ..Config::new(vec!["door=clock:1280x720@5".parse().unwrap()])
    };
    let server = runtime.block_on(Server::start(config)).unwrap();
    let (rtsp, http) = (server.url("door"), server.http_address().unwrap());
    let with_login = |password| rtsp.replace("rtsp://", &format!("rtsp://{CAMERA_USER}:{password}@"));
    let nobody = format!("127.0.0.1:{}", port::free());
    let failing = |id, url| Camera { placement: "none", ..Camera::at(id, url) };
    let cameras = vec![
        Camera::simulated("door"),
        Camera { placement: "hub", ..Camera::simulated("yard") },
        failing("wrong", with_login(WRONG)),
        failing("pictures", format!("http://{CAMERA_USER}:{WRONG_OVER_HTTP}@{http}/door/mjpeg")),
        failing("absent", format!("rtsp://{CAMERA_USER}:{OF_NOBODY}@{nobody}/live?user=x&password={IN_QUERY}")),
        failing("nowhere", format!("rtsp://{CAMERA_USER}:{OF_NO_HOST}@nowhere.invalid/{IN_PATH}/live")),
        // It is shown, and what would be looked at fails.
        Camera { sub_url: Some(with_login(OF_SUB_STREAM)), ..Camera::simulated("gate") },
    ];
    // All that any level shows, of libraries too: whoever looks for a fault switches it on, and shows it to others.
    let environment = &[("OMMA_LOG", "trace")];
    let mut stack = Stack::start(StackOptions { cameras, environment, ..Default::default() });
    stack.edge.expect("camera failed: trying again");
    stack.edge.expect("a credential is written here");
    let listener = Listener::of_everything(stack.mqtt_port());

    for id in FAILING {
        let (camera, _) = stack.wait_for_state(id, "failed");
        println!("{id}: {}", camera["reason"]);
        let topic = format!("omma/v1/edges/site/cameras/{id}/state");
        wait::until(&format!("{topic} to say so"), wait::LONG, || match listener.on(&topic).pop() {
            Some((payload, _)) if payload.contains("failed") => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    let event = wait::until("an event with its picture", wait::LONG, || {
        let events = stack.api.events("")?;
        events.into_iter().find(|event| event["picture_revision"].is_u64()).ok_or("none".to_owned())
    });
    wait::until("an event over MQTT", wait::LONG, || listener.events().pop().ok_or("none"));

    let refusals = desires(&stack);
    let mut shown = logs(&stack);
    shown.extend(refusals);
    shown.push(("MQTT".to_owned(), listener.lines().join("\n")));
    shown.extend(pages(&stack, &event));
    shown.extend(checks(&stack));
    let secrets = secrets(&stack);
    for (place, text) in &shown {
        for secret in &secrets {
            assert!(!text.contains(secret.as_str()), "{place} shows a secret that begins with {secret:.8}");
        }
    }
    stack.finish();
    drop(server);
    runtime.shutdown_background();
}

/// As they are, and as they cross the wire.
fn secrets(stack: &Stack) -> Vec<String> {
    let mut secrets = stack.secrets.clone();
    for token in stack.secrets.iter().filter_map(|secret| secret.parse::<JoinToken>().ok()) {
        secrets.push(token.secret.expose().clone());
    }
    assert_eq!(secrets.len(), 4, "camera password, sign-in token, join token and the secret in it");
    let cameras = [CAMERA_PASSWORD, WRONG, WRONG_OVER_HTTP, OF_NOBODY, OF_NO_HOST, OF_SUB_STREAM];
    secrets.extend(cameras.map(|password| BASE64.encode(format!("{CAMERA_USER}:{password}"))));
    secrets.extend([&cameras[1..], &[IN_QUERY, IN_PATH, DESIRED]].concat().into_iter().map(str::to_owned));
    secrets
}

fn logs(stack: &Stack) -> Vec<(String, String)> {
    let log = |program: &omma_testkit::process::Program| {
        let log = program.log().lines().join("\n");
        assert!(log.contains("\"level\":\"TRACE\""), "{} does not log everything", program.name());
        (format!("the log of {}", program.name()), log)
    };
    let logs = vec![log(&stack.edge), log(&stack.hub)];
    assert!(FAILING.iter().all(|id| logs[0].1.contains(&format!("\"{id}\""))), "the edge says nothing of its failures");
    logs
}

/// What is answered to who desires cameras with faults, found by the hub and by the edge.
fn desires(stack: &Stack) -> Vec<(String, String)> {
    let camera = format!("[[camera]]\nid = \"shed\"\nurl = \"rtsp://{CAMERA_USER}:{DESIRED}@127.0.0.1/live\"\n");
    let put = |fault: &str, status| {
        let (path, text) = (format!("/api/v1/edges/{EDGE}/config"), format!("{camera}{fault}\n"));
        let answer = stack.api.send("PUT", &path, "application/toml", text.as_bytes()).unwrap();
        assert_eq!(answer.status, status, "{}", answer.text());
        (format!("the answer to {fault}"), answer.text())
    };
    let faults = [DESIRED, "url = \"twice\"", "[camera"].map(|fault| put(fault, 400));
    let taken = put("rate = 0", 202);
    wait::until("the edge to refuse it", wait::LONG, || {
        let shown = stack.api.json(&format!("/api/v1/edges/{EDGE}"))?;
        if shown["configuration"]["state"] == "refused" { Ok(()) } else { Err(shown.to_string()) }
    });
    faults.into_iter().chain([taken]).collect()
}

/// Everything that both programs answer, whether they know the path or not.
fn pages(stack: &Stack, event: &Value) -> Vec<(String, String)> {
    let description = stack.api.json("/api/openapi.json").unwrap();
    let described = description["paths"].as_object().unwrap().keys();
    let id = event["id"].as_str().unwrap();
    let mut paths: Vec<String> = described
        .map(|path| {
            path.replace("{id}", id).replace("{stream}", "site.wrong").replace("{session}", "x").replace("{edge}", EDGE)
        })
        .collect();
    assert!(paths.iter().any(|path| path.ends_with(id)) && paths.len() >= 6, "{paths:?}");
    let further = ["/healthz", "/readyz", "/metrics", "/state", "/", "/api/openapi.json", "/api/v1/events/nonsense"];
    paths.extend(further.map(str::to_owned));
    let mut shown = vec![];
    for path in &paths {
        for (program, api) in [("hub", &stack.api), ("edge", &stack.edge_api)] {
            let answer = api.get(path).unwrap();
            assert!(answer.status != 200 || !answer.body.is_empty(), "{path} of the {program} shows nothing at all");
            shown.push((format!("{path} of the {program}"), answer.text()));
        }
    }
    let cameras = stack.api.get("/api/v1/cameras").unwrap().text();
    assert!(FAILING.iter().all(|id| cameras.contains(&format!("site.{id}"))), "{cameras}");
    for id in FAILING {
        let path = format!("/api/v1/streams/site.{id}/whep");
        let answer = stack.api.send("POST", &path, "application/sdp", sdp::WITHOUT_VIDEO.as_bytes()).unwrap();
        shown.push((path, answer.text()));
    }
    shown
}

/// What `check` says of both configurations, and of the edge's with faults beside its passwords.
fn checks(stack: &Stack) -> Vec<(String, String)> {
    let (hub, edge) = (stack.folder().join("hub.toml"), stack.folder().join("edge.toml"));
    let text = std::fs::read_to_string(&edge).unwrap();
    let faulty = stack.folder().join("faulty.toml");
    std::fs::write(&faulty, text.replace("rtsp://", "rtps://").replace("http://viewer", "http//viewer")).unwrap();
    let mut shown = vec![];
    for (program, config, fine) in [("cloud-hub", hub, true), ("edge-agent", edge, true), ("edge-agent", faulty, false)]
    {
        let arguments = ["check".to_owned(), "--config".to_owned(), config.display().to_string()];
        let (status, told, said) = Launch::of_workspace(program).args(arguments).run();
        assert_eq!(status.success(), fine, "{told}{said}");
        shown.push((format!("{program} check of {}", config.display()), told + &said));
    }
    assert!(shown[2].1.contains("camera[2].url"), "{}", shown[2].1);
    shown
}
