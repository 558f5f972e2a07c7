//! A camera, a hub and an edge of this workspace, as processes, on ports of their own, with their state in a folder
//! that goes when they go.
//!
//! 1. [`Stack::start`] writes both configurations, starts `omma-camera` and `cloud-hub`, asks the hub for a join token
//!    and a sign-in token, starts `edge-agent`, and waits until every camera is live.
//! 2. A test does its worst.
//! 3. [`Stack::finish`] stops them all in good order and checks their logs.

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

mod settings;

pub mod api;

pub mod broker;

pub mod edge_only;

pub mod pictures;

pub mod store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_protocol::join::JoinToken;
use tempfile::TempDir;

use crate::link::relay::Relay;
use crate::process::{Launch, Program};
use crate::wait;
use api::Api;
use settings::Ports;

pub use settings::{CAMERA_PASSWORD, CAMERA_USER, Camera, EDGE, Scene, StackOptions};

/// Three programs that belong together.
#[derive(Debug)]
pub struct Stack {
    /// The simulated cameras.
    pub camera: Program,
    /// The hub.
    pub hub: Program,
    /// The edge.
    pub edge: Program,
    /// The hub's interface, signed in.
    pub api: Api,
    /// The edge's health and metrics.
    pub edge_api: Api,
    /// What must be shown nowhere.
    pub secrets: Vec<String>,
    cameras: Vec<Camera>,
    ports: Ports,
    relay: Option<Arc<Relay>>,
    folder: TempDir,
}

impl Stack {
    /// Starts everything and waits until all simulated cameras are live at the hub.
    ///
    /// # Panics
    /// When something does not come up.
    pub fn start(options: StackOptions) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let ports = Ports::free();
        let mut camera = settings::camera(&options, &ports).start();
        camera.wait_for_line("listening rtsp://");

        let hub_config = settings::write(folder.path(), "hub.toml", &settings::hub(&options, &ports, folder.path()));
        let cloud_hub = |command: &[&str]| {
            let launch =
                Launch::of_workspace("cloud-hub").args(command.iter().copied()).args(["--config", &hub_config]);
            with(launch, options.environment)
        };
        let mut hub = cloud_hub(&["run"]).start();
        let api = Api::at(ports.http);
        until_ready(&mut hub, &api);
        let join = cloud_hub(&["join", EDGE]).output();
        let token = cloud_hub(&["token"]).output();
        let api = api.signed_in(&token);

        let relay = options.relayed.map(|seed| {
            let broker = options.external_broker.unwrap_or(ports.mqtts);
            Arc::new(Relay::start(ports.quic, broker, seed).expect("a relay"))
        });
        let join = relay.as_ref().map_or(join.clone(), |relay| through(relay, &join));
        let join_file = settings::write_secret(folder.path(), "join", &join);
        let who = format!("join_file = {join_file:?}\n{}", options.edge);
        let mqtt = options.external_broker.map(|port| relay.as_ref().map_or(port, |relay| relay.tcp_port()));
        let mqtt = mqtt.map(|port| format!("url = \"mqtt://127.0.0.1:{port}\""));
        let edge_text = settings::edge(&options, &ports, folder.path(), &who, mqtt.as_deref().unwrap_or_default());
        let edge_config = settings::write(folder.path(), "edge.toml", &edge_text);
        let edge = Launch::of_workspace(options.edge_program).args(["run", "--config", &edge_config]);
        let edge = options.edge_environment.iter().fold(edge, |edge, (name, value)| edge.env(name, value));
        let mut edge = with(edge, options.environment).start();
        let edge_api = Api::at(ports.edge);
        until_ready(&mut edge, &edge_api);

        let secrets = vec![CAMERA_PASSWORD.to_owned(), token, join];
        let mut stack =
            Self { camera, hub, edge, api, edge_api, secrets, cameras: options.cameras, ports, relay, folder };
        let ids: Vec<_> = stack.simulated().map(|camera| camera.id).collect();
        for id in ids {
            stack.wait_for_state(id, "live");
        }
        stack
    }

    /// Takes the cameras away and waits until every event has ended and everything is stored. Gives the events.
    ///
    /// # Panics
    /// When that is not so for long.
    pub fn settle(&mut self, cameras: &[&str]) -> Vec<serde_json::Value> {
        self.edge.expect("camera failed: trying again");
        self.camera.kill9();
        for id in cameras {
            self.wait_for_state(id, "failed");
        }
        wait::until("every event to end and to arrive", wait::LONG, || {
            let events = self.api.events("")?;
            let open = events.iter().filter(|event| event["phase"] != "closed").count();
            let waiting = self.edge_api.metric("omma_outbox_waiting")?;
            if open == 0 && waiting == 0.0 {
                Ok(events)
            } else {
                Err(format!("{open} events are open, {waiting} wait"))
            }
        })
    }

    /// Waits until the hub shows the camera in a state, and gives what it shows and how long that took.
    ///
    /// # Panics
    /// When it does not for long.
    pub fn wait_for_state(&mut self, camera: &str, state: &str) -> (serde_json::Value, Duration) {
        let started = Instant::now();
        let shown = wait::until(&format!("camera {camera} to be {state}"), wait::LONG, || {
            let shown = self.api.camera(&format!("{EDGE}.{camera}"))?;
            if shown["state"] == state { Ok(shown) } else { Err(format!("it is {shown}")) }
        });
        (shown, started.elapsed())
    }

    /// Waits until the hub answers `/readyz` with 200 again.
    pub fn wait_for_hub(&mut self) {
        until_ready(&mut self.hub, &self.api);
    }

    /// Waits until the edge answers `/readyz` with 200 again.
    pub fn wait_for_edge(&mut self) {
        until_ready(&mut self.edge, &self.edge_api);
    }

    /// The hub's folder.
    pub fn hub_data(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    /// Where the test keeps what it makes.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where a simulated camera is, with its password in it.
    pub fn camera_url(&self, id: &str) -> String {
        settings::rtsp(&format!("{CAMERA_USER}:{CAMERA_PASSWORD}"), &self.ports, id)
    }

    /// Port of the hub's plain MQTT listener, where anyone may listen.
    pub fn mqtt_port(&self) -> u16 {
        self.ports.mqtt
    }

    /// Port of the hub's MQTT over TLS.
    pub fn mqtts_port(&self) -> u16 {
        self.ports.mqtts
    }

    /// Port of the hub's QUIC ingest.
    pub fn quic_port(&self) -> u16 {
        self.ports.quic
    }

    /// What is between the edge and both hub and broker.
    ///
    /// # Panics
    /// Where nothing is.
    pub fn relay(&self) -> &Arc<Relay> {
        self.relay.as_ref().expect("a stack with `relayed`")
    }

    /// Port of live video.
    pub fn live_port(&self) -> u16 {
        self.ports.live
    }

    /// Stops all that a test has not killed, in good order, and checks the logs of hub and edge.
    ///
    /// # Panics
    /// When one does not end well, or logged what was not expected.
    pub fn finish(mut self) {
        for program in [&mut self.edge, &mut self.hub, &mut self.camera] {
            if program.is_started() {
                let took = program.stop();
                println!("{} stopped in {:.1} s", program.name(), took.as_secs_f64());
            }
        }
        self.edge.check_log();
        self.hub.check_log();
    }

    fn simulated(&self) -> impl Iterator<Item = &Camera> {
        self.cameras.iter().filter(|camera| camera.url.is_none())
    }
}

/// A token that leads to the relay.
fn through(relay: &Relay, join: &str) -> String {
    let mut join: JoinToken = join.parse().expect("a join token");
    join.quic = format!("127.0.0.1:{}", relay.udp_port());
    if join.has_broker() {
        join.mqtts = format!("127.0.0.1:{}", relay.tcp_port());
    }
    join.reveal()
}

fn until_ready(program: &mut Program, api: &Api) {
    let what = format!("{} to be ready", program.name());
    wait::until(&what, wait::LONG, || {
        program.assert_running();
        let answer = api.get("/readyz")?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    });
}

fn with(launch: Launch, environment: &[(&str, &str)]) -> Launch {
    environment.iter().fold(launch, |launch, (name, value)| launch.env(name, value))
}
