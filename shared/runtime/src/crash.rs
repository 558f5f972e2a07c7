//! What a run leaves behind for the next: a report of each panic, and whether it ended as it should.
//!
//! ```text
//! {folder}/run.json          written at the start, when something was told, and when the program ends as it should
//! {folder}/crashes/*.json    one report each; the newest KEPT stay
//! ```
//!
//! 1. [`Record::begin`] reads what the last run left, and begins anew.
//! 2. [`Record::report_panics`] has every panic leave a report, also one in a thread that others outlive.
//! 3. [`Record::end`] says that the program ended as it should; without it the next start finds that it did not: killed,
//!    out of memory, or without power.
//!
//! 4. [`Record::untold`] is what nobody was told of yet, of earlier runs and this one, until [`Record::told`].
//!
//! Told are at most a few of an hour singly ([`often`]).
//!
//! A report holds what the program's author said and where, never what the program was working on: the standard library
//! quotes the text that it could not cut, which is taken out ([`without_quotes`]).
//!
//! Nothing here fails a program: where the disk does not take a report there is none.

mod contained;

mod often;

use std::fs;
use std::io;
use std::panic;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::file;
pub use contained::{contained, contained_future};
use contained::{is_contained, within_crate};
use often::{Ends, Hour};

/// How many unclean ends wait to be told; the oldest goes for a new one.
const UNTOLD: usize = 16;
/// How many reports are kept.
pub const KEPT: usize = 5;
/// Longest message of a report, in characters.
const LONGEST: usize = 300;
/// A file larger than this is none of ours.
const LARGEST: u64 = 16 * 1024;

/// One crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When, µs since the epoch by the system's clock.
    pub time_us: i64,
    /// `panic`, or who gave up: `watchdog`.
    pub kind: String,
    /// What was said.
    pub message: String,
    /// File, line and column; empty where there is none.
    pub place: String,
    /// Name of the thread.
    pub thread: String,
    /// Program and version.
    pub agent: String,
}

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LastRun {
    /// There was none, or what it left can't be read.
    #[default]
    Unknown,
    /// As it should.
    Ended,
    /// It was killed, ran out of memory, crashed, or its watchdog ended it.
    Killed,
    /// The machine went down with it.
    MachineRestarted,
}

impl LastRun {
    /// The word for it, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Ended => "ended",
            Self::Killed => "killed",
            Self::MachineRestarted => "machine_restarted",
        }
    }
}

/// What earlier runs left.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Past {
    /// How the last one ended.
    pub last_run: LastRun,
    /// How many did not end as they should, since the folder was made.
    pub unclean_ends: u64,
    /// The newest reports, the oldest of them first.
    pub crashes: Vec<Report>,
}

/// A run that did not end as it should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UncleanEnd {
    /// Counted from 1 since the folder was made.
    pub number: u64,
    /// When the run began, µs since the epoch by the system's clock; 0 where that was not written down.
    pub began_us: i64,
    /// Program and version.
    pub agent: String,
    /// Whether the machine went down with it.
    pub machine_restarted: bool,
    /// How many more of the hour before it ended so and are told with it.
    #[serde(default)]
    pub before: u64,
}

/// What nobody was told of yet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Untold {
    /// Runs that did not end as they should, the oldest first.
    pub ends: Vec<UncleanEnd>,
    /// Reports with the names of their files, the oldest first.
    pub reports: Vec<(String, Report)>,
}

impl Untold {
    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty() && self.reports.is_empty()
    }
}

/// Keeps the record of this run. Clones share it.
#[derive(Debug, Clone)]
pub struct Record(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    agent: &'static str,
    /// Held for one call, over a small file's writing.
    run: Mutex<Run>,
    /// Tells reports of the same µs apart.
    number: AtomicU32,
}

/// `run.json`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Run {
    ended: bool,
    unclean_ends: u64,
    /// Which start of the machine (random(4)); empty where the system does not say.
    boot: String,
    agent: String,
    /// When it began, µs since the epoch. Not there in what an earlier version wrote.
    #[serde(default)]
    began_us: i64,
    /// Of this run and those before it.
    #[serde(default)]
    untold: Vec<UncleanEnd>,
    /// Names of reports that were told and are still there.
    #[serde(default)]
    told: Vec<String>,
    #[serde(default)]
    ends: Ends,
    #[serde(default)]
    reports: Hour,
}

impl Record {
    /// Reads what earlier runs left in `folder`, and writes that this one has begun. `agent` is program and version.
    pub fn begin(folder: &Path, agent: &'static str) -> (Self, Past) {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        Self::begin_in(folder, agent, boot)
    }

    fn begin_in(folder: &Path, agent: &'static str, boot: String) -> (Self, Past) {
        let before = read::<Run>(&folder.join("run.json"));
        let last_run = match &before {
            None => LastRun::Unknown,
            Some(run) if run.ended => LastRun::Ended,
            Some(run) if run.boot == boot => LastRun::Killed,
            Some(_) => LastRun::MachineRestarted,
        };
        let unclean = u64::from(matches!(last_run, LastRun::Killed | LastRun::MachineRestarted));
        let before = before.unwrap_or_default();
        let unclean_ends = before.unclean_ends.saturating_add(unclean);
        let (mut untold, mut ends, now_us) = (before.untold, before.ends, now_us());
        if unclean > 0 {
            let machine_restarted = last_run == LastRun::MachineRestarted;
            let (number, began_us, agent) = (unclean_ends, before.began_us, before.agent);
            let end = UncleanEnd { number, began_us, agent, machine_restarted, before: 0 };
            ends.found(end, now_us, &mut untold);
            untold.drain(..untold.len().saturating_sub(UNTOLD));
        }
        let crashes = folder.join("crashes");
        keep_newest(&crashes);
        let reports = list(&crashes).iter().filter_map(|path| read(path)).collect();
        let (agent_now, told, reports_told) = (agent.to_owned(), before.told, before.reports);
        let run = Run {
            ended: false,
            unclean_ends,
            boot,
            agent: agent_now,
            began_us: now_us,
            untold,
            told,
            ends,
            reports: reports_told,
        };
        let (folder, run, number) = (folder.to_owned(), Mutex::new(run), AtomicU32::new(0));
        let record = Self(Arc::new(Inner { folder, agent, run, number }));
        record.write_run(&record.run());
        (record, Past { last_run, unclean_ends, crashes: reports })
    }

    /// From now on every panic of this process that is not [`contained()`] leaves a report, and then does what it did before. But for
    /// those in tasks that the crates `theirs` have spawned by themselves: such a one ends nothing else.
    pub fn report_panics(&self, theirs: &'static [&'static str]) {
        let (record, before) = (self.clone(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            if is_contained(panic) {
                return;
            }
            let place = panic.location().map(ToString::to_string).unwrap_or_default();
            if theirs.iter().any(|name| within_crate(&place).starts_with(&format!("{name}-"))) {
                tracing::debug!(place = within_crate(&place), "a library's own task has panicked");
                return;
            }
            record.report("panic", panic.payload_as_str().unwrap_or("no message"), place);
            before(panic);
        }));
    }

    /// Leaves a report of the calling thread. `message` is for people and holds no secret.
    pub fn report(&self, kind: &str, message: &str, place: String) {
        let report = Report {
            time_us: now_us(),
            kind: kind.to_owned(),
            message: without_quotes(message).chars().take(LONGEST).collect(),
            place,
            thread: std::thread::current().name().unwrap_or_default().to_owned(),
            agent: self.0.agent.to_owned(),
        };
        let folder = self.0.folder.join("crashes");
        let number = self.0.number.fetch_add(1, Ordering::Relaxed) % 1000;
        // Names sort by time.
        let file = folder.join(format!("{:020}-{number:03}.json", report.time_us.max(0)));
        if let Err(e) = fs::create_dir_all(&folder).and_then(|()| write(&file, &report)) {
            tracing::debug!(error = %e, "leave a crash report");
        }
        keep_newest(&folder);
    }

    /// What nobody was told of yet and is to be told now. Reads and writes files: not for a task.
    pub fn untold(&self) -> Untold {
        self.untold_at(now_us())
    }

    fn untold_at(&self, now_us: i64) -> Untold {
        let mut run = self.run();
        if let Some(end) = run.ends.over(now_us) {
            run.untold.push(end);
            self.write_run(&run);
        }
        let files = list(&self.0.folder.join("crashes"));
        let named = files.iter().filter_map(|path| Some((name(path)?, path)));
        let reports = named.filter(|(name, _)| !run.told.contains(name));
        let reports = reports.filter_map(|(name, path)| Some((name, read(path)?)));
        let reports = reports.take(usize::try_from(run.reports.left(now_us)).unwrap_or(usize::MAX)).collect();
        Untold { ends: run.untold.clone(), reports }
    }

    /// It was told, and is so from now on. Writes a file: not for a task.
    pub fn told(&self, untold: &Untold) {
        self.told_at(untold, now_us());
    }

    fn told_at(&self, untold: &Untold, now_us: i64) {
        let there: Vec<_> = list(&self.0.folder.join("crashes")).iter().filter_map(|path| name(path)).collect();
        let mut run = self.run();
        run.untold.retain(|end| !untold.ends.contains(end));
        run.reports.add(untold.reports.len() as u64, now_us);
        run.told.extend(untold.reports.iter().map(|(name, _)| name.clone()));
        run.told.retain(|name| there.contains(name));
        self.write_run(&run);
    }

    /// The program ends as it should.
    pub fn end(&self) {
        let mut run = self.run();
        run.ended = true;
        self.write_run(&run);
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.0.run.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_run(&self, run: &Run) {
        let folder = &self.0.folder;
        if let Err(e) = fs::create_dir_all(folder).and_then(|()| write(&folder.join("run.json"), run)) {
            tracing::debug!(error = %e, "write down that the program has begun or ended");
        }
    }
}

fn write<T: Serialize>(path: &Path, value: &T) -> io::Result<()> {
    file::replace(path, &serde_json::to_vec(value)?)
}

fn read<T: for<'de> Deserialize<'de>>(path: &Path) -> Option<T> {
    if fs::metadata(path).ok()?.len() > LARGEST {
        return None;
    }
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().into_owned())
}

/// Reports, the oldest first.
fn list(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "json")).collect();
    files.sort();
    files
}

fn keep_newest(folder: &Path) {
    let files = list(folder);
    for old in files.iter().take(files.len().saturating_sub(KEPT)) {
        if let Err(e) = fs::remove_file(old) {
            tracing::debug!(error = %e, "remove an old crash report");
        }
    }
}

/// Takes out what the standard library quotes of a text that could not be cut: ``… is out of bounds of `…` ``.
fn without_quotes(message: &str) -> String {
    const BEFORE: [&str; 3] = [" of `", " slicing `", " inside '"];
    let cut = BEFORE.iter().filter_map(|before| Some(message.find(before)? + before.len())).min();
    match cut {
        Some(cut) => format!("{}…", message.get(..cut).unwrap_or_default()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests;
