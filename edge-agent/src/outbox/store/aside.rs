//! A damaged database: set aside, a new one begun with what of it could be read, both reported.
//!
//! ```text
//! {folder}/outbox.damaged-N/          the newest stays, older ones while all fit into a share of the budget
//!                          reason     why it was set aside
//!                          taken      the database in use has had what could be read of it; until then it is never removed
//!                          told       the database in use has the incident
//! ```
//!
//! 1. [`Store::open_or_set_aside`] renames a damaged database, begins a new one and takes over what can be read.
//! 2. [`Store::settle`] does the rest between other works: it takes over where that was cut short, tells, and makes room.
//!    Both give numbers, so that it is never done while somebody counts on the next one.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use edge_core::incident::{self, SetAside};
use edge_core::outbox::budget::kept_aside;
use omma_protocol::event::Lasting;
use uuid::Uuid;

use super::witness::Witness;
use super::{Kind, Store, StoreError};
use crate::clock;
use crate::outbox::record;
use crate::step;

/// Older databases that were set aside stay while all of them take no more than one part in so many of the budget.
pub const ASIDE_SHARE: u64 = 10;

const DAMAGED: &str = "damaged";
const REASON: &str = "reason";
const TAKEN: &str = "taken";
const TOLD: &str = "told";
/// Longest reason that is told, in characters.
const LONGEST: usize = 200;

/// What this run has done with those that were set aside, where the disk does not take the mark of it.
#[derive(Debug, Default)]
pub struct Settled(BTreeSet<PathBuf>);

impl Settled {
    fn has(&self, mark: &Path) -> bool {
        mark.exists() || self.0.contains(mark)
    }

    fn note(&mut self, mark: PathBuf) {
        if let Err(e) = fs::write(&mark, "") {
            tracing::warn!(mark = %mark.display(), error = %e, "a damaged outbox can't be marked: the next start does it again");
            self.0.insert(mark);
        }
    }
}

impl Store {
    /// Opens or makes the database under `folder`. A damaged one is renamed, and a new one made in its place, with what
    /// can be read of those before it. [`Store::settle`] is left to be done.
    ///
    /// # Errors
    /// When the disk does not let us.
    pub fn open_or_set_aside(folder: &Path, budget: u64) -> Result<Self, StoreError> {
        let path = path_in(folder);
        let mut anew = !path.exists();
        let mut store = match Self::open(&path, budget) {
            Err(StoreError::Damaged(reason)) => {
                set_aside(folder, &reason)?;
                anew = true;
                Self::open(&path, budget)?
            }
            other => other?,
        };
        // Only a new one, of which nobody has had a number yet, so that what is older stands first.
        if anew && let Err(e) = store.take_over_what_is_left(folder, &mut Settled::default()) {
            tracing::error!(error = %e, "what the damaged outbox held is not in the new one yet");
        }
        store.set_aside = those_set_aside(folder).len() as u64;
        Ok(store)
    }

    /// Takes over what no new database has had, tells of each that was set aside, once, and makes room. Gives whether all
    /// of it is done: a full disk leaves it for later, because what the database holds must be sent meanwhile.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settle(&mut self, folder: &Path, settled: &mut Settled) -> Result<bool, StoreError> {
        let taken = self.take_over_what_is_left(folder, settled);
        let done = match taken {
            Ok(all) => self.tell_of_those_set_aside(folder, settled).map(|()| all),
            Err(e) => Err(e),
        };
        match done {
            // Nothing goes before it is told of.
            Ok(_) => self.set_aside = keep_newest(folder, self.budget * 2 / ASIDE_SHARE),
            Err(_) => self.set_aside = those_set_aside(folder).len() as u64,
        }
        match done {
            Err(e @ StoreError::Full { .. }) => {
                tracing::debug!(error = %e, "a damaged outbox is left for later");
                Ok(false)
            }
            done => done,
        }
    }

    /// Puts in an incident of each that has none yet. Who is killed in between puts it once more, under the same id.
    fn tell_of_those_set_aside(&mut self, folder: &Path, settled: &mut Settled) -> Result<(), StoreError> {
        for kept in those_set_aside(folder).iter().rev() {
            if settled.has(&kept.join(TOLD)) {
                continue;
            }
            let name = kept.file_name().unwrap_or_default().to_string_lossy();
            let reason: String =
                fs::read_to_string(kept.join(REASON)).unwrap_or_default().chars().take(LONGEST).collect();
            let aside = SetAside {
                name: &name,
                identity: &identity(kept),
                reason: &reason,
                taken_over: settled.has(&kept.join(TAKEN)),
            };
            self.put(&Lasting::Incident(incident::of_set_aside(&aside, clock::system_date())))?;
            self.flush()?;
            settled.note(kept.join(TOLD));
        }
        Ok(())
    }

    /// From each that no new database has had to its end, the oldest first. Gives whether none is left.
    fn take_over_what_is_left(&mut self, folder: &Path, settled: &mut Settled) -> Result<bool, StoreError> {
        let mut all = true;
        for kept in those_set_aside(folder).iter().rev() {
            if settled.has(&kept.join(TAKEN)) {
                continue;
            }
            if self.take_over_from(kept)? {
                settled.note(kept.join(TAKEN));
            } else {
                all = false;
            }
        }
        Ok(all)
    }

    /// In a thread of its own, because sled panics on some damage: then that much is there as was read before. Gives
    /// whether all is there that can be read.
    fn take_over_from(&mut self, kept: &Path) -> Result<bool, StoreError> {
        let newest = self.newest;
        let budget = self.budget * 2;
        let outbox = step::OUTBOX.span();
        let taking_over = std::thread::scope(|scope| {
            let work = || {
                outbox.in_scope(|| match Self::open_unchecked(kept, budget) {
                    Ok(old) => self.take_over(&old),
                    Err(e) => Ok(Err(e)),
                })
            };
            let panicked = |_| Ok(Err(StoreError::Damaged("sled panicked".to_owned())));
            scope.spawn(work).join().unwrap_or_else(panicked)
        });
        let read = taking_over?;
        self.flush()?;
        let (records, kept) = (self.newest - newest, kept.display());
        match read {
            Ok(()) => tracing::error!(records, %kept, "what could be read of the damaged outbox is in the new one"),
            Err(StoreError::Damaged(e)) => {
                tracing::error!(records, %kept, error = e, "the damaged outbox could not be read to its end");
            }
            Err(e) => {
                tracing::error!(%kept, error = %e, "the damaged outbox can't be opened now: it is tried again");
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts in what an older database still has, in its order, but not what is in already: an earlier try may have been cut
    /// short. What of that was sent and forgotten since comes in again; the hub knows it by the events' ids and revisions.
    ///
    /// # Errors
    /// The outer one is of this database, the inner one of the older.
    fn take_over(&mut self, old: &Self) -> Result<Result<(), StoreError>, StoreError> {
        let mut had = self.names()?;
        let mut given_up = vec![];
        let kinds = [Kind::Event, Kind::Picture, Kind::Incident];
        let mut heads = vec![];
        for kind in kinds {
            match old.first(kind, 0, u64::MAX) {
                Ok(head) => heads.push(head),
                Err(e) => return Ok(Err(e)),
            }
        }
        loop {
            let numbers = heads.iter().enumerate().filter_map(|(lane, head)| Some((head.as_ref()?.0, lane)));
            let Some((sequence, lane)) = numbers.min() else { break };
            let next = match old.first(kinds[lane], sequence.saturating_add(1), u64::MAX) {
                Ok(next) => next,
                Err(e) => return Ok(Err(e)),
            };
            let head = std::mem::replace(&mut heads[lane], next.filter(|(next, _)| *next > sequence));
            if let Some(Ok(lasting)) = head.map(|(_, bytes)| record::decode(&bytes))
                && had.insert(name(&lasting))
                && !self.is_past(&lasting)?
            {
                self.take(&lasting, &mut given_up)?;
            }
        }
        // Of an event under way the hub may have every state: it is still to be closed.
        for item in &old.open {
            let (id, bytes) = match item {
                Ok(item) => item,
                Err(e) => return Ok(Err(e.into())),
            };
            if let Ok(lasting @ Lasting::Event(_)) = record::decode(&bytes)
                && !self.open.contains_key(id)?
                && had.insert(name(&lasting))
            {
                self.put(&lasting)?;
            }
        }
        Ok(Ok(()))
    }

    /// Whether it is a state of an event under way that has had a later one: it must not become the newest.
    fn is_past(&self, lasting: &Lasting) -> Result<bool, StoreError> {
        let Lasting::Event(event) = lasting else { return Ok(false) };
        let newest = self.open.get(event.id.0.as_bytes())?.map(|bytes| record::decode(&bytes));
        Ok(matches!(newest, Some(Ok(Lasting::Event(newest))) if newest.revision > event.revision))
    }

    /// Of all that is in.
    fn names(&self) -> Result<HashSet<Name>, StoreError> {
        let mut names = HashSet::new();
        for item in self.events.iter().chain(self.pictures.iter()).chain(self.incidents.iter()) {
            names.extend(record::decode(&item?.1).iter().map(name));
        }
        Ok(names)
    }
}

/// What tells a record from every other.
type Name = (u8, Uuid, u32);

fn name(lasting: &Lasting) -> Name {
    match lasting {
        Lasting::Event(event) => (0, event.id.0, event.revision),
        Lasting::Picture(picture) => (1, picture.event.0, picture.revision),
        Lasting::Incident(incident) => (2, incident.id.0, 0),
    }
}

/// Renames a damaged database, so that a new one can be begun and an expert may look at the old.
///
/// # Errors
/// When the folder does not let us.
pub(in crate::outbox) fn set_aside(folder: &Path, reason: &str) -> Result<(), StoreError> {
    let path = path_in(folder);
    let newest = those_set_aside(folder).first().map_or(0, |kept| number(kept));
    let kept = path.with_extension(format!("{DAMAGED}-{}", newest.saturating_add(1)));
    // Before the rename, so that whoever is killed in between leaves both or neither.
    if let Err(e) = fs::write(path.join(REASON), reason) {
        tracing::debug!(error = %e, "write down why the outbox was set aside");
    }
    fs::rename(&path, &kept).map_err(|e| StoreError::Io {
        doing: "set the damaged outbox aside",
        reason: format!("rename {} to {}: {e}", path.display(), kept.display()),
    })?;
    metrics::counter!("omma_outbox_set_aside_total").increment(1);
    tracing::error!(reason, kept = %kept.display(), "the outbox was damaged: it is set aside and a new one begun");
    Ok(())
}

/// Removes those that were set aside before the newest and find no `room`, bytes; never one that may be the only copy of
/// what it holds. Gives how many are left.
fn keep_newest(folder: &Path, room: u64) -> u64 {
    let there = those_set_aside(folder);
    let sizes: Vec<u64> = there.iter().map(|kept| size(kept)).collect();
    let keep = kept_aside(&sizes, room);
    let mut left = keep as u64;
    for old in &there[keep..] {
        if !old.join(TAKEN).exists() {
            left += 1;
            continue;
        }
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
