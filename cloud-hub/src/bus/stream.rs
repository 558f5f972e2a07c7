//! One stream on the bus: its cached group, its readers and what they want.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use metrics::{Counter, Gauge, counter, describe_counter, describe_gauge, gauge};
use omma_media::group::GroupBuffer;
use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::AccessUnit;
use omma_runtime::step::Step;
use tokio::sync::watch;

use super::Want;
use super::subscription::{Reader, Subscription};
use crate::step;

/// Bounds of the cached group: twenty seconds at 30 pictures a second. Beyond, a new viewer waits for a key picture.
const MAX_GROUP_UNITS: usize = 600;
const MAX_GROUP_BYTES: usize = 16 * 1024 * 1024;

/// A cached group whose newest unit is older than this belongs to a stream that stopped. A viewer who was shown it
/// would take the past for the present.
const STALE: Duration = Duration::from_secs(3);
/// Or than twice the time between its last two units, since a camera may give a picture every ten seconds; but no older than this.
const LONGEST_STALE: Duration = Duration::from_secs(25);

/// Whether a stream has stopped whose last two units were taken `gap` apart, and the newest came so long ago. Of one that had one
/// unit only nobody knows: it is given the longest time, since another comes within a fraction of a second where it gives many.
pub(crate) fn has_stopped(gap: Option<Duration>, ago: Duration) -> bool {
    ago >= gap.map_or(LONGEST_STALE, |gap| gap.saturating_mul(2).clamp(STALE, LONGEST_STALE))
}

#[derive(Debug)]
pub(super) struct Stream {
    state: Mutex<State>,
    want: watch::Sender<Want>,
    clock_us: AtomicI64,
    metrics: Metrics,
}

#[derive(Debug)]
struct State {
    group: GroupBuffer,
    fed: Option<Fed>,
    readers: Vec<Arc<Reader>>,
}

/// The newest unit.
#[derive(Debug, Clone, Copy)]
struct Fed {
    at: Instant,
    time: CaptureTime,
    /// From the one before it, where there was one.
    gap: Option<Duration>,
}

#[derive(Debug)]
struct Metrics {
    step: Step,
    units: Counter,
    results: Counter,
    dropped_units: Counter,
    dropped_results: Counter,
    skips: Counter,
    readers: Gauge,
}

impl Stream {
    pub(super) fn new(id: &StreamId) -> Self {
        let stream = id.to_string();
        Self {
            state: Mutex::new(State {
                group: GroupBuffer::new(MAX_GROUP_UNITS, MAX_GROUP_BYTES),
                fed: None,
                readers: vec![],
            }),
            want: watch::Sender::default(),
            clock_us: AtomicI64::new(0),
            metrics: Metrics {
                step: Step::new(step::BUS),
                units: counter!("omma_bus_units_total", "stream" => stream.clone()),
                results: counter!("omma_bus_results_total", "stream" => stream.clone()),
                dropped_units: counter!("omma_bus_dropped_units_total", "stream" => stream.clone()),
                dropped_results: counter!("omma_bus_dropped_results_total", "stream" => stream.clone()),
                skips: counter!("omma_bus_skips_total", "stream" => stream.clone()),
                readers: gauge!("omma_bus_readers", "stream" => stream),
            },
        }
    }

    pub(super) fn unit(&self, unit: AccessUnit) {
        let arrived = Instant::now();
        self.metrics.units.increment(1);
        let mut state = self.lock();
        for reader in state.readers.iter().filter(|r| r.want().units) {
            let dropped = reader.push_unit(&unit, arrived);
            if dropped > 0 {
                self.metrics.skips.increment(1);
                self.metrics.dropped_units.increment(dropped as u64);
                self.metrics.step.dropped_many("slow", dropped as u64);
            }
        }
        let gap = state.fed.map(|before| unit.time.since(before.time));
        state.fed = Some(Fed { at: arrived, time: unit.time, gap });
        state.group.push(unit);
        drop(state);
        self.metrics.step.observe(arrived.elapsed());
        self.metrics.step.done();
    }

    pub(super) fn result(&self, result: &Arc<FrameResult>) {
        self.metrics.results.increment(1);
        for reader in self.lock().readers.iter().filter(|r| r.want().results) {
            self.metrics.dropped_results.increment(reader.push_result(result) as u64);
        }
    }

    pub(super) fn want(&self) -> watch::Receiver<Want> {
        self.want.subscribe()
    }

    pub(super) fn subscribe(self: &Arc<Self>, want: Want) -> Subscription {
        let mut state = self.lock();
        let fresh = state.fed.is_some_and(|fed| !has_stopped(fed.gap, fed.at.elapsed()));
        let replay = if want.units && fresh { state.group.units().to_vec() } else { vec![] };
        let reader = Arc::new(Reader::new(want, replay));
        state.readers.push(reader.clone());
        self.count(&state);
        Subscription::new(self.clone(), reader)
    }

    pub(super) fn unsubscribe(&self, reader: &Arc<Reader>) {
        let mut state = self.lock();
        state.readers.retain(|r| !Arc::ptr_eq(r, reader));
        self.count(&state);
        if !self.want.borrow().units {
            // Nobody is sent units any more, so the edge stops and the group goes no further.
            state.group.clear();
            state.fed = None;
        }
    }

    pub(super) fn end(&self) {
        for reader in &self.lock().readers {
            reader.end();
        }
    }

    pub(super) fn set_clock(&self, offset_us: i64) {
        self.clock_us.store(offset_us, Ordering::Relaxed);
    }

    pub(super) fn clock(&self) -> i64 {
        self.clock_us.load(Ordering::Relaxed)
    }

    /// Called under the state's lock, so that demand never goes back to an older value.
    fn count(&self, state: &State) {
        self.metrics.readers.set(state.readers.len() as f64);
        let want = Want {
            units: state.readers.iter().any(|r| r.want().units),
            results: state.readers.iter().any(|r| r.want().results),
        };
        self.want.send_if_modified(|old| std::mem::replace(old, want) != want);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that can panic runs under the lock half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_counter!("omma_bus_units_total", "Access units that came, by stream.");
    describe_counter!("omma_bus_results_total", "Results of analysis that came, by stream.");
    describe_counter!("omma_bus_dropped_units_total", "Access units dropped for readers that were too slow.");
    describe_counter!("omma_bus_dropped_results_total", "Results dropped for readers that were too slow.");
    describe_counter!("omma_bus_skips_total", "Times a reader fell behind and went on at the next key picture.");
    describe_gauge!("omma_bus_readers", "Readers of a stream.");
}
