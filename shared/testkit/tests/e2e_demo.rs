//! `make demo` as a person uses it, once it is built.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;
use omma_testkit::process::{Launch, STOP, port};
use omma_testkit::wait;

const PORTS: [&str; 7] = ["HTTP_PORT", "RTSP_PORT", "QUIC_PORT", "MQTT_PORT", "MQTTS_PORT", "WEBRTC_PORT", "EDGE_PORT"];

fn demo(folder: &Path, ports: &[u16; 7]) -> Launch {
    let launch = Launch::of_workspace("omma-demo").env("DEMO_DIR", &folder.display().to_string());
    PORTS.iter().zip(ports).fold(launch, |launch, (name, port)| launch.env(name, &port.to_string()))
}

fn cameras(http: u16, token: &str) -> String {
    let url = format!("http://127.0.0.1:{http}/api/v1/cameras");
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).build();
    let request = ureq::Agent::from(config).get(url).header("Authorization", format!("Bearer {token}"));
    request.call().unwrap().body_mut().read_to_string().unwrap()
}

#[test]
fn ctrl_c_ends_the_demonstration_with_all_its_programs_and_it_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    let ports = std::array::from_fn(|_| port::free());
    let mut running = demo(folder.path(), &ports).start();
    let address = running.wait_for_line("Omma is at ");
    assert_eq!(address, format!("Omma is at http://127.0.0.1:{}", ports[0]));
    let line = running.wait_for_line("Token: ");
    // The edge tells the hub of its cameras a moment after it is ready.
    wait::until("the camera at the hub", wait::LONG, || {
        let shown = cameras(ports[0], line.trim_start_matches("Token: "));
        if shown.contains("walkers") { Ok(()) } else { Err(shown) }
    });
    // A camera, a hub and an edge, one after the other.
    running.stop_by(Signal::SIGINT, 4 * STOP);
    assert!(running.log().contains("Stopped."), "{:?}", running.log().lines());
    running.check_log();
    for port in ports {
        TcpListener::bind(("127.0.0.1", port)).unwrap_or_else(|e| panic!("TCP {port}: {e}"));
        UdpSocket::bind(("127.0.0.1", port)).unwrap_or_else(|e| panic!("UDP {port}: {e}"));
    }

    let (status, told, said) = demo(folder.path(), &ports).env("DEMO_SECONDS", "1").run();
    assert!(status.success(), "{told}{said}");
    let mut lines = told.lines();
    for expected in [&address, &line, "Events: ", "Ends by itself after 1 s", "Stopping", "Stopped."] {
        assert!(lines.any(|line| line.starts_with(expected)), "{expected} is not in, or not in order:\n{told}");
    }
}

/// With a password that no address can hold as it is.
#[test]
fn a_persons_own_camera_is_shown_and_its_password_stands_nowhere() {
    const PASSWORD: &str = "p@ss:w/rd?#%";
    const CODED: &str = "p%40ss%3Aw%2Frd%3F%23%25";
    let film = Path::new(&std::env::var_os("OMMA_FOOTAGE").expect("`make test` sets it")).join("vtest.h264");
    let listen = format!("127.0.0.1:{}", port::free());
    let camera = ["--listen", &listen, "--user", "me", "--password-env", "OWN", "--camera"];
    let scene = format!("live=file:{}@10", film.display());
    let _camera = Launch::of_workspace("omma-camera").args(camera).args([&scene]).env("OWN", PASSWORD).start();

    let folder = tempfile::tempdir().unwrap();
    let ports: [u16; 7] = std::array::from_fn(|_| port::free());
    // The simulator's, which there is no need of.
    let _taken = TcpListener::bind(("127.0.0.1", ports[1])).unwrap();
    let url = format!("rtsp://me:{CODED}@{listen}/live");
    let mut running = demo(folder.path(), &ports).env("CAMERA", &url).start();
    assert_eq!(running.wait_for_line("The camera is live"), "The camera is live: 768x576");
    let token = running.wait_for_line("Token: ");
    wait::until("the camera at the hub", wait::LONG, || {
        let shown = cameras(ports[0], token.trim_start_matches("Token: "));
        assert!(!shown.contains(CODED) && !shown.contains(PASSWORD), "{shown}");
        if shown.contains("Your camera") { Ok(()) } else { Err(shown) }
    });
    running.stop_by(Signal::SIGINT, 4 * STOP);
    running.check_log();
    let mut told = vec![("what is printed".into(), running.log().lines().join("\n").into_bytes())];
    files(folder.path(), &mut told);
    assert!(told.len() > 5, "{} files", told.len());
    for (file, bytes) in told {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(CODED) && !text.contains(PASSWORD), "{} holds the password", file.display());
    }
}

#[test]
fn a_password_with_a_dollar_sign_reached_the_demonstration_without_it() {
    const CAMERA: &str = "rtsp://me:pa$word$$@10.0.0.1/live";
    let make = |with: &dyn Fn(&mut Command)| {
        let mut make = Command::new("make");
        make.args(["-s", "--eval", "seen: ; @printenv CAMERA", "seen"]);
        make.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")).env_remove("CAMERA");
        for of_the_one_that_runs_this in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
            make.env_remove(of_the_one_that_runs_this);
        }
        with(&mut make);
        String::from_utf8(make.output().unwrap().stdout).unwrap()
    };
    assert_eq!(make(&|make| _ = make.arg(format!("CAMERA={CAMERA}"))).trim_end(), CAMERA);
    assert_eq!(make(&|make| _ = make.env("CAMERA", CAMERA)).trim_end(), CAMERA);
    assert_eq!(make(&|_| {}), "", "none is made up");
}

fn files(folder: &Path, into: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, into);
        } else {
            into.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
}

#[test]
fn a_port_that_is_taken_or_chosen_twice_is_told_with_the_variable_that_chooses_another() {
    let folder = tempfile::tempdir().unwrap();
    let ports: [u16; 7] = std::array::from_fn(|_| port::free());
    let refused = |ports: &[u16; 7], expected: &[&str]| {
        let (status, told, said) = demo(folder.path(), ports).run();
        assert!(!status.success() && told.is_empty(), "{told}");
        assert!(expected.iter().all(|text| said.contains(text)), "{expected:?} in\n{said}");
    };
    let taken = TcpListener::bind(("127.0.0.1", ports[3])).unwrap();
    refused(&ports, &["MQTT_PORT=", &ports[3].to_string(), "in use"]);
    drop(taken);
    let taken = UdpSocket::bind(("127.0.0.1", ports[5])).unwrap();
    refused(&ports, &["WEBRTC_PORT=", &ports[5].to_string(), "in use"]);
    drop(taken);
    let mut twice = ports;
    twice[6] = twice[0];
    refused(&twice, &["EDGE_PORT=", &ports[0].to_string(), "in use"]);
}

/// Camera, hub and edge used to stay, with their ports.
#[test]
fn a_test_that_fails_leaves_none_of_the_demonstrations_programs() {
    let folder = tempfile::tempdir().unwrap();
    let ports = std::array::from_fn(|_| port::free());
    let failed = std::panic::catch_unwind(|| {
        let mut running = demo(folder.path(), &ports).start();
        running.wait_for_line("Token: ");
        panic!("as a test does");
    });
    assert!(failed.is_err());
    // That something listened at all, its other test has shown.
    wait::until("every port to be free", wait::LONG, || {
        let taken = |port: &&u16| {
            TcpListener::bind(("127.0.0.1", **port)).is_err() || UdpSocket::bind(("127.0.0.1", **port)).is_err()
        };
        match ports.iter().find(taken) {
            None => Ok(()),
            Some(port) => Err(format!("{port} is taken")),
        }
    });
}
