//! The thread that owns the database.
//!
//! Takes all orders that wait at once, so that one flush serves many: `put… → flush → tell the uplink`.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use omma_protocol::backoff::Backoff;
use omma_protocol::event::Lasting;
use omma_protocol::id::{IncidentId, OutboxId};
use omma_protocol::incident::{Incident, IncidentKind};
use omma_runtime::health::Part;
use omma_runtime::step::Step;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::store::{self, Settled, Store, StoreError};
use super::{ORDERS, Order};
use crate::clock;
use crate::health::watchdog::Pulse;
use crate::state::OutboxState;

const RETRY: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How often orders are looked for while the disk is full.
const IDLE: Duration = Duration::from_millis(5);
/// How often it is said that things are given up.
const TELL_AGAIN: Duration = Duration::from_secs(300);
/// How often that is told as an incident while it goes on.
const TELL_AS_INCIDENT: Duration = Duration::from_secs(6 * 3600);
/// How long closing a database that failed may take.
const CLOSE: Duration = Duration::from_secs(10);
/// A database that opens but fails as damaged this often in a row is set aside.
const DAMAGED_ATTEMPTS: u32 = 5;
/// When what a full disk left undone about damaged databases is tried again.
const SETTLE_AGAIN: Duration = Duration::from_secs(300);

pub(super) struct Keeper {
    folder: PathBuf,
    budget: u64,
    /// `None` between a failure and the next try.
    store: Option<Store>,
    inbox: mpsc::Receiver<Order>,
    /// Orders that were taken while the disk was full and could not be done, [`ORDERS`] at the most.
    held: VecDeque<Order>,
    id: watch::Sender<OutboxId>,
    state: watch::Sender<OutboxState>,
    part: Part,
    pulse: Pulse,
    step: Step,
    retry: Backoff,
    settled: Settled,
    /// From when on something may be left to do about damaged databases.
    unsettled: Option<Instant>,
    given_up: u64,
    told_given_up: Option<Instant>,
    incident_given_up: Option<Instant>,
}

impl Keeper {
    pub(super) fn new(
        folder: PathBuf,
        budget: u64,
        store: Option<Store>,
        inbox: mpsc::Receiver<Order>,
        id: watch::Sender<OutboxId>,
        state: watch::Sender<OutboxState>,
        part: Part,
    ) -> Self {
        let step = Step::new("outbox");
        let retry = Backoff::new(RETRY, RETRY_MAX, id.borrow().0.as_u64_pair().1);
        let keeper = Self {
            folder,
            budget,
            store,
            inbox,
            held: VecDeque::new(),
            id,
            state,
            part,
            pulse: Pulse::unwatched(),
            step,
            retry,
            settled: Settled::default(),
            unsettled: Some(Instant::now()),
            given_up: 0,
            told_given_up: None,
            incident_given_up: None,
        };
        keeper.tell();
        keeper
    }

    pub(super) fn watched(self, pulse: Pulse) -> Self {
        Self { pulse, ..self }
    }

    /// What was done about damaged databases before this.
    pub(super) fn after(self, settled: Settled) -> Self {
        Self { settled, ..self }
    }

    #[cfg(test)]
    pub(super) fn already_settled(self) -> Self {
        Self { unsettled: None, ..self }
    }

    pub(super) fn run(mut self) {
        let _step = self.step.span().entered();
        if self.serve().is_err() {
            self.part.not_ready("the outbox hangs in its database");
            tracing::error!("the outbox hangs in its database: what waited in memory is lost; start the program again");
        }
    }

    fn serve(&mut self) -> Result<(), Hangs> {
        // Nothing is taken before the disk can be used and what the last run left open is closed. What waits is sent.
        self.settle()?;
        self.insist(Store::close_what_was_left_open)?;
        self.part.ready();
        let mut orders = Vec::with_capacity(ORDERS);
        loop {
            self.settle()?;
            orders.extend(self.held.drain(..));
            if orders.is_empty() {
                self.pulse.rest();
                if self.inbox.blocking_recv_many(&mut orders, ORDERS) == 0 {
                    return Ok(());
                }
            }
            let mut put = vec![];
            let mut synced = vec![];
            let mut end = None;
            for order in orders.drain(..) {
                match order {
                    Order::Put(what) => put.extend(what),
                    Order::Delete(of, sequences) => self.insist(|store| store.delete_of(of, &sequences))?,
                    Order::Read(which, answer) => {
                        let mut found = None;
                        self.insist(|store| {
                            found = store.read(which)?;
                            Ok(())
                        })?;
                        // Who asked may have stopped waiting.
                        drop(answer.send(found));
                    }
                    Order::Sync(answer) => synced.push(answer),
                    Order::End(answer) => end = Some(answer),
                }
            }
            self.put(&put)?;
            self.tell();
            // Who asked may have stopped waiting.
            synced.into_iter().for_each(|answer| answer.send(()).unwrap_or_default());
            if let Some(answer) = end {
                return self.end(answer);
            }
        }
    }

    /// What is left to do about damaged databases. It gives numbers: never while a put is under way.
    fn settle(&mut self) -> Result<(), Hangs> {
        if self.unsettled.is_none_or(|from| Instant::now() < from) {
            return Ok(());
        }
        let (folder, mut settled) = (self.folder.clone(), std::mem::take(&mut self.settled));
        let mut all = false;
        let done = self.insist(|store| {
            all = store.settle(&folder, &mut settled)?;
            Ok(())
        });
        self.settled = settled;
        self.unsettled = if all { None } else { Some(Instant::now() + SETTLE_AGAIN) };
        self.tell();
        done
    }

    fn put(&mut self, what: &[Lasting]) -> Result<(), Hangs> {
        if what.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut given_up = vec![];
        let mut begun: Option<(OutboxId, u64)> = None;
        let done = self.insist(|store| {
            // After a failure the database may have kept some of these, in order; or it may be a new one.
            let first = match begun {
                Some((id, first)) if id == store.id() => first,
                _ => store.newest(),
            };
            begun = Some((store.id(), first));
            let put = loop {
                let Some(lasting) = what.get(store.newest().saturating_sub(first) as usize) else { break Ok(()) };
                if let Err(e) = store.take(lasting, &mut given_up) {
                    break Err(e);
                }
            };
            match put {
                // What found room can be sent meanwhile.
                Err(e) if !matches!(e, StoreError::Full { .. }) => Err(e),
                put => store.flush().and(put),
            }
        });
        let incident = if given_up.is_empty() { None } else { self.gave_up(given_up.len() as u64) };
        done?;
        self.step.observe(began.elapsed());
        what.iter().for_each(|_| self.step.done());
        // What is given up for it is counted, and is no new incident.
        incident.map_or(Ok(()), |incident| self.put(&[Lasting::Incident(incident)]))
    }

    /// What is to be told of it, where it is time for that.
    fn gave_up(&mut self, count: u64) -> Option<Incident> {
        self.given_up += count;
        self.step.dropped_many("disk budget", count);
        // Over the budget this happens with every picture; an operator needs to be told, not flooded.
        if self.told_given_up.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            self.told_given_up = Some(Instant::now());
            let given_up = self.given_up;
            tracing::warn!(given_up, "outbox.budget_mb is used up: the oldest pictures and closed events are given up");
        }
        if self.incident_given_up.is_some_and(|told| told.elapsed() < TELL_AS_INCIDENT) {
            return None;
        }
        self.incident_given_up = Some(Instant::now());
        let said = format!(
            "outbox.budget_mb is used up: the oldest pictures and closed events are given up, {} since the start",
            self.given_up
        );
        let id = IncidentId(Uuid::new_v4());
        Some(Incident::new(id, clock::system_date(), IncidentKind::OutboxGaveUp, &said))
    }

    /// Does `work` until it succeeds, opening the database again after each failure.
    fn insist(&mut self, mut work: impl FnMut(&mut Store) -> Result<(), StoreError>) -> Result<(), Hangs> {
        while let Err(e) = self.attempt(&mut work) {
            if self.retry.attempts() == 0 {
                tracing::error!(error = %e, "the outbox fails: events wait in memory; is the disk full?");
            }
            metrics::counter!("omma_outbox_failures_total").increment(1);
            self.part.not_ready(e.to_string());
            if !matches!(e, StoreError::Full { .. })
                && let Some(store) = self.store.take()
            {
                close(store)?;
            }
            if let StoreError::Damaged(reason) = &e
                && self.retry.attempts() >= DAMAGED_ATTEMPTS
                && let Err(e) = store::set_aside(&self.folder, reason)
            {
                tracing::debug!(error = %e, "outbox");
            }
            let delay = self.retry.next_delay();
            match e {
                StoreError::Full { .. } => self.serve_the_uplink(delay),
                _ => std::thread::sleep(delay),
            }
        }
        if self.retry.attempts() > 0 {
            self.retry.succeeded();
            self.part.ready();
            tracing::info!("the outbox works again");
        }
        Ok(())
    }

    /// While the disk is full: what is acknowledged makes room.
    fn serve_the_uplink(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            let order = if self.held.len() < ORDERS { self.inbox.try_recv().ok() } else { None };
            let Some(order) = order else {
                std::thread::sleep(IDLE);
                continue;
            };
            let mut found = None;
            let done = self.attempt(&mut |store| match &order {
                Order::Read(which, _) => {
                    found = store.read(*which)?;
                    Ok(true)
                }
                Order::Delete(of, sequences) => store.delete_of(*of, sequences).map(|()| true),
                Order::Put(_) | Order::Sync(_) | Order::End(_) => Ok(false),
            });
            match (done, order) {
                // Who asked may have stopped waiting.
                (Ok(true), Order::Read(_, answer)) => drop(answer.send(found)),
                (Ok(true), _) => {}
                (_, order) => self.held.push_back(order),
            }
            self.tell();
        }
    }

    fn attempt<T>(&mut self, work: &mut impl FnMut(&mut Store) -> Result<T, StoreError>) -> Result<T, StoreError> {
        // A disk that fails is tried for as long as it takes; one that never answers is not.
        self.pulse.beat();
        let store = match &mut self.store {
            Some(store) => store,
            None => {
                let store = Store::open_or_set_aside(&self.folder, self.budget)?;
                self.unsettled = Some(Instant::now());
                // The state first: whoever sees the new id must not see the old one's newest number with it.
                self.tell_of(&store);
                self.id.send_replace(store.id());
                self.store.insert(store)
            }
        };
        // sled panics on some damage; a panic here would take the outbox from everyone for good.
        catch_unwind(AssertUnwindSafe(|| work(store)))
            .unwrap_or_else(|_| Err(StoreError::Damaged("sled panicked".to_owned())))
    }

    fn tell(&self) {
        if let Some(store) = &self.store {
            self.tell_of(store);
        }
    }

    fn tell_of(&self, store: &Store) {
        let state = OutboxState { given_up: self.given_up, ..store.state() };
        metrics::gauge!("omma_outbox_waiting").set(state.waiting as f64);
        metrics::gauge!("omma_outbox_bytes").set(state.bytes as f64);
        metrics::gauge!("omma_outbox_newest").set(state.newest as f64);
        metrics::gauge!("omma_outbox_set_aside").set(state.set_aside as f64);
        self.state.send_if_modified(|told| std::mem::replace(told, state) != state);
    }

    fn end(&mut self, answer: oneshot::Sender<()>) -> Result<(), Hangs> {
        self.insist(Store::flush)?;
        if let Some(store) = self.store.take() {
            close(store)?;
        }
        answer.send(()).unwrap_or_default();
        Ok(())
    }
}

/// The database does not end, and keeps its lock: only another process can open it again.
#[derive(Debug)]
struct Hangs;

/// Ends a database that may have failed: that may fail too, and sled may wait for ever for what it could not write.
fn close(store: Store) -> Result<(), Hangs> {
    let (tell, told) = std::sync::mpsc::channel();
    let closing = std::thread::Builder::new().name("outbox end".to_owned()).spawn(move || {
        drop(catch_unwind(AssertUnwindSafe(|| drop(store))));
        // Nobody waits any more where it took too long.
        tell.send(()).unwrap_or_default();
    });
    closing.map_err(|_| Hangs)?;
    told.recv_timeout(CLOSE).map_err(|_| Hangs)
}
