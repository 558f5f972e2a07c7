//! Who follows this edge over MQTT: [`tell`] keeps the values of the moment, this module's task deals with what is asked,
//! [`notices`] joins both to the uplink.
//!
//! ```text
//! state, gates, results ──▶ tell ──values──▶ ┌─────────┐ ──▶ MqttUplink ──▶ broker ──▶ anyone
//!                           Control ─answers─▶ │ notices │                              │
//!                              ▲              └─────────┘ ◀── MqttUplink ◀── commands ◀──┘
//!                              └──────────questions──┘
//! ```
//!
//! What a message means is decided by [`edge_core::control`].

pub mod notices;

pub mod tell;

use edge_core::control::{self, Act, Request};
use omma_protocol::wire::mqtt::{CameraValue, OFF, ON};
use tokio::sync::mpsc;

use crate::cameras::Cameras;
use crate::state::switches::Switches;
use notices::{Notices, Question};

/// Owns the cameras and does to them what is asked. One task owns it.
pub struct Control {
    cameras: Cameras,
    switches: Switches,
    notices: Notices,
    questions: mpsc::Receiver<Question>,
}

impl Control {
    /// The cameras run already.
    pub fn new(cameras: Cameras, switches: Switches, notices: Notices, questions: mpsc::Receiver<Question>) -> Self {
        Self { cameras, switches, notices, questions }
    }

    /// Serves until something ends that must not.
    pub async fn serve(&mut self) -> anyhow::Error {
        loop {
            tokio::select! {
                biased;
                ended = self.cameras.one_ends() => return ended,
                question = self.questions.recv() => match question {
                    Some(question) => if let Err(e) = self.answer(question).await { return e },
                    None => return self.cameras.one_ends().await,
                },
            }
        }
    }

    /// Ends the cameras.
    pub async fn end(self) {
        self.cameras.end().await;
    }

    async fn answer(&mut self, question: Question) -> anyhow::Result<()> {
        let Question { topic, payload, retained, reply_to } = question;
        let answer = match control::read(&topic, &payload, retained) {
            Ok(request) => self.act(request).await?,
            Err(refusal) => Err(refusal.to_string()),
        };
        match &answer {
            Ok(()) => tracing::info!(%topic, "done as asked"),
            Err(reason) => {
                metrics::counter!("omma_control_refused_total").increment(1);
                tracing::info!(%topic, reason, "a command is refused");
            }
        }
        self.notices.answer(reply_to, answer.map_err(|reason| vec![reason]));
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
