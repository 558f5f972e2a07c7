//! The end of what is followed: of the stream, of detection, of being able to look, or of the program.

use super::Looker;
use crate::outbox::Ended;

impl Looker {
    /// Closes what is open, lets go of what others may use, and says that what was seen is over.
    pub(super) fn finish(&mut self) -> Result<(), Ended> {
        if self.decoder.is_some() {
            // It may be another camera's when units come again.
            self.plan.broken();
        }
        self.let_go();
        self.eyes.shared.decoders().forget(&self.camera.id);
        self.eyes.shared.seats().leaves(&self.camera.id, self.clock.now());
        if self.plan.told() > 0 {
            self.plan.is_over();
            self.told.gates.tell(&self.camera.id, self.plan.report());
        }
        if let Some(last) = self.told_of {
            self.told.gates.is_over(&self.camera.id, last);
        }
        let lasting = self.analysis.finish();
        self.put(lasting)
    }
}
