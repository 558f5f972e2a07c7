use omma_protocol::unit::Codec;

use super::*;
use crate::Moment;
use crate::doctor::report::{Asked, Coding, FailureKind, Offer, Reordering, Way};
use crate::doctor::series::{Camera, attempt, coding, failed, report};
use crate::interpreter::Mend;

fn codes(report: &Report) -> Vec<&'static str> {
    diagnose(report).iter().map(|finding| finding.code).collect()
}

#[test]
fn a_good_camera_has_no_findings() {
    let report = Camera::default().report();
    assert_eq!(diagnose(&report), []);
    assert_eq!(workarounds(&report), []);
    assert_eq!(report.transport(), Some(Way::Tcp));
}

#[test]
fn what_a_camera_is_set_to() {
    type Change = fn(&mut Camera);
    let rows: &[(Change, &[&str])] = &[
        (|c| c.b_pictures = 1, &["b_frames"]),
        (|c| c.coding.reordering = Reordering::Announced, &["b_frames"]),
        (|c| c.key_every = 125, &["key_interval_long"]),
        (|c| (c.key_every, c.seconds) = (300, 40.0), &["smart_codec"]),
        (|c| c.key_every = 100, &[]),
        (|c| c.hz = 20.0, &["rate_low"]),
        (|c| c.hz = 30.0, &[]),
        (|c| c.jitter_us = 90_000.0, &["jitter"]),
        (|c| c.other_bytes = 100_000, &["bit_rate_high"]),
        (|c| c.key_bytes = 9_000_000, &["picture_too_large", "bit_rate_high"]),
        (|c| c.coding.codec = Codec::H265, &["h265"]),
        (|c| c.coding.interlaced = true, &["interlaced"]),
        (|c| c.coding.bit_depth = 10, &["samples_unsupported"]),
        (|c| c.coding.chroma = "4:2:2".into(), &["samples_unsupported"]),
    ];
    for (n, (change, expected)) in rows.iter().enumerate() {
        let mut camera = Camera::default();
        change(&mut camera);
        assert_eq!(codes(&camera.report()), *expected, "row {n}");
    }
}

#[test]
fn what_happens_to_pictures() {
    let with = |change: &dyn Fn(usize, &mut crate::doctor::measure::Picture)| {
        let mut pictures = Camera::default().pictures(1);
        pictures.iter_mut().enumerate().for_each(|(n, picture)| change(n, picture));
        codes(&report(&pictures))
    };
    assert_eq!(with(&|_, p| p.key = false), ["no_key_picture"]);
    assert_eq!(with(&|_, p| p.coding = None), ["no_parameter_sets"]);
    assert_eq!(with(&|n, p| p.lost_packets = u16::from(n == 7)), ["packets_lost"]);
    assert_eq!(with(&|n, p| p.rtp = if n > 100 { p.rtp.wrapping_add(1 << 30) } else { p.rtp }), ["stamps_uneven"]);
    assert_eq!(with(&|n, p| p.rtp = p.rtp.wrapping_add(if n == 9 { 3600 } else { 0 })), ["stamps_uneven"], "repeated");
    // A clock 1.03 times as fast: no jump within ten seconds, but no crystal either.
    let fast = |n: usize, p: &mut crate::doctor::measure::Picture| p.rtp = (n as u32) * 3600 / 100 * 103;
    assert_eq!(with(&fast), ["clock_drift"]);
    assert_eq!(
        with(&|n, p| if n > 120 {
            p.coding = p.coding.take().map(|c| Coding { width: 640, ..c })
        }),
        ["parameters_change"]
    );
    let late = |n: usize, p: &mut crate::doctor::measure::Picture| {
        if n < 50 {
            p.arrival = Moment::from_millis(2_000 + n as u64);
        }
    };
    assert_eq!(with(&late), ["begins_in_the_past"]);
}

#[test]
fn uneven_groups_are_a_smart_codecs() {
    let mut pictures = Camera { seconds: 20.0, ..Camera::default() }.pictures(1);
    for n in [150, 200, 250, 300] {
        pictures[n].key = false;
    }
    assert_eq!(codes(&report(&pictures)), ["smart_codec"]);
}

#[test]
fn why_no_picture_comes() {
    for (kind, code) in [
        (FailureKind::Unreachable, "unreachable"),
        (FailureKind::Unanswered, "unanswered"),
        (FailureKind::Refused, "credentials_refused"),
        (FailureKind::NotFound, "not_found"),
        (FailureKind::Unusable, "codec_unsupported"),
        (FailureKind::Silent, "silent"),
        (FailureKind::Closed, "closed"),
        (FailureKind::Busy, "busy"),
        (FailureKind::Failed, "failed"),
    ] {
        let findings = diagnose(&failed(kind, "the camera does not"));
        let [finding] = findings.as_slice() else { panic!("{kind:?}: {findings:?}") };
        assert_eq!((finding.code, finding.severity), (code, Severity::Error));
        assert_eq!(finding.what, "The camera does not.");
        assert!(finding.remedy.ends_with('.'), "{}", finding.remedy);
    }
    let report = Report { credentials_given: false, ..failed(FailureKind::Refused, "401") };
    assert_eq!(codes(&report), ["credentials_missing"]);
    let mut report = failed(FailureKind::Unusable, "no video");
    for Offer { media, .. } in report.description.iter_mut().flat_map(|described| &mut described.streams) {
        *media = "audio".into();
    }
    assert_eq!(codes(&report), ["no_video"]);
}

#[test]
fn the_other_transport_is_told() {
    let silence = crate::doctor::report::Failure { kind: FailureKind::Silent, reason: "no picture for 8 s".into() };
    let report = |asked, first, second| Report {
        transport_asked: asked,
        attempts: vec![attempt(first, Some(silence.clone())), attempt(second, None)],
        ..Camera::default().report()
    };
    let udp = report(Asked::Udp, Way::Udp, Way::Tcp);
    assert_eq!((codes(&udp), workarounds(&udp)[0].code), (vec!["udp_blocked"], "tcp_for_udp"));
    assert!(diagnose(&udp)[0].what.starts_with("Over UDP no picture came (no picture for 8 s)"));
    let tcp = report(Asked::Auto, Way::Tcp, Way::Udp);
    assert_eq!((codes(&tcp), workarounds(&tcp)[0].code), (vec!["tcp_refused"], "udp_for_tcp"));
    assert_eq!(tcp.transport(), Some(Way::Udp));
    assert_eq!((Asked::Auto.ways(), Asked::Udp.ways()), (&[Way::Tcp, Way::Udp][..], &[Way::Udp, Way::Tcp][..]));
}

#[test]
fn dates_and_reports() {
    let mut report = Camera::default().report();
    let reports = &mut report.measured.as_mut().unwrap().sender_reports;
    reports.clock_ahead_s = Some(-7_300.0);
    let finding = &diagnose(&report)[0];
    assert_eq!(
        (finding.code, finding.what.as_str()),
        ("clock_off", "The camera's date is 2 hours behind this machine's.")
    );
    report.measured.as_mut().unwrap().sender_reports.count = 0;
    assert_eq!(codes(&report), ["no_sender_reports"]);
}

#[test]
fn workarounds_are_told() {
    let mut report = Camera::default().report();
    report.credentials_literal = true;
    report.interpreted = Mend::ALL.to_vec();
    let description = report.description.as_mut().unwrap();
    (description.parameter_sets_readable, description.sends_to_closed_sessions) = (false, true);
    description.redirected = true;
    report.measured.as_mut().unwrap().unusable_packets = 3;
    report.measured.as_mut().unwrap().stamps.jumps = 1;
    report.measured.as_mut().unwrap().stamps.repeated = 1;
    let codes: Vec<_> = workarounds(&report).iter().map(|workaround| workaround.code).collect();
    assert_eq!(
        codes,
        [
            "credentials_taken_literally",
            "redirected",
            "parameter_sets_ignored",
            "session_ended_firmly",
            "content_type_interpreted",
            "description_interpreted",
            "session_interpreted",
            "rtp_info_interpreted",
            "ssrc_interpreted",
            "empty_packets_interpreted",
            "nonce_interpreted",
            "packets_left_out",
            "dated_anew",
            "stamps_made_to_grow"
        ]
    );
}

#[test]
fn the_worst_comes_first() {
    let mut report = Camera { b_pictures: 1, key_every: 150, ..Camera::default() }.report();
    report.measured.as_mut().unwrap().sender_reports.count = 0;
    let severities: Vec<_> = diagnose(&report).iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Info]);
    assert_eq!(coding().profile, "Main");
}
