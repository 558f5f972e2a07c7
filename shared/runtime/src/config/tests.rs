//! What an operator gets wrong, and what they are told.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use proptest::prelude::*;
use serde::Deserialize;

use super::{Faults, load, parse};

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Site {
    edge: Edge,
    #[serde(default)]
    http: Http,
    #[serde(default, rename = "camera")]
    cameras: Vec<Camera>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Edge {
    data: String,
    join: Option<String>,
    join_file: Option<String>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Http {
    listen: SocketAddr,
}

impl Default for Http {
    fn default() -> Self {
        Self { listen: ([127, 0, 0, 1], 8181).into() }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
struct Camera {
    id: Name,
    url: Url,
    #[serde(default)]
    placement: Placement,
    #[serde(default)]
    rate: f32,
    threads: Option<u8>,
    labels: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Placement {
    #[default]
    Edge,
    Hub,
    None,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Name(String);

impl TryFrom<String> for Name {
    type Error = String;
    fn try_from(s: String) -> Result<Self, String> {
        if s.chars().all(|c| c.is_ascii_lowercase()) && !s.is_empty() {
            Ok(Self(s))
        } else {
            Err(format!("`{s}` is not a name"))
        }
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Url(String);

impl TryFrom<String> for Url {
    type Error = String;
    fn try_from(s: String) -> Result<Self, String> {
        if s.starts_with("rtsp://") || s.starts_with("http://") { Ok(Self(s)) } else { Err(format!("{s}: no scheme")) }
    }
}

fn site(text: &str, environment: &[(&str, &str)]) -> Result<Site, Faults> {
    let environment = environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
    let (site, faults) = parse(text, Some(Path::new("site.toml")), "OMMA_EDGE", environment)?;
    faults.into_result().map(|()| site)
}

#[track_caller]
fn check(text: &str, environment: &[(&str, &str)], expected: &[&str]) {
    let faults = site(text, environment).expect_err("a fault was expected");
    assert_eq!(faults.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn of_a_very_wrong_file_the_first_faults_are_told_and_that_there_are_more() {
    let keys: String = (0..7000).map(|n| format!("k{n} = 1\n")).collect();
    let faults = site(&format!("{WHOLE}{keys}"), &[]).unwrap_err();
    let lines: Vec<_> = faults.lines().collect();
    assert_eq!((lines.len(), faults.len()), (201, 200));
    assert_eq!(lines[200], "there are more than these 200 faults: put these right and check again");
    assert!(faults.to_string().len() < 100_000, "{} bytes are sent to who asked for it", faults.to_string().len());
}

const WHOLE: &str = r#"
[edge]
data = "/data"
[http]
listen = "127.0.0.1:9000"
[[camera]]
id = "door"
url = "rtsp://user:hunter2@camera/1"
placement = "hub"
rate = 5
labels = ["person"]
"#;

#[test]
fn a_whole_file_is_read() {
    let site = site(WHOLE, &[]).unwrap();
    assert_eq!(site.http.listen.port(), 9000);
    let camera = &site.cameras[0];
    assert_eq!((camera.rate, &camera.placement, camera.threads), (5.0, &Placement::Hub, None));
}

#[test]
fn every_fault_of_a_file_is_told_at_once() {
    let text = r#"
[edge]
dta = "/data"
[htp]
[http]
listen = "localhost"
[[camera]]
id = "Door"
url = "rtsp://a"
plcement = "edge"
rate = "fast"
threads = 300
[[camera]]
id = "gate"
placement = "clowd"
labels = ["a", 7, "b", 8]
[[camera]]
id = "yard"
url = 7
"#;
    check(
        text,
        &[],
        &[
            r#"site.toml:2: edge.data: missing: it must be set"#,
            r#"site.toml:3: edge.dta: unknown key, did you mean "data"?"#,
            r#"site.toml:4: htp: unknown key, did you mean "http"?"#,
            r#"site.toml:6: http.listen: expected address and port, such as 127.0.0.1:8080"#,
            r#"site.toml:8: camera[0].id: `Door` is not a name"#,
            r#"site.toml:10: camera[0].plcement: unknown key, did you mean "placement"?"#,
            r#"site.toml:11: camera[0].rate: expected a number, found a string"#,
            r#"site.toml:12: camera[0].threads: expected a whole number from 0 to 255, found 300"#,
            r#"site.toml:13: camera[1].url: missing: it must be set"#,
            r#"site.toml:15: camera[1].placement: "clowd" is not known, expected one of "edge", "hub", "none""#,
            r#"site.toml:16: camera[1].labels[1]: expected a string, found an integer"#,
            r#"site.toml:16: camera[1].labels[3]: expected a string, found an integer"#,
            r#"site.toml:19: camera[2].url: expected a string, found an integer"#,
        ],
    );
}

#[test]
fn single_faults() {
    const OK: &str = "[edge]\ndata = \"d\"\n";
    for (text, expected) in [
        ("", "site.toml: edge: missing: it must be set"),
        ("edge = 7", "site.toml:1: edge: expected a table, found an integer"),
        ("[edge]\ndata = [1]", "site.toml:2: edge.data: expected a string, found an array"),
        (&format!("{OK}join = 7"), "site.toml:3: edge.join: expected a string, found an integer"),
        (&format!("{OK}[camera]\nid = \"a\""), "site.toml:3: camera: expected an array, found a table"),
        (&format!("{OK}zzz = 1"), r#"site.toml:3: edge.zzz: unknown key, expected one of "data", "join", "join_file""#),
        (
            &format!("{OK}[[camera]]\nid = \"a\"\nurl = \"rtsp://\"\nplacement = 3"),
            r#"site.toml:6: camera[0].placement: expected "edge" or "hub" or "none", found another kind of value"#,
        ),
        (
            &format!("{OK}[[camera]]\nid = \"a\"\nurl = \"rtsp://\"\nrate = 99999999999999999999"),
            "site.toml:6: camera[0].rate: expected a number, found a string",
        ),
    ] {
        check(text, &[], &[expected]);
    }
}

#[test]
fn broken_toml_names_its_line_and_the_rest_is_checked_too() {
    let faults = site("[edge]\ndata = \"d\njoin = 7\n[http]\nlisten = \"x\"", &[]).unwrap_err();
    let lines: Vec<_> = faults.lines().collect();
    assert!(lines[0].starts_with("site.toml:2: not TOML: "), "{lines:?}");
    assert!(lines.iter().any(|l| l.starts_with("site.toml:5: http.listen: ")), "{lines:?}");
}

#[test]
fn a_secret_is_never_shown() {
    let texts = [
        "[edge]\ndata = \"d\"\njoin = 'hunter2",
        "[edge]\ndata = \"d\"\njoin = hunter2",
        "[edge]\ndata = \"d\"\n[[camera]]\nid = \"a\"\nurl = \"user:hunter2@camera\"",
        "[edge]\ndata = \"d\"\n[[camera]]\nid = \"a\"\nurl = [\"hunter2\"]",
        "[edge]\ndata = \"d\"\n[[camera]]\nid = \"a\"\nurl = { hunter = \"hunter2\" }",
    ];
    for text in texts {
        let faults = site(text, &[]).unwrap_err();
        assert!(!faults.to_string().contains("hunter2"), "{faults}");
    }
    let environment = [("OMMA_EDGE_EDGE__DATA", "d"), ("OMMA_EDGE_CAMERA__0__URL", "hunter2")];
    let faults = site("", &environment).unwrap_err();
    assert!(!faults.to_string().contains("hunter2"), "{faults}");
    assert!(faults.to_string().contains("camera[0].url: not accepted"), "{faults}");
}

#[test]
fn the_environment_overrides_and_adds() {
    let environment = [
        ("OMMA_EDGE_HTTP__LISTEN", "127.0.0.1:7000"),
        ("OMMA_EDGE_EDGE__JOIN", "12"),
        ("OMMA_EDGE_EDGE__JOIN_FILE", "\"quoted\""),
        ("OMMA_EDGE_CAMERA__0__RATE", "2.5"),
        ("OMMA_EDGE_CAMERA__0__LABELS", "[\"car\", \"bus\"]"),
        ("OMMA_EDGE_CAMERA__1__ID", "gate"),
        ("OMMA_EDGE_CAMERA__1__URL", "http://gate"),
        ("OMMA_EDGE_CAMERA__1__PLACEMENT", "none"),
        // Neither ours nor read.
        ("OMMA_HUB_HTTP__LISTEN", "x"),
        ("OMMA_EDGE_CONFIG", "site.toml"),
        ("OMMA_EDGE_SERVICE_HOST", "10.0.0.1"),
        ("OMMA_EDGE_PORT", "tcp://10.0.0.1:80"),
        ("OMMA_EDGE_PORT_80_TCP_ADDR", "10.0.0.1"),
    ];
    let site = site(WHOLE, &environment).unwrap();
    assert_eq!(site.http.listen.port(), 7000);
    assert_eq!((site.edge.join.as_deref(), site.edge.join_file.as_deref()), (Some("12"), Some("quoted")));
    assert_eq!(site.cameras[0].rate, 2.5);
    assert_eq!(site.cameras[0].labels, Some(vec!["car".to_owned(), "bus".to_owned()]));
    let added = Camera {
        id: Name("gate".into()),
        url: Url("http://gate".into()),
        placement: Placement::None,
        rate: 0.0,
        threads: None,
        labels: None,
    };
    assert_eq!(site.cameras[1], added);
}

#[test]
fn faults_of_the_environment_name_the_variable() {
    for (name, value, expected) in [
        ("OMMA_EDGE_HTTP__LISTEN", "x", "http.listen: expected address and port, such as 127.0.0.1:8080"),
        ("OMMA_EDGE_HTTP__LISTN", "x", r#"http.listn: unknown key, did you mean "listen"?"#),
        ("OMMA_EDGE_CAMERA__0__RATE", "fast", "camera[0].rate: expected a number, found a string"),
        ("OMMA_EDGE_CAMERA__5__ID", "a", "camera[5].id: there are only 1 before it: use 1 for the next"),
        ("OMMA_EDGE_CAMERA__ID", "a", "camera.id: expected a number here: this is a list"),
        ("OMMA_EDGE_HTTP__0", "a", "http[0]: expected a key here: this is a table"),
        ("OMMA_EDGE_HTTP__LISTEN__X", "a", "http.listen.x: a value stands where this expects a table"),
        (
            "OMMA_EDGE_HTTP_LISTEN",
            "x",
            "expected section and key with two underscores between them, as in OMMA_EDGE_HTTP__LISTEN",
        ),
    ] {
        check(WHOLE, &[(name, value)], &[&format!("environment variable {name}: {expected}")]);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let faults = load::<Site>(Some(Path::new("no/such/file.toml")), "OMMA_NO_SUCH_PREFIX").unwrap_err();
    assert!(faults.to_string().starts_with("no/such/file.toml: can't be read: No such file"), "{faults}");
}

#[test]
fn the_second_stage_names_lines_too() {
    let (_, mut faults) = parse::<Site>(WHOLE, Some(Path::new("site.toml")), "OMMA_EDGE", []).unwrap();
    assert!(faults.is_empty());
    faults.push("camera[0].rate", "expected at most 4");
    faults.push("edge.join", "set either join or join_file");
    assert_eq!(
        faults.into_result().unwrap_err().to_string(),
        "site.toml:2: edge.join: set either join or join_file\nsite.toml:10: camera[0].rate: expected at most 4"
    );
}

#[test]
fn a_fault_of_the_first_stage_hides_none_of_the_second_but_in_sections_that_could_not_be_read() {
    let text = WHOLE.replace("rate", "rtae") + "[[camera]]\nid = 7\nurl = \"rtsp://b\"\nrate = 9";
    let (_, mut faults) = parse::<Site>(&text, Some(Path::new("site.toml")), "OMMA_EDGE", []).unwrap();
    faults.push("edge.join", "set either join or join_file");
    faults.push("camera[0].labels[0]", "not known");
    faults.push("camera[1].rate", "expected at most 4");
    faults.warn("camera[1].url", "exposed");
    assert!(!faults.warnings().any(|warning| warning.contains("exposed")));
    assert_eq!(
        faults.into_result().unwrap_err().lines().collect::<Vec<_>>(),
        [
            "site.toml:2: edge.join: set either join or join_file",
            "site.toml:10: camera[0].rtae: unknown key, did you mean \"rate\"?",
            "site.toml:11: camera[0].labels[0]: not known",
            "site.toml:13: camera[1].id: expected a string, found an integer",
        ]
    );
    let (_, mut faults) = parse::<Site>("[[camera]]\nid = \"a\"\nurl = \"rtsp://a\"", None, "OMMA_EDGE", []).unwrap();
    faults.push("edge.join", "set either join or join_file");
    assert_eq!(faults.to_string(), "edge: missing: it must be set", "what is not there is not looked into");
    assert!(parse::<Site>("[edge]\ndata = \"/data\"\n=", None, "OMMA_EDGE", []).is_err(), "what was meant is unknown");
}

/// Lines that are nearly right: they reach further in than bytes at random.
fn nearly_toml() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "edge",
        "http",
        "camera",
        "id",
        "url",
        "rate",
        "labels",
        "placement",
        "threads",
        "listen",
        "data",
        "[",
        "[[",
        "]",
        "]]",
        "=",
        "\"",
        "'''",
        ".",
        ",",
        "{",
        "}",
        "\n",
        "\n",
        " ",
        "7",
        "-1e9",
        "true",
        "1979-05-27",
        "\"hub\"",
        "nan",
        "99999999999999999999",
        "\"a",
        "\u{e9}",
        "#",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_panics_and_faults_are_lines(
        text in prop_oneof![any::<String>(), nearly_toml()],
        value in any::<String>(),
    ) {
        let environment = [("OMMA_EDGE_CAMERA__0__RATE", value.as_str())];
        if let Err(faults) = site(&text, &environment) {
            prop_assert!(!faults.is_empty());
            prop_assert!(faults.lines().all(|line| line.contains(": ")), "{}", faults);
        }
    }

    #[test]
    fn no_variable_panics(name in "OMMA_EDGE_[A-Z0-9_]{0,20}", value in any::<String>()) {
        if let Err(faults) = site(WHOLE, &[(&name, &value)]) {
            prop_assert!(!faults.to_string().contains("hunter2"));
        }
    }
}
