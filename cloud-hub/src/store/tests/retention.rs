//! What is removed, and what comes late.

use hub_core::retention::{Rules, Usage};

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const KEEP_A_DAY: Rules = Rules { keep: Some(DAY), budget: None, reserve: 0 };
const ROOM: Usage = Usage { bytes: 0, free: None };

/// Of the 1st revision on, where the others are of an event that goes on.
fn closed_arrival(sequence: u64, id: u128, revision: u32) -> Arrival {
    let mut arrival = event_arrival(sequence, id, revision);
    if let Content::Event(event) = &mut arrival.content {
        (event.phase, event.closed_us) = (PhaseName::Closed, Some(event.best_us));
    }
    arrival
}

fn days_us(days: u32) -> i64 {
    i64::try_from((DAY * days).as_micros()).unwrap()
}

fn days_later(days: u32) -> i64 {
    now_us() + days_us(days)
}

async fn remove_all(store: &Store, rules: Rules, now_us: i64, usage: Usage) {
    while store.remove_oldest(&rules, now_us, true, usage).await.unwrap() {}
}

async fn ids(store: &Store) -> Vec<u128> {
    let all = Filter { limit: 1000, ..Filter::default() };
    store.events(&all).await.unwrap().iter().map(|stored| stored.event.id.0.as_u128()).collect()
}

async fn records(opened: &Opened) -> Vec<(i64, i64, bool)> {
    let file = format!("sqlite:{}", opened.folder.path().join("omma.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let rows = sqlx::query_as("SELECT sequence, through, refused IS NOT NULL FROM records ORDER BY edge, sequence");
    let rows = rows.fetch_all(&pool).await.unwrap();
    pool.close().await;
    rows
}

#[tokio::test]
async fn what_is_too_old_goes_with_its_pictures_and_an_open_event_stays() {
    let opened = open().await;
    let batch = [
        closed_arrival(1, 7, 1),
        picture_arrival(2, 7, 1),
        event_arrival(3, 8, 1),
        picture_arrival(4, 8, 1),
        // Its event never came.
        picture_arrival(5, 9, 1),
    ];
    opened.store.keep(&batch).await.unwrap();
    let store = &opened.store;
    remove_all(store, KEEP_A_DAY, days_later(0), ROOM).await;
    assert_eq!((ids(store).await, files(&opened.folder)), (vec![8, 7], 3));
    // The clock may be wrong: nothing goes.
    assert!(!store.remove_oldest(&KEEP_A_DAY, days_later(2), false, ROOM).await.unwrap());
    remove_all(store, KEEP_A_DAY, days_later(2), ROOM).await;
    assert_eq!((ids(store).await, files(&opened.folder)), (vec![8], 1));
    // Whoever has a page open asks for what has gone.
    let gone = event(7, 1).id;
    assert_eq!(store.event(gone).await.unwrap(), None);
    assert_eq!(store.picture(gone, View::Whole).await.unwrap(), None);
    assert_eq!(store.0.database.unlinked("", 10).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_came_before_the_hubs_clock_was_set_is_not_too_old_once_it_is() {
    assert_eq!((set_us(0), set_us(1_704_067_200_000_000)), (None, None));
    assert!(set_us(now_us()).is_some(), "this machine's clock is set");
    let opened = open().await;
    let mut batch = [closed_arrival(1, 7, 1), picture_arrival(2, 8, 1)];
    for arrival in &mut batch {
        match &mut arrival.content {
            Content::Event(event) => event.closed_us = Some(days_later(0)),
            Content::Picture(picture) => picture.time = CaptureTime(days_later(0)),
            _ => unreachable!(),
        }
    }
    opened.store.0.database.keep(&batch.each_ref(), None).await.unwrap();
    remove_all(&opened.store, KEEP_A_DAY, days_later(0), ROOM).await;
    assert_eq!(ids(&opened.store).await, [7]);
    assert!(opened.store.0.database.picture(event(8, 1).id).await.unwrap().is_some());
    remove_all(&opened.store, KEEP_A_DAY, days_later(2), ROOM).await;
    assert_eq!(ids(&opened.store).await, [0; 0]);
}

#[tokio::test]
async fn what_comes_late_of_a_removed_event_does_not_bring_it_back() {
    let opened = open().await;
    let store = &opened.store;
    store.keep(&[closed_arrival(1, 7, 2), picture_arrival(2, 7, 1)]).await.unwrap();
    remove_all(store, KEEP_A_DAY, days_later(2), ROOM).await;
    // Copies, an older state, the same state under another number, and a better picture that waited in the outbox.
    let late = [
        closed_arrival(1, 7, 2),
        picture_arrival(2, 7, 1),
        event_arrival(3, 7, 1),
        closed_arrival(4, 7, 2),
        picture_arrival(5, 7, 2),
    ];
    let outcomes = store.keep(&late).await.unwrap();
    let [copy, older] = [kept(Keep::Copy), kept(Keep::Older)];
    assert_eq!(outcomes, [copy.clone(), copy, older.clone(), older.clone(), older]);
    assert_eq!((ids(store).await, files(&opened.folder)), (vec![], 0));
    let pictures = opened.folder.path().join("pictures");
    assert_eq!(std::fs::read_dir(pictures).unwrap().count(), 0, "no empty folder is left");
    let Opened { folder, .. } = opened;
    let again = open_in(folder).await;
    let outcome = again.store.keep(&[closed_arrival(6, 7, 2)]).await.unwrap();
    assert_eq!(outcome, [kept(Keep::Older)], "it is known after a restart");
}

/// A minute after the hub had given it up it was removed as too old, and its end and picture, which had waited for an uplink, were
/// acknowledged and thrown away.
#[tokio::test]
async fn what_an_edge_tells_of_an_event_that_was_given_up_is_kept_however_late_it_comes() {
    let opened = open().await;
    let store = &opened.store;
    let heard = [event_arrival(1, 7, 1), event_arrival(2, 8, 1)];
    store.0.database.keep(&heard.each_ref(), Some(now_us() - 7 * days_us(1))).await.unwrap();
    store.give_up(&"site".parse().unwrap()).await.unwrap();
    remove_all(store, KEEP_A_DAY, days_later(0), ROOM).await;
    assert_eq!(ids(store).await, [8, 7], "it has its time from then on");
    assert_eq!(store.keep(&[closed_arrival(3, 7, 2)]).await.unwrap(), [kept(Keep::Latest)]);
    remove_all(store, KEEP_A_DAY, days_later(2), ROOM).await;
    assert_eq!(ids(store).await, [0; 0]);
    // Of one the edge has told the end, and tells it again; of the other it tells it only now.
    let late = [closed_arrival(4, 7, 2), event_arrival(2, 8, 1), closed_arrival(5, 8, 2), picture_arrival(6, 8, 1)];
    let outcomes = store.keep(&late).await.unwrap();
    assert_eq!(outcomes, [Keep::Older, Keep::Copy, Keep::Latest, Keep::Latest].map(kept));
    assert_eq!((ids(store).await, files(&opened.folder)), (vec![8], 1));
}

#[tokio::test]
async fn over_the_budget_the_oldest_go_in_bounded_batches() {
    let opened = open().await;
    let store = &opened.store;
    for id in 1..=450u128 {
        let sequence = 2 * id as u64;
        store.keep(&[closed_arrival(sequence, id, 1), picture_arrival(sequence + 1, id, 1)]).await.unwrap();
    }
    assert_eq!(store.0.database.bytes().await.unwrap().0, 450 * 6);
    let rules = Rules { keep: None, budget: Some(1), reserve: 0 };
    let over = Usage { bytes: u64::MAX, free: None };
    assert!(store.remove_oldest(&rules, now_us(), true, over).await.unwrap());
    let left = ids(store).await;
    assert_eq!((left.len(), left.last()), (250, Some(&201)), "200 in one transaction, the oldest");
    assert_eq!((store.0.database.bytes().await.unwrap().0, files(&opened.folder)), (250 * 6, 250));
    // 250 pictures, and room for all but two rows of some 512 bytes.
    let rules = Rules { budget: Some(100_000), ..rules };
    let over = Usage { bytes: 100_000 + 600, free: None };
    store.remove_oldest(&rules, now_us(), true, over).await.unwrap();
    assert_eq!(ids(store).await.last(), Some(&203));
}

#[tokio::test]
async fn an_event_that_was_heard_of_meanwhile_is_not_removed() {
    let opened = open().await;
    let store = &opened.store;
    store.keep(&[closed_arrival(1, 7, 1)]).await.unwrap();
    let found = store.0.database.oldest(10).await.unwrap();
    store.keep(&[closed_arrival(2, 7, 2)]).await.unwrap();
    let removed = store.0.database.remove(&found).await.unwrap();
    assert_eq!((removed.gone, ids(store).await), (vec![false], vec![7]));
}

#[tokio::test]
async fn a_better_picture_that_came_meanwhile_does_not_go_with_the_older_one() {
    let opened = open().await;
    let store = &opened.store;
    store.keep(&[picture_arrival(1, 7, 1)]).await.unwrap();
    let found = store.0.database.oldest(10).await.unwrap();
    store.keep(&[picture_arrival(2, 7, 2)]).await.unwrap();
    let removed = store.0.database.remove(&found).await.unwrap();
    assert_eq!((removed.gone, files(&opened.folder)), (vec![false], 1));
    assert_eq!(store.picture(event(7, 1).id, View::Whole).await.unwrap().unwrap().0, 2);
}

#[tokio::test]
async fn a_picture_that_comes_again_while_its_file_is_to_be_removed_is_there_when_it_is_acknowledged() {
    let opened = open().await;
    let store = &opened.store;
    store.keep(&[picture_arrival(1, 7, 1)]).await.unwrap();
    let oldest = store.0.database.oldest(10).await.unwrap();
    let places = store.0.database.remove(&oldest).await.unwrap().places;
    // Under another number of the outbox: it is no copy.
    store.keep(&[picture_arrival(2, 7, 1)]).await.unwrap();
    store.remove_files(places).await.unwrap();
    store.remove_left_files().await.unwrap();
    assert_eq!(store.picture(event(7, 1).id, View::Whole).await.unwrap().unwrap().0, 1);
    assert_eq!(store.0.database.unlinked("", 10).await.unwrap(), [""; 0]);
}

/// One file went for each batch of pictures that was written: the disk filled up while it was to become emptier.
#[tokio::test]
async fn while_pictures_come_all_the_time_files_go_in_many_at_a_time() {
    let opened = open().await;
    let store = &opened.store;
    let batch: Vec<_> = (1..=120).map(|id| picture_arrival(id, u128::from(id), 1)).collect();
    store.keep(&batch).await.unwrap();
    let oldest = store.0.database.oldest(120).await.unwrap();
    let places = store.0.database.remove(&oldest).await.unwrap().places;
    let seen = std::cell::RefCell::new(BTreeSet::new());
    let writes = async {
        loop {
            let _turn = store.0.turn.lock().await;
            seen.borrow_mut().insert(files(&opened.folder));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        removed = store.remove_files(places) => removed.unwrap(),
        () = writes => {}
    }
    // What writes has its turn between.
    let seen = seen.into_inner();
    assert!(seen.len() > 1 && seen.is_subset(&BTreeSet::from([120, 70, 20, 0])), "{seen:?}");
    assert_eq!(files(&opened.folder), 0);
}

#[tokio::test]
async fn a_crash_between_the_database_and_the_files_leaves_none_behind() {
    let opened = open().await;
    opened.store.keep(&[closed_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
    let oldest = opened.store.0.database.oldest(10).await.unwrap();
    opened.store.0.database.remove(&oldest).await.unwrap();
    assert_eq!(files(&opened.folder), 1);
    let Opened { folder, .. } = opened;
    let again = open_in(folder).await;
    again.store.remove_left_files().await.unwrap();
    assert_eq!(files(&again.folder), 0);
    assert_eq!(again.store.0.database.unlinked("", 10).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_file_that_cannot_be_removed_stays_on_the_list() {
    let opened = open().await;
    let Content::Picture(picture) = picture_arrival(2, 7, 1).content else { unreachable!() };
    opened.store.keep(&[closed_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
    // A folder of that name, which also root can't remove as a file.
    let file = opened.folder.path().join("pictures").join(picture.place());
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("in the way")).unwrap();
    remove_all(&opened.store, KEEP_A_DAY, days_later(2), ROOM).await;
    assert_eq!(opened.store.0.database.unlinked("", 10).await.unwrap(), [picture.place()]);
    std::fs::remove_dir_all(&file).unwrap();
    opened.store.remove_left_files().await.unwrap();
    assert_eq!(opened.store.0.database.unlinked("", 10).await.unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_has_arrived_is_noted_as_runs_that_do_not_grow_with_time() {
    let opened = open().await;
    for sequence in 1..=300 {
        opened.store.keep(&[event_arrival(sequence, 7, sequence as u32)]).await.unwrap();
    }
    // 301 is missing, 303 can't be kept.
    let unsound = Content::Unsound { reason: "no".into() };
    opened.store.keep(&[event_arrival(302, 7, 302)]).await.unwrap();
    opened.store.keep(&[Arrival { origin: origin("site", 303), content: unsound }]).await.unwrap();
    assert_eq!(records(&opened).await, [(1, 300, false), (302, 302, false), (303, 303, true)]);
    opened.store.keep(&[event_arrival(301, 7, 301)]).await.unwrap();
    assert_eq!(records(&opened).await, [(1, 302, false), (303, 303, true)]);
    for sequence in 1..=303 {
        assert_eq!(
            opened.store.keep(&[event_arrival(sequence, 8, 1)]).await.unwrap(),
            [kept(Keep::Copy)],
            "{sequence} has arrived"
        );
    }
}

#[tokio::test]
async fn a_database_of_before_retention_loses_nothing_and_knows_its_pictures_and_copies() {
    let opened = open().await;
    let batch = [closed_arrival(1, 7, 1), picture_arrival(2, 7, 1), event_arrival(3, 8, 1), event_arrival(5, 8, 2)];
    opened.store.keep(&batch).await.unwrap();
    opened.store.close().await;
    let file = format!("sqlite:{}", opened.folder.path().join("omma.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    sqlx::raw_sql(BACK_TO_5).execute(&pool).await.unwrap();
    // One row for each number, as the versions before had them.
    let singly = "DELETE FROM records; INSERT INTO records (edge, outbox, sequence)
        VALUES ('site', x'00000000000000000000000000000001', 1), ('site', x'00000000000000000000000000000001', 2),
               ('site', x'00000000000000000000000000000001', 3), ('site', x'00000000000000000000000000000001', 5);
        UPDATE events SET closed_us = 9999999999999999 WHERE closed_us IS NOT NULL";
    sqlx::raw_sql(singly).execute(&pool).await.unwrap();
    pool.close().await;
    let opened = open_in(opened.folder).await;
    let log = opened.folder.path().join("omma.db-wal");
    assert_eq!(std::fs::metadata(log).unwrap().len(), 0, "the upgrade's log is cut again");
    assert_eq!(records(&opened).await, [(1, 3, false), (5, 5, false)]);
    assert_eq!(opened.store.keep(&[event_arrival(3, 9, 1)]).await.unwrap(), [kept(Keep::Copy)]);
    opened.store.measure().await.unwrap();
    assert_eq!(opened.store.0.database.bytes().await.unwrap().0, 6);
    // What an edge dates ahead of the hub's clock is as old as the upgrade.
    remove_all(&opened.store, KEEP_A_DAY, days_later(0), ROOM).await;
    assert_eq!(ids(&opened.store).await, [8, 7]);
    remove_all(&opened.store, KEEP_A_DAY, days_later(2), ROOM).await;
    assert_eq!((ids(&opened.store).await, files(&opened.folder)), (vec![8], 0));
    assert_eq!(opened.store.0.database.bytes().await.unwrap().0, 0);
}

#[tokio::test]
async fn the_task_that_keeps_house_holds_the_budget_and_says_how_the_disk_is() {
    let opened = open().await;
    opened.store.keep(&[closed_arrival(1, 7, 1), picture_arrival(2, 7, 1), event_arrival(3, 8, 1)]).await.unwrap();
    let health = omma_runtime::health::Health::new();
    let house = Housekeeping {
        rules: Rules { keep: None, budget: Some(1), reserve: 0 },
        database: opened.folder.path().to_owned(),
        pictures: opened.folder.path().join("pictures"),
        disk: health.part("disk"),
    };
    let token = CancellationToken::new();
    let task = tokio::spawn(opened.store.clone().keep_house(house, token.clone()));
    let deadline = Instant::now() + Duration::from_secs(60);
    while ids(&opened.store).await != [8] || files(&opened.folder) > 0 {
        assert!(Instant::now() < deadline, "{:?} are there", ids(&opened.store).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(!format!("{:?}", health.readiness()).contains("starting"), "{:?}", health.readiness());
    token.cancel();
    task.await.unwrap();
}
