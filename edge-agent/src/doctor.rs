//! `edge-agent doctor`: what a camera is like, what is wrong with it, and what to do.
//!
//! 1. [`address`] reads the address and the password;
//! 2. [`listen`] connects, by the source's own session code, in each way that is to be tried, and measures what
//!    [`reading`] sees in each picture;
//! 3. [`edge_core::doctor`] makes findings of it;
//! 4. [`mod@text`] or JSON goes to standard output, and an [`Outcome`] to whoever started the program.

pub mod address;

pub mod listen;

pub mod reading;

pub mod text;

use std::convert::Infallible;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use edge_core::doctor::diagnose::{Finding, Severity, Workaround, diagnose, workarounds};
use edge_core::doctor::report::{FailureKind, Report};
use omma_protocol::secret::Secret;
use omma_runtime::shutdown;
use serde::Serialize;

use crate::config::Transport;
use address::{PASSWORD, Target};

/// The foot of the help.
pub const HELP: &str = "\
The password:
  A process list shows what is on the command line. Leave user name and password out of the URL and give them in the
  environment instead, as they are, whatever their characters: OMMA_CAMERA_USER and OMMA_CAMERA_PASSWORD. The whole URL
  can come from OMMA_CAMERA_URL. Nothing of them, nor of the URL's path, is ever printed.

Exit code:
  0  pictures came, and nothing is wrong that keeps a part of Omma from working
  1  the camera answers, but something is wrong: a finding of severity `error`
  2  the camera can't be reached, or the command line is wrong";

/// What is asked for.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The camera: rtsp://user:password@host/path. Better without user name and password, see below.
    #[arg(value_name = "URL", env = "OMMA_CAMERA_URL", hide_env_values = true, value_parser = secret)]
    url: Secret<String>,
    /// User name, in place of one in the URL.
    #[arg(long, value_name = "NAME", env = "OMMA_CAMERA_USER", hide_env_values = true)]
    user: Option<String>,
    /// For how long to measure, 1 to 3600. Clock drift takes a minute or more.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// How pictures come. `auto`: over TCP, and UDP where that brings none. `udp`: over UDP, and TCP where that brings
    /// none, to tell a firewall from a silent camera.
    #[arg(long, value_enum, default_value_t = Transport::Auto)]
    transport: Transport,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
}

/// Never fails, because clap would print what it fails on.
fn secret(text: &str) -> Result<Secret<String>, Infallible> {
    Ok(Secret::new(text.to_owned()))
}

impl Arguments {
    fn target(&self) -> anyhow::Result<Target> {
        let password = match std::env::var(PASSWORD) {
            Ok(password) => Some(Secret::new(password)),
            Err(std::env::VarError::NotPresent) => None,
            Err(std::env::VarError::NotUnicode(_)) => anyhow::bail!("{PASSWORD} is no UTF-8 text"),
        };
        Target::read(self.url.expose(), self.user.clone(), password).context("the camera's URL")
    }
}

/// How it went, in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing that keeps a part of Omma from working.
    Fine,
    /// At least one finding is an error.
    Faulty,
    /// No connection.
    Unreached,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Fine => 0,
            Outcome::Faulty => 1,
            Outcome::Unreached => 2,
        })
    }
}

/// A report and what it means.
#[derive(Debug, Serialize)]
pub struct Examination {
    /// What was found.
    #[serde(flatten)]
    pub report: Report,
    /// What Omma does by itself.
    pub workarounds: Vec<Workaround>,
    /// What is the matter.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// Reads the report.
    pub fn of(report: Report) -> Self {
        Self { workarounds: workarounds(&report), findings: diagnose(&report), report }
    }

    /// How it went.
    pub fn outcome(&self) -> Outcome {
        let unreached = |kind| kind == FailureKind::Unreachable;
        if self.report.failure.as_ref().is_some_and(|failure| unreached(failure.kind)) {
            Outcome::Unreached
        } else if self.findings.iter().any(|finding| finding.severity == Severity::Error) {
            Outcome::Faulty
        } else {
            Outcome::Fine
        }
    }
}

/// Examines a camera and prints what it finds. SIGINT and SIGTERM end the measuring, not the report.
///
/// # Errors
/// When the URL can't be read or nothing can be printed.
pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let target = arguments.target()?;
    let runtime = tokio::runtime::Runtime::new().context("start the tokio runtime")?;
    let report = runtime.block_on(async {
        let token = shutdown::token().context("listen for signals")?;
        anyhow::Ok(
            listen::examine(&target, arguments.transport.into(), Duration::from_secs(arguments.seconds), token).await,
        )
    })?;
    // A camera that does not answer TEARDOWN must not keep the process.
    runtime.shutdown_background();
    let examination = Examination::of(report);
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&examination).context("write JSON")? + "\n",
        false => examination.to_string(),
    };
    std::io::stdout().write_all(text.as_bytes()).context("print the report")?;
    Ok(examination.outcome())
}
