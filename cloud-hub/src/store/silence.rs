//! Closes what edges have left open that never come back ([`hub_core::silence`]). An edge's own word, should it come after all,
//! takes the place of the hub's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub_core::silence::{REASON, Silences};
use omma_protocol::id::EdgeId;
use omma_protocol::wire::browser::HubToBrowser;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Store, StoreError, now_us, set_us};
use crate::registry::Edges;

/// Between two looks. What is shorter of a hub's life does not count.
const EVERY: Duration = Duration::from_secs(600);

impl Store {
    /// Does so until `token` is cancelled. `edges` tells who is there.
    pub async fn give_up_silent(self, edges: watch::Receiver<Arc<Edges>>, token: CancellationToken) {
        self.look_every(EVERY, edges, token).await;
    }

    pub(super) async fn look_every(
        self,
        time: Duration,
        mut edges: watch::Receiver<Arc<Edges>>,
        token: CancellationToken,
    ) {
        let (mut looked, mut heard, mut failing) = (Instant::now(), BTreeSet::new(), false);
        let mut often = tokio::time::interval(time);
        // The first is at once.
        often.tick().await;
        loop {
            heard.extend(edges.borrow_and_update().iter().filter(|(_, edge)| edge.online()).map(|(id, _)| id.clone()));
            tokio::select! {
                () = token.cancelled() => return,
                changed = edges.changed() => if changed.is_err() { return },
                _ = often.tick() => {
                    match self.look_for_silent(looked.elapsed(), &heard).await {
                        Ok(()) => {
                            (looked, failing) = (Instant::now(), false);
                            heard.clear();
                        }
                        Err(error) => {
                            if !std::mem::replace(&mut failing, true) {
                                tracing::error!(step = "store", %error, "events of edges that are gone can't be closed: trying on");
                            }
                        }
                    }
                }
            }
        }
    }

    pub(super) async fn look_for_silent(&self, passed: Duration, heard: &BTreeSet<EdgeId>) -> Result<(), StoreError> {
        let database = &self.0.database;
        let before = Silences::new(database.silences().await?);
        let mut silences = before.clone();
        for edge in silences.look(passed, database.edges_with_open().await?, heard) {
            self.give_up(&edge).await?;
        }
        if silences == before { Ok(()) } else { database.note_silences(&silences).await }
    }

    /// Closes what this edge has left open, and tells browsers.
    pub(super) async fn give_up(&self, edge: &EdgeId) -> Result<(), StoreError> {
        let turn = self.0.turn.lock().await;
        let closed = self.0.database.give_up(edge, set_us(now_us())).await?;
        drop(turn);
        if !closed.is_empty() {
            let events = closed.len();
            metrics::counter!("omma_store_events_given_up_total").increment(events as u64);
            tracing::warn!(step = "store", %edge, events, reason = REASON, "open events of an edge are closed");
        }
        closed.into_iter().for_each(|event| self.0.feed.publish(HubToBrowser::Event(event)));
        Ok(())
    }
}

pub(super) fn describe() {
    metrics::describe_counter!(
        "omma_store_events_given_up_total",
        "Open events that the hub has closed because nothing was heard of their edge for 7 days."
    );
}
