//! Events and their pictures, and what befell edges, kept. Whatever arrives twice is kept once.
//!
//! 1. [`Store::keep`] takes what arrived, in a batch. Pictures are written to the [`objects`] first, each as one file: the
//!    whole frame's JPEG, and behind it the crop's.
//! 2. One transaction in [`sqlite`] notes every `(outbox, sequence)` and keeps what is new. A crash before its end
//!    leaves at worst a picture's file that nothing points to, and which the next copy overwrites. Files of pictures that
//!    were replaced or removed are on a list in the database until they are gone.
//!    A picture whose file can't be written is left out and not acknowledged: nothing else of the batch waits for it. Where
//!    that is its camera's fault alone it is refused after a while, since it holds up other cameras' on its edge.
//! 3. When it has ended, and only then, the caller may acknowledge; browsers are told by the [`Feed`], integrations by
//!    the channel that [`Store::open`] gives.

mod sqlite;

mod objects;

mod unwritten;

mod own;

mod retention;

mod silence;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
pub use hub_core::arrival::{Arrival, Content, Origin, Outcome, Picture};
use hub_core::record::Keep;
use object_store::GetRange;
use omma_protocol::id::{EdgeId, EventId};
use omma_protocol::wire::browser::HubToBrowser;
use omma_protocol::wire::mqtt::EventMessage;
use omma_runtime::health::Part;
use omma_runtime::made::made;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

use crate::feed::Feed;
use objects::Objects;
pub use retention::Housekeeping;
use sqlite::Database;
pub use sqlite::{Filter, StoredEvent, StoredIncident};
use unwritten::Unwritten;

/// Events of the hub's own analysis that wait to be published for integrations; beyond it they are not published,
/// which is counted: the store has them.
const ANNOUNCEMENTS: usize = 256;
/// How often it is looked whether pictures can be written.
const LOOK: Duration = Duration::from_secs(1);

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
    unwritten: Unwritten,
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
        let (database, closed) = Database::open(database, now_us()).await?;
        let inner = Inner { database, objects, feed, announce, unwritten: Unwritten::default(), turn: Mutex::new(()) };
        closed.into_iter().for_each(|event| inner.announce(event));
        Ok((Self(Arc::new(inner)), announcements))
    }

    /// Keeps a batch. The outcomes are in its order; all that they say is kept is on disk when this returns. A picture whose
    /// file can't be written is [`Outcome::Unwritten`], or refused after a while, and the rest is kept.
    ///
    /// # Errors
    /// Where the database fails; then nothing of the batch may be acknowledged.
    pub async fn keep(&self, batch: &[Arrival]) -> Result<Vec<Outcome>, StoreError> {
        let Inner { database, objects, unwritten, .. } = &*self.0;
        let turn = self.0.turn.lock().await;
        let (mut written, mut left, mut let_go) = (vec![], BTreeMap::new(), BTreeMap::new());
        let mut elsewhere = BTreeMap::new();
        for (at, arrival) in batch.iter().enumerate() {
            if let Content::Picture(picture) = &arrival.content
                // Of two with one revision the first counts, here as in the database.
                && written.iter().all(|other: &&Picture| other.place() != picture.place())
                && database.kept_picture(picture.event).await?.is_none_or(|kept| kept.revision < picture.revision)
            {
                match objects.put(&picture.place(), picture.files()).await {
                    Ok(()) => {
                        unwritten.written(&picture.stream, Instant::now());
                        written.push(picture);
                    }
                    Err(e) => {
                        // Once for each edge in a batch is enough, and others wait.
                        let edge = &picture.stream.edge;
                        let could = match elsewhere.entry(edge) {
                            Entry::Occupied(could) => *could.get(),
                            Entry::Vacant(none) => *none.insert(objects.could_put(edge, picture.files()).await),
                        };
                        let reason = e.to_string();
                        if unwritten.failed(&picture.stream, &e, could, Instant::now()) {
                            let content = Content::Unsound { reason };
                            let_go.insert(at, Arrival { origin: arrival.origin.clone(), content });
                        } else {
                            left.insert(at, Outcome::Unwritten { reason });
                        }
                    }
                }
            }
        }
        let rest = batch.iter().enumerate().filter(|(at, _)| !left.contains_key(at));
        let rest: Vec<_> = rest.map(|(at, arrival)| let_go.get(&at).unwrap_or(arrival)).collect();
        let mut kept = database.keep(&rest, set_us(now_us())).await?.into_iter();
        // A batch that the database refuses comes again, whole.
        unwritten::count(left.len() + let_go.len());
        unwritten::let_go(let_go.len());
        let outcomes: Vec<_> = (0..batch.len()).filter_map(|at| left.remove(&at).or_else(|| kept.next())).collect();
        self.clear_up(&written, &outcomes).await;
        drop(turn);
        for (arrival, outcome) in batch.iter().zip(&outcomes) {
            self.tell(&arrival.content, outcome);
        }
        Ok(outcomes)
    }

    /// Removes the files that nothing points to any more at once: those of pictures that a better one has replaced, and those
    /// that were written and then not kept. The batch is on disk by now: where this fails a file stays too long, and
    /// nobody may be told that the batch was not kept.
    async fn clear_up(&self, written: &[&Picture], outcomes: &[Outcome]) {
        let Inner { database, objects, .. } = &*self.0;
        for outcome in outcomes {
            if let Outcome::Kept { replaced: Some(place), .. } = outcome {
                // Where it stays it is on the list of those that are tried again.
                objects.remove(place).await;
            }
        }
        for picture in written {
            let place = picture.place();
            match database.kept_picture(picture.event).await {
                Ok(Some(kept)) if kept.place == place => {}
                Ok(_) => {
                    objects.remove(&place).await;
                }
                Err(e) => {
                    metrics::counter!("omma_store_pictures_left_total").increment(1);
                    tracing::debug!(step = "store", place, error = %e, "see whether a picture was kept");
                }
            }
        }
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

    /// Tells whether pictures can be written, until `token` is cancelled.
    pub async fn watch_pictures(self, health: Part, token: CancellationToken) {
        let mut often = tokio::time::interval(LOOK);
        while token.run_until_cancelled(often.tick()).await.is_some() {
            match self.0.unwritten.reason(Instant::now()) {
                None => health.ready(),
                Some(reason) => health.not_ready(reason),
            }
        }
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

/// The hub's clock, where it is set.
fn set_us(now_us: i64) -> Option<i64> {
    let made_us = i64::try_from(made().as_micros()).unwrap_or(i64::MAX);
    (now_us >= made_us).then_some(now_us)
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
    unwritten::describe();
    metrics::describe_counter!(
        "omma_store_pictures_left_total",
        "Files of replaced or removed pictures that could not be removed, at each try."
    );
    retention::describe();
    silence::describe();
}

#[cfg(test)]
mod tests;
