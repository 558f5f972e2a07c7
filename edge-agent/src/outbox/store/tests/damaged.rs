//! What is on disk is not what was written.

use std::fs;
use std::path::Path;

use super::*;

/// Changes the bytes of the database's file.
fn damage(folder: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let file = folder.join("outbox").join("db");
    let mut bytes = fs::read(&file).unwrap();
    change(&mut bytes);
    fs::write(&file, bytes).unwrap();
}

/// 400 events that have been seen to their end, and one under way, put one by one.
fn filled(folder: &Path) -> OutboxId {
    let mut store = Store::open_or_set_aside(folder, BIG).unwrap();
    for n in 1..=400u32 {
        store.put(&closed(n.into())).unwrap();
        if n.is_multiple_of(20) {
            store.flush().unwrap();
        }
    }
    put_all(&mut store, &[opened(1000), picture(1000, 20_000)]);
    store.id()
}

#[test]
fn a_database_of_nonsense_is_set_aside_and_a_new_one_begun() {
    let folder = tempfile::tempdir().unwrap();
    let id = filled(folder.path());
    damage(folder.path(), |bytes| bytes.fill(0x5a));
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    assert_ne!(store.id(), id, "numbers begin again, so the outbox is another one");
    assert!(folder.path().join("outbox.damaged-1").is_dir());
    assert_eq!(store.state().set_aside, 1);
    put_all(&mut store, &[closed(3)]);
    assert_eq!(numbers(&mut store), [1]);
    drop(store);
    let store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    assert_eq!(store.state().set_aside, 1, "it is shown for as long as it lies there, and the new one is sound");
}

/// sled leaves out what it can't read, and says nothing.
#[test]
fn records_that_are_missing_are_noticed_and_the_others_kept() {
    for seed in 1..=12u64 {
        let folder = tempfile::tempdir().unwrap();
        let id = filled(folder.path());
        damage(folder.path(), |bytes| {
            let at = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize % bytes.len();
            bytes[at] ^= 0x55;
        });
        let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
        let left = all(&mut store);
        println!("seed {seed}: {} records are left, set aside: {}", left.len(), store.state().set_aside);
        if store.state().set_aside == 0 {
            assert_eq!((store.id(), left.len()), (id, 402), "seed {seed}: records are missing, and nobody said so");
        } else {
            assert_ne!(store.id(), id);
        }
        // Whatever happened, it goes on.
        let newest = store.newest();
        put_all(&mut store, &[closed(2000)]);
        assert_eq!(numbers(&mut store).last(), Some(&(newest + 1)));
    }
}

#[test]
fn an_outbox_whose_end_is_missing_gives_no_number_twice() {
    let folder = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    let id = store.id();
    put_all(&mut store, &[opened(1), closed(1)]);
    super::history::copy(&folder.path().join("outbox"), &copy.path().join("outbox"));
    put_all(&mut store, &[closed(2), closed(3)]);
    drop(store);
    // As it was two records ago, but for the witness.
    fs::copy(folder.path().join("outbox/witness"), copy.path().join("outbox/witness")).unwrap();
    let mut store = Store::open_or_set_aside(copy.path(), BIG).unwrap();
    assert_ne!(store.id(), id);
    assert_eq!(all(&mut store), [(1, opened(1)), (2, closed(1))], "what can be read is taken over");
}

#[test]
fn an_event_under_way_is_taken_over_though_the_hub_has_its_states() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    put_all(&mut store, &[opened(1), closed(2), picture(1, 100), closed(3)]);
    store.delete(&[1]).unwrap();
    store.db.insert(RECORDS, &7u64.to_be_bytes()).unwrap();
    store.flush().unwrap();
    drop(store);
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    store.close_what_was_left_open().unwrap();
    let kept: Vec<_> = all(&mut store).into_iter().map(|(_, lasting)| lasting).collect();
    assert_eq!(kept[..4], [closed(2), picture(1, 100), closed(3), opened(1)]);
    assert!(matches!(&kept[4..], [Lasting::Event(event)] if event.phase == Phase::Closed));
}
