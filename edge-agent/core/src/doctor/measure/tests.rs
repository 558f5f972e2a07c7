use proptest::prelude::*;

use super::*;
use crate::doctor::report::{Reordering, Stamps};
use crate::doctor::series::{Camera, coding, measured};

fn of(camera: &Camera) -> Measured {
    measured(&camera.pictures(3)).measured().unwrap()
}

fn near(value: Option<f64>, expected: f64, share: f64) -> bool {
    value.is_some_and(|value| (value / expected - 1.0).abs() < share)
}

#[test]
fn a_plain_stream_is_measured() {
    let seen = of(&Camera::default());
    assert_eq!((seen.pictures, seen.keys.count, seen.lost_packets), (250, 5, 0));
    assert_eq!((seen.keys.interval_s, seen.keys.interval_pictures, seen.keys.longest_s), (Some(2.0), Some(50), 2.0));
    // 25 pictures a second are 3600 ticks each, over the roll-over of the 32 bits too.
    assert_eq!((seen.rate.by_stamp_hz, seen.rate.longest_step_ms), (Some(25.0), Some(40.0)));
    assert!(near(seen.rate.by_arrival_hz, 25.0, 0.001) && near(Some(seen.span_s), 9.96, 0.001), "{seen:?}");
    // Every two seconds 60 000 + 49 · 8 000 bytes.
    assert!(near(seen.size.mean_bit_per_s, 1_808_000.0, 0.02), "{seen:?}");
    assert!(near(seen.size.peak_bit_per_s, (60_000.0 + 25.0 * 8_000.0) * 8.0, 0.05), "{seen:?}");
    assert_eq!(
        (seen.size.key_bytes, seen.size.other_bytes, seen.size.largest_bytes),
        (Some(60_000.0), Some(8_000.0), 60_000)
    );
    assert_eq!(seen.stamps, Stamps { jumps: 0, backward: 0, repeated: 0 });
    assert!(seen.jitter.unwrap().p95_ms < 2.1 && seen.drift.is_some() && seen.backlog_ms.unwrap() < 2.1);
}

#[test]
fn one_picture_is_better_than_none() {
    assert!(Measure::default().measured().is_none());
    let one = measured(&Camera::default().pictures(1)[..1]);
    let seen = one.measured().unwrap();
    assert_eq!((seen.pictures, seen.keys.count, seen.span_s, seen.keys.longest_s), (1, 1, 0.0, 0.0));
    assert_eq!((seen.rate.by_stamp_hz, seen.size.mean_bit_per_s, seen.keys.interval_s), (None, None, None));
    assert!(one.video().is_some());
}

#[test]
fn b_frames_disturb_neither_rate_nor_jitter() {
    let seen = of(&Camera { b_pictures: 2, seconds: 12.0, key_every: 30, ..Camera::default() });
    assert!(near(seen.rate.by_stamp_hz, 25.0, 0.01), "{seen:?}");
    assert_eq!((seen.stamps.backward, seen.rate.longest_step_ms), (100, Some(40.0)));
    assert!(seen.jitter.unwrap().p95_ms < 2.1);
}

#[test]
fn a_camera_that_restarts_its_stamps_is_measured_on() {
    let mut pictures = Camera::default().pictures(3);
    for picture in &mut pictures[100..] {
        picture.rtp = picture.rtp.wrapping_add(1_234_567_890);
    }
    let seen = measured(&pictures).measured().unwrap();
    assert_eq!((seen.stamps.jumps, seen.stamps.backward), (1, 0));
    assert!(near(seen.rate.by_stamp_hz, 25.0, 0.001) && seen.rate.longest_step_ms == Some(40.0), "{seen:?}");
    assert_eq!(seen.keys.interval_s, Some(2.0));
    assert!(seen.jitter.unwrap().max_ms < 2.1 && seen.drift.is_some());
}

#[test]
fn key_pictures_that_never_come_and_one_that_came_long_ago() {
    let mut pictures = Camera { key_every: 1000, ..Camera::default() }.pictures(3);
    let seen = measured(&pictures).measured().unwrap();
    assert_eq!((seen.keys.count, seen.keys.interval_s, seen.keys.longest_s), (1, None, 9.96));
    pictures[0].key = false;
    let seen = measured(&pictures).measured().unwrap();
    assert_eq!((seen.keys.count, seen.keys.longest_s), (0, 9.96));
}

#[test]
fn a_burst_at_the_beginning_does_not_count_into_rates() {
    let mut pictures = Camera { seconds: 20.0, ..Camera::default() }.pictures(3);
    for (n, picture) in pictures[..75].iter_mut().enumerate() {
        picture.arrival = Moment::from_millis(3_000 + n as u64);
    }
    let seen = measured(&pictures).measured().unwrap();
    assert!(near(seen.rate.by_arrival_hz, 25.0, 0.02), "{seen:?}");
    assert!(near(seen.size.mean_bit_per_s, 1_808_000.0, 0.1) && near(seen.backlog_ms, 3_000.0, 0.02), "{seen:?}");
    assert_eq!(seen.keys.interval_s, Some(2.0));
}

#[test]
fn parameter_sets_are_followed() {
    let mut pictures = Camera::default().pictures(3);
    pictures[0].coding = None;
    pictures[50].new_parameter_sets = true;
    let small = Coding { width: 640, height: 360, reordering: Reordering::Never, ..coding() };
    pictures[100].coding = Some(small.clone());
    pictures[100].new_parameter_sets = true;
    pictures[150].coding = Some(small.clone());
    pictures[200].coding = Some(small.clone());
    let measure = measured(&pictures);
    let video = measure.video().unwrap();
    assert_eq!((video.changes, video.in_band_parameter_sets, &video.coding), (1, 2, &small));
}

#[test]
fn sender_reports_tell_the_cameras_date() {
    let mut measure = measured(&Camera::default().pictures(1));
    assert_eq!(measure.measured().unwrap().sender_reports, SenderReports { count: 0, clock_ahead_s: None });
    measure.sender_report(CaptureTime(5_000_000), CaptureTime(1_500_000));
    measure.sender_report(CaptureTime(9_000_000), CaptureTime(5_250_000));
    assert_eq!(measure.measured().unwrap().sender_reports, SenderReports { count: 2, clock_ahead_s: Some(3.75) });
}

/// The keys are a contract: whoever renames one must raise [`crate::doctor::report::FORMAT`].
#[test]
fn keys_of_the_json_stay() {
    let json = serde_json::to_value(Camera::default().report()).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    for (path, expected) in [
        (
            "",
            "attempts camera credentials_given credentials_literal description failure format interpreted measured transport_asked video",
        ),
        ("/attempts/0", "described_after_ms failure first_picture_after_ms transport"),
        (
            "/description",
            "has_parameter_sets parameter_sets_readable redirected sends_to_closed_sessions server streams",
        ),
        ("/description/streams/0", "clock_hz encoding media rate_hz taken"),
        (
            "/video",
            "b_pictures bit_depth changes chroma codec height in_band_parameter_sets interlaced level profile rate_hz \
             reordering width",
        ),
        (
            "/measured",
            "backlog_ms drift jitter keys lost_packets pictures rate sender_reports size span_s stamps unusable_packets",
        ),
        ("/measured/rate", "by_arrival_hz by_stamp_hz longest_step_ms"),
        ("/measured/keys", "count interval_pictures interval_s longest_s"),
        ("/measured/size", "key_bytes largest_bytes mean_bit_per_s other_bytes peak_bit_per_s"),
        ("/measured/stamps", "backward jumps repeated"),
        ("/measured/jitter", "max_ms p50_ms p95_ms rfc3550_ms"),
        ("/measured/drift", "error_ppm ppm"),
        ("/measured/sender_reports", "clock_ahead_s count"),
    ] {
        let mut found: Vec<_> = keys(json.pointer(path).unwrap()).split(' ').map(str::to_owned).collect();
        found.sort();
        assert_eq!(found.join(" "), expected, "{path}");
    }
    assert_eq!(
        (&json["format"], &json["video"]["codec"], &json["attempts"][0]["transport"]),
        (&1.into(), &"h264".into(), &"tcp".into())
    );
}

proptest! {
    /// Whatever a camera sends is measured without a panic, and every picture is counted.
    #[test]
    fn any_stream_is_measured(
        pictures in prop::collection::vec((0u64..3_000_000, any::<u32>(), 0usize..100_000, any::<bool>(), any::<bool>()), 0..200),
    ) {
        let mut measure = Measure::default();
        let mut arrival = Moment::ZERO;
        let count = pictures.len();
        for (after_us, rtp, bytes, key, b_slices) in pictures {
            arrival += Moment::from_micros(after_us);
            let coding = key.then(coding);
            measure.picture(Picture {
                arrival, rtp, bytes, key, b_slices, lost_packets: 1, unusable_packets: 2, new_parameter_sets: key, coding,
            });
        }
        let measured = measure.measured();
        prop_assert_eq!(measured.is_some(), count > 0);
        if let Some(measured) = measured {
            prop_assert_eq!((measured.pictures, measured.lost_packets), (count as u64, count as u64));
            prop_assert_eq!(measured.unusable_packets, 2 * count as u64);
            prop_assert!(measured.keys.longest_s >= 0.0 && measured.keys.count <= measured.pictures);
            prop_assert!(measured.rate.by_stamp_hz.is_none_or(f64::is_finite));
            prop_assert!(measured.rate.by_arrival_hz.is_none_or(f64::is_finite));
        }
    }

    /// A steady camera is measured as what it is, wherever its stamps begin.
    #[test]
    fn rates_are_right(hz in 4.0f64..60.0, key_every in 1usize..100, first_rtp: u32, seed: u64) {
        let camera = Camera { hz, key_every, first_rtp, jitter_us: 1_000.0, ..Camera::default() };
        let seen = measured(&camera.pictures(seed)).measured().unwrap();
        prop_assert!(near(seen.rate.by_stamp_hz, hz, 0.002) && near(seen.rate.by_arrival_hz, hz, 0.005), "{seen:?}");
        if let Some(interval) = seen.keys.interval_s {
            prop_assert!((interval - key_every as f64 / hz).abs() < 0.001, "{seen:?}");
            prop_assert_eq!(seen.keys.interval_pictures, Some(key_every as u64));
        }
    }
}
