//! How an edge shall be and how it is, on a stream that the hub opens ([`omma_protocol::wire::quic::values`]).
//!
//! ```text
//! desired ─▶ once the edge has spoken here, and whenever it changes ─▶ edge
//! registry ◀── health, remarks on cameras, what became of it ◀── edge
//! commands ─▶ once the edge has spoken here ─▶ edge ─▶ answers
//! ```
//!
//! An edge of before there were values leaves the stream unread: nothing of what is desired is sent to it. One of a later
//! version may say what this one can't read: that is counted, and costs neither the connection nor what else it says.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hub_core::desired::MAX_CAMERAS;
use omma_protocol::id::{CameraId, EdgeId, LabelName};
use omma_protocol::wire::mqtt::{PROP_RESPONSE, PROP_REVISION, ResponseMessage, Topic};
use omma_protocol::wire::quic::WireError;
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::values::STREAM_VALUES;
use omma_runtime::step::Step;
use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::oneshot;

use super::Destination;
use super::control::now_us;
use super::value::{self, Value, ValueError};
use crate::commands::{Asked, UNDER_WAY};
use crate::complaint::Complaint;
use crate::desired::Wish;
use crate::registry::{Remarks, Told};

const CHUNK: usize = 64 * 1024;
/// What is handed to the connection at once.
const PIECE: usize = 16 * 1024;
/// How often it is looked whether somebody still waits for an answer.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// For the connection to take a [`PIECE`]: 4 kbit/s.
const STALLED: Duration = Duration::from_secs(30);

/// What ends the connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ValuesError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the stream of values ended within one")]
    CutShort,
    #[error("a value of {0}")]
    Fence(EdgeId),
    #[error("open the stream of values: {0}")]
    Open(#[from] ConnectionError),
    #[error("read values: {0}")]
    Read(#[from] ReadError),
    #[error("tell what is desired: {0}")]
    Write(#[from] WriteError),
    #[error("the edge did not read for {STALLED:?}")]
    Stalled,
}

impl ValuesError {
    /// Of what the edge sent, for the metric; `None` where the connection had ended or its reader was late.
    pub(super) fn word(&self) -> Option<&'static str> {
        match self {
            ValuesError::Wire(_) | ValuesError::CutShort => Some("broken"),
            ValuesError::Fence(_) => Some("fence"),
            ValuesError::Open(_) | ValuesError::Read(_) | ValuesError::Write(_) | ValuesError::Stalled => None,
        }
    }
}

/// Until the connection ends. Fine also where the edge never speaks.
pub(super) async fn run(
    connection: &Connection,
    edge: &EdgeId,
    destination: &Destination,
    step: &Step,
    complaint: &Complaint,
) -> Result<(), ValuesError> {
    let served = serve(connection, edge, destination, step, complaint).await;
    if let Err(e) = &served
        && let Some(word) = e.word()
    {
        step.dropped(word);
        complaint.about(edge, e);
    }
    served
}

async fn serve(
    connection: &Connection,
    edge: &EdgeId,
    destination: &Destination,
    step: &Step,
    complaint: &Complaint,
) -> Result<(), ValuesError> {
    // What an edge of this version has to say it says anew; one of before says nothing of it.
    destination.registry.update(edge, |known| known.remarks.clear());
    let mut asked = destination.commands.seat(edge);
    let (mut send, mut recv) = connection.open_bi().await?;
    write(&mut send, Bytes::from_static(&[STREAM_VALUES])).await?;
    let mut desired = destination.desired.watch();
    let mut questions = Questions::default();
    let mut reader = RecordReader::new(STREAM_VALUES);
    // Nothing is told before the edge has spoken.
    let (mut spoken, mut told) = (false, None);
    // An edge says how it is every minute: that it can't be read is said once a connection.
    let mut complained = false;
    loop {
        tokio::select! {
            record = read(&mut recv, &mut reader) => match record? {
                Some(record) => {
                    spoken = true;
                    if let Err(unreadable) = heard(&record, edge, destination, &mut questions)? {
                        step.dropped("unreadable value");
                        complained = complained || complaint.about(edge, &unreadable);
                    }
                }
                None => {
                    connection.closed().await;
                    return Ok(());
                }
            },
            // Its sender lives in `destination`.
            Ok(()) = desired.changed(), if spoken => {}
            // There may be room again, since nobody waits for some any more.
            () = tokio::time::sleep(LOOK_AGAIN), if !questions.waiting.is_empty() => continue,
            Some(question) = asked.recv(), if spoken && questions.has_room() => {
                if let Some(record) = questions.begin(question) {
                    write(&mut send, encode_record_head(&record)?).await?;
                    write(&mut send, record.payload).await?;
                }
            }
        }
        let wish = desired.borrow_and_update().get(edge).cloned();
        if let Some(wish) = wish.filter(|wish| told != Some(wish.revision)) {
            tell(&mut send, edge, &wish).await?;
            told = Some(wish.revision);
        }
    }
}

/// Commands that the edge was told and has not answered.
#[derive(Default)]
struct Questions {
    next: u64,
    waiting: BTreeMap<LabelName, oneshot::Sender<ResponseMessage>>,
}

impl Questions {
    /// Those that nobody waits for any more take none.
    fn has_room(&mut self) -> bool {
        self.waiting.retain(|_, answer| !answer.is_closed());
        self.waiting.len() < UNDER_WAY
    }

    /// What is sent to the edge, where somebody waits for it still.
    fn begin(&mut self, Asked { topic, payload, answer }: Asked) -> Option<Record> {
        if answer.is_closed() {
            return None;
        }
        self.next += 1;
        let name = LabelName::of(&format!("c{}", self.next));
        let properties = vec![(PROP_RESPONSE.to_owned(), name.to_string())];
        self.waiting.insert(name, answer);
        Some(Record { topic: topic.to_string(), properties, payload })
    }

    fn answered(&mut self, name: &LabelName, message: ResponseMessage) {
        if let Some(answer) = self.waiting.remove(name) {
            // Who asked may have gone meanwhile.
            answer.send(message).unwrap_or_default();
        }
    }
}

async fn tell(send: &mut SendStream, edge: &EdgeId, wish: &Wish) -> Result<(), ValuesError> {
    let record = Record {
        topic: Topic::Desired(edge.clone()).to_string(),
        properties: vec![(PROP_REVISION.to_owned(), wish.revision.to_string())],
        payload: Bytes::copy_from_slice(wish.text.expose().as_bytes()),
    };
    write(send, encode_record_head(&record)?).await?;
    write(send, record.payload).await
}

/// Waits for as long as the connection takes something.
async fn write(send: &mut SendStream, mut bytes: Bytes) -> Result<(), ValuesError> {
    while !bytes.is_empty() {
        let piece = bytes.split_to(bytes.len().min(PIECE));
        tokio::time::timeout(STALLED, send.write_chunk(piece)).await.map_err(|_| ValuesError::Stalled)??;
    }
    Ok(())
}

/// The next value; `None` where the edge has ended the stream. May be dropped while it waits, without loss.
async fn read(recv: &mut RecvStream, reader: &mut RecordReader) -> Result<Option<Record>, ValuesError> {
    loop {
        if let Some(record) = reader.next_record()? {
            return Ok(Some(record));
        }
        match recv.read_chunk(CHUNK, true).await? {
            Some(chunk) => reader.push(&chunk.bytes),
            None if reader.is_at_boundary() => return Ok(None),
            None => return Err(ValuesError::CutShort),
        }
    }
}

/// The outer error ends the connection, the inner one does not.
fn heard(
    record: &Record,
    edge: &EdgeId,
    destination: &Destination,
    questions: &mut Questions,
) -> Result<Result<(), ValueError>, ValuesError> {
    let registry = &destination.registry;
    match value::read(record, edge) {
        Ok(Value::Health(health)) => registry.update(edge, |known| known.health = Some(told(health))),
        Ok(Value::Reported(report)) => registry.update(edge, |known| known.reported = Some(told(report))),
        Ok(Value::Camera(camera, remarks)) => {
            registry.update(edge, |known| remark(&mut known.remarks, camera, remarks));
        }
        Ok(Value::Answer(name, answer)) => questions.answered(&name, answer),
        Ok(Value::Unknown(topic)) => tracing::debug!(%edge, ?topic, "a value that is not known"),
        Err(ValueError::Fence(other)) => return Err(ValuesError::Fence(other)),
        Err(unreadable) => {
            if let ValueError::Unreadable { topic: Topic::Reported(_), .. } = unreadable {
                // What was reported before is no longer so all the same.
                registry.update(edge, |known| known.reported = None);
            }
            return Ok(Err(unreadable));
        }
    }
    Ok(Ok(()))
}

fn remark(known: &mut BTreeMap<CameraId, Remarks>, camera: CameraId, remarks: Remarks) {
    if remarks == Remarks::default() {
        known.remove(&camera);
    } else if known.contains_key(&camera) || known.len() < MAX_CAMERAS {
        known.insert(camera, remarks);
    }
}

fn told<T>(what: T) -> Told<T> {
    Told { at_us: now_us(), what }
}
