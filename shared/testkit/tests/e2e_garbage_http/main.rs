//! Garbage over HTTP, from a fixed seed: in paths, queries, headers, bodies, and on the page's WebSocket. It is refused
//! with a reason and counted, nothing dies, and the camera beside goes on.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod websocket;

use std::collections::BTreeMap;
use std::io::Read as _;
use std::time::{Duration, Instant};

use omma_testkit::garbage::{exchange, garbage, http, printable, sdp};
use omma_testkit::stack::api::{Answer, Api};
use omma_testkit::stack::{Camera, EDGE, Stack, StackOptions, store};
use omma_testkit::wait;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

const SEED: u64 = 0x6f6d_6d61;
/// The page's WebSocket, which asks for the token itself.
const LIVE: &str = "/api/v1/live";

#[test]
fn garbage_over_http() {
    let mut stack = Stack::start(StackOptions { cameras: vec![Camera::simulated("door")], ..Default::default() });
    let ours = [stack.edge.id(), stack.hub.id()];
    let event = event_with_a_picture(&stack);
    let description = stack.api.json("/api/openapi.json").unwrap();
    let mut client = Client { api: stack.api.clone(), refusals: BTreeMap::new() };

    let mut silent = websocket::open(&stack);
    in_paths(&mut client, &description);
    in_queries(&mut client, &description, &event);
    in_headers(&mut client, &description, &event, &stack.secrets[1]);
    where_no_route_is(&mut client);
    in_place_of_http(&stack);
    on_pages_of_their_own(&stack);
    as_offers_for_a_camera(&stack);
    as_cameras_of_an_edge(&stack);
    websocket::in_place_of_frames(&stack);
    websocket::in_place_of_a_token(&stack);
    websocket::once_signed_in(&stack);
    slowly(&stack);
    assert!(websocket::complaint(&mut silent).unwrap().contains("sign in within 5 seconds"));
    routes_are_counted(&client, &description);
    it_was_counted(&stack);

    // Everything goes on as before.
    assert_eq!([stack.edge.id(), stack.hub.id()], ours);
    stack.edge.assert_running();
    stack.hub.assert_running();
    stack.wait_for_state("door", "live");
    let stored = store::sequences(&stack.hub_data(), EDGE).len();
    wait::until("new events", wait::LONG, || match store::sequences(&stack.hub_data(), EDGE).len() {
        now if now > stored => Ok(()),
        now => Err(format!("{now}")),
    });
    stack.finish();
}

fn event_with_a_picture(stack: &Stack) -> String {
    wait::until("an event with a picture", wait::LONG, || {
        let events = stack.api.events("")?;
        let event = events.iter().find(|event| event["picture_revision"].is_u64());
        event.and_then(|event| event["id"].as_str()).map(str::to_owned).ok_or("there is none".to_owned())
    })
}

/// Signed in. It looks at each answer, and knows how often a route has refused with each status.
struct Client {
    api: Api,
    refusals: BTreeMap<(String, u16), u32>,
}

impl Client {
    fn send(&mut self, method: &str, route: &str, path: &str, kind: &str, body: &[u8]) -> Answer {
        let answer = self.api.send(method, path, kind, body).unwrap();
        let said = answer.text();
        assert!(answer.status < 500, "{method} {path}: {} {said}", answer.status);
        if answer.status >= 400 {
            let refusal: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{path}: {e}: {said}"));
            let says = |key: &str| refusal["error"][key].as_str().is_some_and(|said| !said.trim().is_empty());
            assert!(says("kind") && says("message"), "{method} {path}: {said}");
            self.refused(route, answer.status);
        }
        answer
    }

    fn refused(&mut self, route: &str, status: u16) {
        *self.refusals.entry((route.to_owned(), status)).or_default() += 1;
    }
}

/// Method, route and description of each operation.
fn operations(description: &Value) -> impl Iterator<Item = (String, &str, &Value)> {
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 6, "only {} paths are described", paths.len());
    paths.iter().flat_map(|(route, methods)| {
        let methods = methods.as_object().unwrap().iter();
        methods.map(move |(method, operation)| (method.to_uppercase(), route.as_str(), operation))
    })
}

/// The route's path to what is there.
fn sound(route: &str, event: &str) -> String {
    let route = route.replace("{edge}", EDGE).replace("{stream}", &format!("{EDGE}.door"));
    route.replace("{id}", event).replace("{session}", event)
}

/// For each parameter of a path, and as a body; the query is of a parameter that nobody knows.
fn in_paths(client: &mut Client, description: &Value) {
    let mut random = StdRng::seed_from_u64(SEED);
    for (method, route, _) in operations(description) {
        for _ in 0..20 {
            let mut word = || http::encoded(&garbage(&mut random, 40));
            let segments = route.split('/').map(|part| if part.starts_with('{') { word() } else { part.to_owned() });
            let path = segments.collect::<Vec<_>>().join("/");
            let path = format!("{path}?{}={}", word(), word());
            let body = if method == "GET" { vec![] } else { garbage(&mut random, 4096) };
            let kind = ["application/json", "application/sdp"][random.random_range(0..2)];
            client.send(&method, route, &path, kind, &body);
        }
    }
}

/// One parameter at a time: what reads a query stops at its first fault.
fn in_queries(client: &mut Client, description: &Value, event: &str) {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut parameters = 0;
    for (method, route, operation) in operations(description) {
        let described = operation["parameters"].as_array().into_iter().flatten();
        for name in described.filter(|one| one["in"] == "query").filter_map(|one| one["name"].as_str()) {
            parameters += 1;
            let mut unread = 0;
            for n in 0..20 {
                let word = if n % 2 == 0 { garbage(&mut random, 40) } else { printable(&mut random, 40) };
                let path = format!("{}?{name}={}", sound(route, event), http::encoded(&word));
                let offer = if method == "GET" { "" } else { sdp::WITHOUT_VIDEO };
                let answer = client.send(&method, route, &path, "application/sdp", offer.as_bytes());
                // Any text may be the label of a thing that was never seen.
                assert!(name != "label" || answer.status == 200, "{path}: {}", answer.text());
                unread += usize::from(answer.status == 400 && answer.text().contains("query"));
            }
            assert!(name == "label" || unread >= 10, "{route}: `{name}` was refused only {unread} times");
        }
    }
    assert!(parameters >= 9, "only {parameters} parameters are described");
}

/// As values that a header may have, so that the route sees them, and as values that it may not.
fn in_headers(client: &mut Client, description: &Value, event: &str, token: &str) {
    let mut random = StdRng::seed_from_u64(SEED);
    let port = client.api.port();
    for (method, route, _) in operations(description) {
        let start = format!("{method} {}", sound(route, event));
        let expected = if route == LIVE { 400 } else { 401 };
        for allowed in [true, false].repeat(5) {
            let value = http::value(&mut random, allowed);
            let status = http::status(port, &start, &[("Authorization", value.as_slice())]).unwrap();
            assert!(status == expected || (!allowed && status == 400), "{start}: {status} to {value:?}");
            if allowed {
                client.refused(route, status);
            }
        }
    }
    let bearer = format!("Bearer {token}");
    for (start, name, expected) in [
        ("GET /".to_owned(), "If-None-Match", 200),
        (format!("GET /api/v1/events/{event}/picture"), "If-None-Match", 200),
        (format!("POST /api/v1/streams/{EDGE}.door/whep"), "Content-Type", 415),
    ] {
        for allowed in [true, false].repeat(10) {
            let value = http::value(&mut random, allowed);
            let headers = [("Authorization", bearer.as_bytes()), (name, value.as_slice())];
            let status = http::status(port, &start, &headers).unwrap();
            assert!(status == expected || (!allowed && status == 400), "{start}: {status} to {name} {value:?}");
        }
    }
    // Whoever shows the right token is let in meanwhile, from the same address.
    for _ in 0..30 {
        let wrong = format!("Bearer x{}", String::from_utf8_lossy(&printable(&mut random, 60)));
        let status = http::status(port, "GET /api/v1/session", &[("Authorization", wrong.as_bytes())]).unwrap();
        assert!([401, 429].contains(&status), "{status} to {wrong:?}");
        client.refused("/api/v1/session", status);
        assert_eq!(client.api.get("/api/v1/session").unwrap().status, 200);
    }
}

fn where_no_route_is(client: &mut Client) {
    let mut random = StdRng::seed_from_u64(SEED);
    for path in ["/api", "/api/"] {
        client.send("GET", path, path, "application/json", &[]);
    }
    for _ in 0..20 {
        let mut word = || http::encoded(&garbage(&mut random, 40));
        for beginning in ["/api/", "/api/nonsense/", "/api/v1/"] {
            let path = format!("{beginning}{}", word());
            let answer = client.send("GET", "/api/{*rest}", &path, "application/json", &[]);
            assert_eq!(answer.status, 404, "{path}");
        }
        let path = format!("/assets/{}", word());
        let answer = client.api.get(&path).unwrap();
        assert!(answer.status == 404 && answer.text().contains("The page is at /"), "{path}: {}", answer.status);
        client.refused("other", 404);
    }
}

fn in_place_of_http(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    for port in [stack.api.port(), stack.edge_api.port()] {
        for _ in 0..50 {
            let answer = exchange(port, &garbage(&mut random, 4096)).expect("the port is open");
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        }
    }
}

/// The pages of both programs that anyone may have.
const PAGES_OF_HUB: [&str; 5] = ["/", "/metrics", "/healthz", "/readyz", "/api/openapi.json"];
const PAGES_OF_EDGE: [&str; 4] = ["/state", "/metrics", "/healthz", "/readyz"];

fn pages(stack: &Stack) -> impl Iterator<Item = (&Api, &'static str)> {
    let of_hub = PAGES_OF_HUB.into_iter().map(|path| (&stack.api, path));
    of_hub.chain(PAGES_OF_EDGE.into_iter().map(|path| (&stack.edge_api, path)))
}

/// With heads that are none, heads without end, and methods that no page takes.
fn on_pages_of_their_own(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    for (api, path) in pages(stack) {
        for head in http::heads(path, &mut random) {
            let answer = exchange(api.port(), &head).expect("the port is open");
            // Where much of a head was not read, the answer may be lost with the connection.
            let (head, answer) = (&head[..head.len().min(80)], String::from_utf8_lossy(&answer));
            let refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
            assert!(refused, "{path}: {:?} is answered {answer}", String::from_utf8_lossy(head));
        }
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"] {
            let answer = api.send(method, path, "application/json", &garbage(&mut random, 4096)).unwrap();
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text());
        }
        assert_eq!(api.get(path).unwrap().status, 200, "{path} afterwards");
    }
}

/// To a camera that is there, so that the offer is looked at.
fn as_offers_for_a_camera(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    let path = "/api/v1/streams/site.door/whep";
    let mut parsed = 0;
    for n in 0..200 {
        let offer = match n % 4 {
            0 => garbage(&mut random, 4096),
            1 => sdp::WITHOUT_VIDEO.bytes().chain(garbage(&mut random, 200)).collect(),
            _ => sdp::mangled(&mut random),
        };
        let answer = stack.api.send("POST", path, "application/sdp", &offer).unwrap();
        assert_eq!(answer.status, 400, "{}", answer.text());
        parsed += usize::from(answer.text().contains("not an SDP offer"));
        let session = http::encoded(&garbage(&mut random, 40));
        let answer = stack.api.send("DELETE", &format!("{path}/{session}"), "application/sdp", &[]).unwrap();
        assert!([400, 404].contains(&answer.status), "{}", answer.text());
    }
    assert!(parsed >= 50, "only {parsed} offers came as far as the parser");
}

/// To an edge that is there, so that what it shall be is looked at: none of it is kept.
fn as_cameras_of_an_edge(stack: &Stack) {
    const SOUND: &[u8] = b"[[camera]]\nid = \"door\"\nurl = \"rtsp://127.0.0.1:9/x\"\n";
    let mut random = StdRng::seed_from_u64(SEED);
    let path = format!("/api/v1/edges/{EDGE}");
    let mut parsed = 0;
    for n in 0..100 {
        // Before the closing quote.
        let cut = random.random_range(0..SOUND.len() - 2);
        let body = match n % 4 {
            0 => garbage(&mut random, 4096),
            1 => SOUND[..cut].to_vec(),
            // TOML has this byte nowhere, not even in comments and strings.
            _ => [&SOUND[..cut], b"\0", &SOUND[cut..]].concat(),
        };
        let answer = stack.api.send("PUT", &format!("{path}/config"), "application/toml", &body).unwrap();
        assert_eq!(answer.status, 400, "{}", answer.text());
        parsed += usize::from(answer.text().contains("not TOML"));
    }
    assert!(parsed >= 50, "only {parsed} texts came as far as the parser");
    let edge = stack.api.json(&path).unwrap();
    assert!(edge["configuration"]["desired"].is_null(), "{edge}");
}

/// Clients that send and then do not keep nobody from being answered, and who is waited for is not waited for without end.
fn slowly(stack: &Stack) {
    let mut waiting = vec![];
    for (api, path) in pages(stack) {
        for _ in 0..10 {
            waiting.push(http::slow_head(api.port(), path).expect("the port is open"));
            waiting.push(http::slow_body(api.port(), "POST", path, "").expect("the port is open"));
        }
    }
    let headers = format!("Authorization: Bearer {}\r\nContent-Type: application/sdp\r\n", stack.secrets[1]);
    let path = "/api/v1/streams/site.door/whep";
    let begun = Instant::now();
    let offers: Vec<_> = (0..10).map(|_| http::slow_body(stack.api.port(), "POST", path, &headers).unwrap()).collect();
    for (api, path) in pages(stack) {
        let asked = Instant::now();
        assert_eq!(api.get(path).unwrap().status, 200, "{path} meanwhile");
        assert!(asked.elapsed() < Duration::from_secs(2), "{path} took {:?} meanwhile", asked.elapsed());
    }
    for mut offer in offers {
        let mut answer = [0; 12];
        offer.read_exact(&mut answer).expect("an answer");
        assert!(answer.starts_with(b"HTTP/1.1 408") || answer.starts_with(b"HTTP/1.1 503"), "{answer:?}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "offers that do not come were waited for {:?}", begun.elapsed());
    drop(waiting);
}

/// Each refusal, by its route.
fn routes_are_counted(client: &Client, description: &Value) {
    let metrics = client.api.metrics().unwrap();
    for ((route, status), times) in &client.refusals {
        let labels = [format!("route=\"{route}\""), format!("status=\"{status}\"")];
        let is_it = |name: &str| {
            name.starts_with("omma_http_duration_seconds_count{") && labels.iter().all(|label| name.contains(label))
        };
        let counted: f64 = metrics.iter().filter(|(name, _)| is_it(name)).map(|(_, count)| count).sum();
        assert!(counted >= f64::from(*times), "{route} answered {times} times with {status}, of which {counted} count");
    }
    for (_, route, _) in operations(description) {
        assert!(client.refusals.keys().any(|(refused, _)| refused == route), "{route} has refused nothing");
    }
}

fn it_was_counted(stack: &Stack) {
    for (api, metric, least) in [
        (&stack.api, "omma_http_broken_total{reason=\"unreadable\"}", 20.0),
        (&stack.edge_api, "omma_http_broken_total{reason=\"unreadable\"}", 20.0),
        (&stack.api, "omma_access_refused_total{port=\"http\"}", 30.0),
        (&stack.api, "omma_live_pages_refused_total{reason=\"protocol\"}", 60.0),
        (&stack.api, "omma_live_pages_refused_total{reason=\"silent\"}", 1.0),
        (&stack.api, "omma_live_messages_refused_total{channel=\"websocket\"}", 41.0),
    ] {
        let counted = api.existing_metric(metric).unwrap();
        assert!(counted >= least, "{metric} is {counted}, expected {least} or more");
    }
}
