//! How the programs of a [`Stack`](super::Stack) are configured.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::process::{Launch, port};

/// The name of the one edge.
pub const EDGE: &str = "site";
/// Who the simulated cameras let in.
pub const CAMERA_USER: &str = "viewer";
/// With which password. No other text of a test contains it.
pub const CAMERA_PASSWORD: &str = "pw-correct-horse-battery";

/// What a stack is made of.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// The cameras.
    pub cameras: Vec<Camera>,
    /// Port of an external broker on 127.0.0.1; the hub's own where `None`.
    pub external_broker: Option<u16>,
    /// The hub has no broker at all.
    pub without_broker: bool,
    /// A relay, with this seed, is between the edge and both hub and broker.
    pub relayed: Option<u64>,
    /// Further lines of the edge's `[edge]`.
    pub edge: &'static str,
    /// What the edge looks with: the lines of its `[detect]`. Our smallest model in ONNX Runtime where `None`.
    pub detect: Option<String>,
    /// The edge's program.
    pub edge_program: &'static str,
    /// The edge's folder; one in the stack's own where `None`.
    pub edge_data: Option<PathBuf>,
    /// More in the environment of edge and hub.
    pub environment: &'static [(&'static str, &'static str)],
    /// More in that of the edge alone.
    pub edge_environment: Vec<(String, String)>,
}

impl Default for StackOptions {
    /// Two cameras of the same footage, looked at by the edge, and the hub's own broker.
    fn default() -> Self {
        let cameras = vec![Camera::simulated("door"), Camera::simulated("gate")];
        Self {
            cameras,
            external_broker: None,
            without_broker: false,
            relayed: None,
            edge: "",
            detect: None,
            edge_program: "edge-agent",
            edge_data: None,
            environment: &[],
            edge_environment: vec![],
        }
    }
}

/// One camera of the edge.
#[derive(Debug, Clone)]
pub struct Camera {
    /// Its id.
    pub id: &'static str,
    /// `edge`, `hub` or `none`.
    pub placement: &'static str,
    /// Where it is; `None` where it is one of the simulated ones.
    pub url: Option<String>,
    /// The sub-stream that the edge looks at, where that is another one.
    pub sub_url: Option<String>,
    /// What it plays where it is a simulated one.
    pub scene: Scene,
    /// How a simulated one is asked for that over HTTP: page and query ([`crate::simulator::http`]). RTSP where `None`.
    pub page: Option<&'static str>,
    /// `always` or `gated`.
    pub gate: &'static str,
    /// Its zones, lines and rules, as tables of the edge's file; the default rule where it is empty.
    pub rules: &'static str,
}

/// What a simulated camera plays, without end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scene {
    /// People who walk by.
    Walkers,
    /// The same place with nobody in it.
    Empty,
    /// What does not move in this film.
    Still(PathBuf),
    /// This film.
    Film(PathBuf),
}

impl Camera {
    /// Plays people who walk by, without end.
    pub fn simulated(id: &'static str) -> Self {
        let (scene, gate) = (Scene::Walkers, "gated");
        Self { id, placement: "edge", url: None, sub_url: None, scene, page: None, gate, rules: "" }
    }

    /// Plays a place with nobody in it, without end.
    pub fn empty(id: &'static str) -> Self {
        Self { scene: Scene::Empty, ..Self::simulated(id) }
    }

    /// Plays people who walk by, without end, over HTTP.
    pub fn over_http(id: &'static str, page: &'static str) -> Self {
        Self { page: Some(page), ..Self::simulated(id) }
    }

    /// The simulator's `--camera` that shows it, 10 pictures a second.
    ///
    /// # Panics
    /// Where it plays our footage and `OMMA_FOOTAGE` is not set.
    pub fn argument(&self) -> String {
        let footage = || from_env("OMMA_FOOTAGE").join("vtest.h264");
        let (kind, film) = match &self.scene {
            Scene::Walkers => ("file", footage()),
            Scene::Empty => ("still", footage()),
            Scene::Still(film) => ("still", film.clone()),
            Scene::Film(film) => ("file", film.clone()),
        };
        format!("{}={kind}:{}@10", self.id, film.display())
    }

    /// Is somewhere else.
    pub fn at(id: &'static str, url: String) -> Self {
        Self { url: Some(url), ..Self::simulated(id) }
    }
}

/// Each program's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) rtsp: u16,
    pub(super) camera_http: u16,
    pub(super) http: u16,
    pub(super) quic: u16,
    pub(super) mqtt: u16,
    pub(super) mqtts: u16,
    pub(super) live: u16,
    pub(super) edge: u16,
}

impl Ports {
    pub(super) fn free() -> Self {
        let [rtsp, camera_http, http, quic, mqtt, mqtts, live, edge] = std::array::from_fn(|_| port::free());
        Self { rtsp, camera_http, http, quic, mqtt, mqtts, live, edge }
    }
}

/// The simulator with every simulated camera.
pub(super) fn camera(options: &StackOptions, ports: &Ports) -> Launch {
    let mut launch = Launch::of_workspace("omma-camera")
        .args(["--listen", &format!("127.0.0.1:{}", ports.rtsp)])
        .args(["--user", CAMERA_USER, "--password-env", "CAMERA_PASSWORD"])
        .env("CAMERA_PASSWORD", CAMERA_PASSWORD);
    if options.cameras.iter().any(|camera| camera.page.is_some()) {
        launch = launch.args(["--http", &format!("127.0.0.1:{}", ports.camera_http)]);
    }
    for camera in options.cameras.iter().filter(|camera| camera.url.is_none()) {
        launch = launch.args(["--camera", &camera.argument()]);
    }
    launch
}

pub(super) fn hub(options: &StackOptions, ports: &Ports, folder: &Path) -> String {
    let Ports { http, quic, mqtt, mqtts, live, .. } = ports;
    let data = folder.join("hub");
    let broker = match options.external_broker {
        _ if options.without_broker => "enabled = false".to_owned(),
        Some(port) => format!("url = \"mqtt://127.0.0.1:{port}\""),
        None => format!("listen = \"127.0.0.1:{mqtt}\"\ntls_listen = \"127.0.0.1:{mqtts}\"\nanonymous_read = true"),
    };
    let mut text = format!(
        r#"
[hub]
data = {data:?}
public_host = "127.0.0.1"
[http]
listen = "127.0.0.1:{http}"
[ingest]
quic = "127.0.0.1:{quic}"
[broker]
{broker}
[live]
udp = "127.0.0.1:{live}"
"#
    );
    if options.cameras.iter().any(|camera| camera.placement == "hub") {
        text += &format!("[infer]\n{}threads = 1\n", model("nanodet-g-416x640"));
    }
    text
}

/// `who` is how the edge knows its name, `mqtt` the broker that is not the hub's; empty where there is none.
pub(super) fn edge(options: &StackOptions, ports: &Ports, folder: &Path, who: &str, mqtt: &str) -> String {
    let data = options.edge_data.clone().unwrap_or_else(|| folder.join("edge"));
    let mut text = format!("[edge]\ndata = {data:?}\n{who}\n[http]\nlisten = \"127.0.0.1:{}\"\n", ports.edge);
    if options.cameras.iter().any(|camera| camera.placement == "edge") {
        let ours = || format!("{}engine = \"ort\"\nthreads = 1\n", model("nanodet-g-256x416"));
        text += &format!("[detect]\n{}", options.detect.clone().unwrap_or_else(ours));
    }
    if !mqtt.is_empty() {
        text += &format!("[mqtt]\n{mqtt}\n");
    }
    let password = write_secret(folder, "camera-password", CAMERA_PASSWORD);
    for Camera { id, placement, url, sub_url, page, gate, rules, .. } in &options.cameras {
        let login = format!("{CAMERA_USER}:${{file:{password}}}");
        let simulated = match page {
            Some(page) => format!("http://{login}@127.0.0.1:{}/{id}/{page}", ports.camera_http),
            None => rtsp(&login, ports, id),
        };
        let url = url.as_deref().unwrap_or(&simulated);
        text += &format!("[[camera]]\nid = \"{id}\"\nurl = \"{url}\"\nplacement = \"{placement}\"\nrate = 5.0\n");
        if *placement == "edge" {
            text += &format!("gate = \"{gate}\"\n");
        }
        if let Some(sub_url) = sub_url {
            text += &format!("sub_url = \"{sub_url}\"\n");
        }
        if page.is_some_and(|page| page.starts_with("snapshot")) {
            text += "snapshot_interval = 0.2\n";
        }
        text += rules;
    }
    text
}

/// Where a simulated camera is.
pub(super) fn rtsp(login: &str, ports: &Ports, id: &str) -> String {
    format!("rtsp://{login}@127.0.0.1:{}/{id}", ports.rtsp)
}

fn model(name: &str) -> String {
    let (model, library) = (from_env("OMMA_MODELS").join(name), from_env("OMMA_ONNXRUNTIME"));
    format!("model = {model:?}\nonnxruntime = {library:?}\n")
}

fn from_env(variable: &str) -> PathBuf {
    let value = std::env::var_os(variable);
    value.map_or_else(|| panic!("{variable} is not set: run `make setup`, then tests by `make test`"), PathBuf::from)
}

pub(super) fn write(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap_or_else(|e| panic!("write {}: {e}", path.display()));
    path.display().to_string()
}

/// As [`write()`], of a file that only its owner can read.
pub(super) fn write_secret(folder: &Path, name: &str, text: &str) -> String {
    let path = write(folder, name, text);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))
        .unwrap_or_else(|e| panic!("keep {path} from others: {e}"));
    path
}
