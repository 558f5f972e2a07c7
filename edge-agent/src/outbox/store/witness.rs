//! A file in the database's folder with the newest number that was flushed: 16 bytes of the outbox's id, 8 of the number.
//!
//! Written after each flush and not flushed itself: it outlives a SIGKILL, and after a power cut it is at worst too low.
//! It is there because a database whose end is damaged looks like one that was never written so far, and one that can't be
//! read at all may look like a new one: they would give numbers anew that the hub knows.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use omma_protocol::id::OutboxId;
use uuid::Uuid;

use super::StoreError;

#[derive(Debug)]
pub(super) struct Witness(File);

impl Witness {
    /// The witness of the database in `folder`; says nothing where it was not there.
    pub(super) fn within(folder: &Path) -> Result<Self, StoreError> {
        Self::open(folder, OpenOptions::new().create(true).truncate(false))
    }

    /// The witness of the database in `folder`, which has one.
    pub(super) fn of(folder: &Path) -> Result<Self, StoreError> {
        Self::open(folder, &mut OpenOptions::new())
    }

    fn open(folder: &Path, options: &mut OpenOptions) -> Result<Self, StoreError> {
        let file = folder.join("witness");
        let opened = options.read(true).write(true).open(&file);
        opened.map(Self).map_err(|e| StoreError::Io {
            doing: "open the outbox's witness",
            reason: format!("{}: {e}", file.display()),
        })
    }

    /// Which outbox this was, and the newest number of it that was flushed. `None` where none ever was.
    pub(super) fn says(&self) -> Option<(OutboxId, u64)> {
        let mut bytes = [0; 24];
        self.0.read_exact_at(&mut bytes, 0).ok()?;
        let (id, newest) = bytes.split_at(16);
        Some((OutboxId(Uuid::from_slice(id).ok()?), u64::from_be_bytes(newest.try_into().ok()?)))
    }

    /// The outbox is flushed up to this number.
    pub(super) fn saw(&self, outbox: OutboxId, newest: u64) -> Result<(), StoreError> {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(outbox.0.as_bytes());
        bytes[16..].copy_from_slice(&newest.to_be_bytes());
        let written = self.0.write_all_at(&bytes, 0);
        written.map_err(|e| StoreError::Io { doing: "write the outbox's witness", reason: e.to_string() })
    }
}
