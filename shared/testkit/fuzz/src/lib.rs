//! Targets of parsers that belong to a program. Those of the shared crates and of the deciding ones are in
//! [`omma_testkit::fuzz`], which end-to-end tests are linked with and programs are not.

#![allow(clippy::panic, reason = "for tests: what can't go on fails the test, with its reason")]

mod network;

mod webrtc;

pub use network::{mqtt_packets, rtsp_camera};
pub use webrtc::webrtc_datagrams;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Instant;

use cloud_hub::api::{events, incidents};
use cloud_hub::broker::connect;
use cloud_hub::ingest::quic::value::{self, MAX_FAULTS, MAX_REASONS, Value, ValueError};
use cloud_hub::live::whep::packetize::{MAX_PAYLOAD, Packets};
use cloud_hub::live::whep::routes::mode_asked;
use cloud_hub::live::whep::session::{Session, read_offer};
use edge_agent::config::checked::Config;
use edge_agent::source::http::Form;
use edge_agent::source::http::login::{Asking, Challenge};
use edge_agent::source::interpreter::login::Login;
use edge_agent::source::url::{CameraUrl, MAX_SHOWN};
use edge_core::device_text::steers;
use edge_core::interpreter::head::Head;
use hub_core::desired::{self, MAX_CAMERAS};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Uri};
use omma_protocol::camera::Placement;
use omma_protocol::id::EdgeId;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, Codec};
use omma_protocol::wire::mqtt::Topic;
use omma_protocol::wire::quic::lasting::Record;
use omma_testkit::fuzz::Target;

/// Every target by name, which is the name of its folder of inputs too.
pub const TARGETS: &[(&str, Target)] = &[
    ("desired_cameras", desired_cameras),
    ("desired_of_a_person", desired_of_a_person),
    ("mqtt_connect", mqtt_connect),
    ("edge_value", edge_value),
    ("packetize", packetize),
    ("whep_offer", whep_offer),
    ("http_answer", http_answer),
    ("http_query", http_query),
    ("rtsp_camera", rtsp_camera),
    ("mqtt_packets", mqtt_packets),
    ("webrtc_datagrams", webrtc_datagrams),
];

/// An edge without a hub, which has one camera of its own.
const EDGE: &str = r#"
[edge]
data = "state"
name = "site"
[mqtt]
url = "mqtt://broker.example"
[[camera]]
id = "door"
url = "rtsp://192.0.2.9/live"
placement = "none"
"#;

/// The cameras that someone desires, as they come over MQTT: they replace cameras and nothing else, what runs can run, and
/// what is refused is refused with a reason, the same each time.
pub fn desired_cameras(data: &[u8]) {
    let file = edge();
    let Ok(text) = std::str::from_utf8(data) else { return };
    match file.with_cameras(text) {
        Ok(config) => {
            assert_eq!((config.edge(), &config.data, config.http), (file.edge(), &file.data, file.http));
            let ids: BTreeSet<_> = config.cameras.iter().map(|camera| camera.id.as_str()).collect();
            assert!(!ids.is_empty() && ids.len() == config.cameras.len(), "{ids:?}");
            assert!(config.cameras.iter().all(|camera| camera.rate > 0.0 && camera.rate.is_finite()));
            // There is no hub that could look, and no detector.
            assert!(config.cameras.iter().all(|camera| camera.placement == Placement::None));
        }
        Err(faults) => {
            let lines: Vec<_> = faults.lines().collect();
            assert!(!lines.is_empty() && lines.iter().all(|line| !line.trim().is_empty()), "{lines:?}");
            let again = file.with_cameras(text).map(|_| ()).map_err(|faults| faults.lines().collect());
            assert_eq!(again, Err(lines));
        }
    }
}

/// The same as a person sends it, the body of `PUT /edges/{edge}/config`: the hub refuses nothing that the edge would take, and
/// what it refuses has faults that can be shown, the same each time.
pub fn desired_of_a_person(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let judged = desired::check(text);
    match &judged {
        Ok(count) => assert!((1..=MAX_CAMERAS).contains(count), "{count} cameras"),
        Err(faults) => {
            let can_be_shown = |fault: &String| !fault.trim().is_empty() && !fault.chars().any(char::is_control);
            assert!(!faults.is_empty() && faults.iter().all(can_be_shown), "{faults:?}");
            assert_eq!(desired::check(text), judged);
        }
    }
    if let Ok(config) = edge().with_cameras(text) {
        let count = config.cameras.len();
        assert!(judged == Ok(count) || count > MAX_CAMERAS, "the edge takes {count} cameras, the hub says {judged:?}");
    }
}

/// Who comes to a door of the hub's broker: let through only with a whole CONNECT, whose length was known before, and waited for
/// until then, whatever follows it.
pub fn mqtt_connect(data: &[u8]) {
    if connect::whole(data).is_ok_and(|whole| whole) {
        let Some(length) = connect::length(data) else { panic!("let through without a length") };
        assert!(length <= data.len(), "{length} of {} bytes", data.len());
        assert_eq!(connect::whole(&data[..length]).ok(), Some(true));
        // Each is read from its beginning: of a long one, some tell enough.
        for n in (0..length).step_by(1 + length / 64).chain([length - 1]) {
            assert_eq!(connect::whole(&data[..n]).ok(), Some(false), "{n} of {length}");
        }
    }
}

/// What an edge says of itself over QUIC, as a topic, a new line and a payload: of another edge never taken, and what is kept of
/// it is bounded and holds nothing that steers a terminal.
pub fn edge_value(data: &[u8]) {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (topic, payload) = (String::from_utf8_lossy(&data[..end]), data.get(end + 1..).unwrap_or_default());
    let record = Record { topic: topic.into_owned(), properties: vec![], payload: payload.to_vec().into() };
    let Ok(site) = "site".parse::<EdgeId>() else { panic!("an edge's name") };
    let is_own = || Topic::parse(&record.topic).is_some_and(|topic| topic.edge() == Some(&site));
    let is_text = |said: &String| said.chars().count() <= 500 && !said.chars().any(char::is_control);
    match value::read(&record, &site) {
        Ok(Value::Health(health)) => assert!(is_own() && is_text(&health.last_run), "{health:?}"),
        Ok(Value::Reported(report)) => {
            assert!(is_own(), "{report:?}");
            assert!(report.reasons.len() <= MAX_REASONS && report.reasons.iter().all(is_text), "{report:?}");
            assert!([report.desired, report.running].iter().flatten().all(|digest| digest.len() == 64));
        }
        Ok(Value::Camera(_, remarks)) => {
            assert!(remarks.interpreted.len() <= MAX_FAULTS && remarks.interpreted.iter().all(is_text), "{remarks:?}");
            assert!(is_own() && remarks.unseen.iter().all(is_text), "{remarks:?}");
        }
        Ok(Value::Answer(_, answer)) => {
            assert!(
                is_own() && answer.reasons.len() <= MAX_REASONS && answer.reasons.iter().all(is_text),
                "{answer:?}"
            );
        }
        Ok(Value::Unknown(_)) => {}
        Err(ValueError::Fence(other)) => assert_ne!(other, site),
        Err(unreadable @ ValueError::Unreadable { .. }) => assert!(!unreadable.to_string().is_empty()),
    }
}

/// A picture of H.264 as an edge sends it, cut for viewers: each payload fits its way, and together they are no longer than the
/// picture and what cutting puts before each.
pub fn packetize(data: &[u8]) {
    let (time, key) = (CaptureTime(7), data.len() % 2 == 1);
    let unit = AccessUnit { time, key, codec: Codec::H264, data: data.to_vec().into() };
    let packets = Packets::new(&unit, Instant::now());
    assert_eq!((packets.time, packets.key), (time, key));
    let lengths: Vec<_> = packets.payloads.iter().map(|payload| payload.len()).collect();
    assert!(lengths.iter().all(|length| (1..=MAX_PAYLOAD).contains(length)), "{lengths:?}");
    assert_eq!(packets.bytes, lengths.iter().sum::<usize>());
    assert!(packets.bytes <= data.len() + 2 * lengths.len(), "{lengths:?} of {} bytes", data.len());
}

/// What a browser offers: refused in words, the same wherever it lies in memory, or answered by what can itself be read.
pub fn whep_offer(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let offer = match read_offer(text) {
        Ok(offer) => offer,
        Err(refusal) => {
            let elsewhere = String::from(text);
            let again = read_offer(&elsewhere).err().map(|refusal| refusal.to_string());
            assert_eq!(again, Some(refusal.to_string()));
            return;
        }
    };
    let address = SocketAddr::from(([192, 0, 2, 1], 5004));
    match Session::new(offer, &[address], 7, Instant::now()) {
        Ok((_, answer)) => assert!(read_offer(&answer).is_ok(), "{answer}"),
        Err(refusal) => assert!(!refusal.to_string().is_empty()),
    }
}

/// The query of a REST request: what is taken asks the store for a bounded page, and what is refused is refused each time.
pub fn http_query(data: &[u8]) {
    let Ok(uri) = Uri::try_from([b"/?", data].concat()) else { return };
    match events::asked(&uri) {
        Ok(filter) => {
            assert!((1..=500).contains(&filter.limit));
            assert!(filter.stream.is_none_or(|stream| stream.to_string().parse() == Ok(stream)));
        }
        Err(refusal) => {
            let again = events::asked(&uri).err().map(|refusal| format!("{refusal:?}"));
            assert_eq!(again, Some(format!("{refusal:?}")));
        }
    }
    assert!(
        incidents::asked(&uri).is_ok_and(|(_, _, limit)| (1..=500).contains(&limit)) || incidents::asked(&uri).is_err()
    );
    drop(mode_asked(&uri));
}

/// To be signed.
const REQUEST: &[u8] = b"PLAY rtsp://192.0.2.20/live RTSP/1.0\r\nCSeq: 3\r\n\r\n";

/// The headers with which a camera refuses or begins, over HTTP, and over RTSP to the interpreter: no fault tells the password, and
/// what is shown of one is a short line that steers no terminal.
pub fn http_answer(data: &[u8]) {
    let (camera, said) = faults(data, "pw-fuzz-lantern");
    assert_eq!(faults(data, "another").1, said, "the password is told");
    for fault in said {
        let shown = camera.redact(&fault);
        assert!(shown.len() <= MAX_SHOWN && !shown.chars().any(steers), "{shown:?}");
        assert!(!shown.contains("pw-fuzz-lantern"), "{shown:?}");
    }
}

const DIGEST: &[u8] = b"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"";

/// What is wrong with them for a camera with this password.
fn faults(data: &[u8], password: &str) -> (CameraUrl, Vec<String>) {
    let Ok(camera) = CameraUrl::parse(&format!("http://viewer:{password}@192.0.2.20/shot.jpg")) else {
        panic!("a camera's address")
    };
    let Some(credentials) = camera.credentials().cloned() else { panic!("its password") };
    let before = Challenge::of(&headers(DIGEST), None).ok();
    assert!(before.is_some());
    let headers = headers(data);
    let login = (&*credentials.user, &credentials.password);
    let get = Asking { method: &Method::GET, path: "/shot.jpg", body: None };
    let post = Asking { method: &Method::POST, path: "/onvif/device_service", body: Some(b"<Envelope/>") };
    let answer = |before, asking| {
        let asks = Challenge::of(&headers, before).map_err(|fault| fault.to_string());
        asks.and_then(|mut asks| asks.answer(login, asking))
    };
    let mut faults: Vec<_> = Form::of(&headers).err().map(|fault| fault.to_string()).into_iter().collect();
    // A device that is asked what it is, too.
    faults.extend([answer(None, get).err(), answer(None, post).err()].into_iter().flatten());

    // To a camera that has asked for Digest before, the password is never shown in clear.
    match answer(before.as_ref(), get) {
        Ok(shown) => assert!(shown.as_bytes().starts_with(b"Digest ")),
        Err(fault) => faults.push(fault),
    }
    let refusal =
        |lines: &[u8]| Head::parse(&[&b"RTSP/1.0 401 Unauthorized\r\n"[..], lines, &b"\r\n\r\n"[..]].concat());
    let (mut login, mut request) = (Login::new(Some(credentials)), Head::parse(REQUEST));
    assert_eq!(login.challenged(&refusal(DIGEST)), Ok(true));
    faults.extend(login.challenged(&refusal(data)).err());
    match login.sign(&mut request) {
        Ok(()) => {
            let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(lines(&request.bytes()), lines(REQUEST) + 1);
            assert!(request.value("Authorization").is_some_and(|signature| signature.starts_with("Digest ")));
        }
        Err(fault) => faults.push(fault),
    }
    (camera, faults)
}

/// Those that an HTTP client hands on, and as many.
fn headers(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(100) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    headers
}

fn edge() -> &'static Config {
    static FILE: OnceLock<Config> = OnceLock::new();
    FILE.get_or_init(read_edge)
}

fn read_edge() -> Config {
    let path = std::env::temp_dir().join(format!("omma-fuzz-{}.toml", std::process::id()));
    let config = std::fs::write(&path, EDGE).map(|()| Config::load(Some(&path)));
    std::fs::remove_file(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    match config {
        Ok(Ok(config)) => config,
        Ok(Err(faults)) => panic!("{faults}"),
        Err(error) => panic!("{}: {error}", path.display()),
    }
}
