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
//! 1. How many seats there are is found out: a stream that falls behind says that they are too many, a fourth is taken away;
//!    after [`GROWS`] without such, and where somebody was refused, there is one more.
//! 2. Who sat longest ago goes first; a stream of [`Rank::First`] goes before a fourth of those who wait, and no further, so
//!    that nobody stands for ever.
//! 3. A seat is held for [`TENURE`] where others wait, so that all get their share within a short time.
//!
//! Pure: moments are arguments, of a clock that never steps.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fair::Rank;

/// How long a seat is held where others wait.
pub const TENURE: Duration = Duration::from_secs(1);
/// Without a late stream for this long there may be one more seat.
pub const GROWS: Duration = Duration::from_secs(2);
/// Streams that fall behind within this time fall behind for the same reason.
const SAME: Duration = Duration::from_secs(1);
/// One of so many of those who wait lets a stream of the first rank go before.
const FIRST_BEFORE: usize = 4;
/// Who was refused longer ago does not wait any more: no camera's key pictures are further apart.
const WAITS: Duration = Duration::from_secs(12);

/// The seats of streams named `K`.
#[derive(Debug)]
pub struct Seats<K> {
    /// `None` while no stream has been late.
    limit: Option<usize>,
    /// Who sits, and since when.
    seated: BTreeMap<K, Duration>,
    /// Who was refused last, and when.
    standing: BTreeMap<K, (Rank, Duration)>,
    /// When each sat down last, counted in seats taken.
    sat: BTreeMap<K, u64>,
    taken: u64,
    /// When the limit was changed last, or a stream was late.
    calm_since: Duration,
    shrunk: Option<Duration>,
}

impl<K> Default for Seats<K> {
    fn default() -> Self {
        Self {
            limit: None,
            seated: BTreeMap::new(),
            standing: BTreeMap::new(),
            sat: BTreeMap::new(),
            taken: 0,
            calm_since: Duration::ZERO,
            shrunk: None,
        }
    }
}

impl<K: Ord + Clone> Seats<K> {
    /// A stream has decoded a key picture: whether it goes on with what follows.
    pub fn begins(&mut self, who: &K, rank: Rank, now: Duration) -> bool {
        if self.seated.contains_key(who) {
            return true;
        }
        let Some(limit) = self.limit else {
            self.sit(who, now);
            return true;
        };
        self.standing.retain(|_, (_, since)| now.saturating_sub(*since) < WAITS);
        let ours = self.place(who, rank);
        let before = self.standing.iter().filter(|(other, (rank, _))| *other != who && self.place(other, *rank) < ours);
        if before.count() + self.seated.len() < limit {
            self.sit(who, now);
            return true;
        }
        self.standing.insert(who.clone(), (rank, now));
        if now.saturating_sub(self.calm_since) >= GROWS {
            self.limit = Some(limit + 1);
            self.calm_since = now;
        }
        false
    }

    /// Whether a stream that sits may decode another picture. Where not, it stands from now on.
    pub fn goes_on(&mut self, who: &K, now: Duration) -> bool {
        let Some(since) = self.seated.get(who) else { return false };
        let full = self.limit.is_some_and(|limit| self.seated.len() >= limit);
        if full && !self.standing.is_empty() && now.saturating_sub(*since) >= TENURE {
            self.seated.remove(who);
            return false;
        }
        true
    }

    /// Needs none for now.
    pub fn leaves(&mut self, who: &K) {
        self.seated.remove(who);
    }

    /// A stream has fallen behind, seated or not: there is less time than was thought.
    pub fn late(&mut self, who: &K, now: Duration) {
        let all = self.seated.len();
        self.seated.remove(who);
        self.calm_since = now;
        if self.shrunk.is_none_or(|at| now.saturating_sub(at) >= SAME) {
            self.shrunk = Some(now);
            let now_used = self.limit.map_or(all, |limit| limit.min(all));
            self.limit = Some(now_used.saturating_sub((now_used / 4).max(1)));
        }
    }

    /// The stream is no more.
    pub fn forget(&mut self, who: &K) {
        self.seated.remove(who);
        self.standing.remove(who);
        self.sat.remove(who);
    }

    /// How many there are. `None` while there is one for everybody.
    pub fn limit(&self) -> Option<usize> {
        self.limit
    }

    fn sit(&mut self, who: &K, now: Duration) {
        self.taken += 1;
        self.sat.insert(who.clone(), self.taken);
        self.standing.remove(who);
        self.seated.insert(who.clone(), now);
    }

    /// The less, the more deserving.
    fn place(&self, who: &K, rank: Rank) -> i64 {
        let sat = self.sat.get(who).map_or(0, |&turn| i64::try_from(turn).unwrap_or(i64::MAX));
        match rank {
            // Who sat is followed, and would sit again and again.
            Rank::First => sat.saturating_sub(i64::try_from(self.standing.len() / FIRST_BEFORE).unwrap_or(i64::MAX)),
            Rank::Usual => sat,
        }
    }
}

#[cfg(test)]
mod tests;
