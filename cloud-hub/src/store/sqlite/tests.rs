//! How questions are answered, not what.

use omma_protocol::wire::mqtt::PhaseName;

use super::*;

async fn open() -> (Database, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let (database, _none) = Database::open(&folder.path().join("omma.db"), 0).await.unwrap();
    (database, folder)
}

#[tokio::test]
async fn no_filter_reads_through_the_events_of_all_cameras() {
    let (database, _folder) = open().await;
    let (stream, label) = (Some("site.door".parse().unwrap()), Some("person".to_owned()));
    let any = Filter { limit: 51, ..Filter::default() };
    let rows = [
        (Filter { stream: stream.clone(), ..any.clone() }, "stream=?"),
        (Filter { label: label.clone(), ..any.clone() }, "label=?"),
        (Filter { stream, label, ..any.clone() }, "stream=? AND label=?"),
        (Filter { phase: Some(PhaseName::Opened), ..any.clone() }, "events_open"),
        (Filter { phase: Some(PhaseName::Updated), ..any }, "events_open"),
    ];
    for (filter, by) in rows {
        let select = format!("EXPLAIN QUERY PLAN {}", read::SELECT);
        let plan = read::events_of(&select, &filter).build().fetch_all(&database.readers).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
        assert!(plan[0].contains(by), "{filter:?}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("TEMP B-TREE")), "{filter:?} is sorted: {plan:?}");
    }
}

#[tokio::test]
async fn no_look_for_what_is_oldest_reads_through_all_pictures_or_events() {
    let (database, _folder) = open().await;
    for (query, by) in [
        (retain::OLDEST_EVENTS, "INDEX events_closed"),
        (retain::OLDEST_INCIDENTS, "SCAN incidents"),
        (retain::OLDEST_PICTURES, "SEARCH p USING INDEX pictures_by_time (received_us<?)"),
    ] {
        let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"))).bind(200);
        let plan = plan.fetch_all(&database.readers).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row| sqlx::Row::get(row, "detail")).collect();
        assert!(plan.iter().any(|step| step.contains(by)), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("SCAN p") || step.contains("TEMP B-TREE")), "{plan:?}");
    }
}

/// Each took 0.15 MB when two first read at once, which over half an hour looked like a leak.
#[tokio::test]
async fn memory_does_not_step_up_as_more_connections_are_opened_later() {
    let (database, _folder) = open().await;
    for (pool, size) in [(&database.writer, 1), (&database.before_writing, 1), (&database.readers, READERS)] {
        assert_eq!(pool.size(), size);
        assert_eq!((pool.options().get_idle_timeout(), pool.options().get_max_lifetime()), (None, None));
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_ends_and_its_connection_is_free() {
    let (database, _folder) = open().await;
    for _ in 0..=READERS {
        let mut reader = database.reader_until(Instant::now()).await.unwrap();
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n";
        let error = sqlx::query(endless).fetch_one(&mut *reader).await.unwrap_err();
        assert!(error.to_string().contains("interrupted"), "{error}");
    }
    database.ping().await.unwrap();
}

#[tokio::test]
async fn readers_that_are_all_busy_hold_up_no_writing() {
    let (database, _folder) = open().await;
    let mut busy = vec![];
    for _ in 0..READERS {
        busy.push(database.reader().await.unwrap());
    }
    let id = "00000000-0000-7000-8000-000000000001".parse().unwrap();
    assert_eq!(database.kept_picture(id).await.unwrap(), None);
    drop(busy);
}
