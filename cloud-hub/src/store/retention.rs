//! Removes what is not to be kept any longer ([`hub_core::retention`] says what), and watches the room on the disk.
//!
//! 1. Once a minute: sizes that are not known are looked up, files that a crash left are removed.
//! 2. The [`BATCH`] oldest go in one transaction, whose files are on a list in the database until they are gone. Then whoever
//!    wants to write has his turn, and the next follow after [`PAUSE`], until there is no reason any more. What went counts as
//!    free for a while, also where the disk does not show it ([`Freed`]).
//! 3. What is free on the disks is told, warned of, and in `/readyz`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hub_core::retention::{FULL, Freed, Old, Room, Rules, Steady, Usage, Why};
use nix::sys::statvfs::statvfs;
use omma_runtime::health::Part;
use tokio_util::sync::CancellationToken;

use super::sqlite::{Removed, What};
use super::{Store, StoreError, now_us};

/// Removed in one transaction: some milliseconds.
const BATCH: u32 = 200;
/// Files that go while nobody writes: some milliseconds, too.
pub(super) const FILES: usize = 50;
/// Between two: ingest has most of the time.
const PAUSE: Duration = Duration::from_millis(100);
/// In one round: then it is looked at the disks again.
const BATCHES: u32 = 300;
/// Between two looks at whether something must go.
const EVERY: Duration = Duration::from_secs(60);
/// What a row and what belongs to it take in the database, bytes, about: with its indexes.
const ROW: u64 = 512;
/// How far what will go is counted at the start.
const COUNTED: u32 = 100_000;

/// What the task needs.
#[derive(Debug)]
pub struct Housekeeping {
    /// What the operator wants.
    pub rules: Rules,
    /// On the database's disk.
    pub database: PathBuf,
    /// On the pictures' disk.
    pub pictures: PathBuf,
    /// Whether there is room.
    pub disk: Part,
}

/// What was said, so that it is said once.
#[derive(Debug)]
struct Said {
    room: Room,
    failing: bool,
    held: bool,
    hidden: bool,
}

impl Store {
    /// Keeps house until `token` is cancelled.
    pub async fn keep_house(self, house: Housekeeping, token: CancellationToken) {
        let (begin, mut steady, mut freed) = (Instant::now(), Steady::default(), Freed::default());
        let mut said = Said { room: Room::Enough, failing: false, held: false, hidden: false };
        if let Err(error) = self.say_what_will_go(&house.rules).await {
            tracing::debug!(step = "store", %error, "see what will go");
        }
        let mut often = tokio::time::interval(EVERY);
        while token.run_until_cancelled(often.tick()).await.is_some() {
            house.watch(&mut said).await;
            // The clock that was looked at is the one that the round goes by: it may leap within it.
            let now_us = now_us();
            let steady = steady.look(begin.elapsed(), now_us);
            // Between two batches it can be left.
            match token.run_until_cancelled(self.clear(&house, begin, &mut freed, now_us, steady)).await {
                None => return,
                Some(Ok(held)) => {
                    said.failing = false;
                    if held && !std::mem::replace(&mut said.held, true) {
                        tracing::warn!(
                            step = "store",
                            "the store is over store.budget_mb and nothing in it may go: open events stay"
                        );
                    }
                    said.held &= held;
                    said.is_hidden(freed.hidden());
                }
                Some(Err(error)) => {
                    if !std::mem::replace(&mut said.failing, true) {
                        tracing::error!(step = "store", %error, "what is old can't be removed: trying on");
                    }
                }
            }
        }
    }

    async fn say_what_will_go(&self, rules: &Rules) -> Result<(), StoreError> {
        let Some(limit) = rules.too_old_us(now_us()) else { return Ok(()) };
        let events = self.0.database.older(limit, COUNTED).await?;
        if events > 0 {
            let more = events == COUNTED;
            tracing::info!(
                step = "store",
                events,
                more,
                "events older than store.keep_days are there: they go in a quarter of an hour"
            );
        }
        Ok(())
    }

    /// One round. Whether the budget is exceeded by what may not go.
    async fn clear(
        &self,
        house: &Housekeeping,
        begin: Instant,
        freed: &mut Freed,
        now_us: i64,
        steady: bool,
    ) -> Result<bool, StoreError> {
        self.measure().await?;
        self.remove_left_files().await?;
        for _ in 0..BATCHES {
            let (pictures, database) = self.0.database.bytes().await?;
            metrics::gauge!("omma_store_bytes", "what" => "pictures").set(pictures as f64);
            metrics::gauge!("omma_store_bytes", "what" => "database").set(database as f64);
            let free = freed.look(begin.elapsed(), free(&house.pictures).await, pictures);
            let usage = Usage { bytes: pictures.saturating_add(database), free };
            if !self.remove_oldest(&house.rules, now_us, steady, usage).await? {
                return Ok(house.rules.is_over_budget(usage));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(false)
    }

    /// One batch. Whether something has gone.
    pub(super) async fn remove_oldest(
        &self,
        rules: &Rules,
        now_us: i64,
        steady: bool,
        usage: Usage,
    ) -> Result<bool, StoreError> {
        let database = &self.0.database;
        let mut oldest = database.oldest(BATCH).await?;
        let old = oldest.iter().map(|c| Old { heard_us: c.heard_us, row: ROW, picture: c.picture });
        let reasons = rules.choose(now_us, steady, usage, old);
        oldest.truncate(reasons.len());
        if oldest.is_empty() {
            return Ok(false);
        }
        let turn = self.0.turn.lock().await;
        let Removed { gone, places } = database.remove(&oldest).await?;
        drop(turn);
        for ((candidate, why), _) in oldest.iter().zip(&reasons).zip(&gone).filter(|(_, gone)| **gone) {
            count(candidate.what.word(), *why, 1);
        }
        self.remove_files(places).await?;
        Ok(gone.contains(&true))
    }

    /// Removes what is still on the list of files to be removed: a crash left it there, or it could not be removed.
    pub(super) async fn remove_left_files(&self) -> Result<(), StoreError> {
        let mut after = String::new();
        for _ in 0..BATCHES {
            let places = self.0.database.unlinked(&after, BATCH).await?;
            let Some(last) = places.last().cloned() else { break };
            self.remove_files(places).await?;
            after = last;
        }
        Ok(())
    }

    /// Those that can't be removed stay on the list. What was written again since it was put there is no longer on it, and stays:
    /// nobody writes while it is looked. Whoever wants to has his turn after some.
    pub(super) async fn remove_files(&self, places: Vec<String>) -> Result<(), StoreError> {
        let mut gone = vec![];
        for places in places.chunks(FILES) {
            let _turn = self.0.turn.lock().await;
            for place in self.0.database.still_unlinked(places).await? {
                if self.0.objects.remove(&place).await {
                    gone.push(place);
                }
            }
        }
        if gone.is_empty() { Ok(()) } else { self.0.database.forget(&gone).await }
    }

    /// Looks up the sizes of pictures of before they were noted.
    pub(super) async fn measure(&self) -> Result<(), StoreError> {
        for _ in 0..BATCHES {
            let unmeasured = self.0.database.unmeasured(BATCH).await?;
            if unmeasured.is_empty() {
                break;
            }
            let mut sizes = vec![];
            for (event, place) in unmeasured {
                let bytes = self.0.objects.bytes(&place).await;
                sizes.push((event, place, bytes));
            }
            self.0.database.measured(&sizes).await?;
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }
}

impl Said {
    /// So many bytes were removed and are not free. Where there is room nobody need act.
    fn is_hidden(&mut self, bytes: u64) {
        let hidden = bytes > 0 && self.room != Room::Enough;
        if hidden && !std::mem::replace(&mut self.hidden, true) {
            tracing::warn!(
                step = "store",
                hidden_mb = bytes / 1_000_000,
                "the disk does not become emptier by what is removed from it: a snapshot keeps it, or something else fills the disk. \
                 Some more goes every quarter of an hour, under store.min_free_mb"
            );
        }
        self.hidden &= hidden;
    }
}

impl Housekeeping {
    /// Tells what is free.
    async fn watch(&self, said: &mut Said) {
        let [database, pictures] = [free(&self.database).await, free(&self.pictures).await];
        let Some(free) = [database, pictures].into_iter().flatten().min() else { return };
        metrics::gauge!("omma_store_disk_free_bytes").set(free as f64);
        let (free_mb, reserve_mb) = (free / 1_000_000, self.rules.reserve / 1_000_000);
        let room = self.rules.room(free, said.room);
        match (said.room, room) {
            (Room::Enough | Room::Little, Room::Full) => tracing::error!(
                step = "store",
                free_mb,
                "the disk is full: soon no event can be stored, and edges keep theirs. Make room, or set store.keep_days"
            ),
            (Room::Enough, Room::Little) => tracing::warn!(
                step = "store",
                free_mb,
                reserve_mb,
                "the disk has little room: under store.min_free_mb the oldest events go. Make room, or set store.keep_days"
            ),
            (Room::Little | Room::Full, Room::Enough) => {
                tracing::info!(step = "store", free_mb, "the disk has room again");
            }
            _ => {}
        }
        said.room = room;
        match room {
            Room::Enough | Room::Little => self.disk.ready(),
            Room::Full => {
                self.disk.not_ready(format!("{free_mb} MB are free on the disk, under {} MB", FULL / 1_000_000));
            }
        }
    }
}

/// Free on the disk that it is on, bytes. `None` where the system does not say: then nothing goes for it.
pub(super) async fn free(folder: &Path) -> Option<u64> {
    let folder = folder.to_owned();
    let looked = tokio::task::spawn_blocking(move || {
        let disk = statvfs(&folder)?;
        #[allow(clippy::unnecessary_cast, reason = "both are 32 bits wide on 32-bit machines")]
        let free = (disk.blocks_available() as u64).saturating_mul(disk.fragment_size() as u64);
        Ok::<_, nix::Error>(free)
    });
    match looked.await {
        Ok(Ok(free)) => Some(free),
        Ok(Err(error)) => {
            tracing::debug!(step = "store", %error, "see what is free on a disk");
            None
        }
        Err(error) => {
            tracing::debug!(step = "store", %error, "see what is free on a disk");
            None
        }
    }
}

fn count(what: &'static str, why: Why, number: u64) {
    metrics::counter!("omma_store_removed_total", "what" => what, "why" => why.word()).increment(number);
}

pub(super) fn describe() {
    metrics::describe_counter!(
        "omma_store_removed_total",
        "Closed events with their pictures, incidents, and pictures without an event that were removed: `age` \
         (`store.keep_days`), `budget` (`store.budget_mb`), `disk` (`store.min_free_mb`)."
    );
    metrics::describe_gauge!("omma_store_bytes", "What the pictures take, and what the database uses of its file.");
    metrics::describe_gauge!(
        "omma_store_disk_free_bytes",
        "Free on the disk of the database or of the pictures, whichever has less."
    );
    for why in Why::ALL {
        for what in What::WORDS {
            count(what, why, 0);
        }
    }
}
