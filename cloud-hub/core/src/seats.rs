//! Who may take a seat at a port of the broker.
//!
//! ```text
//! come ──▶ stranger ── has shown CONNECT ──▶ guest
//!   │          └──────────── leave ────────────┘
//!   └─▶ refused: all seats are taken, or strangers of its origin have their share
//! ```
//!
//! A seat costs the port's host memory and file descriptors, so that there are [`SEATS`]. Whoever has shown no CONNECT yet
//! may be anyone: of one [`origin`] at most [`STRANGERS`] sit at once, so that one host can't keep all others out. Guests
//! are not shared out so: a whole fleet may come through one NAT or one load balancer.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::origin::origin;

/// Seats of one port.
pub const SEATS: usize = 1024;
/// Seats that strangers of one origin may have.
pub const STRANGERS: usize = 64;

/// The seats of one port.
#[derive(Debug, Default)]
pub struct Seats {
    taken: usize,
    /// By origin; none has 0.
    strangers: BTreeMap<IpAddr, usize>,
}

/// Why someone gets no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// Nobody does.
    #[error("{SEATS} are there already")]
    Port,
    /// Nobody of this origin does.
    #[error("{STRANGERS} of its address are there already that have shown no MQTT CONNECT")]
    Origin,
}

impl Seats {
    /// `from` takes a seat as a stranger.
    ///
    /// # Errors
    /// Where there is none for it.
    pub fn come(&mut self, from: IpAddr) -> Result<(), Full> {
        let origin = origin(from);
        let strangers = self.strangers.get(&origin).copied().unwrap_or(0);
        if self.taken >= SEATS {
            return Err(Full::Port);
        }
        if strangers >= STRANGERS {
            return Err(Full::Origin);
        }
        self.strangers.insert(origin, strangers + 1);
        self.taken += 1;
        Ok(())
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
        assert_eq!(strangers(&mut seats, host(1)), STRANGERS);
        assert_eq!(seats.come(host(1)), Err(Full::Origin));
        assert_eq!(seats.come(host(2)), Ok(()));
    }

    #[test]
    fn the_addresses_of_one_network_are_one_origin() {
        let mut seats = Seats::default();
        let host = |n: usize| IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, u16::try_from(n).unwrap()]);
        assert_eq!((0..SEATS).filter(|n| seats.come(host(*n)).is_ok()).count(), STRANGERS);
        assert_eq!(seats.come("2001:db8:0:8::1".parse().unwrap()), Ok(()));
    }

    #[test]
    fn a_fleet_behind_one_address_gets_every_seat_by_and_by() {
        let mut seats = Seats::default();
        for n in 0..SEATS {
            assert_eq!(seats.come(host(1)), Ok(()), "the {n}th");
            seats.shown(host(1));
        }
        assert_eq!((seats.come(host(1)), seats.come(host(2))), (Err(Full::Port), Err(Full::Port)));
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
        assert_eq!(strangers(&mut seats, host(1)), STRANGERS);
    }
}
