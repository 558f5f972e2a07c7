//! When which session is to be woken. Pure.
//!
//! A session that has nothing to do is not touched: with hundreds of them, most idle between two pictures, polling all
//! at every packet would cost more than the packets do.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::Instant;

/// One deadline for each key, ordered.
#[derive(Debug)]
pub(super) struct Deadlines<K> {
    order: BTreeSet<(Instant, K)>,
    of: HashMap<K, Instant>,
}

impl<K: Copy + Ord + Hash> Default for Deadlines<K> {
    fn default() -> Self {
        Self { order: BTreeSet::new(), of: HashMap::new() }
    }
}

impl<K: Copy + Ord + Hash> Deadlines<K> {
    /// Wakes `key` at `at` and no more at the time set before.
    pub(super) fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.of.insert(key, at) {
            if old == at {
                return;
            }
            self.order.remove(&(old, key));
        }
        self.order.insert((at, key));
    }

    /// Forgets `key`.
    pub(super) fn remove(&mut self, key: K) {
        if let Some(old) = self.of.remove(&key) {
            self.order.remove(&(old, key));
        }
    }

    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }

    /// Takes one key whose deadline has come.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let &(at, key) = self.order.first()?;
        if at > now {
            return None;
        }
        self.remove(key);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn keys_come_when_due_in_order_and_once() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut deadlines = Deadlines::default();
        deadlines.set('a', at(30));
        deadlines.set('b', at(10));
        deadlines.set('c', at(20));
        deadlines.set('a', at(5));
        deadlines.remove('c');
        assert_eq!(deadlines.next(), Some(at(5)));
        assert_eq!(deadlines.pop_due(at(4)), None);
        assert_eq!(deadlines.pop_due(at(10)), Some('a'));
        assert_eq!(deadlines.pop_due(at(10)), Some('b'));
        assert_eq!(deadlines.pop_due(at(99)), None);
        assert_eq!(deadlines.next(), None);
    }
}
