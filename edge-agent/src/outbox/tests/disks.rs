//! Disks that are full or read-only: small ones in memory, for which one has to be root.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A disk of its own for a test.
struct Disk {
    folder: TempDir,
}

impl Disk {
    /// `None`, and why, where the system does not let us.
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={megabytes}m");
        let mounted = run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path());
        if let Err(reason) = mounted {
            // The test runner holds back what `eprintln!` says in a test that passes.
            let skipped = "SKIPPED: a small disk can't be mounted, which takes root and CAP_SYS_ADMIN";
            writeln!(std::io::stderr(), "{skipped}: {reason}").unwrap();
            return None;
        }
        Some(Self { folder })
    }

    fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}")], self.folder.path()).unwrap();
    }

    fn outbox(&self) -> PathBuf {
        self.folder.path().join("edge")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: sled's threads end when they like.
        if let Err(reason) = run("umount", &["-l"], self.folder.path()) {
            eprintln!("{reason}");
        }
    }
}

fn run(program: &str, arguments: &[&str], folder: &Path) -> Result<(), String> {
    let done = Command::new(program).args(arguments).arg(folder).output().map_err(|e| format!("{program}: {e}"))?;
    let text = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(format!("{program} {arguments:?}: {}", text.trim())) }
}

fn start(disk: &Disk, health: &Health) -> Outbox {
    open(&disk.outbox(), 1 << 30, health.part("outbox")).unwrap()
}

fn reason(health: &Health) -> Option<String> {
    health.readiness().parts[0].reason.clone()
}

async fn is_said(health: &Health, text: &str) {
    let said = async {
        while reason(health).is_none_or(|reason| !reason.contains(text)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LONG, said).await.unwrap_or_else(|_| panic!("it says {:?}, not {text}", reason(health)));
}

async fn all_are_there(outbox: &Outbox, health: &Health, first: u64, last: u64) {
    let state = tokio::time::timeout(LONG, wait_for(outbox, |state| state.newest == last)).await;
    assert_eq!(state.unwrap_or_else(|_| panic!("{:?}", outbox.state().borrow())).waiting, last - first + 1);
    assert_eq!(reason(health), None);
    for sequence in first..=last {
        assert!(outbox.read(Which::Exactly(sequence)).await.unwrap().is_some(), "{sequence} is lost");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_becomes_full_loses_nothing_and_goes_on_when_there_is_room() {
    let Some(disk) = Disk::mount(32) else { return };
    let health = Health::new();
    let outbox = start(&disk, &health);
    for n in 0..200 {
        put(&outbox, vec![picture(n, 200_000)]).await;
    }
    is_said(&health, "full").await;
    let before = outbox.state().borrow().newest;
    assert!((1..200).contains(&before), "{before} of 200 found room");
    // What is on disk is still sent, and forgotten.
    assert!(outbox.read(Which::Exactly(2)).await.unwrap().is_some());
    outbox.delete(outbox.id(), vec![1]).await.unwrap();
    wait_for(&outbox, |state| state.waiting + 1 == state.newest).await;
    assert!(reason(&health).is_some());

    disk.remount("size=256m");
    all_are_there(&outbox, &health, 2, 200).await;
    let id = outbox.id();
    outbox.end().await;
    let outbox = start(&disk, &health);
    assert_eq!(outbox.id(), id);
    all_are_there(&outbox, &health, 2, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let Some(disk) = Disk::mount(16) else { return };
    let ballast = disk.folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 15 << 20]).unwrap();
    let health = Health::new();
    let outbox = start(&disk, &health);
    is_said(&health, "full").await;
    put(&outbox, vec![Lasting::Event(event(1, Phase::Opened, 1)), picture(1, 1000)]).await;
    std::fs::remove_file(&ballast).unwrap();
    all_are_there(&outbox, &health, 1, 2).await;
}

/// What is free on it is left, and no more.
fn fill(disk: &Disk, left: u64) -> PathBuf {
    let free = nix::sys::statvfs::statvfs(disk.folder.path()).unwrap();
    let ballast = disk.folder.path().join("ballast");
    let bytes = free.blocks_available() * free.fragment_size() - left;
    std::fs::write(&ballast, vec![1; bytes.try_into().unwrap()]).unwrap();
    ballast
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_a_full_disk_is_sent_after_a_restart_in_the_middle_of_an_event() {
    let Some(disk) = Disk::mount(64) else { return };
    let health = Health::new();
    let outbox = start(&disk, &health);
    put(&outbox, vec![Lasting::Event(event(1, Phase::Opened, 1)), picture(1, 1000)]).await;
    let id = outbox.id();
    outbox.end().await;
    drop(outbox);

    // Enough to delete, and too little to close the event.
    let ballast = fill(&disk, 5_000_000);
    let health = Health::new();
    let outbox = start(&disk, &health);
    is_said(&health, "full").await;
    assert_eq!(outbox.id(), id);
    let read = tokio::time::timeout(LONG, outbox.read(Which::Exactly(1))).await;
    assert!(read.expect("it is not read while the disk is full").unwrap().is_some());
    outbox.delete(id, vec![1]).await.unwrap();
    tokio::time::timeout(LONG, wait_for(&outbox, |state| state.waiting == 1)).await.expect("it is not deleted");
    assert!(reason(&health).is_some_and(|reason| reason.contains("full")));

    put(&outbox, vec![picture(2, 1000)]).await;
    std::fs::remove_file(&ballast).unwrap();
    all_are_there(&outbox, &health, 2, 4).await;
    let third = outbox.read(Which::Exactly(3)).await.unwrap().unwrap();
    assert!(matches!(third.what, Lasting::Event(event) if event.phase == Phase::Closed), "closed before anything new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_read_only_is_waited_for() {
    let Some(disk) = Disk::mount(64) else { return };
    let health = Health::new();
    let outbox = start(&disk, &health);
    put(&outbox, vec![Lasting::Event(event(1, Phase::Opened, 1))]).await;
    let id = outbox.id();
    outbox.end().await;
    drop(outbox);
    let mut tries = 0;
    while run("mount", &["-o", "remount,ro"], disk.folder.path()).is_err() {
        tries += 1;
        assert!(tries < 200, "sled still writes");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    let health = Health::new();
    let outbox = start(&disk, &health);
    is_said(&health, "Read-only").await;
    put(&outbox, vec![picture(1, 1000)]).await;
    disk.remount("rw");
    // What the last run left open is closed before anything new is taken.
    all_are_there(&outbox, &health, 1, 3).await;
    assert_eq!(outbox.id(), id, "it is still the same one");
    let second = outbox.read(Which::Exactly(2)).await.unwrap().unwrap();
    assert!(matches!(second.what, Lasting::Event(event) if event.phase == Phase::Closed));
}
