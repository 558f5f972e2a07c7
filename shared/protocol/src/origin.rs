//! Whom an address counts as, where what one host may take is bounded.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that name a network; within it a host takes whatever addresses it likes (RFC 4291 §2.5.4,
/// RFC 8981).
const NETWORK: u32 = 64;

/// One value for all addresses that one host can have: an IPv4 address is itself, also where it is written as IPv6
/// (RFC 4291 §2.5.5.2); of an IPv6 address it is the first of its /64.
#[must_use]
pub fn origin(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        v4 @ IpAddr::V4(_) => v4,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> NETWORK)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_counts_as_one_whichever_of_its_addresses_it_takes() {
        for (address, counts_as) in [
            ("192.0.2.7", "192.0.2.7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            ("::1", "::"),
        ] {
            assert_eq!(origin(address.parse().unwrap()), counts_as.parse::<IpAddr>().unwrap(), "{address}");
        }
    }
}
