//! `omma-viewers`: many viewers of one stream without a browser, and what they cost the hub. Prints one line of JSON.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use omma_protocol::wire::browser::Mode;
use omma_testkit::viewer::Hub;
use omma_testkit::viewer::load::Load;
use url::Url;

/// Watches one stream of a hub many times over and prints what the viewers got and what it cost, as JSON.
#[derive(Debug, Parser)]
struct Arguments {
    /// The hub, such as http://127.0.0.1:8080.
    #[arg(long)]
    hub: Url,
    /// The environment variable that holds the sign-in token (`cloud-hub token` prints it).
    #[arg(long, default_value = "OMMA_TOKEN", value_name = "VARIABLE")]
    token_env: String,
    /// Which stream, as `edge.camera`.
    #[arg(long)]
    stream: String,
    /// How many viewers.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
    viewers: u16,
    /// For how many seconds, once all see pictures.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Process id of the hub, to measure its CPU.
    #[arg(long)]
    pid: Option<u32>,
    /// Hold pictures back until their boxes are there.
    #[arg(long)]
    exact: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("omma-viewers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<String> {
    let variable = &arguments.token_env;
    let token = std::env::var(variable).with_context(|| format!("`{variable}` must hold the sign-in token"))?;
    let time = Duration::try_from_secs_f64(arguments.seconds).context("--seconds takes a number of seconds")?;
    let load = Load {
        hub: Hub::new(arguments.hub, token.trim()),
        stream: arguments.stream,
        viewers: usize::from(arguments.viewers),
        mode: if arguments.exact { Mode::Exact } else { Mode::Live },
        time,
        pid: arguments.pid,
    };
    Ok(serde_json::to_string(&load.run().await?)?)
}
