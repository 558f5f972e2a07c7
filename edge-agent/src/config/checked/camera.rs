//! The cameras, each with its rules and its gate.

use omma_protocol::camera::Placement;
use omma_runtime::config::Faults;
use omma_vision::event::rule;
use omma_vision::event::rule::check::Site;
use omma_vision::event::rule::config::RulesConfig;
use omma_vision::event::rule::schedule::LocalTime;
use omma_vision::event::rule::written::RulesWritten;
use omma_vision::gate::{GateConfig, Mask};

use super::Camera;
use crate::config::{AreaSection, CameraSection, Written};
use crate::source::url::CameraUrl;

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
        let rules = rules(n, camera, Site { local: local.as_ref(), labels }, faults);
        let gate = gate(n, camera, min_score, faults);
        match CameraUrl::parse(camera.url.expose()) {
            Ok(url) => cameras.push(Camera {
                id: camera.id.clone(),
                name: camera.name.clone().unwrap_or_else(|| camera.id.to_string()),
                url,
                transport: camera.transport,
                placement: camera.placement,
                rate: camera.rate,
                min_score,
                gate,
                rules,
            }),
            Err(e) => faults.push(&format!("camera[{n}].url"), e.to_string()),
        }
    }
    cameras
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
