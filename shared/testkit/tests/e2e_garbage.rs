//! Bytes at random, from a fixed seed, on every port: nothing dies, the camera beside goes on, and it is counted.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::{Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use omma_protocol::wire::quic;
use omma_testkit::garbage::{exchange, garbage, http, on_udp, sdp};
use omma_testkit::process::{Launch, port};
use omma_testkit::stack::api::Api;
use omma_testkit::stack::{Camera, EDGE, Stack, StackOptions, store};
use omma_testkit::wait;
use quinn::ConnectionError;
use quinn::crypto::rustls::QuicClientConfig;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::version::TLS13;
use serde_json::Value;

const SEED: u64 = 0x6f6d_6d61;

#[test]
fn garbage_on_every_port() {
    let babbler = babbling_camera();
    let nobody = port::free();
    let mut stack = Stack::start(StackOptions {
        cameras: vec![
            Camera::simulated("door"),
            Camera::at("babbler", format!("rtsp://127.0.0.1:{babbler}/x")),
            Camera::at("nobody", format!("rtsp://127.0.0.1:{nobody}/x")),
        ],
        ..Default::default()
    });
    stack.edge.expect("camera failed: trying again");
    stack.hub.expect("what a peer sent can't be used");
    let ours = [stack.edge.id(), stack.hub.id()];

    let silent = [stack.mqtt_port(), stack.mqtts_port()].map(|port| TcpStream::connect(("127.0.0.1", port)).unwrap());
    cameras_that_are_none_get_a_reason(&mut stack);
    on_udp(stack.quic_port(), 2000, &mut StdRng::seed_from_u64(SEED)).unwrap();
    on_udp(stack.live_port(), 2000, &mut StdRng::seed_from_u64(SEED)).unwrap();
    inside_quic(&stack);
    on_tcp(stack.mqtt_port());
    on_tcp(stack.mqtts_port());
    inside_tls(&stack);
    as_mqtt_packets(stack.mqtt_port());
    where_one_may_not_publish(stack.mqtt_port());
    on_http(&stack);
    on_pages_of_their_own(&stack);
    as_offers_for_a_camera(&stack);
    as_cameras_of_an_edge(&stack);
    slowly(&stack);
    who_says_nothing_is_sent_away(&stack, silent);
    a_proper_client_still_gets_in(stack.mqtt_port());
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

/// Answers each connection with bytes at random; every other time they begin like an answer.
fn babbling_camera() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut random = StdRng::seed_from_u64(SEED);
        for (n, socket) in listener.incoming().enumerate() {
            let Ok(mut socket) = socket else { continue };
            let mut answer = garbage(&mut random, 8192);
            if n % 2 == 1 {
                answer = [b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 4000\r\n\r\n".as_slice(), &answer].concat();
            }
            // The other end may be gone: that is its right.
            socket.write_all(&answer).ok();
        }
    });
    port
}

fn cameras_that_are_none_get_a_reason(stack: &mut Stack) {
    for id in ["babbler", "nobody"] {
        let (camera, _) = stack.wait_for_state(id, "failed");
        let reason = camera["reason"].as_str().unwrap_or_default();
        assert!(!reason.is_empty() && reason.len() < 300 && !reason.contains("buffered"), "{camera}");
        println!("{id}: {reason}");
    }
}

/// TLS 1.3 that pins the hub's authority as edges do.
fn pinned(stack: &Stack) -> rustls::ClientConfig {
    let authority = CertificateDer::from_pem_file(stack.hub_data().join("ca.pem")).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]).unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// A client that talks nonsense once it is connected.
fn inside_quic(stack: &Stack) {
    let mut tls = pinned(stack);
    tls.alpn_protocols = vec![quic::ALPN.to_vec()];
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let address = SocketAddr::from(([127, 0, 0, 1], stack.quic_port()));
    let mut random = StdRng::seed_from_u64(SEED);
    let talk = async {
        let endpoint = quinn::Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        for n in 0..20 {
            let connection = endpoint.connect_with(config.clone(), address, quic::SERVER_NAME).unwrap().await.unwrap();
            let (mut control, _) = connection.open_bi().await.unwrap();
            let mut message = garbage(&mut random, 4096);
            if n % 2 == 0 {
                // A sound length, as control messages have.
                message = [&(message.len() as u32).to_be_bytes(), message.as_slice()].concat();
            }
            // The hub may close at any of these: that is its right.
            control.write_all(&message).await.ok();
            control.finish().ok();
            if let Ok(mut group) = connection.open_uni().await {
                group.write_all(&garbage(&mut random, 4096)).await.ok();
            }
            connection.send_datagram(garbage(&mut random, 1000).into()).ok();
            let closed = tokio::time::timeout(wait::LONG, connection.closed()).await;
            let why = closed.expect("the hub keeps a connection that talks nonsense");
            let told = matches!(&why, ConnectionError::ApplicationClosed(close) if !close.reason.is_empty());
            assert!(told, "the hub does not say why it ends a connection: {why}");
        }
        endpoint.wait_idle().await;
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(talk);
}

/// Without a name nobody may publish, least of all within an edge's fence.
fn where_one_may_not_publish(port: u16) {
    let port = port.to_string();
    for topic in ["omma/v1/edges/site/status", "omma/v1/edges/site/acks", "x"] {
        let arguments = ["-V", "5", "-h", "127.0.0.1", "-p", &port, "-q", "1", "-t", topic, "-m", "nonsense"];
        // Its status says only whether it was connected: what counts is counted by the hub.
        Launch::of_system("mosquitto_pub").args(arguments.map(str::to_owned)).run();
    }
}

fn who_says_nothing_is_sent_away(stack: &Stack, silent: [TcpStream; 2]) {
    for mut socket in silent {
        socket.set_read_timeout(Some(wait::LONG)).unwrap();
        let read = socket.read(&mut [0; 64]);
        assert!(matches!(read, Ok(0)), "who says nothing is kept: {read:?}");
    }
    for door in ["plain", "tls"] {
        let metric = format!("omma_broker_handshake_failures_total{{door=\"{door}\",reason=\"silent\"}}");
        assert_eq!(stack.api.existing_metric(&metric).unwrap(), 1.0);
    }
}

fn a_proper_client_still_gets_in(port: u16) {
    let port = port.to_string();
    let arguments = ["-V", "5", "-h", "127.0.0.1", "-p", &port, "-t", "omma/v1/edges/+/status", "-C", "1", "-W", "30"];
    let (status, heard, said) = Launch::of_system("mosquitto_sub").args(arguments.map(str::to_owned)).run();
    assert!(status.success() && !heard.is_empty(), "{status}: {said}");
}

fn it_was_counted(stack: &Stack) {
    let failures = stack.edge_api.metrics().unwrap();
    let failed = |camera: &str| {
        failures.iter().any(|(name, count)| {
            name.starts_with("omma_source_failures_total{")
                && name.contains(&format!("camera=\"{camera}\""))
                && *count >= 1.0
        })
    };
    assert!(failed("babbler") && failed("nobody"), "the edge has not counted its failures: {failures:?}");
    for (metric, least) in [
        ("omma_ingest_refused_total{reason=\"protocol\"}", 20.0),
        ("omma_broker_refused_total{at=\"publish\"}", 3.0),
        ("omma_live_datagrams_ignored_total", 100.0),
        ("omma_http_duration_seconds_count", 100.0),
        ("omma_http_broken_total{reason=\"unreadable\"}", 20.0),
        ("omma_ingest_datagrams_ignored_total", 100.0),
        ("omma_broker_disconnects_total{reason=\"protocol\"}", 20.0),
        ("omma_broker_handshake_failures_total{door=\"plain\",reason=\"malformed\"}", 80.0),
        ("omma_broker_handshake_failures_total{door=\"tls\",reason=\"tls\"}", 80.0),
        ("omma_broker_handshake_failures_total{door=\"tls\",reason=\"malformed\"}", 20.0),
    ] {
        let counted = stack.api.metric(metric).unwrap();
        assert!(counted >= least, "{metric} is {counted}, expected {least} or more");
    }
}

fn on_tcp(port: u16) {
    let mut random = StdRng::seed_from_u64(SEED);
    for _ in 0..100 {
        let bytes = garbage(&mut random, 4096);
        exchange(port, &bytes).expect("the port is open");
    }
}

/// Over sound TLS, where MQTT is expected.
fn inside_tls(stack: &Stack) {
    let (config, mut random) = (Arc::new(pinned(stack)), StdRng::seed_from_u64(SEED));
    for _ in 0..30 {
        let name = quic::SERVER_NAME.try_into().unwrap();
        let client = rustls::ClientConnection::new(Arc::clone(&config), name).unwrap();
        let socket = TcpStream::connect(("127.0.0.1", stack.mqtts_port())).unwrap();
        socket.set_read_timeout(Some(wait::LONG)).unwrap();
        let mut tls = rustls::StreamOwned::new(client, socket);
        tls.write_all(&garbage(&mut random, 4096)).unwrap();
        // Closed with or without the last words of TLS.
        tls.read_to_end(&mut vec![]).ok();
    }
}

/// Whole MQTT packets with garbage in them, after a sound CONNECT.
fn as_mqtt_packets(port: u16) {
    const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x";
    let mut random = StdRng::seed_from_u64(SEED);
    for _ in 0..100 {
        let body = garbage(&mut random, 127);
        let packet = [CONNECT, &[random.random(), body.len() as u8], &body].concat();
        exchange(port, &packet).expect("the port is open");
    }
}

/// Every route of the interface's own description, with garbage for each parameter, and as a body.
fn on_http(stack: &Stack) {
    let mut random = StdRng::seed_from_u64(SEED);
    let description = stack.api.json("/api/openapi.json").unwrap();
    let paths = description["paths"].as_object().unwrap();
    assert!(paths.len() >= 6, "only {} paths are described", paths.len());
    for (path, methods) in paths {
        for method in methods.as_object().unwrap().keys() {
            for _ in 0..20 {
                let path = with_garbage(path, &mut random);
                let body = if method == "get" { vec![] } else { garbage(&mut random, 4096) };
                let kind = ["application/json", "application/sdp"][random.random_range(0..2)];
                let answer = stack.api.send(&method.to_uppercase(), &path, kind, &body).unwrap();
                let said = answer.text();
                assert!(answer.status < 500, "{method} {path}: {} {said}", answer.status);
                if answer.status >= 400 {
                    let refusal: Value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{path}: {e}: {said}"));
                    let why = &refusal["error"];
                    let says = |key: &str| why[key].as_str().is_some_and(|said| !said.trim().is_empty());
                    assert!(says("kind") && says("message"), "{method} {path}: {said}");
                }
            }
        }
    }
    for port in [stack.api.port(), stack.edge_api.port()] {
        for _ in 0..50 {
            let answer = exchange(port, &garbage(&mut random, 4096)).expect("the port is open");
            assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"), "{}", String::from_utf8_lossy(&answer));
        }
    }
}

/// `/streams/{stream}/whep` with percent-encoded garbage in place of each parameter, and a query of the same.
fn with_garbage(path: &str, random: &mut StdRng) -> String {
    let mut word = || garbage(random, 40).iter().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let segments = path.split('/').map(|segment| if segment.starts_with('{') { word() } else { segment.to_owned() });
    let path = segments.collect::<Vec<_>>().join("/");
    format!("{path}?limit={}&before={}&stream={}&phase=x&label={}&mode={}", word(), word(), word(), word(), word())
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
        let session: String = garbage(&mut random, 40).iter().map(|byte| format!("%{byte:02X}")).collect();
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
