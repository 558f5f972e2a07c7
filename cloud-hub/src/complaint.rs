//! Says that peers send what can't be read, without letting them fill the log.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(60);

/// One kind of complaint. What is not said is counted, and said with the next line.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: Option<Instant>,
    unsaid: u64,
}

impl Complaint {
    /// `who` sent something that can't be used.
    pub(crate) fn about(&self, who: &dyn Display, error: &dyn Display) {
        if let Some(unsaid) = self.due() {
            tracing::warn!(
                step = "ingest", %who, %error, unsaid,
                "what a peer sent can't be used: is it of this version?"
            );
        }
    }

    /// How many were not said, where one may be said now.
    pub(crate) fn due(&self) -> Option<u64> {
        self.due_at(Instant::now())
    }

    fn due_at(&self, now: Instant) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.said.is_some_and(|said| now.saturating_duration_since(said) < EVERY) {
            state.unsaid += 1;
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.unsaid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_line_a_minute() {
        let (complaint, start) = (Complaint::default(), Instant::now());
        assert_eq!(complaint.due_at(start), Some(0));
        for i in 0..1000 {
            assert_eq!(complaint.due_at(start + Duration::from_millis(i)), None);
        }
        assert_eq!(complaint.due_at(start + EVERY), Some(1000));
    }
}
