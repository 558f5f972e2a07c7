//! Mosquitto, from Debian: a broker and a client that nobody here wrote.

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::Value;

use super::settings::write;
use crate::process::{Launch, Program, port};
use crate::wait;

/// An external broker.
#[derive(Debug)]
pub struct Mosquitto {
    /// The process.
    pub program: Program,
    /// Where it listens on 127.0.0.1.
    pub port: u16,
}

impl Mosquitto {
    /// Starts one that keeps its state in `folder` and lets anyone in.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(folder: &Path) -> Self {
        let port = port::free();
        // Started as root it would become the user `mosquitto`, who can't write to the test's folder.
        let root = std::fs::metadata("/proc/self").expect("who we are").uid() == 0;
        let user = if root { "user root\n" } else { "" };
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {}/\n{user}",
            folder.display()
        );
        let config = write(folder, "mosquitto.conf", &config);
        let program = Launch::of_system("mosquitto").args(["-c", &config]).start();
        let broker = Self { program, port };
        broker.wait();
        broker
    }

    /// Waits until it listens.
    ///
    /// # Panics
    /// When it does not for long.
    pub fn wait(&self) {
        wait::until("mosquitto to listen", wait::LONG, || std::net::TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// `mosquitto_sub`, reading everything that edges publish. It connects again by itself.
#[derive(Debug)]
pub struct Listener(Program);

impl Listener {
    /// Starts to listen on a broker on 127.0.0.1.
    pub fn start(port: u16) -> Self {
        // %j is a line of JSON for each message: topic, payload, qos, retain.
        let arguments = ["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", "omma/v1/edges/#", "-F", "%j"];
        Self(Launch::of_system("mosquitto_sub").args(arguments.map(str::to_owned)).start())
    }

    /// The events heard so far, in order, copies included.
    pub fn events(&self) -> Vec<Value> {
        let messages = self.0.log().lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        let events = messages.filter(|message| message["topic"].as_str().is_some_and(|t| t.ends_with("/events")));
        events.filter_map(|message| serde_json::from_str(message["payload"].as_str()?).ok()).collect()
    }
}
