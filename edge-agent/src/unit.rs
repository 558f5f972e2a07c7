//! The joint behind a source: one stream of units to many readers.
//!
//! Each reader has a queue of its own ([`UnitQueue`]), so that a slow one never holds another up. A new reader begins
//! with what was sent since the last key picture and has a picture at once.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use edge_core::Moment;
use edge_core::unit_queue::{Arrived, Bound, UnitQueue};
use omma_media::group::GroupBuffer;
use omma_protocol::id::CameraId;
use omma_protocol::unit::AccessUnit;
use omma_runtime::step::Step;
use tokio::sync::Notify;

use crate::step;

/// Over this, no group of pictures is kept and new readers wait for the next key picture.
const GROUP_UNITS: usize = 600;
const GROUP_BYTES: usize = 16 << 20;

/// One camera's units. Clones share it: the source's task delivers, any task may read.
#[derive(Debug, Clone)]
pub struct Feed {
    shared: Arc<Mutex<Shared>>,
    step: Step,
}

#[derive(Debug)]
struct Shared {
    group: GroupBuffer,
    /// When the last key picture came.
    key: Moment,
    /// A reader can't go on without the next one.
    key_wanted: bool,
    readers: Vec<Weak<Joint>>,
}

impl Shared {
    /// A camera that is away delivers nothing by which it would be seen that they have.
    fn forget_readers_that_ended(&mut self) {
        self.readers.retain(|reader| reader.strong_count() > 0);
    }
}

/// The feeds of all cameras. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Feeds(Arc<Mutex<BTreeMap<CameraId, Feed>>>);

impl Feeds {
    /// A camera's.
    pub fn get(&self, camera: &CameraId) -> Option<Feed> {
        lock(&self.0).get(camera).cloned()
    }

    /// A camera's, a new one where it has none.
    pub fn of(&self, camera: &CameraId) -> Feed {
        lock(&self.0).entry(camera.clone()).or_default().clone()
    }

    /// The camera is no more.
    pub fn remove(&self, camera: &CameraId) {
        lock(&self.0).remove(camera);
    }
}

/// One reader's queue. The lock is held for a push or a pop and never over an await.
#[derive(Debug)]
struct Joint {
    queue: Mutex<UnitQueue>,
    /// Word for what is dropped here.
    behind: &'static str,
    arrived: Notify,
}

impl Feed {
    /// Without readers.
    pub fn new() -> Self {
        let shared = Shared {
            group: GroupBuffer::new(GROUP_UNITS, GROUP_BYTES),
            key: Moment::ZERO,
            key_wanted: false,
            readers: vec![],
        };
        Self { shared: Arc::new(Mutex::new(shared)), step: Step::new(step::UNIT) }
    }

    /// Whether it is the same, and not another one of a camera of that name.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    /// Hands a unit to every reader. Never waits.
    pub fn deliver(&self, unit: AccessUnit, at: Moment) {
        let began = Instant::now();
        let mut shared = lock(&self.shared);
        shared.readers.retain(|reader| match reader.upgrade() {
            Some(joint) => {
                let dropped = lock(&joint.queue).push(Arrived { unit: unit.clone(), at, anew: false });
                if dropped > 0 {
                    self.step.dropped_many(joint.behind, dropped as u64);
                }
                joint.arrived.notify_one();
                true
            }
            None => false,
        });
        if unit.key {
            (shared.key, shared.key_wanted) = (at, false);
        }
        shared.group.push(unit);
        drop(shared);
        self.step.observe(began.elapsed());
        self.step.done();
    }

    /// The stream broke off: what comes next does not continue the group.
    pub fn interrupted(&self) {
        let mut shared = lock(&self.shared);
        shared.group.clear();
        shared.key_wanted = false;
        shared.forget_readers_that_ended();
        for joint in shared.readers.iter().filter_map(Weak::upgrade) {
            lock(&joint.queue).interrupt();
        }
    }

    /// For how long no key picture has come, where a reader can't go on without one and none is to be expected any more: a new
    /// session begins with one.
    pub fn key_missed(&self, now: Moment) -> Option<Duration> {
        let shared = lock(&self.shared);
        shared.key_wanted.then(|| now.saturating_sub(shared.key))
    }

    /// A new reader. `behind` is the reason of [`step::UNIT`] under which its dropped units are counted.
    pub fn read(&self, behind: &'static str, now: Moment) -> Reader {
        let joint =
            Arc::new(Joint { queue: Mutex::new(UnitQueue::new(Bound::STREAM)), behind, arrived: Notify::new() });
        let mut shared = lock(&self.shared);
        let group = shared.group.units().iter().enumerate();
        let begun: VecDeque<_> = group.map(|(n, u)| Arrived { unit: u.clone(), at: now, anew: n == 0 }).collect();
        if !begun.is_empty() {
            lock(&joint.queue).resume();
        }
        shared.forget_readers_that_ended();
        shared.readers.push(Arc::downgrade(&joint));
        Reader { begun, joint, shared: Arc::downgrade(&self.shared) }
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

/// Reads one stream. Dropping it ends its queue.
#[derive(Debug)]
pub struct Reader {
    /// The group that had begun before.
    begun: VecDeque<Arrived>,
    joint: Arc<Joint>,
    shared: Weak<Mutex<Shared>>,
}

impl Reader {
    /// The next unit. Waits for as long as none comes; may be dropped at any time without loss.
    pub async fn next(&mut self) -> Arrived {
        loop {
            if let Some(arrived) = self.try_next() {
                return arrived;
            }
            self.joint.arrived.notified().await;
        }
    }

    /// The next unit, where one is there.
    pub fn try_next(&mut self) -> Option<Arrived> {
        self.begun.pop_front().or_else(|| lock(&self.joint.queue).pop())
    }

    /// Goes on with the newest key picture that waits, or else with the next. Returns how many units were dropped.
    pub fn skip(&mut self) -> usize {
        let begun = self.begun.len();
        self.begun.clear();
        begun + lock(&self.joint.queue).skip()
    }

    /// It can't go on without a key picture, and does not expect one: [`Feed::key_missed`].
    pub fn want_key(&self) {
        if let Some(shared) = self.shared.upgrade() {
            lock(&shared).key_wanted = true;
        }
    }

    /// Whether no unit waits.
    pub fn is_empty(&self) -> bool {
        self.begun.is_empty() && lock(&self.joint.queue).is_empty()
    }
}

/// A panic elsewhere can't leave a queue half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::time::CaptureTime;
    use omma_protocol::unit::Codec;

    fn deliver(feed: &Feed, n: i64, key: bool) {
        let unit = AccessUnit { time: CaptureTime(n * 100_000), key, codec: Codec::H264, data: vec![0; 10].into() };
        feed.deliver(unit, Moment::ZERO);
    }

    fn read_all(reader: &mut Reader) -> Vec<i64> {
        std::iter::from_fn(|| reader.try_next()).map(|a| a.unit.time.0 / 100_000).collect()
    }

    #[tokio::test]
    async fn a_new_reader_begins_with_the_group_and_goes_on_without_a_gap() {
        let feed = Feed::new();
        for n in 0..15 {
            deliver(&feed, n, n % 10 == 0);
        }
        let mut reader = feed.read("analysis behind", Moment::ZERO);
        deliver(&feed, 15, false);
        assert_eq!(read_all(&mut reader), [10, 11, 12, 13, 14, 15]);
        let waiting = tokio::spawn(async move { reader.next().await.unit.time.0 });
        tokio::task::yield_now().await;
        deliver(&feed, 16, false);
        assert_eq!(waiting.await.unwrap(), 1_600_000);
    }

    #[test]
    fn a_slow_reader_skips_to_a_key_picture_and_holds_nobody_up() {
        let feed = Feed::new();
        let (mut slow, mut quick) =
            (feed.read("analysis behind", Moment::ZERO), feed.read("uplink behind", Moment::ZERO));
        let mut seen = vec![];
        for n in 0..65 {
            deliver(&feed, n, n % 10 == 0);
            seen.extend(read_all(&mut quick));
        }
        assert_eq!(seen, (0..65).collect::<Vec<_>>());
        // Full at 21 and again at 51, each time empty until the next key picture.
        assert_eq!(read_all(&mut slow), (60..65).collect::<Vec<_>>());
    }

    #[test]
    fn readers_of_a_camera_that_is_away_do_not_pile_up() {
        let feed = Feed::new();
        let lasting = feed.read("analysis behind", Moment::ZERO);
        for _ in 0..100 {
            drop(feed.read("snapshot", Moment::ZERO));
        }
        assert!(lock(&feed.shared).readers.len() <= 2, "the last one may be there");
        feed.interrupted();
        assert_eq!(lock(&feed.shared).readers.len(), 1);
        drop(lasting);
    }

    #[test]
    fn after_an_interruption_every_reader_waits_for_a_key_picture() {
        let feed = Feed::new();
        let mut old = feed.read("analysis behind", Moment::ZERO);
        deliver(&feed, 0, true);
        feed.interrupted();
        let mut new = feed.read("analysis behind", Moment::ZERO);
        deliver(&feed, 1, false);
        deliver(&feed, 2, true);
        assert_eq!((read_all(&mut old), read_all(&mut new)), (vec![0, 2], vec![2]));
    }
}
