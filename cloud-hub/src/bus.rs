//! One stream to many readers.
//!
//! Ingest writes access units and results in; viewers and the hub's own inference read them. The bus keeps each
//! stream's group of pictures since the last key picture, so that a new reader can decode at once instead of waiting
//! for the camera's next key picture.
//!
//! 1. Ingest asks [`Bus::want`] and is told whenever demand changes. Demand is the number of living subscriptions, so
//!    nothing crosses an uplink that nobody looks at.
//! 2. A reader calls [`Bus::subscribe`]. It is handed the cached group, then everything that follows.
//! 3. Ingest calls [`Bus::unit`] and [`Bus::result`]. Neither ever waits: each reader has its own bounded queue, and one
//!    that is full loses what it holds and goes on at the next key picture ([`queue`]).
//! 4. The subscription is dropped, demand falls, ingest tells the edge to stop.
//!
//! Invariant: no reader can delay ingest or another reader.

pub mod queue;

pub(crate) mod stream;

mod subscription;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};

use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::AccessUnit;
use tokio::sync::watch;

use stream::Stream;
pub use subscription::Subscription;

/// What somebody wants of a stream right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want {
    /// Access units, from the newest key picture on.
    pub units: bool,
    /// Per-frame results.
    pub results: bool,
}

impl Want {
    /// A viewer: pictures and their boxes.
    pub const BOTH: Want = Want { units: true, results: true };
    /// A decoder: pictures only.
    pub const UNITS: Want = Want { units: true, results: false };
    /// A page that draws no video: boxes only.
    pub const RESULTS: Want = Want { units: false, results: true };
}

/// What a reader is handed.
#[derive(Debug, Clone)]
pub enum Item {
    /// One coded picture. After a gap it is a key picture.
    Unit {
        /// The picture.
        unit: AccessUnit,
        /// When it reached the bus; of the cached group, when its reader came.
        arrived: Instant,
    },
    /// The boxes of one frame.
    Result(Arc<FrameResult>),
}

/// All streams of the hub. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Bus {
    streams: Arc<RwLock<HashMap<StreamId, Arc<Stream>>>>,
}

impl Bus {
    /// A bus without streams.
    pub fn new() -> Self {
        Self::default()
    }

    /// Hands one coded picture to every reader. A stream must be fed by one source at a time, in the order
    /// of decoding.
    pub fn unit(&self, id: &StreamId, unit: AccessUnit) {
        self.stream(id).unit(unit);
    }

    /// Hands one frame's result to every reader.
    pub fn result(&self, id: &StreamId, result: Arc<FrameResult>) {
        self.stream(id).result(&result);
    }

    /// What the stream's readers want, and every change of it. Ingest calls this for each camera that an edge reports,
    /// which is also what makes the stream known.
    pub fn want(&self, id: &StreamId) -> watch::Receiver<Want> {
        self.stream(id).want()
    }

    /// Reads a stream: the cached group first where units are wanted, then all that follows. A stream that is not known
    /// yet may be read; it is silent until its edge comes.
    pub fn subscribe(&self, id: &StreamId, want: Want) -> Subscription {
        self.stream(id).subscribe(want)
    }

    /// Whether an edge has reported the stream.
    pub fn knows(&self, id: &StreamId) -> bool {
        self.streams.read().unwrap_or_else(PoisonError::into_inner).contains_key(id)
    }

    /// Forgets a stream. Its readers are told that it has ended.
    pub fn remove(&self, id: &StreamId) {
        let removed = self.streams.write().unwrap_or_else(PoisonError::into_inner).remove(id);
        if let Some(stream) = removed {
            stream.end();
        }
    }

    /// Sets how far the stream's clock (its edge's) is ahead of the hub's, in µs.
    pub fn set_clock(&self, id: &StreamId, offset_us: i64) {
        self.stream(id).set_clock(offset_us);
    }

    /// The stream's clock at `hub`, a moment on the hub's clock. Without a measurement the clocks are taken as equal.
    pub fn stream_clock(&self, id: &StreamId, hub: CaptureTime) -> CaptureTime {
        let streams = self.streams.read().unwrap_or_else(PoisonError::into_inner);
        let offset = streams.get(id).map_or(0, |stream| stream.clock());
        CaptureTime(hub.0.saturating_add(offset))
    }

    fn stream(&self, id: &StreamId) -> Arc<Stream> {
        if let Some(stream) = self.streams.read().unwrap_or_else(PoisonError::into_inner).get(id) {
            return stream.clone();
        }
        let mut streams = self.streams.write().unwrap_or_else(PoisonError::into_inner);
        streams.entry(id.clone()).or_insert_with(|| Arc::new(Stream::new(id))).clone()
    }
}

/// The hub's clock.
pub fn hub_clock() -> CaptureTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    CaptureTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
