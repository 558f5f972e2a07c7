//! What must last, over the hub's connection: for a hub that has no broker.
//!
//! ```text
//! Records ──Due──▶ one bidirectional stream ──▶ hub ──▶ store
//!    ▲                                                    │
//!    └──forget──── the same stream ◀──────────── acks ◀───┘
//! ```
//!
//! As over MQTT, a record leaves the outbox only when the hub says that its store has it, and each connection begins with
//! the oldest one alone. Other than there, nothing is repeated on a timer: an acknowledgement comes over the connection that
//! the record went over, or never, so that only the next connection sends anything again. So one that stays up while the hub's store answers nothing is ended
//! ([`SILENT`]).
//!
//! Live video goes first, and records have a floor below which video makes room for them: [`lane`](super::lane).

use std::convert::Infallible;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use edge_core::Moment;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::AckMessage;
use omma_protocol::wire::quic::lasting::{MAX_RECORD, Record, STREAM_LASTING, encode_record_head};
use omma_runtime::step::Step;
use quinn::{Connection, RecvStream};

use super::QuicError;
use super::control::hear;
use super::lane::{Lane, PIECE, STALLED};
use super::places::Places;
use crate::clock::EdgeClock;
use crate::outbox::{Ended, Outbox};
use crate::uplink::records::{Due, OnTopic, Ready, Records, on_topic};

/// For the hub to let the stream begin.
const OPEN: Duration = Duration::from_secs(5);
/// For the hub's store to answer something; longer by the time that what is under way takes at the pace of [`STALLED`].
const SILENT: Duration = Duration::from_secs(60);
/// Nothing has to be done before something happens.
const LONG: Duration = Duration::from_secs(60);

/// The outbox's way to the hub. Outlives connections; the uplink's task owns it.
#[derive(Debug)]
pub(super) struct Lasting {
    edge: EdgeId,
    records: Records,
    clock: EdgeClock,
    silent: Duration,
}

impl Lasting {
    /// `backfill` is what pictures from before a connection may take of it, bytes a second.
    pub(super) fn new(edge: EdgeId, outbox: Outbox, backfill: u64, clock: EdgeClock, step: Step) -> Self {
        Self { edge, records: Records::new(outbox, backfill, clock.clone(), step).patient(), clock, silent: SILENT }
    }

    /// Another time than [`SILENT`].
    #[cfg(test)]
    pub(super) fn silent(self, silent: Duration) -> Self {
        Self { silent, ..self }
    }

    /// Sends over a connection that the hub has welcomed, until it fails or this is dropped. Then
    /// [`Lasting::disconnected`] must be said.
    pub(super) async fn carry(&mut self, connection: &Connection, places: Places) -> Result<Infallible, QuicError> {
        let (mut lane, mut receive) = open(connection, places).await?;
        let (mut stored, mut heard) = (self.records.watch(), BytesMut::new());
        self.records.connected();
        // Since when nothing was answered, while there is something to answer.
        let mut since = None;
        loop {
            self.records.renumber();
            lane.under_way(self.records.unanswered().unwrap_or(0));
            let until = match self.records.next().await? {
                Due::Record(ready) => {
                    self.send(&mut lane, &ready).await?;
                    continue;
                }
                Due::Wait(until) => until.unwrap_or(self.clock.now() + LONG),
            };
            let now = self.clock.now();
            let silent = match self.records.unanswered() {
                Some(bytes) => *since.get_or_insert(now) + self.silent + under_way(bytes),
                None => {
                    since = None;
                    Moment::MAX
                }
            };
            if silent <= now {
                return Err(QuicError::Lost("the hub's store does not answer: its log says why".to_owned()));
            }
            tokio::select! {
                biased;
                ack = hear_ack(&mut receive, &mut heard) => {
                    self.records.renumber();
                    if self.records.acknowledged(&ack?).await? {
                        since = None;
                    }
                }
                changed = stored.changed() => changed.map_err(|_| Ended)?,
                () = tokio::time::sleep_until(self.clock.instant(until.min(silent))) => {}
                () = lane.due() => lane.turn(),
            }
        }
    }

    /// The connection is gone.
    pub(super) fn disconnected(&mut self) {
        self.records.disconnected();
    }

    async fn send(&mut self, lane: &mut Lane, ready: &Ready) -> Result<(), QuicError> {
        let OnTopic { topic, properties, payload } = on_topic(&self.edge, &ready.stored)?;
        let record = Record { topic: topic.to_string(), properties, payload };
        let Ok(head) = encode_record_head(&record) else {
            // No hub reads it, ever.
            return Ok(self.records.give_up(&ready.stored, record.payload.len(), MAX_RECORD).await?);
        };
        let bytes = head.len() + record.payload.len();
        lane.write([head, record.payload]).await?;
        self.records.sent(ready, bytes);
        Ok(())
    }
}

/// What so many bytes take at the slowest.
fn under_way(bytes: u64) -> Duration {
    STALLED.mul_f64(bytes as f64 / PIECE as f64)
}

async fn open(connection: &Connection, places: Places) -> Result<(Lane, RecvStream), QuicError> {
    let Ok(opened) = tokio::time::timeout(OPEN, connection.open_bi()).await else {
        return Err(QuicError::Lost("the hub takes no events over QUIC: is it of this version?".to_owned()));
    };
    let (send, receive) = opened?;
    let mut lane = Lane::new(send, places)?;
    lane.write([Bytes::from_static(&[STREAM_LASTING])]).await?;
    Ok((lane, receive))
}

/// May be dropped while it waits, without loss.
async fn hear_ack(receive: &mut RecvStream, buffer: &mut BytesMut) -> Result<AckMessage, QuicError> {
    let heard = hear(receive, buffer).await;
    if let Err(QuicError::Wire(_)) = heard {
        metrics::counter!("omma_uplink_bad_acks_total").increment(1);
    }
    heard
}
