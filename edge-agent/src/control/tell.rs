//! What the cameras are and see now and how the edge itself is, as values on their topics, and as devices of Home Assistant
//! where that is wanted.
//!
//! A value is set whenever something may have changed, and twice a second: [`Notices`] publishes it only where it has.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use edge_core::Moment;
use edge_core::health_news::{self, HealthNews};
use edge_core::home_assistant::{Announced, Measured};
use edge_core::presence::Presence;
use omma_protocol::camera::{CameraReport, CameraState};
use omma_protocol::id::LabelName;
use omma_protocol::time::CaptureTime;
use omma_protocol::wire::mqtt::{CameraMessage, CameraValue, OFF, ON, Topic};
use omma_protocol::wire::quic::CameraResult;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::notices::Notices;
use crate::clock::EdgeClock;
use crate::config::checked::Camera;
use crate::state::State;

/// The shortest time between two publications of a word or a number.
pub const SMALL_EVERY: Duration = Duration::from_secs(1);
/// The same of a camera's whole state, which is longer and of less hurry.
const STATE_EVERY: Duration = Duration::from_secs(2);
/// Counts fall after a while without anything else that happens.
const TICK: Duration = Duration::from_millis(500);

/// Whom a model always tells apart, so that automations can be written before anyone was there.
const USUAL: [&str; 1] = ["person"];

/// Keeps the values. One task owns it.
pub struct Teller {
    notices: Notices,
    clock: EdgeClock,
    state: State,
    results: Receiver<Arc<CameraResult>>,
    wanted: watch::Receiver<Vec<Arc<Camera>>>,
    labels: Vec<String>,
    cameras: Vec<Followed>,
    health: HealthNews,
    /// What Home Assistant was told that the machine measures.
    measured: Measured,
}

struct Followed {
    camera: Arc<Camera>,
    presence: Presence,
    /// Capture time of the newest result.
    seen: Option<CaptureTime>,
    /// How many classes were announced; `None` before the first time.
    announced: Option<usize>,
}

impl Teller {
    /// Sets each value for the first time, so that all are known when the broker tells what it has of earlier runs. `wanted`:
    /// the cameras that there are; `labels`: the classes that are looked for, where the configuration names them.
    pub fn new(
        notices: Notices,
        clock: EdgeClock,
        state: State,
        results: Receiver<Arc<CameraResult>>,
        wanted: watch::Receiver<Vec<Arc<Camera>>>,
        labels: Option<&[String]>,
    ) -> Self {
        let labels = labels.map_or_else(|| USUAL.map(str::to_owned).to_vec(), <[String]>::to_vec);
        let (cameras, health, measured) = (vec![], HealthNews::default(), Measured::default());
        let mut teller = Self { notices, clock, state, results, wanted, labels, cameras, health, measured };
        teller.announce();
        teller.follow();
        teller.tell_all();
        teller
    }

    /// Runs until `token` is cancelled.
    pub async fn run(mut self, token: CancellationToken) {
        let (mut reports, gates) = (self.state.reports.watch(), self.state.gates.clone());
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = token.cancelled() => return,
                changed = reports.changed() => if changed.is_err() { return },
                () = gates.changed() => {}
                changed = self.wanted.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    self.follow();
                }
                result = self.results.recv() => match result {
                    Ok(result) => {
                        self.see(&result);
                        continue;
                    }
                    // The newest are still to come.
                    Err(RecvError::Lagged(lost)) => {
                        metrics::counter!("omma_control_dropped_total", "what" => "result").increment(lost);
                        continue;
                    }
                    Err(RecvError::Closed) => return,
                },
                _ = tick.tick() => {}
            }
            self.tell_all();
        }
    }

    /// Other cameras are there.
    fn follow(&mut self) {
        let wanted = self.wanted.borrow_and_update().clone();
        let mut before = std::mem::take(&mut self.cameras);
        for camera in wanted {
            let known = before.iter().position(|known| known.camera.id == camera.id).map(|at| before.swap_remove(at));
            self.cameras.push(match known {
                Some(mut known) => {
                    if known.camera.placement != camera.placement {
                        // What only a camera has that is looked at. Its classes stay known, to be taken back by name.
                        self.notices.forget(&known.camera.id);
                        known.presence.nobody_looks();
                    }
                    Followed { camera, announced: None, ..known }
                }
                None => {
                    let presence = Presence::new(self.labels.iter().map(String::as_str));
                    Followed { camera, presence, seen: None, announced: None }
                }
            });
        }
        before.iter().for_each(|gone| self.notices.forget(&gone.camera.id));
    }

    fn see(&mut self, result: &CameraResult) {
        // It may have been under way while the camera was switched off, or given to the hub.
        if self.state.switches.is_on(&result.camera) != Some(true) {
            return;
        }
        let now = self.clock.now();
        let Some(followed) = self.cameras.iter_mut().find(|known| known.camera.id == result.camera) else { return };
        followed.seen = Some(result.result.time);
        followed.presence.see(now, result.result.tracks.iter().map(|track| &track.label));
        followed.tell_seen(&self.notices, now);
    }

    fn tell_all(&mut self) {
        let (now, reports) = (self.clock.now(), self.state.reports.watch().borrow().clone());
        for followed in &mut self.cameras {
            if let Some(report) = reports.iter().find(|report| report.camera == followed.camera.id) {
                followed.tell(&self.notices, &self.state, report, now);
            }
        }
        self.tell_health(now);
    }

    /// Once the machine was looked at.
    fn tell_health(&mut self, now: Moment) {
        let message = {
            let health = self.state.health.borrow();
            health.looked.then(|| health.message(&self.state.outbox.borrow()))
        };
        let Some(message) = message else { return };
        if self.health.see(now, &message) {
            let topic = Topic::Health(self.notices.edge().clone()).to_string();
            self.notices.set(&topic, json(&message), health_news::EVERY);
        }
        let measured = self.measured.and(&message);
        if self.measured != measured {
            self.measured = measured;
            self.announce();
        }
    }

    /// The edge itself, to Home Assistant.
    fn announce(&self) {
        if let Some(announcer) = self.notices.announcer() {
            self.notices.set(&announcer.edge_topic(), json(&announcer.edge(self.measured)), SMALL_EVERY);
        }
    }
}

impl Followed {
    fn tell(&mut self, notices: &Notices, state: &State, report: &CameraReport, now: Moment) {
        let (id, on) = (&self.camera.id, state.switches.is_on(&self.camera.id));
        if let Some(message) = state.message(&self.camera) {
            let message = match state.gates.show(id) {
                Some(gate) => CameraMessage {
                    gate: Some(gate.state.to_owned()),
                    gate_reason: Some(gate.reason.to_owned()),
                    gate_tier: Some(gate.tier.to_owned()),
                    gate_why: Some(gate.why.to_owned()),
                    ..message
                },
                None => message,
            };
            notices.set_state(id, json(&message), STATE_EVERY);
        }
        if let Some(on) = on {
            notices.set(&notices.camera(id, CameraValue::Detection), word(on), SMALL_EVERY);
            // Of a camera with a sub-stream that is the one which is looked at, whether the main one is there or not.
            let seen = state.subs.of(id).map_or_else(|| report.state.clone(), |sub| sub.state);
            if !on {
                self.presence.nobody_looks();
            } else if seen == CameraState::Live && state.unseen(id).is_none() {
                // Whoever is there still is found again, and counted then.
                if self.seen.take_if(|seen| state.gates.over(id, *seen)).is_some() {
                    self.presence.nobody_looks();
                }
                self.presence.gate(now, state.gates.moves(id));
            } else {
                self.presence.nobody_can_look(now);
            }
            self.tell_seen(notices, now);
        }
        self.announce(notices, on.is_some(), now);
    }

    fn tell_seen(&mut self, notices: &Notices, now: Moment) {
        let id = &self.camera.id;
        let moves = self.presence.motion(now);
        notices.set(&notices.camera(id, CameraValue::Motion), word(moves), SMALL_EVERY);
        for (label, count) in self.presence.counts(now) {
            let topic = Topic::Objects(notices.edge().clone(), id.clone(), label.clone()).to_string();
            notices.set(&topic, count.to_string(), SMALL_EVERY);
        }
    }

    /// Again where there is a class that was never seen before.
    fn announce(&mut self, notices: &Notices, looked_at: bool, now: Moment) {
        let Some(announcer) = notices.announcer() else { return };
        let (camera, name) = (&self.camera.id, &self.camera.name);
        let labels: Vec<&LabelName> = self.presence.counts(now).map(|(label, _)| label).collect();
        if self.announced != Some(labels.len()) {
            self.announced = Some(labels.len());
            let device = announcer.camera(&Announced { camera, name, looked_at, labels });
            notices.set(&announcer.camera_topic(camera), json(&device), SMALL_EVERY);
        }
    }
}

fn word(on: bool) -> Bytes {
    Bytes::from_static(if on { ON.as_bytes() } else { OFF.as_bytes() })
}

/// Texts, numbers and bools always are JSON.
fn json(message: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(message).unwrap_or_default()
}

#[cfg(test)]
mod tests;
