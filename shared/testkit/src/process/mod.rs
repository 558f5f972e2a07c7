//! Programs as processes of their own: started, killed, started again, stopped; their logs read.
//!
//! ```text
//! start ──▶ running ──kill9──▶ dead ──restart──▶ running ──stop──▶ ended, within STOP, with status 0
//! ```
//!
//! A program that is dropped is killed with all that it started, so that a failed test leaves nothing behind; then the end of
//! its log is shown.
//! [`Program::check_log`] fails a test on each WARN, ERROR or panic that the test did not [expect](Program::expect).

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

mod family;

pub mod log;

pub mod port;

pub mod shifted_clock;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::wait;
use log::Log;

/// How long a program may take to end after SIGTERM before the test fails: what edge and hub promise.
pub const STOP: Duration = Duration::from_secs(5);

/// How many lines of a log are shown when a test fails.
const TAIL: usize = 40;

/// What is started.
#[derive(Debug, Clone)]
pub struct Launch {
    name: String,
    path: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Launch {
    /// A binary of this workspace, found in `target/<profile>/`, where the running program or test is.
    ///
    /// # Panics
    /// When it was not built.
    pub fn of_workspace(name: &str) -> Self {
        let this = std::env::current_exe().expect("the path of this program");
        // target/<profile>/<program> or target/<profile>/deps/<test> → target/<profile>/<name>
        let path = this.ancestors().skip(1).take(2).map(|folder| folder.join(name)).find(|path| path.is_file());
        let path = path.unwrap_or_else(|| panic!("{name} is not built: run `cargo build --workspace` first"));
        Self::at(name, &path)
    }

    /// A program of the system, with those that Debian keeps for administrators.
    ///
    /// # Panics
    /// When it is not installed.
    pub fn of_system(name: &str) -> Self {
        let search = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/usr/local/sbin";
        let path = search.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file());
        let path = path.unwrap_or_else(|| panic!("{name} is not installed: run `make setup` first"));
        Self::at(name, &path)
    }

    fn at(name: &str, path: &Path) -> Self {
        Self { name: name.to_owned(), path: path.to_owned(), arguments: vec![], environment: vec![] }
    }

    /// With further arguments.
    #[must_use]
    pub fn args<I: IntoIterator<Item = S>, S: Into<String>>(mut self, arguments: I) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// With one more variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn start(self) -> Program {
        let log = Log::default();
        let child = self.spawn(&[], &log);
        Program { launch: self, child: Some(child), log, expected: vec![] }
    }

    /// Runs it to its end and gives what it printed, trimmed.
    ///
    /// # Panics
    /// When it fails.
    pub fn output(self) -> String {
        let command = format!("{} {:?}", self.name, self.arguments);
        let (status, text, error) = self.run();
        assert!(status.success(), "{command} ended with {status}: {error}");
        text.trim().to_owned()
    }

    /// Runs it to its end, and gives its status, standard output and standard error.
    ///
    /// # Panics
    /// When it can't be started.
    pub fn run(self) -> (ExitStatus, String, String) {
        let output = self.command().output().unwrap_or_else(|e| panic!("run {}: {e}", self.name));
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status, text(&output.stdout), text(&output.stderr))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        command
    }

    fn spawn(&self, further: &[&str], log: &Log) -> Child {
        let mut child = self
            .command()
            .args(further)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("start {}: {e}", self.path.display()));
        if let Some(stdout) = child.stdout.take() {
            log.follow(stdout);
        }
        if let Some(stderr) = child.stderr.take() {
            log.follow(stderr);
        }
        child
    }
}

/// A program that was started.
#[derive(Debug)]
pub struct Program {
    launch: Launch,
    child: Option<Child>,
    log: Log,
    expected: Vec<&'static str>,
}

impl Program {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.launch.name
    }

    /// Everything that it printed in all its runs.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The process, for telling whether it is still the same one.
    ///
    /// # Panics
    /// When it is not running.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap_or_else(|| panic!("{} is not running", self.name())).id()
    }

    /// Whether it was started and neither killed nor stopped since.
    pub fn is_started(&self) -> bool {
        self.child.is_some()
    }

    /// Fails the test when the program has ended by itself.
    ///
    /// # Panics
    /// When it has.
    pub fn assert_running(&mut self) {
        let name = self.launch.name.clone();
        let child = self.child.as_mut().unwrap_or_else(|| panic!("{name} is not running"));
        if let Some(status) = child.try_wait().expect("the state of a child") {
            panic!("{name} has ended by itself: {status}");
        }
    }

    /// Waits until it prints a line that holds `text`, and gives the line.
    ///
    /// # Panics
    /// When it ends before, or does not print one for long.
    pub fn wait_for_line(&mut self, text: &str) -> String {
        let what = format!("{} to print {text:?}", self.name());
        wait::until(&what, wait::LONG, || {
            self.assert_running();
            self.log.lines().into_iter().find(|line| line.contains(text)).ok_or("not yet")
        })
    }

    /// Ends it at once, with SIGKILL: it has no chance to save anything.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap_or_else(|e| panic!("kill {}: {e}", self.launch.name));
            child.wait().expect("the end of a child");
        }
    }

    /// Starts it again as it was started.
    ///
    /// # Panics
    /// When it is running.
    pub fn restart(&mut self) {
        self.restart_with(&[]);
    }

    /// As [`Program::restart`], with further arguments in this run alone.
    ///
    /// # Panics
    /// When it is running.
    pub fn restart_with(&mut self, further: &[&str]) {
        assert!(self.child.is_none(), "{} is running", self.name());
        self.child = Some(self.launch.spawn(further, &self.log));
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it is not running.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.id()).expect("a process id"));
        kill(pid, signal).unwrap_or_else(|e| panic!("send {signal} to {}: {e}", self.name()));
    }

    /// Asks it to end, with SIGTERM, and says how long that took.
    ///
    /// # Panics
    /// When it takes longer than [`STOP`], or ends with an error.
    pub fn stop(&mut self) -> Duration {
        self.stop_by(Signal::SIGTERM, STOP)
    }

    /// As [`Program::stop`], by another signal, or with more time.
    ///
    /// # Panics
    /// When it takes longer than `limit`, or ends with an error.
    pub fn stop_by(&mut self, signal: Signal, limit: Duration) -> Duration {
        let name = self.launch.name.clone();
        self.assert_running();
        let started = Instant::now();
        self.signal(signal);
        let Some(mut child) = self.child.take() else { panic!("{name} is not running") };
        let status = wait_for_end(&mut child, limit);
        let Some(status) = status else {
            // Back where dropping it kills it.
            self.child = Some(child);
            panic!("{name} did not end within {limit:?} of {signal}");
        };
        assert!(status.success(), "{name} ended with {status} after {signal}");
        started.elapsed()
    }

    /// Waits until it ends by itself, and says how.
    ///
    /// # Panics
    /// When it does not within `limit`.
    pub fn wait_for_end(&mut self, limit: Duration) -> ExitStatus {
        let name = self.launch.name.clone();
        let child = self.child.as_mut().unwrap_or_else(|| panic!("{name} is not running"));
        let status = wait_for_end(child, limit).unwrap_or_else(|| panic!("{name} did not end within {limit:?}"));
        self.child = None;
        status
    }

    /// From now on WARN and ERROR lines that hold `text` are part of the test.
    pub fn expect(&mut self, text: &'static str) {
        self.expected.push(text);
    }

    /// Fails the test on WARN, ERROR and panic lines that it did not expect.
    ///
    /// # Panics
    /// When there are some.
    #[track_caller]
    pub fn check_log(&self) {
        let unexpected: Vec<_> = self
            .log
            .lines()
            .into_iter()
            .filter(|line| log::is_complaint(line) && !self.expected.iter().any(|text| line.contains(text)))
            .collect();
        assert!(unexpected.is_empty(), "{} logged what was not expected:\n{}", self.name(), unexpected.join("\n"));
        let stepless: Vec<_> = self.log.lines().into_iter().filter(|line| log::lacks_step(line)).collect();
        assert!(stepless.is_empty(), "{} does not say of which step that is:\n{}", self.name(), stepless.join("\n"));
    }
}

fn wait_for_end(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if let Some(status) = child.try_wait().expect("the state of a child") {
            return Some(status);
        }
        thread::sleep(Duration::from_millis(10));
    }
    None
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            family::kill_descendants(child.id());
            if let Err(e) = child.kill().and_then(|()| child.wait()) {
                eprintln!("{} could not be ended: {e}", self.launch.name);
            }
        }
        if thread::panicking() {
            let lines = self.log.lines();
            let tail = &lines[lines.len().saturating_sub(TAIL)..];
            eprintln!("--- the end of the log of {}\n{}\n---", self.launch.name, tail.join("\n"));
        }
    }
}

#[cfg(test)]
mod tests;
