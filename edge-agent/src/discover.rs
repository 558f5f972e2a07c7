//! `edge-agent discover`: which ONVIF cameras are there, and where are their streams?
//!
//! 1. [`target`] reads the addresses that were given, or [`interfaces`] says where to ask;
//! 2. [`search`] asks who is there and collects the answers;
//! 3. [`ask`] asks each device, by way of [`post`], and [`edge_core::onvif`] reads what it says;
//! 4. [`mod@text`] or JSON goes to standard output, and an [`Outcome`] to whoever started the program.

mod target;

mod interfaces;

mod search;

mod ask;

mod post;

mod text;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use edge_core::doctor::diagnose::Finding;
use edge_core::onvif::device::Device;
use edge_core::onvif::security::Login;
use edge_core::onvif::{address, advice, lines};
use futures::{StreamExt as _, stream};
use omma_runtime::config::credential;
use omma_runtime::shutdown;
use serde::Serialize;

use crate::doctor::address::PASSWORD;
use ask::Candidate;
use interfaces::Interface;
use search::Answer;
use target::Target;

/// The foot of the help.
pub const HELP: &str = "\
The password:
  It is never sent nor printed. A device that asks for a login is shown a digest of it, can use that at once at another
  camera with the same password, and can try passwords on it. So give a login only with the ADDRESS of one camera that you
  trust, or in a network where you trust everyone. Without --password-file the password is taken from the environment,
  OMMA_CAMERA_PASSWORD, as the user name from OMMA_CAMERA_USER. An edge with the printed lines gives the password itself to
  a camera that wants it.

Exit code:
  0  at least one stream was found
  1  devices answer, but none tells a stream that Omma takes
  2  no device answers, or the command line is wrong";

/// Devices that are asked at a time.
const AT_ONCE: usize = 16;

/// What is asked for.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Ask these alone, not the whole network: ADDRESS, or http://ADDRESS:PORT/onvif/device_service. ADDRESS:PORT is the
    /// port of the search, 3702 where left out.
    #[arg(value_name = "ADDRESS")]
    addresses: Vec<String>,
    /// User name.
    #[arg(long, value_name = "NAME", env = "OMMA_CAMERA_USER", hide_env_values = true)]
    user: Option<String>,
    /// A file that holds the password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// How long to wait for answers to the search, 0.1s to 60s.
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = seconds)]
    timeout: Duration,
    /// Ask on this network interface alone. May be given many times.
    #[arg(long = "interface", value_name = "NAME", conflicts_with = "addresses")]
    interfaces: Vec<String>,
    /// Print everything as one JSON object.
    #[arg(long)]
    json: bool,
}

/// `3`, `3s` or `500ms`.
fn seconds(text: &str) -> Result<Duration, &'static str> {
    let expected = "expected 0.1s to 60s, such as `3s` or `500ms`";
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let seconds = number.trim().parse::<f32>().map_err(|_| expected)? * unit;
    if (0.1..=60.0).contains(&seconds) { Ok(Duration::from_secs_f32(seconds)) } else { Err(expected) }
}

impl Arguments {
    fn login(&self) -> anyhow::Result<Option<Login>> {
        let (user, file) = match (&self.user, &self.password_file) {
            (None, None) => return Ok(None),
            (None, Some(_)) => bail!("--password-file needs a user name: --user NAME, or OMMA_CAMERA_USER"),
            (Some(user), file) => (user.clone(), file),
        };
        let Some(file) = file else {
            let password = std::env::var(PASSWORD).with_context(|| {
                format!("a user name needs a password: give --password-file FILE, or {PASSWORD} in the environment")
            })?;
            return Ok(Some(Login { user, password: password.into(), placeholder: format!("${{env:{PASSWORD}}}") }));
        };
        let password = credential::read(file).map_err(anyhow::Error::msg).context("--password-file")?;
        let path = std::path::absolute(file).context("--password-file")?;
        Ok(Some(Login { user, password: password.into(), placeholder: format!("${{file:{}}}", path.display()) }))
    }
}

/// How it went, in one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// At least one stream.
    Found,
    /// Devices, and no stream.
    NoStream,
    /// No device.
    Nothing,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Found => 0,
            Outcome::NoStream => 1,
            Outcome::Nothing => 2,
        })
    }
}

/// What was found.
#[derive(Debug, Serialize)]
pub struct Discovery {
    /// The devices, by address.
    pub devices: Vec<Device>,
    /// What is the matter with the search.
    pub findings: Vec<Finding>,
    /// Lines for the configuration, TOML.
    pub config: String,
}

impl Discovery {
    /// How it went.
    pub fn outcome(&self) -> Outcome {
        if !self.config.is_empty() {
            Outcome::Found
        } else if self.devices.iter().any(|device| device.reached || device.endpoint.is_some()) {
            Outcome::NoStream
        } else {
            Outcome::Nothing
        }
    }
}

/// Looks for devices, asks them, and prints what they tell.
///
/// # Errors
/// When an argument can't be used, no socket can be had, or nothing can be printed.
pub fn run(arguments: &Arguments) -> anyhow::Result<Outcome> {
    let login = arguments.login()?;
    let runtime = tokio::runtime::Runtime::new().context("start the tokio runtime")?;
    let discovery = runtime.block_on(async {
        let token = shutdown::token().context("listen for signals")?;
        let discovery = token.run_until_cancelled(discover(arguments, login.as_ref())).await;
        discovery.context("ended before its time")?
    })?;
    // A name that is being looked up must not keep the process.
    runtime.shutdown_background();
    let text = match arguments.json {
        true => serde_json::to_string_pretty(&discovery).context("write JSON")? + "\n",
        false => discovery.to_string(),
    };
    std::io::stdout().write_all(text.as_bytes()).context("print what was found")?;
    Ok(discovery.outcome())
}

async fn discover(arguments: &Arguments, login: Option<&Login>) -> anyhow::Result<Discovery> {
    let (candidates, findings) = if arguments.addresses.is_empty() {
        everywhere(&arguments.interfaces, arguments.timeout).await?
    } else {
        let targets = arguments.addresses.iter().map(|text| Target::read(text));
        let targets = targets.collect::<Result<Vec<_>, _>>().context("ADDRESS")?;
        let found = stream::iter(targets).map(|target| find(target, arguments.timeout));
        let candidates: Vec<Candidate> = found.buffered(AT_ONCE).collect().await;
        (candidates, vec![])
    };
    let devices: Vec<Device> =
        stream::iter(candidates).map(|candidate| ask::ask(candidate, login)).buffered(AT_ONCE).collect().await;
    let config = lines::lines(&devices, login);
    Ok(Discovery { devices, findings, config })
}

/// Whoever answers in the networks of this machine.
async fn everywhere(named: &[String], wait: Duration) -> anyhow::Result<(Vec<Candidate>, Vec<Finding>)> {
    let interfaces = interfaces::up(named).context("look for network interfaces")?;
    let search::Heard { answers, failures, left_out } = search::multicast(&interfaces, wait).await;
    let mut findings: Vec<Finding> = failures.iter().map(|(at, why)| advice::not_asked(at, why)).collect();
    if answers.is_empty() {
        let asked: Vec<_> = interfaces.iter().map(Interface::to_string).collect();
        findings.push(advice::nothing_found(&asked, wait.as_secs_f32()));
    }
    if left_out > 0 {
        findings.push(advice::too_many(left_out));
    }
    Ok((answers.into_iter().map(heard).collect(), findings))
}

/// One device whose address was given. Where it does not answer a search, which routers may not let through, it is asked at
/// the usual address.
async fn find(target: Target, wait: Duration) -> Candidate {
    let (host, port) = match target {
        Target::Service(url) => {
            let device = Device::at(ask::address_of(&url));
            return Candidate { device, services: vec![url], heard: false };
        }
        Target::Host { host, port } => (host, port),
    };
    let found = tokio::time::timeout(wait, tokio::net::lookup_host((host.trim_matches(['[', ']']), port))).await;
    let resolved: Option<SocketAddr> = found.ok().and_then(Result::ok).and_then(|mut found| found.next());
    let answer = match resolved {
        Some(to) => search::unicast(to, wait).await,
        None => None,
    };
    match answer {
        Some(answer) => heard(answer),
        None => {
            let services = address::usual(&host).into_iter().collect();
            Candidate { device: Device::at(host), services, heard: false }
        }
    }
}

fn heard(Answer { found, from }: Answer) -> Candidate {
    let services = address::device_services(&found.addresses, from);
    let mut device = Device::at(address::in_url(from));
    device.endpoint = Some(found.endpoint);
    device.name = found.name;
    device.model = found.hardware;
    Candidate { device, services, heard: true }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, ms) in [("3s", 3000), ("3", 3000), ("500ms", 500), ("0.5s", 500), ("60", 60_000)] {
            let read = seconds(text).unwrap();
            assert!(read.abs_diff(Duration::from_millis(ms)) < Duration::from_millis(1), "{text}: {read:?}");
        }
        for text in ["", "0", "61s", "3m", "NaN", "inf", "-1s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
