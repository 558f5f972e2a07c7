//! What is seen of edge and hub while a run goes on.
//!
//! Counters and memory begin anew with each life of a process: counts of all lives are added up, memory is kept by life.

use std::collections::BTreeMap;
use std::time::Duration;

use super::memory::{Sample, median};
use super::plan::Target;
use crate::stack::Stack;
use crate::stack::api::Api;

/// From one look to the next.
const LOOK: Duration = Duration::from_secs(1);
/// From one sample of memory to the next.
const SAMPLE: Duration = Duration::from_secs(5);
/// So long after cameras went away every event has ended, what is not needed was given back, and what was measured is
/// in its buckets.
const QUIET: Duration = Duration::from_secs(15);

/// One life of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct Life {
    /// `edge` or `hub`.
    pub program: &'static str,
    /// When it began, from the start of the run.
    pub begun: Duration,
    /// Its resident memory.
    pub samples: Vec<Sample>,
    /// What its heap held in the end of each lull.
    pub lulls: Vec<Sample>,
}

/// A counter of a process that is killed again and again.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Total {
    lives: f64,
    now: f64,
}

impl Total {
    /// Takes a look at it.
    pub fn look(&mut self, now: f64) {
        if now < self.now {
            self.lives += self.now;
        }
        self.now = now;
    }

    /// Of all lives, as far as was seen.
    pub fn sum(self) -> f64 {
        self.lives + self.now
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Lives of edge and hub in the order in which they began.
    pub(super) lives: Vec<Life>,
    /// States that the hub stored in another order than they happened.
    pub(super) out_of_order: Total,
    /// The newest number of the edge's outbox.
    pub(super) newest: f64,
    /// When a camera was last seen not live.
    pub(super) last_not_live: Option<Duration>,
    /// How many cameras there are.
    cameras: usize,
    looked: Option<Duration>,
    sampled: BTreeMap<&'static str, Duration>,
    lull: Option<Lull>,
}

/// All cameras are away.
#[derive(Debug)]
struct Lull {
    since: Duration,
    /// What was seen of each program's heap, bytes.
    heaps: BTreeMap<&'static str, Vec<f64>>,
}

impl Watch {
    pub(super) fn new(cameras: usize) -> Self {
        Self { cameras, ..Self::default() }
    }

    /// A process begins a life at `now`, from the start of the run.
    pub(super) fn begins(&mut self, target: Target, now: Duration) {
        let program = match target {
            Target::Edge => "edge",
            Target::Hub => "hub",
            Target::Camera(_) | Target::Broker | Target::Uplink => return,
        };
        self.lives.push(Life { program, begun: now, samples: vec![], lulls: vec![] });
    }

    /// Looks where it is time to.
    pub(super) fn look_in_time(&mut self, stack: &Stack, now: Duration) {
        if self.looked.is_none_or(|looked| now >= looked + LOOK) {
            self.look(stack, now);
        }
    }

    /// Looks. Who is dead, or not up yet, is passed over, and so is what is not told yet.
    pub(super) fn look(&mut self, stack: &Stack, now: Duration) {
        self.looked = Some(now);
        if stack.hub.is_started()
            && let Ok(hub) = stack.api.metrics()
        {
            if let Some(count) = hub.get("omma_store_out_of_order_total") {
                self.out_of_order.look(*count);
            }
            self.sample("hub", &hub, now);
        }
        if stack.edge.is_started()
            && let Ok(edge) = stack.edge_api.metrics()
        {
            if let Some(newest) = edge.get("omma_outbox_newest") {
                self.newest = self.newest.max(*newest);
            }
            self.sample("edge", &edge, now);
        }
        if !stack.hub.is_started() || !all_live(&stack.api, self.cameras) {
            self.last_not_live = Some(now);
        }
    }

    /// The last look, at what must be there by now.
    ///
    /// # Errors
    /// Where edge or hub does not tell it.
    pub(super) fn look_in_the_end(&mut self, stack: &Stack, now: Duration) -> Result<(), String> {
        self.look(stack, now);
        self.newest = self.newest.max(stack.edge_api.existing_metric("omma_outbox_newest")?);
        self.out_of_order.look(stack.api.existing_metric("omma_store_out_of_order_total")?);
        Ok(())
    }

    /// All cameras went away.
    pub(super) fn lull_begins(&mut self, now: Duration) {
        self.lull = Some(Lull { since: now, heaps: BTreeMap::new() });
    }

    /// They come back. Says what the heaps held.
    pub(super) fn lull_ends(&mut self, now: Duration) -> String {
        let heaps = self.lull.take().map(|lull| lull.heaps).unwrap_or_default();
        let mut held = vec![];
        for (program, mut bytes) in heaps {
            bytes.sort_by(f64::total_cmp);
            let life = self.lives.iter_mut().rev().find(|life| life.program == program);
            if let (Some(life), Some(bytes)) = (life, median(&bytes)) {
                life.lulls.push(Sample { age: now.saturating_sub(life.begun), bytes });
                held.push(format!("the {program} holds {:.3} MB", bytes / 1e6));
            }
        }
        held.join(", ")
    }

    fn sample(&mut self, program: &'static str, metrics: &BTreeMap<String, f64>, now: Duration) {
        if let Some(lull) = self.lull.as_mut().filter(|lull| now >= lull.since + QUIET)
            && let Some(bytes) = metrics.get("process_heap_bytes")
        {
            lull.heaps.entry(program).or_default().push(*bytes);
        }
        let Some(bytes) = metrics.get("process_resident_memory_bytes") else { return };
        if self.sampled.get(program).is_some_and(|sampled| now < *sampled + SAMPLE) {
            return;
        }
        self.sampled.insert(program, now);
        if let Some(life) = self.lives.iter_mut().rev().find(|life| life.program == program) {
            life.samples.push(Sample { age: now.saturating_sub(life.begun), bytes: *bytes });
        }
    }
}

fn all_live(api: &Api, count: usize) -> bool {
    let Ok(shown) = api.json("/api/v1/cameras") else { return false };
    let cameras = shown["cameras"].as_array().map(Vec::as_slice).unwrap_or_default();
    cameras.len() == count && cameras.iter().all(|camera| camera["state"] == "live")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_added_up_over_its_lives() {
        let mut total = Total::default();
        for now in [0.0, 2.0, 2.0, 5.0, 0.0, 1.0, 1.0, 0.0, 3.0] {
            total.look(now);
        }
        assert_eq!(total.sum(), 5.0 + 1.0 + 3.0);
    }

    #[test]
    fn memory_is_kept_by_life_every_5_s() {
        let metrics = BTreeMap::from([("process_resident_memory_bytes".to_owned(), 7.0)]);
        let mut watch = Watch::default();
        let seconds = Duration::from_secs;
        watch.begins(Target::Edge, seconds(0));
        watch.begins(Target::Hub, seconds(0));
        watch.begins(Target::Broker, seconds(0));
        (0..10).for_each(|s| watch.sample("edge", &metrics, seconds(s)));
        watch.begins(Target::Edge, seconds(20));
        watch.sample("edge", &metrics, seconds(21));
        let of = |begun, ages: &[u64]| Life {
            program: "edge",
            begun: seconds(begun),
            samples: ages.iter().map(|age| Sample { age: seconds(*age), bytes: 7.0 }).collect(),
            lulls: vec![],
        };
        let hub = Life { program: "hub", begun: seconds(0), samples: vec![], lulls: vec![] };
        assert_eq!(watch.lives, [of(0, &[0, 5]), hub, of(20, &[1])]);
    }

    #[test]
    fn of_a_lull_the_end_counts() {
        let seconds = Duration::from_secs;
        let mut watch = Watch::default();
        watch.begins(Target::Edge, seconds(10));
        watch.lull_begins(seconds(100));
        for (second, bytes) in [(101, 9e6), (114, 9e6), (115, 2e6), (116, 5e6), (119, 3e6)] {
            let metrics = BTreeMap::from([("process_heap_bytes".to_owned(), bytes)]);
            watch.sample("edge", &metrics, seconds(second));
        }
        assert_eq!(watch.lull_ends(seconds(120)), "the edge holds 3.000 MB");
        assert_eq!(watch.lives[0].lulls, [Sample { age: seconds(110), bytes: 3e6 }]);
        watch.lull_begins(seconds(200));
        assert_eq!(watch.lull_ends(seconds(220)), "");
        assert_eq!(watch.lives[0].lulls.len(), 1);
    }
}
