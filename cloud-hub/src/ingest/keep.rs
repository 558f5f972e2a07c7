//! Stores what was read, and gives the words by which edges learn that it is. For both ways on which it arrives.
//!
//! The store takes one batch at a time. Who waits for its turn can still leave, so that a store that hangs holds one batch
//! that nobody waits for any more, however often edges come again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
use crate::step;
use crate::store::{Arrival, Outcome, Store, StoreError};

/// Messages in one transaction.
pub(super) const BATCH: usize = 64;

const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The way into the store. Clones share it.
#[derive(Debug, Clone)]
pub struct Keeper(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    /// Who may hand the store a batch.
    turn: tokio::sync::Mutex<()>,
    failing: Failing,
    unreadable: Complaint,
    step: Step,
    ingest: Step,
}

impl Keeper {
    /// `health` tells whether the store works.
    pub fn new(store: Store, health: Part) -> Self {
        health.ready();
        let (step, ingest) = (Step::new(step::STORE), Step::new(step::INGEST));
        let failing = Failing { health, batches: Mutex::default() };
        let (turn, unreadable) = (tokio::sync::Mutex::default(), Complaint::default());
        Self(Arc::new(Inner { store, turn, failing, unreadable, step, ingest }))
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
                self.0.unreadable.about(&String::from_utf8_lossy(topic), &error);
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

    /// Tries until the store has it: whatever is wrong with the store, nothing is acknowledged before. Only a picture whose file
    /// can't be written is left. `None` where `leave` was cancelled meanwhile. Drop it only where the hub ends: within a
    /// batch, what is stored is not told to browsers then.
    pub(super) async fn keep(&self, arrivals: &[Arrival], leave: &CancellationToken) -> Option<Kept> {
        let outcomes = self.store(arrivals, leave).await?;
        let (mut acks, mut left) = (Acks::default(), vec![]);
        for (at, (arrival, outcome)) in arrivals.iter().zip(outcomes).enumerate() {
            if let Outcome::Unwritten { .. } = outcome {
                self.0.step.dropped("unwritten");
                left.push(at);
                continue;
            }
            self.0.step.done();
            let Some(origin) = &arrival.origin else { continue };
            if let Outcome::Refused { reason } = outcome {
                self.0.step.dropped("refused");
                self.0.unreadable.about(&origin.edge, &reason);
            }
            acks.add(&origin.edge, origin.stamp);
        }
        Some(Kept { acks: acks.take(), left })
    }

    async fn store(&self, arrivals: &[Arrival], leave: &CancellationToken) -> Option<Vec<Outcome>> {
        if arrivals.is_empty() {
            return Some(vec![]);
        }
        let Inner { store, turn, failing, step, .. } = &*self.0;
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed());
        let mut refused = None;
        loop {
            let turn = leave.run_until_cancelled(turn.lock()).await?;
            let started = Instant::now();
            match store.keep(arrivals).await {
                Ok(outcomes) => {
                    step.observe(started.elapsed());
                    return Some(outcomes);
                }
                Err(e) => {
                    drop(turn);
                    step.dropped("retried");
                    refused.get_or_insert_with(|| failing.begin(&e)).again(&e);
                    leave.run_until_cancelled(tokio::time::sleep(backoff.next_delay())).await?;
                }
            }
        }
    }
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Kept {
    /// What to say to edges.
    pub(super) acks: Vec<(EdgeId, AckMessage)>,
    /// Which of the batch are pictures that could not be written: in no acknowledgement, ascending.
    pub(super) left: Vec<usize>,
}

/// Batches that the store has refused and that are tried on with. While there is one, the store is not ready; what nobody
/// tries any more says nothing about it.
#[derive(Debug)]
struct Failing {
    health: Part,
    batches: Mutex<usize>,
}

impl Failing {
    fn begin(&self, error: &StoreError) -> Refused<'_> {
        let mut batches = self.batches();
        *batches += 1;
        if *batches == 1 {
            tracing::error!(step = "store", %error, "events can't be stored: edges keep them, trying on");
        }
        Refused(self)
    }

    fn batches(&self) -> MutexGuard<'_, usize> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of them, until it is stored or given up.
struct Refused<'a>(&'a Failing);

impl Refused<'_> {
    fn again(&self, error: &StoreError) {
        let _no_other_meanwhile = self.0.batches();
        self.0.health.not_ready(error.to_string());
    }
}

impl Drop for Refused<'_> {
    fn drop(&mut self) {
        let mut batches = self.0.batches();
        *batches -= 1;
        if *batches == 0 {
            tracing::info!(step = "store", "nothing waits for the store in vain any more");
            self.0.health.ready();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::Content;
    use omma_protocol::wire::mqtt::EventMessage;
    use omma_runtime::health::Health;

    use super::*;
    use crate::feed::Feed;

    fn arrival() -> Arrival {
        let event: EventMessage = serde_json::from_str(
            r#"{"outbox":"00000000-0000-0000-0000-000000000001","sequence":1,"id":"00000000-0000-7000-8000-000000000001",
               "stream":"site.door","phase":"opened","revision":1,"label":"person","track":1,"score":0.5,
               "box":[0.1,0.1,0.2,0.2],"opened_us":10,"best_us":10,"place":"edge","engine":"tract","model":"m"}"#,
        )
        .unwrap();
        Arrival { origin: None, content: Content::Event(Box::new(event)) }
    }

    async fn keeper(folder: &std::path::Path, health: &Health) -> (Keeper, Store) {
        let (database, pictures) = (folder.join("omma.db"), folder.join("pictures"));
        let (store, _nobody_is_told) = Store::open(&database, &pictures, Feed::default()).await.unwrap();
        (Keeper::new(store.clone(), health.part("store")), store)
    }

    #[tokio::test]
    async fn a_record_that_the_store_refused_and_nobody_tries_any_more_leaves_the_hub_ready() {
        let (folder, health) = (tempfile::tempdir().unwrap(), Health::new());
        let (keeper, store) = keeper(folder.path(), &health).await;
        store.close().await;
        let leave = CancellationToken::new();
        let arrivals = [arrival()];
        let keep = keeper.keep(&arrivals, &leave);
        let seen = async {
            while health.readiness().ready {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            leave.cancel();
        };
        let (kept, ()) = tokio::join!(keep, seen);
        assert!(kept.is_none() && health.readiness().ready, "{:?}", health.readiness());
    }

    #[tokio::test]
    async fn who_waits_for_a_store_that_hangs_can_leave() {
        let (folder, health) = (tempfile::tempdir().unwrap(), Health::new());
        let (keeper, _store) = keeper(folder.path(), &health).await;
        let _hanging = keeper.0.turn.lock().await;
        let leave = CancellationToken::new();
        leave.cancel();
        assert!(keeper.keep(&[arrival()], &leave).await.is_none());
    }
}
