//! What Omma does by itself about a camera that is not as it should be.

use serde::Serialize;

use crate::doctor::report::{Report, Way};
use crate::interpreter::Mend;

/// One of them, in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Workaround {
    /// Its name, which stays the same whatever the words.
    pub code: &'static str,
    /// What is done, and why.
    pub what: String,
}

/// Those that this camera needs.
pub fn workarounds(report: &Report) -> Vec<Workaround> {
    let mut found = vec![];
    let mut add = |code, what: String| found.push(Workaround { code, what });
    if report.credentials_literal {
        add(
            "credentials_taken_literally",
            "The address is no well-formed URL; user name and password were read as they stand. In the edge's \
             configuration write what is not a letter or digit percent-encoded: `@` as %40, `:` as %3A, `/` as %2F, \
             `#` as %23, `%` as %25."
                .to_owned(),
        );
    }
    if report.measured.is_some()
        && let [_, worked] = report.attempts.as_slice()
    {
        match worked.transport {
            Way::Tcp => add("tcp_for_udp", "UDP brought nothing, so that TCP was measured.".to_owned()),
            Way::Udp => add("udp_for_tcp", "TCP brought nothing, so that UDP was measured.".to_owned()),
        }
    }
    if let Some(description) = &report.description {
        if description.redirected {
            add(
                "redirected",
                "The camera has its stream at another of its addresses, which is followed to.".to_owned(),
            );
        }
        if description.has_parameter_sets && !description.parameter_sets_readable {
            add(
                "parameter_sets_ignored",
                "The parameter sets of the description can't be read; those within the stream are used.".to_owned(),
            );
        } else if !description.has_parameter_sets && report.measured.is_some() {
            add(
                "parameter_sets_awaited",
                "The description has no parameter sets; those within the stream are waited for.".to_owned(),
            );
        }
        if description.sends_to_closed_sessions {
            add(
                "session_ended_firmly",
                "This server goes on sending to closed connections; each session is ended with TEARDOWN until that is \
                 answered."
                    .to_owned(),
            );
        }
    }
    for mend in report.interpreted.iter().filter(|_| report.measured.is_some()) {
        let (code, what) = interpreted(*mend);
        add(code, what.to_owned());
    }
    if let Some(measured) = &report.measured {
        if measured.unusable_packets > 0 {
            add(
                "packets_left_out",
                format!(
                    "{} RTP packets were left out: they are of another stream, or came out of order.",
                    measured.unusable_packets
                ),
            );
        }
        if measured.stamps.jumps > 0 {
            add("dated_anew", "After each jump of the stamps pictures are dated anew, by arrival.".to_owned());
        }
        if measured.stamps.backward + measured.stamps.repeated > 0 {
            add("stamps_made_to_grow", "Stamps that do not grow are made to, by a tick each.".to_owned());
        }
    }
    found
}

fn interpreted(mend: Mend) -> (&'static str, &'static str) {
    match mend {
        Mend::ContentType => {
            ("content_type_interpreted", "Its description's Content-Type has parameters, which are left out.")
        }
        Mend::Description => ("description_interpreted", "A part of its description can't be read, and is left out."),
        Mend::Session => (
            "session_interpreted",
            "Its Session header has a time-out of 0, or more than a time-out: where none can be read it is 60 s.",
        ),
        Mend::RtpInfo => ("rtp_info_interpreted", "Its RTP-Info header can't be read and is left out."),
        Mend::Ssrc => (
            "ssrc_interpreted",
            "Its Transport header names another SSRC than its packets, so that the first packet's is taken.",
        ),
        Mend::EmptyPackets => {
            ("empty_packets_interpreted", "It sends RTP packets without content, which are left out.")
        }
        Mend::Nonce => (
            "nonce_interpreted",
            "It refuses a nonce that it has given: requests are signed anew by the one that comes with the refusal.",
        ),
    }
}
