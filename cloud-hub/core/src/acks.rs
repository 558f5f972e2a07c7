//! What has been stored and not yet told to its edge.

use std::collections::BTreeMap;

use omma_protocol::event::Stamp;
use omma_protocol::id::{EdgeId, OutboxId};
use omma_protocol::wire::mqtt::{AckMessage, ranges};

/// Most ranges in one message: about 40 KB of JSON at worst.
const MAX_RANGES: usize = 1000;

/// Gathers stamps and gives them out as ranges.
#[derive(Debug, Default)]
pub struct Acks {
    stored: BTreeMap<(EdgeId, OutboxId), Vec<u64>>,
    count: usize,
}

impl Acks {
    /// The store has this.
    pub fn add(&mut self, edge: &EdgeId, stamp: Stamp) {
        self.stored.entry((edge.clone(), stamp.outbox)).or_default().push(stamp.sequence);
        self.count += 1;
    }

    /// Stamps that wait.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Everything that waits, as messages to send; nothing waits any more.
    pub fn take(&mut self) -> Vec<(EdgeId, AckMessage)> {
        self.count = 0;
        let mut messages = vec![];
        for ((edge, outbox), sequences) in std::mem::take(&mut self.stored) {
            for stored in ranges(sequences).chunks(MAX_RANGES) {
                messages.push((edge.clone(), AckMessage { outbox, stored: stored.to_vec() }));
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use uuid::Uuid;

    proptest! {
        #[test]
        fn exactly_what_was_stored_is_told(added in prop::collection::vec((0u8..2, 0u128..2, 0u64..4000), 0..3000)) {
            let mut acks = Acks::default();
            let mut expected = BTreeSet::new();
            for (edge, outbox, sequence) in added {
                let edge: EdgeId = format!("e{edge}").parse().unwrap();
                let outbox = OutboxId(Uuid::from_u128(outbox));
                acks.add(&edge, Stamp { outbox, sequence });
                expected.insert((edge, outbox, sequence));
            }
            let mut told = BTreeSet::new();
            for (edge, message) in acks.take() {
                prop_assert!(message.stored.len() <= MAX_RANGES);
                for [first, last] in message.stored {
                    for sequence in first..=last {
                        prop_assert!(told.insert((edge.clone(), message.outbox, sequence)), "told twice");
                    }
                }
            }
            prop_assert_eq!(told, expected);
            prop_assert!(acks.is_empty() && acks.take().is_empty());
        }
    }
}
