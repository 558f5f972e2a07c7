//! How long what is stored is kept, and what goes first.
//!
//! ```text
//! oldest first ─▶ older than it is to be kept? ─▶ over the budget? ─▶ too little free on the disk? ─▶ stays, and all behind it
//!                    goes: age                      goes: budget        and old enough: goes: disk
//! ```
//!
//! 1. Old is what the hub has heard nothing of for long, by the hub's own clock: an edge's may say 1970 or 2099.
//! 2. What is [old](Old) is a closed event with its picture, an incident, or a picture whose event never came. An open event
//!    is none, however old.
//! 3. What goes is always the oldest there is, so that never anything goes before what is older.
//!
//! By age nothing goes while the clock has [just begun or just leapt](Steady): a wrong one would take everything.

use std::time::Duration;

/// What goes for want of room on the disk was last heard of this long ago: whatever else fills that disk, this much stays.
pub const FLOOR: Duration = Duration::from_secs(7 * 24 * 3600);
/// With less than this free hardly anything can be written any more.
pub const FULL: u64 = 100_000_000;
/// How long the clock must have run evenly before anything is too old.
pub const SETTLE: Duration = Duration::from_secs(15 * 60);
/// How long a disk may take to show what was freed.
pub const SHOWS: Duration = Duration::from_secs(15 * 60);
/// A step of the clock that is none.
const EVEN: Duration = Duration::from_secs(60);

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long to keep; `None` for as long as there is room.
    pub keep: Option<Duration>,
    /// Bytes of pictures and database together; `None` for as much as there is.
    pub budget: Option<u64>,
    /// Bytes to leave free on the disk; 0 for none.
    pub reserve: u64,
}

/// What is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of pictures and database.
    pub bytes: u64,
    /// Free on the pictures' disk, bytes; `None` where nobody knows.
    pub free: Option<u64>,
}

/// Something that may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Old {
    /// When the hub last heard of it, µs since the epoch on its clock.
    pub heard_us: i64,
    /// What it takes in the database, bytes, about.
    pub row: u64,
    /// What its picture takes, bytes.
    pub picture: u64,
}

/// Why something goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// It is older than it is to be kept.
    Age,
    /// There is more than the budget.
    Budget,
    /// The disk has too little room.
    Disk,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Age, Self::Budget, Self::Disk];

    /// As metrics name it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Budget => "budget",
            Self::Disk => "disk",
        }
    }
}

impl Rules {
    /// Which of these go, oldest first: as many as there are reasons in the answer. `steady` is whether the clock can be
    /// believed.
    pub fn choose(
        &self,
        now_us: i64,
        steady: bool,
        mut usage: Usage,
        oldest_first: impl IntoIterator<Item = Old>,
    ) -> Vec<Why> {
        let mut reasons = vec![];
        for old in oldest_first {
            let Some(why) = self.why(now_us, steady, usage, old) else { break };
            reasons.push(why);
            usage.bytes = usage.bytes.saturating_sub(old.row + old.picture);
            usage.free = usage.free.map(|free| free.saturating_add(old.picture));
        }
        reasons
    }

    fn why(&self, now_us: i64, steady: bool, usage: Usage, old: Old) -> Option<Why> {
        let older = |than| steady && old.heard_us < before(now_us, than);
        if self.keep.is_some_and(older) {
            return Some(Why::Age);
        }
        if self.is_over_budget(usage) {
            return Some(Why::Budget);
        }
        (usage.free.is_some_and(|free| free < self.reserve) && older(FLOOR)).then_some(Why::Disk)
    }

    /// Whether something must go that need not be old.
    pub fn is_over_budget(&self, usage: Usage) -> bool {
        self.budget.is_some_and(|budget| usage.bytes > budget)
    }

    /// What is older than this is too old, µs since the epoch; `None` where nothing is.
    pub fn too_old_us(&self, now_us: i64) -> Option<i64> {
        self.keep.map(|keep| before(now_us, keep))
    }

    /// How the disk is, where so much is free and it was as `last` says.
    pub fn room(&self, free: u64, last: Room) -> Room {
        // It must have a tenth more again before it is told that it has.
        let under = |limit: u64, was: bool| free < if was { limit.saturating_add(limit / 10) } else { limit };
        if under(FULL, last == Room::Full) {
            Room::Full
        } else if under(self.reserve.max(FULL).saturating_mul(2), last != Room::Enough) {
            Room::Little
        } else {
            Room::Enough
        }
    }
}

fn before(now_us: i64, time: Duration) -> i64 {
    now_us.saturating_sub(i64::try_from(time.as_micros()).unwrap_or(i64::MAX))
}

/// What is free on the pictures' disk. Some file systems show only later what was freed (ZFS, btrfs), or never while a snapshot
/// has it: for [`SHOWS`] what was removed counts as free as well, or everything would go, and for nothing. What comes, and what
/// others write meanwhile, counts at once. But what others have written before the disk shows what was removed looks as if so much
/// of it were not shown: until [`SHOWS`] is over so much less may be free than is reckoned with.
#[derive(Debug, Default)]
pub struct Freed {
    /// Free, and what pictures took, at the last look.
    last: Option<(u64, u64)>,
    awaited: Option<Awaited>,
    hidden: u64,
}

/// What was removed and is to be shown.
#[derive(Debug, Clone, Copy)]
struct Awaited {
    /// Since the first of it.
    at: Duration,
    /// Bytes, all of it and what is not shown yet.
    removed: u64,
    missing: u64,
    /// The most that was free meanwhile, less the pictures that have come since: what others remove and write again shows nothing
    /// twice.
    most: u64,
}

impl Freed {
    /// So much is free as the system says, and so much pictures take, `now` after the program's start. Gives what is to be
    /// reckoned with.
    pub fn look(&mut self, now: Duration, free: Option<u64>, pictures: u64) -> Option<u64> {
        let free = free?;
        let (free_before, pictures_before) = self.last.replace((free, pictures)).unwrap_or((free, pictures));
        let removed = pictures_before.saturating_sub(pictures);
        if removed > 0 {
            let none = Awaited { at: now, removed: 0, missing: 0, most: free_before };
            let awaited = self.awaited.get_or_insert(none);
            awaited.removed += removed;
            awaited.missing += removed;
        }
        let Some(awaited) = &mut self.awaited else { return Some(free) };
        let came = pictures.saturating_sub(pictures_before);
        awaited.most = awaited.most.saturating_sub(came);
        awaited.missing = awaited.missing.saturating_sub(free.saturating_sub(awaited.most));
        awaited.most = awaited.most.max(free);
        let missing = awaited.missing;
        // To a tenth: the disk counts blocks, and others write, too.
        let shown = missing <= awaited.removed / 10;
        if !shown && now.saturating_sub(awaited.at) < SHOWS {
            return Some(free.saturating_add(missing));
        }
        self.hidden = if shown { 0 } else { missing };
        self.awaited = None;
        Some(free)
    }

    /// Bytes that were removed and that the disk has not shown for [`SHOWS`]; 0 where it shows what is removed.
    #[must_use]
    pub fn hidden(&self) -> u64 {
        self.hidden
    }
}

/// How the disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Nobody need act.
    Enough,
    /// Soon it is full, or the oldest go.
    Little,
    /// It takes hardly anything any more.
    Full,
}

/// Whether the hub's clock has run evenly for [`SETTLE`].
#[derive(Debug, Default)]
pub struct Steady {
    /// When it was last looked at: since the program's start, and what it said.
    last: Option<(Duration, i64)>,
    since: Duration,
}

impl Steady {
    /// Looks at it, `now` after the program's start.
    pub fn look(&mut self, now: Duration, wall_us: i64) -> bool {
        let even = self.last.is_some_and(|(then, said_us)| {
            let passed = i64::try_from(now.saturating_sub(then).as_micros()).unwrap_or(i64::MAX);
            u128::from(wall_us.saturating_sub(said_us).abs_diff(passed)) <= EVEN.as_micros()
        });
        if !even {
            self.since = now;
        }
        self.last = Some((now, wall_us));
        now.saturating_sub(self.since) >= SETTLE
    }
}

#[cfg(test)]
mod tests;
