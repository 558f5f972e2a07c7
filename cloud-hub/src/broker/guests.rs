//! Who is really behind a connection that a door has made to the broker.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where each guest comes from, by the address of the connection that its door made for it, as the broker sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<SocketAddr, SocketAddr>>>);

impl Guests {
    /// For as long as what is returned lives, which must end before the address can be another's. `None` where another door
    /// has a connection from that address.
    pub(super) fn enter(&self, seen: SocketAddr, from: SocketAddr) -> Option<Guest> {
        let mut all = self.all();
        let Entry::Vacant(place) = all.entry(seen) else { return None };
        place.insert(from);
        drop(all);
        Some(Guest { guests: self.clone(), seen })
    }

    /// `None` for who came to the broker without a door.
    pub(super) fn from(&self, seen: SocketAddr) -> Option<SocketAddr> {
        self.all().get(&seen).copied()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SocketAddr, SocketAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is there.
#[derive(Debug)]
pub(super) struct Guest {
    guests: Guests,
    seen: SocketAddr,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.all().remove(&self.seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_past_the_doors_is_nobody() {
        let guests = Guests::default();
        let (from, seen) = ("192.0.2.7:4000".parse().unwrap(), "127.0.0.1:50000".parse().unwrap());
        assert_eq!(guests.from(seen), None);
        let guest = guests.enter(seen, from);
        assert!(guest.is_some() && guests.enter(seen, from).is_none(), "one has one place");
        assert_eq!(guests.from(seen), Some(from));
        for other in ["127.0.0.1:50001", "192.0.2.1:50000", "127.0.0.2:50000", "[::1]:50000"] {
            assert_eq!(guests.from(other.parse().unwrap()), None, "{other}");
        }
        drop(guest);
        assert_eq!(guests.from(seen), None);
    }
}
