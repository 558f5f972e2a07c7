//! What a program has started, and that again, whatever process groups and sessions they are in: the demonstration's programs
//! each have a group of their own.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Kills everything that a running program has started. It is stopped first, so that it starts nothing more meanwhile, and
/// stays stopped: its own end is its parent's business.
pub(super) fn kill_descendants(program: u32) {
    let mut stopped = vec![program];
    signal(program, Signal::SIGSTOP);
    for next in 0.. {
        let Some(&parent) = stopped.get(next) else { break };
        for child in children(parent) {
            signal(child, Signal::SIGSTOP);
            stopped.push(child);
        }
    }
    for &descendant in stopped.iter().skip(1).rev() {
        signal(descendant, Signal::SIGKILL);
    }
}

/// Whoever names `parent` as its parent (proc_pid_stat(5), field 4). The name before it may hold anything, brackets too.
fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|process| process.file_name().to_str()?.parse::<u32>().ok());
    let parent_of = |id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok()
    };
    ids.filter(|id| parent_of(id) == Some(parent)).collect()
}

/// It may have ended meanwhile: that is what is wanted.
fn signal(process: u32, signal: Signal) {
    if let Some(id) = i32::try_from(process).ok().filter(|id| *id > 1) {
        kill(Pid::from_raw(id), signal).ok();
    }
}
