use omma_protocol::incident::IncidentKind;

use super::super::record::tests::{cropped, event, incident, picture};
use super::*;

mod damaged;

pub(in crate::outbox) mod history;

const BIG: u64 = 1 << 30;

fn opened(id: u128) -> Lasting {
    Lasting::Event(event(id, Phase::Opened, 1))
}

fn closed(id: u128) -> Lasting {
    Lasting::Event(event(id, Phase::Closed, 2))
}

fn befell(id: u128) -> Lasting {
    incident(id, IncidentKind::UncleanEnd)
}

fn put_all(store: &mut Store, things: &[Lasting]) {
    for thing in things {
        store.make_room(thing).unwrap();
        store.put(thing).unwrap();
    }
    store.flush().unwrap();
}

/// What a reader gets of one kind from a number on.
fn first(store: &mut Store, kind: Kind, from: u64) -> Option<Stored> {
    let read = store.read(Which::First { kind, from, to: u64::MAX }).unwrap();
    store.delete(&read.damaged).unwrap();
    read.found
}

/// Everything that a reader gets, by sequence numbers.
fn all(store: &mut Store) -> Vec<(u64, Lasting)> {
    let mut found = vec![];
    for kind in [Kind::Event, Kind::Picture, Kind::Incident] {
        let mut from = 1;
        while let Some(stored) = first(store, kind, from) {
            from = stored.stamp.sequence + 1;
            found.push((stored.stamp.sequence, stored.what));
        }
    }
    found.sort_by_key(|(sequence, _)| *sequence);
    found
}

fn numbers(store: &mut Store) -> Vec<u64> {
    all(store).into_iter().map(|(sequence, _)| sequence).collect()
}

#[test]
fn numbers_have_no_gaps_across_kinds_and_restarts() {
    let folder = tempfile::tempdir().unwrap();
    let things = [opened(1), picture(1, 100), befell(1), closed(1)];
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    let id = store.id();
    put_all(&mut store, &things);
    let expected: Vec<_> = (1..).zip(things).collect();
    assert_eq!(all(&mut store), expected);
    store.delete(&[1, 2, 3, 4, 99]).unwrap();
    store.flush().unwrap();
    assert_eq!((store.state().waiting, store.state().bytes), (0, 0));
    drop(store);

    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    assert_eq!(store.id(), id);
    put_all(&mut store, &[picture(2, 10)]);
    assert_eq!(numbers(&mut store), [5], "a number that was given is never given again");
}

#[test]
fn a_database_that_is_still_being_closed_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let closing = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    let id = closing.id();
    let closes = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(closing);
    });
    assert_eq!(Store::open_or_set_aside(folder.path(), BIG).unwrap().id(), id);
    closes.join().unwrap();
}

#[test]
fn what_is_not_flushed_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    store.put(&closed(1)).unwrap();
    assert_eq!((first(&mut store, Kind::Event, 1), store.state().newest), (None, 0));
    store.flush().unwrap();
    assert!(store.read(Which::Exactly(1)).unwrap().found.is_some());
}

#[test]
fn an_event_that_a_crash_left_open_is_closed_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    let updated = Lasting::Event(event(1, Phase::Updated, 2));
    put_all(&mut store, &[opened(1), updated, opened(2), closed(2)]);
    drop(store);
    for _ in 0..2 {
        let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
        store.close_what_was_left_open().unwrap();
        let left = all(&mut store);
        assert_eq!(left.len(), 5, "closed once, however often it starts");
        let Lasting::Event(last) = &left[4].1 else { panic!("{:?}", left[4]) };
        assert_eq!((last.id, last.phase, last.revision), (event(1, Phase::Opened, 1).id, Phase::Closed, 3));
        assert_eq!(last.closed, Some(last.best));
    }
}

#[test]
fn over_the_budget_pictures_go_first_then_closed_events() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), 2 * 20_000).unwrap();
    put_all(&mut store, &[opened(1), picture(1, 8_000), opened(2), closed(2), picture(2, 8_000)]);
    assert_eq!(numbers(&mut store), [1, 2, 3, 4, 5]);
    assert_eq!(store.make_room(&cropped(3, 4_000)).unwrap(), [2], "both files count");
    // No event goes for a picture: the other picture does, and then this one itself.
    assert_eq!(store.make_room(&picture(3, 19_990)).unwrap(), [5]);
    put_all(&mut store, &[picture(3, 19_990)]);
    assert_eq!(store.trim().unwrap(), [6]);
    assert_eq!(numbers(&mut store), [1, 3, 4]);
    // For events the oldest closed ones go. The one under way is passed over.
    let mut gone = vec![];
    for n in 10..600 {
        gone.extend(store.make_room(&closed(n)).unwrap());
        put_all(&mut store, &[closed(n)]);
    }
    assert!(gone.starts_with(&[3, 4, 7]) && gone.is_sorted(), "{gone:?}");
    assert_eq!(numbers(&mut store)[0], 1);
}

#[test]
fn over_the_budget_incidents_go_with_the_closed_events_the_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), 2 * 20_000).unwrap();
    put_all(&mut store, &[opened(1), closed(2), befell(1), closed(3), befell(2), picture(1, 100)]);
    let mut gone = vec![];
    for n in 10..200 {
        gone.extend(store.make_room(&closed(n)).unwrap());
        put_all(&mut store, &[closed(n)]);
    }
    assert!(gone.starts_with(&[6, 2, 3, 4, 5, 7]), "{gone:?}");
    assert!(store.state().bytes <= 20_000 && numbers(&mut store)[0] == 1);
}

/// A database as an edge of before there were incidents left it: without their tree.
#[test]
fn a_database_of_an_earlier_version_is_read_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    let id = store.id();
    put_all(&mut store, &[opened(1), picture(1, 100)]);
    assert!(store.db.drop_tree("incidents").unwrap());
    store.flush().unwrap();
    drop(store);
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    assert_eq!((store.id(), store.state().set_aside), (id, 0));
    put_all(&mut store, &[befell(1)]);
    assert_eq!(all(&mut store), [(1, opened(1)), (2, picture(1, 100)), (3, befell(1))]);
}

#[test]
fn a_second_program_on_the_same_folder_is_refused_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    put_all(&mut store, &[closed(1)]);
    let error = Store::open_or_set_aside(folder.path(), BIG).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(numbers(&mut store), [1]);
}

#[test]
fn a_record_that_cannot_be_read_does_not_hold_up_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    put_all(&mut store, &[opened(1), closed(1)]);
    store.events.insert(1u64.to_be_bytes(), &[0xff, 0xff][..]).unwrap();
    assert_eq!(numbers(&mut store), [2]);
}

/// The hub once kept it open for ever: the end that the next start told had a lower revision than what the hub knew.
#[test]
fn an_event_that_went_on_from_memory_is_closed_at_the_next_start_with_a_revision_above_all_that_arrived() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    put_all(&mut store, &[opened(1), opened(2)]);
    store.delete(&[1, 2]).unwrap();
    store.passed_by(&[event(1, Phase::Updated, 5), event(2, Phase::Closed, 2), event(3, Phase::Opened, 1)]).unwrap();
    drop(store);
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    store.close_what_was_left_open().unwrap();
    let told = all(&mut store).into_iter().map(|(_, what)| match what {
        Lasting::Event(event) => (event.id.0.as_u128(), event.phase, event.revision),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [(1, Phase::Closed, 6), (3, Phase::Closed, 2)]);
}

/// The start then ended it with a revision that the hub knew already, and it stayed open there.
#[test]
fn a_state_that_is_written_after_a_later_one_arrived_does_not_make_the_event_older() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    store.passed_by(&[event(1, Phase::Updated, 5)]).unwrap();
    put_all(&mut store, &[Lasting::Event(event(1, Phase::Updated, 4))]);
    drop(store);
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    store.close_what_was_left_open().unwrap();
    let Some((_, Lasting::Event(last))) = all(&mut store).pop() else { panic!("nothing is there") };
    assert_eq!((last.phase, last.revision), (Phase::Closed, 6));
}
