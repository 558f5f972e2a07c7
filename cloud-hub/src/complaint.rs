//! Says that peers send what can't be read, without letting them fill the log.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// At most one line in this time.
const EVERY: Duration = Duration::from_secs(60);
/// Most characters of a text that are shown.
const SHOWN: usize = 200;

/// One kind of complaint. What is not said is counted, and said with the next line.
#[derive(Debug, Default)]
pub(crate) struct Complaint(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    said: Option<Instant>,
    unsaid: u64,
}

impl Complaint {
    /// `who` sent something that can't be used. Whether that is said now, rather than counted for the next that is.
    pub(crate) fn about(&self, who: &dyn Display, error: &dyn Display) -> bool {
        let due = self.due();
        if let Some(unsaid) = due {
            let (who, error) = (shown(who), shown(error));
            tracing::warn!(
                step = "ingest", %who, %error, unsaid,
                "what a peer sent can't be used: is it of this version?"
            );
        }
        due.is_some()
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

/// A text as it may stand in a log: what a peer sent may be in it, which could write lines of its own there, or pages, or
/// command the terminal that shows it.
fn shown(text: &dyn Display) -> String {
    let text = text.to_string();
    let escaped = text.chars().flat_map(|c| {
        // Backslashes and quotes harm nobody, and every character that is shown as it is has no other form.
        let as_it_is = matches!(c, '\\' | '"' | '\'');
        as_it_is.then_some(c).into_iter().chain((!as_it_is).then(|| c.escape_debug()).into_iter().flatten())
    });
    escaped.take(SHOWN).collect()
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

    #[test]
    fn what_a_peer_sent_writes_no_lines_and_no_pages_of_its_own_into_the_log() {
        assert_eq!(shown(&"omma/v1/edges/site/songs"), "omma/v1/edges/site/songs");
        assert_eq!(shown(&r#"no "x" in C:\y, größer"#), r#"no "x" in C:\y, größer"#);
        assert_eq!(shown(&"a\nERROR all is lost\x1b[2J"), r"a\nERROR all is lost\u{1b}[2J");
        assert_eq!(shown(&"right\u{202e}tfel \u{9b}31m"), r"right\u{202e}tfel \u{9b}31m");
        assert_eq!(shown(&"\n".repeat(70_000)).len(), SHOWN);
    }
}
