//! What the hub's own analysis makes. Nobody else has it: it is tried until it is kept.

use std::time::Duration;

use omma_protocol::backoff::Backoff;
use omma_protocol::event::Lasting;
use omma_protocol::id::StreamId;
use omma_runtime::backoff::random_seed;
use tokio::sync::mpsc;

use super::unwritten::let_go;
use super::{Arrival, Content, Keep, Outcome, Store, StoreError};

/// Events and pictures of the hub's own in one transaction.
const BATCH: usize = 64;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Pictures whose files can't be written, and which are tried again; the oldest goes for one more, which is counted.
const HELD: usize = 64;
/// After this long, or with whatever is made next.
const AGAIN: Duration = Duration::from_secs(5);

impl Store {
    /// Keeps an event or picture of the hub's own analysis, and tells browsers and integrations.
    ///
    /// # Errors
    /// As [`Store::keep`].
    pub async fn hub_event(&self, stream: &StreamId, lasting: Lasting) -> Result<(), StoreError> {
        self.keep_and_announce(&[Arrival::of_hub(stream, lasting)]).await?;
        Ok(())
    }

    /// Keeps what the hub's own analysis makes, until nobody makes any more. Tries on while the store fails: the
    /// channel holds the engine back meanwhile.
    pub async fn keep_own(self, mut waiting: mpsc::Receiver<(StreamId, Lasting)>) {
        let (mut made, mut held) = (Vec::with_capacity(BATCH), vec![]);
        loop {
            tokio::select! {
                count = waiting.recv_many(&mut made, BATCH) => if count == 0 { break },
                () = tokio::time::sleep(AGAIN), if !held.is_empty() => {}
            }
            let new = made.drain(..).map(|(stream, lasting)| Arrival::of_hub(&stream, lasting));
            let mut batch: Vec<_> = held.drain(..).chain(new).collect();
            let mut unwritten = self.keep_until_kept(&batch).await.into_iter();
            batch.retain(|_| unwritten.next().unwrap_or_default());
            let_go(batch.drain(..batch.len().saturating_sub(HELD)).len());
            held = batch;
        }
        let_go(held.len());
    }

    /// Of each, whether its file could not be written.
    async fn keep_until_kept(&self, batch: &[Arrival]) -> Vec<bool> {
        let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed());
        let mut failing = false;
        loop {
            match self.keep_and_announce(batch).await {
                Ok(outcomes) => return outcomes.iter().map(|o| matches!(o, Outcome::Unwritten { .. })).collect(),
                Err(e) => {
                    if !std::mem::replace(&mut failing, true) {
                        tracing::error!(step = "store", error = %e, "the hub's own events can't be stored: trying on");
                    }
                    tokio::time::sleep(backoff.next_delay()).await;
                }
            }
        }
    }

    async fn keep_and_announce(&self, batch: &[Arrival]) -> Result<Vec<Outcome>, StoreError> {
        let outcomes = self.keep(batch).await?;
        for (arrival, outcome) in batch.iter().zip(&outcomes) {
            if let (Content::Event(event), Outcome::Kept { keep: Keep::Latest, .. }) = (&arrival.content, outcome) {
                self.0.announce((**event).clone());
            }
        }
        Ok(outcomes)
    }
}
