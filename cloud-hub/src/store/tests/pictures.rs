//! Pictures and their crops.

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
    sqlx::raw_sql("ALTER TABLE pictures DROP COLUMN crop_at; PRAGMA user_version = 3").execute(&pool).await.unwrap();
    pool.close().await;
    let opened = open_in(opened.folder).await;
    let id = event(7, 1).id;
    assert_eq!(opened.store.picture(id, View::Whole).await.unwrap().unwrap().1.len(), 6);
    assert_eq!(opened.store.picture(id, View::Crop).await.unwrap(), None);
    opened.store.keep(&[cropped_arrival(3, 7, 3)]).await.unwrap();
    assert_eq!(opened.store.picture(id, View::Crop).await.unwrap().unwrap().1.len(), 7);
}
