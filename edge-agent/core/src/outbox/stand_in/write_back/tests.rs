use std::collections::BTreeSet;

use omma_protocol::event::Lasting;
use omma_protocol::id::OutboxId;

use super::*;
use crate::outbox::tests::disk::Put;
use crate::outbox::tests::things::{id, number, thing};

const DISK: u64 = 1;
const MEMORY: u64 = 2;

/// Memory stands in for a disk that can't be read.
fn stand_in() -> StandIn {
    let mut stand_in = StandIn::new(outbox(DISK), 1_000_000);
    stand_in.begin(outbox(MEMORY), false);
    stand_in
}

fn outbox(n: u64) -> OutboxId {
    id(n)
}

fn opened(n: u32) -> Lasting {
    thing(n, Put::Opened(n.into()))
}

fn all(before: u64, piece: &Piece) -> Taken {
    Taken { before, kept: piece.records.len(), deleted: true }
}

/// All that was to be deleted and all that arrived from memory once went with the first record, to a disk that is too slow
/// for more than one.
#[test]
fn the_first_piece_after_days_without_a_disk_is_small_and_each_further_one_twice_as_large_at_the_most() {
    let mut stand_in = stand_in();
    stand_in.acknowledged(outbox(DISK), &(1..=5000).collect::<Vec<_>>());
    (1..=900).for_each(|n| drop(stand_in.put(opened(n))));
    stand_in.acknowledged(outbox(MEMORY), &(1..=800).collect::<Vec<_>>());
    let (mut most, mut before, mut arrived) = (1, 5000, vec![]);
    while stand_in.is_on() {
        let piece = stand_in.piece();
        assert!(piece.deleted.len() <= DELETED_FOR_EACH * most && piece.passed.len() <= most, "{piece:?}");
        assert!(piece.records.len() <= most, "{piece:?}");
        arrived.extend(piece.records.iter().map(number));
        stand_in.written(&piece, all(before, &piece));
        before += piece.records.len() as u64;
        let left = stand_in.count_deleted() > 0 || !stand_in.passed.is_empty();
        assert!(!left || arrived.is_empty(), "a record goes before what belongs before it");
        most = (most * 2).min(RECORDS);
    }
    assert_eq!(arrived, (801..=900).collect::<Vec<_>>());
}

/// A flush that failed may have left the record on the disk: it came back at the next open, and was sent again.
#[test]
fn what_a_failed_flush_may_not_have_deleted_is_not_forgotten() {
    let mut stand_in = stand_in();
    stand_in.acknowledged(outbox(DISK), &[7]);
    stand_in.put(opened(1));
    let piece = stand_in.piece();
    assert_eq!(piece.deleted, [7]);
    stand_in.written(&piece, Taken { before: 7, kept: 0, deleted: false });
    assert!(stand_in.is_deleted(7));
    let again = stand_in.piece();
    assert_eq!(again.deleted, [7]);
    stand_in.written(&again, all(7, &again));
    assert!(!stand_in.is_deleted(7) && !stand_in.is_on());
}

/// The write was taken for one that never happened: the disk got the same record with every try.
#[test]
fn what_a_late_disk_took_is_there_once_and_what_arrived_meanwhile_is_deleted() {
    let mut stand_in = stand_in();
    (1..=3).for_each(|n| drop(stand_in.put(opened(n))));
    let first = stand_in.piece();
    stand_in.written(&first, all(10, &first));
    let late = stand_in.piece();
    assert_eq!(late.records.iter().map(number).collect::<Vec<_>>(), [2, 3]);
    stand_in.is_late(&late);
    stand_in.acknowledged(outbox(DISK), &[11]);
    // The disk could be read until now: another memory begins, in which they have other numbers.
    stand_in.begin(outbox(3), false);
    let second = stand_in.memory().unwrap().iter().find(|(_, held)| number(&held.what) == 2).unwrap().0;
    assert_eq!(second, 1);
    stand_in.acknowledged(outbox(3), &[second]);
    stand_in.written_late(all(11, &late));
    assert_eq!((stand_in.count_unsaved(), stand_in.is_deleted(12), stand_in.is_deleted(13)), (0, true, false));
}

/// What the disk took nothing of waits in memory as before.
#[test]
fn what_a_late_disk_has_not_taken_is_written_again() {
    let mut stand_in = stand_in();
    stand_in.put(opened(1));
    let piece = stand_in.piece();
    stand_in.is_late(&piece);
    stand_in.begin(outbox(3), false);
    stand_in.nothing_is_late();
    assert_eq!(stand_in.piece(), piece);
}

/// The disk took an older state of it for the newest, and the next start ended it a second time.
#[test]
fn an_event_whose_end_arrived_before_an_older_state_is_not_under_way_on_the_disk_when_memory_ends() {
    let mut stand_in = stand_in();
    for (n, put) in (1..).zip([Put::Opened(9), Put::Updated(9), Put::Closed(9)]) {
        stand_in.put(thing(n, put));
    }
    stand_in.acknowledged(outbox(MEMORY), &[3]);
    let (mut open, mut before) = (BTreeSet::new(), 0);
    while stand_in.is_on() {
        let piece = stand_in.piece();
        // As the database does it.
        assert!(piece.passed.iter().all(|event| event.phase == Phase::Closed));
        for event in &piece.passed {
            open.remove(&event.id);
        }
        for what in &piece.records {
            let Lasting::Event(event) = what else { panic!("{what:?}") };
            open.insert(event.id);
        }
        stand_in.written(&piece, all(before, &piece));
        before += piece.records.len() as u64;
    }
    assert_eq!((before, open.len()), (2, 0));
}
