//! A damaged database: set aside, a new one begun with what of it could be read, both reported.
//!
//! ```text
//! {folder}/outbox.damaged-N/          the newest stays, older ones while all fit into a share of the budget
//!                          reason     why it was set aside
//!                          told       the new database has the incident
//! ```

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use edge_core::incident;
use edge_core::outbox::budget::kept_aside;
use omma_protocol::event::Lasting;

use super::witness::Witness;
use super::{Kind, Store, StoreError};
use crate::clock;
use crate::outbox::record;

/// Older databases that were set aside stay while all of them take no more than one part in so many of the budget.
pub const ASIDE_SHARE: u64 = 10;

const DAMAGED: &str = "damaged";
const LOCKED_ATTEMPTS: u32 = 50;
const LOCKED: Duration = Duration::from_millis(40);
const REASON: &str = "reason";
const TOLD: &str = "told";
/// Longest reason that is told, in characters.
const LONGEST: usize = 200;

impl Store {
    /// Opens or makes the database under `folder`. A damaged one is renamed, and a new one made in its place.
    ///
    /// # Errors
    /// When the disk does not let us.
    pub fn open_or_set_aside(folder: &Path, budget: u64) -> Result<Self, StoreError> {
        let path = path_in(folder);
        let mut store = match Self::open(&path, budget) {
            Err(StoreError::Damaged(reason)) => {
                let kept = set_aside(folder, &reason)?;
                let store = Self::open(&path, budget)?;
                with_what_is_left(store, kept, budget)
            }
            other => other?,
        };
        match store.tell_of_those_set_aside(folder) {
            // On a full disk it is told at the next start: what the database holds must be sent meanwhile.
            Err(e @ StoreError::Full { .. }) => tracing::debug!(error = %e, "tell of a damaged outbox"),
            told => told?,
        }
        store.set_aside = keep_newest(folder, budget / ASIDE_SHARE);
        Ok(store)
    }

    /// Puts in an incident of each that has none yet. Who is killed in between puts it once more, under the same id.
    fn tell_of_those_set_aside(&mut self, folder: &Path) -> Result<(), StoreError> {
        for kept in those_set_aside(folder).iter().rev() {
            if kept.join(TOLD).exists() {
                continue;
            }
            let name = kept.file_name().unwrap_or_default().to_string_lossy();
            let reason: String =
                fs::read_to_string(kept.join(REASON)).unwrap_or_default().chars().take(LONGEST).collect();
            self.put(&Lasting::Incident(incident::of_set_aside(
                &name,
                &identity(kept),
                &reason,
                clock::system_date(),
            )))?;
            self.flush()?;
            if let Err(e) = fs::write(kept.join(TOLD), "") {
                tracing::debug!(error = %e, "mark a damaged outbox as told of");
            }
        }
        Ok(())
    }

    /// Puts in what an older database still has, in its order. The hub knows it by the events' ids where it has had it.
    fn take_over(&mut self, old: &Self) -> Result<u64, StoreError> {
        let newest = self.newest;
        let mut given_up = vec![];
        let kinds = [Kind::Event, Kind::Picture, Kind::Incident];
        let mut heads = vec![];
        for kind in kinds {
            heads.push(old.first(kind, 0, u64::MAX)?);
        }
        loop {
            let numbers = heads.iter().enumerate().filter_map(|(lane, head)| Some((head.as_ref()?.0, lane)));
            let Some((sequence, lane)) = numbers.min() else { break };
            let next = old.first(kinds[lane], sequence.saturating_add(1), u64::MAX)?;
            let head = std::mem::replace(&mut heads[lane], next.filter(|(next, _)| *next > sequence));
            if let Some(Ok(lasting)) = head.map(|(_, bytes)| record::decode(&bytes)) {
                self.take(&lasting, &mut given_up)?;
            }
        }
        // Of an event under way the hub may have every state: it is still to be closed.
        for item in &old.open {
            let (id, bytes) = item?;
            if let Ok(lasting @ Lasting::Event(_)) = record::decode(&bytes)
                && !self.open.contains_key(id)?
            {
                self.put(&lasting)?;
            }
        }
        self.flush()?;
        Ok(self.newest - newest)
    }
}

/// In a thread of its own, because sled panics on some damage: then that much is there as was read before.
fn with_what_is_left(mut store: Store, kept: PathBuf, budget: u64) -> Store {
    let taking_over = std::thread::scope(|scope| {
        let work = || open_left(&kept, budget).and_then(|old| store.take_over(&old));
        scope.spawn(work).join().unwrap_or_else(|_| Err(StoreError::Damaged("sled panicked".to_owned())))
    });
    match taking_over {
        Ok(records) => tracing::error!(records, "what could be read of the damaged outbox is in the new one"),
        Err(e) => tracing::error!(error = %e, "the damaged outbox could not be read to its end"),
    }
    store
}

/// It was closed a moment ago, and sled's threads may hold its lock for another.
fn open_left(kept: &Path, budget: u64) -> Result<Store, StoreError> {
    for _ in 0..LOCKED_ATTEMPTS {
        match Store::open_unchecked(kept, budget) {
            Err(StoreError::Io { .. }) => std::thread::sleep(LOCKED),
            other => return other,
        }
    }
    Store::open_unchecked(kept, budget)
}

/// Renames a damaged database, so that a new one can be begun and an expert may look at the old. Gives its new place.
///
/// # Errors
/// When the folder does not let us.
pub(in crate::outbox) fn set_aside(folder: &Path, reason: &str) -> Result<PathBuf, StoreError> {
    let path = path_in(folder);
    let newest = those_set_aside(folder).first().map_or(0, |kept| number(kept));
    let kept = path.with_extension(format!("{DAMAGED}-{}", newest.saturating_add(1)));
    std::fs::rename(&path, &kept).map_err(|e| StoreError::Io {
        doing: "set the damaged outbox aside",
        reason: format!("rename {} to {}: {e}", path.display(), kept.display()),
    })?;
    metrics::counter!("omma_outbox_set_aside_total").increment(1);
    tracing::error!(reason, kept = %kept.display(), "the outbox was damaged: it is set aside and a new one begun");
    if let Err(e) = fs::write(kept.join(REASON), reason) {
        tracing::debug!(error = %e, "write down why the outbox was set aside");
    }
    Ok(kept)
}

/// Removes those that were set aside before the newest and find no `room`, bytes. Gives how many are left.
fn keep_newest(folder: &Path, room: u64) -> u64 {
    let there = those_set_aside(folder);
    let sizes: Vec<u64> = there.iter().map(|kept| size(kept)).collect();
    let keep = kept_aside(&sizes, room);
    let mut left = keep as u64;
    for old in &there[keep..] {
        match fs::remove_dir_all(old) {
            Ok(()) => tracing::info!(removed = %old.display(), "a damaged outbox of long ago made room"),
            Err(e) => {
                left += 1;
                tracing::warn!(kept = %old.display(), error = %e, "a damaged outbox of long ago can't be removed: remove it");
            }
        }
    }
    left
}

/// The newest first.
fn those_set_aside(folder: &Path) -> Vec<PathBuf> {
    let beside = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_one = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem == "outbox") && number(path) > 0;
    let mut kept: Vec<PathBuf> = beside.filter(|path| path.is_dir() && is_one(path)).collect();
    kept.sort_by_key(|path| std::cmp::Reverse(number(path)));
    kept
}

/// Of `outbox.damaged-N`; 0 for anything else.
fn number(kept: &Path) -> u64 {
    let extension = kept.extension().unwrap_or_default().to_string_lossy();
    extension.strip_prefix(DAMAGED).and_then(|rest| rest.strip_prefix('-')?.parse().ok()).unwrap_or_default()
}

/// What tells it from another that had its name: the outbox's id, or where that can't be read, when it was written last.
fn identity(kept: &Path) -> String {
    if let Some((id, _)) = Witness::within(kept).ok().and_then(|witness| witness.says()) {
        return id.to_string();
    }
    let written = fs::metadata(kept).and_then(|found| found.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    written.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros().to_string()
}

/// Bytes of all files within.
fn size(folder: &Path) -> u64 {
    let of = |entry: io::Result<fs::DirEntry>| -> io::Result<u64> {
        let entry = entry?;
        let found = entry.metadata()?;
        Ok(if found.is_dir() { size(&entry.path()) } else { found.len() })
    };
    // What can't be looked at can't be counted either.
    fs::read_dir(folder).into_iter().flatten().map(|entry| of(entry).unwrap_or_default()).sum()
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("outbox")
}
