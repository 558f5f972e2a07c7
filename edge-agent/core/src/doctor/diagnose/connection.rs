//! Whether pictures come at all, and how.

use super::Finding;
use crate::doctor::report::{Attempt, FailureKind, Report, Way};

/// A viewer who waits longer for the first picture thinks that it does not work.
const SLOW_START_MS: u64 = 3_000;

pub(super) fn find(report: &Report, findings: &mut Vec<Finding>) {
    if let Some(failure) = &report.failure {
        findings.push(failed(report, failure.kind, &failure.reason));
    }
    if report.measured.is_some()
        && let [failed, worked] = report.attempts.as_slice()
    {
        findings.push(other_way(failed, worked));
    }
    if let Some(after) = report.attempts.last().and_then(|attempt| attempt.first_picture_after_ms)
        && after > SLOW_START_MS
    {
        findings.push(Finding::warning(
            "slow_start",
            format!("The first picture came {:.1} s after the connection was asked for.", after as f64 / 1000.0),
            "Look for other programs that take streams from this camera: many cameras serve only two or three well.",
        ));
    }
}

fn failed(report: &Report, kind: FailureKind, reason: &str) -> Finding {
    let pictures = report.measured.as_ref().map_or(0, |measured| measured.pictures);
    let (code, remedy) = match kind {
        FailureKind::Unreachable => (
            "unreachable",
            "Check that the camera is on and on the network, that host and port are right (554 where the URL names \
             none), and that no firewall is in between.",
        ),
        FailureKind::Unanswered => (
            "unanswered",
            "Check that this is the camera's RTSP port, not that of its web page. If it is, restart the camera: some \
             take no new session while old ones linger.",
        ),
        FailureKind::Refused if report.credentials_given => (
            "credentials_refused",
            "Check user name and password, in the camera's own page too. Many cameras lock the account for minutes \
             after a few wrong ones, and some have a user for RTSP or ONVIF apart from that of their page.",
        ),
        FailureKind::Refused => (
            "credentials_missing",
            "Give OMMA_CAMERA_USER and OMMA_CAMERA_PASSWORD in the environment, or rtsp://user:password@host/path.",
        ),
        FailureKind::NotFound => (
            "not_found",
            "Check the path: the camera's page or manual names it, often one for the main stream and one for the \
             sub-stream.",
        ),
        FailureKind::Unusable if has_video(report) => (
            "codec_unsupported",
            "Set this stream to H.264 in the camera's menu, or take another of its streams; H.265 can be taken too, but \
             is not shown in browsers.",
        ),
        FailureKind::Unusable => ("no_video", "Check the path: this one seems to lead to sound or to events only."),
        FailureKind::Silent if pictures == 0 => {
            ("silent", "Try the other transport (--transport). Restart the camera if that is silent too.")
        }
        FailureKind::Silent => (
            "fell_silent",
            "Check the network and the camera's power supply; the agent connects anew after such a silence.",
        ),
        FailureKind::Closed => {
            ("closed", "Check whether the camera restarts, or has a limit on sessions that another program uses up.")
        }
        FailureKind::Busy => (
            "busy",
            "End other programs that show this camera, or raise its limit on sessions. Sessions of a program that was \
             killed end by themselves, often after a minute.",
        ),
        FailureKind::Failed => ("failed", "Try again; if it stays so, this is worth an issue, with what is said here."),
    };
    let behind = if pictures > 0 { format!(" That was after {pictures} pictures.") } else { String::new() };
    Finding::error(code, format!("{}.{behind}", capital(reason.trim_end_matches('.'))), remedy)
}

/// One way failed and the other brought pictures.
fn other_way(failed: &Attempt, worked: &Attempt) -> Finding {
    let reason = failed.failure.as_ref().map_or("no picture", |failure| failure.reason.as_str());
    let (failed, worked) = (failed.transport.name(), worked.transport);
    let what = format!("Over {failed} no picture came ({reason}); over {} they come.", worked.name());
    match worked {
        Way::Tcp => Finding::error(
            "udp_blocked",
            what,
            "Leave `transport` out in the edge's configuration: TCP is what is used then. If it must be UDP, let its \
             datagrams from the camera to this machine through every firewall.",
        ),
        Way::Udp => Finding::info(
            "tcp_refused",
            what,
            "Nothing, unless the edge's configuration says `transport = \"tcp\"` for this camera: leave it out, and \
             the edge finds the way.",
        ),
    }
}

fn has_video(report: &Report) -> bool {
    report.description.as_ref().is_some_and(|described| described.streams.iter().any(|offer| offer.media == "video"))
}

fn capital(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}
