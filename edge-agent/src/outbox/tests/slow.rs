//! A disk that does not answer.

use std::sync::mpsc;

use super::super::database::Opened;
use super::*;

/// An outbox in `folder` whose disk does not answer until it is told to.
fn silent(folder: &Path, health: &Health) -> (Outbox, mpsc::Sender<()>) {
    let (orders, inbox) = tokio::sync::mpsc::channel(ORDERS);
    let mut database = Database::start(folder, 1 << 30, None).unwrap();
    database.ask(START, Opened::open).unwrap();
    let disk = database.view().unwrap().id;
    let (answers, answered) = mpsc::channel::<()>();
    // Late by itself before the keeper asks anything of it.
    let late = database.ask(Duration::ZERO, move |_| answered.recv().map_err(|_| store::StoreError::Silent));
    assert_eq!(late, Err(store::StoreError::Silent));

    let (id, id_watch) = watch::channel(disk);
    let (state, state_watch) = watch::channel(OutboxState::default());
    let keeper = Keeper::new(database, MEMORY, inbox, orders.downgrade(), id, state, health.part("outbox"));
    std::thread::spawn(move || keeper.run());
    (Outbox { id: Arc::new(id_watch), orders, state: state_watch }, answers)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_does_not_answer_holds_nothing_back_and_has_all_when_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let health = Health::new();
    let (outbox, answers) = silent(folder.path(), &health);
    let disk = outbox.id();
    let things = [Lasting::Event(event(1, Phase::Opened, 1)), picture(1, 1000)];
    put(&outbox, things.to_vec()).await;
    wait_for(&outbox, |state| (state.newest, state.in_memory) == (2, 2)).await;
    assert!(outbox.read(Which::Exactly(2)).await.unwrap().is_some(), "it is sent from memory");
    assert_ne!(outbox.id(), disk);
    assert!(health.readiness().parts[0].reason.as_ref().is_some_and(|reason| reason.contains("does not answer")));

    answers.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), wait_for(&outbox, |state| state.in_memory == 0)).await.unwrap();
    outbox.sync().await.unwrap();
    assert_eq!((outbox.id(), health.readiness().ready), (disk, true));
    for (sequence, what) in (1..).zip(things) {
        assert_eq!(outbox.read(Which::Exactly(sequence)).await.unwrap().unwrap().what, what);
    }
}

/// The uplink once went on past all that it had asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_fails_does_not_say_that_nothing_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let (outbox, answers) = silent(folder.path(), &Health::new());
    let which = Which::First { kind: Kind::Event, from: 1, to: u64::MAX };
    assert_eq!(outbox.read(which).await, Err(ReadError::Failed));
    answers.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(60), outbox.sync()).await.unwrap().unwrap();
    assert_eq!(outbox.read(which).await, Ok(None));
}
