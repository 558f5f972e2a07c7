//! Where the jitter of retries comes from; the back-off itself is [`omma_protocol::backoff`].

use std::hash::{BuildHasher, RandomState};

/// A seed that differs between processes and between calls.
pub fn random_seed() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
