//! An examination for people: what was measured, what Omma works around, what is the matter.

use std::fmt;

use edge_core::device_text::{steers, words};
use edge_core::doctor::diagnose::Finding;
use edge_core::doctor::report::{Attempt, Description, Measured, Reordering, Video};

use super::Examination;

/// Columns of a terminal.
const WIDTH: usize = 100;
/// Columns of the words on the left.
const LEFT: usize = 14;

impl fmt::Display for Examination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;
        match (&report.measured, report.transport()) {
            (Some(measured), Some(way)) => {
                writeln!(f, "{}: {:.1} s over {}", report.camera, measured.span_s, way.name())?;
            }
            _ => writeln!(f, "{}: no pictures", report.camera)?,
        }
        if let Some(description) = &report.description {
            writeln!(f)?;
            offers(f, description)?;
        }
        if let Some(video) = &report.video {
            line(f, "video", &coding(video))?;
        }
        if let Some(measured) = &report.measured {
            numbers(f, measured)?;
            clocks(f, measured)?;
        }
        if let Some(attempt) = report.attempts.last().filter(|attempt| attempt.described_after_ms.is_some()) {
            start(f, attempt)?;
        }
        for (n, workaround) in self.workarounds.iter().enumerate() {
            if n == 0 {
                writeln!(f, "\nWorked around")?;
            }
            wrapped(f, "  - ", &workaround.what)?;
        }
        for finding in &self.findings {
            matter(f, finding)?;
        }
        if self.findings.is_empty() {
            writeln!(f, "\nNothing is wrong with this camera.")?;
        }
        Ok(())
    }
}

fn offers(f: &mut fmt::Formatter<'_>, description: &Description) -> fmt::Result {
    for (n, offer) in description.streams.iter().enumerate() {
        let rate = offer.rate_hz.map_or_else(String::new, |hz| format!(", {} pictures/s promised", number(hz)));
        let taken = if offer.taken { "  ← measured" } else { "" };
        let what = format!("{} {}{rate}{taken}", words(&offer.media), words(&offer.encoding));
        line(f, if n == 0 { "offers" } else { "" }, &what)?;
    }
    match &description.server {
        Some(server) => line(f, "server", &words(server)),
        None => Ok(()),
    }
}

fn coding(video: &Video) -> String {
    let coding = &video.coding;
    let scan = if coding.interlaced { "interlaced" } else { "progressive" };
    let order = match (video.b_pictures, coding.reordering) {
        (0, Reordering::Announced) => "B-frames announced, none came".to_owned(),
        (0, _) => "no B-frames".to_owned(),
        (n, _) => format!("{n} B-frames"),
    };
    let samples = if (coding.bit_depth, coding.chroma.as_str()) == (8, "4:2:0") {
        String::new()
    } else {
        format!(", {} bit {}", coding.bit_depth, coding.chroma)
    };
    format!(
        "{} {}, level {}, {}x{} {scan}{samples}, {order}",
        coding.codec.name(),
        coding.profile,
        coding.level,
        coding.width,
        coding.height
    )
}

fn numbers(f: &mut fmt::Formatter<'_>, measured: &Measured) -> fmt::Result {
    let hz = |hz: Option<f64>| hz.map_or_else(|| "?".to_owned(), number);
    let rate = &measured.rate;
    let pictures = measured.pictures;
    let (stamp, arrival) = (hz(rate.by_stamp_hz), hz(rate.by_arrival_hz));
    line(f, "pictures", &format!("{pictures}; {arrival} a second as they come, {stamp} by the camera's stamps"))?;

    let keys = &measured.keys;
    let every = match (keys.interval_s, keys.interval_pictures) {
        (Some(s), Some(n)) => format!("every {s:.2} s ({n} pictures), "),
        _ => String::new(),
    };
    line(f, "key pictures", &format!("{}; {every}longest without one {:.2} s", keys.count, keys.longest_s))?;

    let size = &measured.size;
    let mbit = |bits: Option<f64>| bits.map_or_else(|| "?".to_owned(), |bits| format!("{:.2}", bits / 1e6));
    let kb = |bytes: Option<f64>| bytes.map_or_else(|| "none".to_owned(), |bytes| format!("{:.1} kB", bytes / 1e3));
    let (mean, peak) = (mbit(size.mean_bit_per_s), mbit(size.peak_bit_per_s));
    let (key, other) = (kb(size.key_bytes), kb(size.other_bytes));
    line(f, "bit rate", &format!("{mean} Mbit/s, worst second {peak}; key pictures {key}, others {other}"))?;

    line(f, "lost packets", &measured.lost_packets.to_string())
}

fn clocks(f: &mut fmt::Formatter<'_>, measured: &Measured) -> fmt::Result {
    if let Some(jitter) = &measured.jitter {
        let (p50, p95, max) = (jitter.p50_ms, jitter.p95_ms, jitter.max_ms);
        line(f, "jitter", &format!("half come {p50:.1} ms late or less, 95 % {p95:.1}, the latest {max:.1}"))?;
    }
    let drift = match &measured.drift {
        Some(drift) => format!("{:+.0} ppm ±{:.0} against this machine's", drift.ppm, drift.error_ppm),
        None => "drift unknown: measure for longer".to_owned(),
    };
    let date = match measured.sender_reports.clock_ahead_s {
        Some(ahead) if ahead.abs() < 0.1 => "; its date is the same".to_owned(),
        Some(ahead) if ahead < 0.0 => format!("; its date is {:.1} s behind", -ahead),
        Some(ahead) => format!("; its date is {ahead:.1} s ahead"),
        None => "; no sender reports".to_owned(),
    };
    line(f, "its clock", &(drift + &date))
}

fn start(f: &mut fmt::Formatter<'_>, attempt: &Attempt) -> fmt::Result {
    let ms = |ms: Option<u64>| ms.map_or_else(|| "never".to_owned(), |ms| format!("after {ms} ms"));
    let (described, first) = (ms(attempt.described_after_ms), ms(attempt.first_picture_after_ms));
    line(f, "start", &format!("described {described}, first picture {first}"))
}

fn line(f: &mut fmt::Formatter<'_>, left: &str, right: &str) -> fmt::Result {
    writeln!(f, "{left:LEFT$}{right}")
}

/// With two decimals at most, and none that are zero.
fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What is the matter, and what to do.
pub(crate) fn matter(f: &mut fmt::Formatter<'_>, finding: &Finding) -> fmt::Result {
    writeln!(f, "\n{} {}", finding.severity.name().to_uppercase(), finding.code)?;
    wrapped(f, "  ", &finding.what)?;
    wrapped(f, "  → ", &finding.remedy)
}

/// Breaks at spaces, and at what [`steers`]; further lines begin where the first one's text does.
fn wrapped(f: &mut fmt::Formatter<'_>, head: &str, text: &str) -> fmt::Result {
    let indent = head.chars().count();
    write!(f, "{head}")?;
    let mut column = indent;
    let words = text.split(|c: char| c.is_whitespace() || steers(c)).filter(|word| !word.is_empty());
    for (n, word) in words.enumerate() {
        let length = word.chars().count();
        if n > 0 && column + 1 + length > WIDTH {
            write!(f, "\n{:indent$}", "")?;
            column = indent;
        } else if n > 0 {
            write!(f, " ")?;
            column += 1;
        }
        write!(f, "{word}")?;
        column += length;
    }
    writeln!(f)
}

#[cfg(test)]
mod tests;
