//! What is told of one camera that is live, by a teller that nobody runs.

use edge_core::retained::Next;
use omma_protocol::detection::{Analyst, Place};
use omma_protocol::geometry::Rect;
use omma_protocol::track::{FrameResult, Track, TrackId};
use omma_vision::gate::{Gate, GateConfig, Mode, Report};
use tokio::sync::broadcast;

use super::*;
use crate::analysis::tests::camera;
use crate::health::HealthState;
use crate::state::gates::Gates;
use crate::state::switches::Switches;
use crate::state::{OutboxState, Reports};

struct Site {
    teller: Teller,
    gates: Gates,
    frames: i64,
    sent: Duration,
}

impl Site {
    fn begin() -> Self {
        let camera = Arc::new(camera(Mode::Gated));
        let (reports, gates) = (Reports::new([&*camera]), Gates::default());
        reports.change(&camera.id, |report| report.state = CameraState::Live);
        let state = State {
            edge: "site".parse().unwrap(),
            reports,
            subs: Reports::new([]),
            gates: gates.clone(),
            switches: Switches::new([&*camera]),
            quic: None,
            mqtt: None,
            outbox: watch::Sender::new(OutboxState::default()).subscribe(),
            health: watch::Sender::new(HealthState::default()).subscribe(),
        };
        let (notices, _) = Notices::new(state.edge.clone(), false, None);
        let (_, results) = broadcast::channel(1);
        let wanted = watch::Sender::new(vec![camera]).subscribe();
        let teller = Teller::new(notices, EdgeClock::start(), state, results, wanted, None);
        Self { teller, gates, frames: 0, sent: Duration::ZERO }
    }

    fn camera(&self) -> Arc<Camera> {
        Arc::clone(&self.teller.cameras[0].camera)
    }

    fn sees_somebody(&mut self) {
        self.frames += 1;
        let track =
            Track { id: TrackId(1), label: "person".into(), score: 0.9, rect: Rect { x: 0.1, y: 0.1, w: 0.2, h: 0.5 } };
        let analyst = Arc::new(Analyst { place: Place::Edge, engine: "ort".into(), model: "nano".into() });
        let time = CaptureTime(self.frames);
        let result = FrameResult { time, tracks: vec![track], analyst, took: Duration::ZERO };
        self.teller.see(&CameraResult { camera: self.camera().id.clone(), result });
        self.moves(true);
    }

    fn moves(&self, moves: bool) {
        let report = Report { moves, ..Gate::new(GateConfig::default()).report() };
        self.gates.tell(&self.camera().id, report);
    }

    /// What the analysis says at the end of what it follows.
    fn follows_no_longer(&mut self) {
        self.gates.is_over(&self.camera().id, CaptureTime(self.frames));
        self.moves(false);
    }

    /// What the camera's topics are told next, in order: the last part of each, and its payload.
    fn told(&mut self) -> Vec<(String, String)> {
        self.teller.tell_all();
        // Every value may be sent anew.
        self.sent += STATE_EVERY;
        let mut told = vec![];
        let mut retained = self.teller.notices.retained();
        while let Next::Send(value) = retained.next(self.sent) {
            retained.answered(value.serial, true, self.sent);
            let name = value.topic.rsplit('/').next().unwrap().to_owned();
            told.push((name, String::from_utf8(value.payload.to_vec()).unwrap()));
        }
        told
    }
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_cameras_state_is_told_before_its_counts() {
    let mut site = Site::begin();
    let names: Vec<String> = site.told().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["state", "detection", "motion", "person"]);
}

/// He had left while the detector failed: Home Assistant said "occupied" until something moved before the camera.
#[test]
fn who_left_while_a_detector_failed_for_a_moment_is_counted_no_longer() {
    let mut site = Site::begin();
    site.sees_somebody();
    assert!(site.told().contains(&pair("person", "1")));
    let id = site.camera().id.clone();
    site.gates.cannot_look(&id, Some("the detector fails".to_owned()));
    site.follows_no_longer();
    let told = site.told();
    assert!(told.iter().any(|(name, state)| name == "state" && state.contains("fails")), "{told:?}");
    assert!(!told.iter().any(|(name, _)| name == "person"), "why is told before that: {told:?}");
    site.gates.cannot_look(&id, None);
    let told = site.told();
    assert!(told.contains(&pair("person", "0")) && told.contains(&pair("motion", "OFF")), "{told:?}");
    site.sees_somebody();
    assert!(site.told().contains(&pair("person", "1")));
}

#[test]
fn who_is_followed_still_is_counted_when_the_detector_has_failed_for_a_moment() {
    let mut site = Site::begin();
    site.sees_somebody();
    site.told();
    let id = site.camera().id.clone();
    site.gates.cannot_look(&id, Some("the detector fails".to_owned()));
    site.told();
    site.gates.cannot_look(&id, None);
    let told = site.told();
    assert!(!told.iter().any(|(name, _)| name == "person"), "{told:?}");
}
