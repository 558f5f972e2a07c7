//! The database of the outbox, in sled.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `events` | sequence, `u64` big-endian | a state of an event ([`record`]) |
//! | `pictures` | sequence | a picture |
//! | `incidents` | sequence | what befell the edge |
//! | `open` | event id | the newest state of an event that is not closed |
//! | default | `outbox`, `sequence`, `records` | the outbox's id, the newest sequence number given, how many records there are |
//!
//! Numbers are given without gaps from 1, across the first three trees. Every change of several trees is one transaction. sled
//! keeps what was flushed through a SIGKILL or a power cut, and may keep what was not: both are sound here, since only
//! flushed records are ever sent.
//!
//! sled leaves out in silence what it can't read of a damaged file. So it is told twice how much there must be: `records`,
//! and a file beside its own, the `witness` of which number was flushed last. Where either differs it is damaged.
//!
//! sled needs up to twice the records' bytes on disk, so records get half of the budget.

mod open;

mod aside;

mod room;

mod witness;

mod disk;

use std::fs::File;
use std::path::PathBuf;

use omma_protocol::event::{Event, Lasting, Phase, Stamp};
use omma_protocol::id::OutboxId;
use sled::transaction::{ConflictableTransactionError, TransactionError, Transactional};
use sled::{Db, IVec, Tree};

use super::record::{self, RecordError};
use super::{Stored, Which};
use crate::state::OutboxState;
use edge_core::outbox::flight::Kind;
use witness::Witness;

pub(super) use aside::set_aside;
pub use aside::{ASIDE_SHARE, Settled};

/// What a record costs beside its bytes.
const OVERHEAD: u64 = 64;
const ID: &[u8] = b"outbox";
const SEQUENCE: &[u8] = b"sequence";
const RECORDS: &[u8] = b"records";

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
    /// Nothing was tried: the database is as sound as before.
    #[error("the outbox's disk is full: {free_mb} MB are free, and {needed_mb} MB are needed")]
    Full {
        /// What is free.
        free_mb: u64,
        /// What must be.
        needed_mb: u64,
    },
    /// Nothing was tried: the database is as sound as before.
    #[error("the outbox's disk takes nothing: {reason}")]
    Refused {
        /// What the system says.
        reason: String,
    },
    /// It has not answered in time, or is not open.
    #[error("the outbox's disk does not answer")]
    Silent,
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

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// The record, where it is there.
    pub found: Option<Stored>,
    /// Damaged ones that were met on the way.
    pub damaged: Vec<u64>,
}

/// The open database. Owned by the outbox's thread.
#[derive(Debug)]
pub struct Store {
    folder: PathBuf,
    db: Db,
    events: Tree,
    pictures: Tree,
    incidents: Tree,
    open: Tree,
    /// sled's own, for what it leaves undone.
    file: File,
    witness: Witness,
    id: OutboxId,
    newest: u64,
    /// Highest number that is flushed.
    flushed: u64,
    waiting: u64,
    bytes: u64,
    budget: u64,
    /// Databases that were set aside and are still there.
    set_aside: u64,
}

impl Store {
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
        OutboxState {
            waiting: self.waiting,
            bytes: self.bytes,
            newest: self.flushed,
            given_up: 0,
            in_memory: 0,
            set_aside: self.set_aside,
        }
    }

    /// Puts one thing under the next number.
    ///
    /// # Errors
    /// When the database fails or the disk is nearly full, or read-only; then nothing of it is there.
    pub fn put(&mut self, lasting: &Lasting) -> Result<(), StoreError> {
        let bytes = record::encode(lasting).map_err(|e| StoreError::Damaged(e.to_string()))?;
        disk::room_to_put(&self.folder, bytes.len() as u64)?;
        self.is_writable()?;
        let sequence = self.newest + 1;
        let key = sequence.to_be_bytes();
        let records = (self.waiting + 1).to_be_bytes();
        let trees = (&*self.db, &self.events, &self.pictures, &self.incidents, &self.open);
        trees.transaction(|(meta, events, pictures, incidents, open)| {
            match lasting {
                Lasting::Event(event) => {
                    events.insert(&key, bytes.as_slice())?;
                    match event.phase {
                        Phase::Closed => open.remove(event.id.0.as_bytes())?,
                        // A later one arrived before it, and passed this database by.
                        _ if open.get(event.id.0.as_bytes())?.is_some_and(|known| is_newer(&known, event)) => None,
                        Phase::Opened | Phase::Updated => open.insert(event.id.0.as_bytes(), bytes.as_slice())?,
                    };
                }
                Lasting::Picture(_) => {
                    pictures.insert(&key, bytes.as_slice())?;
                }
                Lasting::Incident(_) => {
                    incidents.insert(&key, bytes.as_slice())?;
                }
            }
            meta.insert(SEQUENCE, &key)?;
            meta.insert(RECORDS, &records)?;
            Ok::<(), ConflictableTransactionError<RecordError>>(())
        })?;
        self.newest = sequence;
        self.waiting += 1;
        self.bytes += bytes.len() as u64 + OVERHEAD;
        Ok(())
    }

    /// Reads a record. One that is damaged is stepped over: it must not hold up the others. The caller tells of it and
    /// deletes it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn read(&self, mut which: Which) -> Result<Read, StoreError> {
        let mut damaged = vec![];
        loop {
            let found = match which {
                Which::Exactly(sequence) => self.get(sequence)?.map(|bytes| (sequence, bytes)),
                Which::First { kind, from, to } => self.first(kind, from, to)?,
            };
            let Some((sequence, bytes)) = found.filter(|(sequence, _)| *sequence <= self.flushed) else {
                return Ok(Read { found: None, damaged });
            };
            match record::decode(&bytes) {
                Ok(what) => {
                    let found = Some(Stored { stamp: Stamp { outbox: self.id, sequence }, what });
                    return Ok(Read { found, damaged });
                }
                Err(RecordError) => damaged.push(sequence),
            }
            match &mut which {
                Which::Exactly(_) => return Ok(Read { found: None, damaged }),
                Which::First { from, .. } => *from = sequence.saturating_add(1),
            }
        }
    }

    fn get(&self, sequence: u64) -> Result<Option<IVec>, StoreError> {
        let key = sequence.to_be_bytes();
        for tree in [&self.events, &self.pictures, &self.incidents] {
            if let Some(bytes) = tree.get(key)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    fn first(&self, kind: Kind, from: u64, to: u64) -> Result<Option<(u64, IVec)>, StoreError> {
        if from > to {
            return Ok(None);
        }
        let tree = match kind {
            Kind::Event => &self.events,
            Kind::Picture => &self.pictures,
            Kind::Incident => &self.incidents,
        };
        let Some(item) = tree.range(from.to_be_bytes()..=to.to_be_bytes()).next() else { return Ok(None) };
        let (key, value) = item?;
        Ok(Some((number(&key)?, value)))
    }

    /// Deletes records of the outbox `of`; of another than this one, none.
    pub fn delete_of(&mut self, of: OutboxId, sequences: &[u64]) -> Result<(), StoreError> {
        if of == self.id() { self.delete(sequences) } else { Ok(()) }
    }

    /// Deletes records; those that are not there do not matter. Not flushed: a record that comes back after a power
    /// cut is sent once more, and is known by its number.
    ///
    /// # Errors
    /// When the database fails or the disk is full to the brim, or read-only; then all of them are there.
    pub fn delete(&mut self, sequences: &[u64]) -> Result<(), StoreError> {
        disk::room_to_delete(&self.folder)?;
        self.is_writable()?;
        let waiting = self.waiting;
        let trees = (&*self.db, &self.events, &self.pictures, &self.incidents);
        let (records, bytes) = trees.transaction(|(meta, events, pictures, incidents)| {
            let (mut records, mut bytes) = (0, 0);
            for sequence in sequences {
                let key = sequence.to_be_bytes();
                for tree in [events, pictures, incidents] {
                    if let Some(value) = tree.remove(&key)? {
                        records += 1;
                        bytes += cost(&value);
                    }
                }
            }
            if records > 0 {
                meta.insert(RECORDS, &waiting.saturating_sub(records).to_be_bytes())?;
            }
            Ok::<(u64, u64), ConflictableTransactionError<RecordError>>((records, bytes))
        })?;
        self.waiting = self.waiting.saturating_sub(records);
        self.bytes = self.bytes.saturating_sub(bytes);
        Ok(())
    }

    /// These states of events arrived without being put: the next start must know of those that are not the last. Flushed.
    ///
    /// # Errors
    /// When the database fails or the disk is nearly full, or read-only; then nothing of it is there.
    pub fn passed_by(&mut self, events: &[Event]) -> Result<(), StoreError> {
        let mut states = sled::Batch::default();
        let mut bytes = 0;
        for event in events {
            if event.phase == Phase::Closed {
                states.remove(event.id.0.as_bytes());
                continue;
            }
            let state =
                record::encode(&Lasting::Event(event.clone())).map_err(|e| StoreError::Damaged(e.to_string()))?;
            bytes += state.len() as u64;
            states.insert(event.id.0.as_bytes(), state);
        }
        disk::room_to_put(&self.folder, bytes)?;
        self.is_writable()?;
        self.open.apply_batch(states)?;
        self.flush()
    }

    /// Whether the disk takes a write at all, before sled tries one, which it would not get over.
    fn is_writable(&self) -> Result<(), StoreError> {
        let taken = self.witness.saw(self.id, self.flushed);
        taken.map_err(|e| StoreError::Refused { reason: e.to_string() })
    }

    /// Whether the disk in this place, which may be another one than when this was opened, has it and takes writes.
    pub(super) fn is_there(&self) -> Result<(), StoreError> {
        let taken = Witness::of(&self.folder).and_then(|witness| witness.saw(self.id, self.flushed));
        taken.map_err(|e| StoreError::Refused { reason: e.to_string() })
    }

    /// Everything put is on disk when this returns.
    ///
    /// # Errors
    /// When the disk fails.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        self.db.flush()?;
        if self.flushed != self.newest {
            // sled asks for its bytes alone (`sync_file_range`), and neither for how long its file has become and where its
            // blocks are, nor that the disk empties its own cache: without this a power cut loses the last seconds, and their
            // numbers would be given to something else. Also where the length is as before; fdatasync(2) itself leaves out
            // what has not changed.
            let synced = self.file.sync_data();
            synced.map_err(|e| StoreError::Io { doing: "flush the outbox's database", reason: e.to_string() })?;
            self.witness.saw(self.id, self.newest)?;
            self.flushed = self.newest;
        }
        Ok(())
    }
}

/// Whether what is known of an event is newer than this state of it.
fn is_newer(known: &[u8], than: &Event) -> bool {
    matches!(record::decode(known), Ok(Lasting::Event(known)) if known.revision > than.revision)
}

fn number(key: &[u8]) -> Result<u64, StoreError> {
    let bytes = key.try_into().map_err(|_| StoreError::Damaged("a key is no number".to_owned()))?;
    Ok(u64::from_be_bytes(bytes))
}

fn cost(value: &[u8]) -> u64 {
    value.len() as u64 + OVERHEAD
}

#[cfg(test)]
pub(super) mod tests;
