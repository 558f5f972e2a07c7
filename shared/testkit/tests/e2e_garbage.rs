//! Bytes at random, from a fixed seed, on every port but those of HTTP: nothing dies, the camera beside goes on, and it
//! is counted.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io::{Read as _, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use omma_protocol::wire::quic;
use omma_testkit::garbage::{exchange, garbage, on_udp};
use omma_testkit::process::{Launch, port};
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

const SEED: u64 = 0x6f6d_6d61;

#[test]
fn garbage_on_every_port_but_http() {
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
