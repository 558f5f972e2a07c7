//! Keeps a batch in one transaction.

use hub_core::record::{Keep, keep};
use omma_protocol::wire::mqtt::{EventMessage, IncidentMessage, PhaseName, PlaceName};
use sqlx::sqlite::{SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Result, Row};

use super::note::{self, Seen};
use super::retain::was_removed;
use super::{Database, read};
use crate::store::{Arrival, Content, Origin, Outcome, Picture, StoreError};

impl Database {
    /// All of it or nothing. Outcomes are in the batch's order. `now_us` is the hub's clock; while that is not set what comes
    /// is as old as its edge says, or all that an outage has brought would be too old once it is.
    pub(in crate::store) async fn keep(
        &self,
        batch: &[&Arrival],
        now_us: Option<i64>,
    ) -> Result<Vec<Outcome>, StoreError> {
        let failed = StoreError::at::<sqlx::Error>("keep events");
        let mut transaction = self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(&failed)?;
        let mut outcomes = Vec::with_capacity(batch.len());
        for arrival in batch {
            outcomes.push(one(&mut transaction, arrival, now_us).await.map_err(&failed)?);
        }
        transaction.commit().await.map_err(&failed)?;
        Ok(outcomes)
    }
}

/// Closes what the hub's own analysis left open, at the last moment that is known of it. Gives the closed states.
pub(super) async fn close_orphans(writer: &SqlitePool, now_us: i64) -> Result<Vec<EventMessage>, StoreError> {
    let rows = sqlx::query(
        "UPDATE events SET phase = 'closed', closed_us = best_us, revision = revision + 1, received_us = MAX(received_us, ?)
         WHERE place = 'hub' AND outbox IS NULL AND phase <> 'closed'
         RETURNING *, NULL AS picture_revision, FALSE AS has_crop",
    )
    .bind(now_us)
    .fetch_all(writer)
    .await;
    let event = |row: &SqliteRow| read::event(row).map(|stored| stored.event);
    let closed: Result<Vec<EventMessage>> = rows.and_then(|rows| rows.iter().map(event).collect());
    let closed = closed.map_err(StoreError::at("close the hub's own events"))?;
    if !closed.is_empty() {
        tracing::info!(step = "store", events = closed.len(), "events that were open at the last end are closed");
    }
    Ok(closed)
}

async fn one(db: &mut SqliteConnection, arrival: &Arrival, now_us: Option<i64>) -> Result<Outcome> {
    let new = match &arrival.origin {
        Some(origin) => match note::seen(db, origin).await? {
            Seen::Before => return Ok(copy(arrival)),
            Seen::New(new) => Some(new),
            Seen::Unknown => None,
        },
        None => None,
    };
    let outcome = match &arrival.content {
        Content::Event(event) => keep_event(db, event, now_us).await?,
        Content::Picture(picture) => keep_picture(db, picture, now_us).await?,
        Content::Incident(incident) => keep_incident(db, arrival.origin.as_ref(), incident, now_us).await?,
        Content::Unsound { .. } => copy(arrival),
    };
    if let Some(new) = new {
        // Pictures of an outage come when there is room on the link, and incidents behind all states.
        if new.is_behind() && !matches!(arrival.content, Content::Picture(_) | Content::Incident(_)) {
            out_of_order().increment(1);
        }
        new.note(db, &outcome).await?;
    }
    Ok(outcome)
}

/// What is said of something that changes nothing.
fn copy(arrival: &Arrival) -> Outcome {
    match &arrival.content {
        Content::Unsound { reason } => Outcome::Refused { reason: reason.clone() },
        _ => Outcome::Kept { keep: Keep::Copy, replaced: None },
    }
}

/// States of events that were first stored after a later record of their outbox.
pub(super) fn out_of_order() -> metrics::Counter {
    metrics::counter!("omma_store_out_of_order_total")
}

async fn keep_event(db: &mut SqliteConnection, event: &EventMessage, now_us: Option<i64>) -> Result<Outcome> {
    let id = event.id.0.as_bytes().as_slice();
    let kept = sqlx::query("SELECT stream, revision - given_up FROM events WHERE id = ?")
        .bind(id)
        .fetch_optional(&mut *db)
        .await?;
    let stream = event.stream.to_string();
    let revision = match kept {
        Some(row) if row.get::<&str, _>(0) != stream => return Ok(of_other_stream()),
        // Where the hub has given it up its edge knows nothing of the hub's revision.
        Some(row) => Some(row.get::<u32, _>(1)),
        None if was_removed(db, id).await? => return Ok(Outcome::Kept { keep: Keep::Older, replaced: None }),
        None => None,
    };
    let keep = keep(false, revision, event.revision);
    if keep == Keep::Latest {
        let [x, y, w, h] = event.rect;
        let why = event.why.as_ref().map(serde_json::to_string).transpose();
        let why = why.map_err(|e| sqlx::Error::Encode(Box::new(e)))?;
        sqlx::query(
            "INSERT OR REPLACE INTO events (id, stream, phase, revision, label, track, score, x, y, w, h,
                opened_us, best_us, closed_us, place, engine, model, outbox, sequence, rule, why, received_us)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(id)
        .bind(stream)
        .bind(phase(event.phase))
        .bind(event.revision)
        .bind(&event.label)
        // The two's complement: the database has no unsigned 64 bits, and nobody sorts by it.
        .bind(event.track as i64)
        .bind(f64::from(event.score))
        .bind(f64::from(x))
        .bind(f64::from(y))
        .bind(f64::from(w))
        .bind(f64::from(h))
        .bind(event.opened_us)
        .bind(event.best_us)
        .bind(event.closed_us)
        .bind(place(event.place))
        .bind(&event.engine)
        .bind(&event.model)
        .bind(event.outbox.map(|o| o.0.as_bytes().to_vec()))
        .bind(event.sequence.and_then(|s| i64::try_from(s).ok()))
        .bind(event.rule.as_deref())
        .bind(why)
        .bind(now_us.or(event.closed_us).unwrap_or(event.best_us))
        .execute(db)
        .await?;
    }
    Ok(Outcome::Kept { keep, replaced: None })
}

async fn keep_picture(db: &mut SqliteConnection, picture: &Picture, now_us: Option<i64>) -> Result<Outcome> {
    let event = picture.event.0.as_bytes().as_slice();
    let stream = picture.stream.to_string();
    let others: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM events WHERE id = ?1 AND stream <> ?2)
             OR EXISTS (SELECT 1 FROM pictures WHERE event = ?1 AND stream <> ?2)",
    )
    .bind(event)
    .bind(&stream)
    .fetch_one(&mut *db)
    .await?;
    if others {
        return Ok(of_other_stream());
    }
    let kept = sqlx::query("SELECT revision, place FROM pictures WHERE event = ?").bind(event);
    let kept = kept.fetch_optional(&mut *db).await?.map(|row| (row.get::<u32, _>(0), row.get::<String, _>(1)));
    let keep = keep(false, kept.as_ref().map(|(revision, _)| *revision), picture.revision);
    if keep != Keep::Latest {
        return Ok(Outcome::Kept { keep, replaced: None });
    }
    if kept.is_none() && was_removed(db, event).await? {
        return Ok(Outcome::Kept { keep: Keep::Older, replaced: None });
    }
    // An update where it is there: the triggers that sum up sizes see no row that a REPLACE deletes.
    sqlx::query(
        "INSERT INTO pictures (event, stream, revision, time_us, place, crop_at, bytes, received_us)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (event) DO UPDATE SET revision = excluded.revision, time_us = excluded.time_us,
            place = excluded.place, crop_at = excluded.crop_at, bytes = excluded.bytes,
            received_us = excluded.received_us",
    )
    .bind(event)
    .bind(stream)
    .bind(picture.revision)
    .bind(picture.time.0)
    .bind(picture.place())
    .bind(picture.crop_at().and_then(|at| i64::try_from(at).ok()))
    .bind(i64::try_from(picture.files().map(|file| file.len()).sum::<usize>()).unwrap_or(i64::MAX))
    .bind(now_us.unwrap_or(picture.time.0))
    .execute(&mut *db)
    .await?;
    // A copy of one that was removed, whose old file could not be: the file is needed again.
    sqlx::query("DELETE FROM unlinked WHERE place = ?").bind(picture.place()).execute(&mut *db).await?;
    let replaced = kept.map(|(_, place)| place);
    if let Some(place) = &replaced {
        sqlx::query("INSERT OR IGNORE INTO unlinked (place) VALUES (?)").bind(place).execute(db).await?;
    }
    Ok(Outcome::Kept { keep, replaced })
}

async fn keep_incident(
    db: &mut SqliteConnection,
    origin: Option<&Origin>,
    incident: &IncidentMessage,
    now_us: Option<i64>,
) -> Result<Outcome> {
    let Some(Origin { edge, stamp }) = origin else {
        return Ok(Outcome::Refused { reason: "an incident of no edge".to_owned() });
    };
    if was_removed(db, incident.id.0.as_bytes()).await? {
        return Ok(Outcome::Kept { keep: Keep::Older, replaced: None });
    }
    let done = sqlx::query(
        "INSERT OR IGNORE INTO incidents (received_us, edge, id, time_us, kind, message, outbox, sequence)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(now_us)
    .bind(edge.as_str())
    .bind(incident.id.0.as_bytes().as_slice())
    .bind(incident.time_us)
    .bind(&incident.kind)
    .bind(&incident.message)
    .bind(stamp.outbox.0.as_bytes().as_slice())
    // The two's complement, as of a track.
    .bind(stamp.sequence as i64)
    .execute(db)
    .await?;
    let keep = if done.rows_affected() == 1 { Keep::Latest } else { Keep::Copy };
    Ok(Outcome::Kept { keep, replaced: None })
}

/// Ids are drawn at random: one that two streams share is a forgery, or a fault of an edge's generator.
fn of_other_stream() -> Outcome {
    Outcome::Refused { reason: "the event's id belongs to another stream".to_owned() }
}

pub(super) fn phase(phase: PhaseName) -> &'static str {
    match phase {
        PhaseName::Opened => "opened",
        PhaseName::Updated => "updated",
        PhaseName::Closed => "closed",
    }
}

fn place(place: PlaceName) -> &'static str {
    match place {
        PlaceName::Edge => "edge",
        PlaceName::Hub => "hub",
    }
}
