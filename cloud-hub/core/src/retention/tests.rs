//! Under simulated time, beside a model of what is stored.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const DAY: Duration = Duration::from_secs(24 * 3600);
const DAY_US: i64 = 24 * 3600 * 1_000_000;
const ROW: u64 = 10;

const FOR_EVER: Rules = Rules { keep: None, budget: None, reserve: 0 };
const ROOM: Usage = Usage { bytes: 0, free: None };

fn old(day: i64, picture: u64) -> Old {
    Old { heard_us: day * DAY_US, row: ROW, picture }
}

#[test]
fn nothing_goes_unless_the_operator_said_so_or_the_disk_is_nearly_full() {
    let all = || (0..100).map(|day| old(day, 1000));
    assert!(FOR_EVER.choose(5000 * DAY_US, true, Usage { bytes: u64::MAX, free: Some(0) }, all()).is_empty());
    let reserve = Rules { reserve: 5000, ..FOR_EVER };
    assert!(reserve.choose(5000 * DAY_US, true, Usage { bytes: u64::MAX, free: Some(5000) }, all()).is_empty());
    assert!(reserve.choose(5000 * DAY_US, true, Usage { bytes: 0, free: None }, all()).is_empty());
    // As many as give the reserve back.
    assert_eq!(reserve.choose(5000 * DAY_US, true, Usage { bytes: 0, free: Some(2500) }, all()), [Why::Disk; 3]);
    // Something else fills the disk: whatever goes does not help, and a week stays.
    let gone = reserve.choose(105 * DAY_US, true, Usage { bytes: 0, free: Some(0) }, (0..200).map(|day| old(day, 0)));
    assert_eq!(gone, [Why::Disk; 98]);
}

#[test]
fn what_is_too_old_goes_and_then_what_is_over_the_budget() {
    let rules = Rules { keep: Some(10 * DAY), budget: Some(1000), reserve: 0 };
    let all = [old(1, 90), old(2, 90), old(15, 90), old(16, 90), old(17, 90)];
    assert_eq!(rules.choose(13 * DAY_US, true, ROOM, all), [Why::Age; 2]);
    let over = Usage { bytes: 1250, free: None };
    assert_eq!(rules.choose(13 * DAY_US, true, over, all), [Why::Age, Why::Age, Why::Budget]);
    assert_eq!(rules.too_old_us(13 * DAY_US), Some(3 * DAY_US));
    assert_eq!(FOR_EVER.too_old_us(13 * DAY_US), None);
}

#[test]
fn a_clock_that_leaps_ahead_takes_nothing_until_it_has_run_evenly_for_a_while() {
    let rules = Rules { keep: Some(10 * DAY), ..FOR_EVER };
    let mut steady = Steady::default();
    let mut gone = |minute: u64, wall_us: i64| {
        let steady = steady.look(Duration::from_secs(60 * minute), wall_us);
        rules.choose(wall_us, steady, ROOM, [old(1, 90)]).len()
    };
    let minute_us = 60_000_000;
    for minute in 0..60 {
        assert_eq!(gone(minute, 5 * DAY_US + minute as i64 * minute_us), 0);
    }
    // A minute later it is ten years later, for ten minutes.
    for minute in 60..70 {
        assert_eq!(gone(minute, 3650 * DAY_US + minute as i64 * minute_us), 0);
    }
    for minute in 70..200 {
        assert_eq!(gone(minute, 5 * DAY_US + minute as i64 * minute_us), 0);
    }
    // The machine slept for a month, or it is true.
    let taken: Vec<_> = (200..220).map(|minute| gone(minute, 40 * DAY_US + minute as i64 * minute_us)).collect();
    assert_eq!(taken, [[0; 15].as_slice(), &[1; 5]].concat());
}

/// A disk with room for 500 of the 1000 that it shall have, and pictures of 100 each.
struct Disk {
    room: Freed,
    pictures: u64,
    gone: u64,
}

impl Disk {
    const FREE: u64 = 500;

    fn new() -> Self {
        Self { room: Freed::default(), pictures: 100_000, gone: 0 }
    }

    /// One round of the hub's; the disk shows as much as `free` says of what has gone.
    fn round(&mut self, minute: u64, free: impl Fn(u64) -> u64) {
        let rules = Rules { reserve: 1000, ..FOR_EVER };
        for _ in 0..300 {
            let free = self.room.look(Duration::from_secs(60 * minute), Some(free(self.gone)), self.pictures);
            let usage = Usage { bytes: 0, free };
            let batch = rules.choose(5000 * DAY_US, true, usage, (0..2).map(|_| old(1, 100))).len() as u64;
            self.pictures -= 100 * batch;
            self.gone += 100 * batch;
        }
    }
}

/// Each minute as much went as was missing, and nothing of it was ever seen: all that was older than a week.
#[test]
fn under_a_snapshot_that_keeps_what_is_removed_no_more_goes_than_is_needed_in_a_quarter_of_an_hour() {
    let mut disk = Disk::new();
    for minute in 0..15 {
        disk.round(minute, |_| Disk::FREE);
        assert_eq!((disk.gone, disk.room.hidden()), (500, 0), "{minute}");
    }
    disk.round(15, |_| Disk::FREE);
    assert_eq!((disk.gone, disk.room.hidden()), (1000, 500));
    // The snapshot is gone.
    disk.round(16, |gone| Disk::FREE + gone);
    assert_eq!((disk.gone, disk.room.hidden()), (1000, 0));
}

#[test]
fn a_disk_that_shows_what_is_removed_is_believed_at_once_when_something_else_fills_it() {
    let mut disk = Disk::new();
    disk.round(0, |gone| Disk::FREE + gone);
    assert_eq!(disk.gone, 500);
    disk.round(1, |gone| Disk::FREE + gone - 300);
    assert_eq!(disk.gone, 800);
    // What comes meanwhile takes room as well.
    disk.pictures += 200;
    disk.round(2, |gone| Disk::FREE + gone - 300 - 200);
    assert_eq!((disk.gone, disk.room.look(Duration::ZERO, None, 0)), (1000, None));
}

/// A log beside it could fill the disk in that quarter of an hour.
#[test]
fn what_others_write_is_seen_at_once_also_where_the_disk_frees_late() {
    let mut disk = Disk::new();
    disk.round(0, |_| Disk::FREE);
    for minute in 1..=5 {
        disk.round(minute, |_| Disk::FREE - 100 * minute);
        assert_eq!(disk.gone, 500 + 100 * minute, "{minute}");
    }
    // It shows all that has gone.
    disk.round(6, |gone| gone);
    assert_eq!((disk.gone, disk.room.hidden()), (1000, 0));
}

#[test]
fn what_others_write_and_remove_again_does_not_pass_for_what_a_snapshot_keeps() {
    let mut disk = Disk::new();
    disk.round(0, |_| Disk::FREE);
    // The hub can't know that it will be removed.
    disk.round(1, |_| Disk::FREE - 300);
    for minute in 2..15 {
        disk.round(minute, |_| Disk::FREE - 300 * (minute % 2));
        assert_eq!(disk.gone, 800, "{minute}");
    }
}

#[test]
fn pictures_that_come_after_a_removal_that_is_not_shown_take_their_room() {
    let mut disk = Disk::new();
    disk.round(0, |_| Disk::FREE);
    disk.pictures += 200;
    disk.round(1, |_| Disk::FREE - 200);
    assert_eq!(disk.gone, 700);
}

/// Each minute as much of what the disk showed was hidden as had come: it was full within a quarter of an hour.
#[test]
fn pictures_that_come_all_the_time_do_not_use_up_the_reserve_where_the_disk_frees_late() {
    let mut disk = Disk::new();
    disk.round(0, |_| Disk::FREE);
    for minute in 1..=30 {
        disk.pictures += 200;
        let free = Disk::FREE + disk.gone - 200 * minute;
        disk.round(minute, |_| free);
        assert_eq!((free, disk.gone, disk.room.hidden()), (800, 500 + 200 * minute, 0), "{minute}");
    }
}

#[test]
fn little_room_is_told_before_there_is_none_and_not_again_and_again() {
    let rules = Rules { reserve: 1_000_000_000, ..FOR_EVER };
    let mut room = Room::Enough;
    let rows = [
        (5_000_000_000, Room::Enough),
        (1_999_999_999, Room::Little),
        (2_100_000_000, Room::Little),
        (99_999_999, Room::Full),
        (105_000_000, Room::Full),
        (111_000_000, Room::Little),
        (2_200_000_000, Room::Enough),
        (2_000_000_000, Room::Enough),
    ];
    for (free, expected) in rows {
        room = rules.room(free, room);
        assert_eq!(room, expected, "{free}");
    }
    assert_eq!(FOR_EVER.room(2 * FULL, Room::Enough), Room::Enough);
    assert_eq!(FOR_EVER.room(2 * FULL - 1, Room::Enough), Room::Little);
}

/// What the hub has, as its database has it.
#[derive(Debug, Default)]
struct Hub {
    events: BTreeMap<u32, Event>,
    removed: BTreeSet<u32>,
    told: BTreeSet<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Event {
    heard_us: i64,
    open: bool,
    picture: u64,
}

impl Hub {
    fn bytes(&self) -> u64 {
        self.events.values().map(|event| ROW + event.picture).sum()
    }

    fn closed(&self) -> Vec<(i64, u32)> {
        let closed = self.events.iter().filter(|(_, event)| !event.open);
        let mut closed: Vec<_> = closed.map(|(id, event)| (event.heard_us, *id)).collect();
        closed.sort_unstable();
        closed
    }

    /// A state arrives, perhaps late or twice: as the store keeps it.
    fn hears(&mut self, id: u32, open: bool, picture: u64, now_us: i64) {
        self.told.insert(id);
        if self.removed.contains(&id) {
            return;
        }
        let event = self.events.entry(id).or_insert(Event { heard_us: now_us, open, picture });
        if event.open {
            (event.heard_us, event.open) = (now_us, open);
        }
    }

    /// In bounded batches, until there is no reason any more.
    fn clear(&mut self, rules: Rules, now_us: i64, disk: Option<u64>, batch: usize) -> Vec<(i64, u32, Why)> {
        let mut gone = vec![];
        loop {
            let usage = Usage { bytes: self.bytes(), free: disk.map(|disk| disk.saturating_sub(self.bytes())) };
            let closed = self.closed();
            let oldest = closed.iter().take(batch).map(|(_, id)| {
                let Event { heard_us, picture, .. } = self.events[id];
                Old { heard_us, row: ROW, picture }
            });
            let reasons = rules.choose(now_us, true, usage, oldest);
            if reasons.is_empty() {
                return gone;
            }
            for ((heard_us, id), why) in closed.into_iter().zip(reasons) {
                self.events.remove(&id);
                self.removed.insert(id);
                gone.push((heard_us, id, why));
            }
        }
    }
}

proptest! {
    #[test]
    fn the_oldest_go_first_for_a_reason_and_the_rest_stays_within_its_bounds(
        arrivals in prop::collection::vec((0u32..40, any::<bool>(), 0u64..100, 0i64..DAY_US), 1..120),
        keep in prop::option::of(1u32..20),
        budget in prop::option::of(0u64..2000),
        disk in prop::option::of(0u64..3000),
        reserve in 0u64..1000,
        batch in 1usize..8,
    ) {
        let rules = Rules { keep: keep.map(|days| DAY * days), budget, reserve };
        let (mut hub, mut now_us) = (Hub::default(), 100 * DAY_US);
        for (id, open, picture, passed) in arrivals {
            now_us += passed;
            hub.hears(id, open, picture, now_us);
            let before: BTreeMap<u32, Event> = hub.events.clone();
            let gone = hub.clear(rules, now_us, disk, batch);

            // No open one, none before an older one, and each for a reason that holds.
            prop_assert!(gone.iter().all(|(_, id, _)| !before[id].open));
            prop_assert!(gone.is_sorted_by_key(|(heard_us, id, _)| (*heard_us, *id)));
            let stays = hub.closed().first().copied();
            if let (Some((heard_us, id, _)), Some(first)) = (gone.last(), stays) {
                prop_assert!((*heard_us, *id) < first);
            }
            for (heard_us, _, why) in &gone {
                match why {
                    Why::Age => prop_assert!(*heard_us < rules.too_old_us(now_us).unwrap()),
                    Why::Budget => prop_assert!(budget.is_some()),
                    Why::Disk => prop_assert!(*heard_us < now_us - 7 * DAY_US && disk.is_some()),
                }
            }
            // What is left is within the bounds, as far as anything could go.
            if let Some((heard_us, _)) = stays {
                let usage = Usage { bytes: hub.bytes(), free: None };
                prop_assert!(!rules.is_over_budget(usage));
                prop_assert!(rules.too_old_us(now_us).is_none_or(|limit| heard_us >= limit));
                let free = disk.map(|disk| disk.saturating_sub(hub.bytes()));
                prop_assert!(free.is_none_or(|free| free >= reserve) || heard_us >= now_us - 7 * DAY_US);
            }
            // What was told is there or was removed, and never both: a late copy does not come back as new.
            for id in &hub.told {
                prop_assert!(hub.events.contains_key(id) != hub.removed.contains(id));
            }
        }
    }
}
