//! `omma-soak`: eight cameras, an edge, a broker and a hub for half an hour under random misfortune.
//!
//! What happens is told on standard error. On standard output stand sentences, and on the last line the verdict as one
//! JSON object. The status is 0 where every promise was kept.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use omma_testkit::soak::{self, Settings};

/// Runs everything under random misfortune, and says whether it kept its promises.
#[derive(Debug, Parser)]
struct Arguments {
    /// How long, in seconds.
    #[arg(long, env = "SOAK_SECONDS", default_value_t = 1800)]
    seconds: u64,
    /// What is random follows from it: the same seed is the same plan.
    #[arg(long, env = "SOAK_SEED", default_value_t = 1)]
    seed: u64,
    /// How many cameras.
    #[arg(long, env = "SOAK_CAMERAS", default_value_t = 8)]
    cameras: usize,
    /// A folder for the logs of edge, hub and broker.
    #[arg(long, env = "SOAK_LOGS", value_name = "FOLDER")]
    logs: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments { seconds, seed, cameras, logs } = Arguments::parse();
    let settings = Settings { time: Duration::from_secs(seconds), seed, cameras, logs };
    if let Err(wrong) = settings.check() {
        eprintln!("omma-soak: {wrong}");
        return ExitCode::from(2);
    }
    let verdict = soak::run(&settings);
    for sentence in verdict.sentences() {
        println!("{sentence}");
    }
    match serde_json::to_string(&verdict) {
        Ok(json) => println!("{json}"),
        Err(e) => {
            eprintln!("omma-soak: the verdict can't be written: {e}");
            return ExitCode::FAILURE;
        }
    }
    if verdict.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
