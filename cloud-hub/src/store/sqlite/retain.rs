//! What is there, what of it is oldest, and its removal.

use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Result, Row};

use super::Database;
use crate::store::StoreError;

/// What was removed is remembered by its id, so that it does not come back as new under another number of its outbox: so many,
/// some 50 bytes each.
const REMEMBERED: i64 = 1_000_000;

/// When it was last heard of, bytes of its picture, and which it is: the first `?` of each, oldest first.
pub(super) const OLDEST_EVENTS: &str = "
    SELECT e.received_us, p.bytes, e.id FROM events e LEFT JOIN pictures p ON p.event = e.id
    WHERE e.phase = 'closed' ORDER BY e.received_us, e.id LIMIT ?";
pub(super) const OLDEST_INCIDENTS: &str =
    "SELECT COALESCE(received_us, time_us), NULL, number FROM incidents ORDER BY number LIMIT ?";
/// Only those older than every closed event: what is behind them is looked at when they are gone. The bound names no column of
/// the row, or all pictures would be read.
pub(super) const OLDEST_PICTURES: &str = "
    SELECT p.received_us, p.bytes, p.event FROM pictures p
    WHERE p.received_us <= COALESCE(
            (SELECT MIN(received_us) FROM events WHERE phase = 'closed'), 9223372036854775807)
        AND NOT EXISTS (SELECT 1 FROM events e WHERE e.id = p.event)
    ORDER BY p.received_us LIMIT ?";

/// Something that may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) struct Candidate {
    pub(in crate::store) what: What,
    /// When the hub last heard of it, µs since the epoch on its clock.
    pub(in crate::store) heard_us: i64,
    /// Bytes of its picture, as far as they are known.
    pub(in crate::store) picture: u64,
}

/// What became of some of them.
#[derive(Debug)]
pub(in crate::store) struct Removed {
    /// Of each, whether it was removed: it was there, and as it was found.
    pub(in crate::store) gone: Vec<bool>,
    /// Files that nothing points to any more.
    pub(in crate::store) places: Vec<String>,
}

/// Of which kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum What {
    /// A closed event with its picture.
    Event(Vec<u8>),
    /// An incident, by its number.
    Incident(i64),
    /// A picture whose event is not there. It is not remembered: its event may come yet.
    Picture(Vec<u8>),
}

impl What {
    /// All words.
    pub(in crate::store) const WORDS: [&'static str; 3] = ["event", "incident", "picture"];

    /// As metrics name it.
    pub(in crate::store) fn word(&self) -> &'static str {
        match self {
            Self::Event(_) => "event",
            Self::Incident(_) => "incident",
            Self::Picture(_) => "picture",
        }
    }
}

impl Database {
    /// Bytes of pictures, and of what the database uses of its file.
    pub(in crate::store) async fn bytes(&self) -> Result<(u64, u64), StoreError> {
        let failed = StoreError::at::<sqlx::Error>("see what the store takes");
        let mut reader = self.reader().await.map_err(&failed)?;
        let row = sqlx::query(
            "SELECT (SELECT bytes FROM totals), (pages.page_count - free.freelist_count) * size.page_size
             FROM pragma_page_count pages, pragma_freelist_count free, pragma_page_size size",
        )
        .fetch_one(&mut *reader)
        .await
        .map_err(&failed)?;
        Ok((row.get::<i64, _>(0).unsigned_abs(), row.get::<i64, _>(1).unsigned_abs()))
    }

    /// The oldest that may go, oldest first.
    pub(in crate::store) async fn oldest(&self, limit: u32) -> Result<Vec<Candidate>, StoreError> {
        self.all_oldest(limit).await.map_err(StoreError::at("find what is oldest"))
    }

    async fn all_oldest(&self, limit: u32) -> Result<Vec<Candidate>> {
        let candidate = |what: fn(&SqliteRow) -> What| {
            move |row: SqliteRow| Candidate {
                what: what(&row),
                heard_us: row.get(0),
                picture: row.get::<Option<i64>, _>(1).unwrap_or_default().unsigned_abs(),
            }
        };
        let (mut all, mut reader) = (vec![], self.reader().await?);
        for (query, what) in [
            (OLDEST_EVENTS, (|row| What::Event(row.get(2))) as fn(&SqliteRow) -> What),
            (OLDEST_INCIDENTS, |row| What::Incident(row.get(2))),
            (OLDEST_PICTURES, |row| What::Picture(row.get(2))),
        ] {
            let rows = sqlx::query(query).bind(limit).fetch_all(&mut *reader).await?;
            all.extend(rows.into_iter().map(candidate(what)));
        }
        all.sort_by_key(|candidate| candidate.heard_us);
        all.truncate(limit as usize);
        Ok(all)
    }

    /// How many events the hub has last heard of before then; counts no further than `most`.
    pub(in crate::store) async fn older(&self, than_us: i64, most: u32) -> Result<u32, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("count what is too old");
        let mut reader = self.reader().await.map_err(&failed)?;
        sqlx::query_scalar(
            "SELECT COUNT(*) FROM (SELECT 1 FROM events WHERE phase = 'closed' AND received_us < ? LIMIT ?)",
        )
        .bind(than_us)
        .bind(most)
        .fetch_one(&mut *reader)
        .await
        .map_err(&failed)
    }

    /// Removes those that still are as they were found, in one transaction. Their files are on the list of
    /// [`Database::unlinked`] then, until they are [forgotten](Database::forget).
    pub(in crate::store) async fn remove(&self, what: &[Candidate]) -> Result<Removed, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("remove what is old");
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let mut removed = Removed { gone: vec![], places: vec![] };
        for candidate in what {
            remove(&mut transaction, candidate, &mut removed).await.map_err(&failed)?;
        }
        sqlx::query("DELETE FROM removed WHERE number <= (SELECT MAX(number) FROM removed) - ?")
            .bind(REMEMBERED)
            .execute(&mut *transaction)
            .await
            .map_err(&failed)?;
        transaction.commit().await.map_err(&failed)?;
        Ok(removed)
    }

    /// Files that nothing points to any more and that may still be there, also after a crash, in the order of their names.
    pub(in crate::store) async fn unlinked(&self, after: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("find files of removed pictures");
        let mut reader = self.reader().await.map_err(&failed)?;
        let places = sqlx::query_scalar("SELECT place FROM unlinked WHERE place > ? ORDER BY place LIMIT ?");
        places.bind(after).bind(limit).fetch_all(&mut *reader).await.map_err(&failed)
    }

    /// Those of these files that nothing points to: they are on the list still.
    pub(in crate::store) async fn still_unlinked(&self, places: &[String]) -> Result<Vec<String>, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("see which files are to be removed");
        let mut listed = QueryBuilder::<Sqlite>::new("SELECT place FROM unlinked WHERE place IN (");
        let mut names = listed.separated(", ");
        for place in places {
            names.push_bind(place);
        }
        listed.push(")");
        listed.build_query_scalar().fetch_all(&self.before_writing).await.map_err(&failed)
    }

    /// These files are gone.
    pub(in crate::store) async fn forget(&self, places: &[String]) -> Result<(), StoreError> {
        let failed = StoreError::at::<sqlx::Error>("forget files of removed pictures");
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        for place in places {
            let gone = sqlx::query("DELETE FROM unlinked WHERE place = ?").bind(place);
            gone.execute(&mut *transaction).await.map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// Pictures of before their size was noted: event and place.
    pub(in crate::store) async fn unmeasured(&self, limit: u32) -> Result<Vec<(Vec<u8>, String)>, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("find pictures of unknown size");
        let mut reader = self.reader().await.map_err(&failed)?;
        let rows = sqlx::query_as("SELECT event, place FROM pictures WHERE bytes IS NULL LIMIT ?");
        rows.bind(limit).fetch_all(&mut *reader).await.map_err(&failed)
    }

    /// Notes their sizes: event, place and bytes.
    pub(in crate::store) async fn measured(&self, sizes: &[(Vec<u8>, String, u64)]) -> Result<(), StoreError> {
        let failed = StoreError::at::<sqlx::Error>("note the sizes of pictures");
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        for (event, place, bytes) in sizes {
            sqlx::query("UPDATE pictures SET bytes = ? WHERE event = ? AND place = ? AND bytes IS NULL")
                .bind(i64::try_from(*bytes).unwrap_or(i64::MAX))
                .bind(event)
                .bind(place)
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }
}

/// Whether something of this id was there and has been removed.
pub(super) async fn was_removed(db: &mut SqliteConnection, id: &[u8]) -> Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM removed WHERE id = ?)").bind(id).fetch_one(db).await
}

async fn remove(db: &mut SqliteConnection, candidate: &Candidate, removed: &mut Removed) -> Result<()> {
    // What is removed, and whether it may not come back.
    let gone: Option<(Vec<u8>, bool)> = match &candidate.what {
        What::Event(id) => {
            // Of one that the hub has given up its edge may still tell the end.
            let delete = "DELETE FROM events WHERE id = ? AND phase = 'closed' AND received_us = ?
                RETURNING id, NOT given_up";
            sqlx::query_as(delete).bind(id).bind(candidate.heard_us).fetch_optional(&mut *db).await?
        }
        What::Incident(number) => {
            sqlx::query_as("DELETE FROM incidents WHERE number = ? RETURNING id, TRUE")
                .bind(number)
                .fetch_optional(&mut *db)
                .await?
        }
        What::Picture(event) => {
            let orphan = "SELECT event, FALSE FROM pictures WHERE event = ?1 AND received_us = ?2
                AND NOT EXISTS (SELECT 1 FROM events WHERE id = ?1)";
            sqlx::query_as(orphan).bind(event).bind(candidate.heard_us).fetch_optional(&mut *db).await?
        }
    };
    removed.gone.push(gone.is_some());
    let Some((id, for_good)) = gone else { return Ok(()) };
    if for_good {
        sqlx::query("INSERT OR IGNORE INTO removed (id) VALUES (?)").bind(&id).execute(&mut *db).await?;
    }
    if !matches!(candidate.what, What::Incident(_)) {
        let place: Option<String> = sqlx::query_scalar("DELETE FROM pictures WHERE event = ? RETURNING place")
            .bind(&id)
            .fetch_optional(&mut *db)
            .await?;
        if let Some(place) = place {
            let list = sqlx::query("INSERT OR IGNORE INTO unlinked (place) VALUES (?)").bind(&place);
            list.execute(&mut *db).await?;
            removed.places.push(place);
        }
    }
    Ok(())
}
