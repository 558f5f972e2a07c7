//! Stores what was read, and gives the words by which edges learn that it is. For both ways on which it arrives.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hub_core::acks::Acks;
use hub_core::message::{self, Message, Unreadable};
use omma_protocol::backoff::Backoff;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::AckMessage;
use omma_runtime::backoff::random_seed;
use omma_runtime::health::Part;
use omma_runtime::step::Step;
use tokio_util::sync::CancellationToken;

use crate::complaint::Complaint;
use crate::store::{Arrival, Outcome, Store};

/// Messages in one transaction.
pub(super) const BATCH: usize = 64;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Longest topic that is shown, in characters.
const SHOWN: usize = 200;

/// The way into the store. Clones share it.
#[derive(Debug, Clone)]
pub struct Keeper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    health: Part,
    /// Whether this row of failures has been said.
    failing: AtomicBool,
    unreadable: Complaint,
    step: Step,
    ingest: Step,
}

impl Keeper {
    /// `health` tells whether the store works.
    pub fn new(store: Store, health: Part) -> Self {
        health.ready();
        let (step, ingest) = (Step::new("store"), Step::new("ingest"));
        let (failing, unreadable) = (AtomicBool::new(false), Complaint::default());
        Self(Arc::new(Inner { store, health, failing, unreadable, step, ingest }))
    }

    /// What a message says; `None` where it can be neither kept nor acknowledged, which is counted.
    pub(super) fn read(&self, topic: &[u8], payload: Bytes, properties: &[(String, String)]) -> Option<Message> {
        self.reading(topic, || message::read(topic, payload, properties))
    }

    fn reading(&self, topic: &[u8], read: impl FnOnce() -> Result<Message, Unreadable>) -> Option<Message> {
        let began = Instant::now();
        let read = read();
        self.0.ingest.observe(began.elapsed());
        match read {
            Ok(message) => {
                self.0.ingest.done();
                Some(message)
            }
            Err(error) => {
                self.0.ingest.dropped("unreadable");
                self.0.unreadable.about(&shown(topic), &error);
                None
            }
        }
    }

    /// What a record of `edge` says that came over its own connection. There each one stands in the way of those behind it
    /// until it is acknowledged: one that can't be read and names its place is noted as refused.
    pub(super) fn read_of(
        &self,
        edge: &EdgeId,
        topic: &[u8],
        payload: Bytes,
        properties: &[(String, String)],
    ) -> Option<Message> {
        self.reading(topic, || {
            message::read(topic, payload.clone(), properties)
                .or_else(|unreadable| message::noted_of(edge, &payload, properties, unreadable))
        })
    }

    /// Tries until the store has all of it: whatever is wrong with the store, nothing is acknowledged before. `None` where
    /// `leave` was cancelled meanwhile. Drop it only where the hub ends: within a batch, what is stored is not told to
    /// browsers then.
    pub(super) async fn keep(
        &self,
        arrivals: &[Arrival],
        leave: &CancellationToken,
    ) -> Option<Vec<(EdgeId, AckMessage)>> {
        let outcomes = self.store(arrivals, leave).await?;
        let mut acks = Acks::default();
        for (arrival, outcome) in arrivals.iter().zip(outcomes) {
            self.0.step.done();
            let Some(origin) = &arrival.origin else { continue };
            if let Outcome::Refused { reason } = outcome {
                self.0.step.dropped("refused");
                self.0.unreadable.about(&origin.edge, &reason);
            }
            acks.add(&origin.edge, origin.stamp);
        }
        Some(acks.take())
    }

    async fn store(&self, arrivals: &[Arrival], leave: &CancellationToken) -> Option<Vec<Outcome>> {
        if arrivals.is_empty() {
            return Some(vec![]);
        }
        let Inner { store, health, failing, step, .. } = &*self.0;
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed());
        loop {
            let started = Instant::now();
            match store.keep(arrivals).await {
                Ok(outcomes) => {
                    step.observe(started.elapsed());
                    if failing.swap(false, Ordering::AcqRel) {
                        tracing::info!(step = "store", "events are stored again");
                        health.ready();
                    }
                    return Some(outcomes);
                }
                Err(e) => {
                    step.dropped("retried");
                    health.not_ready(e.to_string());
                    if !failing.swap(true, Ordering::AcqRel) {
                        tracing::error!(step = "store", error = %e, "events can't be stored: edges keep them, trying on");
                    }
                    leave.run_until_cancelled(tokio::time::sleep(backoff.next_delay())).await?;
                }
            }
        }
    }
}

/// A topic as it may stand in a log: an edge could write lines of its own there, or pages.
fn shown(topic: &[u8]) -> String {
    String::from_utf8_lossy(topic).escape_debug().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_writes_no_lines_and_no_pages_of_its_own_into_the_log() {
        assert_eq!(shown(b"omma/v1/edges/site/songs"), "omma/v1/edges/site/songs");
        assert_eq!(shown(b"a\nERROR all is lost\x1b[2J"), r"a\nERROR all is lost\u{1b}[2J");
        assert_eq!(shown(&[b'\n'; 70_000]).len(), SHOWN);
        assert_eq!(shown(b"\xff"), "\u{fffd}");
    }
}
