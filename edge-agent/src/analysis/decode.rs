//! Units that the gate asks for: decoded, and what the gate says of their frames.

use std::time::Instant;

use edge_core::Moment;
use edge_core::unit_queue::Arrived;
use omma_media::decode::DecodeError;
use omma_vision::fair::Rank;
use omma_vision::gate::{Look, Thumbnail};

use super::Looker;
use super::plan::Task;
use crate::outbox::Ended;

impl Looker {
    pub(super) fn decode(&mut self, task: &Task) -> Result<(), Ended> {
        self.pulse.beat();
        let step = self.steps.decode.span().entered();
        let Arrived { unit, at, .. } = &task.arrived;
        self.name_decoder();
        // A key picture is a group's one look where there is no time for more.
        let rank = if unit.key { Rank::First } else { self.rank() };
        let core = self.wait_for_core(rank)?;
        let began = Instant::now();
        if task.anew {
            self.eyes.decoder.begin_again();
        }
        let mut shown = None;
        let mut wanted = None;
        match self.eyes.decoder.decode(unit) {
            Ok(Some(decoded)) => {
                self.steps.decode.observe(began.elapsed());
                self.steps.decode.done();
                if std::mem::take(&mut self.unseen) {
                    self.told.gates.cannot_look(&self.camera.id, None);
                }
                shown = Some(decoded.time());
                let look = self.plan.frame(decoded.time(), |mask| Thumbnail::of(&decoded.planes(), mask));
                wanted = (look != Look::Pass).then(|| (look, decoded.to_frame(&self.pool)));
            }
            Ok(None) if task.alone => {}
            Ok(None) => self.steps.decode.dropped("no picture"),
            Err(e) => {
                self.plan.broken();
                if matches!(e, DecodeError::Broken { .. }) {
                    self.steps.decode.dropped("broken");
                    tracing::debug!(camera = %self.camera.id, error = %e, "decode");
                } else {
                    self.steps.decode.dropped("unsupported");
                    self.unseen = true;
                    self.told.gates.cannot_look(&self.camera.id, Some(e.to_string()));
                    self.log(e.to_string());
                }
                return Ok(());
            }
        }
        drop((core, step));
        if let Some((look, frame)) = wanted {
            self.act(look, frame, *at)?;
        }
        self.plan.looked_back(self.clock.now());
        // Where a probe had the past decoded again, the key picture comes with it.
        if task.alone && shown != Some(unit.time) && !self.plan.is_behind() { self.flush(*at) } else { Ok(()) }
    }

    /// A reordered stream's key picture would come out only with the next one.
    fn flush(&mut self, at: Moment) -> Result<(), Ended> {
        let frames = self.eyes.decoder.finish(&self.pool);
        self.plan.flushed();
        if frames.is_empty() {
            self.steps.decode.dropped("no picture");
            self.plan.broken();
        }
        for frame in frames {
            self.steps.decode.done();
            let look = self.plan.frame(frame.time, |mask| Thumbnail::of(&frame.planes(), mask));
            self.act(look, frame, at)?;
            if self.plan.is_behind() {
                break;
            }
        }
        Ok(())
    }

    /// A camera may change its codec, and a device may be given up.
    fn name_decoder(&mut self) {
        let decoder = self.eyes.decoder.name();
        if decoder != self.decoded_by {
            let before = std::mem::replace(&mut self.decoded_by, decoder);
            tracing::info!(camera = %self.camera.id, decoder, before, "another decoder");
        }
    }
}
