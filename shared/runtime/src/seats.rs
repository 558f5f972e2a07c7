//! The seats of a port, for those who come to it at the same time. Who gets one is decided by [`omma_protocol::seats`].

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use omma_protocol::seats::{Full, Seats};

/// All seats of one port. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Room(Arc<Mutex<Seats>>);

impl Room {
    /// So many seats, all free.
    #[must_use]
    pub fn of(all: usize) -> Self {
        Self(Arc::new(Mutex::new(Seats::of(all))))
    }

    /// A seat for whoever comes from there, as a stranger.
    ///
    /// # Errors
    /// Where there is none for it.
    pub fn take(&self, from: IpAddr) -> Result<Seat, Full> {
        self.seats().come(from)?;
        Ok(Seat { room: self.clone(), from, stranger: AtomicBool::new(true) })
    }

    /// Half of them are taken.
    #[must_use]
    pub fn scarce(&self) -> bool {
        self.seats().scarce()
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is taken; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    room: Room,
    from: IpAddr,
    stranger: AtomicBool,
}

impl Seat {
    /// Who has it has shown what the port asks for, and is a guest from now on. Once more changes nothing.
    pub fn shown(&self) {
        if self.stranger.swap(false, Ordering::Relaxed) {
            self.room.seats().shown(self.from);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.shown();
        self.room.seats().leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_given_back_once_whatever_its_taker_was() {
        let here = IpAddr::from([192, 0, 2, 7]);
        let room = Room::of(16);
        for guest in [true, false].repeat(100) {
            let seats: Vec<_> = std::iter::from_fn(|| room.take(here).ok()).collect();
            assert_eq!(seats.len(), 8);
            assert!(room.scarce());
            if guest {
                seats.iter().chain(&seats).for_each(Seat::shown);
                assert!(room.take(here).is_ok(), "guests are not counted among the strangers of an address");
            }
        }
        assert!(!room.scarce());
    }
}
