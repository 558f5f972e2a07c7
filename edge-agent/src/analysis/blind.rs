//! When nothing can be seen in a camera's pictures: said in its state and once in the log, and nothing is left open meanwhile.

use super::Looker;
use crate::outbox::Ended;

/// Why nothing is seen in the pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unseen {
    /// They can't be decoded, whatever is done.
    Undecoded,
    /// The detector fails at each of them.
    Undetected,
}

impl Looker {
    /// Nothing is seen any more: told, and when it begins what was seen before is over, as at the end of the stream.
    pub(super) fn goes_blind(&mut self, unseen: Unseen, why: String) -> Result<(), Ended> {
        self.told.gates.cannot_look(&self.camera.id, Some(why));
        if self.unseen.replace(unseen).is_some() {
            return Ok(());
        }
        (self.waiting, self.asked) = (None, None);
        self.meters.nobody_looks();
        self.finish()
    }

    /// What kept it from seeing is over.
    pub(super) fn sees_again(&mut self, unseen: Unseen) {
        if self.unseen.take_if(|why| *why == unseen).is_some() {
            self.told.gates.cannot_look(&self.camera.id, None);
        }
    }

    /// Once for each new reason: a fault of the stream comes back with every picture.
    pub(super) fn log(&mut self, reason: String) {
        if self.logged.as_ref() != Some(&reason) {
            tracing::warn!(camera = %self.camera.id, reason, "the camera's pictures can't be looked at");
            self.logged = Some(reason);
        }
    }
}
