//! Whose turn it is, where many streams share one engine.
//!
//! Each stream has room for one item, its newest: what was not looked at in time is replaced. The engine takes the
//! item of the stream that was served longest ago, so that a fast stream can't starve a slow one, and with n streams
//! waiting none waits for more than n − 1 others.
//!
//! Items of rank [`Rank::First`] go before the others, among themselves as fairly; but while both wait, every fourth turn
//! is the others', so that with n waiting none waits for more than 4 n turns.

use std::collections::BTreeMap;

/// While both ranks wait, so many turns in a row are the first rank's.
const FIRST_IN_A_ROW: u32 = 3;

/// Which items go before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// Something is known to be going on there.
    First,
    /// All others.
    Usual,
}

/// One slot for each key, served in turn.
#[derive(Debug)]
pub struct Fair<K, T> {
    slots: BTreeMap<K, Slot<T>>,
    served: u64,
    /// Turns of the first rank since one of the others', while both waited.
    in_a_row: u32,
}

#[derive(Debug)]
struct Slot<T> {
    item: Option<T>,
    rank: Rank,
    /// When it was last served, counted in items served; 0 for never.
    served: u64,
}

impl<K, T> Default for Fair<K, T> {
    fn default() -> Self {
        Self { slots: BTreeMap::new(), served: 0, in_a_row: 0 }
    }
}

impl<K: Ord + Clone, T> Fair<K, T> {
    /// Puts an item into the key's slot. Returns the one that it replaces.
    pub fn put(&mut self, key: &K, rank: Rank, item: T) -> Option<T> {
        match self.slots.get_mut(key) {
            Some(slot) => {
                slot.rank = rank;
                slot.item.replace(item)
            }
            None => {
                self.slots.insert(key.clone(), Slot { item: Some(item), rank, served: 0 });
                None
            }
        }
    }

    /// Lets go of the items that are of no use any more. Their keys were not served by that. Returns them.
    pub fn let_go(&mut self, of_no_use: impl Fn(&T) -> bool) -> Vec<T> {
        self.slots.values_mut().filter_map(|slot| slot.item.take_if(|item| of_no_use(item))).collect()
    }

    /// Takes the item of the rank whose turn it is, of the key that was served longest ago.
    pub fn take(&mut self) -> Option<(K, T)> {
        let rank = self.next_rank();
        let waiting = self.slots.iter_mut().filter(|(_, slot)| slot.item.is_some() && slot.rank == rank);
        let (key, slot) = waiting.min_by_key(|(_, slot)| slot.served)?;
        let item = slot.item.take()?;
        self.served += 1;
        slot.served = self.served;
        Some((key.clone(), item))
    }

    fn next_rank(&mut self) -> Rank {
        let waits = |rank| self.slots.values().any(|slot| slot.item.is_some() && slot.rank == rank);
        match (waits(Rank::First), waits(Rank::Usual)) {
            (true, true) if self.in_a_row < FIRST_IN_A_ROW => {
                self.in_a_row += 1;
                Rank::First
            }
            (true, false) => Rank::First,
            (_, _) => {
                self.in_a_row = 0;
                Rank::Usual
            }
        }
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
mod tests;
