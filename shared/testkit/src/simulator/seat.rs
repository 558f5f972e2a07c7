//! The one session that a camera has which has no more. Pure.

use tokio::time::Instant;

/// Who has it.
#[derive(Debug, Default)]
pub(super) struct Seat {
    holder: Option<Holder>,
}

#[derive(Debug)]
struct Holder {
    session: String,
    /// Until when it is kept for a client that has gone without a word.
    until: Option<Instant>,
}

impl Seat {
    /// Gives it to a session where nobody else has it.
    pub(super) fn take(&mut self, session: &str, now: Instant) -> bool {
        let taken = self
            .holder
            .as_ref()
            .is_some_and(|holder| holder.session != session && holder.until.is_none_or(|until| now < until));
        if !taken {
            self.holder = Some(Holder { session: session.to_owned(), until: None });
        }
        !taken
    }

    /// TEARDOWN. Gives whether the session had it.
    pub(super) fn leave(&mut self, session: &str) -> bool {
        self.holder.take_if(|holder| holder.session == session).is_some()
    }

    /// The connection has ended.
    pub(super) fn abandon(&mut self, session: &str, until: Instant) {
        if let Some(holder) = self.holder.as_mut().filter(|holder| holder.session == session) {
            holder.until = Some(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_is_free_after_teardown_at_once_and_else_in_time() {
        let (mut seat, now) = (Seat::default(), Instant::now());
        assert!(seat.take("a", now) && seat.take("a", now) && !seat.take("b", now));
        assert!(!seat.leave("b") && !seat.take("b", now));
        assert!(seat.leave("a") && seat.take("b", now));
        seat.abandon("b", now + Duration::from_secs(2));
        assert!(!seat.take("c", now + Duration::from_secs(1)) && seat.take("c", now + Duration::from_secs(2)));
    }
}
