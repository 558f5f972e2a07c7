//! The database: SQLite in write-ahead mode.
//!
//! `synchronous = FULL`: a transaction that has ended survives a power cut, which `NORMAL` does not promise in
//! write-ahead mode, and an edge forgets an event on our word. It costs one fsync for each batch, not for each event.

mod schema;

mod write;

mod note;

mod read;

mod retain;

mod silence;

use std::path::Path;
use std::time::{Duration, Instant};

use omma_protocol::wire::mqtt::EventMessage;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use super::StoreError;
pub use read::{Filter, StoredEvent, StoredIncident};
pub(super) use retain::{Removed, What};

/// Readers at a time; one more waits.
const READERS: u32 = 4;
/// What each connection may keep of the database, as SQLite takes it: less than nothing means KiB. The kernel has the file as
/// well; SQLite's own 2 MB for each of them fill for hours, and look like a leak.
const CACHE_KIB: &str = "-512";
/// How long a query waits for its turn.
const WAIT: Duration = Duration::from_secs(10);

/// How long a reader may take. Whoever asked has given up by then, and a search that goes on would keep its connection, and
/// the log from being written back.
const LONGEST: Duration = Duration::from_secs(10);
/// How often a reader looks at the clock, in steps of SQLite's machine: some tenths of a millisecond.
const STEPS: i32 = 10_000;

/// The database. One connection writes; readers never wait for it.
#[derive(Debug)]
pub(super) struct Database {
    writer: SqlitePool,
    /// What must be known before something is written is not asked of the readers, which people may keep busy.
    before_writing: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Also gives the events of the hub's own that were open and are closed now. `now_us` is the hub's clock; one that
    /// is not set yet makes nothing older.
    pub(super) async fn open(path: &Path, now_us: i64) -> Result<(Self, Vec<EventMessage>), StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT)
            .pragma("cache_size", CACHE_KIB);
        // All are opened now and kept. A connection to a file does not go stale, and one more, 0.15 MB, whenever two first
        // read at once looked like a leak.
        let pool = |size| {
            let options = SqlitePoolOptions::new().min_connections(size).max_connections(size).acquire_timeout(WAIT);
            options.idle_timeout(None).max_lifetime(None)
        };
        let opening = StoreError::at::<sqlx::Error>("open the database");
        let writer = pool(1).connect_with(options.clone()).await.map_err(&opening)?;
        schema::migrate(&writer, path).await?;
        let closed = write::close_orphans(&writer, now_us).await?;
        write::out_of_order().absolute(0);
        let options = options.read_only(true);
        let before_writing = pool(1).connect_with(options.clone()).await.map_err(&opening)?;
        let readers = pool(READERS).connect_with(options).await.map_err(&opening)?;
        Ok((Self { writer, before_writing, readers }, closed))
    }

    /// One that reads for [`LONGEST`] at the most; then what it does fails.
    async fn reader(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.reader_until(Instant::now() + LONGEST).await
    }

    async fn reader_until(&self, end: Instant) -> sqlx::Result<PoolConnection<Sqlite>> {
        let mut reader = self.readers.acquire().await?;
        reader.lock_handle().await?.set_progress_handler(STEPS, move || Instant::now() < end);
        Ok(reader)
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let reached = StoreError::at::<sqlx::Error>("reach the database");
        let mut reader = self.reader().await.map_err(&reached)?;
        sqlx::query("SELECT 1").execute(&mut *reader).await.map_err(&reached)?;
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.before_writing.close().await;
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests;
