//! `edge-agent run`, `edge-agent check`, `edge-agent discover` and `edge-agent doctor`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::{io, thread};

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand};
use edge_agent::config::checked::{Config, Upstream};
use edge_agent::health::watchdog::{self, Manager, Watchdog};
use edge_agent::health::{self, Leave, Why};
use edge_agent::pipeline::{self, Supervision};
use edge_agent::{AGENT, discover, doctor, step};
use omma_media::decode::Decoder;
use omma_protocol::camera::Placement;
use omma_protocol::unit::Codec;
use omma_runtime::crash::{LastRun, Past, Record};
use omma_runtime::environment::{self, Wanted};
use omma_runtime::notify::{self, Notifier};
use omma_runtime::telemetry::{self, Format};
use omma_runtime::{http, metrics, shutdown, tls};
use omma_vision::detect::Detector;

/// The agent beside the cameras.
#[derive(Debug, Parser)]
#[command(name = "edge-agent", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs until SIGINT or SIGTERM.
    Run(File),
    /// Reads and checks the configuration, loads the model, and says what is wrong.
    Check(File),
    /// Finds ONVIF cameras in this network, and says where their streams are.
    #[command(after_help = discover::HELP)]
    Discover(discover::Arguments),
    /// Connects to a camera and explains what it offers, what is wrong with it, and what to do.
    #[command(after_help = doctor::HELP)]
    Doctor(doctor::Arguments),
}

#[derive(Debug, Args)]
struct File {
    /// The configuration, TOML. Every key can be overridden by the environment: OMMA_EDGE_HTTP__LISTEN.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// The edge's heap stays small: with glibc's own settings it holds some 30 MB more beside one 1080p camera.
const ENVIRONMENT: [Wanted; 3] = [
    Wanted::Must(environment::NO_REPORTS),
    Wanted::Unless(environment::ONE_HEAP),
    Wanted::Unless(environment::GIVE_BACK),
];

fn main() -> ExitCode {
    if let Err(e) = environment::ensure(&ENVIRONMENT) {
        eprintln!("edge-agent: goes on in the environment as it is: {e}");
    }
    let (done, failure) = match Cli::parse().command {
        Command::Run(file) => (run(&file).or_else(told), ExitCode::FAILURE),
        Command::Check(file) => (check(&file).map(|()| ExitCode::SUCCESS), ExitCode::FAILURE),
        // As clap ends where the command line is wrong.
        Command::Discover(arguments) => (find(&arguments), ExitCode::from(2)),
        Command::Doctor(arguments) => (examine(&arguments), ExitCode::from(2)),
    };
    done.unwrap_or_else(|e| {
        eprintln!("edge-agent: {e:#}");
        failure
    })
}

/// Of what runs for long, the log is what is read.
fn told(e: anyhow::Error) -> anyhow::Result<ExitCode> {
    telemetry::last_words("edge-agent", format_args!("{e:#}"));
    Ok(ExitCode::FAILURE)
}

fn load(file: &File) -> anyhow::Result<Config> {
    Config::load(file.config.as_deref()).map_err(|faults| anyhow!("the configuration has faults\n{faults}"))
}

fn run(file: &File) -> anyhow::Result<ExitCode> {
    // First: a configuration with faults is told where everything else is.
    telemetry::init(Format::Auto)?;
    let config = load(file)?;
    config.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    tls::install_provider();
    let metrics = metrics::install(step::ALL)?;
    pipeline::describe_metrics();
    tracing::info!(agent = AGENT, edge = %config.edge(), "starting");
    let (record, past) = Record::begin(&config.data, AGENT);
    // Its task that says goodbye to a camera reads what that has sent.
    record.report_panics(&["retina"]);
    tell_past(&past);
    let manager = Manager { notifier: Notifier::from_environment(), period: notify::watchdog() };
    let (notifier, watchdog, leave) = (manager.notifier.clone(), Watchdog::default(), Leave::default());
    let stuck = watchdog::give_up(record.clone(), manager.period.is_some());
    let _watching = watchdog.clone().watch(manager, stuck).context("start the watchdog's thread")?;
    let runtime = runtime().context("start the tokio runtime")?;
    let done = runtime.block_on(async {
        let token = shutdown::token().context("listen for signals")?;
        let http = http::bind(config.http).await?;
        tracing::info!(address = %http.address(), "http");
        let (leave, record) = (leave.clone(), Some(record.clone()));
        let supervision = Supervision { notifier, watchdog, leave, past, record };
        let running = pipeline::run(config, http, metrics, supervision, token.clone());
        tokio::pin!(running);
        tokio::select! {
            done = &mut running => done,
            () = token.cancelled() => match shutdown::deadline(shutdown::GRACE, running).await {
                Ok(done) => done,
                Err(e) => Err(e).context("end everything"),
            },
        }
    });
    // A thread that hangs in a camera's or the disk's hands must not keep the process.
    runtime.shutdown_background();
    // It said what was wrong, also where it ends with a fault.
    record.end();
    match leave.why() {
        None => done.map(|()| ExitCode::SUCCESS),
        Some(Why::OverMemory) => Ok(ExitCode::from(health::OVER_MEMORY)),
        Some(Why::ClockSetBack) => Err(environment::begin_anew()).context("begin anew"),
    }
}

/// For the network, with half the cores unless `TOKIO_WORKER_THREADS` says otherwise: the other threads look. It needs far
/// less than that, and each worker beyond what is needed is one more to wake for a packet.
fn runtime() -> io::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if std::env::var_os("TOKIO_WORKER_THREADS").is_none() {
        builder.worker_threads(thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)));
    }
    builder.enable_all().build()
}

/// What the last run could not say itself.
fn tell_past(past: &Past) {
    match past.last_run {
        LastRun::Unknown | LastRun::Ended => {}
        LastRun::Killed => tracing::info!("the last run did not end as it should: it was killed or ran out of memory"),
        LastRun::MachineRestarted => tracing::info!("the last run did not end as it should: the machine went down"),
    }
    if let Some(last) = past.crashes.last() {
        let (kind, said, place, agent) = (&last.kind, &last.message, &last.place, &last.agent);
        tracing::info!(count = past.crashes.len(), kind, said, place, agent, "earlier runs left crash reports");
    }
}

fn check(file: &File) -> anyhow::Result<()> {
    let config = load(file)?;
    config.warnings.iter().for_each(|warning| println!("warning: {warning}"));
    match &config.detect {
        Some(detect) => {
            let detector = Detector::load(detect).context("load the detector ([detect])")?;
            println!("detector: {} by {}", detector.model(), detector.engine());
            if let Some(note) = detector.note() {
                println!("detector: not the first choice: {note}");
            }
        }
        None => println!("detector: not needed, no camera has placement = \"edge\""),
    }
    println!("decoder: {}", Decoder::new(Codec::H264, config.decoder)?.name());
    if let Some(why) = config.decoder.shortfall() {
        println!("decoder: not the chosen one: {why}");
    }
    for camera in &config.cameras {
        println!("camera {}: {} ({:?}, {:?})", camera.id, camera.url, camera.transport, camera.placement);
        if camera.placement == Placement::Edge {
            let names: Vec<_> = camera.rules.rules.iter().map(|rule| format!("`{}`", rule.name)).collect();
            println!("camera {}: events by {}", camera.id, names.join(", "));
        }
    }
    match &config.upstream {
        Upstream::Hub { join, .. } if !config.has_broker() => {
            println!("edge {}: hub at {}, which has no broker: events go there over QUIC; fine", join.edge, join.quic);
        }
        Upstream::Hub { join, .. } => println!("edge {}: hub at {}; fine", join.edge, join.quic),
        Upstream::Broker { edge, broker } => println!("edge {edge}: no hub, broker at {broker:?}; fine"),
    }
    Ok(())
}

fn examine(arguments: &doctor::Arguments) -> anyhow::Result<ExitCode> {
    telemetry::init(Format::Auto)?;
    Ok(doctor::run(arguments)?.into())
}

fn find(arguments: &discover::Arguments) -> anyhow::Result<ExitCode> {
    telemetry::init(Format::Auto)?;
    Ok(discover::run(arguments)?.into())
}
