use std::collections::BTreeSet;

use omma_protocol::unit::REORDERED;
use proptest::prelude::*;

use super::*;

const NOON: i64 = 1_780_000_000_000_000;

/// A camera at `fps` whose RTP clock begins at `rtp`; yields (RTP timestamp, true capture time in µs).
fn camera(rtp: u32, fps: u32) -> impl Iterator<Item = (u32, i64)> {
    (0u64..).map(move |n| {
        let ticks = n * 90_000 / u64::from(fps);
        (rtp.wrapping_add(ticks as u32), NOON + (ticks * 100 / 9) as i64)
    })
}

fn check_identity(last: &mut Option<CaptureTime>, time: CaptureTime) -> Result<(), TestCaseError> {
    if let Some(last) = *last {
        prop_assert!(time.ticks() > last.ticks(), "{time} after {last}");
    }
    *last = Some(time);
    Ok(())
}

proptest! {
    #[test]
    fn stamps_strictly_increase_whatever_comes_in(
        units in prop::collection::vec((any::<u32>(), prop_oneof![any::<i64>(), NOON..NOON + 90_000_000]), 1..300),
        restart_every in 1usize..50,
    ) {
        let mut clock = CaptureClock::default();
        let mut last = None;
        for (n, (rtp, arrival)) in units.into_iter().enumerate() {
            if n % restart_every == 0 {
                clock.restart();
            }
            check_identity(&mut last, clock.stamp(rtp, CaptureTime(arrival), false, false).time)?;
        }
    }

    #[test]
    fn no_time_is_given_twice_whatever_comes_in(
        units in prop::collection::vec(
            (prop_oneof![any::<u32>(), 0u32..40, 0u32..200_000], prop_oneof![any::<i64>(), NOON..NOON + 3_000_000], any::<bool>(), any::<bool>()),
            1..300,
        ),
        restart_every in 1usize..50,
    ) {
        let mut clock = CaptureClock::default();
        let (mut given, mut latest) = (BTreeSet::new(), CaptureTime(0));
        for (n, (rtp, arrival, key, reorders)) in units.into_iter().enumerate() {
            if n % restart_every == 0 {
                clock.restart();
            }
            let time = clock.stamp(rtp, CaptureTime(arrival), key, reorders).time;
            prop_assert!(given.insert(time.ticks()), "{time} twice");
            prop_assert!(latest.since(time) <= REORDERED, "{time} after {latest}");
            latest = latest.max(time);
        }
    }

    #[test]
    fn jitter_does_not_enter(start: u32, fps in 5u32..60, jitter in prop::collection::vec(0i64..40_000, 900)) {
        let mut clock = CaptureClock::default();
        let mut before: Option<(u32, CaptureTime)> = None;
        for (n, ((rtp, captured), jitter)) in camera(start, fps).zip(jitter).enumerate() {
            let stamped = clock.stamp(rtp, CaptureTime(captured + jitter), false, false);
            prop_assert_eq!(stamped.jump, None);
            if n as u32 > 3 * fps {
                let error = stamped.time.0 - captured;
                prop_assert!((0..=40_000).contains(&error), "unit {n} is off by {error} µs");
                if let Some((rtp_before, time_before)) = before {
                    let by_rtp = i64::from(rtp.wrapping_sub(rtp_before)) * 100 / 9;
                    let by_stamp = stamped.time.0 - time_before.0;
                    // 40 ms of jitter may shorten or lengthen what counts as elapsed, hence the 80 ms.
                    let slack = 12 + (by_rtp + 80_000) * SLEW_PER_MILLE / 1000;
                    prop_assert!((by_rtp - by_stamp).abs() <= slack, "unit {n}: {by_rtp} by RTP, {by_stamp} by stamp");
                }
                before = Some((rtp, stamped.time));
            }
        }
    }

    #[test]
    fn rtp_that_restarts_is_related_anew(start: u32, new_start: u32, fps in 5u32..60) {
        let mut clock = CaptureClock::default();
        for (rtp, captured) in camera(start, fps).take(100) {
            clock.stamp(rtp, CaptureTime(captured), false, false);
        }
        let gap = NOON + 60_000_000 - NOON;
        let mut last = None;
        for (rtp, captured) in camera(new_start, fps).take(100) {
            let stamped = clock.stamp(rtp, CaptureTime(captured + gap), false, false);
            check_identity(&mut last, stamped.time)?;
            // The new RTP clock is believed only as far as it could be the old one.
            prop_assert!((stamped.time.0 - captured - gap).abs() <= JUMP_US + 12);
        }
    }
}

#[test]
fn the_32_bit_wrap_is_no_jump() {
    let mut clock = CaptureClock::default();
    for (rtp, captured) in camera(u32::MAX - 90_000, 30).take(90) {
        assert_eq!(
            clock.stamp(rtp, CaptureTime(captured), false, false),
            Stamped { time: CaptureTime(captured), jump: None }
        );
    }
}

#[test]
fn a_burst_of_old_pictures_at_the_start_does_not_shift_the_rest() {
    let mut clock = CaptureClock::default();
    let now = NOON + 1_500_000;
    for (rtp, captured) in camera(1, 30).take(300) {
        let time = clock.stamp(rtp, CaptureTime(captured.max(now)), false, false).time;
        if captured > now {
            assert!((time.0 - captured).abs() <= 12, "off by {}", time.0 - captured);
        }
    }
}

#[test]
fn a_network_stall_is_no_jump() {
    let mut clock = CaptureClock::default();
    for (n, (rtp, captured)) in camera(1, 30).take(900).enumerate() {
        // Units 300 to 360 all come together, two seconds late.
        let arrival = if (300..360).contains(&n) { NOON + 12_000_000 } else { captured };
        let stamped = clock.stamp(rtp, CaptureTime(arrival), false, false);
        assert_eq!(stamped.jump, None, "unit {n}");
        assert!((stamped.time.0 - captured).abs() <= 12, "unit {n}");
    }
}

#[test]
fn rtp_hours_ahead_is_noticed_at_once() {
    let mut clock = CaptureClock::default();
    let (rtp, captured) = camera(1, 30).next().unwrap();
    clock.stamp(rtp, CaptureTime(captured), false, false);
    let stamped = clock.stamp(rtp + 90_000 * 7200, CaptureTime(captured + 33_333), false, false);
    assert_eq!(stamped.time.0, captured + 33_333);
    assert_eq!(stamped.jump, Some(Jump { rtp_us: 7_200_000_000, late_us: 33_333 - 7_200_000_000 }));
}

#[test]
fn a_frozen_rtp_clock_is_left_behind() {
    let mut clock = CaptureClock::default();
    let (mut jumps, mut worst) = (0, 0);
    for n in 0..1_800i64 {
        let arrival = NOON + n * 33_333;
        let stamped = clock.stamp(77, CaptureTime(arrival), false, false);
        jumps += usize::from(stamped.jump.is_some());
        worst = worst.max(arrival - stamped.time.0);
    }
    assert!(jumps >= 3 && worst <= 12_100_000, "{jumps} jumps, {worst} µs behind at worst");
}

/// Pictures of a camera at 30 a second, as they are sent: which in the order of capture, and when it came.
fn reordered(pictures: i64) -> impl Iterator<Item = (i64, CaptureTime)> {
    let shown = move |sent: i64| match sent % 3 {
        _ if sent == 0 => 0,
        1 => sent + 2,
        _ => sent - 1,
    };
    // Each comes when it is sent, the first after as long as the order needs.
    (0..pictures).map(move |sent| (shown(sent), CaptureTime(NOON + (sent + 2) * 100_000 / 3)))
}

#[test]
fn pictures_sent_in_another_order_keep_their_own_times() {
    let mut clock = CaptureClock::default();
    let mut first = None;
    for (shown, arrival) in reordered(1_000) {
        let stamped = clock.stamp((u32::MAX - 50_000).wrapping_add(shown as u32 * 3_000), arrival, false, true);
        assert_eq!(stamped.jump, None);
        let taken = first.get_or_insert(stamped.time).0 + shown * 100_000 / 3;
        // The quickest pictures are those that were sent before their turn: what comes before the first of them is dated
        // late by what the clock learns from it.
        let off = taken - stamped.time.0;
        assert!(shown < 3 || (66_000..67_000).contains(&off), "picture {shown} is off by {off} µs");
    }
}

#[test]
fn a_clock_that_steps_back_at_a_key_picture_does_not_date_the_group_among_those_before() {
    let mut clock = CaptureClock::default();
    let (mut latest, mut jumps) = (CaptureTime(0), 0);
    for sent in 0..140 {
        // Groups of I P B B P B B. The 11th and those after it are stamped 0.2 s too early.
        let (group, place) = (sent / 7, sent % 7);
        let shown = group * 7 + [0, 3, 1, 2, 6, 4, 5][place as usize];
        let rtp = 1_000_000 + shown * 3_000 - if group >= 10 { 18_000 } else { 0 };
        let arrival = CaptureTime(NOON + (sent + 2) * 100_000 / 3);
        let stamped = clock.stamp(rtp as u32, arrival, place == 0, true);
        jumps += usize::from(stamped.jump.is_some());
        assert!(place != 0 || stamped.time > latest, "group {group} begins at {}, before {latest}", stamped.time);
        let apart = arrival.0.abs_diff(stamped.time.0);
        assert!(apart < 150_000, "picture {shown} came at {arrival} and is dated {}", stamped.time);
        latest = latest.max(stamped.time);
    }
    assert_eq!(jumps, 1);
}

/// H.265's CRA pictures are sent before pictures that are shown before them.
#[test]
fn key_pictures_before_pictures_that_lead_them_begin_nothing_anew() {
    let mut clock = CaptureClock::default();
    let stamp = |(shown, arrival): (i64, _)| clock.stamp(shown as u32 * 3_000, arrival, shown % 12 == 3, true);
    let dated: Vec<_> = reordered(241).map(stamp).collect();
    assert!(dated.iter().all(|stamped| stamped.jump.is_none()));
    // Beyond the first, whose dates are learnt: each three in their own order.
    for group in dated[1..].chunks_exact(3).skip(1) {
        let [last, first, second] = [0, 1, 2].map(|n| group[n].time);
        assert!(first < second && second < last, "{first}, {second}, {last}");
    }
}

#[test]
fn where_nothing_is_said_of_another_order_stamps_increase() {
    let mut clock = CaptureClock::default();
    let mut last = None;
    for (shown, arrival) in reordered(100) {
        let stamped = clock.stamp(shown as u32 * 3_000, arrival, false, false);
        assert_eq!(stamped.jump, None);
        check_identity(&mut last, stamped.time).unwrap();
    }
}

#[test]
fn a_crystal_off_by_100_ppm_is_followed() {
    let mut clock = CaptureClock::default();
    for (n, (rtp, captured)) in camera(1, 30).take(30 * 600).enumerate() {
        // The camera's second is 100 µs longer than ours.
        let arrival = captured + (captured - NOON) / 10_000;
        let time = clock.stamp(rtp, CaptureTime(arrival), false, false).time;
        assert!((time.0 - arrival).abs() <= 2_000, "unit {n} is off by {}", time.0 - arrival);
    }
}

/// Stamps of a camera whose pictures come `delay` µs after they were taken, and whose reports are `ahead` µs off, which
/// depends on the second. Gives how late the last stamp is.
fn late_with_reports(delay: i64, ahead: impl Fn(usize) -> Option<i64>) -> i64 {
    let mut clock = CaptureClock::default();
    let mut late = 0;
    for (n, (rtp, captured)) in camera(u32::MAX - 5, 25).take(25 * 90).enumerate() {
        let stamped = clock.stamp(rtp, CaptureTime(captured + delay), false, false);
        assert_eq!(stamped.jump, None);
        late = stamped.time.0 - captured;
        if n % 125 == 7
            && let Some(ahead) = ahead(n / 25)
        {
            clock.report(rtp.wrapping_sub(9000), CaptureTime(captured - 100_000 + ahead));
        }
    }
    late
}

#[test]
fn sane_sender_reports_say_how_late_pictures_come() {
    assert_eq!(late_with_reports(180_000, |_| None), 180_000);
    assert!(late_with_reports(180_000, |_| Some(0)).abs() < 100);
    assert_eq!(late_with_reports(180_000, |_| Some(-90_000)), -90_000, "at most what a camera may need");
}

#[test]
fn sender_reports_of_a_clock_that_is_wrong_are_not_believed() {
    for ahead in [180_100, 3_600_000_000, -121_000, i64::MIN / 2, i64::MAX / 2] {
        assert_eq!(late_with_reports(180_000, |_| Some(ahead)), 180_000, "{ahead} µs ahead");
    }
    let each_says_another_thing = |second| Some(if second / 5 % 2 == 0 { 0 } else { 60_000 });
    assert_eq!(late_with_reports(180_000, each_says_another_thing), 180_000);
    // Its clock is set while it is watched.
    assert_eq!(late_with_reports(180_000, |second| Some(if second < 40 { 0 } else { 9_000_000 })), 180_000);
}

#[test]
fn what_was_learned_of_a_camera_is_known_in_its_next_session() {
    let mut clock = CaptureClock::default();
    for session in 0..2 {
        clock.restart();
        for (n, (rtp, captured)) in camera(session * 77, 25).take(25 * 60).enumerate() {
            let captured = captured + i64::from(session) * 100_000_000;
            let stamped = clock.stamp(rtp, CaptureTime(captured + 150_000), false, false);
            assert!(session == 0 || (stamped.time.0 - captured).abs() < 100, "unit {n}: {}", stamped.time.0 - captured);
            if n % 100 == 0 {
                clock.report(rtp, CaptureTime(captured));
            }
        }
    }
}

proptest! {
    #[test]
    fn believed_reports_move_stamps_slowly_and_never_back(
        delays in prop::collection::vec(0i64..250_000, 1..8),
        errors in prop::collection::vec(-80_000i64..80_000, 1..8),
        restart_every in 200usize..2000,
    ) {
        let mut clock = CaptureClock::default();
        let mut last = None;
        for (n, (rtp, captured)) in camera(7, 25).take(2500).enumerate() {
            let part = n / 300;
            if n % restart_every == 0 {
                clock.restart();
            }
            let before = last;
            let time = clock.stamp(rtp, CaptureTime(captured + delays[part % delays.len()]), false, false).time;
            check_identity(&mut last, time)?;
            if n % 25 == 3 {
                clock.report(rtp, CaptureTime(captured + errors[part % errors.len()]));
            }
            // What settles, and what begins anew, may step.
            if let Some(before) = before && n % restart_every > 60 {
                // Offset and lag, each by 5 ms a second of what may be 250 ms more or less than the 40 that went by.
                let most = 2 * (40_000 + 250_000) * SLEW_PER_MILLE / 1000 + 24;
                let step = (time.0 - before.0 - 40_000).abs();
                prop_assert!(step <= most, "unit {n}: {step} µs");
            }
        }
    }
}
