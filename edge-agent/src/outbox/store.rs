//! The database of the outbox, in sled.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `events` | sequence, `u64` big-endian | a state of an event ([`record`]) |
//! | `pictures` | sequence | a picture |
//! | `open` | event id | the newest state of an event that is not closed |
//! | default | `outbox`, `sequence` | the outbox's id, the newest sequence number given |
//!
//! Numbers are given without gaps from 1, across both trees. Every change of several trees is one transaction. sled
//! keeps what was flushed through a SIGKILL or a power cut, and may keep what was not: both are sound here, since only
//! flushed records are ever sent.
//!
//! sled needs up to twice the records' bytes on disk, so records get half of the budget.

use std::path::{Path, PathBuf};

use edge_core::outbox::budget::{self, Oldest};
use omma_protocol::event::{Event, Lasting, Phase, Stamp};
use omma_protocol::id::OutboxId;
use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Db, IVec, Tree};
use uuid::Uuid;

use super::record::{self, RecordError};
use super::{Stored, Which};
use crate::state::OutboxState;

/// sled's default of 1 GB would be most of a small board's memory, and records are read once, in order.
const CACHE_BYTES: u64 = 4 << 20;
/// What a record costs beside its bytes.
const OVERHEAD: u64 = 64;
const ID: &[u8] = b"outbox";
const SEQUENCE: &[u8] = b"sequence";

/// Why the database can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk or its permissions.
    #[error("{doing}: {reason}")]
    Io {
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        reason: String,
    },
    /// What is on disk is not what was written.
    #[error("the outbox's database is damaged: {0}")]
    Damaged(String),
}

impl From<sled::Error> for StoreError {
    fn from(e: sled::Error) -> Self {
        match e {
            sled::Error::Io(e) => Self::Io { doing: "use the outbox's database", reason: e.to_string() },
            e => Self::Damaged(e.to_string()),
        }
    }
}

impl From<TransactionError<RecordError>> for StoreError {
    fn from(e: TransactionError<RecordError>) -> Self {
        match e {
            TransactionError::Storage(e) => e.into(),
            TransactionError::Abort(e) => Self::Damaged(e.to_string()),
        }
    }
}

/// The open database. Owned by the outbox's thread.
#[derive(Debug)]
pub struct Store {
    db: Db,
    events: Tree,
    pictures: Tree,
    open: Tree,
    id: OutboxId,
    newest: u64,
    /// Highest number that is flushed.
    flushed: u64,
    waiting: u64,
    bytes: u64,
    budget: u64,
}

impl Store {
    /// Opens or makes the database under `folder`. A damaged one is renamed, and a new one made in its place.
    ///
    /// # Errors
    /// When the disk does not let us.
    pub fn open_or_set_aside(folder: &Path, budget: u64) -> Result<Self, StoreError> {
        match Self::open(&path_in(folder), budget) {
            Err(StoreError::Damaged(reason)) => {
                set_aside(folder, &reason)?;
                Self::open(&path_in(folder), budget)
            }
            other => other,
        }
    }

    fn open(path: &Path, budget: u64) -> Result<Self, StoreError> {
        // sled panics on some damage instead of returning an error; in a thread of its own that is an error again.
        let path = path.to_owned();
        std::thread::spawn(move || Self::open_here(&path, budget))
            .join()
            .unwrap_or_else(|_| Err(StoreError::Damaged("it can't be read at all".to_owned())))
    }

    fn open_here(path: &Path, budget: u64) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|e| StoreError::Io {
            doing: "make the outbox's folder (edge.data)",
            reason: format!("{}: {e}", path.display()),
        })?;
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = config.open()?;
        let (events, pictures, open) = (db.open_tree("events")?, db.open_tree("pictures")?, db.open_tree("open")?);
        let id = match db.get(ID)? {
            Some(bytes) => uuid::Uuid::from_slice(&bytes).map_err(|e| StoreError::Damaged(e.to_string()))?,
            None => {
                let id = Uuid::new_v4();
                db.insert(ID, id.as_bytes())?;
                id
            }
        };
        let mut store = Self {
            id: OutboxId(id),
            newest: 0,
            flushed: 0,
            waiting: 0,
            bytes: 0,
            budget: budget / 2,
            db,
            events,
            pictures,
            open,
        };
        store.count()?;
        store.flush()?;
        Ok(store)
    }

    fn count(&mut self) -> Result<(), StoreError> {
        if let Some(bytes) = self.db.get(SEQUENCE)? {
            self.newest = number(&bytes)?;
        }
        for item in self.events.iter().chain(self.pictures.iter()) {
            let (key, value) = item?;
            self.newest = self.newest.max(number(&key)?);
            self.waiting += 1;
            self.bytes += cost(&value);
        }
        Ok(())
    }

    /// For the start of the program: the last run ended in the middle of these events. Their tracks are lost, so they
    /// are over.
    ///
    /// # Errors
    /// When the database fails.
    pub fn close_what_was_left_open(&mut self) -> Result<(), StoreError> {
        let left: Vec<IVec> = self.open.iter().values().collect::<Result<_, _>>()?;
        for bytes in left {
            if let Ok(Lasting::Event(event)) = record::decode(&bytes) {
                let closed = Event {
                    phase: Phase::Closed,
                    revision: event.revision.saturating_add(1),
                    closed: Some(event.best.max(event.opened)),
                    ..event
                };
                self.put(&Lasting::Event(closed))?;
            }
        }
        self.open.clear()?;
        self.flush()
    }

    /// Which outbox this is.
    pub fn id(&self) -> OutboxId {
        self.id
    }

    /// The newest number given; it may not be flushed yet.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// What it holds.
    pub fn state(&self) -> OutboxState {
        OutboxState { waiting: self.waiting, bytes: self.bytes, newest: self.flushed, given_up: 0 }
    }

    /// Gives up what has to go before `lasting` fits; for a picture only older pictures, never an event. Returns the
    /// sequence numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub fn make_room(&mut self, lasting: &Lasting) -> Result<Vec<u64>, StoreError> {
        let incoming = match lasting {
            Lasting::Event(_) => 512,
            Lasting::Picture(picture) => picture.jpeg.len() as u64 + OVERHEAD,
        };
        let mut gone = vec![];
        while self.bytes + incoming > self.budget {
            let oldest = self.oldest()?;
            if matches!(lasting, Lasting::Picture(_)) && oldest.picture.is_none() {
                break;
            }
            let Some(victim) = budget::victim(self.bytes + incoming, self.budget, oldest) else { break };
            self.delete(&[victim])?;
            gone.push(victim);
        }
        Ok(gone)
    }

    /// Gives up what is over the budget after all: a picture that found no room. Returns the sequence numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub fn trim(&mut self) -> Result<Vec<u64>, StoreError> {
        let mut gone = vec![];
        while let Some(victim) = budget::victim(self.bytes, self.budget, self.oldest_if_over()?) {
            self.delete(&[victim])?;
            gone.push(victim);
        }
        Ok(gone)
    }

    /// Spares the search where there is room.
    fn oldest_if_over(&self) -> Result<Oldest, StoreError> {
        if self.bytes > self.budget { self.oldest() } else { Ok(Oldest::default()) }
    }

    fn oldest(&self) -> Result<Oldest, StoreError> {
        let picture = self.pictures.first()?.map(|(key, _)| number(&key)).transpose()?;
        let event = self.events.first()?.map(|(key, _)| number(&key)).transpose()?;
        let any = [picture, event].into_iter().flatten().min();
        if picture.is_some() {
            return Ok(Oldest { picture, closed: None, any });
        }
        // Only events under way are passed over, and there are as many as things in view.
        for item in &self.events {
            let (key, value) = item?;
            let closed = match record::decode(&value) {
                Ok(Lasting::Event(event)) => !self.open.contains_key(event.id.0.as_bytes())?,
                _ => true,
            };
            if closed {
                return Ok(Oldest { picture, closed: Some(number(&key)?), any });
            }
        }
        Ok(Oldest { picture, closed: None, any })
    }

    /// Puts one thing under the next number.
    ///
    /// # Errors
    /// When the database fails; then nothing of it is there.
    pub fn put(&mut self, lasting: &Lasting) -> Result<(), StoreError> {
        let bytes = record::encode(lasting).map_err(|e| StoreError::Damaged(e.to_string()))?;
        let sequence = self.newest + 1;
        let key = sequence.to_be_bytes();
        let trees = (&*self.db, &self.events, &self.pictures, &self.open);
        trees.transaction(|(meta, events, pictures, open)| {
            match lasting {
                Lasting::Event(event) => {
                    events.insert(&key, bytes.as_slice())?;
                    match event.phase {
                        Phase::Closed => open.remove(event.id.0.as_bytes())?,
                        Phase::Opened | Phase::Updated => open.insert(event.id.0.as_bytes(), bytes.as_slice())?,
                    };
                }
                Lasting::Picture(_) => {
                    pictures.insert(&key, bytes.as_slice())?;
                }
            }
            meta.insert(SEQUENCE, &key)?;
            Ok::<(), ConflictableTransactionError<RecordError>>(())
        })?;
        self.newest = sequence;
        self.waiting += 1;
        self.bytes += bytes.len() as u64 + OVERHEAD;
        Ok(())
    }

    /// Reads a record. One that can't be read is counted, reported and deleted: it must not hold up the others.
    ///
    /// # Errors
    /// When the database fails.
    pub fn read(&mut self, which: Which) -> Result<Option<Stored>, StoreError> {
        loop {
            let found = match which {
                Which::Exactly(sequence) => self.get(sequence)?.map(|bytes| (sequence, bytes)),
                Which::From(sequence) => self.first_from(sequence)?,
            };
            let Some((sequence, bytes)) = found.filter(|(sequence, _)| *sequence <= self.flushed) else {
                return Ok(None);
            };
            match record::decode(&bytes) {
                Ok(what) => return Ok(Some(Stored { stamp: Stamp { outbox: self.id, sequence }, what })),
                Err(e) => {
                    tracing::error!(sequence, error = %e, "an event is lost: its record in the outbox is damaged");
                    metrics::counter!("omma_outbox_damaged_records_total").increment(1);
                    self.delete(&[sequence])?;
                }
            }
        }
    }

    fn get(&self, sequence: u64) -> Result<Option<IVec>, StoreError> {
        let key = sequence.to_be_bytes();
        Ok(match self.events.get(key)? {
            Some(bytes) => Some(bytes),
            None => self.pictures.get(key)?,
        })
    }

    fn first_from(&self, sequence: u64) -> Result<Option<(u64, IVec)>, StoreError> {
        let mut first: Option<(u64, IVec)> = None;
        for tree in [&self.events, &self.pictures] {
            if let Some(item) = tree.range(sequence.to_be_bytes()..).next() {
                let (key, value) = item?;
                let found = number(&key)?;
                if first.as_ref().is_none_or(|(known, _)| found < *known) {
                    first = Some((found, value));
                }
            }
        }
        Ok(first)
    }

    /// Deletes records; those that are not there do not matter. Not flushed: a record that comes back after a power
    /// cut is sent once more, and the hub knows it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn delete(&mut self, sequences: &[u64]) -> Result<(), StoreError> {
        for sequence in sequences {
            let key = sequence.to_be_bytes();
            let gone = match self.events.remove(key)? {
                Some(bytes) => Some(bytes),
                None => self.pictures.remove(key)?,
            };
            if let Some(bytes) = gone {
                self.waiting = self.waiting.saturating_sub(1);
                self.bytes = self.bytes.saturating_sub(cost(&bytes));
            }
        }
        Ok(())
    }

    /// Everything put is on disk when this returns.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.db.flush()?;
        self.flushed = self.newest;
        Ok(())
    }
}

fn number(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.try_into().map_err(|_| StoreError::Damaged("a key is no number".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

fn cost(value: &[u8]) -> u64 {
    value.len() as u64 + OVERHEAD
}

fn path_in(folder: &Path) -> PathBuf {
    folder.join("outbox")
}

/// Renames a damaged database, so that a new one can be begun and an expert may look at the old.
///
/// # Errors
/// When the folder does not let us.
pub fn set_aside(folder: &Path, reason: &str) -> Result<(), StoreError> {
    let path = path_in(folder);
    let kept = (1..1000).map(|n| path.with_extension(format!("damaged-{n}"))).find(|kept| !kept.exists());
    let kept = kept.unwrap_or_else(|| path.with_extension("damaged"));
    std::fs::rename(&path, &kept).map_err(|e| StoreError::Io {
        doing: "set the damaged outbox aside",
        reason: format!("rename {} to {}: {e}", path.display(), kept.display()),
    })?;
    tracing::error!(reason, kept = %kept.display(), "the outbox was damaged: what it held is lost; begun anew");
    Ok(())
}

#[cfg(test)]
mod tests;
