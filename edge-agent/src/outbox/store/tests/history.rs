//! Random histories of the real store beside a list of what must be in it. Killed means: the files are copied as they
//! are, nothing flushed, and the copy is opened. `OMMA_HISTORIES` says how many (200 unless set), `OMMA_SEED` which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tempfile::TempDir;

use super::*;

/// Half of it holds records.
const BUDGET: u64 = 120_000;

#[derive(Debug, Clone)]
enum Step {
    Put(u8, What),
    Flush,
    Delete(u8),
    Killed,
    Ended,
}

#[derive(Debug, Clone)]
enum What {
    Opened,
    Updated,
    Closed,
    Picture(u16),
    Incident,
}

fn step() -> impl Strategy<Value = Step> {
    let what = prop_oneof![
        3 => Just(What::Opened),
        2 => Just(What::Updated),
        3 => Just(What::Closed),
        2 => (1u16..30_000).prop_map(What::Picture),
        1 => Just(What::Incident),
    ];
    prop_oneof![
        12 => (0u8..12, what).prop_map(|(event, what)| Step::Put(event, what)),
        4 => Just(Step::Flush),
        4 => any::<u8>().prop_map(Step::Delete),
        1 => Just(Step::Killed),
        1 => Just(Step::Ended),
    ]
}

/// Copies a database's folder.
pub(in crate::outbox) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// sled's threads may hold the lock for a moment after a database was closed.
fn open_soon(folder: &Path) -> Store {
    for _ in 0..100 {
        match Store::open_or_set_aside(folder, BUDGET) {
            Err(StoreError::Io { .. }) => std::thread::sleep(std::time::Duration::from_millis(20)),
            opened => return opened.unwrap(),
        }
    }
    panic!("the lock is never free");
}

struct World {
    folder: TempDir,
    lives: u32,
    store: Store,
    id: OutboxId,
    /// What must be there, and what of it may be missing after a kill because it was not flushed.
    kept: BTreeMap<u64, Lasting>,
    newest: u64,
    flushed: u64,
    /// Deleted since the last flush: may come back.
    deleted: BTreeMap<u64, Lasting>,
    revision: u32,
}

impl World {
    fn new() -> Self {
        // A kill is no power cut: what is synchronised does not matter here, and takes long.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let store = Store::open_or_set_aside(&folder.path().join("0"), BUDGET).unwrap();
        let (id, kept, deleted) = (store.id(), BTreeMap::new(), BTreeMap::new());
        Self { folder, lives: 0, store, id, kept, newest: 0, flushed: 0, deleted, revision: 0 }
    }

    fn life(&self) -> PathBuf {
        self.folder.path().join(self.lives.to_string())
    }

    fn forget(&mut self, sequences: &[u64]) {
        for sequence in sequences {
            if let Some(lasting) = self.kept.remove(sequence) {
                self.deleted.insert(*sequence, lasting);
            }
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Put(number, what) => {
                self.revision += 1;
                let state = |phase| Lasting::Event(event(u128::from(*number), phase, self.revision));
                let lasting = match what {
                    What::Opened => state(Phase::Opened),
                    What::Updated => state(Phase::Updated),
                    What::Closed => state(Phase::Closed),
                    What::Picture(bytes) => picture(u128::from(*number), usize::from(*bytes)),
                    What::Incident => befell(u128::from(*number)),
                };
                let gone = self.store.make_room(&lasting).unwrap();
                self.forget(&gone);
                self.store.put(&lasting).unwrap();
                self.newest += 1;
                self.kept.insert(self.newest, lasting);
                let gone = self.store.trim().unwrap();
                self.forget(&gone);
                assert!(self.store.state().bytes <= BUDGET / 2, "over the budget");
            }
            Step::Flush => {
                self.store.flush().unwrap();
                self.flushed = self.newest;
                self.deleted.clear();
            }
            Step::Delete(which) => {
                let flushed = self.kept.range(..=self.flushed).map(|(sequence, _)| *sequence);
                let sequences: Vec<u64> = flushed.take(usize::from(*which) % 8).collect();
                self.store.delete(&sequences).unwrap();
                self.forget(&sequences);
            }
            Step::Killed => {
                let dead = self.life();
                self.lives += 1;
                copy(&dead, &self.life());
                self.comes_back();
            }
            Step::Ended => {
                self.apply(&Step::Flush);
                // Its lock goes with it; in its place for a moment is one that nobody asks.
                self.store = open_soon(&self.folder.path().join("none"));
                self.comes_back();
            }
        }
    }

    fn comes_back(&mut self) {
        // The dead one's files are its own: what it does to them at its end changes nothing.
        self.store = open_soon(&self.life());
        assert_eq!((self.store.id(), self.store.state().set_aside), (self.id, 0), "it was no damage");
        assert!((self.flushed..=self.newest).contains(&self.store.newest()), "numbers that were flushed are gone");
        self.newest = self.store.newest();
        let found: BTreeMap<u64, Lasting> = all(&mut self.store).into_iter().collect();
        for (sequence, lasting) in &found {
            let known = self.kept.get(sequence).or_else(|| self.deleted.get(sequence));
            assert_eq!(known, Some(lasting), "{sequence} is something else now");
        }
        for sequence in self.kept.range(..=self.flushed).map(|(sequence, _)| sequence) {
            assert!(found.contains_key(sequence), "{sequence} was flushed and is lost");
        }
        (self.kept, self.deleted, self.flushed) = (found, BTreeMap::new(), self.newest);
    }

    fn check(&mut self) {
        let state = self.store.state();
        assert_eq!((state.waiting, state.newest), (self.kept.len() as u64, self.flushed));
        let told: BTreeMap<u64, Lasting> = all(&mut self.store).into_iter().collect();
        let flushed = self.kept.range(..=self.flushed).map(|(sequence, lasting)| (*sequence, lasting.clone()));
        assert_eq!(told, flushed.collect(), "what is flushed is told, and nothing else");
    }
}

fn number<T: std::str::FromStr>(variable: &str, otherwise: T) -> T {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn what_was_flushed_is_there_whenever_it_is_killed() {
    let cases = number("OMMA_HISTORIES", 200);
    let config =
        ProptestConfig { failure_persistence: None, max_shrink_iters: 200, ..ProptestConfig::with_cases(cases) };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&number("OMMA_SEED", 1u64).to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let told = runner.run(&prop::collection::vec(step(), 1..60), |history| {
        let mut world = World::new();
        history.iter().for_each(|step| world.apply(step));
        world.apply(&Step::Flush);
        world.check();
        world.apply(&Step::Killed);
        world.check();
        Ok(())
    });
    if let Err(failure) = told {
        panic!("{failure}");
    }
}
