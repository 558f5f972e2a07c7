//! `omma-camera`: simulated cameras on an RTSP port and an HTTP port, for demos, tests and benchmarks.
//!
//! On SIGUSR1 it closes every connection without a word and goes on.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use omma_protocol::secret::Secret;
use omma_testkit::simulator::quirk::Quirk;
use omma_testkit::simulator::source::Camera;
use omma_testkit::simulator::{Config, Login, Server};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Simulated cameras: plays H.264 and H.265 files, or a live clock, over RTSP.
#[derive(Debug, Parser)]
struct Arguments {
    /// Address of the RTSP port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8554")]
    listen: SocketAddr,
    /// Address of an HTTP port with the same cameras as MJPEG (/NAME/mjpeg) and snapshots (/NAME/snapshot.jpg).
    #[arg(long)]
    http: Option<SocketAddr>,
    /// A camera: NAME=file:PATH@RATE plays an H.264 or H.265 byte stream in a loop, NAME=file:PATH:first=PICTURES@RATE
    /// with a first group of that many pictures, so that many do not show key pictures at once, NAME=still:PATH@RATE its scene with
    /// nobody in it, NAME=clock:WIDTHxHEIGHT@RATE a live clock,
    /// NAME=clock:WIDTHxHEIGHT:over=PATH@RATE a live clock over footage of that size. RATE is pictures a second. May be given many times.
    #[arg(long = "camera", required = true, value_name = "NAME=SCENE@RATE")]
    cameras: Vec<Camera>,
    /// Ask players for this user's password (Digest or Basic).
    #[arg(long, requires = "password_env")]
    user: Option<String>,
    /// The environment variable that holds the password.
    #[arg(long, requires = "user", value_name = "VARIABLE")]
    password_env: Option<String>,
    /// Seconds after which a silent client is cut off.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(2..=3600))]
    session_timeout: u64,
    /// Something that real cameras get wrong. May be given many times.
    #[arg(long = "quirk", value_enum, value_name = "NAME")]
    quirks: Vec<Quirk>,
}

impl Arguments {
    fn into_config(self) -> anyhow::Result<Config> {
        let login = match (self.user, self.password_env) {
            (Some(user), Some(variable)) => {
                let password = std::env::var(&variable)
                    .with_context(|| format!("--password-env names `{variable}`, which is not set to a text"))?;
                Some(Login { user, password: Secret::new(password) })
            }
            _ => None,
        };
        let session_timeout = Duration::from_secs(self.session_timeout);
        let quirks = self.quirks.into_iter().collect();
        let (listen, http) = (self.listen, self.http);
        Ok(Config { listen, http, cameras: self.cameras, login, session_timeout, quirks, dialogue: None })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let filter = EnvFilter::try_from_env("OMMA_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    // Listened to before anyone is told that the server is up and may therefore end it.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut cut = signal(SignalKind::user_defined1())?;
    let server = Server::start(arguments.into_config()?).await?;
    if let Some(address) = server.http_address() {
        writeln!(std::io::stdout(), "listening http://{address}")?;
    }
    writeln!(std::io::stdout(), "listening rtsp://{}", server.address())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = cut.recv() => server.drop_players(),
        }
    }
    server.stop().await;
    Ok(())
}
