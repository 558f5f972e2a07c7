//! Who may take a seat at a port.
//!
//! ```text
//! come ──▶ stranger ── has shown what the port asks for ──▶ guest
//!   │          └───────────────── leave ──────────────────────┘
//!   └─▶ refused: all seats are taken, or strangers of its origin have their share
//! ```
//!
//! A seat costs the port's host memory and file descriptors, so that there are so many. Whoever has not shown yet what the
//! port asks for, an MQTT CONNECT or the right token, may be anyone. While less than half of the seats are taken, everyone
//! gets one: a whole fleet may come at once through one NAT or one load balancer, after a restart of the hub. From then on
//! strangers of one [`origin`] may have a sixteenth of all seats, so that one host, or one IPv6 /64, can't keep all others
//! out. Guests are not shared out so.
//!
//! Who has many addresses, such as an IPv6 /48 with its 65536 networks, can take every seat all the same.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::origin::origin;

/// Seats of a port of TCP.
pub const SEATS: usize = 1024;

/// The seats of one port.
#[derive(Debug)]
pub struct Seats {
    all: usize,
    taken: usize,
    /// By origin; none has 0.
    strangers: BTreeMap<IpAddr, usize>,
}

/// Why someone gets no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Nobody does.
    #[error("{0} are there already")]
    Port(usize),
    /// Nobody of this origin does.
    #[error("seats are scarce, and {0} of its address have one already that have not shown yet who they are")]
    Origin(usize),
}

impl Full {
    /// One word, as metrics and logs have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Full::Port(_) => "full",
            Full::Origin(_) => "address",
        }
    }
}

impl Default for Seats {
    fn default() -> Self {
        Self::of(SEATS)
    }
}

impl Seats {
    /// So many, all free.
    #[must_use]
    pub fn of(all: usize) -> Self {
        Self { all, taken: 0, strangers: BTreeMap::new() }
    }

    /// `from` takes a seat as a stranger.
    ///
    /// # Errors
    /// Where there is none for it.
    pub fn come(&mut self, from: IpAddr) -> Result<(), Full> {
        let origin = origin(from);
        let strangers = self.strangers.get(&origin).copied().unwrap_or(0);
        if self.taken >= self.all {
            return Err(Full::Port(self.all));
        }
        if self.scarce() && strangers >= self.all / 16 {
            return Err(Full::Origin(strangers));
        }
        self.strangers.insert(origin, strangers + 1);
        self.taken += 1;
        Ok(())
    }

    /// Half of them are taken, so that strangers are shared out.
    #[must_use]
    pub fn scarce(&self) -> bool {
        self.taken >= self.all / 2
    }

    /// A stranger from there has become a guest, who keeps the seat.
    pub fn shown(&mut self, from: IpAddr) {
        let origin = origin(from);
        if let Some(strangers) = self.strangers.get_mut(&origin) {
            *strangers -= 1;
            if *strangers == 0 {
                self.strangers.remove(&origin);
            }
        }
    }

    /// A guest has left. Of a stranger say [`Self::shown`] before.
    pub fn leave(&mut self) {
        self.taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u32) -> IpAddr {
        n.to_be_bytes().into()
    }

    fn strangers(seats: &mut Seats, from: IpAddr) -> usize {
        std::iter::from_fn(|| seats.come(from).ok()).count()
    }

    #[test]
    fn one_host_that_says_nothing_keeps_nobody_else_out() {
        let mut seats = Seats::default();
        assert_eq!(strangers(&mut seats, host(1)), SEATS / 2);
        assert_eq!(seats.come(host(1)), Err(Full::Origin(SEATS / 2)));
        assert_eq!(seats.come(host(2)), Ok(()));
        assert_eq!(strangers(&mut seats, host(3)), SEATS / 16);
    }

    #[test]
    fn the_addresses_of_one_network_are_one_origin() {
        let mut seats = Seats::default();
        let host = |n: usize| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, u16::try_from(n).unwrap()]);
        assert_eq!((0..SEATS).filter(|n| seats.come(host(*n)).is_ok()).count(), SEATS / 2);
        assert_eq!(seats.come("2001:db8:0:8::1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn a_fleet_behind_one_nat_is_not_refused_when_all_of_it_comes_at_once() {
        let mut seats = Seats::default();
        for n in 0..200 {
            assert_eq!(seats.come(host(1)), Ok(()), "the {n}th");
        }
    }

    #[test]
    fn a_fleet_behind_one_address_gets_every_seat_by_and_by() {
        let mut seats = Seats::default();
        for n in 0..SEATS {
            assert_eq!(seats.come(host(1)), Ok(()), "the {n}th");
            seats.shown(host(1));
        }
        assert_eq!((seats.come(host(1)), seats.come(host(2))), (Err(Full::Port(SEATS)), Err(Full::Port(SEATS))));
        seats.leave();
        assert_eq!(seats.come(host(2)), Ok(()));
    }

    #[test]
    fn who_leaves_gives_back_what_it_had_and_nothing_is_remembered() {
        let mut seats = Seats::default();
        for n in 0..10_000 {
            assert_eq!(seats.come(host(n)), Ok(()));
            seats.shown(host(n));
            seats.leave();
        }
        assert_eq!((seats.taken, seats.strangers.len()), (0, 0));
        assert_eq!(strangers(&mut seats, host(1)), SEATS / 2);
    }
}
