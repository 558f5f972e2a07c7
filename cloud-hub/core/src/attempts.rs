//! How often an address may show a wrong token before it has to wait.
//!
//! A bucket for each address, of IPv6 for each /64 ([`origin`]), holds [`BURST`] failures and gets one back every
//! [`REFILL`]. Only a token that has turned out to be wrong takes from it or is held up by it: whoever has the right one
//! never notices, not even where a stranger behind the same proxy or NAT guesses. It need not stop guessing, which 32
//! random bytes do: it keeps a guesser from filling logs, and tells one whose token is old to stop trying.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use omma_protocol::origin::origin;

/// Failures that an address may make in a row.
pub const BURST: u32 = 20;
/// After this long one more is allowed.
pub const REFILL: Duration = Duration::from_secs(3);
/// Addresses remembered; beyond it the one whose last failure is longest ago is forgotten.
pub const MAX_ADDRESSES: usize = 4096;

/// The memory of failures, by origin. One address may not fill it for others: each has one entry.
#[derive(Debug, Default)]
pub struct Attempts {
    failures: BTreeMap<IpAddr, Bucket>,
}

#[derive(Debug)]
struct Bucket {
    spent: u32,
    at: Instant,
}

impl Bucket {
    fn settle(&mut self, now: Instant) {
        let back = now.saturating_duration_since(self.at).as_nanos() / REFILL.as_nanos();
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        if back > 0 {
            self.spent = self.spent.saturating_sub(back);
            self.at = if self.spent == 0 { now } else { self.at + REFILL * back };
        }
    }
}

impl Attempts {
    /// How long `address` has to wait before its next wrong token is worth an answer; `None` where it need not.
    pub fn wait(&mut self, address: IpAddr, now: Instant) -> Option<Duration> {
        let address = origin(address);
        let bucket = self.failures.get_mut(&address)?;
        bucket.settle(now);
        if bucket.spent == 0 {
            self.failures.remove(&address);
            return None;
        }
        (bucket.spent >= BURST).then(|| (bucket.at + REFILL).saturating_duration_since(now))
    }

    /// A wrong token was shown.
    pub fn failed(&mut self, address: IpAddr, now: Instant) {
        let address = origin(address);
        if !self.failures.contains_key(&address) && self.failures.len() >= MAX_ADDRESSES {
            let oldest = self.failures.iter().min_by_key(|(_, b)| b.at).map(|(a, _)| *a);
            if let Some(oldest) = oldest {
                self.failures.remove(&oldest);
            }
        }
        let bucket = self.failures.entry(address).or_insert(Bucket { spent: 0, at: now });
        bucket.settle(now);
        bucket.spent = (bucket.spent + 1).min(BURST);
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "moments of a test begin somewhere")]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn guessing_is_slowed_and_forgiven() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for _ in 0..BURST {
            assert_eq!(attempts.wait(HERE, start), None);
            attempts.failed(HERE, start);
        }
        assert_eq!(attempts.wait(HERE, start), Some(REFILL));
        assert_eq!(attempts.wait(HERE, start + REFILL), None);
        attempts.failed(HERE, start + REFILL);
        assert!(attempts.wait(HERE, start + REFILL).is_some());
        assert_eq!(attempts.wait(HERE, start + REFILL * (BURST + 2)), None);
        assert!(attempts.failures.is_empty());
    }

    #[test]
    fn whoever_has_a_whole_network_of_addresses_waits_as_well() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        let address = |last| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, last]);
        for last in 0..BURST {
            attempts.failed(address(last.try_into().unwrap()), start);
        }
        assert!(attempts.wait(address(0xffff), start).is_some());
        assert_eq!(attempts.wait("2001:db8:0:8::1".parse().unwrap(), start), None);
    }

    #[test]
    fn other_addresses_do_not_wait_and_memory_is_bounded() {
        let (mut attempts, start) = (Attempts::default(), Instant::now());
        for i in 0..(MAX_ADDRESSES as u32 + 50) {
            let address = IpAddr::from(i.to_be_bytes());
            attempts.failed(address, start + Duration::from_millis(u64::from(i)));
            assert_eq!(attempts.wait(address, start), None);
        }
        assert_eq!(attempts.failures.len(), MAX_ADDRESSES);
    }
}
