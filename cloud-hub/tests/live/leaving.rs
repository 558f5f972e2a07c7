//! How sessions end, and that nothing of them stays.

use cloud_hub::bus::Want;
use omma_protocol::unit::Codec;
use omma_protocol::wire::browser::Mode;
use omma_testkit::viewer::{Seen, Viewer};
use tokio::time::timeout;

use crate::hub::{LONG, TestHub, connected, pictures};

#[tokio::test(flavor = "multi_thread")]
async fn leaving_ends_the_session_and_the_demand() {
    let hub = TestHub::start(8).await;
    let camera = hub.camera("site.door", Codec::H264, false);
    let mut want = hub.bus.want(&camera.stream);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    assert_eq!(*want.borrow_and_update(), Want::BOTH);
    connected(&mut viewer).await;
    assert_eq!(hub.at().leave(viewer.session()).await.unwrap(), 200);
    assert_eq!(*want.borrow_and_update(), Want::default());
    assert_eq!(hub.at().leave(viewer.session()).await.unwrap(), 404);
    while viewer.next(LONG).await.unwrap() != Seen::Gone {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_who_vanishes_is_found_out_and_the_others_go_on() {
    let hub = TestHub::start(8).await;
    let mut camera = hub.camera("site.door", Codec::H264, false);
    hub.camera("site.yard", Codec::H264, false);
    let mut stays = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    let mut vanishes = Viewer::join(&hub.at(), "site.yard", Mode::Live).await.unwrap();
    connected(&mut stays).await;
    connected(&mut vanishes).await;
    let mut want = hub.bus.want(&"site.yard".parse().unwrap());
    assert_eq!(*want.borrow_and_update(), Want::BOTH);
    // As a killed browser: the socket is closed without a word.
    drop(vanishes);
    let gone = timeout(2 * LONG, want.wait_for(|want| *want == Want::default()));
    let watching = async { while stays.next(LONG).await.is_ok() {} };
    tokio::select! {
        gone = gone => { gone.expect("found out").unwrap(); }
        () = watching => panic!("the other viewer lost its session"),
    }
    let sent = camera.send(3);
    assert!(pictures(&mut stays, 3).await == sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_camera_that_is_removed_ends_its_viewers() {
    let hub = TestHub::start(8).await;
    let camera = hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    hub.bus.remove(&camera.stream);
    while viewer.next(LONG).await.unwrap() != Seen::Gone {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_stops_says_goodbye() {
    let hub = TestHub::start(8).await;
    hub.camera("site.door", Codec::H264, false);
    let mut viewer = Viewer::join(&hub.at(), "site.door", Mode::Live).await.unwrap();
    connected(&mut viewer).await;
    drop(hub);
    while viewer.next(LONG).await.unwrap() != Seen::Gone {}
}
