//! What is given up first when the outbox has used its share of the disk.
//!
//! Oldest pictures, then oldest states of events that are closed, then the oldest of what is left. Never silent: the
//! caller counts and reports each.

/// The oldest record of each kind that is on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Oldest {
    /// The oldest picture.
    pub picture: Option<u64>,
    /// The oldest state of an event that is closed.
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

#[cfg(test)]
mod tests {
    use super::*;

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
