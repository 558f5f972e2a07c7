//! How this edge shall be and how it is, on a stream that the hub opens ([`omma_protocol::wire::quic::values`]).
//!
//! What the hub desires and commands is a question like those that come over MQTT; at most [`COMMANDS`] are under way. What became of it is told whenever that changes, how each
//! camera is within [`CAMERAS_EVERY`] of a change, and how the edge itself is at the beginning and every
//! [`HEALTH_EVERY`], some 400 bytes, so that the hub knows what it shows to be of now.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use omma_protocol::id::CameraId;
use omma_protocol::wire::mqtt::{
    CameraMessage, CameraValue, PROP_RESPONSE, PROP_REVISION, ReportedMessage, ReportedState, ResponseMessage, Topic,
};
use omma_protocol::wire::quic::WireError;
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::values::{ANSWER_WITHIN, HEALTH_EVERY, STREAM_VALUES};
use quinn::{Connection, RecvStream, SendStream};
use serde::Serialize;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::QuicError;
use super::lane::write;
use super::places::PRIORITY_CONTROL;
use crate::config::checked::Camera;
use crate::control::notices::{Notices, Reply};
use crate::health::HealthState;
use crate::state::State;

const READ: usize = 64 << 10;
/// Commands of one connection that are not answered yet; a further one is refused.
const COMMANDS: usize = 16;
/// How often it is looked whether a camera is another way than was told.
const CAMERAS_EVERY: Duration = Duration::from_secs(2);

/// What is told, and where to what is desired goes. Outlives connections; the uplink's task owns it.
#[derive(Debug)]
pub struct Values {
    notices: Notices,
    reported: watch::Receiver<ReportedMessage>,
    state: State,
    cameras: watch::Receiver<Vec<Arc<Camera>>>,
}

impl Values {
    /// `notices` take what is desired; `cameras` are those that there are.
    pub fn new(
        notices: Notices,
        reported: watch::Receiver<ReportedMessage>,
        state: State,
        cameras: watch::Receiver<Vec<Arc<Camera>>>,
    ) -> Self {
        Self { notices, reported, state, cameras }
    }

    /// Serves a connection that the hub has welcomed, until it fails or this is dropped. Of a hub that opens no such stream,
    /// because it is of before there were values, nothing is heard and it is told nothing.
    pub(super) async fn serve(&mut self, connection: &Connection) -> Result<Infallible, QuicError> {
        let (mut send, mut receive) = connection.accept_bi().await?;
        send.set_priority(PRIORITY_CONTROL).map_err(|e| QuicError::Lost(e.to_string()))?;
        write(&mut send, Bytes::from_static(&[STREAM_VALUES])).await?;
        let mut reader = RecordReader::new(STREAM_VALUES);
        self.reported.mark_changed();
        let mut next = Instant::now();
        let (mut told, mut look) = (BTreeMap::new(), interval(CAMERAS_EVERY));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut answers = FuturesUnordered::new();
        loop {
            tokio::select! {
                record = hear(&mut receive, &mut reader) => match self.heard(record?, answers.len()).await? {
                    Heard::Done => {}
                    Heard::Refused(refusal) => {
                        say(&mut send, &Topic::Reported(self.notices.edge().clone()), &refusal).await?;
                    }
                    Heard::Command(to, answer) => answers.push(timeout(ANSWER_WITHIN, answer).map(move |answer| (to, answer))),
                },
                Some((to, answer)) = answers.next(), if !answers.is_empty() => {
                    // Where there is none nobody waits any more, or the program ends.
                    if let Ok(Ok(answer)) = answer {
                        say(&mut send, &to, &answer).await?;
                    }
                }
                Ok(()) = self.reported.changed() => {
                    let reported = self.reported.borrow_and_update().clone();
                    say(&mut send, &Topic::Reported(self.notices.edge().clone()), &reported).await?;
                }
                // Who reports is gone where the program ends: what is left goes out before the connection does.
                () = due(&mut self.state.health, next) => {
                    next = Instant::now() + HEALTH_EVERY;
                    let health = self.state.health.borrow().message(&self.state.outbox.borrow());
                    say(&mut send, &Topic::Health(self.notices.edge().clone()), &health).await?;
                }
                _ = look.tick() => {
                    for (camera, message) in self.changed(&mut told) {
                        let topic = Topic::Camera(self.notices.edge().clone(), camera, CameraValue::State);
                        say(&mut send, &topic, &message).await?;
                    }
                }
            }
        }
    }

    /// How each camera is that is another way than was `told` over this connection.
    fn changed(&self, told: &mut BTreeMap<CameraId, CameraMessage>) -> Vec<(CameraId, CameraMessage)> {
        let cameras = self.cameras.borrow();
        told.retain(|known, _| cameras.iter().any(|camera| camera.id == *known));
        let now = cameras.iter().filter_map(|camera| Some((camera.id.clone(), self.state.message(camera)?)));
        let changed: Vec<_> = now.filter(|(camera, message)| told.get(camera) != Some(message)).collect();
        told.extend(changed.iter().cloned());
        changed
    }

    /// `under_way` commands wait for their answers.
    async fn heard(&self, record: Record, under_way: usize) -> Result<Heard, QuicError> {
        let property = |name| record.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value);
        match Topic::parse(&record.topic) {
            Some(topic @ (Topic::Desired(_) | Topic::CameraCommand(..)))
                if topic.edge() != Some(self.notices.edge()) =>
            {
                Err(WireError::Malformed("edge").into())
            }
            Some(Topic::Desired(_)) => {
                let Some(revision) = property(PROP_REVISION).and_then(|value| value.parse().ok()) else {
                    return Ok(Heard::Refused(self.refuse()));
                };
                self.notices.desired(record.payload, revision).await;
                Ok(Heard::Done)
            }
            Some(topic @ Topic::CameraCommand(..)) => {
                let Some(name) = property(PROP_RESPONSE).and_then(|value| value.parse().ok()) else {
                    tracing::debug!(%topic, "a command whose answer is wanted where this version can't send it");
                    return Ok(Heard::Done);
                };
                let to = Topic::Response(self.notices.edge().clone(), name);
                if under_way >= COMMANDS {
                    let (busy, answer) = oneshot::channel();
                    let reasons = vec![format!("this edge has {COMMANDS} commands under way: ask again in a while")];
                    self.notices.answer(Reply::Hub(busy), Err(reasons));
                    return Ok(Heard::Command(to, answer));
                }
                Ok(Heard::Command(to, self.notices.commanded(topic, record.payload)))
            }
            _ => {
                tracing::debug!(topic = record.topic, "the hub said what this version does not know");
                Ok(Heard::Done)
            }
        }
    }

    /// A hub of a later version may desire in another way. What is in force stays so.
    fn refuse(&self) -> ReportedMessage {
        metrics::counter!("omma_control_refused_total").increment(1);
        let reason =
            format!("it came without a `{PROP_REVISION}` that this version of the edge can read: update the edge");
        tracing::info!(reason, "what the hub desires is refused");
        let (state, reasons) = (ReportedState::Refused, vec![reason]);
        ReportedMessage { state, reasons, desired: None, revision: None, ..self.reported.borrow().clone() }
    }
}

/// What follows from what the hub said.
enum Heard {
    /// Nothing.
    Done,
    /// The edge itself is not even asked.
    Refused(ReportedMessage),
    /// An answer is to be sent there.
    Command(Topic, oneshot::Receiver<ResponseMessage>),
}

/// At `at`, once the machine was looked at. Never where the program ends.
async fn due(health: &mut watch::Receiver<HealthState>, at: Instant) {
    tokio::time::sleep_until(at).await;
    if health.wait_for(|health| health.looked).await.is_err() {
        std::future::pending().await
    }
}

async fn say(send: &mut SendStream, topic: &Topic, message: &impl Serialize) -> Result<(), QuicError> {
    // Texts, numbers and bools always are JSON.
    let payload = serde_json::to_vec(message).unwrap_or_default().into();
    let record = Record { topic: topic.to_string(), properties: vec![], payload };
    match encode_record_head(&record) {
        Ok(head) => {
            write(send, head).await?;
            write(send, record.payload).await
        }
        // Over the next connection it would be said first, and end that as well.
        Err(error) => {
            tracing::warn!(%topic, %error, "the hub is not told");
            Ok(())
        }
    }
}

/// May be dropped while it waits, without loss: what has come stays in the reader.
async fn hear(receive: &mut RecvStream, reader: &mut RecordReader) -> Result<Record, QuicError> {
    loop {
        if let Some(record) = reader.next_record()? {
            return Ok(record);
        }
        match receive.read_chunk(READ, true).await {
            Ok(Some(chunk)) => reader.push(&chunk.bytes),
            Ok(None) => return Err(QuicError::Lost("the hub closed a stream".to_owned())),
            Err(e) => return Err(QuicError::Lost(e.to_string())),
        }
    }
}
