//! The joint between this edge and who follows it over MQTT: values of the moment and answers go out, questions come in. What
//! the hub desires, over QUIC, is a question too.
//!
//! | carries | bound | when full |
//! |---|---|---|
//! | values | one a topic ([`edge_core::retained`]) | the newest wins |
//! | snapshots | [`MAX_SNAPSHOT`] bytes | one that is larger is left out, counted |
//! | answers | [`ANSWERS`] | the oldest is lost, counted |
//! | questions | [`QUESTIONS`] | the newest is answered with that; what the hub desires waits |

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use edge_core::control::may_answer;
use edge_core::home_assistant::{self, Announcer};
use edge_core::retained::Retained;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::wire::mqtt::{CameraValue, ResponseMessage, Topic};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc, oneshot};

/// Largest snapshot.
pub const MAX_SNAPSHOT: usize = 512 << 10;
/// Answers that wait for a connection.
pub const ANSWERS: usize = 16;
/// Questions that wait to be dealt with: a scene that switches all of a large site's cameras asks one of each at once.
pub const QUESTIONS: usize = 128;
/// Longest command, bytes.
const COMMAND: usize = 4096;
/// A better picture of the same event is not worth more of the uplink.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(5);

/// Who wants an answer (MQTT 5 §4.10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    /// Where to.
    pub topic: String,
    /// By which they know their question.
    pub correlation: Option<Bytes>,
}

/// Where the answer to a question goes.
#[derive(Debug)]
pub enum Reply {
    /// Nobody wants one.
    Nobody,
    /// To who asked over the broker.
    Broker(ReplyTo),
    /// To who asked over QUIC, while that connection lasts.
    Hub(oneshot::Sender<ResponseMessage>),
}

impl From<Option<ReplyTo>> for Reply {
    fn from(to: Option<ReplyTo>) -> Self {
        to.map_or(Self::Nobody, Self::Broker)
    }
}

/// An answer over the broker.
#[derive(Debug, Clone)]
pub struct Answer {
    /// To whom.
    pub to: ReplyTo,
    /// JSON.
    pub payload: Bytes,
}

/// Who passed a question on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The broker.
    Broker {
        /// It had retained it.
        retained: bool,
    },
    /// The hub, over QUIC.
    Hub {
        /// Which of what it has desired; `None` of a command.
        revision: Option<u64>,
    },
}

/// Something that was asked of this edge.
pub struct Question {
    /// On which of the edge's topics.
    pub topic: Topic,
    /// As it came. What is desired holds secrets.
    pub payload: Bytes,
    /// Who passed it on.
    pub way: Way,
    /// To whom the answer goes.
    pub reply: Reply,
}

/// Clones share it: anyone may set a value, the MQTT uplink sends them.
#[derive(Debug, Clone)]
pub struct Notices(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    edge: EdgeId,
    announcer: Option<Announcer>,
    snapshots: bool,
    /// The lock is held for one call and never over an await.
    retained: Mutex<Retained<Bytes>>,
    answers: Mutex<VecDeque<Answer>>,
    changed: Notify,
    questions: mpsc::Sender<Question>,
}

impl Notices {
    /// Without values. Where there are no `snapshots`, the hub has every event's picture already. The questions end when
    /// the last clone is gone.
    pub fn new(edge: EdgeId, snapshots: bool, announcer: Option<Announcer>) -> (Self, mpsc::Receiver<Question>) {
        let (questions, asked) = mpsc::channel(QUESTIONS);
        let shared = Shared {
            edge,
            announcer,
            snapshots,
            retained: Mutex::default(),
            answers: Mutex::default(),
            changed: Notify::new(),
            questions,
        };
        (Self(Arc::new(shared)), asked)
    }

    /// Whose they are.
    pub fn edge(&self) -> &EdgeId {
        &self.0.edge
    }

    /// How Home Assistant is told, where it is.
    pub fn announcer(&self) -> Option<&Announcer> {
        self.0.announcer.as_ref()
    }

    /// A topic's value is this now; an empty one clears it. It is published at most once in `every`.
    pub fn set(&self, topic: &str, payload: impl Into<Bytes>, every: Duration) {
        if self.retained().set(topic, payload.into(), every) {
            self.0.changed.notify_one();
        }
    }

    /// How a camera is: what is counted in it is misread without, and goes out after it.
    pub fn set_state(&self, camera: &CameraId, payload: impl Into<Bytes>, every: Duration) {
        if self.retained().set_first(&self.camera(camera, CameraValue::State), payload.into(), every) {
            self.0.changed.notify_one();
        }
    }

    /// A camera's newest picture.
    ///
    /// # Errors
    /// Why it is not published.
    pub fn snapshot(&self, camera: &CameraId, jpeg: Bytes) -> Result<(), &'static str> {
        self.show(camera, CameraValue::Snapshot, jpeg)
    }

    /// A camera's newest event's crop.
    ///
    /// # Errors
    /// Why it is not published.
    pub fn crop(&self, camera: &CameraId, jpeg: Bytes) -> Result<(), &'static str> {
        self.show(camera, CameraValue::Crop, jpeg)
    }

    fn show(&self, camera: &CameraId, value: CameraValue, jpeg: Bytes) -> Result<(), &'static str> {
        if !self.0.snapshots {
            return Err("this edge publishes no snapshots on its hub's broker: the hub has the picture of every event");
        }
        if jpeg.len() > MAX_SNAPSHOT {
            metrics::counter!("omma_control_dropped_total", "what" => "snapshot too large").increment(1);
            return Err("the picture is too large for a snapshot");
        }
        self.set(&self.camera(camera, value), jpeg, SNAPSHOT_EVERY);
        Ok(())
    }

    /// The camera is no more: its values are cleared, and Home Assistant is told.
    pub fn forget(&self, camera: &CameraId) {
        let state = self.camera(camera, CameraValue::State);
        let values = state.strip_suffix(CameraValue::State.name()).unwrap_or(&state);
        let mut topics: Vec<String> = self.retained().topics(values).map(str::to_owned).collect();
        topics.extend(self.announcer().map(|announcer| announcer.camera_topic(camera)));
        topics.iter().for_each(|topic| self.set(topic, Bytes::new(), Duration::ZERO));
    }

    /// The topic of a camera's value.
    pub fn camera(&self, camera: &CameraId, value: CameraValue) -> String {
        Topic::Camera(self.0.edge.clone(), camera.clone(), value).to_string()
    }

    /// Answers a question, where an answer is wanted.
    pub fn answer(&self, reply: Reply, result: Result<(), Vec<String>>) {
        let message = ResponseMessage::of(result);
        let to = match reply {
            Reply::Nobody => return,
            // Its connection may have ended meanwhile.
            Reply::Hub(answer) => return answer.send(message).unwrap_or_default(),
            Reply::Broker(to) => to,
        };
        // Texts and a bool always are JSON.
        let payload = serde_json::to_vec(&message).unwrap_or_default().into();
        let mut answers = lock(&self.0.answers);
        if answers.len() >= ANSWERS {
            answers.pop_front();
            metrics::counter!("omma_control_dropped_total", "what" => "answer").increment(1);
        }
        answers.push_back(Answer { to, payload });
        drop(answers);
        self.0.changed.notify_one();
    }

    /// Waits until there is something new to send. For the MQTT uplink alone.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// The oldest answer that was not sent.
    pub fn next_answer(&self) -> Option<Answer> {
        lock(&self.0.answers).pop_front()
    }

    /// The client did not take it: it is the oldest again, where its place was not taken meanwhile.
    pub fn not_sent(&self, answer: Answer) {
        let mut answers = lock(&self.0.answers);
        if answers.len() < ANSWERS {
            answers.push_front(answer);
        } else {
            metrics::counter!("omma_control_dropped_total", "what" => "answer").increment(1);
        }
    }

    /// The values.
    pub fn retained(&self) -> MutexGuard<'_, Retained<Bytes>> {
        lock(&self.0.retained)
    }

    /// The filters by which questions come, and by which Home Assistant says that it has started.
    pub fn request_filters(&self) -> Vec<String> {
        let birth = self.announcer().map(|announcer| home_assistant::birth_topic(&announcer.prefix));
        Topic::request_filters(&self.0.edge).into_iter().chain(birth).collect()
    }

    /// The filters by which the broker tells at the beginning what it has retained of earlier runs.
    pub fn retained_filters(&self) -> Vec<String> {
        let announced = self.announcer().map(Announcer::filter);
        Topic::retained_filters(&self.0.edge).into_iter().chain(announced).collect()
    }

    /// The access rule that lets this edge publish on a topic.
    pub fn rule_for(&self, topic: &str) -> String {
        match self.announcer() {
            Some(announcer) if topic.starts_with(&announcer.fence()) => announcer.filter(),
            _ => Topic::fence(&self.0.edge),
        }
    }

    /// A message came on a topic that was subscribed to.
    pub fn heard(&self, name: &str, payload: Bytes, retained: bool, reply_to: Option<ReplyTo>) {
        if let Some(announcer) = self.announcer() {
            let fence = announcer.fence();
            if name == home_assistant::birth_topic(&announcer.prefix) {
                if payload == home_assistant::BIRTH && !retained {
                    self.retained().again(&fence);
                    self.0.changed.notify_one();
                }
                return;
            }
            if name.starts_with(&fence) {
                return self.found(name, retained);
            }
        }
        match Topic::parse(name) {
            Some(Topic::Camera(edge, camera, CameraValue::State)) if edge == self.0.edge => {
                // Of a camera that is still there, what an earlier configuration had: but its pictures stay the newest.
                let gone = !self.retained().has(name);
                let picture = |value| matches!(value, CameraValue::Snapshot | CameraValue::Crop);
                let left = CameraValue::ALL.iter().filter(|value| gone || !picture(**value));
                left.for_each(|value| self.found(&self.camera(&camera, *value), retained));
            }
            Some(Topic::Objects(edge, ..)) if edge == self.0.edge => self.found(name, retained),
            Some(topic) if topic.edge() == Some(&self.0.edge) => self.asked(topic, payload, retained, reply_to),
            _ => tracing::debug!(topic = name, "a message on a topic that nobody subscribed to"),
        }
    }

    /// The broker has a value that an earlier run published, of a camera or a class that is no more.
    fn found(&self, topic: &str, retained: bool) {
        if retained && !self.retained().has(topic) {
            tracing::debug!(topic, "cleared what an earlier run left");
            self.set(topic, Bytes::new(), Duration::ZERO);
        }
    }

    /// What the hub desires. Waits for room: it is told once a connection. Fine also where the program ends.
    pub async fn desired(&self, payload: Bytes, revision: u64) {
        let topic = Topic::Desired(self.0.edge.clone());
        let question = Question { topic, payload, way: Way::Hub { revision: Some(revision) }, reply: Reply::Nobody };
        self.0.questions.send(question).await.unwrap_or_default();
    }

    /// The hub has a command for a camera. Gives the answer, which may take as long as the command does.
    pub fn commanded(&self, topic: Topic, payload: Bytes) -> oneshot::Receiver<ResponseMessage> {
        let (reply, answer) = oneshot::channel();
        self.ask(Question { topic, payload, way: Way::Hub { revision: None }, reply: Reply::Hub(reply) });
        answer
    }

    fn asked(&self, topic: Topic, payload: Bytes, retained: bool, reply_to: Option<ReplyTo>) {
        let reply = reply_to.filter(|to| may_answer(&self.0.edge, &to.topic)).into();
        self.ask(Question { topic, payload, way: Way::Broker { retained }, reply });
    }

    fn ask(&self, question: Question) {
        if question.payload.len() > COMMAND && !matches!(question.topic, Topic::Desired(_)) {
            return self.answer(question.reply, Err(vec![format!("a command has at most {COMMAND} bytes")]));
        }
        if let Err(TrySendError::Full(question) | TrySendError::Closed(question)) = self.0.questions.try_send(question)
        {
            metrics::counter!("omma_control_dropped_total", "what" => "question").increment(1);
            let busy = "this edge has too many questions to answer: ask again in a while";
            self.answer(question.reply, Err(vec![busy.to_owned()]));
        }
    }
}

/// A panic elsewhere can't leave it half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
