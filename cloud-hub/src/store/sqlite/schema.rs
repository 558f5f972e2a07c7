//! The tables, and how a database of an earlier version becomes one of this.
//!
//! `PRAGMA user_version` counts the migrations that a file has had. A migration is never changed once released: a
//! change is a new one.

use std::path::Path;

use sqlx::Row;
use sqlx::sqlite::SqlitePool;

use super::StoreError;
use crate::store::retention::free;

/// Ids are the 16 bytes of their UUID: those of events sort by time. Times are µs since the epoch, on the edge's clock;
/// `received_us` is on the hub's.
const MIGRATIONS: [&str; 8] = [
    "
    -- The latest state of each event.
    CREATE TABLE events (
        id        BLOB PRIMARY KEY NOT NULL,
        stream    TEXT NOT NULL,
        phase     TEXT NOT NULL,
        revision  INTEGER NOT NULL,
        label     TEXT NOT NULL,
        track     INTEGER NOT NULL,
        score     REAL NOT NULL,
        x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
        opened_us INTEGER NOT NULL,
        best_us   INTEGER NOT NULL,
        closed_us INTEGER,
        place     TEXT NOT NULL,
        engine    TEXT NOT NULL,
        model     TEXT NOT NULL,
        outbox    BLOB,
        sequence  INTEGER
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX events_by_stream ON events (stream, id);
    CREATE INDEX events_by_label ON events (label, id);

    -- Everything of an outbox that has arrived: what makes a copy known as a copy.
    CREATE TABLE records (
        edge     TEXT NOT NULL,
        outbox   BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        refused  TEXT,
        PRIMARY KEY (edge, outbox, sequence)
    ) STRICT, WITHOUT ROWID;

    -- The best picture of each event. It may arrive before its event does.
    CREATE TABLE pictures (
        event    BLOB PRIMARY KEY NOT NULL,
        stream   TEXT NOT NULL,
        revision INTEGER NOT NULL,
        time_us  INTEGER NOT NULL,
        place    TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
",
    // Which rule made an event, and why, as the JSON it came with: reasons of later edges are kept as they are.
    "
    ALTER TABLE events ADD COLUMN rule TEXT;
    ALTER TABLE events ADD COLUMN why TEXT;
",
    // What befell edges. One that is told twice has one id; the words are kept as they came.
    "
    CREATE TABLE incidents (
        edge     TEXT NOT NULL,
        id       BLOB NOT NULL,
        time_us  INTEGER NOT NULL,
        kind     TEXT NOT NULL,
        message  TEXT NOT NULL,
        outbox   BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (edge, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX incidents_by_time ON incidents (time_us, id);
",
    // Where in its picture's file the crop begins; NULL where there is none.
    "
    ALTER TABLE pictures ADD COLUMN crop_at INTEGER;
",
    // Incidents are numbered as the hub gets them, since an edge's clock may be wrong, and no number is given twice. When
    // those of before came nobody knows: they are numbered by their edges' clocks, which is how they were shown.
    "
    CREATE TABLE numbered_incidents (
        number      INTEGER PRIMARY KEY AUTOINCREMENT,
        received_us INTEGER,
        edge        TEXT NOT NULL,
        id          BLOB NOT NULL,
        time_us     INTEGER NOT NULL,
        kind        TEXT NOT NULL,
        message     TEXT NOT NULL,
        outbox      BLOB NOT NULL,
        sequence    INTEGER NOT NULL,
        UNIQUE (edge, id)
    ) STRICT;
    INSERT INTO numbered_incidents (edge, id, time_us, kind, message, outbox, sequence)
        SELECT edge, id, time_us, kind, message, outbox, sequence FROM incidents ORDER BY time_us, id, edge;
    DROP TABLE incidents;
    ALTER TABLE numbered_incidents RENAME TO incidents;
    CREATE INDEX incidents_by_edge ON incidents (edge, number);
",
    // What there must be to remove what is old. Of what is there the edge's clock says how old it is, where it is not ahead of
    // the hub's. A clock of the hub's that is years behind (before July 2025) is not believed.
    "
    ALTER TABLE events ADD COLUMN received_us INTEGER NOT NULL DEFAULT 0;
    UPDATE events SET received_us = MIN(COALESCE(closed_us, best_us), MAX(unixepoch(), 1751328000) * 1000000);
    CREATE INDEX events_closed ON events (received_us, id) WHERE phase = 'closed';

    -- NULL where nobody has looked yet.
    ALTER TABLE pictures ADD COLUMN bytes INTEGER;
    ALTER TABLE pictures ADD COLUMN received_us INTEGER NOT NULL DEFAULT 0;
    UPDATE pictures SET received_us = MIN(time_us, MAX(unixepoch(), 1751328000) * 1000000);
    CREATE INDEX pictures_by_time ON pictures (received_us);
    CREATE INDEX pictures_unmeasured ON pictures (event) WHERE bytes IS NULL;

    -- What all pictures take, kept up by triggers: a sum would read the whole table.
    CREATE TABLE totals (bytes INTEGER NOT NULL) STRICT;
    INSERT INTO totals VALUES (0);
    CREATE TRIGGER picture_added AFTER INSERT ON pictures BEGIN
        UPDATE totals SET bytes = bytes + COALESCE(NEW.bytes, 0);
    END;
    CREATE TRIGGER picture_changed AFTER UPDATE OF bytes ON pictures BEGIN
        UPDATE totals SET bytes = bytes + COALESCE(NEW.bytes, 0) - COALESCE(OLD.bytes, 0);
    END;
    CREATE TRIGGER picture_removed AFTER DELETE ON pictures BEGIN
        UPDATE totals SET bytes = bytes - COALESCE(OLD.bytes, 0);
    END;

    -- Events and incidents that were removed, so that a late copy is not taken for a new one.
    CREATE TABLE removed (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id     BLOB NOT NULL UNIQUE
    ) STRICT;
    -- Files of removed pictures, until they are gone.
    CREATE TABLE unlinked (place TEXT PRIMARY KEY NOT NULL) STRICT, WITHOUT ROWID;

    -- A row stands for the run of numbers `sequence` to `through`, and not for one. `refused` is why the first was.
    CREATE TABLE runs (
        edge     TEXT NOT NULL,
        outbox   BLOB NOT NULL,
        sequence INTEGER NOT NULL,
        through  INTEGER NOT NULL,
        refused  TEXT,
        PRIMARY KEY (edge, outbox, sequence)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO runs (edge, outbox, sequence, through, refused)
        SELECT edge, outbox, MIN(sequence), MAX(sequence), MIN(refused) FROM (
            SELECT *, sequence - ROW_NUMBER() OVER (
                PARTITION BY edge, outbox, refused IS NULL ORDER BY sequence
            ) AS run FROM records
        ) GROUP BY edge, outbox, refused IS NULL, run;
    DROP TABLE records;
    ALTER TABLE runs RENAME TO records;
",
    // One camera's events of one class, those that are open, and the hub's own among these: each was a search through all.
    "
    CREATE INDEX events_by_stream_and_label ON events (stream, label, id);
    CREATE INDEX events_open ON events (id) WHERE phase <> 'closed';
    CREATE INDEX events_own_open ON events (id) WHERE place = 'hub' AND outbox IS NULL AND phase <> 'closed';
",
    // Events that the hub has closed for an edge that never came back: the revision is the edge's last and one more. And for how
    // long nothing was heard of edges while the hub was there.
    "
    ALTER TABLE events ADD COLUMN given_up INTEGER NOT NULL DEFAULT 0;
    CREATE TABLE silences (edge TEXT PRIMARY KEY NOT NULL, seconds INTEGER NOT NULL) STRICT, WITHOUT ROWID;
",
];

/// Up to this version a migration writes everything anew; those behind it add to what is there.
const REWRITTEN: usize = 6;
const DOING: &str = "bring the database up to date";

/// Brings the database in that file up to date: all of it or nothing. A large one takes minutes, and [`Room`] beside it.
pub(super) async fn migrate(writer: &SqlitePool, file: &Path) -> Result<(), StoreError> {
    migrate_beside(writer, Room::beside(file).await).await
}

async fn migrate_beside(writer: &SqlitePool, room: Room) -> Result<(), StoreError> {
    let failed = StoreError::at::<sqlx::Error>(DOING);
    let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
    let row = sqlx::query("PRAGMA user_version").fetch_one(&mut *transaction).await.map_err(&failed)?;
    let version = usize::try_from(row.get::<i64, _>(0)).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        let message =
            format!("it was written by a later version of the hub ({version}, this one knows {})", MIGRATIONS.len());
        return Err(StoreError::at("open the database")(std::io::Error::other(message)));
    }
    if version == MIGRATIONS.len() {
        return Ok(());
    }
    if version < REWRITTEN && room.is_too_little() {
        // It would fill the disk, for all else on it too, and again at each attempt to start.
        return Err(StoreError::at(DOING)(std::io::Error::other(room.words())));
    }
    if version > 0 {
        let Room { needed_mb, free_mb, .. } = room;
        let to = MIGRATIONS.len();
        tracing::info!(
            step = "store",
            from = version,
            to,
            needed_mb,
            free_mb,
            "the database is brought up to date: where it is large that takes minutes, and room beside it"
        );
    }
    for migration in &MIGRATIONS[version..] {
        let done = sqlx::raw_sql(*migration).execute(&mut *transaction).await;
        done.map_err(|error| failed_for(room, error))?;
    }
    // A pragma takes no parameters; the number is ours.
    let version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", MIGRATIONS.len()));
    sqlx::raw_sql(version).execute(&mut *transaction).await.map_err(&failed)?;
    transaction.commit().await.map_err(|error| failed_for(room, error))?;
    // The log is as large as the database by now, and would stay so.
    if let Err(error) = sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(writer).await {
        tracing::warn!(
            step = "store",
            %error,
            "the database is up to date, but the upgrade's log can't be written back to it yet, and takes its room on the disk"
        );
    }
    Ok(())
}

/// On the database's disk, MB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Room {
    /// The file's length.
    file_mb: u64,
    /// All of it is written once more, to the log, before the file becomes some larger.
    needed_mb: u64,
    /// Where the system does not say, nobody knows.
    free_mb: Option<u64>,
}

impl Room {
    async fn beside(file: &Path) -> Self {
        let bytes = tokio::fs::metadata(file).await.map_or(0, |file| file.len());
        let free = free(file).await;
        let (file_mb, needed_mb) = (bytes / 1_000_000, (bytes + bytes / 4) / 1_000_000);
        Self { file_mb, needed_mb, free_mb: free.map(|bytes| bytes / 1_000_000) }
    }

    /// Whether not even the log would fit.
    fn is_too_little(self) -> bool {
        self.free_mb.is_some_and(|free_mb| free_mb < self.file_mb)
    }

    fn words(self) -> String {
        let Self { needed_mb, free_mb, .. } = self;
        let free_mb = free_mb.unwrap_or_default();
        format!(
            "it takes some {needed_mb} MB beside the database, and {free_mb} MB are free: make room, and start the hub again"
        )
    }
}

/// Says that there was too little room, where that may be why.
fn failed_for(room: Room, error: sqlx::Error) -> StoreError {
    match room.free_mb {
        Some(free_mb) if free_mb <= room.needed_mb => {
            StoreError::at(DOING)(std::io::Error::other(format!("{error}; {}", room.words())))
        }
        _ => StoreError::at(DOING)(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_for_the_upgrade_is_said_and_not_where_there_is_room() {
        for (free_mb, said) in [(Some(900), true), (Some(1300), false), (None, false)] {
            let room = Room { file_mb: 1000, needed_mb: 1250, free_mb };
            let error = failed_for(room, sqlx::Error::Protocol("full".into())).to_string();
            assert!(error.contains("full") && error.contains("1250 MB beside") == said, "{error}");
        }
    }

    /// It wrote until the disk had nothing left, failed, and was started again.
    #[tokio::test]
    async fn an_upgrade_without_room_is_not_begun() {
        let room = |free_mb| Room { file_mb: 1000, needed_mb: 1250, free_mb: Some(free_mb) };
        // One connection: each has a database of its own.
        let pool = sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await.unwrap();
        for migration in &MIGRATIONS[..5] {
            sqlx::raw_sql(*migration).execute(&pool).await.unwrap();
        }
        let is_at = async |version: i64| {
            let now: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&pool).await.unwrap();
            assert_eq!(now, version);
        };
        sqlx::raw_sql("PRAGMA user_version = 5").execute(&pool).await.unwrap();
        let error = migrate_beside(&pool, room(999)).await.unwrap_err().to_string();
        assert!(error.contains("1250 MB beside the database, and 999 MB are free"), "{error}");
        is_at(5).await;
        // It may do; only those that add to what is there do with less.
        migrate_beside(&pool, room(1001)).await.unwrap();
        is_at(MIGRATIONS.len() as i64).await;
        let back = "DROP INDEX events_by_stream_and_label; DROP INDEX events_open; DROP INDEX events_own_open;
                    ALTER TABLE events DROP COLUMN given_up; DROP TABLE silences; PRAGMA user_version = 6";
        sqlx::raw_sql(back).execute(&pool).await.unwrap();
        migrate_beside(&pool, room(999)).await.unwrap();
        is_at(MIGRATIONS.len() as i64).await;
    }
}
