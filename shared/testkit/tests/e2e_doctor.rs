//! `edge-agent doctor` against a simulated camera, both as processes.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;

use omma_testkit::process::{Launch, Program, port};
use serde_json::Value;

const USER: &str = "viewer";
/// Whatever ends a part of a URL.
const PASSWORD: &str = "p@ss:w/rd#1%? correct";

/// A camera of 768x576, 10 pictures a second, a key picture every 20.
struct Camera {
    program: Program,
    port: u16,
}

impl Camera {
    fn start() -> Self {
        Self::with(&[])
    }

    fn with(arguments: &[&str]) -> Self {
        let footage = std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE: run tests by `make test`");
        let film = PathBuf::from(footage).join("vtest.h264");
        let port = port::free();
        let mut program = Launch::of_workspace("omma-camera")
            .args(["--listen", &format!("127.0.0.1:{port}"), "--user", USER, "--password-env", "CAMERA_PASSWORD"])
            .args(["--camera", &format!("door=file:{}@10", film.display())])
            .args(arguments.iter().copied())
            .env("CAMERA_PASSWORD", PASSWORD)
            .start();
        program.wait_for_line("listening rtsp://");
        Self { program, port }
    }

    fn url(&self, path: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{path}", self.port)
    }
}

fn doctor(arguments: &[&str]) -> Launch {
    Launch::of_workspace("edge-agent").args(["doctor"]).args(arguments.iter().copied())
}

fn knowing(launch: Launch, password: &str) -> Launch {
    launch.env("OMMA_CAMERA_USER", USER).env("OMMA_CAMERA_PASSWORD", password)
}

/// Its exit code and its JSON, which holds no secret.
fn examine(launch: Launch) -> (Option<i32>, Value) {
    let (status, out, error) = launch.run();
    for text in [&out, &error] {
        assert!(!text.contains(PASSWORD) && !text.contains("hunter2"), "a password is printed: {text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    let json = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} in {out:?}; it said {error}"));
    (status.code(), json)
}

fn codes(json: &Value) -> Vec<&str> {
    json["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

fn near(value: &Value, expected: f64, share: f64) -> bool {
    value.as_f64().is_some_and(|value| (value / expected - 1.0).abs() < share)
}

#[test]
fn a_camera_is_measured() {
    let mut camera = Camera::start();
    for transport in ["tcp", "udp"] {
        let url = camera.url("door");
        let (code, json) =
            examine(knowing(doctor(&["--json", "--seconds", "7", "--transport", transport, &url]), PASSWORD));
        assert_eq!(code, Some(0), "{json:#}");
        assert_eq!(json["camera"], format!("rtsp://127.0.0.1:{}/…", camera.port));
        assert_eq!((&json["attempts"][0]["transport"], &json["failure"]), (&transport.into(), &Value::Null));

        let (video, measured) = (&json["video"], &json["measured"]);
        assert_eq!((&video["codec"], &video["profile"]), (&"h264".into(), &"Main".into()));
        assert_eq!((&video["width"], &video["height"], &video["b_pictures"]), (&768.into(), &576.into(), &0.into()));
        assert!(near(&measured["rate"]["by_stamp_hz"], 10.0, 0.01), "{measured:#}");
        assert!(near(&measured["rate"]["by_arrival_hz"], 10.0, 0.15), "{measured:#}");
        assert!(near(&measured["keys"]["interval_s"], 2.0, 0.01), "{measured:#}");
        assert_eq!(measured["keys"]["interval_pictures"], 20);
        assert!(measured["span_s"].as_f64().unwrap() > 5.0 && measured["sender_reports"]["count"].as_u64() >= Some(1));
        assert!(measured["size"]["mean_bit_per_s"].as_f64().unwrap() > 10_000.0, "{measured:#}");
        // How it drifts on a machine that is busy, nobody knows; but that it is told, and how well.
        assert!(measured["drift"]["ppm"].is_number() && measured["drift"]["error_ppm"].is_number(), "{measured:#}");
        let offer = &json["description"]["streams"][0];
        assert_eq!(
            (&offer["encoding"], &offer["rate_hz"], &offer["taken"]),
            (&"h264".into(), &10.0.into(), &true.into())
        );
    }
    camera.program.stop();
}

#[test]
fn what_keeps_pictures_away_is_named() {
    let mut camera = Camera::start();
    let url = camera.url("door");

    let (code, json) = examine(knowing(doctor(&["--json", &url]), "hunter2"));
    assert_eq!((code, codes(&json)), (Some(1), vec!["credentials_refused"]), "{json:#}");
    assert_eq!((&json["failure"]["kind"], &json["measured"]), (&"refused".into(), &Value::Null));

    let (code, json) = examine(doctor(&["--json", &url]));
    assert_eq!((code, codes(&json)), (Some(1), vec!["credentials_missing"]), "{json:#}");

    let (code, json) = examine(knowing(doctor(&["--json", &camera.url("nowhere")]), PASSWORD));
    assert_eq!((code, codes(&json)), (Some(1), vec!["not_found"]), "{json:#}");

    let nobody = format!("rtsp://127.0.0.1:{}/door", port::free());
    let (code, json) = examine(knowing(doctor(&["--json", &nobody]), PASSWORD));
    assert_eq!((code, codes(&json)), (Some(2), vec!["unreachable"]), "{json:#}");
    camera.program.stop();
}

/// As the agent does it: the fault is found, and the next attempt goes through the interpreter.
#[test]
fn what_is_put_right_is_told() {
    let mut camera = Camera::with(&["--quirk", "rtp-info-garbage", "--quirk", "nonce-per-request"]);
    for transport in ["tcp", "udp"] {
        let url = camera.url("door");
        let launch = doctor(&["--json", "--seconds", "2", "--transport", transport, &url]);
        let (_, json) = examine(knowing(launch, PASSWORD));
        assert_eq!(json["interpreted"], serde_json::json!(["rtp_info", "nonce"]), "{json:#}");
        assert_eq!((&json["failure"], json["attempts"].as_array().unwrap().len()), (&Value::Null, 1), "{json:#}");
        let told: Vec<_> = json["workarounds"].as_array().unwrap().iter().map(|told| &told["code"]).collect();
        assert_eq!(told, ["rtp_info_interpreted", "nonce_interpreted"]);
    }
    camera.program.stop();
}

/// What reads a description panicked at such a line, and so did `doctor`.
#[test]
fn a_description_at_which_its_reader_gives_up_is_put_right() {
    let mut camera = Camera::with(&["--quirk", "stray-line"]);
    let launch = doctor(&["--json", "--seconds", "2", "--transport", "tcp", &camera.url("door")]);
    let (_, json) = examine(knowing(launch, PASSWORD));
    assert_eq!(
        (&json["interpreted"], &json["failure"]),
        (&serde_json::json!(["description"]), &Value::Null),
        "{json:#}"
    );
    camera.program.stop();
}

/// Hands connections on to the camera, as a router does that lets no datagrams through: those come from another address
/// than the player's sockets are told to take them from. Runs until the test ends.
fn relay(to: u16) -> u16 {
    let listener = TcpListener::bind(("127.0.0.2", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let pump = |mut from: TcpStream, mut to: TcpStream| {
        thread::spawn(move || {
            // Either end may close at any time.
            io::copy(&mut from, &mut to).ok();
            to.shutdown(Shutdown::Write).ok();
        });
    };
    thread::spawn(move || {
        for player in listener.incoming().flatten() {
            let Ok(camera) = TcpStream::connect(("127.0.0.1", to)) else { return };
            pump(player.try_clone().unwrap(), camera.try_clone().unwrap());
            pump(camera, player);
        }
    });
    port
}

#[test]
fn blocked_datagrams_are_told_from_a_silent_camera() {
    let mut camera = Camera::start();
    let url = format!("rtsp://127.0.0.2:{}/door", relay(camera.port));
    let (code, json) = examine(knowing(doctor(&["--json", "--seconds", "2", "--transport", "udp", &url]), PASSWORD));
    assert_eq!((code, codes(&json)[0]), (Some(1), "udp_blocked"), "{json:#}");
    assert_eq!(json["workarounds"][0]["code"], "tcp_for_udp", "{json:#}");
    let attempts = json["attempts"].as_array().unwrap();
    let ways: Vec<_> = attempts.iter().map(|attempt| attempt["transport"].as_str().unwrap()).collect();
    assert_eq!((ways, json["video"]["width"].as_u64()), (vec!["udp", "tcp"], Some(768)), "{json:#}");

    // Asked for nothing in particular, TCP comes first and nothing is wrong.
    let (code, json) = examine(knowing(doctor(&["--json", "--seconds", "2", &url]), PASSWORD));
    assert_eq!((code, &json["attempts"][0]["transport"]), (Some(0), &"tcp".into()), "{json:#}");
    camera.program.stop();
}

#[test]
fn people_get_words_and_no_password() {
    let mut camera = Camera::start();
    let literal = format!("rtsp://{USER}:{PASSWORD}@127.0.0.1:{}/door", camera.port);
    let (status, said, _) = doctor(&["--seconds", "2", &literal]).run();
    assert_eq!(status.code(), Some(0), "{said}");
    for expected in ["768x576 progressive, no B-frames", "over TCP", "read as they stand"] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    assert!(!said.contains("p@ss") && !said.contains("rd#1"), "{said}");

    let (status, out, error) = doctor(&["rtsp://admin:1/hunter2@camera/door"]).run();
    assert_eq!((status.code(), out.as_str()), (Some(2), ""));
    assert!(error.contains("OMMA_CAMERA_PASSWORD") && !error.contains("hunter2"), "{error}");
    camera.program.stop();
}
