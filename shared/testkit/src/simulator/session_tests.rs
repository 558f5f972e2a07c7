use bytes::BytesMut;
use omma_protocol::secret::Secret;

use super::super::auth::Login;
use super::super::request::{Message, next_message};
use super::*;

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

fn session() -> Session {
    Session::new(Guard::new(None, "n".into()), "42".into(), Duration::from_secs(60))
}

fn request(method: &str, path: &str, headers: &[&str]) -> Request {
    let headers = headers.iter().map(|header| format!("{header}\r\n")).collect::<String>();
    let text = format!("{method} rtsp://h:1/{path} RTSP/1.0\r\nCSeq: 1\r\n{headers}\r\n");
    let mut inbox = BytesMut::from(text.as_str());
    if headers.contains("Content-Length: 3") {
        inbox.extend_from_slice(b"abc");
    }
    match next_message(&mut inbox) {
        Ok(Some(Message::Request(request))) => request,
        other => panic!("{other:?}"),
    }
}

/// What is decided, doing it at once.
fn step(session: &mut Session, method: &str, path: &str, headers: &[&str]) -> Status {
    let request = request(method, path, headers);
    let response = match session.decide(&request, |camera| (camera == "door").then(|| "sdp".to_owned())) {
        Decision::Answer(response) => response,
        Decision::Ignore => panic!("{method} is not answered"),
        Decision::SetUp { transport, .. } => session.set_up(&request, transport, None, 1),
        Decision::Play => session.play(&Packetiser::new(1, 2, 3), CaptureTime(0)),
        Decision::Pause => session.pause(),
        Decision::TearDown => session.tear_down(),
        Decision::TearDownOther(id) => panic!("{method} of {id}"),
    };
    response.status
}

#[test]
fn the_happy_path_and_back() {
    let mut s = session();
    let id = "Session: 42;timeout=60";
    for (method, path, headers) in [
        ("OPTIONS", "door", &[] as &[&str]),
        ("DESCRIBE", "door", &[]),
        ("SETUP", "door/trackID=0", &[TCP]),
        ("PLAY", "door/", &[id]),
        ("GET_PARAMETER", "door", &[id]),
        ("SET_PARAMETER", "door", &[id]),
        ("PLAY", "door/", &[id]),
        ("PAUSE", "door/", &[id]),
        ("SETUP", "door/trackID=0", &[TCP, id]),
        ("PLAY", "door/", &[id]),
        ("TEARDOWN", "door/", &[id]),
        ("SETUP", "door/trackID=0", &[TCP]),
    ] {
        assert_eq!(step(&mut s, method, path, headers), Status::Ok, "{method}");
    }
}

#[test]
fn each_refusal_has_its_status() {
    let id = "Session: 42";
    for (state, method, path, headers, status) in [
        (State::Init, "JUMP", "door", &[] as &[&str], Status::NotImplemented),
        (State::Init, "RECORD", "door", &[id], Status::NotImplemented),
        (State::Init, "DESCRIBE", "nothing", &[], Status::NotFound),
        (State::Init, "DESCRIBE", "", &[], Status::NotFound),
        (State::Init, "SETUP", "nothing/trackID=0", &[TCP], Status::NotFound),
        (State::Init, "SETUP", "door/trackID=1", &[TCP], Status::NotFound),
        (State::Init, "SETUP", "door/trackID=0", &[], Status::UnsupportedTransport),
        (State::Init, "SETUP", "door/trackID=0", &["Transport: RTP/AVP;multicast"], Status::UnsupportedTransport),
        (State::Ready, "SETUP", "door/trackID=0", &[TCP, "Session: 43"], Status::SessionNotFound),
        (State::Playing, "SETUP", "door/trackID=0", &[TCP, id], Status::WrongState),
        (State::Init, "PLAY", "door", &[id], Status::WrongState),
        (State::Init, "PAUSE", "door", &[id], Status::WrongState),
        (State::Ready, "PLAY", "door", &[], Status::SessionNotFound),
        (State::Ready, "PLAY", "door", &["Session: 43"], Status::SessionNotFound),
        (State::Playing, "TEARDOWN", "door", &[], Status::SessionNotFound),
        (State::Playing, "GET_PARAMETER", "door", &["Session: 43"], Status::SessionNotFound),
        (State::Playing, "SET_PARAMETER", "door", &[id, "Content-Length: 3"], Status::ParameterNotUnderstood),
    ] {
        let mut s = session();
        s.state = state;
        assert_eq!(step(&mut s, method, path, headers), status, "{method} /{path} {headers:?} in {state:?}");
    }
}

#[test]
fn the_session_of_another_connection_can_be_ended() {
    let request = request("TEARDOWN", "door", &["Session: 43;timeout=60"]);
    assert_eq!(session().decide(&request, |_| None), Decision::TearDownOther("43".to_owned()));
}

#[test]
fn without_the_password_only_the_options_are_told() {
    let login = Login { user: "u".into(), password: Secret::new("p".into()) };
    let mut s = Session::new(Guard::new(Some(login), "n".into()), "42".into(), Duration::from_secs(60));
    assert_eq!(step(&mut s, "OPTIONS", "door", &[]), Status::Ok);
    for method in ["DESCRIBE", "SETUP", "PLAY", "PAUSE", "TEARDOWN", "GET_PARAMETER", "SET_PARAMETER"] {
        assert_eq!(step(&mut s, method, "door", &["Session: 42"]), Status::Unauthorized, "{method}");
    }
    // `u:p`
    assert_eq!(step(&mut s, "DESCRIBE", "door", &["Authorization: Basic dTpw"]), Status::Ok);
}

#[test]
fn the_answer_to_play_names_the_first_packet() {
    let mut s = session();
    assert_eq!(step(&mut s, "SETUP", "door/trackID=0", &[TCP]), Status::Ok);
    let response = s.play(&Packetiser::new(1, 2, 3), CaptureTime(1_000_000)).encode(None);
    let text = String::from_utf8(response).unwrap();
    assert!(text.contains("RTP-Info: url=rtsp://h:1/door/trackID=0;seq=2;rtptime=90003\r\n"), "{text}");
}

#[test]
fn cameras_are_found_in_uris() {
    for (uri, camera) in [
        ("rtsp://127.0.0.1:8554/door", Some("door")),
        ("rtsp://h/door/", Some("door")),
        ("rtsp://h/door/trackID=0", Some("door")),
        ("rtsp://h/door//trackID=0?a=/b", Some("door/")),
        ("/door", Some("door")),
        ("rtsp://h/", Some("")),
        ("rtsp://h", None),
        ("*", None),
    ] {
        assert_eq!(camera_of(uri), camera, "{uri}");
    }
}
