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
    let [(1, Lasting::Incident(told)), (2, third)] = &all(&mut store)[..] else { panic!("{:?}", all(&mut store)) };
    assert_eq!((told.kind, third), (IncidentKind::OutboxSetAside, &closed(3)));
    assert!(told.message.contains("outbox.damaged-1"), "{}", told.message);
    drop(store);
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    assert_eq!(numbers(&mut store), [1, 2], "it is told once");
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
    assert_eq!(all(&mut store)[..2], [(1, opened(1)), (2, closed(1))], "what can be read is taken over");
}

#[test]
fn an_event_under_way_is_taken_over_though_the_hub_has_its_states() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    put_all(&mut store, &[opened(1), closed(2), picture(1, 100), befell(1), closed(3)]);
    store.delete(&[1]).unwrap();
    store.db.insert(RECORDS, &9u64.to_be_bytes()).unwrap();
    store.flush().unwrap();
    drop(store);
    let mut store = Store::open_or_set_aside(folder.path(), BIG).unwrap();
    store.close_what_was_left_open().unwrap();
    let kept: Vec<_> = all(&mut store).into_iter().map(|(_, lasting)| lasting).collect();
    assert_eq!(kept[..5], [closed(2), picture(1, 100), befell(1), closed(3), opened(1)]);
    assert!(matches!(&kept[5..], [Lasting::Incident(_), Lasting::Event(event)] if event.phase == Phase::Closed));
}

/// Killed after the incident was flushed and before that was marked: the same one is told again, and none is lost.
#[test]
fn an_incident_that_was_told_and_not_marked_comes_again_under_its_id() {
    let folder = tempfile::tempdir().unwrap();
    filled(folder.path());
    damage(folder.path(), |bytes| bytes.fill(0x5a));
    let told = |folder: &Path| {
        let mut store = Store::open_or_set_aside(folder, BIG).unwrap();
        let incidents = all(&mut store).into_iter().filter_map(|(_, lasting)| match lasting {
            Lasting::Incident(incident) => Some(incident.id),
            _ => None,
        });
        incidents.collect::<Vec<_>>()
    };
    let first = told(folder.path());
    fs::remove_file(folder.path().join("outbox.damaged-1/told")).unwrap();
    assert_eq!(told(folder.path()), [first[0], first[0]]);
    assert_eq!(told(folder.path()).len(), 2);
}

#[test]
fn the_newest_that_was_set_aside_stays_and_older_ones_while_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let aside = |n: u32| folder.path().join(format!("outbox.damaged-{n}"));
    // Not by the order of letters, and not what is no database.
    for n in [2, 9, 10] {
        fs::create_dir(aside(n)).unwrap();
        fs::write(aside(n).join("db"), vec![0; 30_000]).unwrap();
    }
    fs::write(folder.path().join("outbox.damaged-list"), "mine").unwrap();
    fs::create_dir(folder.path().join("other.damaged-1")).unwrap();
    let mut store = Store::open_or_set_aside(folder.path(), 700_000).unwrap();
    assert_eq!(store.state().set_aside, 2, "two of 30 kB fit into a tenth of 700 kB");
    assert!(!aside(2).exists() && aside(9).exists() && aside(10).exists());
    assert_eq!(all(&mut store).len(), 3, "what nobody was told of is told before it goes");
    drop(store);
    fs::write(folder.path().join("outbox/db"), vec![0x5a; 100_000]).unwrap();
    let store = Store::open_or_set_aside(folder.path(), 700_000).unwrap();
    assert_eq!(store.state().set_aside, 1);
    assert!(aside(11).exists() && !aside(10).exists() && !aside(9).exists());
    assert!(folder.path().join("outbox.damaged-list").exists() && folder.path().join("other.damaged-1").exists());
}
