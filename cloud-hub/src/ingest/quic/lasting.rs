//! What must last, on a second bidirectional stream of the connection: of edges whose hub has no broker.
//!
//! ```text
//! stream ─▶ records ─▶ in the edge's fence? ─▶ waiting ─▶ store, in batches
//!    ▲                   │ no: the connection ends           │
//!    └── acks ◀──────────┼───────────────────────────────────┘ only when the store has it
//! ```
//!
//! It is taken whether the hub has a broker or not: the store knows a copy, whichever way it came.
//!
//! | bound | when it is reached |
//! |---|---|
//! | [`RECORDS`] records and [`HELD`] bytes of one edge that the store does not have yet | no more is read, and the edge waits |

use std::sync::Arc;
use std::time::Duration;

use hub_core::message::Message;
use omma_protocol::backoff::Backoff;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::Topic;
use omma_protocol::wire::quic::lasting::{MAX_RECORD, Record, RecordReader, STREAM_LASTING};
use omma_protocol::wire::quic::{WireError, encode_control};
use omma_runtime::backoff::random_seed;
use omma_runtime::step::Step;
use quinn::{Connection, ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::broker::MAX_PACKET;
use crate::complaint::Complaint;
use crate::ingest::keep::{BATCH, Keeper, Kept};
use crate::store::Arrival;

/// Records of one edge that wait for the store.
pub(super) const RECORDS: usize = 64;
/// Bytes of them: every record takes its own, or an equal share where it is smaller, so that both bounds are one.
pub(super) const HELD: usize = 16 * 1024 * 1024;

/// Between two tries at pictures that can't be written.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MAX_WAIT: Duration = Duration::from_secs(30);

const CHUNK: usize = 64 * 1024;
/// How long the edge may take to read what is acknowledged.
const WRITE: Duration = Duration::from_secs(5);

// A record is as long as it may be on the hub's broker, and fits.
const _: () = assert!(MAX_RECORD == MAX_PACKET as usize && MAX_RECORD <= HELD && HELD <= u32::MAX as usize);

/// What ends the connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum LastingError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("the stream of records ended within one")]
    CutShort,
    #[error("a record on a topic of {0}")]
    Fence(EdgeId),
    #[error("read records: {0}")]
    Read(#[from] ReadError),
    #[error("acknowledge records: {0}")]
    Write(#[from] WriteError),
    #[error("the edge did not read for {WRITE:?}")]
    Stalled,
    #[error("store records: {0}")]
    Store(#[from] JoinError),
}

impl LastingError {
    /// Of what the edge sent, for the metric; `None` where the connection had ended or its reader was late.
    fn word(&self) -> Option<&'static str> {
        match self {
            LastingError::Wire(_) | LastingError::CutShort => Some("broken"),
            LastingError::Fence(_) => Some("fence"),
            LastingError::Read(_) | LastingError::Write(_) | LastingError::Stalled | LastingError::Store(_) => None,
        }
    }
}

/// A record that waits for the store.
struct Waiting {
    arrival: Arrival,
    room: OwnedSemaphorePermit,
}

/// Until the connection ends. Fine also where the edge never begins the stream.
pub(super) async fn run(
    connection: &Connection,
    edge: &EdgeId,
    keeper: &Keeper,
    step: &Step,
    complaint: &Complaint,
) -> Result<(), LastingError> {
    while let Ok((send, recv)) = connection.accept_bi().await {
        if let Err(e) = serve(send, recv, edge, keeper).await {
            if let Some(word) = e.word() {
                step.dropped(word);
                complaint.about(edge, &e);
            }
            return Err(e);
        }
    }
    Ok(())
}

/// One stream, to its end and until all of it is acknowledged.
async fn serve(send: SendStream, recv: RecvStream, edge: &EdgeId, keeper: &Keeper) -> Result<(), LastingError> {
    let (give, waiting) = mpsc::channel(RECORDS);
    let leave = CancellationToken::new();
    // When the connection ends, the batch that is under way is still kept, and no other one begun.
    let _leave_at_the_end = leave.clone().drop_guard();
    let mut keeping = tokio::spawn(keep(keeper.clone(), waiting, send, leave).in_current_span());
    tokio::select! {
        read = read(recv, edge, keeper, give) => read?,
        kept = &mut keeping => return kept?,
    }
    keeping.await?
}

async fn read(
    mut recv: RecvStream,
    edge: &EdgeId,
    keeper: &Keeper,
    give: mpsc::Sender<Waiting>,
) -> Result<(), LastingError> {
    let (mut reader, room) = (RecordReader::new(STREAM_LASTING), Arc::new(Semaphore::new(HELD)));
    loop {
        while let Some(record) = reader.next_record()? {
            let cost = record.payload.len().max(HELD / RECORDS);
            let Some(arrival) = arrival(record, edge, keeper)? else { continue };
            let Ok(room) = Arc::clone(&room).acquire_many_owned(cost as u32).await else { return Ok(()) };
            if give.send(Waiting { arrival, room }).await.is_err() {
                return Ok(());
            }
        }
        match recv.read_chunk(CHUNK, true).await? {
            Some(chunk) => reader.push(&chunk.bytes),
            None if reader.is_at_boundary() => return Ok(()),
            None => return Err(LastingError::CutShort),
        }
    }
}

/// `None` for what can be neither kept nor acknowledged, because it does not say which record it is. It holds up no other
/// while this connection lasts; the edge goes on to keep it, sends it again over the next one, and sends nothing more there
/// where it is the oldest.
fn arrival(record: Record, edge: &EdgeId, keeper: &Keeper) -> Result<Option<Arrival>, LastingError> {
    let Record { topic, properties, payload } = record;
    if let Some(other) = Topic::parse(&topic).and_then(|topic| topic.edge().cloned()).filter(|other| other != edge) {
        return Err(LastingError::Fence(other));
    }
    Ok(match keeper.read_of(edge, topic.as_bytes(), payload, &properties) {
        Some(Message::Lasting(arrival)) => Some(arrival),
        // The connection itself says that the edge is there.
        Some(Message::Status(..)) | None => None,
    })
}

async fn keep(
    keeper: Keeper,
    mut waiting: mpsc::Receiver<Waiting>,
    mut send: SendStream,
    leave: CancellationToken,
) -> Result<(), LastingError> {
    let mut batch = Vec::with_capacity(BATCH);
    // Pictures that could not be written. Over this connection nobody sends them again; they keep their room.
    let (mut held, mut again) = (vec![], Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed()));
    let mut due = Instant::now();
    loop {
        tokio::select! {
            () = leave.cancelled() => return Ok(()),
            count = waiting.recv_many(&mut batch, BATCH) => if count == 0 { return Ok(()) },
            () = tokio::time::sleep_until(due), if !held.is_empty() => batch.append(&mut held),
        }
        let (arrivals, rooms): (Vec<_>, Vec<_>) =
            batch.drain(..).map(|Waiting { arrival, room }| (arrival, room)).unzip();
        let Some(Kept { acks, left }) = keeper.keep(&arrivals, &leave).await else { return Ok(()) };
        if left.is_empty() {
            again.succeeded();
        } else {
            due = Instant::now() + again.next_delay();
        }
        let all = arrivals.into_iter().zip(rooms).enumerate();
        let unwritten = all.filter(|(at, _)| left.binary_search(at).is_ok());
        held.extend(unwritten.map(|(_, (arrival, room))| Waiting { arrival, room }));
        for (_, ack) in acks {
            let bytes = encode_control(&ack)?;
            tokio::time::timeout(WRITE, send.write_all(&bytes)).await.map_err(|_| LastingError::Stalled)??;
        }
    }
}
