//! The demonstration that `make demo` runs: every program of Omma as a person would start it, none of them changed.

mod settings;

mod child;

use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::signal::unix::{SignalKind, signal};

use child::Child;
use settings::Settings;

/// As `println!`, but for a reader who is gone, as behind `| head`: the programs are still to be stopped in order.
macro_rules! say {
    ($($text:tt)*) => {
        writeln!(std::io::stdout(), $($text)*).unwrap_or_default()
    };
}

/// How long the hub and the camera may take to come up on a slow machine.
const START: Duration = Duration::from_secs(60);

/// How long the address is kept back for the camera to be live.
const CAMERA: Duration = Duration::from_secs(10);
/// How often is looked.
const POLL: Duration = Duration::from_millis(100);

/// Runs the demonstration until it is told to stop.
pub async fn run() -> Result<()> {
    let settings = Settings::from_env()?;
    settings.check_ports()?;
    settings.make_folders()?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;

    let mut children = Vec::new();
    let outcome = tokio::select! {
        outcome = play(&settings, &mut children) => outcome,
        _ = interrupt.recv() => Ok(()),
        _ = terminate.recv() => Ok(()),
    };
    say!("Stopping …");
    // The edge goes first, so that its last events still find the hub.
    while let Some(child) = children.pop() {
        child.stop().await;
    }
    say!("Stopped. State and logs are in {}", settings.folder.display());
    outcome
}

async fn play(settings: &Settings, children: &mut Vec<Child>) -> Result<()> {
    if settings.camera.is_none() {
        let camera = Child::start("omma-camera", &settings.camera_arguments(), &[], &settings.folder)?;
        children.push(camera);
    }
    let hub_config = settings.write_hub_config()?;
    children.push(Child::start("cloud-hub", &["run", "--config", &hub_config], &[], &settings.folder)?);
    let (hub_url, edge_url) = (settings.hub_url(), settings.edge_url());
    wait_for(children, "the hub to be ready", || ready(&hub_url)).await?;

    let join = child::output("cloud-hub", &["join", settings::EDGE, "--config", &hub_config]).await?;
    let token = child::output("cloud-hub", &["token", "--config", &hub_config]).await?;
    let edge_config = settings.write_edge_config()?;
    let camera_url = settings.camera_url();
    let secrets = [("OMMA_EDGE_EDGE__JOIN", join.as_str()), ("OMMA_EDGE_CAMERA__0__URL", camera_url.expose().as_str())];
    children.push(Child::start("edge-agent", &["run", "--config", &edge_config], &secrets, &settings.folder)?);
    wait_for(children, "the edge to be ready", || ready(&edge_url)).await?;
    say!("{}", look_at_camera(&edge_url).await);

    say!("Omma is at {hub_url}");
    say!("Token: {token}");
    say!("Events: mosquitto_sub -p {} -t 'omma/#'", settings.mqtt_port);
    match settings.seconds {
        Some(seconds) => say!("Ends by itself after {seconds} s; Ctrl-C ends it sooner."),
        None => say!("Ctrl-C ends it."),
    }
    let end = async {
        match settings.seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = end => Ok(()),
        failure = first_to_end(children) => Err(failure),
    }
}

/// Waits until `probe` succeeds, or a child ends, or [`START`] is over.
async fn wait_for<F: Future<Output = bool>>(children: &mut [Child], what: &str, probe: impl Fn() -> F) -> Result<()> {
    let polled = async {
        while !probe().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        waited = tokio::time::timeout(START, polled) => match waited {
            Ok(()) => Ok(()),
            Err(_) => bail!("waited {} s for {what}", START.as_secs()),
        },
        failure = first_to_end(children) => Err(failure),
    }
}

/// Resolves when one of the programs ends, which none should.
async fn first_to_end(children: &mut [Child]) -> anyhow::Error {
    let ends = children.iter_mut().map(|child| Box::pin(child.ended()));
    futures::future::select_all(ends).await.0
}

/// Whether `/readyz` of a program answers 200.
async fn ready(url: &str) -> bool {
    get(format!("{url}/readyz")).await.is_some()
}

/// How the one camera fares, in a sentence: waits a while for it to be live or to have failed.
async fn look_at_camera(edge_url: &str) -> String {
    let mut seen = "The camera is still being connected to".to_owned();
    for _ in 0..CAMERA.as_millis() / POLL.as_millis() {
        let shown = get(format!("{edge_url}/state")).await.unwrap_or_default();
        let camera = &shown["cameras"][0];
        match camera["state"].as_str() {
            Some("live") => {
                return format!("The camera is live: {}x{}", camera["video"]["width"], camera["video"]["height"]);
            }
            Some("failed") => {
                let reason = camera["reason"].as_str().unwrap_or_default();
                seen = format!("The camera can't be shown yet, and is tried again: {reason}");
            }
            _ => {}
        }
        tokio::time::sleep(POLL).await;
    }
    seen
}

/// What a program answers with 200, JSON or nothing.
async fn get(url: String) -> Option<serde_json::Value> {
    let ask = move || {
        let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(2))).build();
        let mut answer = ureq::Agent::from(config).get(url).call().ok()?;
        Some(serde_json::from_reader(answer.body_mut().as_reader()).unwrap_or_default())
    };
    tokio::task::spawn_blocking(ask).await.ok()?
}

/// Where a program of this workspace stands: beside this one.
fn program(name: &str) -> Result<PathBuf> {
    let here = std::env::current_exe().context("find this program's own path")?;
    let path = here.with_file_name(name);
    if !path.is_file() {
        bail!("{} is missing: run `cargo build --workspace --bins`, or `make demo`", path.display());
    }
    Ok(path)
}
