//! `omma-outbox-load`: the edge's own outbox and uplink, with events that nobody saw in place of cameras.
//!
//! It reads an edge's configuration and runs what `edge-agent` runs behind its analysis: the same database, the same
//! thread, the same connection. It is killed and started again like an edge, and goes on where its ledger ends.

mod writer;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, anyhow};
use clap::Parser;
use edge_agent::clock::EdgeClock;
use edge_agent::config::checked::Config;
use edge_agent::control::notices::Notices;
use edge_agent::outbox;
use edge_agent::state::link::LinkState;
use edge_agent::uplink::mqtt::MqttUplink;
use edge_agent::uplink::mqtt::broker::Broker;
use omma_runtime::health::Health;
use omma_runtime::telemetry::{self, Format};
use omma_runtime::{http, metrics, shutdown, tls};
use tokio::runtime::Handle;

use writer::{Ledger, Writer};

/// Puts events into an edge's outbox and sends them, until it is ended.
#[derive(Debug, Parser)]
struct Arguments {
    /// The edge's configuration.
    #[arg(long)]
    config: PathBuf,
    /// The file where it is noted what is on disk.
    #[arg(long)]
    ledger: PathBuf,
    /// How many events, over all its lives.
    #[arg(long)]
    events: u64,
    /// Events a second.
    #[arg(long)]
    rate: f64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("omma-outbox-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let config = Config::load(Some(&arguments.config)).map_err(|faults| anyhow!("{faults}"))?;
    telemetry::init(Format::Auto)?;
    tls::install_provider();
    let metrics = metrics::install(&[])?;
    let token = shutdown::token().context("listen for signals")?;
    let health = Health::new();
    let part = health.part("outbox");
    let server = http::bind(config.http).await?;
    let served = tokio::spawn(server.serve(health, metrics, axum::Router::new(), token.clone()));

    let (folder, budget) = (config.data.clone(), config.outbox_budget);
    let outbox = tokio::task::spawn_blocking(move || outbox::open(&folder, budget, part)).await??;
    let (edge, broker, state) = (config.edge().clone(), Broker::of(&config)?, LinkState::new("mqtt"));
    // Nobody asks it anything, and it says nothing beside the outbox.
    let (notices, _) = Notices::new(edge.clone(), false, None);
    let uplink = MqttUplink::new(edge, broker, outbox.clone(), config.backfill, notices, EdgeClock::start(), state);
    let mut sending = tokio::spawn(uplink.run(token.clone()));

    let ledger = Ledger::open(&arguments.ledger)?;
    let writer = Writer::new(outbox.clone(), Handle::current(), ledger, arguments.rate)?;
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nobody listens any more where the program ends.
        tell.send(writer.run(arguments.events)).unwrap_or_default();
    });
    let written = async {
        match told.await {
            Ok(Err(error)) => error,
            // All is put: from here on it is only sent.
            _ => std::future::pending().await,
        }
    };
    tokio::select! {
        () = token.cancelled() => {}
        error = written => return Err(error),
        ended = &mut sending => return Err(anyhow!("the uplink has ended unasked: {ended:?}")),
    }
    sending.await??;
    outbox.end().await;
    served.await?;
    Ok(())
}
