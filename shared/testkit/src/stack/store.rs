//! What the hub's store holds, read beside the hub: the witness of "once, and nothing is missing".

#![allow(clippy::panic, clippy::expect_used, reason = "for tests: what can't go on fails the test, with its reason")]

use std::collections::BTreeMap;
use std::path::Path;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Row};

/// The sequence numbers of one edge's outbox that have reached the store, ascending, refused ones included.
///
/// # Panics
/// When the database can't be read, or holds more than one outbox of the edge.
pub fn sequences(hub_data: &Path, edge: &str) -> Vec<u64> {
    records(hub_data, edge).into_iter().map(|(sequence, _)| sequence).collect()
}

/// As [`sequences`], each with whether what came under it was kept.
///
/// # Panics
/// As [`sequences`].
pub fn records(hub_data: &Path, edge: &str) -> Vec<(u64, bool)> {
    let mut outboxes = by_outbox(hub_data, edge);
    assert!(outboxes.len() <= 1, "the edge began {} outboxes, but its disk was never lost", outboxes.len());
    outboxes.pop_first().map(|(_, records)| records).unwrap_or_default()
}

/// As [`records`], of each outbox that the edge ever had, by its id: one on disk, and one each time that memory stood in.
///
/// # Panics
/// When the database can't be read.
pub fn by_outbox(hub_data: &Path, edge: &str) -> BTreeMap<Vec<u8>, Vec<(u64, bool)>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let rows = runtime.block_on(async {
        let options = SqliteConnectOptions::new().filename(hub_data.join("omma.db")).read_only(true);
        let mut connection = SqliteConnection::connect_with(&options).await?;
        let query = "SELECT outbox, sequence, through, refused IS NULL FROM records WHERE edge = ? ORDER BY sequence";
        sqlx::query(query).bind(edge).fetch_all(&mut connection).await
    });
    let mut outboxes: BTreeMap<Vec<u8>, Vec<(u64, bool)>> = BTreeMap::new();
    for row in rows.expect("the records in the hub's database") {
        let run = row.get::<i64, _>(1).unsigned_abs()..=row.get::<i64, _>(2).unsigned_abs();
        let kept = row.get::<i64, _>(3) == 1;
        outboxes.entry(row.get(0)).or_default().extend(run.map(|number| (number, kept)));
    }
    outboxes
}
