//! Who is really behind a connection that a door has made to the broker.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where each guest comes from, by the local port of the connection that its door made for it.
#[derive(Debug, Clone, Default)]
pub(super) struct Guests(Arc<Mutex<HashMap<u16, SocketAddr>>>);

impl Guests {
    /// For as long as what is returned lives, which must end before the port can be another's.
    pub(super) fn enter(&self, port: u16, from: SocketAddr) -> Guest {
        self.all().insert(port, from);
        Guest { guests: self.clone(), port }
    }

    /// `None` for who came to the broker without a door.
    pub(super) fn from(&self, seen: SocketAddr) -> Option<SocketAddr> {
        self.all().get(&seen.port()).copied().filter(|_| seen.ip().is_loopback())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<u16, SocketAddr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is there.
#[derive(Debug)]
pub(super) struct Guest {
    guests: Guests,
    port: u16,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.guests.all().remove(&self.port);
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
        let guest = guests.enter(50000, from);
        assert_eq!(guests.from(seen), Some(from));
        assert_eq!(guests.from("127.0.0.1:50001".parse().unwrap()), None, "another connection");
        assert_eq!(guests.from("192.0.2.1:50000".parse().unwrap()), None, "the same port of another machine");
        drop(guest);
        assert_eq!(guests.from(seen), None);
    }
}
