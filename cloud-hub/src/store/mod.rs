//! Events and their pictures, and what befell edges, kept. Whatever arrives twice is kept once.
//!
//! 1. [`Store::keep`] takes what arrived, in a batch. Pictures are written to the [`objects`] first, each as one file: the
//!    whole frame's JPEG, and behind it the crop's.
//! 2. One transaction in [`sqlite`] notes every `(outbox, sequence)` and keeps what is new. A crash before its end
//!    leaves at worst a picture's file that nothing points to, and which the next copy overwrites.
//! 3. When it has ended, and only then, the caller may acknowledge; browsers are told by the [`Feed`], integrations by
//!    the channel that [`Store::open`] gives.

mod sqlite;

mod objects;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
pub use hub_core::arrival::{Arrival, Content, Origin, Outcome, Picture};
use hub_core::record::Keep;
use object_store::GetRange;
use omma_protocol::backoff::Backoff;
use omma_protocol::event::Lasting;
use omma_protocol::id::{EdgeId, EventId, StreamId};
use omma_protocol::wire::browser::HubToBrowser;
use omma_protocol::wire::mqtt::EventMessage;
use omma_runtime::backoff::random_seed;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc};

use crate::feed::Feed;
use objects::Objects;
use sqlite::Database;
pub use sqlite::{Filter, StoredEvent, StoredIncident};

/// Events of the hub's own analysis that wait to be published for integrations; beyond it they are not published,
/// which is counted: the store has them.
const ANNOUNCEMENTS: usize = 256;
/// Events and pictures of the hub's own in one transaction.
const BATCH: usize = 64;
const FIRST_WAIT: Duration = Duration::from_millis(100);
const MAX_WAIT: Duration = Duration::from_secs(10);

/// Why something could not be kept or read.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct StoreError {
    doing: &'static str,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl StoreError {
    pub(crate) fn at<E: std::error::Error + Send + Sync + 'static>(doing: &'static str) -> impl Fn(E) -> Self {
        move |source| Self { doing, source: Box::new(source) }
    }
}

/// Which view of an event's thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The whole frame.
    Whole,
    /// What is around the thing.
    Crop,
}

/// The store. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    database: Database,
    objects: Objects,
    feed: Feed,
    announce: mpsc::Sender<EventMessage>,
    /// Writers take turns, so that what one of them knows to be kept stays so until its transaction ends.
    turn: Mutex<()>,
}

impl Inner {
    fn announce(&self, event: EventMessage) {
        // Without a broker nobody is there to be told.
        if let Err(TrySendError::Full(_)) = self.announce.try_send(event) {
            metrics::counter!("omma_store_announcements_dropped_total").increment(1);
        }
    }
}

impl Store {
    /// Opens the database file and the folder of pictures, and makes them where they are missing. The receiver gives
    /// the events of the hub's own analysis, for integrations. Those that were open when the hub was killed are closed
    /// and the first that it gives: their tracks ended with it, and nobody else ever would. Drop it where there is no
    /// broker.
    ///
    /// # Errors
    /// Where one can't be opened, or was written by a later version.
    pub async fn open(
        database: &Path,
        pictures: &Path,
        feed: Feed,
    ) -> Result<(Self, mpsc::Receiver<EventMessage>), StoreError> {
        let (announce, announcements) = mpsc::channel(ANNOUNCEMENTS);
        let objects = Objects::open(pictures)?;
        let (database, closed) = Database::open(database).await?;
        let inner = Inner { database, objects, feed, announce, turn: Mutex::new(()) };
        closed.into_iter().for_each(|event| inner.announce(event));
        Ok((Self(Arc::new(inner)), announcements))
    }

    /// Keeps a batch. The outcomes are in its order; all of it is on disk when this returns.
    ///
    /// # Errors
    /// Where the database or the pictures' folder fails; then nothing of the batch may be acknowledged.
    pub async fn keep(&self, batch: &[Arrival]) -> Result<Vec<Outcome>, StoreError> {
        let Inner { database, objects, .. } = &*self.0;
        let turn = self.0.turn.lock().await;
        let mut written = vec![];
        for arrival in batch {
            if let Content::Picture(picture) = &arrival.content
                // Of two with one revision the first counts, here as in the database.
                && written.iter().all(|other: &&Picture| other.place() != picture.place())
                && database.picture(picture.event).await?.is_none_or(|kept| kept.revision < picture.revision)
            {
                objects.put(&picture.place(), picture.files()).await?;
                written.push(picture);
            }
        }
        let outcomes = database.keep(batch, now_us()).await?;
        self.clear_up(&written, &outcomes).await;
        drop(turn);
        for (arrival, outcome) in batch.iter().zip(&outcomes) {
            self.tell(&arrival.content, outcome);
        }
        Ok(outcomes)
    }

    /// Removes the files that nothing points to any more: those of pictures that a better one has replaced, and those
    /// that were written and then not kept. The batch is on disk by now: where this fails a file stays too long, and
    /// nobody may be told that the batch was not kept.
    async fn clear_up(&self, written: &[&Picture], outcomes: &[Outcome]) {
        let Inner { database, objects, .. } = &*self.0;
        for outcome in outcomes {
            if let Outcome::Kept { replaced: Some(place), .. } = outcome {
                objects.remove(place).await;
            }
        }
        for picture in written {
            let place = picture.place();
            match database.picture(picture.event).await {
                Ok(Some(kept)) if kept.place == place => {}
                Ok(_) => objects.remove(&place).await,
                Err(e) => {
                    metrics::counter!("omma_store_pictures_left_total").increment(1);
                    tracing::debug!(step = "store", place, error = %e, "see whether a picture was kept");
                }
            }
        }
    }

    /// Keeps an event or picture of the hub's own analysis, and tells browsers and integrations.
    ///
    /// # Errors
    /// As [`Store::keep`].
    pub async fn hub_event(&self, stream: &StreamId, lasting: Lasting) -> Result<(), StoreError> {
        self.keep_and_announce(&[Arrival::of_hub(stream, lasting)]).await
    }

    /// Keeps what the hub's own analysis makes, until nobody makes any more. Tries on while the store fails: the
    /// channel holds the engine back meanwhile.
    pub async fn keep_own(self, mut waiting: mpsc::Receiver<(StreamId, Lasting)>) {
        let mut made = Vec::with_capacity(BATCH);
        while waiting.recv_many(&mut made, BATCH).await > 0 {
            let batch: Vec<_> = made.drain(..).map(|(stream, lasting)| Arrival::of_hub(&stream, lasting)).collect();
            let mut backoff = Backoff::new(FIRST_WAIT, MAX_WAIT, random_seed());
            let mut failing = false;
            while let Err(e) = self.keep_and_announce(&batch).await {
                if !std::mem::replace(&mut failing, true) {
                    tracing::error!(step = "store", error = %e, "the hub's own events can't be stored: trying on");
                }
                tokio::time::sleep(backoff.next_delay()).await;
            }
        }
    }

    async fn keep_and_announce(&self, batch: &[Arrival]) -> Result<(), StoreError> {
        let outcomes = self.keep(batch).await?;
        for (arrival, outcome) in batch.iter().zip(outcomes) {
            if let (Content::Event(event), Outcome::Kept { keep: Keep::Latest, .. }) = (&arrival.content, outcome) {
                self.0.announce((**event).clone());
            }
        }
        Ok(())
    }

    /// Newest first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn events(&self, filter: &Filter) -> Result<Vec<StoredEvent>, StoreError> {
        self.0.database.events(filter).await
    }

    /// The classes that events have been about, the first `limit` in the order of their bytes.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn labels(&self, limit: u32) -> Result<Vec<String>, StoreError> {
        self.0.database.labels(limit).await
    }

    /// One event.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn event(&self, id: EventId) -> Result<Option<StoredEvent>, StoreError> {
        self.0.database.event(id).await
    }

    /// The best picture of an event so far: its revision and the JPEG file. `None` where there is no such view of it.
    ///
    /// # Errors
    /// Where the database or the folder fails.
    pub async fn picture(&self, id: EventId, view: View) -> Result<Option<(u32, Bytes)>, StoreError> {
        // A better picture may replace the file between the two readings: the second look finds the better one.
        for _ in 0..2 {
            let Some(kept) = self.0.database.picture(id).await? else { return Ok(None) };
            let range = match (view, kept.crop_at) {
                (View::Whole, None) => None,
                (View::Whole, Some(at)) => Some(GetRange::from(..at)),
                (View::Crop, Some(at)) => Some(GetRange::from(at..)),
                (View::Crop, None) => return Ok(None),
            };
            if let Some(jpeg) = self.0.objects.get(&kept.place, range).await? {
                return Ok(Some((kept.revision, jpeg)));
            }
        }
        Ok(None)
    }

    /// What befell an edge, or all of them: the `limit` that came last, of those `before` a number, last first.
    ///
    /// # Errors
    /// Where the database fails.
    pub async fn incidents(
        &self,
        edge: Option<&EdgeId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<StoredIncident>, StoreError> {
        self.0.database.incidents(edge, before, limit).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// Where it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.0.database.ping().await
    }

    /// Ends writing; what is on disk stays.
    pub async fn close(&self) {
        self.0.database.close().await;
    }

    fn tell(&self, content: &Content, outcome: &Outcome) {
        let Outcome::Kept { keep: Keep::Latest, .. } = outcome else { return };
        match content {
            Content::Event(event) => self.0.feed.publish(HubToBrowser::Event((**event).clone())),
            Content::Picture(picture) => {
                let (event, has_crop) = (picture.event.to_string(), picture.crop.is_some());
                self.0.feed.publish(HubToBrowser::Picture { event, revision: picture.revision, has_crop });
            }
            // Pages ask for incidents now and then.
            Content::Incident(_) | Content::Unsound { .. } => {}
        }
    }
}

/// The hub's clock, µs since the epoch.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!(
        "omma_store_out_of_order_total",
        "States of events that were first stored after a later record of their outbox."
    );
    metrics::describe_counter!(
        "omma_store_announcements_dropped_total",
        "Stored states that were not announced because too many waited."
    );
    metrics::describe_counter!("omma_store_pictures_left_total", "Replaced pictures that could not be removed.");
}

#[cfg(test)]
mod tests;
