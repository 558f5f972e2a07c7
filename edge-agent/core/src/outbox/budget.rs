//! What is given up first when the outbox has used its share of the disk.
//!
//! Oldest pictures, then oldest states of events that are closed and incidents, then the oldest of what is left. Never silent: the
//! caller counts and reports each.

/// The oldest record of each kind that is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oldest {
    /// The oldest picture.
    pub picture: Option<u64>,
    /// The oldest state of an event that is closed, or incident.
    pub closed: Option<u64>,
    /// The oldest record of all.
    pub any: Option<u64>,
}

/// Which record to give up while `used` bytes are more than `budget`; `None` when enough is free or nothing is left.
pub fn victim(used: u64, budget: u64, oldest: Oldest) -> Option<u64> {
    if used <= budget {
        return None;
    }
    oldest.picture.or(oldest.closed).or(oldest.any)
}

/// How many of the damaged databases that were set aside are kept: the newest, and older ones as long as all of them are no
/// more than `room` bytes. `sizes` are theirs in bytes, the newest first.
pub fn kept_aside(sizes: &[u64], room: u64) -> usize {
    let fit = sizes.iter().scan(0u64, |sum, size| {
        *sum = sum.saturating_add(*size);
        Some(*sum)
    });
    fit.take_while(|sum| *sum <= room).count().max(1).min(sizes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_database_that_was_set_aside_stays_and_older_ones_while_there_is_room() {
        for (sizes, kept) in [
            (&[][..], 0),
            (&[1000], 1),
            (&[1000, 1], 1),
            (&[40, 60, 1], 2),
            (&[40, 61, 1], 1),
            (&[1, 1, 1], 3),
            (&[1, u64::MAX, 1], 1),
        ] {
            assert_eq!(kept_aside(sizes, 100), kept, "{sizes:?}");
        }
    }

    #[test]
    fn pictures_go_first_then_closed_events_then_the_oldest() {
        let all = Oldest { picture: Some(9), closed: Some(4), any: Some(1) };
        for (used, oldest, expected) in [
            (100, all, None),
            (101, all, Some(9)),
            (101, Oldest { picture: None, ..all }, Some(4)),
            (101, Oldest { picture: None, closed: None, ..all }, Some(1)),
            (101, Oldest::default(), None),
        ] {
            assert_eq!(victim(used, 100, oldest), expected, "{used} {oldest:?}");
        }
    }
}
