//! Which streams are decoded whole, where there is not time for all.
//!
//! Of a group of pictures each needs those before it. Where all streams decode a part of each group, most of that work is
//! done for pictures that nobody looks at before the stream gives up. So a stream needs a seat for what comes behind a
//! key picture; one without goes on with the next key picture. Without overload there are seats for all.
//!
//! ```text
//!            begins: a seat is free, and nobody waits who is more deserving
//!  standing ────────────────────────────────────────────────────────────────▶ seated
//!     ▲  │ refused: it waits                                                   │ │
//!     └──┴─────── leaves, is late, or has had its time while others wait ──────┘ │ late: fewer seats
//! ```
//!
//! 1. How many seats there are is found out: a stream that falls behind says that they are too many, and so do pictures that
//!    are decoded and not looked at, from one a second for each two seats on. A fourth is taken away, never the last;
//!    each [`GROWS`] without such there is one more where one is asked for, and after [`FORGOTTEN`] in which nobody had to wait
//!    there is one for everybody again.
//! 2. Who has sat for the shortest time goes first; of what a stream of [`Rank::First`] sits two thirds count, so that it has
//!    half as much again and nobody stands for ever. More would go to who happened to sit, since that is who is followed.
//! 3. A seat is held for [`TENURE`] where others wait, so that all get their share within a short time.
//!
//! Pure: moments are arguments, of a clock that never steps.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fair::Rank;

/// How long a seat is held where others wait.
pub const TENURE: Duration = Duration::from_secs(1);
/// Without a late stream for this long there may be one more seat.
pub const GROWS: Duration = Duration::from_secs(1);
/// After so long without a late stream, and with nobody who waits, there is time for all.
pub const FORGOTTEN: Duration = Duration::from_secs(10);
/// Streams that fall behind within this time fall behind for the same reason.
const SAME: Duration = Duration::from_secs(1);
/// Looks that may be missed, one a second of so many streams that sit.
const MISSED_OF: usize = 2;
/// Who was refused longer ago does not wait any more: no camera's key pictures are further apart.
const WAITS: Duration = Duration::from_secs(12);

/// The seats of streams named `K`.
#[derive(Debug)]
pub struct Seats<K> {
    /// `None` while no stream has been late.
    limit: Option<usize>,
    /// Who sits, and since when.
    seated: BTreeMap<K, (Rank, Duration)>,
    /// Who was refused, and when last.
    standing: BTreeMap<K, Duration>,
    /// For how long each has sat, in a stream of the first rank's favour.
    served: BTreeMap<K, Duration>,
    /// When there were too many, last.
    troubled: Duration,
    /// When there was one more.
    grown: Duration,
    shrunk: Option<Duration>,
    /// How many pictures were missed, and from when on.
    missed: (Duration, usize),
}

impl<K> Default for Seats<K> {
    fn default() -> Self {
        Self {
            limit: None,
            seated: BTreeMap::new(),
            standing: BTreeMap::new(),
            served: BTreeMap::new(),
            troubled: Duration::ZERO,
            grown: Duration::ZERO,
            shrunk: None,
            missed: (Duration::ZERO, 0),
        }
    }
}

impl<K: Ord + Clone> Seats<K> {
    /// A stream has decoded a key picture: whether it goes on with what follows.
    pub fn begins(&mut self, who: &K, rank: Rank, now: Duration) -> bool {
        if self.seated.contains_key(who) {
            return true;
        }
        self.prune(now);
        let calm = now.saturating_sub(self.troubled);
        if calm >= FORGOTTEN && self.standing.is_empty() {
            self.limit = None;
        }
        let Some(limit) = self.limit.as_mut() else {
            self.sit(who, rank, now);
            return true;
        };
        if *limit <= self.seated.len() && calm >= GROWS && now.saturating_sub(self.grown) >= GROWS {
            (*limit, self.grown) = (*limit + 1, now);
        }
        let limit = *limit;
        if !self.standing.contains_key(who) {
            self.catch_up(who);
        }
        let ours = self.served(who);
        let before = self.standing.keys().filter(|other| *other != who && self.served(other) < ours);
        if before.count() + self.seated.len() < limit {
            self.sit(who, rank, now);
            return true;
        }
        self.standing.insert(who.clone(), now);
        false
    }

    /// Whether a stream that sits may decode another picture. Where not, it stands from now on.
    pub fn goes_on(&mut self, who: &K, now: Duration) -> bool {
        self.prune(now);
        let Some(&(rank, since)) = self.seated.get(who) else { return false };
        let Some(limit) = self.limit else { return true };
        let sat = now.saturating_sub(since);
        if sat < TENURE {
            return true;
        }
        let ours = self.served(who) + counted(rank, sat);
        let before = self.standing.keys().filter(|other| self.served(other) + TENURE / 2 < ours).count();
        if self.seated.len() > limit || before > limit - self.seated.len() {
            self.leaves(who, now);
            self.catch_up(who);
            self.standing.insert(who.clone(), now);
            return false;
        }
        true
    }

    /// Needs none for now.
    pub fn leaves(&mut self, who: &K, now: Duration) {
        self.standing.remove(who);
        if let Some((rank, since)) = self.seated.remove(who) {
            *self.served.entry(who.clone()).or_default() += counted(rank, now.saturating_sub(since));
        }
    }

    /// A picture was decoded, and not looked at before the next.
    pub fn missed(&mut self, now: Duration) {
        let (since, count) = self.missed;
        self.missed = if now.saturating_sub(since) < SAME { (since, count + 1) } else { (now, 1) };
        if self.missed.1 > (self.seated.len() / MISSED_OF).max(MISSED_OF) {
            self.shrink(now);
            self.missed = (now, 0);
        }
    }

    /// A stream has fallen behind, seated or not, and gives up its seat.
    pub fn late(&mut self, who: &K, now: Duration) {
        self.shrink(now);
        self.leaves(who, now);
    }

    fn shrink(&mut self, now: Duration) {
        let all = self.seated.len();
        if self.limit.is_none() {
            // While there was one for everybody, nobody took anything from anybody.
            self.served.clear();
            self.seated.values_mut().for_each(|(_, since)| *since = now);
        }
        self.troubled = now;
        if self.shrunk.is_none_or(|at| now.saturating_sub(at) >= SAME) {
            self.shrunk = Some(now);
            let now_used = self.limit.map_or(all, |limit| limit.min(all));
            // One goes on in any case.
            self.limit = Some(now_used.saturating_sub((now_used / 4).max(1)).max(1));
        }
    }

    /// The stream is no more.
    pub fn forget(&mut self, who: &K) {
        self.seated.remove(who);
        self.standing.remove(who);
        self.served.remove(who);
    }

    /// How many there are. `None` while there is one for everybody.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    fn sit(&mut self, who: &K, rank: Rank, now: Duration) {
        self.standing.remove(who);
        self.seated.insert(who.clone(), (rank, now));
    }

    fn prune(&mut self, now: Duration) {
        self.standing.retain(|_, since| now.saturating_sub(*since) < WAITS);
    }

    /// Who has not been here for a while has not saved up for it, and who sat while nobody waited owes nobody for it.
    fn catch_up(&mut self, who: &K) {
        let others = self.standing.keys().chain(self.seated.keys()).filter(|other| *other != who);
        let Some(least) = others.map(|other| self.served(other)).min() else { return };
        let ours = self.served.entry(who.clone()).or_default();
        *ours = (*ours).clamp(least, least + TENURE * 2);
    }

    /// The less, the more deserving. A seat that somebody has is counted when it is left.
    fn served(&self, who: &K) -> Duration {
        self.served.get(who).copied().unwrap_or_default()
    }
}

/// What of a time on a seat counts.
fn counted(rank: Rank, sat: Duration) -> Duration {
    if rank == Rank::First { sat * 2 / 3 } else { sat }
}

#[cfg(test)]
mod tests;
