//! What the stream is made of: coding, key pictures, size.

use omma_protocol::unit::Codec;
use omma_protocol::wire::quic::MAX_UNIT;

use super::Finding;
use crate::doctor::report::{Keys, Measured, Reordering, Report, Size, Video};

/// Who joins a live view or looks back waits half of it on average; what was lost is lost for so long.
const LONG_INTERVAL_S: f64 = 4.0;
/// Groups of so many seconds nobody sets by hand.
const SMART_INTERVAL_S: f64 = 10.0;
/// Over so much, a site's uplink carries one viewer.
const HIGH_BIT_PER_S: f64 = 12e6;

pub(super) fn find(report: &Report, findings: &mut Vec<Finding>) {
    let Some(measured) = &report.measured else { return };
    if measured.keys.count == 0 {
        findings.push(no_key(measured));
    } else {
        findings.extend(intervals(&measured.keys));
        if report.video.is_none() {
            findings.push(Finding::error(
                "no_parameter_sets",
                "Key pictures come without parameter sets that can be read, so that nothing can be decoded.",
                "Update the camera's firmware, or set another profile or size and back: that makes most write new ones.",
            ));
        }
    }
    if let Some(video) = &report.video {
        findings.extend(order(video, measured));
        findings.extend(coding(video));
    }
    findings.extend(size(&measured.size));
}

fn no_key(measured: &Measured) -> Finding {
    Finding::error(
        "no_key_picture",
        format!("No key picture (I-frame) came in {:.1} s: nothing can be decoded before the first.", measured.span_s),
        "Set the key-picture interval (\"I-frame interval\", \"GOP\") to one or two seconds, turn smart coding off \
         (H.264+, Smart Codec, Zipstream), and measure for longer with --seconds.",
    )
}

fn intervals(keys: &Keys) -> Option<Finding> {
    // The two ends are cut off, so that only a long one is told by them.
    let usual = keys.interval_s.unwrap_or(keys.longest_s);
    let uneven = keys.interval_s.is_some_and(|usual| keys.longest_s > 2.0 * usual) && keys.longest_s > LONG_INTERVAL_S;
    if uneven || usual >= SMART_INTERVAL_S {
        return Some(Finding::warning(
            "smart_codec",
            format!(
                "Key pictures come as the scene moves, up to {:.1} s apart or more: a smart codec with long groups. A \
                 viewer waits as long for the first picture, and a lost packet spoils all until the next.",
                keys.longest_s
            ),
            "Turn smart coding off in the camera's menu (H.264+, Smart Codec, Smart Stream, Zipstream) and set the \
             key-picture interval to one or two seconds.",
        ));
    }
    (usual > LONG_INTERVAL_S).then(|| {
        let pictures = keys.interval_pictures.map_or_else(String::new, |n| format!(" ({n} pictures)"));
        Finding::warning(
            "key_interval_long",
            format!(
                "A key picture comes only every {usual:.1} s{pictures}: a viewer may wait as long for the first \
                 picture, and a lost packet spoils all until the next."
            ),
            "Set the key-picture interval (\"I-frame interval\", \"GOP\") to one or two seconds.",
        )
    })
}

fn order(video: &Video, measured: &Measured) -> Option<Finding> {
    let announced = video.coding.reordering == Reordering::Announced;
    let seen = video.coding.reordering == Reordering::Unsaid && video.b_pictures > 0;
    if !announced && !seen {
        return None;
    }
    let what = if video.b_pictures > 0 || measured.stamps.backward > 0 {
        format!(
            "B-frames: {} of {} pictures. Browsers can't show them over WebRTC; detection works, a picture later.",
            video.b_pictures.max(measured.stamps.backward),
            measured.pictures
        )
    } else {
        "The stream announces B-frames, though none came. Omma takes its word and does not send it over WebRTC.".into()
    };
    let remedy = "Turn \"B-frames\" off in the camera's menu (number of B-frames 0), or choose H.264 Baseline, or Main \
                  profile without B.";
    Some(Finding::error("b_frames", what, remedy))
}

fn coding(video: &Video) -> Vec<Finding> {
    let mut findings = vec![];
    let coding = &video.coding;
    if coding.codec == Codec::H265 {
        findings.push(Finding::warning(
            "h265",
            "The stream is H.265: Omma does not show it in browsers, which take it over WebRTC only in part, and looks \
             at it only in builds with the feature `libav`.",
            "Set this stream to H.264 in the camera's menu, or take another of its streams; many cameras keep H.264 for \
             the sub-stream.",
        ));
    }
    if coding.interlaced {
        findings.push(Finding::error(
            "interlaced",
            "Pictures are coded in fields (interlaced), which can't be decoded here and which browsers show combed.",
            "Set the camera to a progressive mode: 25p or 30p instead of 50i or 60i.",
        ));
    }
    if coding.bit_depth != 8 || !matches!(coding.chroma.as_str(), "4:0:0" | "4:2:0") {
        findings.push(Finding::error(
            "samples_unsupported",
            format!("Samples of {} bit {} can't be decoded here.", coding.bit_depth, coding.chroma),
            "Set the camera to 8 bit, 4:2:0: H.264 Baseline, Main or High profile, or H.265 Main profile.",
        ));
    }
    if video.changes > 0 {
        findings.push(Finding::warning(
            "parameters_change",
            format!(
                "The stream changed size or coding {} times while it was watched; each change begins detection anew.",
                video.changes
            ),
            "Turn adaptive resolution or \"dynamic stream\" off in the camera's menu.",
        ));
    }
    findings
}

fn size(size: &Size) -> Vec<Finding> {
    let mut findings = vec![];
    if size.largest_bytes > MAX_UNIT as u64 {
        findings.push(Finding::error(
            "picture_too_large",
            format!(
                "A picture has {:.1} MB; over {} MB it is not carried to the hub.",
                size.largest_bytes as f64 / 1e6,
                MAX_UNIT / 1_000_000
            ),
            "Lower quality, bit rate or resolution of this stream.",
        ));
    }
    if let Some(rate) = size.mean_bit_per_s.filter(|&rate| rate > HIGH_BIT_PER_S) {
        findings.push(Finding::warning(
            "bit_rate_high",
            format!("{:.1} Mbit/s: each viewer takes as much of the site's uplink.", rate / 1e6),
            "Lower the bit rate (4 Mbit/s are plenty for 1080p), or give Omma the camera's sub-stream.",
        ));
    }
    findings
}
