//! How memory goes to a disk that takes something again, a piece at a time, and what of it goes at the end.

use std::sync::Arc;
use std::time::Instant;

use super::{CLOSE, END, Keeper, Opened};
use crate::outbox::database::Put;
use crate::outbox::store::StoreError;

impl Keeper {
    /// The next piece of what is in memory, where the disk takes it.
    pub(super) fn write_back(&mut self) {
        if !self.stand_in.is_on() {
            return;
        }
        match self.write_piece() {
            Ok(()) if self.stand_in.is_on() => {}
            Ok(()) => {
                self.retry.succeeded();
                self.failing = None;
                self.part.ready();
                tracing::info!("the outbox's disk works again, and has what waited in memory");
            }
            Err(e) => {
                self.fails(&e);
                self.tell_as_incident(&e);
            }
        }
    }

    /// The next piece of what is in memory. With the last one memory no longer stands in.
    fn write_piece(&mut self) -> Result<(), StoreError> {
        if let Some(put) = self.database.late_put() {
            return self.hears_of(put);
        }
        if !self.stand_in.is_returning() {
            self.database.ask(self.patience, Opened::open)?;
            self.sees_the_disk();
        }
        let piece = Arc::new(self.stand_in.piece());
        let writing = Arc::clone(&piece);
        let put = move |opened: &mut Opened| opened.put(&writing.deleted, &writing.passed, &writing.records);
        let put = self.database.ask_to_put(self.patience, put);
        if self.database.is_putting() {
            self.stand_in.is_late(&piece);
        }
        let put = put?;
        self.stand_in.written(&piece, put.taken());
        self.disk_gave_up(&put);
        put.error.map_or(Ok(()), Err)
    }

    /// What became of the put that was not waited for. Nothing else is written before that is known: the disk would get the
    /// same records again.
    fn hears_of(&mut self, put: Result<Put, StoreError>) -> Result<(), StoreError> {
        let put = put.inspect_err(|e| {
            if *e != StoreError::Silent || !self.database.is_putting() {
                self.stand_in.nothing_is_late();
            }
        })?;
        self.sees_the_disk();
        self.stand_in.written_late(put.taken());
        self.disk_gave_up(&put);
        put.error.map_or(Ok(()), Err)
    }

    /// What is in memory is lost where the disk does not take it now. A disk that is slow is waited for, at most [`END`].
    pub(super) fn end(&mut self) {
        let until = Instant::now() + END;
        let mut written = Ok(());
        while self.stand_in.is_on() {
            self.pulse.beat();
            let left = until.saturating_duration_since(Instant::now());
            self.database.wait_for_late(left.min(CLOSE));
            written = self.write_piece();
            match &written {
                _ if left.is_zero() => break,
                Ok(()) => {}
                // The next piece is of one record again.
                Err(StoreError::Silent) => self.fails(&StoreError::Silent),
                Err(_) => break,
            }
        }
        let lost = self.stand_in.count_unsaved();
        if lost > 0 {
            let e = written.err().unwrap_or(StoreError::Silent);
            self.step.dropped_many("no disk at the end", lost);
            tracing::error!(lost, error = %e, "the outbox's disk takes nothing: what waited in memory is lost");
        }
        if let Err(e) = self.database.ask(CLOSE, Opened::close) {
            tracing::debug!(error = %e, "close the outbox's database");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use edge_core::outbox::stand_in::write_back::RECORDS;
    use omma_protocol::event::{Lasting, Phase};
    use omma_protocol::id::OutboxId;
    use omma_runtime::health::Health;
    use tokio::sync::{mpsc, oneshot, watch};
    use uuid::Uuid;

    use super::*;
    use crate::outbox::record::tests::event;
    use crate::outbox::store::Store;
    use crate::outbox::store::tests::history::copy;
    use crate::outbox::{Database, MEMORY, ORDERS, Order, Which};
    use crate::state::OutboxState;

    fn state(n: u32) -> Lasting {
        Lasting::Event(event(n.into(), Phase::Closed, 2))
    }

    /// What a database has, by its numbers.
    fn on_disk(store: &Store) -> Vec<Lasting> {
        let read = |sequence| store.read(Which::Exactly(sequence)).unwrap().found.map(|stored| stored.what);
        (1..=store.newest()).map_while(read).collect()
    }

    type Handles = (Keeper, mpsc::Sender<Order>, watch::Receiver<OutboxId>, watch::Receiver<OutboxState>);

    fn keeper(folder: &Path) -> Handles {
        let (orders, inbox) = mpsc::channel(ORDERS);
        let (id, told) = watch::channel(OutboxId(Uuid::new_v4()));
        let (state, seen) = watch::channel(OutboxState::default());
        let database = Database::start(folder, 1 << 30, None).unwrap();
        let part = Health::new().part("outbox");
        (Keeper::new(database, MEMORY, inbox, orders.downgrade(), id, state, part), orders, told, seen)
    }

    /// On a disk that takes nothing it stays, and was logged each time that it was met.
    #[test]
    fn a_damaged_record_that_cannot_be_deleted_is_told_once() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keeper, ..) = keeper(folder.path());
        keeper.open(Duration::from_secs(60));
        let disk = keeper.database.view().unwrap().id;
        assert_eq!(keeper.untold(&[1, 2]), [1, 2]);
        keeper.stand_in.acknowledged(disk, &[1, 2]);
        assert_eq!(keeper.untold(&[1, 2, 3]), [3]);
    }

    /// A keeper whose disk has not answered in time for what was put, and answers when it is told to.
    fn late(folder: &Path) -> (Handles, std::sync::mpsc::Sender<()>) {
        let mut handles = keeper(folder);
        let keeper = &mut handles.0;
        keeper.open(Duration::from_secs(60));
        // Nobody but the test says when the disk is tried.
        (keeper.waking, keeper.patience) = (true, Duration::ZERO);
        let answers = keeper.database.hold();
        keeper.put((1..=3).map(state).collect());
        assert_eq!(keeper.stand_in.count_unsaved(), 3, "the disk is late");
        (handles, answers)
    }

    /// What a late disk took once was thrown away, and each try gave it another copy.
    #[test]
    fn a_disk_that_answers_too_late_gets_no_record_twice() {
        let folder = tempfile::tempdir().unwrap();
        let ((mut keeper, _orders, _told, _seen), answers) = late(folder.path());
        for _ in 0..3 {
            keeper.write_back();
            assert_eq!(keeper.stand_in.count_unsaved(), 3, "it still is");
        }
        answers.send(()).unwrap();
        keeper.database.wait_for_late(Duration::from_secs(60));
        keeper.write_back();
        assert!(!keeper.stand_in.is_on(), "it has all");

        // Nor does it where pieces are late.
        let answers = keeper.database.hold();
        keeper.put(vec![state(4)]);
        keeper.put(vec![state(5)]);
        answers.send(()).unwrap();
        keeper.database.wait_for_late(Duration::from_secs(60));
        keeper.write_back();
        assert_eq!(keeper.stand_in.count_unsaved(), 1);
        let answers = keeper.database.hold();
        keeper.write_back();
        keeper.write_back();
        assert_eq!(keeper.stand_in.count_unsaved(), 1);
        answers.send(()).unwrap();
        while keeper.stand_in.is_on() {
            keeper.database.wait_for_late(Duration::from_secs(60));
            keeper.write_back();
        }
        keeper.patience = Duration::from_secs(60);
        keeper.end();
        let store = Store::open_or_set_aside(folder.path(), 1 << 30).unwrap();
        assert_eq!(on_disk(&store), (1..=5).map(state).collect::<Vec<_>>(), "in order, and each once");
    }

    /// It was lost, though the disk had only been slow.
    #[test]
    fn an_edge_that_ends_while_its_disk_is_late_waits_for_it_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ((mut keeper, _orders, _told, _seen), answers) = late(folder.path());
        keeper.put((4..=6).map(state).collect());
        keeper.patience = Duration::from_secs(5);
        let slow = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            answers.send(()).unwrap();
        });
        keeper.end();
        slow.join().unwrap();
        let store = Store::open_or_set_aside(folder.path(), 1 << 30).unwrap();
        assert_eq!(on_disk(&store), (1..=6).map(state).collect::<Vec<_>>(), "in order, and each once");
    }

    /// One EAGAIN left all events in memory until the next start.
    #[test]
    fn a_disk_is_tried_again_though_there_was_no_thread_to_wake_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let (mut keeper, orders, _told, _seen) = keeper(folder.path());
        keeper.waking = true;
        keeper.fails(&StoreError::Silent);
        // As the system's refusal of the thread leaves it.
        keeper.waking = false;
        orders.blocking_send(Order::Put(vec![state(1)])).unwrap();
        assert!(keeper.turn() && keeper.waking, "the next order asks for one again");
        while keeper.stand_in.is_on() {
            assert!(keeper.turn());
        }
        keeper.end();
        let store = Store::open_or_set_aside(folder.path(), 1 << 30).unwrap();
        assert_eq!(on_disk(&store), [state(1)]);
    }

    /// All of it once went in one piece, and whoever wanted something of the outbox waited for that.
    #[test]
    fn the_outbox_is_read_and_put_into_between_the_pieces_and_a_kill_there_loses_what_is_not_written_alone() {
        let (folder, dead) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (mut keeper, orders, told, seen) = keeper(folder.path());
        // Nobody but this test says when the disk is tried.
        keeper.waking = true;
        keeper.fails(&StoreError::Silent);
        let mut put: u32 = 3 * RECORDS as u32;
        orders.blocking_send(Order::Put((1..=put).map(state).collect())).unwrap();
        assert!(keeper.turn());
        assert_eq!(seen.borrow().in_memory, u64::from(put));

        orders.blocking_send(Order::TryAgain).unwrap();
        let (mut ids, mut turns) = (vec![], 0);
        while keeper.stand_in.is_on() {
            let (answer, mut answered) = oneshot::channel();
            orders.blocking_send(Order::Read(Which::Exactly(1), answer)).unwrap();
            put += 1;
            orders.blocking_send(Order::Put(vec![state(put)])).unwrap();
            let before = seen.borrow().in_memory;
            assert!(keeper.turn());
            assert_eq!(answered.try_recv().unwrap().unwrap().unwrap().what, state(1), "it is read meanwhile");
            assert!(before + 1 - seen.borrow().in_memory <= RECORDS as u64, "a piece is bounded");
            ids.push(*told.borrow());
            turns += 1;
            if turns == 6 {
                copy(folder.path(), dead.path());
                let left = u64::from(put) - seen.borrow().in_memory;
                let killed = Store::open_or_set_aside(dead.path(), 1 << 30).unwrap();
                assert_eq!((on_disk(&killed), killed.state().set_aside), ((1..=left as u32).map(state).collect(), 0));
            }
        }
        assert!(turns > 6, "all went in {turns} pieces");
        ids.dedup();
        assert_eq!(ids.len(), 1, "the uplink's numbers change with the first piece alone");
        keeper.end();
        let store = Store::open_or_set_aside(folder.path(), 1 << 30).unwrap();
        assert_eq!(on_disk(&store), (1..=put).map(state).collect::<Vec<_>>(), "in order, and each once");
    }
}
