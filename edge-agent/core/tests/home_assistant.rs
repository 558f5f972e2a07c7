//! Discovery messages, checked by Home Assistant's own schemas where those are installed.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
#![expect(clippy::disallowed_methods, clippy::disallowed_types, reason = "it asks another program")]

use std::io::Write;
use std::process::{Command, Stdio};

use edge_core::home_assistant::{Announced, Announcer, Measured};
use omma_protocol::id::LabelName;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/home_assistant.py");

#[test]
fn home_assistants_own_schemas_take_every_message() {
    let python = std::env::var("OMMA_HOMEASSISTANT_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let import = "import homeassistant.components.mqtt.camera";
    let there = Command::new(&python).args(["-c", import]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if !there.is_ok_and(|status| status.success()) {
        // The test runner holds back what `println!` says in a test that passes.
        writeln!(
            std::io::stderr(),
            "SKIPPED: {python} has no Home Assistant to check with. `pip install homeassistant paho-mqtt numpy PyTurboJPEG` into a \
             Python that it supports, and name that Python in OMMA_HOMEASSISTANT_PYTHON."
        )
        .unwrap();
        return;
    }
    let announcer = Announcer {
        prefix: "homeassistant".to_owned(),
        edge: "site-1".parse().unwrap(),
        version: "1.2.3",
        snapshots: true,
    };
    let (camera, labels) = ("front_door".parse().unwrap(), [LabelName::of("person"), LabelName::of("traffic light")]);
    let camera = |looked_at| {
        let labels = labels.iter().collect();
        announcer.camera(&Announced { camera: &camera, name: "Front door", looked_at, labels })
    };
    let all = Measured { temperature: true, disk_free: true, memory_available: true };
    let messages = [announcer.edge(Measured::default()), announcer.edge(all), camera(true), camera(false)];
    let mut checking = Command::new(&python).arg(SCRIPT).stdin(Stdio::piped()).spawn().unwrap();
    checking.stdin.take().unwrap().write_all(&serde_json::to_vec(&messages).unwrap()).unwrap();
    assert!(checking.wait().unwrap().success(), "Home Assistant refuses a message: see above");
}
