//! An edge of this workspace without a hub, as a process, and its simulated cameras where it has some.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use super::api::Api;
use super::settings::{self, Camera, EDGE, Ports, StackOptions};
use crate::process::{Launch, Program};
use crate::wait;

/// What runs.
#[derive(Debug)]
pub struct EdgeOnly {
    /// The simulated cameras, where there are some.
    pub camera: Option<Program>,
    /// The edge.
    pub edge: Program,
    /// The edge's health, state and metrics.
    pub api: Api,
    folder: TempDir,
}

impl EdgeOnly {
    /// Starts it with this `[mqtt]` section and waits until it is ready.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start(cameras: Vec<Camera>, mqtt: &str) -> Self {
        Self::begin(cameras, "", mqtt, &[])
    }

    /// As [`EdgeOnly::start`], with more in the edge's environment.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_in(cameras: Vec<Camera>, mqtt: &str, environment: &[(&str, &str)]) -> Self {
        Self::begin(cameras, "", mqtt, environment)
    }

    /// As [`EdgeOnly::start`], with more lines for the `[edge]` section.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_with(cameras: Vec<Camera>, edge: &str, mqtt: &str) -> Self {
        Self::begin(cameras, edge, mqtt, &[])
    }

    fn begin(cameras: Vec<Camera>, edge: &str, mqtt: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let (options, ports) = (StackOptions { cameras, ..Default::default() }, Ports::free());
        let camera = options.cameras.iter().any(|camera| camera.url.is_none()).then(|| {
            let mut camera = settings::camera(&options, &ports).start();
            camera.wait_for_line("listening rtsp://");
            camera
        });
        let who = format!("name = \"{EDGE}\"\n{edge}");
        let text = settings::edge(&options, &ports, folder.path(), &who, mqtt);
        let config = settings::write(folder.path(), "edge.toml", &text);
        let launch = Launch::of_workspace("edge-agent").args(["run", "--config", &config]);
        let mut edge = super::with(launch, environment).start();
        let api = Api::at(ports.edge);
        super::until_ready(&mut edge, &api);
        Self { camera, edge, api, folder }
    }

    /// Where the edge keeps its state.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until the edge answers `/readyz` with 200 again.
    pub fn wait_for_edge(&mut self) {
        super::until_ready(&mut self.edge, &self.api);
    }

    /// Waits until the MQTT uplink is in a state, and gives what `/state` shows of everything.
    ///
    /// # Panics
    /// When it is not for long.
    pub fn wait_for_mqtt(&self, state: &str) -> Value {
        wait::until(&format!("mqtt to be {state}"), wait::LONG, || {
            let shown = self.api.json("/state")?;
            if shown["mqtt"]["state"] == state { Ok(shown) } else { Err(format!("it is {}", shown["mqtt"])) }
        })
    }

    /// Waits until the camera is in a state.
    ///
    /// # Panics
    /// When it is not for long.
    pub fn wait_for_camera(&self, camera: &str, state: &str) {
        wait::until(&format!("camera {camera} to be {state}"), wait::LONG, || {
            let shown = self.api.json("/state")?;
            let cameras = shown["cameras"].as_array().cloned().unwrap_or_default();
            match cameras.iter().any(|shown| shown["camera"] == camera && shown["state"] == state) {
                true => Ok(()),
                false => Err(format!("they are {cameras:?}")),
            }
        });
    }

    /// Stops everything that a test has not killed, in good order, and checks the edge's log.
    ///
    /// # Panics
    /// When the edge does not end well, or logged what was not expected.
    pub fn finish(mut self) {
        for program in [Some(&mut self.edge), self.camera.as_mut()].into_iter().flatten() {
            if program.is_started() {
                program.stop();
            }
        }
        self.edge.check_log();
    }
}
