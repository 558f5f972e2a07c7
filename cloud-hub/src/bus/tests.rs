//! The bus as its readers and ingest see it.

use std::time::Duration;

use omma_protocol::detection::{Analyst, Place};
use omma_protocol::unit::Codec;
use tokio::time::timeout;

use super::queue::MAX_UNITS;
use super::*;

fn door() -> StreamId {
    "site-1.door".parse().unwrap()
}

fn unit(n: i64, key: bool) -> AccessUnit {
    AccessUnit { time: CaptureTime(n), key, codec: Codec::H264, data: vec![0; 100].into() }
}

fn result(n: i64) -> Arc<FrameResult> {
    let analyst = Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() });
    Arc::new(FrameResult { time: CaptureTime(n), tracks: vec![], analyst, took: Duration::ZERO })
}

async fn next(subscription: &mut Subscription) -> Option<(char, i64)> {
    let item = timeout(Duration::from_secs(10), subscription.next()).await.expect("an item");
    item.map(|item| match item {
        Item::Unit { unit, .. } => ('u', unit.time.0),
        Item::Result(result) => ('r', result.time.0),
    })
}

#[tokio::test]
async fn a_new_reader_begins_at_the_last_key_picture() {
    let bus = Bus::new();
    let _first = bus.subscribe(&door(), Want::UNITS);
    for (n, key) in [(1, true), (2, false), (3, true), (4, false)] {
        bus.unit(&door(), unit(n, key));
    }
    let mut late = bus.subscribe(&door(), Want::BOTH);
    bus.unit(&door(), unit(5, false));
    bus.result(&door(), result(4));
    for expected in [('u', 3), ('u', 4), ('u', 5), ('r', 4)] {
        assert_eq!(next(&mut late).await, Some(expected));
    }
}

#[tokio::test]
async fn a_reader_gets_only_what_it_wants() {
    let bus = Bus::new();
    let mut boxes = bus.subscribe(&door(), Want::RESULTS);
    let mut pictures = bus.subscribe(&door(), Want::UNITS);
    bus.result(&door(), result(1));
    bus.unit(&door(), unit(2, true));
    assert_eq!(next(&mut boxes).await, Some(('r', 1)));
    assert_eq!(next(&mut pictures).await, Some(('u', 2)));
}

#[tokio::test]
async fn a_slow_reader_skips_and_slows_nobody() {
    let bus = Bus::new();
    let mut slow = bus.subscribe(&door(), Want::UNITS);
    let mut fast = bus.subscribe(&door(), Want::UNITS);
    let last = 3 * MAX_UNITS as i64;
    for n in 0..=last {
        bus.unit(&door(), unit(n, n % 20 == 0));
        assert_eq!(next(&mut fast).await, Some(('u', n)));
    }
    let (_, first) = next(&mut slow).await.unwrap();
    assert!(first > 0 && first % 20 == 0, "{first} is no key picture");
    for n in first + 1..=last {
        assert_eq!(next(&mut slow).await, Some(('u', n)));
    }
}

#[tokio::test]
async fn demand_follows_the_living_subscriptions() {
    let bus = Bus::new();
    let want = bus.want(&door());
    assert_eq!(*want.borrow(), Want::default());
    let viewer = bus.subscribe(&door(), Want::BOTH);
    let decoder = bus.subscribe(&door(), Want::UNITS);
    assert_eq!(*want.borrow(), Want::BOTH);
    drop(viewer);
    assert_eq!(*want.borrow(), Want::UNITS);
    drop(decoder);
    assert_eq!(*want.borrow(), Want::default());
}

#[tokio::test]
async fn what_nobody_watched_is_not_shown_later() {
    let bus = Bus::new();
    let viewer = bus.subscribe(&door(), Want::BOTH);
    bus.unit(&door(), unit(1, true));
    drop(viewer);
    let mut later = bus.subscribe(&door(), Want::BOTH);
    bus.unit(&door(), unit(900, true));
    assert_eq!(next(&mut later).await, Some(('u', 900)));
}

#[tokio::test]
async fn a_removed_stream_ends_after_what_is_queued() {
    let bus = Bus::new();
    let mut viewer = bus.subscribe(&door(), Want::BOTH);
    bus.unit(&door(), unit(1, true));
    bus.remove(&door());
    assert!(!bus.knows(&door()));
    assert_eq!(next(&mut viewer).await, Some(('u', 1)));
    assert_eq!(next(&mut viewer).await, None);
}

#[test]
fn a_stream_has_its_edges_clock() {
    let bus = Bus::new();
    assert_eq!(bus.stream_clock(&door(), CaptureTime(100)), CaptureTime(100));
    bus.set_clock(&door(), -30);
    assert_eq!(bus.stream_clock(&door(), CaptureTime(100)), CaptureTime(70));
}
