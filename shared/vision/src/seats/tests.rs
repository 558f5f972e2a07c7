use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::prelude::*;

use super::*;

const PICTURE: Duration = Duration::from_millis(33);
const GROUP: u64 = 60;

fn seconds(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

#[test]
fn there_is_a_seat_for_everybody_until_one_is_late() {
    let mut seats = Seats::default();
    assert!((0..50).all(|who| seats.begins(&who, Rank::Usual, seconds(0.1))));
    assert!((0..50).all(|who| seats.goes_on(&who, seconds(9.0))));
    assert_eq!(seats.limit(), None);
    seats.late(&7, seconds(9.0));
    assert_eq!(seats.limit(), Some(38), "a fourth less");
    seats.late(&8, seconds(9.5));
    assert_eq!(seats.limit(), Some(38), "for the same reason");
    assert!(!seats.goes_on(&7, seconds(9.6)) && !seats.begins(&7, Rank::Usual, seconds(9.7)));
}

#[test]
fn after_a_hold_up_there_are_soon_seats_for_all_again() {
    let mut seats = Seats::default();
    assert!((0..4).all(|who| seats.begins(&who, Rank::Usual, seconds(0.0))));
    (0..4).for_each(|who| seats.late(&who, seconds(1.0)));
    assert_eq!(seats.limit(), Some(3));
    let mut refused = 0;
    for group in 1..6 {
        let now = seconds(1.0 + 2.0 * f64::from(group));
        for who in 0..4 {
            refused += u32::from(!seats.begins(&who, Rank::Usual, now));
        }
    }
    assert!(refused <= 2, "{refused}");
    assert_eq!(seats.limit(), Some(4));
}

#[test]
fn a_look_that_is_missed_now_and_then_costs_nobody_a_seat() {
    let mut seats = Seats::default();
    assert!((0..4).all(|who| seats.begins(&who, Rank::Usual, seconds(0.0))));
    (1..60).for_each(|n| seats.missed(seconds(0.6 * f64::from(n))));
    assert_eq!(seats.limit(), None);
    (0..3).for_each(|n| seats.missed(seconds(90.0 + 0.1 * f64::from(n))));
    assert_eq!(seats.limit(), Some(3));
    let going_on = (0..4).filter(|who| seats.goes_on(who, seconds(92.0))).count();
    assert_eq!(going_on, 3, "one of them stands up");
}

#[test]
fn the_last_seat_is_never_taken_away_and_a_quiet_time_brings_all_back() {
    let mut seats = Seats::default();
    (1..9).for_each(|n| seats.late(&0, seconds(2.0 * f64::from(n))));
    assert_eq!(seats.limit(), Some(1));
    // Three cameras glance at once, long after.
    assert!((1..4).all(|who| seats.begins(&who, Rank::Usual, seconds(60.0))));
    assert_eq!(seats.limit(), None);
}

#[test]
fn who_sat_for_days_while_nobody_waited_gets_its_share_when_somebody_does() {
    let mut seats = Seats::default();
    assert!(seats.begins(&0, Rank::Usual, seconds(0.0)));
    let days = 20.0 * 86_400.0;
    assert!(seats.begins(&1, Rank::Usual, seconds(days)) && seats.begins(&2, Rank::Usual, seconds(days)));
    let mut sat = [0u32; 3];
    for tenth in 0..1200u32 {
        let now = seconds(days + 60.0 + f64::from(tenth) / 10.0);
        // Two are too many, all the time.
        if seats.seated.len() > 1 {
            let last = *seats.seated.keys().next_back().unwrap();
            seats.late(&last, now);
        }
        for (who, sat) in sat.iter_mut().enumerate() {
            let sits = seats.seated.contains_key(&who);
            let may = if sits { seats.goes_on(&who, now) } else { seats.begins(&who, Rank::Usual, now) };
            *sat += u32::from(may);
        }
    }
    assert!(sat.iter().all(|&sat| sat > 200), "{sat:?}");
}

/// Streams whose groups begin one after the other, on a machine that decodes at most `whole` of them as fast as they come.
/// Returns how many pictures behind key pictures each was given in the second half of `minutes`.
fn overloaded(streams: u64, whole: usize, first: &[u64], minutes: f64) -> Vec<u64> {
    let (mut seats, end) = (Seats::default(), seconds(60.0 * minutes));
    let mut given = vec![0; streams as usize];
    // The next unit of each stream: when, whose, and its number.
    let mut due: BinaryHeap<_> =
        (0..streams).map(|who| Reverse((seconds(2.0 * who as f64 / streams as f64), who, 0u64))).collect();
    let mut gives_up = vec![false; streams as usize];
    while let Some(Reverse((now, who, number))) = due.pop() {
        if now >= end {
            continue;
        }
        due.push(Reverse((now + PICTURE, who, number + 1)));
        let rank = if first.contains(&who) { Rank::First } else { Rank::Usual };
        let skips = &mut gives_up[who as usize];
        *skips &= number % GROUP != 0;
        if number % GROUP == 0 || *skips {
            continue;
        }
        *skips = !(seats.begins(&who, rank, now) && seats.goes_on(&who, now));
        if !*skips && seats.seated.len() > whole && number % 8 == 7 {
            seats.late(&who, now);
            *skips = true;
        }
        given[who as usize] += u64::from(!*skips && now > end / 2);
    }
    given
}

#[test]
fn what_the_machine_can_do_is_used_and_shared_evenly() {
    for (streams, whole, minutes) in [(4, 2, 4), (16, 2, 4), (16, 5, 4), (64, 3, 20)] {
        let given = overloaded(streams, whole, &[], f64::from(minutes));
        let (all, least) = (given.iter().sum::<u64>(), given.iter().min().copied().unwrap_or_default());
        let could = f64::from(minutes * 30 * 30) * whole as f64;
        assert!(all as f64 >= 0.5 * could, "{streams} on {whole}: {all} of {could}");
        let mean = all as f64 / streams as f64;
        assert!(least as f64 >= 0.7 * mean, "{streams} on {whole}: {least}, on average {mean}: {given:?}");
    }
}

#[test]
fn where_something_is_followed_more_is_seen_and_the_others_are_not_forgotten() {
    let given = overloaded(16, 2, &[3, 5], 4.0);
    let usual: Vec<u64> = (0..16).filter(|who| ![3, 5].contains(who)).map(|who| given[who as usize]).collect();
    let (most, least) =
        (usual.iter().max().copied().unwrap_or_default(), usual.iter().min().copied().unwrap_or_default());
    assert!(given[3] > most && given[5] > most, "{given:?}");
    assert!(least > 0, "{given:?}");
}

proptest! {
    /// Whatever happens, no more sit than there are seats, but for those who sat when one was taken away.
    #[test]
    fn nobody_sits_down_where_there_is_no_seat(history in prop::collection::vec((0u8..6, 0u8..5, 0u64..700), 1..300)) {
        let (mut seats, mut now) = (Seats::default(), Duration::ZERO);
        for (who, what, later) in history {
            now += Duration::from_millis(later);
            let before = seats.seated.len();
            match what {
                0 => seats.late(&who, now),
                1 => seats.leaves(&who, now),
                2 => drop(seats.goes_on(&who, now)),
                _ => {
                    let sat = seats.seated.contains_key(&who);
                    let rank = if what == 3 { Rank::First } else { Rank::Usual };
                    let may = seats.begins(&who, rank, now);
                    prop_assert_eq!(may, seats.seated.contains_key(&who));
                    prop_assert!(sat || !may || seats.limit().is_none_or(|limit| before < limit));
                }
            }
        }
    }
}
