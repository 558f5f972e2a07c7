//! Units that the gate asks for: decoded, and what the gate says of their frames.

use std::time::Instant;

use edge_core::Moment;
use edge_core::unit_queue::Arrived;
use omma_media::decode::DecodeError;
use omma_protocol::unit::AccessUnit;
use omma_vision::fair::Rank;
use omma_vision::gate::{Look, Thumbnail};

use super::blind::Unseen;
use super::plan::Task;
use super::{Looker, PROMPT};
use crate::outbox::Ended;

impl Looker {
    /// False where it was too late to begin: nothing was decoded.
    pub(super) fn decode(&mut self, task: &Task, past: bool) -> Result<bool, Ended> {
        self.pulse.beat();
        let step = self.steps.decode.span().entered();
        let Arrived { unit, at, .. } = &task.arrived;
        // Who goes on must keep up; whoever begins may wait.
        let begins = unit.key && !past && !self.seated && !task.alone;
        let rank = if begins || task.alone { self.rank() } else { Rank::First };
        let until = begins.then(|| Instant::now() + PROMPT.saturating_sub(self.clock.now().saturating_sub(*at)));
        let Some(core) = self.wait_for_core(rank, until)? else {
            self.eyes.shared.seats().late(&self.camera.id, self.clock.now());
            return Ok(false);
        };
        let began = Instant::now();
        let mut shown = None;
        let mut wanted = None;
        let had = self.have_decoder(unit);
        let decoded = match &mut self.decoder {
            Some(decoder) => {
                if task.anew {
                    decoder.begin_again();
                }
                decoder.decode(unit)
            }
            None => had.map(|()| None),
        };
        match decoded {
            Ok(Some(decoded)) => {
                self.steps.decode.observe(began.elapsed());
                self.steps.decode.done();
                shown = Some(decoded.time());
                let look = self.plan.frame(decoded.time(), |mask| Thumbnail::of(&decoded.planes(), mask));
                wanted = (look != Look::Pass).then(|| (look, decoded.into_frame(self.eyes.shared.frames())));
            }
            Ok(None) if task.alone => {}
            Ok(None) => {
                self.steps.decode.dropped("no picture");
                if self.decoder.is_none() {
                    // What it builds on is gone.
                    self.plan.broken();
                }
            }
            Err(e) => {
                drop(core);
                self.not_decoded(&e)?;
                return Ok(true);
            }
        }
        drop((core, step));
        if shown.is_some() {
            self.was_decoded();
        }
        if let Some((look, frame)) = wanted {
            self.act(look, frame, *at)?;
        }
        self.plan.looked_back(self.clock.now());
        // Where a probe had the past decoded again, the key picture comes with it.
        if task.alone && shown != Some(unit.time) && !self.plan.is_behind() {
            self.flush(*at)?;
        }
        Ok(true)
    }

    /// A camera that begins anew is given a decoder, and one that goes on has its own.
    fn have_decoder(&mut self, unit: &AccessUnit) -> Result<(), DecodeError> {
        if self.decoder.is_none() && unit.key {
            let decoders = self.eyes.shared.decoders();
            self.decoder = Some(decoders.lease(&self.camera.id, unit, self.eyes.decoder, self.reorders)?);
        }
        self.name_decoder();
        Ok(())
    }

    fn not_decoded(&mut self, e: &DecodeError) -> Result<(), Ended> {
        self.plan.broken();
        if matches!(e, DecodeError::Broken { .. }) {
            self.steps.decode.dropped("broken");
            tracing::debug!(camera = %self.camera.id, error = %e, "decode");
            if self.undecoded.failed(self.clock.now()) {
                self.log(e.to_string());
                self.goes_blind(Unseen::Undecoded, e.to_string())?;
            }
        } else {
            self.steps.decode.dropped("unsupported");
            self.log(e.to_string());
            self.goes_blind(Unseen::Undecoded, e.to_string())?;
        }
        Ok(())
    }

    fn was_decoded(&mut self) {
        self.undecoded.worked();
        self.sees_again(Unseen::Undecoded);
    }

    /// A reordered stream's key picture would come out only with the next one.
    fn flush(&mut self, at: Moment) -> Result<(), Ended> {
        let frames = match &mut self.decoder {
            Some(decoder) => decoder.finish(self.eyes.shared.frames()),
            None => vec![],
        };
        self.plan.flushed();
        if frames.is_empty() {
            self.steps.decode.dropped("no picture");
            self.plan.broken();
        } else {
            self.was_decoded();
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
        let Some(decoder) = self.decoder.as_ref().map(omma_media::decode::Decoder::name) else { return };
        if let Some(before) = self.decoded_by.replace(decoder).filter(|before| *before != decoder) {
            tracing::info!(camera = %self.camera.id, decoder, before, "another decoder");
        }
    }
}
