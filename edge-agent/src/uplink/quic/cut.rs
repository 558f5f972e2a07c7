//! What is done about a group of pictures that was cut, since the uplink fell behind, for as long as no key picture comes.
//!
//! ```text
//! cut ──20 s──▶ told, again each minute ──3 min──▶ told, and the camera is connected to anew, once
//! ```
//!
//! Smart codecs have a key picture once in a minute or two. Cameras with intra refresh have one at a session's beginning, and so another
//! only in a new session.

use std::time::Duration;

use tokio::time::Instant;

/// From when on somebody should know.
const PATIENCE: Duration = Duration::from_secs(20);
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// From when on none is to be expected any more. A new session costs the edge's own look at the camera a second.
const NO_LONGER: Duration = Duration::from_secs(180);

/// A group that takes nothing any more.
#[derive(Debug)]
pub(super) struct Cut {
    since: Instant,
    told: Option<Instant>,
    asked: bool,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// Tell that nothing has gone to the hub for so long.
    Tell(Duration),
    /// Have the camera connected to anew.
    Anew,
}

impl Cut {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, told: None, asked: false }
    }

    /// Another unit did not go.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let lasted = now.saturating_duration_since(self.since);
        if lasted >= NO_LONGER && !std::mem::replace(&mut self.asked, true) {
            return Due::Anew;
        }
        let since_told = self.told.map(|told| now.saturating_duration_since(told));
        if lasted < PATIENCE || since_told.is_some_and(|since| since < TELL_AGAIN) {
            return Due::Nothing;
        }
        self.told = Some(now);
        Due::Tell(lasted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_that_was_cut_and_does_not_end_is_told_and_ended_by_a_new_session() {
        let (begun, mut due) = (Instant::now(), vec![]);
        let mut cut = Cut::new(begun);
        for ms in (0..250_000).step_by(40) {
            let now = begun + Duration::from_millis(ms);
            due.extend(Some((ms / 1000, cut.due(now))).filter(|(_, due)| *due != Due::Nothing));
        }
        let told = |s: u64| (s, Due::Tell(Duration::from_secs(s)));
        assert_eq!(due, [told(20), told(80), told(140), (180, Due::Anew), told(200)]);
    }
}
