//! One camera's units to the hub: a stream for each group of pictures, the newest first.
//!
//! ```text
//!          key picture: stream opened                next key picture
//!  Skipping ────────────────────────▶ Writing ──────────────────────────▶ all written: finished, given a second
//!     ▲                                │    │                         └─▶ not all written: reset
//!     ├──── the hub stopped it ────────┘    │ 10 s or 16 MB behind                            ▲
//!     │                                     ▼                                                 │
//!     │                                    Cut: goes on with what was taken ──────────────────┤
//!     └───────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A group that is not across when the next begins is late for ever: what of it was not written is thrown away at
//! once, and what was written but not acknowledged one second later. Where the next does not begin for a minute, or never
//! does (smart codecs, intra refresh), it is cut: no unit is taken any more, since each builds on the one before ([`Keyless`]
//! says what is done where that lasts). What else
//! shares the connection has its place by [`places`](super::places). Where cameras overfill it so that groups are lost, one
//! after another goes first with its next key picture ([`KeyQueue`](edge_core::uplink::key_queue::KeyQueue)).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use edge_core::uplink::keyless::{Due, Keyless};
use omma_protocol::id::CameraId;
use omma_protocol::unit::AccessUnit;
use omma_protocol::wire::quic::{GroupHeader, encode_group_header, encode_unit_head};
use omma_runtime::step::Step;
use quinn::{Connection, SendStream, WriteError};
use tokio::time::Instant;

use super::places::{Place, Places};
use super::{NO_FAULT, QuicError};
use crate::unit::Reader;

/// For the hub to let a stream be opened.
const OPEN: Duration = Duration::from_secs(2);
/// For a finished group to be acknowledged.
const LINGER: Duration = Duration::from_secs(1);

/// How long a unit may wait to be written, and how much of one group. A key picture over a thin uplink takes seconds, and what
/// follows it may catch up until the next one.
const BEHIND: Duration = Duration::from_secs(10);
const BEHIND_BYTES: usize = 16 << 20;

/// Groups of one camera that one connection has carried.
pub(super) type Counter = Arc<AtomicU64>;

/// Sends units until the connection is lost. Dropping it resets what is not across.
pub(super) async fn send(
    connection: Connection,
    places: Places,
    camera: CameraId,
    mut units: Reader,
    groups: Counter,
    step: Step,
) {
    let mut sender = Sender::new(connection, places, camera, groups, step);
    loop {
        let done = tokio::select! {
            // Writing first: only what the hub does not take now is behind when the next group begins.
            biased;
            written = write_some(&mut sender.writing), if sender.has_pending() => sender.wrote(written),
            arrived = units.next() => {
                let taken = sender.take(&arrived.unit).await;
                if sender.needs_key() {
                    units.want_key();
                }
                taken
            }
        };
        if let Err(e) = done {
            // The connection's own task sees the same and says it once.
            tracing::trace!(camera = %sender.camera, error = %e, "sending units ended");
            return;
        }
    }
}

pub(super) struct Sender {
    connection: Connection,
    places: Places,
    place: Place,
    /// The last group that went first.
    pub(super) went_first: Option<u64>,
    camera: CameraId,
    groups: Counter,
    step: Step,
    writing: Option<Writing>,
    finished: VecDeque<Finished>,
    /// Since when no unit has gone, for want of a key picture.
    keyless: Option<(Instant, Keyless)>,
}

/// A group that was written, and is perhaps not across.
struct Finished {
    since: Instant,
    group: u64,
    /// Bytes of its key picture.
    key: u64,
    stream: SendStream,
}

struct Writing {
    group: u64,
    /// Bytes of its key picture.
    key: u64,
    stream: SendStream,
    pending: VecDeque<Bytes>,
    /// When each of what is pending came.
    came: VecDeque<Instant>,
    /// Bytes that are pending.
    bytes: usize,
    /// When what was written last came.
    written: Instant,
    /// It fell behind, and takes nothing any more.
    cut: bool,
}

impl Writing {
    fn new(group: u64, key: u64, stream: SendStream) -> Self {
        let (pending, came) = (VecDeque::new(), VecDeque::new());
        Self { group, key, stream, pending, came, bytes: 0, written: Instant::now(), cut: false }
    }

    fn put(&mut self, bytes: Bytes) {
        self.bytes += bytes.len();
        self.came.push_back(Instant::now());
        self.pending.push_back(bytes);
    }

    /// Cancel-safe: what was written has left `pending` when this resolves, and nothing was written otherwise.
    async fn write_some(&mut self) -> Result<(), WriteError> {
        let written = self.stream.write_chunks(self.pending.make_contiguous()).await?;
        self.bytes -= written.bytes;
        self.pending.drain(..written.chunks);
        if let Some(came) = self.came.drain(..written.chunks).next_back() {
            self.written = came;
        }
        Ok(())
    }

    /// Whether it falls too far behind with so many bytes more.
    fn is_behind(&self, more: usize) -> bool {
        self.came.front().is_some_and(|oldest| oldest.elapsed() > BEHIND || self.bytes + more > BEHIND_BYTES)
    }
}

/// With nothing to write there is nothing to wait for.
async fn write_some(writing: &mut Option<Writing>) -> Result<(), WriteError> {
    match writing {
        Some(writing) => writing.write_some().await,
        None => Ok(()),
    }
}

impl Sender {
    pub(super) fn new(connection: Connection, places: Places, camera: CameraId, groups: Counter, step: Step) -> Self {
        let place = places.of(&camera, || connection.stats().udp_tx.bytes);
        let (went_first, writing, finished, keyless) = (None, None, VecDeque::new(), None);
        Self { connection, places, place, went_first, camera, groups, step, writing, finished, keyless }
    }

    fn has_pending(&self) -> bool {
        self.writing.as_ref().is_some_and(|writing| !writing.pending.is_empty())
    }

    pub(super) async fn take(&mut self, unit: &AccessUnit) -> Result<(), QuicError> {
        self.give_up_late();
        if unit.key {
            self.end_group();
            self.places.begun(&self.camera, unit.data.len() as u64, || self.connection.stats().udp_tx.bytes);
        }
        self.take_place();
        if unit.key {
            self.begin_group(unit).await?;
        }
        if self.place.goes_first {
            self.went_first = self.writing.as_ref().map(|writing| writing.group).or(self.went_first);
        }
        let Some(writing) = &mut self.writing else {
            self.step.dropped("group stopped");
            return Ok(());
        };
        writing.cut = writing.cut || writing.is_behind(unit.data.len());
        if writing.cut {
            self.step.dropped("group cut");
            return Ok(());
        }
        self.keyless = None;
        match encode_unit_head(unit) {
            Ok(head) => {
                writing.put(Bytes::copy_from_slice(&head));
                writing.put(unit.data.clone());
            }
            Err(e) => {
                tracing::debug!(camera = %self.camera, error = %e, "unit");
                self.step.dropped("unit too large");
                // What comes after builds on it.
                self.reset_group();
            }
        }
        Ok(())
    }

    /// Whether the camera must be connected to anew, for a key picture. Tells of a group that was given up and does not end.
    fn needs_key(&mut self) -> bool {
        if self.writing.as_ref().is_some_and(|writing| !writing.cut) {
            return false;
        }
        let (since, keyless) = self.keyless.get_or_insert_with(|| (Instant::now(), Keyless::default()));
        let lasted = since.elapsed();
        match keyless.due(lasted) {
            Due::Nothing => false,
            Due::Anew => true,
            Due::Tell => {
                tracing::warn!(
                    camera = %self.camera, seconds = lasted.as_secs(),
                    "a group of pictures was given up, and the camera sends no key picture to go on with: nothing of it goes to the hub"
                );
                false
            }
        }
    }

    /// At each unit: only where units keep coming do they fill an uplink.
    fn take_place(&mut self) {
        let place = self.places.of(&self.camera, || self.connection.stats().udp_tx.bytes);
        if self.place != place {
            self.place = place;
            self.writing.iter().for_each(|writing| prioritise(&writing.stream, place.newest));
            self.finished.iter().for_each(|finished| prioritise(&finished.stream, place.finished));
        }
    }

    async fn begin_group(&mut self, unit: &AccessUnit) -> Result<(), QuicError> {
        let group = self.groups.fetch_add(1, Ordering::Relaxed);
        let head = encode_group_header(&GroupHeader { camera: self.camera.clone(), codec: unit.codec, group })?;
        match tokio::time::timeout(OPEN, self.connection.open_uni()).await {
            Ok(opened) => {
                let stream = opened?;
                prioritise(&stream, self.place.newest);
                let mut writing = Writing::new(group, unit.data.len() as u64, stream);
                writing.put(head.into());
                self.writing = Some(writing);
            }
            Err(_) => {
                self.step.dropped("no stream");
                // A key picture came: another session of the camera brings no stream.
                self.keyless = None;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) {
        if self.has_pending() {
            self.reset_group();
        } else if let Some(Writing { group, key, mut stream, .. }) = self.writing.take() {
            prioritise(&stream, self.place.finished);
            if stream.finish().is_ok() {
                self.finished.push_back(Finished { since: Instant::now(), group, key, stream });
            }
        }
    }

    /// Of what was finished.
    fn give_up_late(&mut self) {
        while let Some(mut late) = self.finished.pop_front_if(|finished| finished.since.elapsed() >= LINGER) {
            // Fails where all was acknowledged, which is how it should be.
            if late.stream.reset(NO_FAULT).is_ok() {
                self.lost(late.group, late.key);
            }
        }
    }

    fn reset_group(&mut self) {
        if let Some(mut writing) = self.writing.take()
            && writing.stream.reset(NO_FAULT).is_ok()
        {
            self.lost(writing.group, writing.key);
        }
    }

    /// One from before the last that went first tells nothing of whether that was enough.
    fn lost(&mut self, group: u64, key: u64) {
        self.step.dropped("group reset");
        if self.went_first.is_none_or(|first| first <= group) {
            self.places.lost(&self.camera, self.writing.as_ref().map_or(key, |writing| writing.key));
        }
    }

    fn wrote(&mut self, written: Result<(), WriteError>) -> Result<(), QuicError> {
        match written {
            Ok(()) => {
                if let Some(writing) = self.writing.as_ref().filter(|writing| writing.pending.is_empty()) {
                    self.step.observe(writing.written.elapsed());
                    self.step.done();
                }
                Ok(())
            }
            // The hub has no use for this group.
            Err(WriteError::Stopped(_) | WriteError::ClosedStream) => {
                self.writing = None;
                Ok(())
            }
            Err(e) => Err(QuicError::Lost(e.to_string())),
        }
    }
}

impl Drop for Sender {
    /// A stream that is just dropped is finished, and the hub would take half a unit for the end of the group.
    fn drop(&mut self) {
        if self.has_pending() {
            self.reset_group();
        }
        self.places.left(&self.camera);
    }
}

fn prioritise(stream: &SendStream, priority: i32) {
    if stream.set_priority(priority).is_err() {
        tracing::trace!("a stream was closed before it got its priority");
    }
}
