//! A damaged database: set aside, a new one begun with what of it could be read, both reported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use omma_protocol::event::Lasting;

use super::{Kind, Store, StoreError};
use crate::outbox::record;

const DAMAGED: &str = "damaged";
const LOCKED_ATTEMPTS: u32 = 50;
const LOCKED: Duration = Duration::from_millis(40);

impl Store {
    /// Opens or makes the database under `folder`. A damaged one is renamed, and a new one made in its place.
    ///
    /// # Errors
    /// When the disk does not let us.
    pub fn open_or_set_aside(folder: &Path, budget: u64) -> Result<Self, StoreError> {
        let path = path_in(folder);
        match Self::open(&path, budget) {
            Err(StoreError::Damaged(reason)) => {
                let kept = set_aside(folder, &reason)?;
                let store = Self::open(&path, budget)?;
                Ok(with_what_is_left(store, kept, budget))
            }
            other => other,
        }
    }

    /// Puts in what an older database still has, in its order. The hub knows it by the events' ids where it has had it.
    fn take_over(&mut self, old: &Self) -> Result<u64, StoreError> {
        let newest = self.newest;
        let mut given_up = vec![];
        let mut heads = [old.first(Kind::Event, 0, u64::MAX)?, old.first(Kind::Picture, 0, u64::MAX)?];
        loop {
            let [event, picture] = heads.each_ref().map(|head| head.as_ref().map(|(sequence, _)| *sequence));
            let of_event = picture.is_none_or(|picture| event.is_some_and(|event| event < picture));
            let (kind, head) = if of_event { (Kind::Event, &mut heads[0]) } else { (Kind::Picture, &mut heads[1]) };
            let Some((sequence, bytes)) = head.take() else { break };
            *head = old.first(kind, sequence.saturating_add(1), u64::MAX)?.filter(|(next, _)| *next > sequence);
            if let Ok(lasting) = record::decode(&bytes) {
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
    let kept = (1..1000).map(|n| path.with_extension(format!("{DAMAGED}-{n}"))).find(|kept| !kept.exists());
    let kept = kept.unwrap_or_else(|| path.with_extension(DAMAGED));
    std::fs::rename(&path, &kept).map_err(|e| StoreError::Io {
        doing: "set the damaged outbox aside",
        reason: format!("rename {} to {}: {e}", path.display(), kept.display()),
    })?;
    metrics::counter!("omma_outbox_set_aside_total").increment(1);
    tracing::error!(reason, kept = %kept.display(), "the outbox was damaged: it is set aside and a new one begun");
    Ok(kept)
}

/// How many that were set aside are still beside the database at `path`.
pub(super) fn count(path: &Path) -> u64 {
    let beside = path.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    let names = beside.into_iter().flatten().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with("outbox.damaged")).count() as u64
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("outbox")
}
