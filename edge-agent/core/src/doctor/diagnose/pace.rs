//! How evenly pictures come: rate, loss, stamps, jitter, clocks.

use super::{Finding, Severity};
use crate::doctor::report::{Measured, Report, SenderReports, Stamps, Way};

/// A camera may be so much slower than it promises.
const SLOWER: f64 = 0.9;
/// Stamps and arrivals may differ by so much of the rate.
const SAME: f64 = 0.05;
/// Over a shorter time a rate says little.
const MIN_SPAN_S: f64 = 3.0;
/// Jitter that a viewer sees.
const HIGH_JITTER_MS: f64 = 60.0;
/// A burst at the beginning that is worth a word.
const OLD_MS: f64 = 500.0;
/// Share of pictures that packets may be missing of before it shows.
const MANY_LOST: f64 = 0.05;
/// No crystal drifts so much; it is a clock that nobody compared with anything.
const HIGH_DRIFT_PPM: f64 = 200.0;
/// By so much a camera's date may be wrong before people wonder about the text in the picture.
const CLOCK_OFF_S: f64 = 2.0;
/// Sender reports come every five seconds or so (RFC 3550 §6.2).
const REPORTS_WITHIN_S: f64 = 8.0;

pub(super) fn find(report: &Report, findings: &mut Vec<Finding>) {
    let Some(measured) = &report.measured else { return };
    if measured.span_s >= MIN_SPAN_S {
        findings.extend(slower(report, measured));
        findings.extend(stamp_rate(measured));
    }
    findings.extend(lost(report, measured));
    findings.extend(stamps(&measured.stamps, may_reorder(report)));
    findings.extend(jitter(measured));
    findings.extend(drift(measured));
    findings.extend(sender_reports(&measured.sender_reports, measured.span_s));
}

fn slower(report: &Report, measured: &Measured) -> Option<Finding> {
    let described = report.description.as_ref()?.streams.iter().find(|offer| offer.taken)?.rate_hz;
    let (promised, by) = match (described, report.video.as_ref().and_then(|video| video.coding.rate_hz)) {
        (Some(hz), _) => (hz, "its description"),
        (None, Some(hz)) => (hz, "its parameter sets"),
        (None, None) => return None,
    };
    let rate = measured.rate.by_arrival_hz.filter(|&hz| promised > 0.0 && hz < SLOWER * promised)?;
    Some(Finding::warning(
        "rate_low",
        format!("{rate:.1} pictures a second come, {promised:.1} are promised by {by}."),
        "In the dark, limit the exposure time (\"slow shutter\" off). By day, the camera is at its limit: lower \
         resolution or rate, or end other programs' streams. If neither, the promise is wrong, and harmless.",
    ))
}

fn stamp_rate(measured: &Measured) -> Option<Finding> {
    let (stamp, arrival) = (measured.rate.by_stamp_hz?, measured.rate.by_arrival_hz?);
    let differs = (stamp / arrival - 1.0).abs() > SAME;
    differs.then(|| {
        Finding::warning(
            "stamps_wrong",
            format!(
                "By its stamps the camera takes {stamp:.1} pictures a second, by arrival {arrival:.1}: its RTP clock \
                 is wrong, and Omma can date its pictures only roughly."
            ),
            "Update the camera's firmware, or set the frame rate anew: some compute stamps from a rate they don't keep.",
        )
    })
}

fn lost(report: &Report, measured: &Measured) -> Option<Finding> {
    if measured.lost_packets == 0 {
        return None;
    }
    let many = measured.lost_packets as f64 > MANY_LOST * measured.pictures as f64;
    let (severity, lost) = (if many { Severity::Error } else { Severity::Warning }, measured.lost_packets);
    let what = format!(
        "{lost} packets were lost in {:.1} s; each spoils the pictures up to the next key picture.",
        measured.span_s
    );
    let remedy = match report.transport() {
        Some(Way::Udp) => {
            "Use TCP: leave `transport` out in the edge's configuration. Or find the weak link: Wi-Fi, a \
                           switch port at half duplex."
        }
        _ => {
            "Over TCP the network loses nothing: the camera itself drops what it can't send. Lower its bit rate, or \
              end other programs' streams."
        }
    };
    Some(Finding::new(severity, "packets_lost", what, remedy))
}

fn may_reorder(report: &Report) -> bool {
    report.video.as_ref().is_some_and(|video| video.b_pictures > 0)
}

fn stamps(stamps: &Stamps, may_reorder: bool) -> Option<Finding> {
    let mut parts = vec![];
    if stamps.jumps > 0 {
        parts.push(format!("jumped {} times by more than a second", stamps.jumps));
    }
    if stamps.backward > 0 && !may_reorder {
        parts.push(format!("went back {} times", stamps.backward));
    }
    if stamps.repeated > 0 {
        parts.push(format!("stood still {} times", stamps.repeated));
    }
    (!parts.is_empty()).then(|| {
        Finding::warning(
            "stamps_uneven",
            format!("The camera's RTP stamps {}.", parts.join(", ")),
            "Update the camera's firmware. If its clock is set by NTP often, set it less often.",
        )
    })
}

fn jitter(measured: &Measured) -> Vec<Finding> {
    let mut findings = vec![];
    if let Some(jitter) = measured.jitter.as_ref().filter(|jitter| jitter.p95_ms > HIGH_JITTER_MS) {
        findings.push(Finding::warning(
            "jitter",
            format!(
                "Pictures come unevenly: one in twenty more than {:.0} ms late, the latest {:.0} ms. Live video stutters \
                 by as much.",
                jitter.p95_ms, jitter.max_ms
            ),
            "Prefer a cable to Wi-Fi, look for a link that is full, lower the bit rate. If this machine is busy, part of \
             it is its own.",
        ));
    }
    if let Some(backlog) = measured.backlog_ms.filter(|&ms| ms > OLD_MS) {
        findings.push(Finding::info(
            "begins_in_the_past",
            format!("The stream begins with a burst of kept pictures, the first {backlog:.0} ms old."),
            "Nothing: Omma dates them so that later ones are not held back.",
        ));
    }
    findings
}

fn drift(measured: &Measured) -> Option<Finding> {
    let drift = measured.drift.as_ref()?;
    let sure = drift.ppm.abs() - drift.error_ppm;
    (sure > HIGH_DRIFT_PPM).then(|| {
        let way = if drift.ppm > 0.0 { "fast" } else { "slow" };
        Finding::warning(
            "clock_drift",
            format!(
                "The camera's clock runs {:.0} ppm {way} against this machine's (±{:.0}): {:.1} s a day.",
                drift.ppm.abs(),
                drift.error_ppm,
                drift.ppm.abs() * 0.0864
            ),
            "Omma follows it. If other cameras show the same, it is this machine's clock: set up NTP here.",
        )
    })
}

fn sender_reports(reports: &SenderReports, span_s: f64) -> Option<Finding> {
    if reports.count == 0 {
        return (span_s >= REPORTS_WITHIN_S).then(|| {
            Finding::info(
                "no_sender_reports",
                "No RTCP sender reports come, so that the camera's own date of a picture is not known.",
                "Nothing: Omma dates pictures by their arrival.",
            )
        });
    }
    let ahead = reports.clock_ahead_s.filter(|s| s.abs() > CLOCK_OFF_S)?;
    let way = if ahead > 0.0 { "ahead of" } else { "behind" };
    Some(Finding::info(
        "clock_off",
        format!("The camera's date is {} {way} this machine's.", span(ahead.abs())),
        "Omma dates pictures by their arrival, for so wrong a date tells it nothing. Set the camera's time server (NTP): \
         then Omma leaves out what the camera takes to encode, and the time in its pictures is right.",
    ))
}

/// As people say it.
pub(crate) fn span(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} hours", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}
