//! Events of edges that never come back, and of one that does.

use super::*;

fn closed(sequence: u64, id: u128, revision: u32) -> Arrival {
    let mut arrival = event_arrival(sequence, id, revision);
    if let Content::Event(event) = &mut arrival.content {
        (event.phase, event.closed_us) = (PhaseName::Closed, Some(event.best_us + 77));
    }
    arrival
}

async fn state(store: &Store, id: u128) -> (PhaseName, u32, Option<i64>, bool) {
    let StoredEvent { event, given_up, .. } = store.event(event(id, 1).id).await.unwrap().unwrap();
    (event.phase, event.revision, event.closed_us.map(|at| at - event.best_us), given_up)
}

/// They stood as going on for ever.
#[tokio::test]
async fn what_an_edge_that_never_comes_back_left_open_is_closed_once_and_nothing_else_is() {
    let mut opened = open().await;
    let mut of_another = event_arrival(1, 9, 1);
    of_another.origin = origin("site-2", 1);
    if let Content::Event(event) = &mut of_another.content {
        event.stream = "site-2.door".parse().unwrap();
    }
    let batch = [event_arrival(1, 7, 1), event_arrival(2, 7, 2), closed(3, 8, 1), of_another];
    opened.store.keep(&batch).await.unwrap();
    let mut own = event(10, 1);
    own.place = PlaceName::Hub;
    opened.store.hub_event(&own.stream.clone(), Lasting::Event(own.to_event())).await.unwrap();
    for _ in 0..5 {
        opened.feed.next().await.unwrap();
    }
    let store = &opened.store;
    assert_eq!(
        store.0.database.edges_with_open().await.unwrap(),
        ["site", "site-2"].map(|e| e.parse().unwrap()).into()
    );
    for _ in 0..2 {
        store.give_up(&"site".parse().unwrap()).await.unwrap();
        assert_eq!(state(store, 7).await, (PhaseName::Closed, 3, Some(0), true));
    }
    assert_eq!(state(store, 8).await, (PhaseName::Closed, 1, Some(77), false));
    for (id, phase) in [(9, PhaseName::Opened), (10, PhaseName::Opened)] {
        assert_eq!(state(store, id).await, (phase, 1, None, false), "of another edge, or the hub's own");
    }
    let HubToBrowser::Event(told) = (*opened.feed.next().await.unwrap()).clone() else { panic!() };
    assert_eq!((told.id, told.phase, told.revision), (event(7, 1).id, PhaseName::Closed, 3));
    store.keep(&[event_arrival(4, 11, 1)]).await.unwrap();
    let HubToBrowser::Event(next) = (*opened.feed.next().await.unwrap()).clone() else { panic!() };
    assert_eq!(next.id, event(11, 1).id, "it is told once");
}

#[tokio::test]
async fn what_an_edge_that_was_given_up_tells_after_all_takes_the_place_of_the_hubs_word() {
    let opened = open().await;
    let store = &opened.store;
    store.keep(&[event_arrival(1, 7, 1), event_arrival(2, 8, 1)]).await.unwrap();
    store.give_up(&"site".parse().unwrap()).await.unwrap();
    // A copy of what was there opens nothing.
    assert_eq!(store.keep(&[event_arrival(1, 7, 1)]).await.unwrap(), [kept(Keep::Copy)]);
    assert_eq!(store.keep(&[event_arrival(9, 7, 1)]).await.unwrap(), [kept(Keep::Older)]);
    assert_eq!(state(store, 7).await, (PhaseName::Closed, 2, Some(0), true));
    // Its next state has the number that the hub's word has.
    for outcome in [Keep::Latest, Keep::Copy] {
        assert_eq!(store.keep(&[closed(3, 7, 2)]).await.unwrap(), [kept(outcome)]);
        assert_eq!(state(store, 7).await, (PhaseName::Closed, 2, Some(77), false));
    }
    // One that goes on is open again.
    assert_eq!(store.keep(&[event_arrival(4, 8, 2)]).await.unwrap(), [kept(Keep::Latest)]);
    assert_eq!(state(store, 8).await, (PhaseName::Updated, 2, None, false));
}

#[tokio::test]
async fn how_long_an_edge_is_silent_outlives_a_restart_of_the_hub() {
    let opened = open().await;
    opened.store.keep(&[event_arrival(1, 7, 1)]).await.unwrap();
    let (day, nobody) = (Duration::from_secs(24 * 3600), BTreeSet::new());
    for _ in 0..4 {
        opened.store.look_for_silent(day, &nobody).await.unwrap();
    }
    let again = open_in(opened.folder).await;
    for days in 5..=7 {
        assert_eq!(state(&again.store, 7).await.0, PhaseName::Opened, "{days}");
        again.store.look_for_silent(day, &nobody).await.unwrap();
    }
    assert_eq!(state(&again.store, 7).await.0, PhaseName::Closed);
    again.store.look_for_silent(day, &nobody).await.unwrap();
    assert!(again.store.0.database.silences().await.unwrap().is_empty(), "it has nothing open any more");
}

#[tokio::test]
async fn an_edge_that_is_there_keeps_its_events_open() {
    let opened = open().await;
    opened.store.keep(&[event_arrival(1, 7, 1)]).await.unwrap();
    let (registry, token) = (crate::registry::Registry::default(), CancellationToken::new());
    let site = "site".parse().unwrap();
    opened.store.look_for_silent(Duration::from_secs(3600), &BTreeSet::new()).await.unwrap();
    assert_eq!(opened.store.0.database.silences().await.unwrap(), [(site, Duration::from_secs(3600))]);
    registry.update(&"site".parse().unwrap(), |edge| edge.connected = true);
    let ms = Duration::from_millis(10);
    let task = tokio::spawn(opened.store.clone().look_every(ms, registry.watch(), token.clone()));
    while opened.store.0.database.silences().await.unwrap()[0].1 > Duration::ZERO {
        tokio::time::sleep(ms).await;
    }
    token.cancel();
    task.await.unwrap();
}
