//! The control stream: what the edge has and which time it is there; what the hub wants of it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use bytes::BytesMut;
use hub_core::clock::EdgeClock;
use hub_core::desired::MAX_CAMERAS;
use omma_protocol::camera::{CameraReport, CameraState};
use omma_protocol::id::{CameraId, EdgeId, StreamId};
use omma_protocol::wire::quic::{EdgeToHub, HubToEdge, WireError, decode_control, encode_control};
use quinn::{ReadError, RecvStream, SendStream, WriteError};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::Destination;
use super::streams::Streams;
use super::text;
use crate::bus::Bus;

const CHUNK: usize = 16 * 1024;
/// How long the edge may take to read what it is told.
const WRITE: Duration = Duration::from_secs(5);
/// Wishes that wait to be told. Each camera's newest is asked for anew when there is room, so that none is lost.
const WISHES: usize = 32;

/// What ends a control stream.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error(transparent)]
    Wire(#[from] WireError),
    #[error("read the control stream: {0}")]
    Read(#[from] ReadError),
    #[error("the control stream ended within a message")]
    CutShort,
    #[error("the control stream ended")]
    Ended,
    #[error("write the control stream: {0}")]
    Write(#[from] WriteError),
    #[error("the edge did not read for {WRITE:?}")]
    Stalled,
    #[error("Hello came twice")]
    SecondHello,
    #[error("{0} cameras: at most {MAX_CAMERAS}")]
    TooManyCameras(usize),
    #[error("camera `{0}` is reported twice")]
    Twice(CameraId),
}

pub(super) struct Control {
    send: SendStream,
    recv: RecvStream,
    buffer: BytesMut,
}

impl Control {
    pub(super) fn new(send: SendStream, recv: RecvStream) -> Self {
        Self { send, recv, buffer: BytesMut::new() }
    }

    /// The next message. May be dropped and called again: what has come stays in the buffer.
    pub(super) async fn read(&mut self) -> Result<EdgeToHub, ControlError> {
        loop {
            if let Some(message) = decode_control(&mut self.buffer)? {
                return Ok(message);
            }
            match self.recv.read_chunk(CHUNK, true).await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk.bytes),
                None if self.buffer.is_empty() => return Err(ControlError::Ended),
                None => return Err(ControlError::CutShort),
            }
        }
    }

    pub(super) async fn write(&mut self, message: &HubToEdge) -> Result<(), ControlError> {
        let bytes = encode_control(message)?;
        tokio::time::timeout(WRITE, self.send.write_all(&bytes)).await.map_err(|_| ControlError::Stalled)??;
        Ok(())
    }

    /// Says something and waits, not for long, until it has been heard.
    pub(super) async fn say_last(&mut self, message: &HubToEdge, wait: Duration) {
        let say = async {
            self.write(message).await?;
            if self.send.finish().is_ok() {
                // An error here is the edge closing first, which it may.
                self.send.stopped().await.ok();
            }
            Ok::<(), ControlError>(())
        };
        if !matches!(tokio::time::timeout(wait, say).await, Ok(Ok(()))) {
            tracing::debug!("the edge did not hear why it is refused");
        }
    }

    /// Until the stream ends or breaks the protocol.
    pub(super) async fn run(
        mut self,
        edge: &EdgeId,
        destination: &Destination,
        streams: &Streams,
    ) -> Result<(), ControlError> {
        let (wish, mut wishes) = mpsc::channel(WISHES);
        let mut cameras = Cameras { edge, destination, streams, wish, watched: BTreeMap::new(), offset_us: None };
        let mut clock = EdgeClock::default();
        let mut next_ping = Instant::now();
        loop {
            tokio::select! {
                message = self.read() => match message {
                    Ok(EdgeToHub::Cameras(reports)) => cameras.reported(reports)?,
                    Ok(EdgeToHub::Pong { ping, at }) => {
                        if let Some(best) = clock.pong(ping, at, now_us()) {
                            cameras.clock(best.offset_us);
                        }
                    }
                    Ok(EdgeToHub::Hello { .. }) => return Err(ControlError::SecondHello),
                    Err(ControlError::Ended) => return Ok(()),
                    Err(e) => return Err(e),
                },
                Some(want) = wishes.recv() => self.write(&want).await?,
                () = tokio::time::sleep_until(next_ping) => {
                    let ping = clock.ping(now_us());
                    self.write(&HubToEdge::Ping { ping }).await?;
                    next_ping = Instant::now() + clock.interval();
                }
            }
        }
    }
}

/// The edge's cameras, as far as the hub's other steps must know of them.
struct Cameras<'a> {
    edge: &'a EdgeId,
    destination: &'a Destination,
    streams: &'a Streams,
    wish: mpsc::Sender<HubToEdge>,
    watched: BTreeMap<CameraId, AbortOnDropHandle<()>>,
    offset_us: Option<i64>,
}

impl Cameras<'_> {
    fn reported(&mut self, reports: Vec<CameraReport>) -> Result<(), ControlError> {
        if reports.len() > MAX_CAMERAS {
            return Err(ControlError::TooManyCameras(reports.len()));
        }
        let mut new = BTreeMap::new();
        for report in reports {
            let camera = report.camera.clone();
            if new.insert(camera.clone(), bounded(report)).is_some() {
                return Err(ControlError::Twice(camera));
            }
        }
        let bus = &self.destination.bus;
        // Those of its last connection too: a camera is mostly removed by starting the edge anew.
        let before = self.destination.registry.edges();
        let known = before.get(self.edge).into_iter().flat_map(|edge| &edge.cameras).map(|report| &report.camera);
        for camera in known.filter(|camera| !new.contains_key(camera)) {
            bus.remove(&StreamId::new(self.edge.clone(), camera.clone()));
        }
        self.watched.retain(|camera, _| new.contains_key(camera));
        for camera in new.keys() {
            if !self.watched.contains_key(camera) {
                let watch = watch(bus.clone(), self.edge.clone(), camera.clone(), self.wish.clone());
                self.watched.insert(camera.clone(), AbortOnDropHandle::new(tokio::spawn(watch.in_current_span())));
            }
        }
        self.streams.set_cameras(new.keys().cloned().collect());
        self.destination.registry.update(self.edge, |known| known.cameras = new.into_values().collect());
        if let Some(offset) = self.offset_us {
            self.clock(offset);
        }
        Ok(())
    }

    fn clock(&mut self, offset_us: i64) {
        self.offset_us = Some(offset_us);
        self.streams.set_clock(offset_us);
        for camera in self.watched.keys() {
            self.destination.bus.set_clock(&StreamId::new(self.edge.clone(), camera.clone()), offset_us);
        }
        self.destination.registry.update(self.edge, |known| known.clock_offset_us = Some(offset_us));
    }
}

/// Passes on what is wanted of a camera, whenever it changes. Everything starts unwanted.
async fn watch(bus: Bus, edge: EdgeId, camera: CameraId, wish: mpsc::Sender<HubToEdge>) {
    let mut want = bus.want(&StreamId::new(edge, camera.clone()));
    let mut told = Default::default();
    loop {
        let now = *want.borrow_and_update();
        if now != told {
            told = now;
            let message = HubToEdge::Want { camera: camera.clone(), units: now.units, results: now.results };
            if wish.send(message).await.is_err() {
                return;
            }
        }
        if want.changed().await.is_err() {
            return;
        }
    }
}

/// What an edge says of a camera is shown to people: it may be wrong, but not long.
fn bounded(mut report: CameraReport) -> CameraReport {
    report.name = text(&report.name);
    if let CameraState::Failed { reason } = report.state {
        report.state = CameraState::Failed { reason: text(&reason) };
    }
    report
}

/// The hub's clock, µs since the epoch.
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
