//! Says that peers send what can't be read, without letting them fill the log.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(60);

/// One kind of complaint. What is not said is counted, and said with the next line.
#[derive(Debug, Default)]
pub(super) struct Complaint(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: Option<Instant>,
    unsaid: u64,
}

impl Complaint {
    /// `who` sent something that can't be used.
    pub(super) fn about(&self, who: &dyn Display, error: &dyn Display) {
        if let Some(unsaid) = self.due(Instant::now()) {
            tracing::warn!(
                step = "ingest", %who, %error, unsaid,
                "what a peer sent can't be used: is it of this version?"
            );
        }
    }

    fn due(&self, now: Instant) -> Option<u64> {
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
        assert_eq!(complaint.due(start), Some(0));
        for i in 0..1000 {
            assert_eq!(complaint.due(start + Duration::from_millis(i)), None);
        }
        assert_eq!(complaint.due(start + EVERY), Some(1000));
    }
}
