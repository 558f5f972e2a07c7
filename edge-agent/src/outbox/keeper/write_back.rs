//! How memory goes to a disk that takes something again, a piece at a time, and what of it goes at the end.

use std::sync::Arc;

use super::{CLOSE, Keeper, Opened, PATIENCE};
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
        if !self.stand_in.is_returning() {
            self.database.ask(PATIENCE, Opened::open)?;
            self.sees_the_disk();
        }
        let piece = Arc::new(self.stand_in.piece());
        let writing = Arc::clone(&piece);
        let put = move |opened: &mut Opened| opened.put(&writing.deleted, &writing.passed, &writing.records);
        let put = self.database.ask(PATIENCE, put)?;
        self.stand_in.written(&piece, put.before, put.kept);
        self.disk_gave_up(&put);
        put.error.map_or(Ok(()), Err)
    }

    /// What is in memory is lost where the disk does not take it now.
    pub(super) fn end(&mut self) {
        let mut written = Ok(());
        while written.is_ok() && self.stand_in.is_on() {
            self.pulse.beat();
            written = self.write_piece();
        }
        let lost = self.stand_in.count_unsaved();
        if let Err(e) = written
            && lost > 0
        {
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
        keeper.open(PATIENCE);
        let disk = keeper.database.view().unwrap().id;
        assert_eq!(keeper.untold(&[1, 2]), [1, 2]);
        keeper.stand_in.acknowledged(disk, &[1, 2]);
        assert_eq!(keeper.untold(&[1, 2, 3]), [3]);
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
