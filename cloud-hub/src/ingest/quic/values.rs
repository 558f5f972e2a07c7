//! How an edge shall be and how it is, on a stream that the hub opens ([`omma_protocol::wire::quic::values`]).
//!
//! ```text
//! desired ─▶ once the edge has spoken here, and whenever it changes ─▶ edge
//! registry ◀── health, remarks on cameras, what became of it ◀── edge
//! ```
//!
//! An edge of before there were values leaves the stream unread: nothing of what is desired is sent to it. One of a later
//! version may say what this one can't read: that is counted, and costs neither the connection nor what else it says.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use hub_core::desired::MAX_CAMERAS;
use omma_protocol::id::{CameraId, EdgeId};
use omma_protocol::wire::mqtt::{CameraMessage, CameraValue, HealthMessage, PROP_REVISION, ReportedMessage, Topic};
use omma_protocol::wire::quic::WireError;
use omma_protocol::wire::quic::lasting::{Record, RecordReader, encode_record_head};
use omma_protocol::wire::quic::values::STREAM_VALUES;
use omma_runtime::step::Step;
use quinn::{Connection, ConnectionError, ReadError, RecvStream, SendStream, WriteError};
use serde::de::DeserializeOwned;

use super::control::now_us;
use super::{Destination, text};
use crate::complaint::Complaint;
use crate::desired::Wish;
use crate::registry::{Remarks, Told};

const CHUNK: usize = 64 * 1024;
/// What is handed to the connection at once.
const PIECE: usize = 16 * 1024;
/// For the connection to take a [`PIECE`]: 4 kbit/s.
const STALLED: Duration = Duration::from_secs(30);
/// Reasons of a refusal that are shown.
const MAX_REASONS: usize = 50;
/// Faults of one camera that are shown, and the longest of their words.
const MAX_FAULTS: usize = 16;
const MAX_FAULT: usize = 32;
/// Length of a SHA-256 in hexadecimal.
const DIGEST: usize = 64;

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

/// A value whose bytes came whole, and mean nothing to this version.
#[derive(Debug, thiserror::Error)]
#[error("a value on `{topic}` that can't be read: {source}")]
struct Unreadable {
    topic: Topic,
    source: serde_json::Error,
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
    let (mut send, mut recv) = connection.open_bi().await?;
    write(&mut send, Bytes::from_static(&[STREAM_VALUES])).await?;
    let mut desired = destination.desired.watch();
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
                    if let Err(unreadable) = heard(record, edge, destination)? {
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
        }
        let wish = desired.borrow_and_update().get(edge).cloned();
        if let Some(wish) = wish.filter(|wish| told != Some(wish.revision)) {
            tell(&mut send, edge, &wish).await?;
            told = Some(wish.revision);
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
fn heard(record: Record, edge: &EdgeId, destination: &Destination) -> Result<Result<(), Unreadable>, ValuesError> {
    let Some(topic) = Topic::parse(&record.topic) else { return Ok(Ok(())) };
    if let Some(other) = topic.edge().filter(|other| *other != edge) {
        return Err(ValuesError::Fence(other.clone()));
    }
    let registry = &destination.registry;
    let read = match topic {
        Topic::Health(_) => {
            let told = told(&record.payload, bounded_health);
            told.map(|told| registry.update(edge, |known| known.health = Some(told)))
        }
        Topic::Reported(_) => {
            let told = told(&record.payload, bounded_report);
            // Where it can't be read, what was reported before is no longer so all the same.
            let (told, read) = told.map_or_else(|e| (None, Err(e)), |told| (Some(told), Ok(())));
            registry.update(edge, |known| known.reported = told);
            read
        }
        Topic::Camera(_, ref camera, CameraValue::State) => serde_json::from_slice(&record.payload).map(|state| {
            registry.update(edge, |known| remark(&mut known.remarks, camera, state));
        }),
        // Of a later version.
        _ => {
            tracing::debug!(%edge, %topic, "a value that is not known");
            Ok(())
        }
    };
    Ok(read.map_err(|source| Unreadable { topic, source }))
}

/// The rest of its state comes over the control stream.
fn remark(known: &mut BTreeMap<CameraId, Remarks>, camera: &CameraId, state: CameraMessage) {
    let is_word = |said: &String| said.len() <= MAX_FAULT && said.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let remarks = Remarks {
        unseen: state.unseen.as_deref().map(text),
        interpreted: state.interpreted.into_iter().filter(is_word).take(MAX_FAULTS).collect(),
    };
    if remarks == Remarks::default() {
        known.remove(camera);
    } else if known.contains_key(camera) || known.len() < MAX_CAMERAS {
        known.insert(camera.clone(), remarks);
    }
}

fn told<T: DeserializeOwned>(payload: &[u8], bound: fn(T) -> T) -> Result<Told<T>, serde_json::Error> {
    Ok(Told { at_us: now_us(), what: bound(serde_json::from_slice(payload)?) })
}

fn bounded_health(mut health: HealthMessage) -> HealthMessage {
    health.last_run = text(&health.last_run);
    health
}

fn bounded_report(mut report: ReportedMessage) -> ReportedMessage {
    let digest = |said: &String| said.len() == DIGEST && said.bytes().all(|byte| byte.is_ascii_hexdigit());
    report.reasons.truncate(MAX_REASONS);
    ReportedMessage {
        desired: report.desired.filter(digest),
        running: report.running.filter(digest),
        reasons: report.reasons.iter().map(|reason| text(reason)).collect(),
        ..report
    }
}
