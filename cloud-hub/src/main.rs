//! `cloud-hub`: reads its command line and starts what is asked for.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use cloud_hub::access::{Access, edges::Edges};
use cloud_hub::config::Config;
use cloud_hub::identity::{Identity, files};
use cloud_hub::{api, pipeline, step};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use omma_protocol::id::EdgeId;
use omma_protocol::join::JoinToken;
use omma_runtime::environment::{self, Wanted};
use omma_runtime::{metrics, shutdown, telemetry, tls};
use omma_vision::detect::Detector;

/// Omma's hub: sees all sites.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs until SIGINT or SIGTERM.
    Run(File),
    /// Reads the configuration and tells everything that is wrong with it.
    Check(File),
    /// Prints a join token for an edge, while the hub runs or before. The edge's older token ends.
    Join {
        /// The edge's name: a to z, 0 to 9, `-` and `_`.
        edge: EdgeId,
        #[command(flatten)]
        file: File,
    },
    /// Prints the token to sign in with.
    Token(File),
    /// Prints the description of the REST interface (OpenAPI).
    Openapi,
}

#[derive(Debug, Args)]
struct File {
    /// The configuration; variables beginning with OMMA_HUB_ override it.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl File {
    fn load(&self) -> anyhow::Result<Config> {
        Config::load(self.config.as_deref())
            .map_err(|faults| anyhow::anyhow!("the configuration can't be used:\n{faults}"))
    }
}

fn main() -> ExitCode {
    if let Err(e) = environment::ensure(&[Wanted::Must(environment::NO_REPORTS)]) {
        eprintln!("cloud-hub: goes on in the environment as it is: {e}");
    }
    tls::install_provider();
    match start(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            telemetry::last_words("cloud-hub", format_args!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}

fn start(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Run(file) => run(&file),
        Command::Check(file) => {
            let config = file.load()?;
            config.warnings.iter().for_each(|warning| println!("warning: {warning}"));
            match config.infer.detector() {
                Some(detector) => {
                    let detector = Detector::load(&detector).context("load the detector ([infer])")?;
                    println!("detector: {} by {}", detector.model(), detector.engine());
                    if let Some(note) = detector.note() {
                        println!("detector: not the first choice: {note}");
                    }
                }
                None => println!(
                    "detector: none, there is no infer.model: cameras with placement = \"hub\" are not looked at"
                ),
            }
            println!("the configuration is sound");
            Ok(())
        }
        Command::Join { edge, file } => {
            println!("{}", join(&file.load()?, edge)?.reveal());
            Ok(())
        }
        Command::Token(file) => {
            let config = file.load()?;
            files::make_folder(&config.data)?;
            println!("{}", Access::open(&config.data)?.token().expose());
            Ok(())
        }
        Command::Openapi => {
            println!("{}", api::document().to_pretty_json()?);
            Ok(())
        }
    }
}

fn run(file: &File) -> anyhow::Result<()> {
    // First: a configuration with faults is told where everything else is.
    telemetry::init(telemetry::Format::Auto)?;
    let config = file.load()?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    allow_connections();
    let metrics = metrics::install(step::ALL)?;
    pipeline::describe_metrics();
    let runtime = tokio::runtime::Runtime::new().context("start the runtime")?;
    let result = runtime.block_on(async {
        let token = shutdown::token().context("listen for signals")?;
        let run = pipeline::run(config, metrics, token.clone());
        tokio::pin!(run);
        tokio::select! {
            result = &mut run => result,
            () = token.cancelled() => match shutdown::deadline(shutdown::GRACE, run).await {
                Ok(result) => result,
                Err(exceeded) => {
                    tracing::warn!("cut off what had not ended ({exceeded}); all that must last is on disk already");
                    Ok(())
                }
            },
        }
    });
    runtime.shutdown_background();
    result
}

/// Takes all file descriptors that the system allows: a client of the embedded broker needs three, and the usual 1024 were
/// spent by some hundred, for the store and the page as well.
fn allow_connections() {
    let (soft, hard) = match getrlimit(Resource::RLIMIT_NOFILE) {
        Ok(limits) => limits,
        Err(error) => return tracing::warn!(%error, "how many files may be open is not known"),
    };
    match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
        Ok(()) => tracing::debug!(soft, hard, "as many files may be open as the system allows"),
        Err(error) => tracing::warn!(soft, hard, %error, "no more files may be open than before"),
    }
}

fn join(config: &Config, edge: EdgeId) -> anyhow::Result<JoinToken> {
    files::make_folder(&config.data)?;
    let identity = Identity::open(&config.data, &config.hosts(), SystemTime::now())?;
    let secret = Edges::open(&config.data)?.issue(&edge)?;
    Ok(JoinToken {
        edge,
        quic: config.public_quic(),
        mqtts: config.public_mqtts(),
        fingerprint: identity.fingerprint,
        secret,
    })
}
