//! Room on the disk, looked at before the database needs it.
//!
//! sled 0.34 does not get over a write that fails: closing the database then waits for ever for a buffer that nobody will
//! write, and keeps the lock on its file. So a disk that is nearly full is taken for full, and the database stays sound
//! and open until there is room again.

use std::path::Path;

use nix::sys::statvfs::statvfs;

use super::StoreError;

/// What must be free before something is put: far more than sled has in its buffers between two looks.
const TO_PUT: u64 = 8_000_000;
/// What must be free before records are deleted, which takes some bytes before it gives many back.
const TO_DELETE: u64 = 2_000_000;

pub(super) fn room_to_put(folder: &Path, bytes: u64) -> Result<(), StoreError> {
    // sled writes a value, and soon after the page that it is in.
    room(folder, TO_PUT + 2 * bytes)
}

pub(super) fn room_to_delete(folder: &Path) -> Result<(), StoreError> {
    room(folder, TO_DELETE)
}

fn room(folder: &Path, needed: u64) -> Result<(), StoreError> {
    let disk = statvfs(folder).map_err(|e| StoreError::Io {
        doing: "see what is free on the outbox's disk",
        reason: format!("{}: {e}", folder.display()),
    })?;
    #[allow(clippy::unnecessary_cast, reason = "both are 32 bits wide on 32-bit boards")]
    let free = (disk.blocks_available() as u64).saturating_mul(disk.fragment_size() as u64);
    if free >= needed {
        return Ok(());
    }
    Err(StoreError::Full { free_mb: free / 1_000_000, needed_mb: needed.div_ceil(1_000_000) })
}
