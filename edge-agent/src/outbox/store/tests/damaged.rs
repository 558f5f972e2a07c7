//! What is on disk is not what was written.

use std::fs;
use std::path::Path;

use super::*;

/// As the outbox opens it.
fn open(folder: &Path, budget: u64) -> Store {
    let mut store = Store::open_or_set_aside(folder, budget).unwrap();
    store.settle(folder, &mut Settled::default()).unwrap();
    store
}

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
    let mut store = open(folder.path(), BIG);
    assert_ne!(store.id(), id, "numbers begin again, so the outbox is another one");
    assert!(folder.path().join("outbox.damaged-1").is_dir());
    assert_eq!(store.state().set_aside, 1);
    put_all(&mut store, &[closed(3)]);
    let [(1, Lasting::Incident(told)), (2, third)] = &all(&mut store)[..] else { panic!("{:?}", all(&mut store)) };
    assert_eq!((told.kind, third), (IncidentKind::OutboxSetAside, &closed(3)));
    assert!(told.message.contains("outbox.damaged-1"), "{}", told.message);
    drop(store);
    let mut store = open(folder.path(), BIG);
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
        let mut store = open(folder.path(), BIG);
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
    let mut store = open(folder.path(), BIG);
    let id = store.id();
    put_all(&mut store, &[opened(1), closed(1)]);
    super::history::copy(&folder.path().join("outbox"), &copy.path().join("outbox"));
    put_all(&mut store, &[closed(2), closed(3)]);
    drop(store);
    // As it was two records ago, but for the witness.
    fs::copy(folder.path().join("outbox/witness"), copy.path().join("outbox/witness")).unwrap();
    let mut store = open(copy.path(), BIG);
    assert_ne!(store.id(), id);
    assert_eq!(all(&mut store)[..2], [(1, opened(1)), (2, closed(1))], "what can be read is taken over");
}

#[test]
fn an_event_under_way_is_taken_over_though_the_hub_has_its_states() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), BIG);
    put_all(&mut store, &[opened(1), closed(2), picture(1, 100), befell(1), closed(3)]);
    store.delete(&[1]).unwrap();
    store.db.insert(RECORDS, &9u64.to_be_bytes()).unwrap();
    store.flush().unwrap();
    drop(store);
    let mut store = open(folder.path(), BIG);
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
        let mut store = open(folder, BIG);
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
        fs::write(aside(n).join("taken"), "").unwrap();
    }
    fs::write(folder.path().join("outbox.damaged-list"), "mine").unwrap();
    fs::create_dir(folder.path().join("other.damaged-1")).unwrap();
    let mut store = open(folder.path(), 700_000);
    assert_eq!(store.state().set_aside, 2, "two of 30 kB fit into a tenth of 700 kB");
    assert!(!aside(2).exists() && aside(9).exists() && aside(10).exists());
    assert_eq!(all(&mut store).len(), 3, "what nobody was told of is told before it goes");
    drop(store);
    fs::write(folder.path().join("outbox/db"), vec![0x5a; 100_000]).unwrap();
    let store = open(folder.path(), 700_000);
    assert_eq!(store.state().set_aside, 1);
    assert!(aside(11).exists() && !aside(10).exists() && !aside(9).exists());
    assert!(folder.path().join("outbox.damaged-list").exists() && folder.path().join("other.damaged-1").exists());
}

fn without_incidents(store: &mut Store) -> Vec<Lasting> {
    let records = all(store).into_iter().map(|(_, lasting)| lasting);
    records.filter(|lasting| !matches!(lasting, Lasting::Incident(_))).collect()
}

fn told(store: &mut Store) -> Vec<String> {
    let told = all(store).into_iter().filter_map(|(_, lasting)| match lasting {
        Lasting::Incident(incident) => Some(incident.message),
        _ => None,
    });
    told.collect()
}

/// As after a kill between the rename and the new database, and after the outbox's thread set it aside.
#[test]
fn what_a_database_that_was_renamed_holds_is_taken_over_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let things = [opened(1), picture(1, 100), closed(1)];
    put_all(&mut open(folder.path(), BIG), &things);
    set_aside(folder.path(), "torn").unwrap();
    let kept = folder.path().join("outbox.damaged-1");
    assert_eq!(fs::read_to_string(kept.join("reason")).unwrap(), "torn");
    let mut store = open(folder.path(), BIG);
    assert_eq!(without_incidents(&mut store), things);
    assert!(kept.join("taken").exists());
    let [said] = &told(&mut store)[..] else { panic!("{:?}", told(&mut store)) };
    assert!(said.contains("(torn)") && said.contains("has been given what could be read"), "{said}");
}

/// As after a kill, or on a disk that was full, in the middle of it.
#[test]
fn a_takeover_that_was_cut_short_is_ended_later_and_puts_nothing_in_twice() {
    let folder = tempfile::tempdir().unwrap();
    let things = [opened(1), picture(1, 100), befell(7), closed(1), closed(2), opened(3)];
    put_all(&mut open(folder.path(), BIG), &things);
    set_aside(folder.path(), "torn").unwrap();
    let mut store = Store::open(&folder.path().join("outbox"), BIG).unwrap();
    put_all(&mut store, &things[..3]);
    drop(store);
    let mut store = open(folder.path(), BIG);
    let kept: Vec<_> = all(&mut store).into_iter().map(|(_, lasting)| lasting).collect();
    assert_eq!(kept[..6], things);
    assert_eq!(kept.len(), 7, "and the incident");
    drop(store);
    assert_eq!(open(folder.path(), BIG).newest(), 7);
}

#[test]
fn the_only_copy_of_what_could_not_be_taken_over_yet_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let aside = |n: u32| folder.path().join(format!("outbox.damaged-{n}"));
    // As on a disk that does not let us read it.
    fs::create_dir_all(aside(1).join("db")).unwrap();
    fs::write(aside(1).join("large"), vec![0; 100_000]).unwrap();
    fs::create_dir(aside(2)).unwrap();
    fs::write(aside(2).join("large"), vec![0; 100_000]).unwrap();
    let mut store = open(folder.path(), 700_000);
    assert!(aside(1).exists() && !aside(1).join("taken").exists() && aside(2).join("taken").exists());
    assert_eq!(store.state().set_aside, 2);
    let [first, second] = &told(&mut store)[..] else { panic!("{:?}", told(&mut store)) };
    assert!(first.contains("it stays there until"), "{first}");
    assert!(second.contains("has been given"), "{second}");
}

/// The incident of a damaged database once took the number that the event behind it counted on.
#[test]
fn an_event_of_a_batch_in_which_the_database_is_opened_again_is_not_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = crate::outbox::tests::kept(folder.path(), |store| {
        // Without this tree the first picture fails, and the database is opened again.
        store.db.drop_tree("pictures").unwrap();
        fs::create_dir(folder.path().join("outbox.damaged-1")).unwrap();
    });
    outbox.put_blocking(vec![closed(1), picture(1, 100), closed(2)]).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(outbox.sync()).unwrap();
    runtime.block_on(outbox.end());
    assert!(folder.path().join("outbox.damaged-1/told").exists(), "it was never opened again");
    let mut store = open(folder.path(), BIG);
    assert_eq!(without_incidents(&mut store), [closed(1), picture(1, 100), closed(2)]);
    assert_eq!(told(&mut store).len(), 1);
}

#[tokio::test]
async fn a_record_that_is_damaged_is_stepped_over_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = open(folder.path(), BIG);
    put_all(&mut store, &[closed(1), closed(2)]);
    store.events.insert(1u64.to_be_bytes(), b"nonsense").unwrap();
    let which = Which::First { kind: Kind::Event, from: 1, to: 2 };
    let read = store.read(which).unwrap();
    assert_eq!((read.found.map(|stored| stored.what), read.damaged), (Some(closed(2)), vec![1]));
    assert_eq!(store.read(Which::Exactly(1)).unwrap(), Read { found: None, damaged: vec![1] });
    drop(store);
    let outbox = crate::outbox::tests::kept(folder.path(), |_| {});
    assert_eq!(outbox.read(which).await.unwrap().map(|stored| stored.what), Some(closed(2)));
    let mut state = outbox.state();
    assert_eq!(state.wait_for(|state| state.waiting == 1).await.unwrap().newest, 2);
}
