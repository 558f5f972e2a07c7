//! The thread that owns the database, so that nobody waits for a disk longer than they like.
//!
//! ```text
//! keeper ──ask(patience)──▶ thread: open, settle, put, read, delete
//!        ◀──answer, or Silent when the patience is over
//! ```
//!
//! A disk may take minutes to answer, and sled may wait for ever for what a disk did not take: then the thread is late, and
//! whatever else is asked of it is answered at once with [`StoreError::Silent`]. sled's own threads are of the whole process,
//! so that one database which hangs lets no other one work: only the next start does.
//!
//! A disk that is full or read-only is noticed before sled tries to write: the database stays open and can be read.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::{Duration, Instant};

use edge_core::outbox::stand_in::write_back::Taken;
use omma_protocol::event::{Event, Lasting};
use omma_protocol::id::OutboxId;
use omma_runtime::crash;

use super::store::{self, Settled, Store, StoreError};
use crate::state::OutboxState;
use crate::step;

/// A database that opens but fails as damaged more often than this within [`DAMAGED_WITHIN`] is set aside, though in between
/// it works: one page that can't be read hinders no put.
const DAMAGED_ATTEMPTS: u32 = 5;
const DAMAGED_WITHIN: Duration = Duration::from_secs(3600);
/// When what a full disk left undone about damaged databases is tried again.
const SETTLE_AGAIN: Duration = Duration::from_secs(300);

/// What the database is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct View {
    pub(super) id: OutboxId,
    pub(super) state: OutboxState,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) struct Put {
    /// The number before the first.
    pub(super) before: u64,
    /// How many of them are on disk, from the first on.
    pub(super) kept: usize,
    /// What went for them, by number.
    pub(super) given_up: Vec<u64>,
    /// Why not all are.
    pub(super) error: Option<StoreError>,
}

impl Put {
    /// As memory is told of it.
    pub(super) fn taken(&self) -> Taken {
        // What a disk deleted that failed then it may have again when it is opened.
        let deleted = !matches!(self.error, Some(StoreError::Io { .. } | StoreError::Damaged(_)));
        Taken { before: self.before, kept: self.kept, deleted }
    }
}

/// The handle on the thread. Owned by the keeper.
#[derive(Debug)]
pub(super) struct Database {
    jobs: Sender<Job>,
    /// Ends when the job that was not waited for is done.
    late: Option<Receiver<()>>,
    /// The answer of that job, where it puts something.
    late_put: Option<Receiver<Answer<Put>>>,
    view: Option<View>,
}

type Answer<T> = (Result<T, StoreError>, Option<View>);
type Job = Box<dyn FnOnce(&mut Opened) + Send>;

impl Database {
    /// Nothing is opened yet, unless it is already.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn start(folder: &Path, budget: u64, store: Option<Store>) -> Result<Self, StoreError> {
        let view = store.as_ref().map(View::of);
        let jobs = Opened::start(Opened { store, ..Opened::new(folder, budget) })?;
        Ok(Self { jobs, late: None, late_put: None, view })
    }

    /// What it is like, as far as is known; `None` where it can't be read.
    pub(super) fn view(&self) -> Option<View> {
        self.view
    }

    /// Has the thread do something, and waits for that, but not longer than `patience`.
    pub(super) fn ask<T: Send + 'static>(
        &mut self,
        patience: Duration,
        work: impl FnOnce(&mut Opened) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (told, ended) = self.begin(work)?;
        self.wait(patience, &told, ended)
    }

    /// As [`Database::ask`]; where that is [`StoreError::Silent`] and [`Database::is_putting`], the answer comes with
    /// [`Database::late_put`].
    pub(super) fn ask_to_put(
        &mut self,
        patience: Duration,
        work: impl FnOnce(&mut Opened) -> Result<Put, StoreError> + Send + 'static,
    ) -> Result<Put, StoreError> {
        let (told, ended) = self.begin(work)?;
        let put = self.wait(patience, &told, ended);
        self.late_put = self.late.is_some().then_some(told);
        put
    }

    fn begin<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Opened) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<(Receiver<Answer<T>>, Receiver<()>), StoreError> {
        if self.is_late() {
            return Err(StoreError::Silent);
        }
        let (tell, told) = mpsc::channel();
        let (done, ended) = mpsc::channel();
        let job = move |opened: &mut Opened| {
            let answer = opened.guarded(work);
            // Who asked may have stopped waiting.
            tell.send((answer, opened.store.as_ref().map(View::of))).unwrap_or_default();
            drop::<Sender<()>>(done);
        };
        self.jobs.send(Box::new(job)).map_err(|_| gone())?;
        Ok((told, ended))
    }

    fn wait<T>(
        &mut self,
        patience: Duration,
        told: &Receiver<Answer<T>>,
        ended: Receiver<()>,
    ) -> Result<T, StoreError> {
        match told.recv_timeout(patience) {
            Ok((answer, view)) => {
                self.view = view;
                answer
            }
            Err(RecvTimeoutError::Timeout) => {
                (self.view, self.late) = (None, Some(ended));
                Err(StoreError::Silent)
            }
            Err(RecvTimeoutError::Disconnected) => {
                self.view = None;
                Err(gone())
            }
        }
    }

    /// Waits until the thread is no longer late, but not longer than `patience`.
    pub(super) fn wait_for_late(&mut self, patience: Duration) {
        self.late.take_if(|ended| ended.recv_timeout(patience) == Err(RecvTimeoutError::Disconnected));
    }

    /// The thread answers nothing until it is told to.
    #[cfg(test)]
    pub(super) fn hold(&self) -> Sender<()> {
        let (release, released) = mpsc::channel();
        self.jobs.send(Box::new(move |_| released.recv().unwrap_or_default())).expect("it runs");
        release
    }

    /// Whether what became of a put is not known yet.
    pub(super) fn is_putting(&self) -> bool {
        self.late_put.is_some()
    }

    /// What became of the put that was not waited for, once. `None` where there was none.
    ///
    /// # Errors
    /// [`StoreError::Silent`] while the thread is at it; then it is asked for again.
    pub(super) fn late_put(&mut self) -> Option<Result<Put, StoreError>> {
        if self.late_put.is_some() && self.is_late() {
            return Some(Err(StoreError::Silent));
        }
        let told = self.late_put.take()?;
        let (answer, view) = told.try_recv().unwrap_or_else(|_| (Err(gone()), None));
        self.view = view;
        Some(answer)
    }

    /// Whether the thread is still at what nobody waits for any more.
    fn is_late(&mut self) -> bool {
        self.late.take_if(|ended| ended.try_recv() == Err(TryRecvError::Disconnected));
        self.late.is_some()
    }
}

fn gone() -> StoreError {
    StoreError::Io { doing: "use the outbox's database", reason: "its thread is gone".to_owned() }
}

impl View {
    fn of(store: &Store) -> Self {
        Self { id: store.id(), state: store.state() }
    }
}

/// Frees what sled has replaced. It leaves that to crossbeam-epoch, which frees some whenever somebody works, once its epoch
/// has gone on twice: after the last record of a busy minute half a megabyte stayed until the next one.
fn give_back() {
    const TURNS: usize = 8;
    for _ in 0..TURNS {
        crossbeam_epoch::pin().flush();
    }
}

/// What the thread has.
#[derive(Debug)]
pub(super) struct Opened {
    folder: PathBuf,
    budget: u64,
    /// `None` between a failure and the next try.
    store: Option<Store>,
    /// Whether the disk refused something since it was opened.
    refused: bool,
    /// Whether what the last run left open is closed.
    closed: bool,
    settled: Settled,
    /// From when on something may be left to do about damaged databases.
    unsettled: Option<Instant>,
    damaged: u32,
    /// The first of those.
    damaged_from: Instant,
}

impl Opened {
    fn new(folder: &Path, budget: u64) -> Self {
        let (settled, unsettled) = (Settled::default(), Some(Instant::now()));
        let (folder, damaged_from) = (folder.to_owned(), Instant::now());
        let (store, refused, closed, damaged) = (None, false, false, 0);
        Self { folder, budget, store, refused, closed, settled, unsettled, damaged, damaged_from }
    }

    fn start(mut opened: Self) -> Result<Sender<Job>, StoreError> {
        let (jobs, inbox) = mpsc::channel::<Job>();
        let work = move || {
            let _outbox = step::OUTBOX.span().entered();
            for job in inbox {
                job(&mut opened);
                give_back();
            }
            opened.let_go();
        };
        std::thread::Builder::new()
            .name("outbox disk".to_owned())
            .spawn(work)
            .map_err(|e| StoreError::Io { doing: "start the outbox's thread", reason: e.to_string() })?;
        Ok(jobs)
    }

    /// sled panics on some damage; a panic here would take the outbox from everyone for good.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let done = catch_unwind(AssertUnwindSafe(|| work(self)))
            .unwrap_or_else(|_| Err(StoreError::Damaged("sled panicked".to_owned())));
        if let Err(e) = &done {
            self.failed(e);
        }
        done
    }

    /// What was not tried harms nothing. After any other failure sled is of no use until it is opened again.
    fn failed(&mut self, e: &StoreError) {
        self.refused |= matches!(e, StoreError::Refused { .. });
        if matches!(e, StoreError::Full { .. } | StoreError::Refused { .. }) {
            return;
        }
        if matches!(e, StoreError::Damaged(_)) {
            if self.damaged == 0 || self.damaged_from.elapsed() > DAMAGED_WITHIN {
                (self.damaged, self.damaged_from) = (0, Instant::now());
            }
            self.damaged += 1;
        }
        self.let_go();
        if let StoreError::Damaged(reason) = e
            && self.damaged > DAMAGED_ATTEMPTS
        {
            match store::set_aside(&self.folder, reason) {
                Ok(_) => self.damaged = 0,
                Err(e) => tracing::debug!(error = %e, "outbox"),
            }
        }
    }

    /// sled panics where the disk does not take its last bytes. That is the disk's fault, which is told as such, and no crash.
    fn let_go(&mut self) {
        if let Some(store) = self.store.take()
            && let Err(said) = crash::contained(|| drop(store))
        {
            tracing::debug!(said, "close the outbox's database");
        }
    }

    /// Opens what is not open, and does what is left to do before anything new is taken.
    ///
    /// # Errors
    /// When the disk does not let us. On a full or read-only one it may be open all the same.
    pub(super) fn open(&mut self) -> Result<(), StoreError> {
        if let Some(store) = self.store.as_ref().filter(|_| self.refused) {
            store.is_there()?;
            // It may lie on another disk now than the one whose files are open, or that one may have lost what was not flushed.
            self.let_go();
        }
        self.refused = false;
        let Self { folder, budget, settled, .. } = self;
        let store = match &mut self.store {
            Some(store) => store,
            None => {
                self.unsettled = Some(Instant::now());
                self.store.insert(Store::open_or_set_aside(folder, *budget)?)
            }
        };
        // It gives numbers: never while a put is under way.
        if self.unsettled.is_some_and(|from| Instant::now() >= from) {
            let all = store.settle(folder, settled)?;
            self.unsettled = if all { None } else { Some(Instant::now() + SETTLE_AGAIN) };
        }
        if !self.closed {
            store.close_what_was_left_open()?;
            self.closed = true;
        }
        Ok(())
    }

    /// Puts things in, in order, as many as there is room for, after `deleted` went, and after it is known how far events are
    /// whose states have `passed` the disk by.
    pub(super) fn put(&mut self, deleted: &[u64], passed: &[Event], what: &[Lasting]) -> Result<Put, StoreError> {
        self.open()?;
        let Some(store) = &mut self.store else { return Err(StoreError::Silent) };
        if !deleted.is_empty() {
            store.delete(deleted)?;
        }
        if !passed.is_empty() {
            store.passed_by(passed)?;
        }
        let mut put = Put { before: store.newest(), kept: 0, given_up: vec![], error: None };
        for lasting in what {
            if let Err(e) = store.take(lasting, &mut put.given_up) {
                put.error = Some(e);
                break;
            }
        }
        let taken = store.newest();
        // What found room can be sent, whatever came of the rest; what is not flushed may not.
        if taken > put.before {
            match store.flush() {
                Ok(()) => put.kept = (taken - put.before) as usize,
                Err(e) => put.error = Some(e),
            }
        }
        if let Some(e) = &put.error {
            self.failed(&e.clone());
        }
        Ok(put)
    }

    /// The database, where it is open.
    ///
    /// # Errors
    /// Where it is not.
    pub(super) fn store(&mut self) -> Result<&mut Store, StoreError> {
        self.store.as_mut().ok_or(StoreError::Silent)
    }

    /// Ends the database.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        let flushed = self.store.as_mut().map_or(Ok(()), Store::flush);
        self.let_go();
        flushed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_takes_things_but_cannot_be_read_is_set_aside_at_last() {
        let folder = tempfile::tempdir().unwrap();
        let mut opened = Opened::new(folder.path(), 1 << 20);
        let mut ids = vec![];
        for _ in 0..=DAMAGED_ATTEMPTS + 1 {
            opened.put(&[], &[], &[]).unwrap();
            ids.push(opened.store().unwrap().id());
            opened.guarded(|_| Err::<(), _>(StoreError::Damaged("a page".to_owned()))).unwrap_err();
        }
        let (last, before) = ids.split_last().unwrap();
        assert!(before.iter().all(|id| id == &before[0]) && last != &before[0], "{ids:?}");
    }
}
