//! What must last, on disk until the hub's store has it, or, where there is no hub, the broker.
//!
//! ```text
//! analysis ──put──▶ ┌────────┐ ──read──▶ uplink ──▶ hub
//!                   │ thread │                       │
//!                   └────────┘ ◀──────delete─────────┘ acknowledged
//! ```
//!
//! One thread takes orders ([`keeper`]), another owns the disk ([`database`], [`store`]); everyone else has an [`Outbox`], a
//! handle that sends orders. A record of the disk is told to the uplink only once it is flushed: a number that was sent
//! must never be given to something else, as could happen after a power cut.
//!
//! | bound | when full |
//! |---|---|
//! | [`ORDERS`] orders waiting | who puts waits (detection is held back, nothing is lost); no disk makes them wait for long |
//! | the disk's share | oldest pictures, then oldest closed events and incidents are given up; counted, logged, shown, told as an incident |
//! | [`MEMORY`] while the disk takes nothing | the same |
//!
//! A disk that is full, read-only, away or silent, now or already at the start: what is put waits in memory, is sent from
//! there ([`edge_core::outbox::stand_in`]), and written when the disk takes something again, while the part `outbox` of
//! `/readyz` says so. A damaged database is set aside, a
//! new one begun with what could be read of it, told as an incident, and shown by the edge's state for as long as the old
//! one lies there: until there is a newer one and no room for both ([`store::ASIDE_SHARE`]).

pub mod record;

pub mod store;

mod keeper;

mod database;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use edge_core::outbox::flight::Kind;
use omma_protocol::event::{Lasting, Stamp};
use omma_protocol::id::OutboxId;
use omma_runtime::health::Part;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use crate::health::watchdog::Pulse;
use crate::state::OutboxState;
use crate::step;
use database::Database;
use keeper::Keeper;
use store::StoreError;

/// Orders that may wait for the thread.
pub const ORDERS: usize = 256;

/// What waits in memory while the disk takes nothing, bytes at the most, and never more than the disk's share.
pub const MEMORY: u64 = 16_000_000;

/// How long the start waits for the disk: a damaged database may be read again.
const START: Duration = Duration::from_secs(60);

/// Which record is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// This one.
    Exactly(u64),
    /// The first of a kind in a range of numbers.
    First {
        /// Of which kind.
        kind: Kind,
        /// First number.
        from: u64,
        /// Last number.
        to: u64,
    },
}

/// A record as it is sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Where it stands.
    pub stamp: Stamp,
    /// What it is.
    pub what: Lasting,
}

impl Stored {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        Kind::of(&self.what)
    }
}

enum Order {
    Put(Vec<Lasting>),
    Read(Which, oneshot::Sender<Result<Option<Stored>, ReadError>>),
    /// Numbers mean nothing in another outbox, which may have begun while this waited.
    Delete(OutboxId, Vec<u64>),
    /// Everything before is told, and safe, when this is answered.
    Sync(oneshot::Sender<()>),
    /// It is time to try a disk that took nothing.
    TryAgain,
    /// Everything before is on disk when this is answered; the thread ends.
    End(oneshot::Sender<()>),
}

/// The outbox is gone: its thread has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the outbox has ended")]
pub struct Ended;

/// Why nothing was read. That says nothing of what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The outbox has ended.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// The disk failed, or did not answer in time. Another read may do better, of this outbox or of the one that stands in.
    #[error("the outbox's disk can't be read now")]
    Failed,
}

/// A handle on the outbox. Clones share it.
#[derive(Debug, Clone)]
pub struct Outbox {
    id: Arc<watch::Receiver<OutboxId>>,
    orders: mpsc::Sender<Order>,
    state: watch::Receiver<OutboxState>,
}

/// Opens the outbox in `folder` and starts its thread. States of events that the last run left open are closed.
/// Blocks for as long as the disk takes, up to a minute. A disk that can't be used is tried on, and a damaged database set
/// aside: an edge goes on all the same.
///
/// # Errors
/// When there can be no thread.
pub fn open(folder: &Path, budget: u64, part: Part) -> Result<Outbox, StoreError> {
    open_watched(folder, budget, part, Pulse::unwatched())
}

/// As [`open`], with a pulse for its thread.
///
/// # Errors
/// As [`open`].
pub fn open_watched(folder: &Path, budget: u64, part: Part, pulse: Pulse) -> Result<Outbox, StoreError> {
    let _outbox = step::OUTBOX.span().entered();
    let (orders, inbox) = mpsc::channel(ORDERS);
    // Until it is open it is one that nothing is in.
    let (id, id_watch) = watch::channel(OutboxId(Uuid::new_v4()));
    let (state, state_watch) = watch::channel(OutboxState::default());
    let database = Database::start(folder, budget, None)?;
    let mut keeper =
        Keeper::new(database, MEMORY.min(budget / 2), inbox, orders.downgrade(), id, state, part).watched(pulse);
    keeper.open(START);
    std::thread::Builder::new()
        .name("outbox".to_owned())
        .spawn(move || keeper.run())
        .map_err(|e| StoreError::Io { doing: "start the outbox's thread", reason: e.to_string() })?;
    Ok(Outbox { id: Arc::new(id_watch), orders, state: state_watch })
}

impl Outbox {
    /// Which outbox is sent from. Changes when memory stands in for the disk, and when the database had to be begun anew.
    pub fn id(&self) -> OutboxId {
        *self.id.borrow()
    }

    /// Tells when another is sent from, also where it is the first again since: numbers that were asked for in between were
    /// not those of the first.
    pub(crate) fn changes(&self) -> watch::Receiver<OutboxId> {
        let mut changes = watch::Receiver::clone(&self.id);
        changes.mark_unchanged();
        changes
    }

    /// Watches what it holds.
    pub fn state(&self) -> watch::Receiver<OutboxState> {
        self.state.clone()
    }

    /// Puts things in, in order. For threads that may wait for some seconds; never call it in a task.
    ///
    /// # Errors
    /// When the outbox has ended.
    pub fn put_blocking(&self, what: Vec<Lasting>) -> Result<(), Ended> {
        if what.is_empty() {
            return Ok(());
        }
        self.orders.blocking_send(Order::Put(what)).map_err(|_| Ended)
    }

    /// Reads a record; `None` where it is not there.
    ///
    /// # Errors
    /// When it could not be looked.
    pub async fn read(&self, which: Which) -> Result<Option<Stored>, ReadError> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Read(which, answer)).await.map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)?
    }

    /// Deletes what was acknowledged of the outbox `of`, on disk or in memory. Of one that is gone, nothing.
    ///
    /// # Errors
    /// When the outbox has ended.
    pub async fn delete(&self, of: OutboxId, sequences: Vec<u64>) -> Result<(), Ended> {
        self.orders.send(Order::Delete(of, sequences)).await.map_err(|_| Ended)
    }

    /// Waits until everything put before is shown by [`Outbox::state`] and on disk. While the disk takes nothing, this waits.
    ///
    /// # Errors
    /// When the outbox has ended.
    pub async fn sync(&self) -> Result<(), Ended> {
        let (answer, answered) = oneshot::channel();
        self.orders.send(Order::Sync(answer)).await.map_err(|_| Ended)?;
        answered.await.map_err(|_| Ended)
    }

    /// Waits until the outbox has ended, asked or unasked.
    pub async fn ended(&self) {
        let mut state = self.state.clone();
        while state.changed().await.is_ok() {}
    }

    /// Ends the outbox once everything put before is on disk, or lost where that takes nothing.
    pub async fn end(&self) {
        let (answer, answered) = oneshot::channel();
        if self.orders.send(Order::End(answer)).await.is_ok() && answered.await.is_err() {
            tracing::debug!("the outbox ended without an answer");
        }
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_gauge!("omma_outbox_waiting", "Records that wait to be acknowledged.");
    metrics::describe_gauge!(
        "omma_outbox_in_memory",
        "Records that wait in memory alone, because the disk takes nothing."
    );
    metrics::describe_gauge!(
        "omma_outbox_newest",
        "The newest number that may be sent, counted from the beginning of the outbox that is sent from."
    );
    metrics::describe_gauge!("omma_outbox_bytes", "What waits takes of the disk and of memory, bytes.");
    metrics::describe_counter!(
        "omma_outbox_failures_total",
        "Times the outbox's database failed; each is tried again."
    );
    metrics::describe_counter!(
        "omma_outbox_damaged_records_total",
        "Records that were lost because they could not be read."
    );
    metrics::describe_gauge!("omma_outbox_set_aside", "Damaged databases that were set aside and still lie there.");
    metrics::describe_counter!("omma_outbox_set_aside_total", "Damaged databases that were set aside for a fresh one.");
}

#[cfg(test)]
mod tests;
