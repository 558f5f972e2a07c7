use edge_core::Moment;
use edge_core::doctor::measure::{Measure, Picture};
use edge_core::doctor::report::{Asked, Coding, FORMAT, Failure, FailureKind, Offer, Report, Way};
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::Codec;

use super::*;
use crate::doctor::Outcome;

fn measure() -> Measure {
    let coding = Coding {
        codec: Codec::H264,
        profile: "High".into(),
        level: "4.0".into(),
        width: 1920,
        height: 1080,
        interlaced: false,
        bit_depth: 8,
        chroma: "4:2:0".into(),
        reordering: Reordering::Unsaid,
        rate_hz: Some(25.0),
    };
    let mut measure = Measure::default();
    for n in 0..500u32 {
        let key = n % 200 == 0;
        measure.picture(Picture {
            arrival: Moment::from_millis(u64::from(n) * 40),
            rtp: n * 3600,
            bytes: if key { 90_000 } else { 12_000 },
            key,
            b_slices: false,
            lost_packets: 0,
            unusable_packets: 0,
            new_parameter_sets: false,
            coding: key.then(|| coding.clone()),
        });
    }
    measure.sender_report(CaptureTime(1_000_000), CaptureTime(1_300_000));
    measure
}

fn report() -> Report {
    let offer = |media: &str, encoding: &str, taken: bool| Offer {
        media: media.into(),
        encoding: encoding.into(),
        clock_hz: 90_000,
        rate_hz: taken.then_some(25.0),
        taken,
    };
    let measure = measure();
    Report {
        format: FORMAT,
        camera: "rtsp://192.0.2.20/…".into(),
        credentials_given: true,
        credentials_literal: true,
        interpreted: vec![],
        transport_asked: Asked::Auto,
        attempts: vec![Attempt {
            transport: Way::Tcp,
            described_after_ms: Some(84),
            first_picture_after_ms: Some(212),
            failure: None,
        }],
        description: Some(Description {
            server: Some("camera 1.0".into()),
            redirected: false,
            sends_to_closed_sessions: false,
            streams: vec![offer("video", "h264", true), offer("audio", "pcma", false)],
            has_parameter_sets: true,
            parameter_sets_readable: true,
        }),
        video: measure.video().cloned(),
        measured: measure.measured(),
        failure: None,
    }
}

#[test]
fn what_was_measured_is_told() {
    let examination = Examination::of(report());
    let text = examination.to_string();
    for expected in [
        "rtsp://192.0.2.20/…: 20.0 s over TCP\n",
        "\noffers        video h264, 25 pictures/s promised  ← measured\n              audio pcma\n",
        "\nserver        camera 1.0\n",
        "\nvideo         H.264 High, level 4.0, 1920x1080 progressive, no B-frames\n",
        "\npictures      500; 25 a second as they come, 25 by the camera's stamps\n",
        "\nkey pictures  3; every 8.00 s (200 pictures), longest without one 8.00 s\n",
        "; key pictures 90.0 kB, others 12.0 kB\n",
        "\nlost packets  0\n",
        "\njitter        half come 0.0 ms late or less, 95 % 0.0, the latest 0.0\n",
        "\nits clock     +0 ppm ±",
        "; its date is 0.3 s behind\n",
        "\nstart         described after 84 ms, first picture after 212 ms\n",
        "\nWorked around\n  - The address is no well-formed URL",
        "\nWARNING key_interval_long\n  A key picture comes only every 8.0 s (200 pictures)",
        "\n  → Set the key-picture interval",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    assert_eq!(examination.outcome(), Outcome::Fine);
}

#[test]
fn a_camera_without_pictures_is_told_in_words() {
    let failed = |kind| {
        let failure = Some(Failure { kind, reason: "the camera is not there".into() });
        Examination::of(Report { attempts: vec![], video: None, measured: None, failure, ..report() })
    };
    let unreached = failed(FailureKind::Unreachable);
    let text = unreached.to_string();
    assert!(text.starts_with("rtsp://192.0.2.20/…: no pictures\n"), "{text}");
    assert!(text.contains("\nERROR unreachable\n  The camera is not there.\n  → "), "{text}");
    assert_eq!((unreached.outcome(), failed(FailureKind::Refused).outcome()), (Outcome::Unreached, Outcome::Faulty));
}

#[test]
fn a_camera_can_not_steer_the_terminal() {
    let mut report = report();
    let description = report.description.as_mut().unwrap();
    description.server = Some("camera\u{1b}[2J\u{202e} 1.0\r\n".into());
    description.streams[1].media = "audio\u{7}".into();
    description.streams[1].encoding = "\u{1b}]0;pcma".into();
    report.failure = Some(Failure { kind: FailureKind::Refused, reason: "it says\u{1b}[31m \u{202e}no".into() });
    let text = Examination::of(report).to_string();
    for expected in ["\nserver        camera [2J 1.0\n", "audio ]0;pcma\n", "t says [31m no"] {
        assert!(text.contains(expected), "{expected:?} is not in\n{text:?}");
    }
    assert!(text.chars().all(|c| c == '\n' || !steers(c)), "{text:?}");
}

#[test]
fn json_holds_report_workarounds_and_findings() {
    let json = serde_json::to_value(Examination::of(report())).unwrap();
    assert_eq!((&json["format"], &json["measured"]["pictures"]), (&1.into(), &500.into()));
    assert_eq!(json["workarounds"][0]["code"], "credentials_taken_literally");
    assert_eq!(
        (&json["findings"][0]["code"], &json["findings"][0]["severity"]),
        (&"key_interval_long".into(), &"warning".into())
    );
}
