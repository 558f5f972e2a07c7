//! The thread that takes orders. It waits for no disk: that is [`Database`]'s work, and where it takes nothing, memory
//! stands in ([`edge_core::outbox::stand_in`]).
//!
//! ```text
//! put ──▶ database ── takes it ──▶ told to the uplink
//!             └── does not ──▶ memory ──▶ told to the uplink, when what is on disk is sent or can't be read
//!                                └── tried again, 0.2 s … 5 s, then piece by piece ──▶ database
//! ```
//!
//! Takes all orders that wait at once, so that one flush serves many. While memory is written back the orders that came
//! meanwhile are taken between any two pieces ([`edge_core::outbox::stand_in::write_back`]): nobody waits for more than one.

mod telling;

mod write_back;

use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_core::outbox::memory::Held;
use edge_core::outbox::stand_in::write_back::DELETED;
use edge_core::outbox::stand_in::{Served, StandIn};
use omma_protocol::backoff::Backoff;
use omma_protocol::event::{Lasting, Stamp};
use omma_protocol::id::OutboxId;
use omma_runtime::health::Part;
use omma_runtime::step::Step;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::database::{Database, Opened, Put};
use super::store::{Read, StoreError};
use super::{ORDERS, Order, ReadError, Stored, Which};
use crate::health::watchdog::Pulse;
use crate::state::OutboxState;
use crate::step;
use telling::Share;

/// How long the disk may take: orders wait meanwhile, and more than [`ORDERS`] of them would hold detection back.
const PATIENCE: Duration = Duration::from_secs(5);
const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How long closing a database that failed may take, and a write that was late, at the end.
const CLOSE: Duration = Duration::from_secs(10);
/// How long all of it may take at the end, where the process stays: one that was told to end is cut off sooner
/// ([`omma_runtime::shutdown::GRACE`]).
const END: Duration = Duration::from_secs(30);

pub(super) struct Keeper {
    database: Database,
    /// How long it waits for the disk.
    patience: Duration,
    stand_in: StandIn,
    inbox: mpsc::Receiver<Order>,
    /// To be woken when it is time to try the disk again.
    orders: mpsc::WeakSender<Order>,
    id: watch::Sender<OutboxId>,
    state: watch::Sender<OutboxState>,
    part: Part,
    pulse: Pulse,
    step: Step,
    retry: Backoff,
    /// Whether somebody will say when it is time to try the disk again.
    waking: bool,
    /// It was logged that nobody can be had who would.
    told_unwoken: bool,
    /// Since when the disk has taken nothing.
    failing: Option<Instant>,
    /// Who waits until nothing is in memory alone.
    syncing: Vec<oneshot::Sender<()>>,
    given_up: u64,
    told_given_up: Option<Instant>,
    incident_given_up: Option<Instant>,
    incident_in_memory: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(
        database: Database,
        memory: u64,
        inbox: mpsc::Receiver<Order>,
        orders: mpsc::WeakSender<Order>,
        id: watch::Sender<OutboxId>,
        state: watch::Sender<OutboxState>,
        part: Part,
    ) -> Self {
        let retry = Backoff::new(RETRY, RETRY_MAX, id.borrow().0.as_u64_pair().1);
        let stand_in = StandIn::new(*id.borrow(), memory);
        Self {
            database,
            patience: PATIENCE,
            stand_in,
            inbox,
            orders,
            id,
            state,
            part,
            pulse: Pulse::unwatched(),
            step: Step::new(step::OUTBOX),
            retry,
            waking: false,
            told_unwoken: false,
            failing: None,
            syncing: vec![],
            given_up: 0,
            told_given_up: None,
            incident_given_up: None,
            incident_in_memory: None,
        }
    }

    pub(super) fn watched(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// Opens the database; where that fails, memory stands in from now on.
    pub(super) fn open(&mut self, patience: Duration) {
        match self.database.ask(patience, Opened::open) {
            Ok(()) => {
                self.sees_the_disk();
                self.part.ready();
            }
            Err(e) => self.fails(&e),
        }
        self.tell();
    }

    pub(super) fn run(mut self) {
        let _step = self.step.span().entered();
        while self.turn() {}
    }

    /// Takes the orders that wait, and writes a piece of memory back where it is time for one. Gives whether there may be more.
    fn turn(&mut self) -> bool {
        let mut orders = Vec::with_capacity(ORDERS);
        if self.stand_in.is_returning() {
            orders.extend(std::iter::from_fn(|| self.inbox.try_recv().ok()).take(ORDERS));
        } else {
            self.pulse.rest();
            if self.inbox.blocking_recv_many(&mut orders, ORDERS) == 0 {
                return false;
            }
        }
        self.pulse.beat();
        let (mut put, mut end, mut due) = (vec![], None, false);
        for order in orders {
            match order {
                Order::Put(what) => put.extend(what),
                Order::Delete(of, sequences) => self.delete(of, sequences),
                Order::Read(which, answer) => {
                    let found = self.read(which);
                    // Who asked may have stopped waiting.
                    drop(answer.send(found));
                }
                Order::Sync(answer) => self.syncing.push(answer),
                Order::TryAgain => (self.waking, due) = (false, true),
                Order::End(answer) => end = Some(answer),
            }
        }
        self.put(put);
        if due || self.stand_in.is_returning() {
            self.write_back();
        }
        if self.stand_in.is_on() && !self.stand_in.is_returning() {
            // Where nobody could be had for it.
            self.wake_later();
        }
        self.tell();
        if !self.stand_in.is_on() {
            // Who asked may have stopped waiting.
            self.syncing.drain(..).for_each(|answer| answer.send(()).unwrap_or_default());
        }
        if let Some(answer) = end {
            self.end();
            // As above.
            answer.send(()).unwrap_or_default();
            return false;
        }
        true
    }

    fn put(&mut self, what: Vec<Lasting>) {
        if what.is_empty() {
            return;
        }
        let began = Instant::now();
        what.iter().for_each(|_| self.step.done());
        let was_on_disk = !self.stand_in.is_on();
        let rest = if was_on_disk { self.put_on_disk(what) } else { what };
        let given_up: usize = if was_on_disk && self.database.is_putting() {
            self.stand_in.put_late(rest).len()
        } else {
            rest.into_iter().map(|lasting| self.stand_in.put(lasting).len()).sum()
        };
        self.step.observe(began.elapsed());
        self.gave_up(given_up, Share::Memory);
    }

    /// Gives what the disk has not taken; then memory stands in.
    fn put_on_disk(&mut self, what: Vec<Lasting>) -> Vec<Lasting> {
        let what = Arc::new(what);
        let batch = Arc::clone(&what);
        let put = self.database.ask_to_put(self.patience, move |opened| opened.put(&[], &[], &batch));
        let (kept, error) = match put {
            Ok(put) => {
                self.sees_the_disk();
                let kept = (put.before + 1..).zip(what.iter().take(put.kept));
                kept.for_each(|(sequence, lasting)| self.stand_in.kept(sequence, lasting.clone()));
                self.disk_gave_up(&put);
                (put.kept, put.error)
            }
            Err(e) => (0, Some(e)),
        };
        if let Some(e) = error {
            self.fails(&e);
        }
        what[kept..].to_vec()
    }

    fn disk_gave_up(&mut self, put: &Put) {
        self.stand_in.gone(&put.given_up);
        self.gave_up(put.given_up.len(), Share::Disk);
    }

    /// The outbox on disk may be another one than before.
    fn sees_the_disk(&mut self) {
        if let Some(view) = self.database.view() {
            self.stand_in.disk_is(view.id);
        }
    }

    /// The disk takes nothing, or can't be read: memory stands in, and it is tried again.
    fn fails(&mut self, e: &StoreError) {
        if self.failing.is_none() {
            tracing::error!(error = %e, "the outbox's disk takes nothing: events go on in memory, and are sent from there");
            self.failing = Some(Instant::now());
        }
        metrics::counter!("omma_outbox_failures_total").increment(1);
        self.part.not_ready(e.to_string());
        self.sees_the_disk();
        let given_up = self.stand_in.begin(OutboxId(Uuid::new_v4()), self.database.view().is_some());
        self.wake_later();
        // At once: what is read from now on may be of the other outbox.
        self.tell();
        self.gave_up(given_up.len(), Share::Memory);
    }

    /// A thread of its own, because the inbox has no clock. Where the system gives none, the next order asks for one again.
    fn wake_later(&mut self) {
        if std::mem::replace(&mut self.waking, true) {
            return;
        }
        let (delay, orders) = (self.retry.next_delay(), self.orders.clone());
        let waking = std::thread::Builder::new().name("outbox retry".to_owned()).spawn(move || {
            std::thread::sleep(delay);
            if let Some(orders) = orders.upgrade() {
                // Where it has ended, nobody is to be woken.
                orders.blocking_send(Order::TryAgain).unwrap_or_default();
            }
        });
        self.waking = waking.is_ok();
        match waking {
            Ok(_) => self.told_unwoken = false,
            Err(e) if !std::mem::replace(&mut self.told_unwoken, true) => {
                tracing::error!(error = %e, "the outbox's disk can't be tried again before the system gives a thread");
            }
            Err(_) => {}
        }
    }

    fn served(&self) -> Served {
        self.stand_in.served(self.database.view().map_or(0, |view| view.state.waiting))
    }

    fn read(&mut self, mut which: Which) -> Result<Option<Stored>, ReadError> {
        if self.served() == Served::Memory {
            return Ok(self.read_memory(which));
        }
        loop {
            let Read { found, damaged } =
                self.database.ask(self.patience, move |opened| opened.store()?.read(which)).map_err(|e| {
                    self.fails(&e);
                    ReadError::Failed
                })?;
            if let Some(view) = self.database.view().filter(|_| !damaged.is_empty()) {
                self.are_damaged(&damaged);
                // As what was acknowledged: a disk that takes nothing now forgets them later.
                self.delete(view.id, damaged);
            }
            // A disk that takes nothing has it yet.
            let Some(arrived) =
                found.as_ref().map(|found| found.stamp.sequence).filter(|it| self.stand_in.is_deleted(*it))
            else {
                return Ok(found);
            };
            match &mut which {
                Which::Exactly(_) => return Ok(None),
                Which::First { from, .. } => *from = arrived.saturating_add(1),
            }
        }
    }

    fn read_memory(&self, which: Which) -> Option<Stored> {
        let memory = self.stand_in.memory()?;
        let of = |(sequence, held): (u64, &Held)| Stored {
            stamp: Stamp { outbox: memory.id(), sequence },
            what: held.what.clone(),
        };
        match which {
            Which::Exactly(sequence) => memory.get(sequence).map(|held| of((sequence, held))),
            Which::First { kind, from, to } => memory.first(kind, from, to).map(of),
        }
    }

    fn delete(&mut self, of: OutboxId, sequences: Vec<u64>) {
        self.stand_in.acknowledged(of, &sequences);
        // What of it lies on a disk that takes nothing goes with what is saved.
        if self.database.view().is_none() {
            return;
        }
        loop {
            self.pulse.beat();
            let deleted = self.stand_in.deleted(DELETED);
            if deleted.is_empty() {
                return;
            }
            let going = deleted.clone();
            match self.database.ask(self.patience, move |opened| opened.store()?.delete(&going)) {
                Ok(()) => self.stand_in.gone(&deleted),
                Err(e) => return self.fails(&e),
            }
        }
    }
}
