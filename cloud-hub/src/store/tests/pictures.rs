//! Pictures and their crops.

use std::path::PathBuf;

use super::*;

fn cropped_arrival(sequence: u64, id: u128, revision: u32) -> Arrival {
    let mut arrival = picture_arrival(sequence, id, revision);
    if let Content::Picture(picture) = &mut arrival.content {
        picture.crop = Some(vec![0xff, 0xd8, 0xff, revision as u8, 0xaa, 0xff, 0xd9].into());
    }
    arrival
}

#[tokio::test]
async fn a_better_picture_replaces_the_file_and_a_worse_one_leaves_none() {
    let opened = open().await;
    let id = event(7, 1).id;
    opened.store.keep(&[picture_arrival(1, 7, 1)]).await.unwrap();
    assert_eq!(opened.store.event(id).await.unwrap(), None, "a picture may come before its event");
    opened.store.keep(&[picture_arrival(3, 7, 3), event_arrival(4, 7, 3)]).await.unwrap();
    assert_eq!(opened.store.keep(&[picture_arrival(2, 7, 2)]).await.unwrap(), [kept(Keep::Older)]);
    let (revision, jpeg) = opened.store.picture(id, View::Whole).await.unwrap().unwrap();
    assert_eq!((revision, jpeg[3]), (3, 3));
    assert_eq!(opened.store.event(id).await.unwrap().unwrap().picture_revision, Some(3));
    // The better one first in a batch: the worse one's file is written before it is known to be worse.
    opened.store.keep(&[picture_arrival(6, 7, 6), picture_arrival(5, 7, 5)]).await.unwrap();
    assert_eq!(opened.store.picture(id, View::Whole).await.unwrap().unwrap().0, 6);
    assert_eq!(files(&opened.folder), 1);
}

#[tokio::test]
async fn picture_and_crop_are_of_one_frame_whatever_comes_in_whatever_order() {
    let mut opened = open().await;
    let id = event(7, 1).id;
    let both = async |store: &Store| {
        let of =
            async |view| store.picture(id, view).await.unwrap().map(|(revision, jpeg)| (revision, jpeg[3], jpeg.len()));
        (of(View::Whole).await, of(View::Crop).await, store.event(id).await.unwrap().unwrap().has_crop)
    };
    opened.store.keep(&[event_arrival(1, 7, 1), cropped_arrival(2, 7, 1)]).await.unwrap();
    assert_eq!(both(&opened.store).await, (Some((1, 1, 6)), Some((1, 1, 7)), true));
    opened.feed.next().await.unwrap();
    let told = HubToBrowser::Picture { event: id.to_string(), revision: 1, has_crop: true };
    assert_eq!(*opened.feed.next().await.unwrap(), told);
    opened.store.keep(&[cropped_arrival(5, 7, 5), cropped_arrival(4, 7, 4)]).await.unwrap();
    assert_eq!(opened.store.keep(&[cropped_arrival(3, 7, 3)]).await.unwrap(), [kept(Keep::Older)]);
    assert_eq!(both(&opened.store).await, (Some((5, 5, 6)), Some((5, 5, 7)), true));
    assert_eq!(files(&opened.folder), 1);
    // The edge was put back to a version that makes no crops: what was there is of another frame.
    opened.store.keep(&[picture_arrival(6, 7, 6)]).await.unwrap();
    assert_eq!(both(&opened.store).await, (Some((6, 6, 6)), None, false));
}

#[tokio::test]
async fn a_database_of_before_crops_goes_on_with_its_pictures() {
    let opened = open().await;
    opened.store.keep(&[event_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
    opened.store.close().await;
    let file = format!("sqlite:{}", opened.folder.path().join("omma.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    sqlx::raw_sql(BACK_TO_5).execute(&pool).await.unwrap();
    sqlx::raw_sql("ALTER TABLE pictures DROP COLUMN crop_at; PRAGMA user_version = 3").execute(&pool).await.unwrap();
    pool.close().await;
    let opened = open_in(opened.folder).await;
    let id = event(7, 1).id;
    assert_eq!(opened.store.picture(id, View::Whole).await.unwrap().unwrap().1.len(), 6);
    assert_eq!(opened.store.picture(id, View::Crop).await.unwrap(), None);
    opened.store.keep(&[cropped_arrival(3, 7, 3)]).await.unwrap();
    assert_eq!(opened.store.picture(id, View::Crop).await.unwrap().unwrap().1.len(), 7);
}

/// A file where a folder should be: also root can't write into that.
fn put_in_the_way(opened: &Opened, place: &str) -> PathBuf {
    let in_the_way = opened.folder.path().join("pictures").join(place);
    std::fs::create_dir_all(in_the_way.parent().unwrap()).unwrap();
    std::fs::write(&in_the_way, "").unwrap();
    in_the_way
}

#[tokio::test]
async fn one_picture_that_cannot_be_written_does_not_hold_up_what_came_with_it() {
    let opened = open().await;
    let in_the_way = put_in_the_way(&opened, "site");
    let mut of_another = picture_arrival(4, 9, 1);
    if let Content::Picture(picture) = &mut of_another.content {
        picture.stream = "other.door".parse().unwrap();
    }
    let batch = [event_arrival(1, 7, 1), picture_arrival(2, 7, 1), event_arrival(3, 8, 1), of_another];
    let outcomes = opened.store.keep(&batch).await.unwrap();
    assert!(matches!(&outcomes[1], Outcome::Unwritten { .. }), "{outcomes:?}");
    for at in [0, 2, 3] {
        assert_eq!(outcomes[at], kept(Keep::Latest));
    }
    assert_eq!(opened.store.event(event(7, 1).id).await.unwrap().unwrap().picture_revision, None);
    let reason = opened.store.0.unwritten.reason(Instant::now());
    assert!(reason.unwrap().contains("site.door"), "that another site's was written says nothing of this one's");

    std::fs::remove_file(&in_the_way).unwrap();
    let again = opened.store.keep(&[picture_arrival(2, 7, 1)]).await.unwrap();
    assert_eq!(again, [kept(Keep::Latest)], "it was not noted as having arrived");
    assert_eq!(files(&opened.folder), 2);
}

fn ten_minutes_ago() -> Instant {
    Instant::now() - super::super::unwritten::GIVE_UP
}

fn failed_ten_minutes_ago(opened: &Opened, streams: &[&str]) {
    let failure = StoreError::at("write a picture")(std::io::Error::other("no"));
    for stream in streams {
        assert!(!opened.store.0.unwritten.failed(&stream.parse().unwrap(), &failure, true, ten_minutes_ago()));
    }
}

/// As of a backup that root has restored: the folder of pictures is the hub's, and no site's folder in it is.
#[tokio::test]
async fn pictures_of_a_whole_site_that_cannot_be_written_are_kept_by_its_edge_and_the_hub_is_not_ready() {
    let opened = open().await;
    put_in_the_way(&opened, "site");
    failed_ten_minutes_ago(&opened, &["site.door"]);
    let outcomes = opened.store.keep(&[event_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
    assert!(matches!(&outcomes[1], Outcome::Unwritten { .. }), "{outcomes:?}");
    assert!(opened.store.0.unwritten.reason(Instant::now()).unwrap().contains("site.door"));
}

/// Another camera's had to be written meanwhile, of which none could come.
#[tokio::test]
async fn pictures_of_a_camera_that_alone_cannot_be_written_do_not_stop_its_edges_others_for_ever() {
    let opened = open().await;
    put_in_the_way(&opened, "site/door");
    failed_ten_minutes_ago(&opened, &["site.door"]);
    // Acknowledged, so that the edge sends it no more, and known when it comes again; its event is there.
    for _ in 0..2 {
        let outcomes = opened.store.keep(&[event_arrival(1, 7, 1), picture_arrival(2, 7, 1)]).await.unwrap();
        assert!(matches!(&outcomes[1], Outcome::Refused { .. }), "{outcomes:?}");
    }
    assert_eq!(opened.store.event(event(7, 1).id).await.unwrap().unwrap().picture_revision, None);
    assert_eq!(files(&opened.folder), 1, "the one in the way: nothing is left of the trial");
}

#[test]
fn a_batch_that_the_database_refuses_again_and_again_counts_its_pictures_once() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let counted = || {
        let text = recorder.handle().render();
        ["unwritten", "given_up"].map(|what| {
            let name = format!("omma_store_pictures_{what}_total ");
            text.lines().find_map(|line| line.strip_prefix(&name)).map_or(0, |value| value.parse::<u64>().unwrap())
        })
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(async {
            let opened = open().await;
            put_in_the_way(&opened, "site/door");
            failed_ten_minutes_ago(&opened, &["site.door"]);
            let file = format!("sqlite:{}", opened.folder.path().join("omma.db").display());
            let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
            sqlx::raw_sql("ALTER TABLE records RENAME TO away").execute(&pool).await.unwrap();
            for _ in 0..3 {
                opened.store.keep(&[picture_arrival(2, 7, 1)]).await.unwrap_err();
            }
            sqlx::raw_sql("ALTER TABLE away RENAME TO records").execute(&pool).await.unwrap();
            pool.close().await;
            opened.store.keep(&[picture_arrival(2, 7, 1)]).await.unwrap();
            assert_eq!(counted(), [1, 1]);
        });
    });
}

#[tokio::test]
async fn a_folder_that_takes_no_picture_at_all_is_told_and_none_is_let_go() {
    let opened = open().await;
    for place in ["site/door", "site/trial.tmp/in the way"] {
        put_in_the_way(&opened, place);
    }
    failed_ten_minutes_ago(&opened, &["site.door"]);
    let outcomes = opened.store.keep(&[picture_arrival(2, 7, 1)]).await.unwrap();
    assert!(matches!(&outcomes[0], Outcome::Unwritten { .. }), "{outcomes:?}");
    assert!(opened.store.0.unwritten.reason(Instant::now()).unwrap().contains("site.door"));
}

#[tokio::test]
async fn a_picture_of_the_hubs_own_that_cannot_be_written_is_tried_again_and_holds_up_no_event() {
    let opened = open().await;
    let in_the_way = put_in_the_way(&opened, "site");
    let (own, waiting) = mpsc::channel(8);
    let stream: StreamId = "site.door".parse().unwrap();
    let picture = omma_protocol::event::Picture {
        event: event(7, 1).id,
        camera: stream.camera.clone(),
        revision: 1,
        time: CaptureTime(5),
        jpeg: vec![0xff, 0xd8, 0xff, 1, 0xff, 0xd9].into(),
        crop: None,
    };
    own.try_send((stream.clone(), Lasting::Picture(picture))).unwrap();
    own.try_send((stream.clone(), Lasting::Event(event(7, 1).to_event()))).unwrap();
    let keeping = tokio::spawn(opened.store.clone().keep_own(waiting));
    let state = async || opened.store.event(event(7, 1).id).await.unwrap().map(|stored| stored.picture_revision);
    while state().await.is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(state().await, Some(None));
    std::fs::remove_file(&in_the_way).unwrap();
    // Whatever is made next, or some seconds, has it tried again.
    own.try_send((stream, Lasting::Event(event(8, 1).to_event()))).unwrap();
    while state().await != Some(Some(1)) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    drop(own);
    keeping.await.unwrap();
}
