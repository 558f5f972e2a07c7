//! What an operator gets wrong, and what the programs say: what, where, and how to mend it.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use omma_testkit::process::{Launch, port};

fn write(folder: &Path, text: &str) -> String {
    let path = folder.join("config.toml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// Runs a program that must refuse, and gives what it says; what runs says it in its log.
fn refusal(program: &str, command: &str, config: &str) -> String {
    let (status, _, said) = Launch::of_workspace(program).args([command, "--config", config]).run();
    assert!(!status.success(), "{program} {command} accepts it");
    assert!(!said.contains("panicked"), "{said}");
    if command != "run" {
        return said;
    }
    let message = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        line["message"].as_str().unwrap_or_default().to_owned()
    };
    said.lines().map(message).collect::<Vec<_>>().join("\n")
}

fn assert_says(said: &str, expected: &[&str]) {
    for text in expected {
        assert!(said.contains(text), "`{text}` is not in:\n{said}");
    }
}

#[test]
fn every_fault_of_an_edge_file_is_told_with_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(
        folder.path(),
        r#"[edge]
dta = "/data"
join = "hunter2"
[http]
listen = "here"
[[camera]]
id = "Front Door"
url = "rtsp://user:hunter2@camera/1"
plcement = "edge"
rate = "fast"
"#,
    );
    for command in ["check", "run"] {
        let said = refusal("edge-agent", command, &config);
        assert_says(
            &said,
            &[
                "config.toml:2: edge.dta: unknown key, did you mean \"data\"?",
                "config.toml:5: http.listen: expected address and port",
                "config.toml:7: camera[0].id: `Front Door` contains",
                "config.toml:9: camera[0].plcement: unknown key, did you mean \"placement\"?",
                "config.toml:10: camera[0].rate: expected a number",
            ],
        );
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn a_secret_that_does_not_fit_is_not_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(
        folder.path(),
        "[edge]\ndata = \"d\"\njoin = \"hunter2\"\n[[camera]]\nid = \"door\"\nurl = \"ftp://user:hunter2@camera\"\n",
    );
    let said = refusal("edge-agent", "check", &config);
    assert_says(&said, &["config.toml:3: edge.join: ", "config.toml:6: camera[0].url: "]);
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn every_fault_of_a_hub_file_is_told_with_line_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "[hub]\npublic_hst = \"h\"\n[ingest]\nquic = 4433\n[brokr]\n");
    for command in ["check", "run"] {
        let said = refusal("cloud-hub", command, &config);
        assert_says(
            &said,
            &[
                "config.toml:1: hub.data: missing",
                "config.toml:2: hub.public_hst: unknown key, did you mean \"public_host\"?",
                "config.toml:4: ingest.quic: ",
                "config.toml:5: brokr: unknown key, did you mean \"broker\"?",
            ],
        );
    }
}

#[test]
fn a_wrong_manifest_of_the_hubs_model_is_told_beside_all_else_and_before_it_starts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("model.toml"), "head = \"nanodett\"\n").unwrap();
    let model = folder.path().display();
    let text =
        format!("[hub]\ndata = 'd'\npublic_hst = 'h'\n[infer]\nmodel = '{model}'\nthreads = 0\n[store]\nurl = 5\n");
    let config = write(folder.path(), &text);
    for command in ["check", "run"] {
        let said = refusal("cloud-hub", command, &config);
        assert_says(
            &said,
            &[
                "config.toml:3: hub.public_hst: unknown key, did you mean \"public_host\"?",
                "config.toml:5: infer.model: ",
                "model.toml",
                "nanodett",
                "config.toml:6: infer.threads: expected 1 to",
                "config.toml:8: store.url: expected a string",
            ],
        );
    }
}

#[test]
fn credentials_are_looked_up_and_one_that_is_written_is_taken_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("door"), "hunter2/:@\n").unwrap();
    let config = write(
        folder.path(),
        r#"[edge]
data = "d"
name = "site"
[mqtt]
url = "mqtt://site:hunter2@broker"
[[camera]]
id = "door"
url = "rtsp://viewer:${credential:door}@camera/1"
placement = "none"
"#,
    );
    let check = Launch::of_workspace("edge-agent").args(["check", "--config", &config]);
    let (status, told, said) = check.clone().env("CREDENTIALS_DIRECTORY", &folder.path().display().to_string()).run();
    assert!(status.success(), "{said}");
    assert_says(&told, &["config.toml:5: mqtt.url: a credential is written here", "${file:", "rtsp://camera/…"]);
    assert!(!told.contains("hunter2") && !told.contains("camera[0].url"), "{told}");

    let (status, _, said) = check.run();
    assert!(!status.success());
    assert_says(&said, &["config.toml:8: camera[0].url: there is no CREDENTIALS_DIRECTORY", "LoadCredential=door"]);
}

/// With `engine = "auto"`, `check` says which engine it would be.
#[test]
fn onnx_runtime_is_taken_where_the_system_has_it_and_tract_with_a_reason_where_not() {
    let from_env = |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `make setup`"));
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(&from_env("OMMA_MODELS")).join("nanodet-g-256x416");
    let config = write(
        folder.path(),
        &format!(
            "[edge]\ndata = 'd'\nname = 'site'\n[mqtt]\nurl = 'mqtt://broker'\n[detect]\nmodel = {model:?}\n\
             [[camera]]\nid = 'door'\nurl = 'rtsp://camera/1'\n"
        ),
    );
    let libraries = folder.path().join("lib");
    std::fs::create_dir(&libraries).unwrap();
    let library = libraries.join("libonnxruntime.so");
    let check = || {
        let check = Launch::of_workspace("edge-agent").args(["check", "--config", &config]);
        let (status, told, said) = check.env("LD_LIBRARY_PATH", &libraries.display().to_string()).run();
        assert!(status.success(), "{said}");
        told
    };
    std::fs::write(&library, "no library").unwrap();
    assert_says(
        &check(),
        &["by tract\n", "not the first choice: no ONNX Runtime library was given", "libonnxruntime.so"],
    );
    std::fs::remove_file(&library).unwrap();
    std::os::unix::fs::symlink(from_env("OMMA_ONNXRUNTIME"), &library).unwrap();
    assert_says(&check(), &["by ort\n"]);
}

#[test]
fn a_taken_port_is_named_with_its_setting() {
    let folder = tempfile::tempdir().unwrap();
    let taken = port::free();
    let _holder = TcpListener::bind(("127.0.0.1", taken)).unwrap();
    let [quic, mqtts, live] = std::array::from_fn(|_| port::free());
    let config = write(
        folder.path(),
        &format!(
            "[hub]\ndata = {:?}\n[http]\nlisten = \"127.0.0.1:{taken}\"\n[ingest]\nquic = \"127.0.0.1:{quic}\"\n\
             [broker]\ntls_listen = \"127.0.0.1:{mqtts}\"\n[live]\nudp = \"127.0.0.1:{live}\"\n",
            folder.path().join("hub")
        ),
    );
    let said = refusal("cloud-hub", "run", &config);
    assert_says(&said, &[&format!("127.0.0.1:{taken}"), "http.listen", "free port"]);
}

/// The files of the page, with its folders in one of the test's, in the order in which the page has them made.
#[test]
fn what_the_page_on_installing_says_is_taken() {
    let page = include_str!("../../../docs/operate/install.md");
    let mut files = page.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (models, library) = (std::env::var("OMMA_MODELS").unwrap(), std::env::var("OMMA_ONNXRUNTIME").unwrap());
    let mut made = |name: &str| {
        let text = files.next().unwrap();
        assert!(["/etc/omma", "/var/lib", "/opt/omma"].iter().any(|path| text.contains(path)), "{text}");
        let text = text.replace("/opt/omma/models", &models).replace("/opt/omma/lib/libonnxruntime.so", &library);
        secret(&at(name), &text.replace("/etc/omma", &at("")).replace("/var/lib", &at("")))
    };
    let say = |program: &str, arguments: &[&str]| {
        let (status, said, why) = Launch::of_workspace(program).args(arguments.iter().copied()).run();
        assert!(status.success() && !said.contains("warning"), "{program} {arguments:?}: {said}{why}");
        said
    };
    let hub = made("hub.toml");
    say("cloud-hub", &["check", "--config", &hub]);
    secret(&at("join"), &say("cloud-hub", &["join", "site-1", "--config", &hub]));
    secret(&at("door"), "p@ss\n");
    let said = say("edge-agent", &["check", "--config", &made("edge.toml")]);
    assert!(said.contains("detector: nanodet-g"), "{said}");
}

/// A file that only its owner reads.
fn secret(path: &str, text: &str) -> String {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    path.to_owned()
}

#[test]
fn a_file_that_is_not_there_is_named() {
    for program in ["edge-agent", "cloud-hub"] {
        assert_says(&refusal(program, "check", "no/such.toml"), &["no/such.toml: can't be read"]);
    }
}
