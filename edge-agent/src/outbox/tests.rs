use omma_protocol::event::Phase;
use omma_protocol::incident::IncidentKind;
use omma_runtime::health::Health;

use super::record::tests::{event, incident, picture};
use super::store::Store;
use super::*;

mod disks;

mod slow;

async fn wait_for(outbox: &Outbox, mut ready: impl FnMut(&OutboxState) -> bool) -> OutboxState {
    let mut state = outbox.state();
    *state.wait_for(|state| ready(state)).await.unwrap()
}

async fn put(outbox: &Outbox, things: Vec<Lasting>) {
    let outbox = outbox.clone();
    tokio::task::spawn_blocking(move || outbox.put_blocking(things)).await.unwrap().unwrap();
}

/// An outbox to whose database something has happened since it was opened.
pub(in crate::outbox) fn kept(folder: &Path, happens: impl FnOnce(&Store)) -> Outbox {
    let store = Store::open_or_set_aside(folder, 1 << 30).unwrap();
    let (orders, inbox) = mpsc::channel(ORDERS);
    let (id, id_watch) = watch::channel(store.id());
    let (state, state_watch) = watch::channel(store.state());
    let part = Health::new().part("outbox");
    happens(&store);
    let database = Database::start(folder, 1 << 30, Some(store)).unwrap();
    let keeper = Keeper::new(database, MEMORY, inbox, orders.downgrade(), id, state, part);
    std::thread::spawn(move || keeper.run());
    Outbox { id: Arc::new(id_watch), orders, state: state_watch }
}

#[tokio::test]
async fn what_was_put_is_told_read_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let health = Health::new();
    let outbox = open(folder.path(), 1 << 30, health.part("outbox")).unwrap();
    assert!(health.readiness().ready);
    put(&outbox, vec![Lasting::Event(event(1, Phase::Opened, 1)), picture(1, 10)]).await;
    put(&outbox, vec![Lasting::Event(event(1, Phase::Closed, 2))]).await;
    assert_eq!(wait_for(&outbox, |state| state.newest == 3).await.waiting, 3);
    let second = outbox.read(Which::First { kind: Kind::Picture, from: 1, to: 3 }).await.unwrap().unwrap();
    assert_eq!((second.stamp.outbox, second.stamp.sequence), (outbox.id(), 2));
    outbox.delete(OutboxId(Uuid::nil()), vec![2]).await.unwrap();
    assert!(outbox.read(Which::Exactly(2)).await.unwrap().is_some(), "a number of another outbox means nothing here");
    outbox.delete(outbox.id(), vec![1, 2, 3]).await.unwrap();
    assert_eq!(wait_for(&outbox, |state| state.waiting == 0).await.bytes, 0);
    outbox.end().await;
    assert_eq!(outbox.read(Which::Exactly(1)).await, Err(ReadError::Ended(Ended)));
}

#[tokio::test]
async fn the_end_comes_after_what_was_put_before() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), 1 << 30, Health::new().part("outbox")).unwrap();
    for n in 0..100 {
        put(&outbox, vec![picture(n, 100)]).await;
    }
    outbox.end().await;
    let again = open(folder.path(), 1 << 30, Health::new().part("outbox")).unwrap();
    assert_eq!(again.state().borrow().waiting, 100);
}

#[tokio::test]
async fn given_up_pictures_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path(), 100_000, Health::new().part("outbox")).unwrap();
    for n in 0..10 {
        put(&outbox, vec![picture(n, 10_000)]).await;
    }
    let state = wait_for(&outbox, |state| state.newest == 11).await;
    assert_eq!((state.waiting, state.given_up), (5, 6), "and an incident says so, once");
    let which = Which::First { kind: Kind::Incident, from: 1, to: 11 };
    let Lasting::Incident(incident) = outbox.read(which).await.unwrap().unwrap().what else { panic!("no incident") };
    assert_eq!(incident.kind, IncidentKind::OutboxGaveUp);
    assert!(incident.message.contains("budget_mb"), "{}", incident.message);
}
