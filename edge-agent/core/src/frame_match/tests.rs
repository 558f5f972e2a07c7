use proptest::prelude::*;

use super::*;

const NOW: Moment = Moment::from_secs(7);

fn ms(time: i64) -> CaptureTime {
    CaptureTime(1_700_000_000_000_000 + time * 1000)
}

/// A main stream with frames at these milliseconds.
fn streams(frames: impl IntoIterator<Item = i64>) -> FrameMatch<i64> {
    let mut streams = FrameMatch::default();
    frames.into_iter().for_each(|time| streams.frame(ms(time)));
    streams
}

/// What comes out at `now`: what was found at which millisecond, and the frame's.
fn out(streams: &mut FrameMatch<i64>, now: Moment) -> Vec<(i64, Option<i64>)> {
    let start = ms(0).0;
    std::iter::from_fn(|| streams.next(now))
        .map(|(frame, found)| (found, frame.map(|frame| (frame.0 - start) / 1000)))
        .collect()
}

fn found(streams: &mut FrameMatch<i64>, times: &[i64]) -> Vec<(i64, Option<i64>)> {
    times.iter().for_each(|&time| streams.found(NOW, ms(time), time));
    out(streams, NOW)
}

#[test]
fn each_takes_the_frame_that_is_nearest() {
    let mut streams = streams((0..10).map(|n| n * 40));
    let rows = [(0, Some(0)), (7, Some(0)), (33, Some(40)), (121, Some(120)), (159, Some(160)), (370, Some(360))];
    assert_eq!(found(&mut streams, &rows.map(|row| row.0)), rows);
    assert_eq!(streams.wake(), None);
}

#[test]
fn stamps_rounded_to_milliseconds_leave_no_gap() {
    let mut streams = streams([0, 33, 67, 100, 133, 167, 200]);
    assert_eq!(found(&mut streams, &[50, 83, 184]), [(50, Some(33)), (83, Some(67)), (184, Some(200))]);
}

#[test]
fn where_a_frame_is_missing_there_is_none() {
    let mut streams = streams([0, 40, 80, 160, 200, 240]);
    assert_eq!(found(&mut streams, &[100, 120, 140]), [(100, Some(80)), (120, None), (140, Some(160))]);
}

#[test]
fn what_is_older_than_all_that_is_remembered_belongs_to_none() {
    let mut streams = streams((0..2 * FRAMES as i64).map(|n| n * 40));
    assert_eq!(found(&mut streams, &[40]), [(40, None)]);
    assert_eq!(streams.frames.len(), FRAMES);
}

#[test]
fn a_frame_on_its_way_is_waited_for_and_the_order_stays() {
    let mut streams = streams([0, 40, 80]);
    assert!(found(&mut streams, &[119, 40]).is_empty(), "the second waits behind the first");
    assert_eq!(streams.wake(), Some(NOW + PATIENCE));
    streams.frame(ms(120));
    assert_eq!(out(&mut streams, NOW), [(119, Some(120)), (40, Some(40))]);
}

#[test]
fn b_pictures_on_their_way_are_waited_for() {
    // I P B B P B B, and the next P.
    let mut streams = streams([0, 120, 40, 80, 240, 160, 200, 360]);
    assert!(found(&mut streams, &[280, 320]).is_empty(), "they come after a later one");
    streams.frame(ms(280));
    assert_eq!(out(&mut streams, NOW), [(280, Some(280))]);
    // The other is lost.
    streams.frame(ms(480));
    assert_eq!(out(&mut streams, NOW), []);
    assert_eq!(out(&mut streams, NOW + PATIENCE), [(320, None)]);
}

#[test]
fn without_a_main_stream_nothing_is_held_for_long() {
    for frames in [vec![], vec![0], vec![0, 40, 80]] {
        let mut streams = streams(frames);
        assert!(found(&mut streams, &[500]).is_empty());
        assert_eq!(out(&mut streams, NOW + PATIENCE), [(500, None)]);
    }
    let mut streams = streams([]);
    let times: Vec<i64> = (0..WAITING as i64 + 3).collect();
    assert_eq!(found(&mut streams, &times), [(0, None), (1, None), (2, None)], "no more than so many wait");
}

#[test]
fn a_clock_that_is_set_back_begins_anew() {
    let mut streams = streams([10_000, 10_040, 10_080, 0, 40, 80]);
    assert_eq!(found(&mut streams, &[41]), [(41, Some(40))]);
}

proptest! {
    #[test]
    fn whatever_comes_goes_out_once_in_order_and_near_its_frame(
        events in prop::collection::vec((any::<bool>(), 0i64..3000), 0..200),
    ) {
        let (mut streams, mut put, mut got) = (FrameMatch::default(), vec![], vec![]);
        let mut newest = 0;
        for (is_frame, time) in events {
            if is_frame {
                newest += time % 100;
                streams.frame(ms(newest));
            } else {
                streams.found(NOW, ms(time), put.len());
                put.push(ms(time));
            }
            got.extend(std::iter::from_fn(|| streams.next(NOW)));
        }
        got.extend(std::iter::from_fn(|| streams.next(NOW + PATIENCE)));
        prop_assert_eq!(got.iter().map(|(_, n)| *n).collect::<Vec<_>>(), (0..put.len()).collect::<Vec<_>>());
        for (frame, n) in got {
            if let Some(frame) = frame {
                let apart = frame.since(put[n]).max(put[n].since(frame));
                prop_assert!(apart <= Duration::from_millis(50) + ROUNDING, "{apart:?}");
            }
        }
    }
}
