//! Whose turn it is, where many streams share one engine.
//!
//! Each stream has room for one item, its newest: what was not looked at in time is replaced. The engine takes the
//! item of the stream that was served longest ago, so that a fast stream can't starve a slow one, and with n streams
//! waiting none waits for more than n − 1 others.

use std::collections::BTreeMap;

/// One slot for each key, served in turn.
#[derive(Debug)]
pub struct Fair<K, T> {
    slots: BTreeMap<K, Slot<T>>,
    served: u64,
}

#[derive(Debug)]
struct Slot<T> {
    item: Option<T>,
    /// When it was last served, counted in items served; 0 for never.
    served: u64,
}

impl<K, T> Default for Fair<K, T> {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), served: 0 }
    }
}

impl<K: Ord + Clone, T> Fair<K, T> {
    /// Puts an item into the key's slot. Returns the one that it replaces.
    pub fn put(&mut self, key: &K, item: T) -> Option<T> {
        match self.slots.get_mut(key) {
            Some(slot) => slot.item.replace(item),
            None => {
                self.slots.insert(key.clone(), Slot { item: Some(item), served: 0 });
                None
            }
        }
    }

    /// Takes the item whose key was served longest ago.
    pub fn take(&mut self) -> Option<(K, T)> {
        let (key, slot) = self.slots.iter_mut().filter(|(_, s)| s.item.is_some()).min_by_key(|(_, s)| s.served)?;
        let item = slot.item.take()?;
        self.served += 1;
        slot.served = self.served;
        Some((key.clone(), item))
    }

    /// Forgets a key. Returns what was in its slot.
    pub fn remove(&mut self, key: &K) -> Option<T> {
        self.slots.remove(key)?.item
    }

    /// How many items wait.
    pub fn waiting(&self) -> usize {
        self.slots.values().filter(|s| s.item.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_item_of_a_key_wins() {
        let mut fair = Fair::default();
        assert_eq!(fair.put(&'a', 1), None);
        assert_eq!(fair.put(&'a', 2), Some(1));
        assert_eq!((fair.take(), fair.take()), (Some(('a', 2)), None));
    }

    #[test]
    fn a_fast_key_does_not_starve_a_slow_one() {
        let mut fair = Fair::default();
        let mut served = vec![];
        for n in 0..6 {
            fair.put(&"fast", n);
            if n % 2 == 0 {
                fair.put(&"slow", n);
            }
            served.push(fair.take().unwrap().0);
        }
        assert_eq!(served, ["fast", "slow", "fast", "slow", "fast", "slow"]);
        assert_eq!(fair.waiting(), 1);
    }

    #[test]
    fn with_n_keys_waiting_none_is_passed_over_twice() {
        let mut fair = Fair::default();
        let keys: Vec<u32> = (0..7).collect();
        let mut last_served = vec![0usize; keys.len()];
        for round in 1..200 {
            for k in &keys {
                fair.put(k, ());
            }
            let (key, ()) = fair.take().unwrap();
            let waited = round - last_served[key as usize];
            assert!(waited <= keys.len(), "{key} waited {waited} turns");
            last_served[key as usize] = round;
        }
    }

    #[test]
    fn a_removed_key_gives_back_what_waited() {
        let mut fair = Fair::default();
        fair.put(&1, "x");
        assert_eq!(fair.remove(&1), Some("x"));
        assert_eq!((fair.remove(&1), fair.take()), (None, None));
    }
}
