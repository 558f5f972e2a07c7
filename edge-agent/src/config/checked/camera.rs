//! The cameras, each with its rules and its gate.

use std::ops::RangeInclusive;
use std::time::Duration;

use omma_protocol::camera::Placement;
use omma_runtime::config::Faults;
use omma_vision::event::rule;
use omma_vision::event::rule::check::Site;
use omma_vision::event::rule::config::RulesConfig;
use omma_vision::event::rule::schedule::LocalTime;
use omma_vision::event::rule::written::RulesWritten;
use omma_vision::gate::{GateConfig, Mask};

use super::{Camera, DeviceOptions, HttpOptions};
use crate::config::{AreaSection, CameraSection, Transport, Written};
use crate::source::url::CameraUrl;
use crate::source::v4l2;

const MAX_RATE: f32 = 60.0;

pub(super) fn check(written: &Written, min_score: f32, faults: &mut Faults) -> Vec<Camera> {
    if written.camera.is_empty() {
        faults.push("camera", "expected at least one [[camera]]");
    }
    let local = written.edge.time_zone.as_ref().and_then(|zone| {
        let parsed = zone.parse::<LocalTime>();
        parsed.map_err(|e| faults.push("edge.time_zone", e.to_string())).ok()
    });
    let labels = written.detect.as_ref().and_then(|detect| detect.labels.as_deref());
    let mut cameras: Vec<Camera> = vec![];
    for (n, camera) in written.camera.iter().enumerate() {
        if cameras.iter().any(|known| known.id == camera.id) {
            faults.push(&format!("camera[{n}].id"), format!("`{}` is there twice", camera.id));
        }
        if !(camera.rate > 0.0 && camera.rate <= MAX_RATE) {
            faults.push(&format!("camera[{n}].rate"), format!("expected more than 0 and at most {MAX_RATE}"));
        }
        let rules = match faults.knows("edge.time_zone") && faults.knows("detect.labels") {
            true => rules(n, camera, Site { local: local.as_ref(), labels }, faults),
            // What they would be checked against could not be read.
            false => RulesConfig::default(),
        };
        let gate = gate(n, camera, min_score, faults);
        let http = http(n, camera, faults);
        let device = device(n, camera, faults);
        let sub_url = sub_url(n, camera, faults);
        match CameraUrl::parse(camera.url.expose()) {
            Ok(url) => {
                of_another_protocol(n, camera, &url, faults);
                cameras.push(Camera {
                    id: camera.id.clone(),
                    name: camera.name.clone().unwrap_or_else(|| camera.id.to_string()),
                    url,
                    sub_url,
                    transport: camera.transport,
                    http,
                    device,
                    placement: camera.placement,
                    rate: camera.rate,
                    min_score,
                    gate,
                    rules,
                });
            }
            Err(e) => faults.push(&format!("camera[{n}].url"), e.to_string()),
        }
    }
    cameras
}

fn sub_url(n: usize, camera: &CameraSection, faults: &mut Faults) -> Option<CameraUrl> {
    let mut fault = |message: String| faults.push(&format!("camera[{n}].sub_url"), message);
    let written = camera.sub_url.as_ref()?;
    if camera.placement != Placement::Edge {
        fault("expected none, or placement = \"edge\": only the edge looks at a sub-stream".to_owned());
    }
    match CameraUrl::parse(written.expose()) {
        Ok(url) if url.is_http() || url.device().is_some() => {
            fault("expected rtsp://: only cameras with RTSP have sub-streams".to_owned());
        }
        Ok(url) => return Some(url),
        Err(e) => fault(e.to_string()),
    }
    None
}

/// Fastest and slowest, seconds.
const SNAPSHOT_INTERVALS: RangeInclusive<f32> = 0.1..=10.0;

fn http(n: usize, camera: &CameraSection, faults: &mut Faults) -> HttpOptions {
    let default = HttpOptions::default();
    let snapshot_interval = match camera.snapshot_interval {
        Some(seconds) if SNAPSHOT_INTERVALS.contains(&seconds) => Duration::from_secs_f32(seconds),
        Some(_) => {
            let expected = format!("expected {} to {} seconds", SNAPSHOT_INTERVALS.start(), SNAPSHOT_INTERVALS.end());
            faults.push(&format!("camera[{n}].snapshot_interval"), expected);
            default.snapshot_interval
        }
        None => default.snapshot_interval,
    };
    let certificate = camera.certificate_sha256.as_deref().and_then(|text| {
        let read = sha256(text);
        if read.is_none() {
            let expected = "expected a SHA-256: 64 hexadecimal digits, with or without colons";
            faults.push(&format!("camera[{n}].certificate_sha256"), expected);
        }
        read
    });
    HttpOptions { snapshot_interval, certificate }
}

/// Slowest and fastest, pictures a second.
const FRAME_RATES: RangeInclusive<u32> = 1..=120;

fn device(n: usize, camera: &CameraSection, faults: &mut Faults) -> DeviceOptions {
    let default = DeviceOptions::default();
    let size = camera.video_size.as_deref().and_then(|text| {
        let read = v4l2::format::size(text);
        if read.is_none() {
            faults.push(&format!("camera[{n}].video_size"), "expected width and height, as in \"1280x720\"");
        }
        read
    });
    let rate = camera.framerate.unwrap_or(default.rate);
    if !FRAME_RATES.contains(&rate) {
        let expected = format!("expected {} to {} pictures a second", FRAME_RATES.start(), FRAME_RATES.end());
        faults.push(&format!("camera[{n}].framerate"), expected);
    }
    DeviceOptions { format: camera.input_format, size, rate }
}

fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits: Option<Vec<u8>> =
        text.chars().filter(|c| !matches!(c, ':' | ' ')).map(|c| Some(c.to_digit(16)? as u8)).collect();
    let (pairs, []) = digits.as_deref()?.as_chunks::<2>() else { return None };
    pairs.iter().map(|[high, low]| high * 16 + low).collect::<Vec<u8>>().try_into().ok()
}

/// What would have no effect is said, not passed over.
fn of_another_protocol(n: usize, camera: &CameraSection, url: &CameraUrl, faults: &mut Faults) {
    let (http, https, device) = (url.is_http(), url.bare().scheme() == "https", url.device().is_some());
    if let Some(fault) = v4l2::fault().filter(|_| device) {
        faults.push(&format!("camera[{n}].url"), fault);
    }
    for (key, wrong, expected) in [
        ("transport", (http || device) && camera.transport != Transport::default(), "rtsp://"),
        ("snapshot_interval", !http && camera.snapshot_interval.is_some(), "http:// or https://"),
        ("certificate_sha256", !https && camera.certificate_sha256.is_some(), "https://"),
        ("input_format", !device && camera.input_format.is_some(), "v4l2:///dev/"),
        ("video_size", !device && camera.video_size.is_some(), "v4l2:///dev/"),
        ("framerate", !device && camera.framerate.is_some(), "v4l2:///dev/"),
    ] {
        if wrong {
            let message = format!("expected none, or a `url` that begins with {expected}");
            faults.push(&format!("camera[{n}].{key}"), message);
        }
    }
}

/// Most areas of a camera's motion masks.
const MAX_MOTION_MASKS: usize = 64;

fn gate(n: usize, camera: &CameraSection, min_score: f32, faults: &mut Faults) -> GateConfig {
    let there = [
        ("gate", camera.gate.is_some()),
        ("prompt", camera.prompt.is_some()),
        ("motion_mask", !camera.motion_mask.is_empty()),
    ];
    if camera.placement != Placement::Edge {
        for (key, _) in there.iter().filter(|(_, there)| *there) {
            let expected = "expected none, or placement = \"edge\": only what the edge looks at has a gate";
            faults.push(&format!("camera[{n}].{key}"), expected);
        }
    }
    let default = GateConfig::default();
    GateConfig {
        mode: camera.gate.unwrap_or(default.mode),
        rate: camera.rate,
        mask: motion_mask(n, &camera.motion_mask, faults),
        prompt: camera.prompt.unwrap_or(default.prompt),
        // What the tracker believes in is news too.
        min_score: default.min_score.min(min_score),
        ..default
    }
}

fn motion_mask(n: usize, written: &[AreaSection], faults: &mut Faults) -> Mask {
    if written.len() > MAX_MOTION_MASKS {
        let wrong = format!("there are {}: expected at most {MAX_MOTION_MASKS} for a camera", written.len());
        faults.push(&format!("camera[{n}].motion_mask"), wrong);
        return Mask::default();
    }
    let mut areas: Vec<Vec<(f32, f32)>> = vec![];
    for (m, area) in written.iter().enumerate() {
        match rule::check::area(&format!("motion_mask[{m}]"), &area.points) {
            Ok(polygon) => areas.push(polygon.0.iter().map(|point| (point.x, point.y)).collect()),
            Err(wrong) => {
                wrong
                    .iter()
                    .for_each(|fault| faults.push(&format!("camera[{n}].{}", fault.key), fault.message.clone()));
            }
        }
    }
    if areas.is_empty() { Mask::default() } else { Mask::new(&areas) }
}

fn rules(n: usize, camera: &CameraSection, site: Site<'_>, faults: &mut Faults) -> RulesConfig {
    let written = RulesWritten {
        zone: camera.zone.clone(),
        line: camera.line.clone(),
        mask: camera.mask.clone(),
        rule: camera.rule.clone(),
    };
    let there = [
        ("zone", written.zone.is_empty()),
        ("line", written.line.is_empty()),
        ("mask", written.mask.is_empty()),
        ("rule", written.rule.is_empty()),
    ];
    if camera.placement != Placement::Edge {
        // The hub is not told of them; to pass over them in silence would be to promise what is not kept.
        for (kind, _) in there.iter().filter(|(_, empty)| !empty) {
            let expected = "expected none, or placement = \"edge\": only the edge knows its cameras' rules";
            faults.push(&format!("camera[{n}].{kind}"), expected);
        }
    }
    match rule::check::check(&written, site) {
        Ok(rules) => rules,
        Err(wrong) => {
            for fault in wrong {
                faults.push(&format!("camera[{n}].{}", fault.key), fault.message);
            }
            RulesConfig::default()
        }
    }
}
