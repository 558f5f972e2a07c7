//! The cameras, each with its rules.

use omma_protocol::camera::Placement;
use omma_runtime::config::Faults;
use omma_vision::event::rule;
use omma_vision::event::rule::check::Site;
use omma_vision::event::rule::config::RulesConfig;
use omma_vision::event::rule::schedule::LocalTime;
use omma_vision::event::rule::written::RulesWritten;

use super::Camera;
use crate::config::{CameraSection, Written};
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
        match CameraUrl::parse(camera.url.expose()) {
            Ok(url) => cameras.push(Camera {
                id: camera.id.clone(),
                name: camera.name.clone().unwrap_or_else(|| camera.id.to_string()),
                url,
                transport: camera.transport,
                placement: camera.placement,
                rate: camera.rate,
                min_score,
                rules,
            }),
            Err(e) => faults.push(&format!("camera[{n}].url"), e.to_string()),
        }
    }
    cameras
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
