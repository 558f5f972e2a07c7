//! Notes what has arrived, so that a copy is known as one for ever.
//!
//! A row of `records` stands for a run of numbers, `sequence` to `through` ([`hub_core::runs`]): most of what arrives makes the
//! last row of its outbox longer, and none anew.

use hub_core::runs::{self, Run};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Result, Row};

use crate::store::{Origin, Outcome};

/// A place in an edge's outbox that nothing has arrived from.
pub(super) struct New<'a> {
    origin: &'a Origin,
    number: i64,
    before: Option<Run>,
    after: Option<Run>,
}

/// What there is to know of it.
pub(super) enum Seen<'a> {
    /// It has arrived before.
    Before,
    /// It has not.
    New(New<'a>),
    /// A number beyond what a database's integer holds can only come from a broken edge: it is not noted, and every copy is
    /// judged by its revision alone.
    Unknown,
}

/// Whether something has arrived from there.
pub(super) async fn seen<'a>(db: &mut SqliteConnection, origin: &'a Origin) -> Result<Seen<'a>> {
    let Ok(number) = i64::try_from(origin.stamp.sequence) else { return Ok(Seen::Unknown) };
    let before = "SELECT sequence, through, refused IS NOT NULL FROM records
        WHERE edge = ? AND outbox = ? AND sequence <= ? ORDER BY sequence DESC LIMIT 1";
    let after = "SELECT sequence, through, refused IS NOT NULL FROM records
        WHERE edge = ? AND outbox = ? AND sequence > ? ORDER BY sequence LIMIT 1";
    let before = find(db, before, origin, number).await?;
    if before.is_some_and(|run| number <= run.last) {
        return Ok(Seen::Before);
    }
    let after = find(db, after, origin, number).await?;
    Ok(Seen::New(New { origin, number, before, after }))
}

async fn find(db: &mut SqliteConnection, query: &'static str, origin: &Origin, number: i64) -> Result<Option<Run>> {
    let row = sqlx::query(query)
        .bind(origin.edge.as_str())
        .bind(origin.stamp.outbox.0.as_bytes().as_slice())
        .bind(number)
        .fetch_optional(db)
        .await?;
    Ok(row.map(|row: SqliteRow| Run { first: row.get(0), last: row.get(1), refused: row.get(2) }))
}

impl New<'_> {
    /// Whether something has arrived that was put into the same outbox after it.
    pub(super) fn is_behind(&self) -> bool {
        self.after.is_some()
    }

    /// Notes that it has arrived, and what became of it.
    pub(super) async fn note(self, db: &mut SqliteConnection, outcome: &Outcome) -> Result<()> {
        let reason = match outcome {
            Outcome::Refused { reason } => Some(reason.as_str()),
            Outcome::Kept { .. } | Outcome::Unwritten { .. } => None,
        };
        let Self { origin, number, before, after } = self;
        let Some(run) = runs::note(number, reason.is_some(), before, after) else { return Ok(()) };
        let (edge, outbox) = (origin.edge.as_str(), origin.stamp.outbox.0.as_bytes().as_slice());
        if run.last > number {
            sqlx::query("DELETE FROM records WHERE edge = ? AND outbox = ? AND sequence = ?")
                .bind(edge)
                .bind(outbox)
                .bind(number + 1)
                .execute(&mut *db)
                .await?;
        }
        sqlx::query(
            "INSERT INTO records (edge, outbox, sequence, through, refused) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (edge, outbox, sequence) DO UPDATE SET through = excluded.through",
        )
        .bind(edge)
        .bind(outbox)
        .bind(run.first)
        .bind(run.last)
        .bind(reason)
        .execute(db)
        .await?;
        Ok(())
    }
}
