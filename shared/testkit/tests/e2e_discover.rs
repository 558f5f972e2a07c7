//! `edge-agent discover` against simulated ONVIF devices, over the loopback interface.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs;

use omma_testkit::process::{Launch, port};
use omma_testkit::simulator::Login;
use omma_testkit::simulator::onvif::{Config, Device, Oddity};
use serde_json::Value;
use tempfile::TempDir;

const USER: &str = "viewer";
const PASSWORD: &str = "p@ss:w/rd#1%? correct";

/// One that asks for a login.
fn device(oddities: &[Oddity]) -> Device {
    let login = Login { user: USER.to_owned(), password: PASSWORD.to_owned().into() };
    Device::start(Config { login: Some(login), oddities: oddities.to_vec(), in_group: false }).unwrap()
}

/// The program, and the file of the password.
struct Installer {
    folder: TempDir,
}

impl Installer {
    fn new(password: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("password"), format!("{password}\n")).unwrap();
        Self { folder }
    }

    fn password_file(&self) -> String {
        self.folder.path().join("password").to_str().unwrap().to_owned()
    }

    /// Exit code, standard output and standard error, which hold no password.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let login = ["discover", "--user", USER, "--password-file"].map(str::to_owned);
        let launch = Launch::of_workspace("edge-agent").args(login).args([self.password_file()]);
        let (status, out, error) = launch.args(arguments.iter().copied()).run();
        for text in [&out, &error] {
            assert!(!text.contains("p@ss") && !text.contains("hunter2"), "a password is printed: {text}");
            assert!(!text.contains('\u{1b}'), "a terminal is steered: {text:?}");
        }
        (status.code(), out, error)
    }

    fn json(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let (code, out, error) = self.run(&[&["--json"][..], arguments].concat());
        (code, serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} in {out:?}; it said {error}")))
    }
}

fn codes(of: &Value) -> Vec<&str> {
    of["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

/// A device with its two streams, whatever it gets wrong.
#[track_caller]
fn check(oddities: &[Oddity], findings: &[&str]) -> Value {
    let (device, installer) = (device(oddities), Installer::new(PASSWORD));
    let (code, json) = installer.json(&[&device.search().to_string()]);
    assert_eq!(code, Some(0), "{oddities:?}: {json:#}");
    let found = &json["devices"][0];
    assert_eq!(codes(found), findings, "{oddities:?}: {json:#}");
    assert_eq!((&found["endpoint"], &found["maker"]), (&device.endpoint().into(), &"Omma".into()));
    assert_eq!(found["address"], device.http().to_string());
    let stream = &found["streams"][0];
    assert_eq!((&stream["codec"], &stream["width"], &stream["rate_hz"]), (&"H264".into(), &1920.into(), &25.0.into()));
    assert_eq!(stream["url"], "rtsp://127.0.0.1:8554/main", "{json:#}");
    let line = format!("url = \"rtsp://{USER}:${{file:{}}}@127.0.0.1:8554/main\"\n", installer.password_file());
    assert!(json["config"].as_str().unwrap().contains(&line), "{json:#}");
    json
}

#[test]
fn a_device_tells_its_streams() {
    let json = check(&[], &[]);
    assert_eq!(json["devices"][0]["name"], "Front door");
    assert_eq!(json["devices"][0]["streams"][1]["width"], 640);
    let config = json["config"].as_str().unwrap();
    assert_eq!(config.matches("[[camera]]").count(), 1, "{config}");
    let looked_at = format!("sub_url = \"rtsp://{USER}:${{file:");
    assert!(config.contains(&looked_at) && config.contains("@127.0.0.1:8554/sub\" # H264 640x360"), "{config}");
    assert!(config.ends_with("\nplacement = \"edge\"\n\n"), "{config}");
}

#[test]
fn what_devices_get_wrong_is_passed_over() {
    check(&[Oddity::RelativeAddress], &[]);
    check(&[Oddity::OtherHost], &["other_host"]);
    check(&[Oddity::Ipv6First, Oddity::OtherPrefixes], &[]);
    check(&[Oddity::Old], &[]);
    check(&[Oddity::Garbage], &[]);
    check(&[Oddity::HttpDigest], &[]);
    check(&[Oddity::SecureServices], &[]);
    check(&[Oddity::MuteMedia2], &[]);
    let json = check(&[Oddity::NoSubStream], &[]);
    assert!(!json["config"].as_str().unwrap().contains("placement"), "{json:#}");
    let json = check(&[Oddity::HostileName], &[]);
    assert_eq!(json["devices"][0]["name"], "[2J${file:/etc/hostname}\"");
    assert!(json["config"].as_str().unwrap().contains(r#"name = "[2J{file:/etc/hostname}\"""#), "{json:#}");
}

#[test]
fn streams_do_not_wait_for_what_a_device_keeps_to_itself() {
    let device = device(&[Oddity::Secretive]);
    let (code, json) = Installer::new(PASSWORD).json(&[&device.search().to_string()]);
    assert_eq!((code, codes(&json["devices"][0])), (Some(0), vec!["unanswered"]), "{json:#}");
    assert_eq!(json["devices"][0]["streams"].as_array().unwrap().len(), 2, "{json:#}");
}

#[test]
fn a_device_whose_media_service_is_out_of_reach_is_told_so() {
    let device = device(&[Oddity::SecureMedia]);
    let (code, json) = Installer::new(PASSWORD).json(&[&device.search().to_string()]);
    assert_eq!((code, codes(&json["devices"][0])), (Some(1), vec!["no_media"]), "{json:#}");
}

#[test]
fn a_clock_that_is_hours_off_does_not_keep_the_login_out() {
    let json = check(&[Oddity::ClockBehind], &["clock_off"]);
    let ahead = json["devices"][0]["clock_ahead_s"].as_i64().unwrap();
    assert!((ahead + 3 * 3600).abs() < 60, "{ahead}");
    let what = json["devices"][0]["findings"][0]["what"].as_str().unwrap();
    assert!(what.contains(" behind this machine's"), "{what}");
}

#[test]
fn a_wrong_password_is_shown_once() {
    for oddity in [None, Some(Oddity::HttpDigest)] {
        let device = device(oddity.as_slice());
        let (code, json) = Installer::new("hunter2").json(&[&device.search().to_string()]);
        assert_eq!((code, codes(&json["devices"][0])), (Some(1), vec!["credentials_refused"]), "{json:#}");
        // The first was asked without a login.
        assert_eq!(device.asked().iter().filter(|name| name.ends_with('!')).count(), 2, "{:?}", device.asked());
    }
    let device = device(&[Oddity::HttpBasic]);
    let (code, json) = Installer::new(PASSWORD).json(&[&device.search().to_string()]);
    assert_eq!((code, codes(&json["devices"][0])), (Some(1), vec!["credentials_refused"]), "{json:#}");
    let what = json["devices"][0]["findings"][0]["what"].as_str().unwrap();
    assert!(what.contains("user name or password") && what.contains("clock") && what.contains("HTTP Basic"), "{what}");
}

#[test]
fn a_device_that_asks_for_no_login_is_shown_and_written_none() {
    let device = Device::start(Config::default()).unwrap();
    let (code, json) = Installer::new(PASSWORD).json(&[&device.search().to_string()]);
    let config = json["config"].as_str().unwrap();
    assert_eq!((code, &json["devices"][0]["asks_login"]), (Some(0), &false.into()), "{json:#}");
    assert!(config.contains("url = \"rtsp://127.0.0.1:8554/main\"") && !config.contains(USER), "{config}");
}

#[test]
fn without_a_login_it_says_that_one_is_wanted() {
    let device = device(&[]);
    let search = device.search().to_string();
    let (status, out, _) = Launch::of_workspace("edge-agent").args(["discover", &search]).run();
    assert_eq!(status.code(), Some(1), "{out}");
    assert!(out.contains("ERROR credentials_missing") && out.contains("--password-file"), "{out}");
}

#[test]
fn a_device_that_hears_no_search_is_asked_at_its_service() {
    let device = device(&[Oddity::OtherHost]);
    let (code, json) = Installer::new(PASSWORD).json(&[&format!("http://{}", device.http())]);
    assert_eq!((code, &json["devices"][0]["model"]), (Some(0), &"SIM-1".into()), "{json:#}");

    let nobody = format!("http://127.0.0.1:{}", port::free());
    let (code, json) = Installer::new(PASSWORD).json(&[&nobody]);
    assert_eq!((code, codes(&json["devices"][0])), (Some(2), vec!["unreachable"]), "{json:#}");

    let (code, out, error) = Installer::new(PASSWORD).run(&["http://admin:hunter2@127.0.0.1/"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.contains("--password-file"), "{error}");
}

#[test]
fn everyone_on_an_interface_is_found_once() {
    let configured = Config { in_group: true, ..Config::default() };
    let devices = [Device::start(configured.clone()).unwrap(), Device::start(configured).unwrap()];
    // Tests of other work trees may have devices in the same group.
    let (code, out, error) = Installer::new(PASSWORD).run(&["--json", "--interface", "lo", "--timeout", "1s"]);
    let json: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e} in {out:?}; it said {error}"));
    assert_eq!(code, Some(0), "{json:#}");
    for device in &devices {
        let found = json["devices"].as_array().unwrap().iter();
        assert_eq!(found.filter(|found| found["endpoint"] == device.endpoint()).count(), 1, "{json:#}");
    }
}

#[test]
fn people_get_a_table_and_lines_for_the_configuration() {
    let (device, installer) = (device(&[]), Installer::new(PASSWORD));
    let (code, said, _) = installer.run(&[&device.search().to_string()]);
    assert_eq!(code, Some(0), "{said}");
    for expected in [
        "Front door, Omma SIM-1, firmware 1.0",
        "main stream  H264   1920x1080  25    2048    rtsp://127.0.0.1:8554/main",
        "For the configuration:",
        "[[camera]] # H264 1920x1080, up to 25 a second",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in\n{said}");
    }
    let (code, out, error) = installer.run(&["--interface", "nowhere9"]);
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(error.contains("no interface `nowhere9`"), "{error}");
}
