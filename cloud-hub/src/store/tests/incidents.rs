//! What befell edges.

use omma_protocol::id::IncidentId;
use omma_protocol::wire::mqtt::IncidentMessage;

use super::*;

fn incident_arrival(edge: &str, sequence: u64, id: u128, time_us: i64) -> Arrival {
    let incident = IncidentMessage {
        outbox: OutboxId(Uuid::from_u128(1)),
        sequence,
        id: IncidentId(Uuid::from_u128(id)),
        time_us,
        kind: "unclean_end".into(),
        message: format!("number {sequence}"),
    };
    Arrival { origin: origin(edge, sequence), content: Content::Incident(Box::new(incident)) }
}

#[tokio::test]
async fn an_incident_is_kept_once_however_often_and_under_which_number_it_comes() {
    let opened = open().await;
    let told = incident_arrival("site", 1, 7, 100);
    let outcomes = opened.store.keep(&[told.clone(), told.clone(), incident_arrival("site", 2, 7, 500)]).await.unwrap();
    assert_eq!(outcomes, [kept(Keep::Latest), kept(Keep::Copy), kept(Keep::Copy)]);
    // Another edge's is another one, whatever id it gave it.
    let others = [incident_arrival("other", 1, 7, 300), incident_arrival("site", 3, 8, 200)];
    assert_eq!(opened.store.keep(&others).await.unwrap(), [kept(Keep::Latest), kept(Keep::Latest)]);
    let opened = open_in(opened.folder).await;
    let all = opened.store.incidents(None, None, 10).await.unwrap();
    let shown: Vec<_> = all.iter().map(|kept| (kept.edge.as_str(), kept.incident.time_us)).collect();
    assert_eq!(shown, [("site", 200), ("other", 300), ("site", 100)]);
    let Content::Incident(first) = told.content else { panic!("it is one") };
    let of_site = opened.store.incidents(Some(&"site".parse().unwrap()), None, 10).await.unwrap();
    assert_eq!(of_site.last().unwrap().incident, *first);
    assert_eq!(opened.store.incidents(None, None, 2).await.unwrap(), all[..2]);
}

#[tokio::test]
async fn an_edge_whose_clock_is_wrong_puts_its_incidents_at_no_wrong_place() {
    const YEAR_US: i64 = 365 * 24 * 3600 * 1_000_000;
    let opened = open().await;
    let before_us = now_us();
    let times = [before_us, before_us + 50 * YEAR_US, before_us, 0, i64::MIN, before_us];
    for (n, time_us) in (1..).zip(times) {
        opened.store.keep(&[incident_arrival("site", n, n.into(), time_us)]).await.unwrap();
    }
    let all = opened.store.incidents(None, None, 10).await.unwrap();
    let sequences = |page: &[StoredIncident]| page.iter().map(|kept| kept.incident.sequence).collect::<Vec<_>>();
    assert_eq!(sequences(&all), [6, 5, 4, 3, 2, 1]);
    assert_eq!(all.iter().rev().map(|kept| kept.incident.time_us).collect::<Vec<_>>(), times, "as they were told");
    let now = before_us..=now_us();
    assert!(all.iter().all(|kept| kept.received_us.is_some_and(|at| now.contains(&at))), "{all:?}");

    // A page goes on where the one before has ended, whatever has come meanwhile.
    let first = opened.store.incidents(None, None, 2).await.unwrap();
    opened.store.keep(&[incident_arrival("site", 7, 7, 0), incident_arrival("other", 1, 1, 0)]).await.unwrap();
    let second = opened.store.incidents(None, Some(first[1].number), 2).await.unwrap();
    assert_eq!((sequences(&first), sequences(&second)), (vec![6, 5], vec![4, 3]));
    let of_site = Some("site".parse().unwrap());
    let of_site = opened.store.incidents(of_site.as_ref(), Some(second[1].number), 10).await.unwrap();
    assert_eq!(sequences(&of_site), [2, 1]);
}

#[tokio::test]
async fn incidents_of_before_they_were_numbered_stay_in_their_order() {
    let opened = open().await;
    opened.store.close().await;
    let file = format!("sqlite:{}", opened.folder.path().join("omma.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    // As the versions before made and filled it.
    let back = "
        DROP TABLE incidents;
        CREATE TABLE incidents (
            edge TEXT NOT NULL, id BLOB NOT NULL, time_us INTEGER NOT NULL, kind TEXT NOT NULL, message TEXT NOT NULL,
            outbox BLOB NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (edge, id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX incidents_by_time ON incidents (time_us, id);
        INSERT INTO incidents VALUES
            ('a', x'00000000000000000000000000000001', 300, 'panic', 'last', x'00000000000000000000000000000001', 2),
            ('b', x'00000000000000000000000000000001', 100, 'panic', 'first', x'00000000000000000000000000000001', 9),
            ('a', x'00000000000000000000000000000002', 200, 'panic', 'middle', x'00000000000000000000000000000001', 1);
        PRAGMA user_version = 4";
    sqlx::raw_sql(BACK_TO_5).execute(&pool).await.unwrap();
    sqlx::raw_sql(back).execute(&pool).await.unwrap();
    pool.close().await;
    let opened = open_in(opened.folder).await;
    opened.store.keep(&[incident_arrival("a", 3, 1, 50), incident_arrival("a", 4, 3, 50)]).await.unwrap();
    let all = opened.store.incidents(None, None, 10).await.unwrap();
    let shown: Vec<_> = all.iter().map(|kept| (kept.incident.message.as_str(), kept.received_us.is_some())).collect();
    assert_eq!(shown, [("number 4", true), ("last", false), ("middle", false), ("first", false)]);
}

#[tokio::test]
async fn a_database_of_before_incidents_goes_on() {
    let opened = open().await;
    opened.store.keep(&[event_arrival(1, 7, 1)]).await.unwrap();
    opened.store.close().await;
    let file = format!("sqlite:{}", opened.folder.path().join("omma.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let back = "ALTER TABLE pictures DROP COLUMN crop_at; DROP TABLE incidents; PRAGMA user_version = 2";
    sqlx::raw_sql(BACK_TO_5).execute(&pool).await.unwrap();
    sqlx::raw_sql(back).execute(&pool).await.unwrap();
    pool.close().await;
    let opened = open_in(opened.folder).await;
    assert!(opened.store.event(event(7, 1).id).await.unwrap().is_some());
    opened.store.keep(&[incident_arrival("site", 2, 7, 1)]).await.unwrap();
    assert_eq!(opened.store.incidents(None, None, 10).await.unwrap().len(), 1);
}
