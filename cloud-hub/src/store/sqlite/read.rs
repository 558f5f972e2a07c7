//! Finds events, pictures and incidents.

use omma_protocol::id::{EdgeId, EventId, IncidentId, OutboxId, StreamId};
use omma_protocol::wire::mqtt::{EventMessage, IncidentMessage, PhaseName, PlaceName};
use sqlx::sqlite::{Sqlite, SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Result, Row};
use uuid::Uuid;

use super::Database;
use crate::store::StoreError;

/// Which events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Only this stream's.
    pub stream: Option<StreamId>,
    /// Only this class.
    pub label: Option<String>,
    /// Only in this phase.
    pub phase: Option<PhaseName>,
    /// Only older than this one.
    pub before: Option<EventId>,
    /// At most so many.
    pub limit: u32,
}

/// An event as kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredEvent {
    /// Its latest state.
    pub event: EventMessage,
    /// The revision of its best picture, where it has one.
    pub picture_revision: Option<u32>,
    /// Whether that has a crop.
    pub has_crop: bool,
    /// Whether the hub has closed it because nothing was heard of its edge.
    pub given_up: bool,
}

/// An incident as kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredIncident {
    /// Of which edge.
    pub edge: EdgeId,
    /// Its place in the order in which the hub got them.
    pub number: i64,
    /// When the hub kept it, µs since the epoch on its clock; `None` of one that a hub of before has kept.
    pub received_us: Option<i64>,
    /// As it came.
    pub incident: IncidentMessage,
}

/// A picture as kept.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) struct StoredPicture {
    pub(in crate::store) revision: u32,
    pub(in crate::store) place: String,
    /// Where in the file the crop begins.
    pub(in crate::store) crop_at: Option<u64>,
}

pub(super) const SELECT: &str = "SELECT e.*, p.revision AS picture_revision, p.crop_at IS NOT NULL AS has_crop
    FROM events e LEFT JOIN pictures p ON p.event = e.id AND p.stream = e.stream WHERE TRUE";

impl Database {
    /// Newest first.
    pub(in crate::store) async fn events(&self, filter: &Filter) -> Result<Vec<StoredEvent>, StoreError> {
        let read = async {
            let rows = events_of(SELECT, filter).build().fetch_all(&mut *self.reader().await?).await?;
            rows.iter().map(event).collect::<Result<_>>()
        };
        read.await.map_err(StoreError::at("read events"))
    }

    /// The first `limit`: one look into the index for each, however many events there are.
    pub(in crate::store) async fn labels(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("read the labels of events");
        let mut reader = self.reader().await.map_err(&failed)?;
        sqlx::query_scalar(
            "WITH RECURSIVE labels (label) AS (
                SELECT MIN(label) FROM events
                UNION ALL
                SELECT (SELECT MIN(label) FROM events WHERE label > labels.label) FROM labels WHERE label IS NOT NULL
                LIMIT ?
            )
            SELECT label FROM labels WHERE label IS NOT NULL",
        )
        .bind(limit)
        .fetch_all(&mut *reader)
        .await
        .map_err(&failed)
    }

    pub(in crate::store) async fn event(&self, id: EventId) -> Result<Option<StoredEvent>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push(" AND e.id = ").push_bind(id.0.as_bytes().to_vec());
        let read = async {
            let row = query.build().fetch_optional(&mut *self.reader().await?).await?;
            row.as_ref().map(event).transpose()
        };
        read.await.map_err(StoreError::at("read an event"))
    }

    pub(in crate::store) async fn picture(&self, id: EventId) -> Result<Option<StoredPicture>, StoreError> {
        let read = async { picture(&mut *self.reader().await?, id).await };
        read.await.map_err(StoreError::at("read a picture's entry"))
    }

    /// As [`Database::picture`], for whoever is about to write: waits for no reader.
    pub(in crate::store) async fn kept_picture(&self, id: EventId) -> Result<Option<StoredPicture>, StoreError> {
        let read = async { picture(&mut *self.before_writing.acquire().await?, id).await };
        read.await.map_err(StoreError::at("read a picture's entry"))
    }

    /// Those that the hub got last, first, of one edge or of all.
    pub(in crate::store) async fn incidents(
        &self,
        edge: Option<&EdgeId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM incidents WHERE TRUE");
        if let Some(edge) = edge {
            query.push(" AND edge = ").push_bind(edge.to_string());
        }
        if let Some(before) = before {
            query.push(" AND number < ").push_bind(before);
        }
        query.push(" ORDER BY number DESC LIMIT ").push_bind(limit);
        let read = async {
            let rows = query.build().fetch_all(&mut *self.reader().await?).await?;
            rows.iter().map(incident).collect::<Result<_>>()
        };
        read.await.map_err(StoreError::at("read incidents"))
    }
}

async fn picture(db: &mut SqliteConnection, id: EventId) -> Result<Option<StoredPicture>> {
    let row = sqlx::query("SELECT revision, place, crop_at FROM pictures WHERE event = ?")
        .bind(id.0.as_bytes().as_slice())
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row| StoredPicture {
        revision: row.get(0),
        place: row.get(1),
        crop_at: row.get::<Option<i64>, _>(2).and_then(|at| u64::try_from(at).ok()),
    }))
}

/// Behind a `SELECT` with a `WHERE`, of `events e`.
pub(super) fn events_of(select: &str, filter: &Filter) -> QueryBuilder<Sqlite> {
    let mut query = QueryBuilder::<Sqlite>::new(select);
    if let Some(stream) = &filter.stream {
        query.push(" AND e.stream = ").push_bind(stream.to_string());
    }
    if let Some(label) = &filter.label {
        query.push(" AND e.label = ").push_bind(label.clone());
    }
    // In so many words: SQLite can't tell of a parameter that it is none of those that are closed, and only these have an
    // index.
    query.push(match filter.phase {
        None => "",
        Some(PhaseName::Opened) => " AND e.phase <> 'closed' AND e.phase = 'opened'",
        Some(PhaseName::Updated) => " AND e.phase <> 'closed' AND e.phase = 'updated'",
        Some(PhaseName::Closed) => " AND e.phase = 'closed'",
    });
    if let Some(before) = filter.before {
        query.push(" AND e.id < ").push_bind(before.0.as_bytes().to_vec());
    }
    query.push(" ORDER BY e.id DESC LIMIT ").push_bind(filter.limit);
    query
}

/// A row of [`SELECT`]'s columns.
pub(super) fn event(row: &SqliteRow) -> Result<StoredEvent> {
    let float = |column| row.try_get::<f64, _>(column).map(|v| v as f32);
    let event = EventMessage {
        outbox: match row.try_get::<Option<&[u8]>, _>("outbox")? {
            Some(bytes) => Some(OutboxId(uuid("outbox", bytes)?)),
            None => None,
        },
        sequence: row.try_get::<Option<i64>, _>("sequence")?.map(|s| s as u64),
        id: EventId(uuid("id", row.try_get("id")?)?),
        stream: row.try_get::<&str, _>("stream")?.parse().map_err(|e| broken("stream", e))?,
        phase: match row.try_get("phase")? {
            "opened" => PhaseName::Opened,
            "updated" => PhaseName::Updated,
            _ => PhaseName::Closed,
        },
        revision: row.try_get("revision")?,
        label: row.try_get("label")?,
        track: row.try_get::<i64, _>("track")? as u64,
        score: float("score")?,
        rect: [float("x")?, float("y")?, float("w")?, float("h")?],
        opened_us: row.try_get("opened_us")?,
        best_us: row.try_get("best_us")?,
        closed_us: row.try_get("closed_us")?,
        rule: row.try_get("rule")?,
        why: match row.try_get::<Option<&str>, _>("why")? {
            Some(json) => Some(serde_json::from_str(json).map_err(|e| broken("why", e))?),
            None => None,
        },
        place: if row.try_get::<&str, _>("place")? == "hub" { PlaceName::Hub } else { PlaceName::Edge },
        engine: row.try_get("engine")?,
        model: row.try_get("model")?,
    };
    Ok(StoredEvent {
        event,
        picture_revision: row.try_get("picture_revision")?,
        has_crop: row.try_get("has_crop")?,
        given_up: row.try_get("given_up")?,
    })
}

fn incident(row: &SqliteRow) -> Result<StoredIncident> {
    Ok(StoredIncident {
        edge: row.try_get::<&str, _>("edge")?.parse().map_err(|e| broken("edge", e))?,
        number: row.try_get("number")?,
        received_us: row.try_get("received_us")?,
        incident: IncidentMessage {
            outbox: OutboxId(uuid("outbox", row.try_get("outbox")?)?),
            sequence: row.try_get::<i64, _>("sequence")? as u64,
            id: IncidentId(uuid("id", row.try_get("id")?)?),
            time_us: row.try_get("time_us")?,
            kind: row.try_get("kind")?,
            message: row.try_get("message")?,
        },
    })
}

fn uuid(column: &str, bytes: &[u8]) -> Result<Uuid> {
    Uuid::from_slice(bytes).map_err(|e| broken(column, e))
}

pub(super) fn broken(column: &str, source: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode { index: column.to_owned(), source: Box::new(source) }
}
