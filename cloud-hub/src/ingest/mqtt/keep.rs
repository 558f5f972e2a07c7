//! Has what was received stored, then says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hub_core::message::Message;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{AckMessage, EventMessage, QOS, StatusMessage, Topic};
use rumqttc::v5::AsyncClient;
use rumqttc::v5::mqttbytes::QoS;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Received;
use crate::ingest::keep::{BATCH, Keeper};
use crate::registry::Registry;

// The quality of everything that is published here is the one agreed for all topics.
const _: () = assert!(QoS::AtLeastOnce as u8 == QOS);

pub(super) struct Keep {
    client: AsyncClient,
    connection: Arc<AtomicU64>,
    keeper: Keeper,
    registry: Registry,
}

impl Keep {
    pub(super) fn new(client: AsyncClient, connection: Arc<AtomicU64>, keeper: Keeper, registry: Registry) -> Self {
        Self { client, connection, keeper, registry }
    }

    /// Until `leave` is cancelled: then publishes the hub's own events that wait, and has the client say goodbye behind
    /// them. Ends also where nobody passes on messages any more.
    pub(super) async fn run(
        self,
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
                    let Some(acks) = self.keep(&batch, &leave).await else { break };
                    self.acknowledge(acks, batch.drain(..)).await;
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

    async fn keep(&self, batch: &[Received], leave: &CancellationToken) -> Option<Vec<(EdgeId, AckMessage)>> {
        let mut arrivals = vec![];
        for Received { publish, connection } in batch {
            let properties = publish.properties.as_ref().map(|p| p.user_properties.as_slice()).unwrap_or_default();
            match self.keeper.read(&publish.topic, publish.payload.clone(), properties) {
                Some(Message::Status(edge, status)) => self.status(*connection, &edge, status),
                Some(Message::Lasting(arrival)) => arrivals.push(arrival),
                None => {}
            }
        }
        // A picture that could not be written is let go with a PUBACK alone: it would else take a place in the window that
        // all edges share. Its edge hears no acknowledgement, and sends it again.
        Some(self.keeper.keep(&arrivals, leave).await?.acks)
    }

    /// Of an earlier connection it may say that an edge is there which the broker has forgotten meanwhile.
    fn status(&self, connection: u64, edge: &EdgeId, status: StatusMessage) {
        self.registry.update(edge, |known| {
            known.status = status.online && connection == self.connection.load(Ordering::Acquire);
            known.agent = Some(status.agent);
        });
    }

    /// The client's queue empties as long as the wheel turns, which this task does not: waiting for room is safe.
    async fn acknowledge(&self, acks: Vec<(EdgeId, AckMessage)>, batch: impl Iterator<Item = Received>) {
        for (edge, message) in acks {
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
