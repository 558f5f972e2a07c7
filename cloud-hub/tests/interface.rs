//! The whole hub in this process, spoken to as browsers, edges and integrations do.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects by failing")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use cloud_hub::access::{Access, edges::Edges};
use cloud_hub::config::Config;
use cloud_hub::pipeline;
use omma_runtime::metrics::{self, Metrics};
use omma_testkit::process::port;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for the slowest machine: reached only where a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

const EVENT: &str = "01890000-0000-7000-8000-000000000001";
const OUTBOX: &str = "00000000-0000-4000-8000-000000000002";

struct Hub {
    http: SocketAddr,
    plain: u16,
    tls: u16,
    sign_in: String,
    end: CancellationToken,
    task: JoinHandle<anyhow::Result<()>>,
    text: String,
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
}

fn recorder() -> Metrics {
    static RECORDER: OnceLock<Metrics> = OnceLock::new();
    RECORDER.get_or_init(|| metrics::install(cloud_hub::step::ALL).unwrap()).clone()
}

async fn start(folder: &Path) -> Hub {
    let (http, plain, tls, quic, live) = (port::free(), port::free(), port::free(), port::free(), port::free());
    let text = format!(
        "[hub]\ndata = '{}'\n[http]\nlisten = '127.0.0.1:{http}'\n[ingest]\nquic = '127.0.0.1:{quic}'\n[broker]\n\
         listen = '127.0.0.1:{plain}'\ntls_listen = '127.0.0.1:{tls}'\nanonymous_read = true\n\
         [live]\nudp = '127.0.0.1:{live}'\n",
        folder.display()
    );
    start_with(text, http, plain, tls, folder).await
}

async fn start_with(text: String, http: u16, plain: u16, tls: u16, folder: &Path) -> Hub {
    omma_runtime::tls::install_provider();
    let end = CancellationToken::new();
    let config = Config::parse(&text).unwrap();
    let task = tokio::spawn(pipeline::run(config, recorder(), end.clone()));
    let http = SocketAddr::from(([127, 0, 0, 1], http));
    let sign_in = String::new();
    let mut hub = Hub { http, plain, tls, sign_in, end, task, text };
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(http).is_err() || hub.get("/readyz").await.status != 200 {
        assert!(!hub.task.is_finished(), "the hub ended: {:?}", (&mut hub.task).await);
        assert!(Instant::now() < deadline, "not ready: {}", String::from_utf8_lossy(&hub.get("/readyz").await.body));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    hub.sign_in = Access::open(folder).unwrap().token().expose().clone();
    hub
}

impl Hub {
    async fn request(&self, head: String) -> Answer {
        let address = self.http;
        let ask = move || {
            let mut socket = TcpStream::connect(address).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            socket.write_all(head.as_bytes()).unwrap();
            let mut bytes = vec![];
            socket.read_to_end(&mut bytes).unwrap();
            let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").expect("no answer");
            let body = bytes.split_off(end + 4);
            let head = String::from_utf8(bytes).unwrap().to_lowercase();
            Answer { status: head[9..12].parse().unwrap(), head, body }
        };
        tokio::task::spawn_blocking(ask).await.unwrap()
    }

    async fn with_token(&self, method: &str, path: &str, token: &str) -> Answer {
        self.request(format!(
            "{method} {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    async fn get(&self, path: &str) -> Answer {
        self.with_token("GET", path, &self.sign_in).await
    }

    /// Asks until the answer is as expected.
    async fn until(&self, path: &str, expected: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(path).await;
            if expected(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "{path}: {} {:?}", answer.status, String::from_utf8_lossy(&answer.body));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn publish(&self, folder: &Path, secret: &str, arguments: &[&str]) {
        let port = self.tls.to_string();
        let fixed = [
            "-V",
            "mqttv5",
            "-q",
            "1",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-i",
            "omma-edge-site",
            "-u",
            "site",
            "-P",
            secret,
        ];
        let status = Command::new("mosquitto_pub")
            .args(fixed)
            .arg("--cafile")
            .arg(folder.join("ca.pem"))
            .args(arguments)
            .status()
            .unwrap();
        assert!(status.success());
    }

    async fn stop(self) -> String {
        self.end.cancel();
        tokio::time::timeout(PATIENCE, self.task).await.expect("it did not end").unwrap().unwrap();
        self.text
    }
}

fn event(sequence: u64, revision: u32, phase: &str) -> String {
    let mut event = json!({
        "outbox": OUTBOX, "sequence": sequence, "id": EVENT, "stream": "site.door", "phase": phase,
        "revision": revision, "label": "person", "track": 3, "score": 0.5, "box": [0.25, 0.25, 0.5, 0.5],
        "opened_us": 1_790_000_000_000_000_i64, "best_us": 1_790_000_000_000_000_i64,
        "place": "edge", "engine": "tract", "model": "nanodet"
    });
    if phase == "closed" {
        event["closed_us"] = json!(1_790_000_000_000_100_i64);
    }
    event.to_string()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_hub_is_empty_and_closed() {
    let folder = folder();
    let hub = start(folder.path()).await;
    assert_eq!(hub.get("/api/v1/session").await.json(), json!({ "version": env!("CARGO_PKG_VERSION") }));
    assert_eq!(hub.get("/api/v1/cameras").await.json(), json!({ "cameras": [] }));
    assert_eq!(hub.get("/api/v1/edges").await.json(), json!({ "edges": [] }));
    assert_eq!(hub.get("/api/v1/events").await.json(), json!({ "events": [], "next": null }));
    assert_eq!(hub.get("/api/v1/labels").await.json(), json!({ "labels": [] }));
    assert_eq!(hub.get("/api/v1/incidents").await.json(), json!({ "incidents": [], "next": null }));

    let none = "GET /api/v1/session HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n".to_owned();
    let answer = hub.request(none).await;
    assert_eq!((answer.status, answer.json()["error"]["kind"].as_str()), (401, Some("unauthorized")));
    assert!(answer.head.contains("www-authenticate: bearer"), "{}", answer.head);

    let page = hub.with_token("GET", "/", "").await;
    assert_eq!(page.status, 200);
    assert!(page.head.contains("content-security-policy: default-src 'self'"), "{}", page.head);
    let document = hub.with_token("GET", "/api/openapi.json", "").await.json();
    for path in [
        "/cameras",
        "/incidents",
        "/events",
        "/events/{id}/picture",
        "/events/{id}/crop",
        "/streams/{stream}/whep",
        "/live",
    ] {
        assert!(document["paths"].get(format!("/api/v1{path}")).is_some(), "{path} in {}", document["paths"]);
    }
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_get_a_reason_and_guessing_is_slowed_down() {
    let folder = folder();
    let hub = start(folder.path()).await;
    for (method, path, status, kind) in [
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("GET", "/api/v2", 404, "not_found"),
        ("DELETE", "/api/v1/events", 405, "method_not_allowed"),
        ("GET", "/api/v1/events?limit=0", 400, "bad_request"),
        ("GET", "/api/v1/events?limit=x", 400, "bad_request"),
        ("GET", "/api/v1/events?lable=person", 400, "bad_request"),
        ("GET", "/api/v1/events?stream=NO", 400, "bad_request"),
        ("GET", "/api/v1/incidents?limit=501", 400, "bad_request"),
        ("GET", "/api/v1/incidents?edge=NO", 400, "bad_request"),
        ("GET", "/api/v1/incidents?before=now", 400, "bad_request"),
        ("GET", "/api/v1/incidents?site=a", 400, "bad_request"),
        ("GET", "/api/v1/events/no-id", 400, "bad_request"),
        ("GET", &format!("/api/v1/events/{EVENT}"), 404, "not_found"),
        ("GET", &format!("/api/v1/events/{EVENT}/picture"), 404, "not_found"),
        ("GET", &format!("/api/v1/events/{EVENT}/crop"), 404, "not_found"),
    ] {
        let answer = hub.with_token(method, path, &hub.sign_in).await;
        let said = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!((answer.status, answer.json()["error"]["kind"].as_str()), (status, Some(kind)), "{path}: {said}");
        // RFC 9110 §15.5.6.
        assert_eq!(status == 405, answer.head.to_lowercase().contains("\nallow: "), "{path}: {}", answer.head);
    }
    assert_eq!(hub.with_token("GET", "/assets/no.js", "").await.status, 404);
    for _ in 0..hub_core::attempts::BURST {
        let answer = hub.with_token("GET", "/api/v1/session", "wrong").await;
        assert!([401, 429].contains(&answer.status));
    }
    let answer = hub.with_token("GET", "/api/v1/session", "wrong").await;
    assert_eq!((answer.status, answer.json()["error"]["kind"].as_str()), (429, Some("too_many_attempts")));
    assert!(answer.head.contains("retry-after: "), "{}", answer.head);
    assert_eq!(hub.get("/api/v1/session").await.status, 200, "whoever has the token is not locked out");
    hub.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_stored_once_acknowledged_and_shown_after_a_restart() {
    let folder = folder();
    let hub = start(folder.path()).await;
    let secret = Edges::open(folder.path()).unwrap().issue(&"site".parse().unwrap()).unwrap();
    let acks = "omma/v1/edges/site/acks";
    let mut listener = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &hub.plain.to_string(), "-t", acks, "-t", "omma/v1/edges/site/status"])
        .args(["-F", "%t %p", "-W", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();

    let events = "omma/v1/edges/site/cameras/door/events";
    let publish = |arguments: &[&str]| hub.publish(folder.path(), secret.expose(), arguments);
    publish(&["-t", "omma/v1/edges/site/status", "-r", "-m", r#"{"online":true,"agent":"test"}"#]);
    // Twice, out of order, with garbage and forgeries between.
    for message in [event(2, 2, "closed"), event(1, 1, "opened"), event(2, 2, "closed"), "{".to_owned()] {
        publish(&["-t", events, "-m", &message]);
    }
    let unsound =
        event(3, 3, "closed").replace("0.5,\"sequence", "5.5,\"sequence").replace("\"score\":0.5", "\"score\":5");
    publish(&["-t", events, "-m", &unsound]);
    let picture = folder.path().join("picture.jpg");
    let (whole, crop) = ([0xff, 0xd8, 0xff, 0xe0, 0xff, 0xd9], [0xff, 0xd8, 0xff, 0xe0, 1, 0xff, 0xd9]);
    std::fs::write(&picture, [&whole[..], &crop].concat()).unwrap();
    let topic = format!("omma/v1/edges/site/cameras/door/pictures/{EVENT}");
    let mut arguments = vec!["-t", &topic, "-f", picture.to_str().unwrap()];
    for (key, value) in [("outbox", OUTBOX), ("sequence", "4"), ("revision", "2"), ("time_us", "5"), ("crop_at", "6")] {
        arguments.extend(["-D", "publish", "user-property", key, value]);
    }
    publish(&arguments);

    let one = format!("/api/v1/events/{EVENT}");
    hub.until(&format!("{one}/picture"), |a| a.status == 200).await;
    for (view, file) in [("picture", &whole[..]), ("crop", &crop[..])] {
        assert_eq!(hub.get(&format!("{one}/{view}")).await.body, file, "{view}");
    }
    let shown =
        hub.until("/api/v1/events?label=person", |a| a.json()["events"][0]["picture_revision"] == 2).await.json();
    assert_eq!(shown["events"].as_array().unwrap().len(), 1);
    assert_eq!((&shown["events"][0]["phase"], &shown["events"][0]["revision"]), (&json!("closed"), &json!(2)));
    hub.until("/api/v1/edges", |a| a.json()["edges"][0]["online"] == true).await;

    // Everything of the outbox is acknowledged, the unsound one too: else it would come again for ever.
    let mut heard = String::new();
    let mut pipe = listener.stdout.take().unwrap();
    let mut buffer = [0; 4096];
    while ![1, 2, 3, 4].iter().all(|n| acknowledged(&heard, *n)) {
        let read = pipe.read(&mut buffer).unwrap();
        assert!(read > 0, "not all is acknowledged: {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    listener.kill().unwrap();
    listener.wait().unwrap();

    let (plain, tls, http) = (hub.plain, hub.tls, hub.http.port());
    let text = hub.stop().await;
    let again = start_with(text, http, plain, tls, folder.path()).await;
    again.publish(folder.path(), secret.expose(), &["-t", events, "-m", &event(1, 1, "opened")]);
    let events = again.get("/api/v1/events").await.json();
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert_eq!(events["events"][0]["revision"], 2);
    let metrics = again.get("/metrics").await;
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    assert!(metrics.contains(r#"omma_step_done_total{step="store"}"#), "{metrics}");
    assert!(!metrics.contains(again.sign_in.as_str()) && !metrics.contains(secret.expose().as_str()));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_is_stored_once_acknowledged_and_shown() {
    const INCIDENT: &str = "00000000-0000-5000-8000-000000000003";
    let folder = folder();
    let hub = start(folder.path()).await;
    let secret = Edges::open(folder.path()).unwrap().issue(&"site".parse().unwrap()).unwrap();
    let mut listener = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &hub.plain.to_string(), "-t", "omma/v1/edges/site/acks"])
        .args(["-F", "%t %p", "-W", "60"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let incident = |sequence: u64, kind: &str, message: &str| {
        let of =
            json!({ "outbox": OUTBOX, "sequence": sequence, "id": INCIDENT, "time_us": 1_790_000_000_000_000_i64 });
        let mut of = of.as_object().unwrap().clone();
        of.extend([("kind".to_owned(), json!(kind)), ("message".to_owned(), json!(message))]);
        Value::from(of).to_string()
    };
    let topic = "omma/v1/edges/site/incidents";
    let publish = |message: &str| hub.publish(folder.path(), secret.expose(), &["-t", topic, "-m", message]);
    // Told twice, as by an edge that was killed in between; then one that is not sound.
    publish(&incident(1, "unclean_end", "it was killed"));
    publish(&incident(2, "unclean_end", "it was killed"));
    publish(&incident(3, "", "of nothing"));
    // By a clock that has gone wrong.
    let mut late = json!({
        "outbox": OUTBOX, "sequence": 4, "id": OUTBOX, "time_us": 0, "kind": "panic", "message": "long ago, as it says"
    });
    publish(&late.to_string());
    late["edge"] = json!("site");
    let mut heard = String::new();
    let mut pipe = listener.stdout.take().unwrap();
    let mut buffer = [0; 4096];
    while ![1, 2, 3, 4].iter().all(|n| acknowledged(&heard, *n)) {
        let read = pipe.read(&mut buffer).unwrap();
        assert!(read > 0, "not all is acknowledged: {heard}");
        heard.push_str(&String::from_utf8_lossy(&buffer[..read]));
    }
    listener.kill().unwrap();
    listener.wait().unwrap();
    let shown = json!({
        "id": INCIDENT, "edge": "site", "time_us": 1_790_000_000_000_000_i64, "kind": "unclean_end",
        "message": "it was killed", "outbox": OUTBOX, "sequence": 1
    });
    let page = async |query: &str| {
        let mut page = hub.get(&format!("/api/v1/incidents{query}")).await.json();
        for incident in page["incidents"].as_array_mut().unwrap() {
            let received = incident.as_object_mut().unwrap().remove("received_us");
            assert!(received.as_ref().is_some_and(Value::is_i64), "{query}: {received:?}");
        }
        page
    };
    for query in ["", "?edge=site", "?limit=2&edge=site"] {
        assert_eq!(page(query).await, json!({ "incidents": [late, shown], "next": null }), "{query}");
    }
    let first = page("?limit=1").await;
    assert_eq!(first["incidents"], json!([late]));
    let next = format!("?limit=1&before={}", first["next"]);
    assert_eq!(page(&next).await, json!({ "incidents": [shown], "next": null }), "{next}");
    assert_eq!(page("?edge=other").await, json!({ "incidents": [], "next": null }));
    // How the edge is, is not the hub's to keep, but whoever comes later hears it from its broker.
    let health = r#"{"uptime_s":1}"#;
    hub.publish(folder.path(), secret.expose(), &["-r", "-t", "omma/v1/edges/site/health", "-m", health]);
    let later = Command::new("mosquitto_sub")
        .args(["-h", "127.0.0.1", "-p", &hub.plain.to_string(), "-t", "omma/v1/edges/+/health"])
        .args(["-F", "%r %p", "-C", "1", "-W", "60"])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&later.stdout).trim(), format!("1 {health}"));
    hub.stop().await;
}

fn acknowledged(heard: &str, sequence: u64) -> bool {
    let payloads = heard.lines().filter_map(|line| line.split_once("acks ")).map(|(_, json)| json);
    let ranges = payloads.filter_map(|json| serde_json::from_str::<Value>(json).ok());
    let mut ranges = ranges.flat_map(|ack| ack["stored"].as_array().cloned().unwrap_or_default());
    ranges.any(|range| (range[0].as_u64()..=range[1].as_u64()).contains(&Some(sequence)))
}
