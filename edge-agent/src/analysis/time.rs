//! What there is time for: seats ([`omma_vision::seats`]), giving up what is late, and letting go of the decoder.

use edge_core::unit_queue::Arrived;

use super::plan::Task;
use super::{Looker, PROMPT};
use crate::unit::Reader;

impl Looker {
    /// Goes on with the next key picture where decoding all has made this camera late.
    pub(super) fn give_up_if_late(&mut self, units: &mut Reader) {
        let Some(Arrived { unit, at, .. }) = self.plan.upcoming() else { return };
        if unit.key {
            self.lateness.begin_again();
        } else if self.lateness.gives_up(unit.time, self.clock.now().saturating_sub(*at)) {
            self.eyes.shared.seats().late(&self.camera.id, self.clock.now());
            self.give_up(units, 0, "analysis late");
        }
    }

    /// Whether there is time for a unit of the present.
    pub(super) fn has_time(&mut self, Task { arrived: Arrived { unit, .. }, alone, .. }: &Task) -> bool {
        let (camera, now) = (&self.camera.id, self.clock.now());
        // What follows has its seat for that; and a key picture alone is seldom looked at.
        let prompt = !unit.key || *alone || self.eyes.shared.detector_wait() <= PROMPT;
        let rank = self.rank();
        let mut seats = self.eyes.shared.seats();
        if self.seated {
            self.seated = seats.goes_on(camera, now);
        } else if !unit.key {
            self.seated = seats.begins(camera, rank, now);
        }
        if unit.key && !prompt {
            seats.late(camera, now);
            self.seated = false;
        }
        self.meters.seats(seats.limit());
        if unit.key { prompt } else { self.seated }
    }

    /// Goes on with the next key picture. `taken` units were taken before.
    pub(super) fn give_up(&mut self, units: &mut Reader, taken: usize, why: &'static str) {
        let dropped = taken + self.plan.give_up() + units.skip();
        self.steps.unit.dropped_many(why, dropped as u64);
        self.lateness.begin_again();
        self.let_go();
    }

    /// Nothing is decoded for now that goes on from what was.
    pub(super) fn let_go(&mut self) {
        if let Some(decoder) = self.decoder.take_if(|decoder| decoder.may_be_shared()) {
            self.reorders = decoder.reorders();
            self.eyes.shared.decoders().give_back(&self.camera.id, decoder);
        }
        if std::mem::take(&mut self.seated) {
            self.eyes.shared.seats().leaves(&self.camera.id, self.clock.now());
        }
    }
}
