//! Who follows this edge over MQTT, and the hub that says which cameras it has and asks for this and that: [`tell`] keeps the values of the moment, this module's task deals with what is asked,
//! [`notices`] joins both to the uplink.
//!
//! ```text
//! state, gates, results ──▶ tell ──values──▶ ┌─────────┐ ──▶ MqttUplink ──▶ broker ──▶ anyone
//!                           Control ─answers─▶ │ notices │                              │
//!                              ▲              └─────────┘ ◀── MqttUplink ◀── commands ◀──┘
//!                              ├──────────questions──┘
//!                              └── what the hub desires, commands ── QuicUplink ◀── hub
//! ```
//!
//! What a message means is decided by [`edge_core::control`]; which cameras there are lies with [`configuration`].

pub mod notices;

pub mod tell;

pub mod configuration;

use edge_core::control::{self, Act, Request};
use omma_protocol::wire::mqtt::{CameraValue, OFF, ON, Topic};
use tokio::sync::{mpsc, watch};

use crate::cameras::Cameras;
use crate::clock::EdgeClock;
use crate::state::link::Link;
use crate::state::switches::Switches;
use configuration::{Configuration, Reach};
use notices::{Notices, Question, Reply, Way};

/// Owns the cameras and does to them what is asked. One task owns it.
pub struct Control {
    /// They run already.
    pub cameras: Cameras,
    /// Which cameras there are.
    pub configuration: Configuration,
    /// Which are looked at.
    pub switches: Switches,
    /// Where answers go.
    pub notices: Notices,
    /// What is asked.
    pub questions: mpsc::Receiver<Question>,
    /// Whether there is a way to the broker; to the hub where it has none.
    pub link: watch::Receiver<Link>,
    /// Whether there is a way to the hub, where there is one.
    pub hub: Option<watch::Receiver<Link>>,
    /// The time.
    pub clock: EdgeClock,
}

impl Control {
    /// Serves until something ends that must not.
    pub async fn serve(&mut self) -> anyhow::Error {
        loop {
            let reach = Reach { broker: is_up(&mut self.link), hub: self.hub.as_mut().is_some_and(is_up) };
            self.configuration.reaches(reach, self.clock.now());
            let wake = self.configuration.wake().map(|at| self.clock.instant(at));
            let done = tokio::select! {
                biased;
                ended = self.cameras.one_ends() => Err(ended),
                question = self.questions.recv() => match question {
                    Some(question) => self.answer(question).await,
                    None => Err(self.cameras.one_ends().await),
                },
                changed = self.link.changed() => changed.map_err(Into::into),
                changed = changed(self.hub.as_mut()) => changed.map_err(Into::into),
                () = sleep_until(wake) => self.configuration.judge(&mut self.cameras, self.clock.now()).await,
            };
            if let Err(e) = done {
                return e;
            }
        }
    }

    /// Ends the cameras.
    pub async fn end(self) {
        self.cameras.end().await;
    }

    async fn answer(&mut self, question: Question) -> anyhow::Result<()> {
        let Question { topic, payload, way, reply } = question;
        if matches!(&reply, Reply::Hub(answer) if answer.is_closed()) {
            tracing::info!(%topic, "nobody waits for this command any more: it is passed over");
            return Ok(());
        }
        let answer = match topic {
            Topic::Desired(_) => self.configuration.desire(&mut self.cameras, &payload, way, &self.clock).await?,
            _ => match control::read(&topic, &payload, way == Way::Broker { retained: true }) {
                Ok(request) => self.act(request).await?.map_err(|reason| vec![reason]),
                Err(refusal) => Err(vec![refusal.to_string()]),
            },
        };
        match &answer {
            Ok(()) => tracing::info!(%topic, "done as asked"),
            Err(reasons) => {
                metrics::counter!("omma_control_refused_total").increment(1);
                tracing::info!(%topic, ?reasons, "what was asked is refused");
            }
        }
        self.notices.answer(reply, answer);
        Ok(())
    }

    /// The inner result is for who asked, the outer one for who runs the program.
    async fn act(&mut self, Request { camera, act }: Request) -> anyhow::Result<Result<(), String>> {
        if !self.cameras.has(&camera) {
            return Ok(Err(format!("there is no camera `{camera}` on this edge")));
        }
        Ok(match act {
            Act::Restart => {
                self.cameras.restart(&camera).await?;
                Ok(())
            }
            Act::Snapshot => self.cameras.snapshot(&camera).await,
            Act::Detection(on) => {
                if self.switches.switch(&camera, on) {
                    let topic = self.notices.camera(&camera, CameraValue::Detection);
                    self.notices.set(&topic, if on { ON } else { OFF }, tell::SMALL_EVERY);
                    Ok(())
                } else {
                    Err(format!("this edge does not look at camera `{camera}`: its placement is not \"edge\""))
                }
            }
        })
    }
}

fn is_up(link: &mut watch::Receiver<Link>) -> bool {
    matches!(*link.borrow_and_update(), Link::Up | Link::Refused { .. })
}

async fn changed(link: Option<&mut watch::Receiver<Link>>) -> Result<(), watch::error::RecvError> {
    match link {
        Some(link) => link.changed().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!("omma_control_refused_total", "Commands and configurations that were refused.");
    metrics::describe_counter!("omma_control_dropped_total", "What was dropped because a bound was reached, by what.");
}
