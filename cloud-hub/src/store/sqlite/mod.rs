//! The database: SQLite in write-ahead mode.
//!
//! `synchronous = FULL`: a transaction that has ended survives a power cut, which `NORMAL` does not promise in
//! write-ahead mode, and an edge forgets an event on our word. It costs one fsync for each batch, not for each event.

mod schema;

mod write;

mod note;

mod read;

mod retain;

use std::path::Path;
use std::time::Duration;

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

/// The database. One connection writes; readers never wait for it.
#[derive(Debug)]
pub(super) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
}

impl Database {
    /// Also gives the events of the hub's own that were open and are closed now. `now_us` is the hub's clock.
    pub(super) async fn open(path: &Path, now_us: i64) -> Result<(Self, Vec<EventMessage>), StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(WAIT)
            .pragma("cache_size", CACHE_KIB);
        let pool = |size| SqlitePoolOptions::new().max_connections(size).acquire_timeout(WAIT);
        let opening = StoreError::at::<sqlx::Error>("open the database");
        let writer = pool(1).connect_with(options.clone()).await.map_err(&opening)?;
        schema::migrate(&writer).await?;
        let closed = write::close_orphans(&writer, now_us).await?;
        write::out_of_order().absolute(0);
        let readers = pool(READERS).connect_with(options.read_only(true)).await.map_err(&opening)?;
        Ok((Self { writer, readers }, closed))
    }

    async fn reader(&self) -> sqlx::Result<PoolConnection<Sqlite>> {
        self.readers.acquire().await
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("SELECT 1").execute(&self.readers).await.map_err(StoreError::at("reach the database"))?;
        Ok(())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}
