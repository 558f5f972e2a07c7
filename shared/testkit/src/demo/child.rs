//! One program of the demonstration.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{self, Command};
use tokio::time::timeout;

/// How long a program may take to stop before it is killed. Each promises 5 s.
const STOP: Duration = Duration::from_secs(7);

/// Lines of its log that are shown when a program ends on its own.
const TAIL: usize = 15;

/// A running program. Its output goes to `<name>.log` in the demonstration's folder.
pub(super) struct Child {
    name: &'static str,
    log: PathBuf,
    process: process::Child,
}

impl Child {
    /// Starts a program of this workspace. It is in a process group of its own: a Ctrl-C on the terminal reaches the
    /// demonstration alone, which then stops its programs in order.
    pub(super) fn start<S: AsRef<std::ffi::OsStr>>(
        name: &'static str,
        arguments: &[S],
        environment: &[(&str, &str)],
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("write {}", log.display()))?;
        let process = Command::new(super::program(name)?)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {name}"))?;
        Ok(Self { name, log, process })
    }

    /// Resolves when the program ends on its own, with the end of its log.
    pub(super) async fn ended(&mut self) -> anyhow::Error {
        let status = self.process.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
        let log = tokio::fs::read_to_string(&self.log).await.unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL)..].join("\n  ");
        anyhow!("{} ended ({status}); the end of {}:\n  {tail}", self.name, self.log.display())
    }

    /// Asks the program to stop, waits, and kills it where it does not.
    pub(super) async fn stop(mut self) {
        let Some(pid) = self.process.id().and_then(|id| i32::try_from(id).ok()) else { return };
        if let Err(error) = kill(Pid::from_raw(pid), Signal::SIGTERM) {
            eprintln!("omma-demo: stop {}: {error}", self.name);
        }
        if timeout(STOP, self.process.wait()).await.is_err() {
            eprintln!("omma-demo: {} did not stop within {} s and was killed", self.name, STOP.as_secs());
            if let Err(error) = self.process.kill().await {
                eprintln!("omma-demo: kill {}: {error}", self.name);
            }
        }
    }
}

/// Runs a program to its end and gives its output, trimmed.
pub(super) async fn output(name: &str, arguments: &[&str]) -> Result<String> {
    let run = Command::new(super::program(name)?).args(arguments).kill_on_drop(true).output();
    let output = timeout(Duration::from_secs(20), run).await.with_context(|| format!("{name} took over 20 s"))??;
    if !output.status.success() {
        bail!("{name} {} ({}): {}", arguments.join(" "), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
