//! Groups of pictures, each on a stream of its own, and results too large for a datagram.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use hub_core::groups::{Groups, Verdict};
use omma_protocol::id::{CameraId, EdgeId, StreamId};
use omma_protocol::unit::AccessUnit;
use omma_protocol::wire::quic::{GroupReader, MAX_RESULT, STREAM_GROUP, STREAM_RESULT, WireError, decode_result};
use omma_runtime::step::Step;
use quinn::{Connection, ReadError, RecvStream};
use tokio::task::JoinSet;
use tracing::Instrument;

use super::Close;
use super::control::now_us;
use crate::bus::Bus;
use crate::complaint::Complaint;

/// Bytes of unfinished units of one edge: a large key picture of each of eight cameras.
pub(super) const MAX_HELD: usize = 64 * 1024 * 1024;

const CHUNK: usize = 64 * 1024;
/// A stream on which nothing comes for this long is given up: no camera has pictures this far apart.
const SILENCE: Duration = Duration::from_secs(60);
/// The clock has not been measured yet.
const UNKNOWN: i64 = i64::MIN;

/// What ends a stream before its end.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Costs itself only, as in a datagram: an older edge finishes the stream of a result that it gives up half-way.
    #[error(transparent)]
    Result(WireError),
    #[error("a stream of unknown kind {0}")]
    Kind(u8),
    #[error("a group that does not begin with a key picture, or goes back further than pictures are reordered")]
    Order,
}

/// What the streams of one connection share. Clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Streams(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    edge: EdgeId,
    bus: Bus,
    step: Step,
    cameras: RwLock<BTreeSet<CameraId>>,
    groups: Mutex<Groups>,
    held: AtomicUsize,
    offset_us: AtomicI64,
}

impl Streams {
    pub(super) fn new(edge: EdgeId, bus: Bus, step: Step) -> Self {
        Self(Arc::new(Inner {
            edge,
            bus,
            step,
            cameras: RwLock::default(),
            groups: Mutex::default(),
            held: AtomicUsize::new(0),
            offset_us: AtomicI64::new(UNKNOWN),
        }))
    }

    /// What is not among these is dropped.
    pub(super) fn set_cameras(&self, cameras: BTreeSet<CameraId>) {
        *self.0.cameras.write().unwrap_or_else(PoisonError::into_inner) = cameras;
    }

    pub(super) fn set_clock(&self, offset_us: i64) {
        self.0.offset_us.store(offset_us, Ordering::Relaxed);
    }

    /// Until the connection ends, or breaks the protocol, which closes it.
    pub(super) async fn run(&self, connection: &Connection, complaint: &Complaint) {
        let mut streams = JoinSet::new();
        loop {
            tokio::select! {
                accepted = connection.accept_uni() => match accepted {
                    Ok(recv) => {
                        let this = self.clone();
                        streams.spawn(async move { this.stream(recv).await }.in_current_span());
                    }
                    Err(_) => return,
                },
                Some(ended) = streams.join_next() => match ended {
                    Ok(Err(Broken::Result(e))) => {
                        self.0.step.dropped("unreadable");
                        complaint.about(&self.0.edge, &e);
                    }
                    Ok(Err(broken)) => {
                        self.0.step.dropped("broken");
                        complaint.about(&self.0.edge, &broken);
                        connection.close(Close::Protocol.code(), broken.to_string().as_bytes());
                        return;
                    }
                    Ok(Ok(())) | Err(_) => {}
                }
            }
        }
    }

    /// One result, from a datagram or a stream.
    pub(super) fn result(&self, bytes: &[u8]) -> Result<(), WireError> {
        let began = Instant::now();
        let got = decode_result(bytes)?;
        match self.stream_of(&got.camera) {
            Some(stream) => {
                self.0.bus.result(&stream, Arc::new(got.result));
                self.0.step.observe(began.elapsed());
                self.0.step.done();
            }
            None => self.0.step.dropped("unknown camera"),
        }
        Ok(())
    }

    pub(super) fn dropped(&self, reason: &'static str) {
        self.0.step.dropped(reason);
    }

    pub(super) fn edge(&self) -> &EdgeId {
        &self.0.edge
    }

    async fn stream(&self, mut recv: RecvStream) -> Result<(), Broken> {
        let Some(first) = self.read(&mut recv).await else { return Ok(()) };
        match first.first() {
            Some(&STREAM_GROUP) => self.group(recv, &first).await,
            Some(&STREAM_RESULT) => {
                let rest = tokio::time::timeout(SILENCE, recv.read_to_end(MAX_RESULT)).await;
                // A result that does not come whole is late, and a newer one is on its way.
                let Ok(Ok(rest)) = rest else {
                    self.0.step.dropped("late result");
                    return Ok(());
                };
                self.result(&[&first[1..], &rest].concat()).map_err(Broken::Result)
            }
            Some(&kind) => Err(Broken::Kind(kind)),
            None => Ok(()),
        }
    }

    async fn group(&self, mut recv: RecvStream, first: &[u8]) -> Result<(), Broken> {
        let mut reader = GroupReader::default();
        let mut held = Held { bytes: 0, all: &self.0.held };
        let mut goes_on = held.take(first.len());
        reader.push(first);
        while goes_on {
            goes_on = self.units(&mut reader, &mut held)?;
            if !goes_on {
                break;
            }
            let Some(chunk) = self.read(&mut recv).await else { return Ok(()) };
            goes_on = held.take(chunk.len());
            if !goes_on {
                self.0.step.dropped("full");
            }
            reader.push(&chunk);
        }
        // What is left of the stream is not wanted: say so, or the edge sends it all. It may have ended by itself.
        recv.stop(Close::Ending.code()).ok();
        Ok(())
    }

    /// Passes on the units that have come whole. False where the rest of the group is of no use.
    fn units(&self, reader: &mut GroupReader, held: &mut Held<'_>) -> Result<bool, Broken> {
        let Some(header) = reader.header()? else { return Ok(true) };
        let (camera, group) = (header.camera.clone(), header.group);
        let Some(stream) = self.stream_of(&camera) else {
            self.0.step.dropped("unknown camera");
            return Ok(false);
        };
        while let Some(unit) = reader.next_unit()? {
            held.give(unit.data.len());
            if !self.unit(&stream, group, unit)? {
                return Ok(false);
            }
        }
        Ok(!self.groups().is_over(&camera, group))
    }

    fn unit(&self, stream: &StreamId, group: u64, unit: AccessUnit) -> Result<bool, Broken> {
        let started = Instant::now();
        self.measure_delay(&unit);
        // The lock is held until the bus has the unit: two groups' units must not overtake each other on the way.
        let mut groups = self.groups();
        match groups.unit(&stream.camera, group, unit.key, unit.time) {
            Verdict::Pass => {
                self.0.bus.unit(stream, unit);
                self.0.step.observe(started.elapsed());
                self.0.step.done();
                Ok(true)
            }
            Verdict::Over => {
                self.0.step.dropped("over");
                Ok(false)
            }
            Verdict::Broken => Err(Broken::Order),
        }
    }

    /// From capture to here, where the clock is known.
    fn measure_delay(&self, unit: &AccessUnit) {
        let offset = self.0.offset_us.load(Ordering::Relaxed);
        if offset != UNKNOWN {
            let delay_us = now_us().saturating_add(offset).saturating_sub(unit.time.0).max(0);
            metrics::histogram!("omma_ingest_delay_seconds").record(delay_us as f64 / 1e6);
        }
    }

    /// `None` where the stream ended, was reset because a newer group has begun, or has fallen silent.
    async fn read(&self, recv: &mut RecvStream) -> Option<bytes::Bytes> {
        match tokio::time::timeout(SILENCE, recv.read_chunk(CHUNK, true)).await {
            Ok(Ok(chunk)) => chunk.map(|chunk| chunk.bytes),
            Ok(Err(ReadError::Reset(_))) => {
                self.0.step.dropped("reset");
                None
            }
            Ok(Err(_)) => None,
            Err(_) => {
                self.0.step.dropped("silent");
                None
            }
        }
    }

    fn stream_of(&self, camera: &CameraId) -> Option<StreamId> {
        let cameras = self.0.cameras.read().unwrap_or_else(PoisonError::into_inner);
        cameras.contains(camera).then(|| StreamId::new(self.0.edge.clone(), camera.clone()))
    }

    fn groups(&self) -> std::sync::MutexGuard<'_, Groups> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream's share of the bytes held for one edge, given back when dropped.
struct Held<'a> {
    bytes: usize,
    all: &'a AtomicUsize,
}

impl Held<'_> {
    /// False where that is more than the edge may have.
    fn take(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.all.fetch_add(bytes, Ordering::Relaxed) + bytes <= MAX_HELD
    }

    fn give(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
