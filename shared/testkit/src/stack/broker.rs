//! Mosquitto, from Debian: a broker and a client that nobody here wrote.

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

pub mod certificates;

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
        Self::start_with(folder, "allow_anonymous true\n")
    }

    /// Starts one that keeps its state in `folder`, with lines of its own for its one listener: who is let in, and how.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_with(folder: &Path, listener: &str) -> Self {
        let port = port::free();
        // Started as root it would become the user `mosquitto`, who can't write to the test's folder.
        let root = std::fs::metadata("/proc/self").expect("who we are").uid() == 0;
        let user = if root { "user root\n" } else { "" };
        let config = format!(
            "listener {port} 127.0.0.1\n{listener}persistence true\npersistence_location {}/\n{user}",
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

/// Lines for [`Mosquitto::start_with`]: users with names and passwords, in a file in `folder`.
///
/// # Panics
/// When the file can't be made.
pub fn passwords(folder: &Path, users: &[(&str, &str)]) -> String {
    let file = folder.join("passwords").display().to_string();
    write(folder, "passwords", "");
    for (user, password) in users {
        Launch::of_system("mosquitto_passwd").args(["-b", &file, user, password]).output();
    }
    format!("allow_anonymous false\npassword_file {file}\n")
}

/// Publishes a message with `mosquitto_pub`, with further arguments of its own (`-r` for a retained one).
///
/// # Panics
/// When the broker does not take it.
pub fn publish(port: u16, topic: &str, payload: &str, arguments: &[&str]) {
    let own = ["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", topic, "-m", payload].map(str::to_owned);
    Launch::of_system("mosquitto_pub").args(own).args(arguments.iter().copied()).output();
}

/// Asks with `mosquitto_rr`, by MQTT 5's response topic and correlation data, and gives the answer.
///
/// # Panics
/// When none comes.
pub fn ask(port: u16, topic: &str, payload: &str) -> Value {
    let own = ["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-W", "30", "-e", "test/answers", "-t", topic];
    let correlation = ["-D", "publish", "correlation-data", "question-7", "-F", "%j", "-m", payload];
    let answer = Launch::of_system("mosquitto_rr").args(own.map(str::to_owned)).args(correlation).output();
    let answer: Value = serde_json::from_str(&answer).expect("a message as JSON");
    assert_eq!(answer["properties"]["correlation-data"], "question-7", "{answer}");
    serde_json::from_str(answer["payload"].as_str().unwrap_or_default()).expect("an answer as JSON")
}

/// What edges publish.
const EDGES: &str = "omma/v1/edges/#";

/// `mosquitto_sub`, reading everything that edges publish. It connects again by itself.
#[derive(Debug)]
pub struct Listener(Program);

impl Listener {
    /// Starts to listen on a broker on 127.0.0.1.
    pub fn start(port: u16) -> Self {
        Self(Self::launch(port, EDGES).start())
    }

    /// As [`Listener::start`], and has subscribed when this returns: it misses nothing that is published from now on.
    ///
    /// # Panics
    /// When it can't subscribe.
    pub fn subscribed(port: u16) -> Self {
        Self::subscribed_to(port, EDGES)
    }

    /// As [`Listener::subscribed`], for what comes under a filter.
    ///
    /// # Panics
    /// When it can't subscribe.
    pub fn subscribed_to(port: u16, filter: &str) -> Self {
        Self::once_subscribed(port, filter, &[])
    }

    /// As [`Listener::start`], for what Home Assistant hears too.
    pub fn of_everything(port: u16) -> Self {
        Self(Self::launch(port, "#").start())
    }

    /// As [`Listener::subscribed`], in a session that the broker keeps, and that is on its disk when this returns: neither
    /// its own reconnecting nor a broker that is killed loses the subscription.
    ///
    /// # Panics
    /// When it can't subscribe.
    pub fn persistent(mosquitto: &mut Mosquitto) -> Self {
        let session = ["-c", "-i", "reader"];
        // -E goes once it has subscribed.
        Self::launch(mosquitto.port, EDGES).args(session).args(["-E"]).output();
        // Mosquitto writes its sessions when it ends.
        mosquitto.program.stop();
        mosquitto.program.restart();
        mosquitto.wait();
        // One that finds no broker at its first try ends.
        Self::once_subscribed(mosquitto.port, EDGES, &session)
    }

    fn once_subscribed(port: u16, filter: &str, session: &[&str]) -> Self {
        // -d makes it say what it does; what is heard stands in lines of its own. It says so at once only into a terminal, or
        // where it is told to.
        let launch = Launch::of_system("stdbuf").args(["-oL", "mosquitto_sub", "-d"]);
        let mut listener = Self(launch.args(Self::arguments(port, filter)).args(session.iter().copied()).start());
        listener.0.wait_for_line("Subscribed");
        listener
    }

    fn launch(port: u16, filter: &str) -> Launch {
        Launch::of_system("mosquitto_sub").args(Self::arguments(port, filter))
    }

    fn arguments(port: u16, filter: &str) -> [String; 10] {
        // %j is a line of JSON for each message: topic, payload, qos, retain.
        ["-h", "127.0.0.1", "-p", &port.to_string(), "-q", "1", "-t", filter, "-F", "%j"].map(str::to_owned)
    }

    /// How many events and pictures were heard so far, copies included.
    pub fn records(&self) -> usize {
        self.messages().filter(|(topic, _)| topic.ends_with("/events") || topic.contains("/pictures/")).count()
    }

    /// The sequence numbers of the events heard so far, in order, copies included.
    pub fn sequences(&self) -> Vec<u64> {
        self.events().iter().filter_map(|event| event["sequence"].as_u64()).collect()
    }

    /// The events heard so far, in order, copies included.
    pub fn events(&self) -> Vec<Value> {
        let events = self.messages().filter(|(topic, _)| topic.ends_with("/events"));
        events.filter_map(|(_, message)| serde_json::from_str(message["payload"].as_str()?).ok()).collect()
    }

    /// The messages heard so far on one topic, in order: payload, and whether the broker had retained it.
    pub fn on(&self, topic: &str) -> Vec<(String, bool)> {
        let messages = self.messages().filter(|(of, _)| of == topic);
        let payload = |message: &Value| message["payload"].as_str().unwrap_or_default().to_owned();
        messages.map(|(_, message)| (payload(&message), message["retain"] == 1)).collect()
    }

    /// Everything that was heard, as it was printed: topics and payloads.
    pub fn lines(&self) -> Vec<String> {
        self.0.log().lines()
    }

    /// Each with its topic. Of a picture's payload only the beginning is there.
    fn messages(&self) -> impl Iterator<Item = (String, Value)> {
        let lines = self.0.log().lines().into_iter();
        let messages = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        messages.filter_map(|message| Some((message["topic"].as_str()?.to_owned(), message)))
    }
}
