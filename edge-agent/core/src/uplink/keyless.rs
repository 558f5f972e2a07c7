//! What is done while nothing of a camera goes to the hub, since the group of pictures was given up, for as long as no key
//! picture comes.
//!
//! ```text
//! given up ──20 s──▶ told, again each minute ──every 3 min──▶ the camera is connected to anew
//! ```
//!
//! Smart codecs have a key picture once in a minute or two. Cameras with intra refresh have one at a session's beginning, and so another
//! only in a new session.

use std::time::Duration;

/// From when on somebody should know.
const PATIENCE: Duration = Duration::from_secs(20);
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// From when on none is to be expected any more. A new session costs the edge's own look at the camera a second.
const NO_LONGER: Duration = Duration::from_secs(180);

/// A wait for a key picture.
#[derive(Debug, Default)]
pub struct Keyless {
    told: Option<Duration>,
    asked: Duration,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Tell that nothing has gone to the hub for so long.
    Tell,
    /// Have the camera connected to anew.
    Anew,
}

impl Keyless {
    /// Another unit did not go, which has lasted so long.
    pub fn due(&mut self, lasted: Duration) -> Due {
        if lasted.saturating_sub(self.asked) >= NO_LONGER {
            self.asked = lasted;
            return Due::Anew;
        }
        let since_told = self.told.map(|told| lasted.saturating_sub(told));
        if lasted < PATIENCE || since_told.is_some_and(|since| since < TELL_AGAIN) {
            return Due::Nothing;
        }
        self.told = Some(lasted);
        Due::Tell
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_for_a_key_picture_is_told_and_ended_by_a_new_session() {
        let (mut keyless, mut due) = (Keyless::default(), vec![]);
        for ms in (0..400_000).step_by(40) {
            let now = keyless.due(Duration::from_millis(ms));
            due.extend(Some((ms / 1000, now)).filter(|(_, due)| *due != Due::Nothing));
        }
        let told = |s| (s, Due::Tell);
        let anew = |s| (s, Due::Anew);
        // Its only key picture may not have gone either.
        assert_eq!(
            due,
            [told(20), told(80), told(140), anew(180), told(200), told(260), told(320), anew(360), told(380)]
        );
    }
}
