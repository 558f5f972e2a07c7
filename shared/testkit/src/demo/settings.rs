//! What the demonstration can be told through the environment, and the configuration files that follow from it.

use std::env;
use std::fs;
use std::net::{TcpListener, UdpSocket};
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, bail};
use omma_protocol::secret::Secret;
use url::Url;

/// Who may see the simulated camera, where it asks.
const USER: &str = "viewer";
const PASSWORD: &str = "DEMO_CAMERA_PASSWORD";

/// The demonstration's one edge.
pub(super) const EDGE: &str = "demo";

/// As read and checked. Every port is on 127.0.0.1.
pub(super) struct Settings {
    /// State, configuration and logs of the three programs.
    pub(super) folder: PathBuf,
    /// A real camera instead of the simulated one.
    pub(super) camera: Option<Secret<String>>,
    /// Ends by itself after so many seconds.
    pub(super) seconds: Option<u64>,
    /// What the simulated camera plays: a file of access units, or `clock:WIDTHxHEIGHT@FPS`.
    play: String,
    /// What the simulated camera asks its players for.
    password: Option<Secret<String>>,
    placement: String,
    gate: String,
    engine: String,
    rate: f64,
    http_port: u16,
    rtsp_port: u16,
    quic_port: u16,
    pub(super) mqtt_port: u16,
    mqtts_port: u16,
    webrtc_port: u16,
    edge_port: u16,
    models: PathBuf,
    onnxruntime: PathBuf,
}

impl Settings {
    /// Reads `HTTP_PORT`, `RTSP_PORT`, `QUIC_PORT`, `MQTT_PORT`, `MQTTS_PORT`, `WEBRTC_PORT`, `EDGE_PORT`, `CAMERA`,
    /// `DEMO_SECONDS`, `DEMO_DIR`, `DEMO_PLAY`, `DEMO_PLACEMENT`, `DEMO_ENGINE`,
    /// `DEMO_RATE`, `DEMO_GATE`, `DEMO_CAMERA_PASSWORD` (letters and digits), and the three `OMMA_…` paths that the Makefile
    /// sets.
    pub(super) fn from_env() -> Result<Self> {
        let camera = text("CAMERA").map(check_camera).transpose()?;
        let password = text(PASSWORD).map(Secret::new);
        if camera.is_some() && password.is_some() {
            bail!(
                "{PASSWORD} is what the simulated camera asks for, and CAMERA stands in for that: set one of the two"
            );
        }
        let footage = path("OMMA_FOOTAGE")?;
        let play = text("DEMO_PLAY").unwrap_or_else(|| format!("file:{}@10", footage.join("vtest.h264").display()));
        Ok(Self {
            folder: text("DEMO_DIR").map_or_else(|| PathBuf::from(".omma/demo"), PathBuf::from),
            camera,
            seconds: number("DEMO_SECONDS")?,
            play,
            password,
            placement: text("DEMO_PLACEMENT").unwrap_or_else(|| "edge".to_owned()),
            gate: text("DEMO_GATE").unwrap_or_else(|| "gated".to_owned()),
            engine: text("DEMO_ENGINE").unwrap_or_else(|| "auto".to_owned()),
            rate: number("DEMO_RATE")?.unwrap_or(10.0),
            http_port: number("HTTP_PORT")?.unwrap_or(8080),
            rtsp_port: number("RTSP_PORT")?.unwrap_or(8554),
            quic_port: number("QUIC_PORT")?.unwrap_or(4433),
            mqtt_port: number("MQTT_PORT")?.unwrap_or(1883),
            mqtts_port: number("MQTTS_PORT")?.unwrap_or(8883),
            webrtc_port: number("WEBRTC_PORT")?.unwrap_or(8189),
            edge_port: number("EDGE_PORT")?.unwrap_or(8181),
            models: path("OMMA_MODELS")?,
            onnxruntime: path("OMMA_ONNXRUNTIME")?,
        })
    }

    /// Tries every port that the programs will listen on, all together, so that none is chosen twice.
    pub(super) fn check_ports(&self) -> Result<()> {
        let tcp = [
            ("HTTP_PORT", self.http_port),
            ("MQTT_PORT", self.mqtt_port),
            ("MQTTS_PORT", self.mqtts_port),
            ("EDGE_PORT", self.edge_port),
            ("RTSP_PORT", self.rtsp_port),
        ];
        let tcp = &tcp[..if self.camera.is_some() { 4 } else { 5 }];
        let taken = |kind, name: &str, port: u16, error: std::io::Error| {
            anyhow!(
                "{kind} port {port} on 127.0.0.1 can't be used ({error}): choose another, as in `make demo {name}={}`",
                port.wrapping_add(1000)
            )
        };
        let bind_tcp = |&(name, port): &(&str, u16)| {
            TcpListener::bind(("127.0.0.1", port)).map_err(|e| taken("TCP", name, port, e))
        };
        let bind_udp = |(name, port)| UdpSocket::bind(("127.0.0.1", port)).map_err(|e| taken("UDP", name, port, e));
        let _tcp: Vec<_> = tcp.iter().map(bind_tcp).collect::<Result<_>>()?;
        let udp = [("QUIC_PORT", self.quic_port), ("WEBRTC_PORT", self.webrtc_port)];
        let _udp: Vec<_> = udp.into_iter().map(bind_udp).collect::<Result<_>>()?;
        Ok(())
    }

    /// Makes the folders that the programs keep their state in.
    pub(super) fn make_folders(&self) -> Result<()> {
        for folder in [self.folder.join("hub"), self.folder.join("edge")] {
            fs::create_dir_all(&folder).with_context(|| format!("make the folder {}", folder.display()))?;
        }
        Ok(())
    }

    pub(super) fn hub_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http_port)
    }

    pub(super) fn edge_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.edge_port)
    }

    pub(super) fn camera_url(&self) -> Secret<String> {
        let login = self.password.as_ref().map(|password| format!("{USER}:{}@", password.expose())).unwrap_or_default();
        let simulated = || format!("rtsp://{login}127.0.0.1:{}/walkers", self.rtsp_port).into();
        self.camera.clone().unwrap_or_else(simulated)
    }

    pub(super) fn camera_arguments(&self) -> Vec<String> {
        let listen = format!("127.0.0.1:{}", self.rtsp_port);
        let login: &[&str] = if self.password.is_some() { &["--user", USER, "--password-env", PASSWORD] } else { &[] };
        let camera = format!("walkers={}", self.play);
        [&["--listen", &listen, "--camera", &camera][..], login].concat().into_iter().map(str::to_owned).collect()
    }

    pub(super) fn write_hub_config(&self) -> Result<String> {
        let model = self.models.join("nanodet-g-416x640");
        let text = format!(
            "# Written by `make demo`; a real installation begins at docs/operate/install.md.\n\
             [hub]\ndata = {data:?}\npublic_host = \"127.0.0.1\"\n\n\
             [http]\nlisten = \"127.0.0.1:{http}\"\n\n\
             [ingest]\nquic = \"127.0.0.1:{quic}\"\n\n\
             [broker]\nlisten = \"127.0.0.1:{mqtt}\"\ntls_listen = \"127.0.0.1:{mqtts}\"\nanonymous_read = true\n\n\
             [infer]\nmodel = {model:?}\nonnxruntime = {ort:?}\nthreads = 1\n\n\
             [live]\nudp = \"127.0.0.1:{webrtc}\"\n",
            data = self.folder.join("hub"),
            http = self.http_port,
            quic = self.quic_port,
            mqtt = self.mqtt_port,
            mqtts = self.mqtts_port,
            ort = self.onnxruntime,
            webrtc = self.webrtc_port,
        );
        self.write("hub.toml", &text)
    }

    /// The join token and the camera's address are not written: they reach the edge by its environment.
    pub(super) fn write_edge_config(&self) -> Result<String> {
        let model = self.models.join("nanodet-g-256x416");
        // Only what the edge looks at has a gate.
        let gate = if self.placement == "edge" { format!("gate = {:?}\n", self.gate) } else { String::new() };
        let text = format!(
            "# Written by `make demo`; a real installation begins at docs/operate/install.md.\n\
             [edge]\ndata = {data:?}\n\n\
             [http]\nlisten = \"127.0.0.1:{http}\"\n\n\
             [detect]\nmodel = {model:?}\nengine = {engine:?}\nonnxruntime = {ort:?}\nthreads = 1\n\
             labels = [\"person\", \"bicycle\", \"car\", \"motorcycle\", \"bus\", \"truck\", \"dog\"]\n\n\
             [[camera]]\nid = \"walkers\"\nname = {name:?}\nplacement = {placement:?}\nrate = {rate:?}\n{gate}",
            data = self.folder.join("edge"),
            http = self.edge_port,
            ort = self.onnxruntime,
            name = if self.camera.is_some() { "Your camera" } else { "Walkers" },
            placement = self.placement,
            engine = self.engine,
            rate = self.rate,
        );
        self.write("edge.toml", &text)
    }

    fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.join(name);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// An empty variable counts as unset: `make demo CAMERA=` should mean what it looks like.
fn text(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn number<T: std::str::FromStr>(name: &str) -> Result<Option<T>> {
    text(name).map(|v| v.parse().map_err(|_| anyhow!("{name}={v} is not a number in range"))).transpose()
}

fn path(name: &str) -> Result<PathBuf> {
    let value = text(name).with_context(|| format!("{name} is not set: start this through `make demo`"))?;
    std::path::absolute(&value).with_context(|| format!("{name}={value}"))
}

/// Refuses what is not an RTSP address, without repeating it: it may hold a password.
fn check_camera(value: String) -> Result<Secret<String>> {
    match Url::parse(&value) {
        Ok(url) if url.scheme() == "rtsp" && url.has_host() => Ok(value.into()),
        Ok(url) => bail!("CAMERA is a {} address: expected rtsp://user:password@host/path", url.scheme()),
        Err(error) => bail!("CAMERA can't be parsed ({error}): expected rtsp://user:password@host/path"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_address_that_is_wrong_is_refused_without_being_repeated() {
        for wrong in ["host/path", "http://u:hunter2@h/", "rtsp://u:hunter2@:99999/"] {
            let error = check_camera(wrong.to_owned()).unwrap_err().to_string();
            assert!(error.contains("expected rtsp://") && !error.contains("hunter2"), "{error}");
        }
        assert!(check_camera("rtsp://u:p%40ss@10.0.0.9/h264".to_owned()).is_ok());
    }
}
