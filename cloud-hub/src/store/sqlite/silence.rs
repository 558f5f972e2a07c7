//! Edges that have left events open, and their end.

use std::collections::BTreeSet;
use std::time::Duration;

use hub_core::silence::Silences;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::EventMessage;
use sqlx::sqlite::SqliteRow;
use sqlx::{Result, Row};

use super::{Database, read};
use crate::store::StoreError;

/// Of open events: all but the hub's own. In these words, since only open events have an index.
const OF_EDGES: &str = "phase <> 'closed' AND NOT (place = 'hub' AND outbox IS NULL)";

impl Database {
    /// Edges that have an open event.
    pub(in crate::store) async fn edges_with_open(&self) -> Result<BTreeSet<EdgeId>, StoreError> {
        let query = format!("SELECT DISTINCT substr(stream, 1, instr(stream, '.') - 1) FROM events WHERE {OF_EDGES}");
        let read = async {
            let names: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&mut *self.reader().await?).await?;
            names.iter().map(|name| name.parse().map_err(|e| read::broken("stream", e))).collect::<Result<_>>()
        };
        read.await.map_err(StoreError::at("find open events"))
    }

    /// How long nothing was heard of edges, as it was noted last.
    pub(in crate::store) async fn silences(&self) -> Result<Vec<(EdgeId, Duration)>, StoreError> {
        let silence = |row: &SqliteRow| {
            let edge = row.try_get::<&str, _>("edge")?.parse().map_err(|e| read::broken("edge", e))?;
            Ok((edge, Duration::from_secs(row.try_get::<i64, _>("seconds")?.unsigned_abs())))
        };
        let read = async {
            let rows = sqlx::query("SELECT edge, seconds FROM silences").fetch_all(&mut *self.reader().await?).await?;
            rows.iter().map(silence).collect::<Result<_>>()
        };
        read.await.map_err(StoreError::at("read how long edges are silent"))
    }

    /// Notes it, in place of what was noted before.
    pub(in crate::store) async fn note_silences(&self, silences: &Silences) -> Result<(), StoreError> {
        let failed = StoreError::at::<sqlx::Error>("note how long edges are silent");
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        sqlx::query("DELETE FROM silences").execute(&mut *transaction).await.map_err(&failed)?;
        for (edge, silence) in silences.iter() {
            sqlx::query("INSERT INTO silences (edge, seconds) VALUES (?, ?)")
                .bind(edge.as_str())
                .bind(i64::try_from(silence.as_secs()).unwrap_or(i64::MAX))
                .execute(&mut *transaction)
                .await
                .map_err(&failed)?;
        }
        transaction.commit().await.map_err(&failed)
    }

    /// Closes the open events of an edge, at the last moment that is known of each, and gives the closed states. They may go from
    /// now on, and are as old as if they had been heard of now: their edge may have more to tell of them. `now_us` is as of
    /// [`Database::keep`].
    pub(in crate::store) async fn give_up(
        &self,
        edge: &EdgeId,
        now_us: Option<i64>,
    ) -> Result<Vec<EventMessage>, StoreError> {
        // Names of edges have neither a dot nor a slash in them, and a slash comes next to a dot.
        let query = format!(
            "UPDATE events SET phase = 'closed', closed_us = best_us, revision = revision + 1, given_up = 1,
                received_us = MAX(received_us, COALESCE(?, received_us))
             WHERE {OF_EDGES} AND stream > ? AND stream < ?
             RETURNING *, NULL AS picture_revision, FALSE AS has_crop"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(now_us);
        let rows = query.bind(format!("{edge}.")).bind(format!("{edge}/")).fetch_all(&self.writer).await;
        let event = |row: &SqliteRow| read::event(row).map(|stored| stored.event);
        let closed = rows.and_then(|rows| rows.iter().map(event).collect());
        closed.map_err(StoreError::at("close the events of an edge that is gone"))
    }
}
