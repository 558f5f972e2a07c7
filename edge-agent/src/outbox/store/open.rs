//! How the database is opened, and seen to be whole.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use omma_protocol::event::{Event, Lasting, Phase};
use omma_protocol::id::OutboxId;
use sled::{Db, IVec};
use uuid::Uuid;

use super::witness::Witness;
use super::{ID, RECORDS, SEQUENCE, Store, StoreError, cost, disk, number};
use crate::outbox::record;
use crate::step;

/// sled's default of 1 GB would be most of a small board's memory, and records are read once, in order. What it may take is
/// taken within minutes, so that memory that grows later is a fault and not this.
const CACHE_BYTES: u64 = 1 << 20;

/// A database that was closed a moment ago is locked for another, until sled's threads have ended.
const LOCKED_ATTEMPTS: u32 = 50;
const LOCKED: Duration = Duration::from_millis(40);

impl Store {
    /// The database at `path`, and whole.
    pub(super) fn open(path: &Path, budget: u64) -> Result<Self, StoreError> {
        let mut store = Self::open_unchecked(path, budget)?;
        store.check()?;
        store.flush()?;
        Ok(store)
    }

    /// The same, of which records may be missing.
    pub(super) fn open_unchecked(path: &Path, budget: u64) -> Result<Self, StoreError> {
        // sled panics on some damage instead of returning an error; in a thread of its own that is an error again.
        let path = path.to_owned();
        std::thread::spawn(move || step::OUTBOX.span().in_scope(|| Self::open_here(&path, budget)))
            .join()
            .unwrap_or_else(|_| Err(StoreError::Damaged("it can't be read at all".to_owned())))
    }

    fn open_here(path: &Path, budget: u64) -> Result<Self, StoreError> {
        std::fs::create_dir_all(path).map_err(|e| StoreError::Io {
            doing: "make the outbox's folder (edge.data)",
            reason: format!("{}: {e}", path.display()),
        })?;
        disk::room_to_delete(path)?;
        let config = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None);
        let db = open_unlocked(&config)?;
        let (events, pictures, open) = (db.open_tree("events")?, db.open_tree("pictures")?, db.open_tree("open")?);
        // Not there in a database of an earlier version.
        let incidents = db.open_tree("incidents")?;
        let id = match db.get(ID)? {
            Some(bytes) => Uuid::from_slice(&bytes).map_err(|e| StoreError::Damaged(e.to_string()))?,
            None => {
                let id = Uuid::new_v4();
                db.insert(ID, id.as_bytes())?;
                id
            }
        };
        let file = File::open(path.join("db")).map_err(|e| StoreError::Io {
            doing: "open the outbox's database",
            reason: format!("{}: {e}", path.display()),
        })?;
        let mut store = Self {
            folder: path.to_owned(),
            file,
            witness: Witness::within(path)?,
            id: OutboxId(id),
            newest: 0,
            flushed: 0,
            waiting: 0,
            bytes: 0,
            budget: budget / 2,
            set_aside: 0,
            db,
            events,
            pictures,
            incidents,
            open,
        };
        store.count()?;
        Ok(store)
    }

    fn count(&mut self) -> Result<(), StoreError> {
        if let Some(bytes) = self.db.get(SEQUENCE)? {
            self.newest = number(&bytes)?;
        }
        for item in self.events.iter().chain(self.pictures.iter()).chain(self.incidents.iter()) {
            let (key, value) = item?;
            self.newest = self.newest.max(number(&key)?);
            self.waiting += 1;
            self.bytes += cost(&value);
        }
        Ok(())
    }

    /// Whether everything is there that was flushed.
    fn check(&self) -> Result<(), StoreError> {
        // Not there in a database of version 0.1 that has had nothing put into it since.
        if let Some(bytes) = self.db.get(RECORDS)?
            && let records = number(&bytes)?
            && records != self.waiting
        {
            return Err(StoreError::Damaged(format!("{} of {records} records are there", self.waiting)));
        }
        match self.witness.says() {
            Some((id, _)) if id != self.id => {
                Err(StoreError::Damaged("it looks like a new one, and is none".to_owned()))
            }
            Some((_, newest)) if newest > self.newest => {
                Err(StoreError::Damaged(format!("it ends at record {}, and {newest} were flushed", self.newest)))
            }
            _ => Ok(()),
        }
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
}

fn open_unlocked(config: &sled::Config) -> sled::Result<Db> {
    for _ in 0..LOCKED_ATTEMPTS {
        match config.open() {
            // It has no kind of its own.
            Err(sled::Error::Io(e)) if e.to_string().starts_with("could not acquire lock") => {
                std::thread::sleep(LOCKED)
            }
            other => return other,
        }
    }
    config.open()
}
