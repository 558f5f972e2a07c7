//! Stores what was received, then says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hub_core::acks::Acks;
use hub_core::message::{self, Message};
use omma_protocol::backoff::Backoff;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{EventMessage, QOS, StatusMessage, Topic};
use omma_runtime::backoff::random_seed;
use omma_runtime::health::Part;
use omma_runtime::step::Step;
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Received;
use crate::ingest::complaint::Complaint;
use crate::registry::Registry;
use crate::store::{Arrival, Outcome, Store};

// The quality of everything that is published here is the one agreed for all topics.
const _: () = assert!(QoS::AtLeastOnce as u8 == QOS);

/// Messages in one transaction.
const BATCH: usize = 64;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);

pub(super) struct Keeper {
    client: AsyncClient,
    connection: Arc<AtomicU64>,
    store: Store,
    registry: Registry,
    health: Part,
    acks: Acks,
    unreadable: Complaint,
    step: Step,
    ingest: Step,
}

impl Keeper {
    pub(super) fn new(
        client: AsyncClient,
        connection: Arc<AtomicU64>,
        store: Store,
        registry: Registry,
        health: Part,
    ) -> Self {
        health.ready();
        Self {
            client,
            connection,
            store,
            registry,
            health,
            acks: Acks::default(),
            unreadable: Complaint::default(),
            step: Step::new("store"),
            ingest: Step::new("ingest"),
        }
    }

    /// Until `leave` is cancelled: then publishes the hub's own events that wait, and has the client say goodbye behind
    /// them. Ends also where nobody passes on messages any more.
    pub(super) async fn run(
        mut self,
        mut waiting: mpsc::Receiver<Received>,
        mut own: mpsc::Receiver<EventMessage>,
        leave: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(BATCH);
        loop {
            tokio::select! {
                () = leave.cancelled() => break,
                count = waiting.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return;
                    }
                    self.keep(&batch).await;
                    self.acknowledge(batch.drain(..)).await;
                }
                Some(event) = own.recv() => self.announce(&event).await,
            }
        }
        while let Ok(event) = own.try_recv() {
            self.announce(&event).await;
        }
        if let Err(e) = self.client.disconnect().await {
            tracing::debug!(error = %e, "say goodbye to the broker");
        }
    }

    async fn keep(&mut self, batch: &[Received]) {
        let mut arrivals = vec![];
        for Received { publish, .. } in batch {
            let properties = publish.properties.as_ref().map(|p| p.user_properties.as_slice()).unwrap_or_default();
            let began = Instant::now();
            let message = message::read(&publish.topic, publish.payload.clone(), properties);
            self.ingest.observe(began.elapsed());
            match message {
                Ok(Message::Status(edge, status)) => self.status(&edge, status),
                Ok(Message::Lasting(arrival)) => arrivals.push(arrival),
                Err(error) => {
                    self.ingest.dropped("unreadable");
                    self.unreadable.about(&String::from_utf8_lossy(&publish.topic), &error);
                    continue;
                }
            }
            self.ingest.done();
        }
        if !arrivals.is_empty() {
            self.store(arrivals).await;
        }
    }

    fn status(&self, edge: &EdgeId, status: StatusMessage) {
        self.registry.update(edge, |known| {
            known.status = status.online;
            known.agent = Some(status.agent);
        });
    }

    /// Tries until the store has all of it: whatever is wrong with the store, nothing is acknowledged before.
    async fn store(&mut self, arrivals: Vec<Arrival>) {
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed());
        let mut failing = false;
        let outcomes = loop {
            let started = Instant::now();
            match self.store.keep(&arrivals).await {
                Ok(outcomes) => {
                    self.step.observe(started.elapsed());
                    break outcomes;
                }
                Err(e) => {
                    self.step.dropped("retried");
                    self.health.not_ready(e.to_string());
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(step = "store", error = %e, "events can't be stored: edges keep them, trying on");
                    }
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        };
        if failing {
            tracing::info!(step = "store", "events are stored again");
            self.health.ready();
        }
        for (arrival, outcome) in arrivals.iter().zip(outcomes) {
            self.step.done();
            let Some(origin) = &arrival.origin else { continue };
            if let Outcome::Refused { reason } = outcome {
                self.step.dropped("refused");
                self.unreadable.about(&origin.edge, &reason);
            }
            self.acks.add(&origin.edge, origin.stamp);
        }
    }

    /// The client's queue empties as long as the wheel turns, which this task does not: waiting for room is safe.
    async fn acknowledge(&mut self, batch: impl Iterator<Item = Received>) {
        for (edge, message) in self.acks.take() {
            self.publish(&Topic::Acks(edge), &message).await;
        }
        for received in batch {
            if received.connection != self.connection.load(Ordering::Acquire) {
                metrics::counter!("omma_ingest_pubacks_stale_total").increment(1);
            } else if let Err(e) = self.client.ack(&received.publish).await {
                tracing::debug!(error = %e, "acknowledge to the broker");
            }
        }
    }

    async fn announce(&self, event: &EventMessage) {
        self.publish(&Topic::HubEvents(event.stream.clone()), event).await;
    }

    async fn publish(&self, topic: &Topic, message: &impl serde::Serialize) {
        let sent = match serde_json::to_vec(message) {
            Ok(json) => {
                let retain = topic.contract().is_retained();
                self.client.publish(topic.to_string(), QoS::AtLeastOnce, retain, json).await
            }
            Err(e) => {
                tracing::debug!(%topic, error = %e, "write a message");
                return;
            }
        };
        if let Err(e) = sent {
            tracing::debug!(%topic, error = %e, "publish");
        }
    }
}
