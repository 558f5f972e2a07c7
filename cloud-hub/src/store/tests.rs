//! What must hold whatever arrives in whatever order.

use std::collections::{BTreeMap, BTreeSet};

use omma_protocol::event::{Lasting, Stamp};
use omma_protocol::id::{OutboxId, StreamId};
use omma_protocol::time::CaptureTime;
use omma_protocol::wire::mqtt::{PhaseName, PlaceName, WhyMessage};
use proptest::prelude::*;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

mod incidents;
mod pictures;
mod retention;
mod silence;

struct Opened {
    store: Store,
    announcements: mpsc::Receiver<EventMessage>,
    feed: crate::feed::FeedReader,
    folder: TempDir,
}

async fn open() -> Opened {
    open_in(tempfile::tempdir().unwrap()).await
}

async fn open_in(folder: TempDir) -> Opened {
    let feed = Feed::default();
    let reader = feed.subscribe();
    let (store, announcements) =
        Store::open(&folder.path().join("omma.db"), &folder.path().join("pictures"), feed).await.unwrap();
    Opened { store, announcements, feed: reader, folder }
}

fn origin(edge: &str, sequence: u64) -> Option<Origin> {
    Some(Origin { edge: edge.parse().unwrap(), stamp: Stamp { outbox: OutboxId(Uuid::from_u128(1)), sequence } })
}

fn event(id: u128, revision: u32) -> EventMessage {
    EventMessage {
        outbox: Some(OutboxId(Uuid::from_u128(1))),
        sequence: Some(u64::from(revision)),
        id: EventId(Uuid::from_u128(id)),
        stream: "site.door".parse().unwrap(),
        phase: if revision == 1 { PhaseName::Opened } else { PhaseName::Updated },
        revision,
        label: "person".into(),
        track: u64::MAX - 1,
        score: 0.75,
        rect: [0.25, 0.5, 0.125, 0.25],
        opened_us: 1_790_000_000_000_000,
        best_us: 1_790_000_000_000_001,
        closed_us: None,
        rule: Some("visitor".into()),
        why: Some(Box::new(WhyMessage { kind: "stayed".into(), seconds: Some(60.5), ..WhyMessage::default() })),
        place: PlaceName::Edge,
        engine: "tract".into(),
        model: "nanodet".into(),
    }
}

fn event_arrival(sequence: u64, id: u128, revision: u32) -> Arrival {
    Arrival { origin: origin("site", sequence), content: Content::Event(Box::new(event(id, revision))) }
}

fn picture_arrival(sequence: u64, id: u128, revision: u32) -> Arrival {
    let picture = Picture {
        stream: "site.door".parse().unwrap(),
        event: EventId(Uuid::from_u128(id)),
        revision,
        time: CaptureTime(5),
        jpeg: vec![0xff, 0xd8, 0xff, revision as u8, 0xff, 0xd9].into(),
        crop: None,
    };
    Arrival { origin: origin("site", sequence), content: Content::Picture(picture) }
}

/// Makes a database as it was before retention of one of today.
const BACK_TO_5: &str = "
    ALTER TABLE events DROP COLUMN given_up; DROP TABLE silences;
    DROP INDEX events_by_stream_and_label; DROP INDEX events_open; DROP INDEX events_own_open;
    DROP INDEX events_closed; DROP INDEX pictures_by_time; DROP INDEX pictures_unmeasured;
    DROP TRIGGER picture_added; DROP TRIGGER picture_changed; DROP TRIGGER picture_removed;
    DROP TABLE totals; DROP TABLE removed; DROP TABLE unlinked;
    ALTER TABLE events DROP COLUMN received_us;
    ALTER TABLE pictures DROP COLUMN bytes; ALTER TABLE pictures DROP COLUMN received_us;
    ALTER TABLE records DROP COLUMN through;
    PRAGMA user_version = 5";

fn kept(keep: Keep) -> Outcome {
    Outcome::Kept { keep, replaced: None }
}

fn files(folder: &TempDir) -> usize {
    fn count(path: &Path) -> usize {
        let entries = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path());
        entries.map(|path| if path.is_dir() { count(&path) } else { 1 }).sum()
    }
    count(&folder.path().join("pictures"))
}

#[tokio::test]
async fn an_event_reads_back_as_it_was() {
    let mut opened = open().await;
    let arrival = event_arrival(1, 7, 1);
    assert_eq!(opened.store.keep(&[arrival]).await.unwrap(), [kept(Keep::Latest)]);
    let stored = opened.store.event(EventId(Uuid::from_u128(7))).await.unwrap().unwrap();
    assert_eq!(stored, StoredEvent { event: event(7, 1), picture_revision: None, has_crop: false, given_up: false });
    assert_eq!(*opened.feed.next().await.unwrap(), HubToBrowser::Event(event(7, 1)));
}

#[tokio::test]
async fn copies_and_older_states_change_nothing_and_tell_nobody() {
    let mut opened = open().await;
    let batch = [event_arrival(2, 7, 2), event_arrival(1, 7, 1), event_arrival(2, 7, 2)];
    let outcomes = opened.store.keep(&batch).await.unwrap();
    assert_eq!(outcomes, [kept(Keep::Latest), kept(Keep::Older), kept(Keep::Copy)]);
    assert_eq!(opened.store.keep(&batch).await.unwrap(), [kept(Keep::Copy), kept(Keep::Copy), kept(Keep::Copy)]);
    assert_eq!(opened.store.event(event(7, 2).id).await.unwrap().unwrap().event.revision, 2);
    assert_eq!(*opened.feed.next().await.unwrap(), HubToBrowser::Event(event(7, 2)));
    drop(opened.store);
    assert_eq!(opened.feed.next().await, None);
}

#[test]
fn records_stored_behind_a_later_one_are_counted() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = || {
        let text = recorder.handle().render();
        let value = text.lines().find_map(|line| line.strip_prefix("omma_store_out_of_order_total "));
        value.map(|value| value.parse::<u64>().unwrap())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let opened = open().await;
            assert_eq!(counted(), Some(0), "told from the beginning");
            opened.store.keep(&[event_arrival(1, 7, 1), event_arrival(2, 7, 2)]).await.unwrap();
            opened.store.keep(&[event_arrival(4, 7, 4), event_arrival(2, 7, 2)]).await.unwrap();
            assert_eq!(counted(), Some(0), "neither a gap nor a copy is out of order");
            opened.store.keep(&[event_arrival(3, 7, 3)]).await.unwrap();
            assert_eq!(counted(), Some(1));
            opened.store.keep(&[event_arrival(6, 7, 6), picture_arrival(5, 7, 1)]).await.unwrap();
            assert_eq!(counted(), Some(1), "a picture may come later");
        });
    });
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let opened = open().await;
    opened.store.keep(&[event_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
    // Not closed: dropped as a killed process drops it.
    let Opened { folder, .. } = opened;
    let again = open_in(folder).await;
    assert_eq!(again.store.keep(&[event_arrival(1, 7, 1)]).await.unwrap(), [kept(Keep::Copy)]);
    let (revision, jpeg) = again.store.picture(event(7, 1).id, View::Whole).await.unwrap().unwrap();
    assert_eq!((revision, jpeg.len()), (1, 6));
}

#[tokio::test]
async fn an_edge_cannot_take_over_an_event_of_another() {
    let opened = open().await;
    opened.store.keep(&[event_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
    let mut forged = event(7, 9);
    forged.stream = "other.cam".parse().unwrap();
    let event = Arrival { origin: origin("other", 1), content: Content::Event(Box::new(forged)) };
    let mut picture = picture_arrival(2, 7, 9);
    picture.origin = origin("other", 2);
    if let Content::Picture(picture) = &mut picture.content {
        picture.stream = "other.cam".parse().unwrap();
    }
    for outcome in opened.store.keep(&[event, picture]).await.unwrap() {
        assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    }
    let stored = opened.store.event(EventId(Uuid::from_u128(7))).await.unwrap().unwrap();
    assert_eq!((stored.event.revision, stored.picture_revision), (1, Some(1)));
    // Nor can it make the hub believe that the other's record has arrived, by naming its outbox.
    let own = opened.store.keep(&[event_arrival(2, 8, 1)]).await.unwrap();
    assert_eq!(own, [kept(Keep::Copy)], "sequence 2 of the first edge was its picture");
    assert_eq!(opened.store.keep(&[event_arrival(3, 8, 1)]).await.unwrap(), [kept(Keep::Latest)]);
}

#[tokio::test]
async fn the_hubs_own_events_are_announced_once() {
    let mut opened = open().await;
    let stream: StreamId = "site.door".parse().unwrap();
    let own = event(7, 1).to_event();
    opened.store.hub_event(&stream, Lasting::Event(own.clone())).await.unwrap();
    opened.store.hub_event(&stream, Lasting::Event(own)).await.unwrap();
    let announced = opened.announcements.recv().await.unwrap();
    assert_eq!((announced.id, announced.outbox), (event(7, 1).id, None));
    assert!(opened.announcements.try_recv().is_err());
}

#[tokio::test]
async fn what_a_killed_hub_left_open_is_closed_when_it_starts_again() {
    let opened = open().await;
    let stream: StreamId = "site.door".parse().unwrap();
    let mut own = event(7, 1);
    own.place = PlaceName::Hub;
    opened.store.hub_event(&stream, Lasting::Event(own.to_event())).await.unwrap();
    opened.store.keep(&[event_arrival(1, 8, 1)]).await.unwrap();
    let mut again = open_in(opened.folder).await;
    let closed = again.store.event(own.id).await.unwrap().unwrap().event;
    assert_eq!((closed.phase, closed.closed_us, closed.revision), (PhaseName::Closed, Some(own.best_us), 2));
    assert_eq!(again.announcements.recv().await.unwrap(), closed, "integrations hear of it too");
    let of_edge = again.store.event(event(8, 1).id).await.unwrap().unwrap().event;
    assert_eq!(of_edge.phase, PhaseName::Opened, "an edge closes its own");
}

#[tokio::test]
async fn the_hubs_own_are_kept_in_batches_until_nobody_makes_any() {
    let mut opened = open().await;
    let stream: StreamId = "site.door".parse().unwrap();
    let (own, waiting) = mpsc::channel(200);
    for id in 1..=150 {
        own.try_send((stream.clone(), Lasting::Event(event(id, 1).to_event()))).unwrap();
    }
    drop(own);
    opened.store.clone().keep_own(waiting).await;
    let filter = Filter { limit: 500, ..Filter::default() };
    assert_eq!(opened.store.events(&filter).await.unwrap().len(), 150);
    for id in 1..=150 {
        assert_eq!(opened.announcements.recv().await.unwrap().id, event(id, 1).id);
    }
}

#[tokio::test]
async fn filters_and_pages() {
    let opened = open().await;
    let mut batch = vec![];
    for i in 1..=10u64 {
        let mut event = event(u128::from(i), 1);
        event.label = if i % 2 == 0 { "car".into() } else { "person".into() };
        event.stream = if i <= 5 { "site.door".parse().unwrap() } else { "site.gate".parse().unwrap() };
        batch.push(Arrival { origin: origin("site", i), content: Content::Event(Box::new(event)) });
    }
    opened.store.keep(&batch).await.unwrap();
    let ids = async |filter: Filter| -> Vec<u128> {
        opened.store.events(&filter).await.unwrap().iter().map(|e| e.event.id.0.as_u128()).collect()
    };
    let all = Filter { limit: 100, ..Filter::default() };
    assert_eq!(ids(all.clone()).await, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(ids(Filter { limit: 2, ..all.clone() }).await, [10, 9]);
    let before = Some(EventId(Uuid::from_u128(4)));
    assert_eq!(ids(Filter { before, ..all.clone() }).await, [3, 2, 1]);
    let door = Some("site.door".parse().unwrap());
    assert_eq!(ids(Filter { stream: door, label: Some("car".into()), ..all.clone() }).await, [4, 2]);
    assert!(ids(Filter { phase: Some(PhaseName::Closed), ..all.clone() }).await.is_empty());
    assert!(ids(Filter { label: Some("' OR 1 --".into()), ..all }).await.is_empty());
    assert_eq!(opened.store.labels(3).await.unwrap(), ["car", "person"]);
    assert_eq!(opened.store.labels(2).await.unwrap(), ["car", "person"]);
    assert_eq!(opened.store.labels(1).await.unwrap(), ["car"]);
}

#[tokio::test]
async fn a_database_of_before_rules_goes_on_with_its_events() {
    let Opened { store, folder, .. } = open().await;
    let old = EventMessage { rule: None, why: None, ..event(7, 1) };
    let arrival = Arrival { origin: origin("site", 1), content: Content::Event(Box::new(old.clone())) };
    store.keep(&[arrival]).await.unwrap();
    store.close().await;
    drop(store);
    let pool =
        sqlx::SqlitePool::connect(&format!("sqlite://{}", folder.path().join("omma.db").display())).await.unwrap();
    sqlx::raw_sql(BACK_TO_5).execute(&pool).await.unwrap();
    let back = "ALTER TABLE events DROP COLUMN rule; ALTER TABLE events DROP COLUMN why;
                ALTER TABLE pictures DROP COLUMN crop_at;
                DROP TABLE incidents; PRAGMA user_version = 1";
    sqlx::raw_sql(back).execute(&pool).await.unwrap();
    pool.close().await;
    let again = open_in(folder).await;
    assert_eq!(again.store.event(old.id).await.unwrap().unwrap().event, old);
    again.store.keep(&[event_arrival(2, 7, 2)]).await.unwrap();
    assert_eq!(again.store.event(old.id).await.unwrap().unwrap().event, event(7, 2));
}

#[tokio::test]
async fn a_database_of_a_later_version_is_left_alone() {
    let Opened { store, folder, .. } = open().await;
    store.close().await;
    drop(store);
    let path = folder.path().join("omma.db");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::raw_sql("PRAGMA user_version = 99").execute(&pool).await.unwrap();
    pool.close().await;
    let error = Store::open(&path, &folder.path().join("pictures"), Feed::default()).await.unwrap_err();
    assert!(error.to_string().contains("later version"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// The reference model: per event the highest revision that arrived, whatever the batches, copies and order.
    #[test]
    fn the_store_keeps_what_the_reference_model_keeps(
        arrivals in prop::collection::vec((1u128..5, 1u32..8, any::<bool>()), 1..60),
        size in 1usize..9,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let opened = open().await;
            let mut model: BTreeMap<u128, u32> = BTreeMap::new();
            let mut pictures: BTreeMap<u128, u32> = BTreeMap::new();
            let mut batch = vec![];
            for (id, revision, is_picture) in arrivals {
                // One sequence number for each thing that can arrive, as an outbox gives them.
                let sequence = u64::from(revision) * 100 + id as u64 * 2 + u64::from(is_picture);
                let (kept, arrival) = if is_picture {
                    (&mut pictures, picture_arrival(sequence, id, revision))
                } else {
                    (&mut model, event_arrival(sequence, id, revision))
                };
                let highest = kept.entry(id).or_default();
                *highest = (*highest).max(revision);
                batch.push(arrival);
            }
            for part in batch.chunks(size) {
                opened.store.keep(part).await.unwrap();
            }
            let filter = Filter { limit: 100, ..Filter::default() };
            let stored = opened.store.events(&filter).await.unwrap();
            let got: BTreeMap<u128, u32> =
                stored.iter().map(|e| (e.event.id.0.as_u128(), e.event.revision)).collect();
            assert_eq!(got, model);
            for (id, revision) in &pictures {
                let (kept, jpeg) = opened.store.picture(EventId(Uuid::from_u128(*id)), View::Whole).await.unwrap().unwrap();
                assert_eq!((kept, u32::from(jpeg[3])), (*revision, *revision));
            }
            assert_eq!(files(&opened.folder), pictures.len(), "no file is left behind");
        });
    }
}
