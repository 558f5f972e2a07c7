//! The edge's disk becomes full while events happen, and has room again while the hub is dead; then the edge is killed with
//! SIGKILL. Detection goes on, what happens meanwhile arrives from memory, and what waited there is on the disk before the kill.

#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests fail the test")]

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use omma_testkit::stack::{EDGE, Stack, StackOptions, store};
use omma_testkit::wait;
use tempfile::TempDir;

/// Left on a full disk, bytes: enough to delete from the outbox, and too little to put into it.
const LEFT: u64 = 5_000_000;

/// A small disk in memory, for the edge alone.
struct Disk(TempDir);

impl Disk {
    /// `None`, and why, where the system does not let us.
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let command = ["-t", "tmpfs", "-o", "size=64m", "tmpfs"];
        let mounted = Command::new("mount").args(command).arg(folder.path()).output();
        let refused = match mounted {
            Ok(done) if done.status.success() => return Some(Self(folder)),
            Ok(done) => String::from_utf8_lossy(&done.stderr).trim().to_owned(),
            Err(e) => e.to_string(),
        };
        let mut terminal = std::io::stderr();
        let skipped = "SKIPPED: a small disk can't be mounted, which takes root and CAP_SYS_ADMIN";
        // The test runner holds back what `eprintln!` says in a test that passes.
        writeln!(terminal, "{skipped}: {refused}").unwrap();
        None
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    fn fill(&self) {
        let disk = nix::sys::statvfs::statvfs(self.path()).unwrap();
        let bytes = disk.blocks_available() * disk.fragment_size() - LEFT;
        std::fs::write(self.ballast(), vec![1; bytes.try_into().unwrap()]).unwrap();
    }

    fn empty(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: the edge may only just have been killed.
        if let Err(e) = Command::new("umount").arg("-l").arg(self.path()).output() {
            eprintln!("umount {}: {e}", self.path().display());
        }
    }
}

fn metric(stack: &Stack, name: &str) -> u64 {
    stack.edge_api.metric(name).unwrap() as u64
}

/// Whether the edge says that its outbox is ready.
fn outbox_is_ready(stack: &Stack) -> Result<bool, String> {
    let answer = stack.edge_api.get("/readyz")?.text();
    let readiness: serde_json::Value = serde_json::from_str(&answer).map_err(|e| format!("{answer}: {e}"))?;
    let parts = readiness["parts"].as_array().ok_or_else(|| format!("no parts: {answer}"))?;
    let outbox = parts.iter().find(|part| part["name"] == "outbox").ok_or_else(|| format!("no outbox: {answer}"))?;
    outbox["ready"].as_bool().ok_or_else(|| format!("not said: {answer}"))
}

fn stored(stack: &Stack) -> usize {
    store::by_outbox(&stack.hub_data(), EDGE).values().map(Vec::len).sum()
}

#[test]
fn what_happened_while_the_disk_was_full_is_on_it_when_there_is_room_and_a_kill_after_that_loses_and_doubles_nothing() {
    let Some(disk) = Disk::mount() else { return };
    let mut stack = Stack::start(StackOptions { edge_data: Some(disk.path().join("edge")), ..Default::default() });
    stack.edge.expect("the outbox's disk takes nothing");
    stack.edge.expect("the hub can't be reached: trying again");
    wait::until("5 stored events and pictures", wait::LONG, || if stored(&stack) >= 5 { Ok(()) } else { Err("fewer") });
    assert_eq!(outbox_is_ready(&stack), Ok(true));
    let had = metric(&stack, "omma_outbox_newest");

    disk.fill();
    wait::until("the edge to say that its disk is full", wait::LONG, || match outbox_is_ready(&stack)? {
        false => Ok(()),
        true => Err("it is ready".to_owned()),
    });
    let before = stored(&stack);
    wait::until("events from memory at the hub", wait::LONG, || {
        let outboxes = store::by_outbox(&stack.hub_data(), EDGE).len();
        if outboxes == 2 && stored(&stack) >= before + 5 { Ok(()) } else { Err(format!("of {outboxes} outboxes")) }
    });

    stack.hub.kill9();
    let waited = wait::until("events that wait in memory", wait::LONG, || {
        match stack.edge_api.metric("omma_outbox_in_memory")? as u64 {
            waiting if waiting >= 10 => Ok(waiting),
            waiting => Err(format!("{waiting} wait")),
        }
    });
    disk.empty();
    wait::until("the disk to have what waited in memory", wait::LONG, || {
        match stack.edge_api.metric("omma_outbox_in_memory")? as u64 {
            0 if outbox_is_ready(&stack)? => Ok(()),
            waiting => Err(format!("{waiting} wait")),
        }
    });
    let newest = metric(&stack, "omma_outbox_newest");
    assert!(newest >= had + waited, "{waited} waited in memory behind {had}, and the disk has {newest}");
    stack.edge.kill9();
    stack.hub.restart();
    stack.wait_for_hub();
    stack.edge.restart();
    stack.wait_for_edge();
    assert!(metric(&stack, "omma_outbox_newest") >= newest, "numbers are given anew");

    let events = stack.settle(&["door", "gate"]);
    let ids: BTreeSet<_> = events.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "an event is there twice");
    let outboxes = store::by_outbox(&stack.hub_data(), EDGE);
    assert_eq!(outboxes.len(), 2, "that on disk, and memory once");
    let whole: Vec<(u64, bool)> = (1..=metric(&stack, "omma_outbox_newest")).map(|number| (number, true)).collect();
    assert!(outboxes.values().any(|records| *records == whole), "all that the disk ever had, each once: {outboxes:?}");
    println!("{} events, {waited} records waited in memory", events.len());
    stack.finish();
}
