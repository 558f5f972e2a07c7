//! Disks that are full or read-only: small ones in memory or in a file, for which one has to be root.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::{NamedTempFile, TempDir};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A disk of its own for a test.
struct Disk {
    folder: TempDir,
    /// The file that it is in, where it is not in memory.
    image: Option<NamedTempFile>,
}

impl Disk {
    /// `None`, and why, where the system does not let us.
    fn mount(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={megabytes}m");
        let mounted = run("mount", &["-t", "tmpfs", "-o", &options, "tmpfs"], folder.path());
        Self::or_skipped(Self { folder, image: None }, mounted)
    }

    /// An SD card as it is mostly formatted.
    fn card() -> Option<Self> {
        let (folder, image) = (tempfile::tempdir().unwrap(), NamedTempFile::new().unwrap());
        image.as_file().set_len(128 << 20).unwrap();
        let disk = Self { folder, image: Some(image) };
        let mounted = run("mkfs.ext4", &["-q"], disk.image()).and_then(|()| disk.insert());
        Self::or_skipped(disk, mounted)
    }

    fn or_skipped(disk: Self, mounted: Result<(), String>) -> Option<Self> {
        if let Err(reason) = mounted {
            // The test runner holds back what `eprintln!` says in a test that passes.
            let skipped = "SKIPPED: a small disk can't be mounted, which takes root and CAP_SYS_ADMIN";
            writeln!(std::io::stderr(), "{skipped}: {reason}").unwrap();
            return None;
        }
        Some(disk)
    }

    fn image(&self) -> &Path {
        self.image.as_ref().unwrap().path()
    }

    fn insert(&self) -> Result<(), String> {
        run("mount", &["-o", "loop", self.image().to_str().unwrap()], self.folder.path())
    }

    /// What the kernel does to a card that fails: it becomes read-only under open files, and what is not flushed is lost.
    fn fail(&self) {
        self.remount("abort");
    }

    /// The card works again, with what had reached it. Mounted over the old one, whose files may be open.
    fn mend(&mut self) {
        let image = NamedTempFile::new().unwrap();
        std::fs::copy(self.image(), image.path()).unwrap();
        let old = self.image.replace(image);
        self.insert().unwrap();
        drop(old);
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
        // Lazily: sled's threads end when they like. One that was mended is mounted twice.
        while run("umount", &["-l"], self.folder.path()).is_ok() {}
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
    for n in 0..100 {
        put(&outbox, vec![picture(n, 200_000)]).await;
    }
    is_said(&health, "full").await;
    let state = wait_for(&outbox, |state| state.waiting == 100).await;
    let before = state.newest;
    assert!((25..100).contains(&before), "{before} of 100 found room");
    assert_eq!((state.in_memory, state.given_up), (100 - before, 0));
    // What is on disk is still sent, and forgotten.
    assert!(outbox.read(Which::Exactly(2)).await.unwrap().is_some());
    outbox.delete(outbox.id(), vec![1]).await.unwrap();
    wait_for(&outbox, |state| state.waiting == 99).await;
    assert!(reason(&health).is_some());

    disk.remount("size=256m");
    all_are_there(&outbox, &health, 2, 100).await;
    let id = outbox.id();
    outbox.end().await;
    let outbox = start(&disk, &health);
    assert_eq!(outbox.id(), id);
    all_are_there(&outbox, &health, 2, 100).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_the_start_is_waited_for() {
    let Some(disk) = Disk::mount(16) else { return };
    let ballast = disk.folder.path().join("ballast");
    std::fs::write(&ballast, vec![1; 15 << 20]).unwrap();
    let health = Health::new();
    let outbox = start(&disk, &health);
    is_said(&health, "full").await;
    let things = vec![Lasting::Event(event(1, Phase::Opened, 1)), picture(1, 1000), incident(1, IncidentKind::Panic)];
    put(&outbox, things.clone()).await;
    assert_eq!(wait_for(&outbox, |state| state.newest == 3).await.in_memory, 3);
    let memory = outbox.id();
    assert_eq!(everything(&outbox).await, things, "it is sent from memory");
    outbox.delete(memory, vec![3]).await.unwrap();
    wait_for(&outbox, |state| state.waiting == 2).await;
    std::fs::remove_file(&ballast).unwrap();
    all_are_there(&outbox, &health, 1, 2).await;
    assert_eq!(everything(&outbox).await, things[..2], "what arrived from memory is not written any more");
    assert_ne!(outbox.id(), memory, "numbers that memory gave mean nothing on disk");
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
async fn a_disk_that_is_read_only_at_the_start_is_waited_for() {
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
    wait_for(&outbox, |state| state.in_memory == 1).await;
    assert_eq!(everything(&outbox).await, [picture(1, 1000)], "it is sent from memory");
    disk.remount("rw");
    // What the last run left open is closed before anything new is taken.
    all_are_there(&outbox, &health, 1, 3).await;
    assert_eq!(outbox.id(), id, "it is still the same one");
    let second = outbox.read(Which::Exactly(2)).await.unwrap().unwrap();
    assert!(matches!(second.what, Lasting::Event(event) if event.phase == Phase::Closed));
}

/// Everything that the uplink could send now, in the order of its numbers.
async fn everything(outbox: &Outbox) -> Vec<Lasting> {
    let mut found = vec![];
    for kind in [Kind::Event, Kind::Picture, Kind::Incident] {
        let mut from = 1;
        while let Some(stored) = outbox.read(Which::First { kind, from, to: u64::MAX }).await.unwrap() {
            assert_eq!(stored.stamp.outbox, outbox.id());
            from = stored.stamp.sequence + 1;
            found.push((stored.stamp.sequence, stored.what));
        }
    }
    found.sort_by_key(|(sequence, _)| *sequence);
    found.into_iter().map(|(_, what)| what).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_turns_read_only_under_it_stops_nothing_and_loses_nothing_and_what_arrived_is_not_sent_again() {
    let Some(mut card) = Disk::card() else { return };
    let health = Health::new();
    let outbox = start(&card, &health);
    let state = |id, phase, revision| Lasting::Event(event(id, phase, revision));
    let before = [state(1, Phase::Opened, 1), picture(1, 1000), state(2, Phase::Opened, 1)];
    put(&outbox, before.to_vec()).await;
    wait_for(&outbox, |state| state.newest == 3).await;
    let disk = outbox.id();
    card.fail();

    let after = [state(1, Phase::Closed, 2), picture(2, 1000), state(2, Phase::Closed, 2)];
    for thing in after.clone() {
        put(&outbox, vec![thing]).await;
    }
    is_said(&health, "Read-only").await;
    wait_for(&outbox, |state| state.in_memory == 3).await;
    assert_eq!((everything(&outbox).await, outbox.id()), (before.to_vec(), disk), "what is on the card goes first");
    outbox.delete(disk, vec![1, 2, 3]).await.unwrap();
    wait_for(&outbox, |state| state.waiting == 3).await;
    assert_eq!(everything(&outbox).await, after, "and then what is in memory");
    let memory = outbox.id();
    assert_ne!(memory, disk);
    outbox.delete(memory, vec![1]).await.unwrap();
    assert_eq!(wait_for(&outbox, |state| state.in_memory == 2).await.waiting, 2);

    card.mend();
    tokio::time::timeout(LONG, wait_for(&outbox, |state| state.in_memory == 0)).await.expect("it is not written");
    assert_eq!((everything(&outbox).await, outbox.id()), (after[1..].to_vec(), disk));
    assert_eq!(reason(&health), None);
    outbox.end().await;
    let outbox = start(&card, &health);
    // The end of the first event arrived from memory, and is not told again by a start that took it for open.
    assert_eq!((everything(&outbox).await, outbox.id()), (after[1..].to_vec(), disk));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_that_stays_read_only_holds_nothing_back_and_memory_is_bounded() {
    let Some(card) = Disk::card() else { return };
    let health = Health::new();
    let outbox = start(&card, &health);
    put(&outbox, vec![Lasting::Event(event(1, Phase::Opened, 1))]).await;
    wait_for(&outbox, |state| state.newest == 1).await;
    outbox.delete(outbox.id(), vec![1]).await.unwrap();
    wait_for(&outbox, |state| state.waiting == 0).await;
    card.fail();
    put(&outbox, vec![Lasting::Event(event(2, Phase::Opened, 1))]).await;
    for n in 0..100 {
        put(&outbox, vec![picture(n, 200_000)]).await;
    }
    // More than memory holds: the oldest pictures go, and the event stays.
    wait_for(&outbox, |state| state.newest >= 101).await;
    let left = everything(&outbox).await;
    assert!(left[0] == Lasting::Event(event(2, Phase::Opened, 1)) && left.contains(&picture(99, 200_000)));
    let state = *outbox.state().borrow();
    assert!(state.given_up > 20 && state.bytes <= MEMORY && state.in_memory > 70, "{state:?}");
    assert!(left.iter().any(|what| matches!(what, Lasting::Incident(told) if told.kind == IncidentKind::OutboxGaveUp)));
    tokio::time::timeout(LONG, outbox.end()).await.expect("the program does not end");
}

/// sled flushes its bytes and not its file's length.
#[tokio::test(flavor = "multi_thread")]
async fn a_power_cut_right_after_something_was_told_loses_nothing_of_it() {
    let Some(mut card) = Disk::card() else { return };
    let health = Health::new();
    let outbox = start(&card, &health);
    let things: Vec<Lasting> = (0..200).map(|n| Lasting::Event(event(n, Phase::Closed, 2))).collect();
    put(&outbox, things.clone()).await;
    wait_for(&outbox, |state| state.newest == 200).await;
    let id = outbox.id();
    card.fail();
    outbox.end().await;
    drop(outbox);
    card.mend();
    let outbox = start(&card, &Health::new());
    assert_eq!((everything(&outbox).await.len(), outbox.id(), outbox.state().borrow().set_aside), (200, id, 0));
}
