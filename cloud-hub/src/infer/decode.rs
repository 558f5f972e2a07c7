//! One stream: access units from the bus → its newest frame for the engine. A thread of its own, because decoding
//! computes for milliseconds at a time.
//!
//! Every unit is decoded, since each needs those before it; only a frame that is due is copied and handed on.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use omma_media::decode::{DecodeError, Decoder, DecoderChoice};
use omma_media::frame::FramePool;
use omma_protocol::id::StreamId;
use omma_protocol::unit::AccessUnit;
use omma_runtime::step::Step;
use omma_vision::pace::Pace;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::turns::{Look, Turns};
use crate::bus::{Bus, Item, Subscription, Want};
use crate::step;

/// A stream that is silent for this long has its open events closed: whoever stood there may be gone by the time it
/// comes back.
const SILENT: Duration = Duration::from_secs(10);
/// Frames of one stream in flight: in its slot, under the detector, being decoded into.
const FRAMES: usize = 4;

/// Starts the thread. It ends when `token` is cancelled or the stream is removed from the bus. Must be called in a
/// runtime.
pub(super) fn spawn(
    stream: &StreamId,
    bus: &Bus,
    turns: Arc<Turns>,
    rate: f32,
    token: CancellationToken,
) -> io::Result<()> {
    let runtime = Handle::current();
    let subscription = bus.subscribe(stream, Want::UNITS);
    let reader = Reader {
        stream: stream.clone(),
        subscription,
        turns,
        pace: Pace::new(rate),
        pool: FramePool::new(FRAMES),
        decoder: None,
        step: Step::new(step::DECODE),
        unsupported: false,
    };
    // Linux keeps 15 characters of a thread's name.
    let name = format!("decode {}", stream.camera);
    std::thread::Builder::new().name(name).spawn(move || reader.run(&runtime, &token))?;
    Ok(())
}

struct Reader {
    stream: StreamId,
    subscription: Subscription,
    turns: Arc<Turns>,
    pace: Pace,
    pool: FramePool,
    decoder: Option<Decoder>,
    step: Step,
    unsupported: bool,
}

enum Heard {
    Unit(AccessUnit),
    Nothing,
    Silence,
    End,
}

impl Reader {
    fn run(mut self, runtime: &Handle, token: &CancellationToken) {
        let _decode = self.step.span().entered();
        let mut silent = false;
        loop {
            match runtime.block_on(self.hear(token)) {
                Heard::Unit(unit) => {
                    silent = false;
                    self.decode(&unit, Instant::now());
                }
                Heard::Nothing => {}
                Heard::Silence => {
                    if !silent {
                        self.turns.end(&self.stream);
                    }
                    silent = true;
                }
                Heard::End => break,
            }
        }
        self.turns.end(&self.stream);
    }

    async fn hear(&mut self, token: &CancellationToken) -> Heard {
        tokio::select! {
            biased;
            () = token.cancelled() => Heard::End,
            item = tokio::time::timeout(SILENT, self.subscription.next()) => match item {
                Ok(Some(Item::Unit { unit, .. })) => Heard::Unit(unit),
                Ok(Some(Item::Result(_))) => Heard::Nothing,
                Ok(None) => Heard::End,
                Err(_) => Heard::Silence,
            },
        }
    }

    fn decode(&mut self, unit: &AccessUnit, arrived: Instant) {
        match self.look(unit, arrived) {
            Ok(Some(look)) => {
                if self.turns.put(&self.stream, look) {
                    self.step.dropped("replaced");
                }
            }
            Ok(None) => {}
            Err(
                error @ (DecodeError::Unsupported { .. } | DecodeError::NotInThisBuild { .. } | DecodeError::Create(_)),
            ) => {
                self.step.dropped("unsupported");
                // It comes with each key picture: said once.
                if !std::mem::replace(&mut self.unsupported, true) {
                    tracing::warn!(stream = %self.stream, %error, "the hub can't look at a stream");
                }
            }
            Err(error @ DecodeError::Broken { .. }) => {
                self.step.dropped("broken");
                tracing::debug!(stream = %self.stream, %error, "goes on at the next key picture");
            }
        }
    }

    fn look(&mut self, unit: &AccessUnit, arrived: Instant) -> Result<Option<Look>, DecodeError> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(unit.codec, DecoderChoice::Auto)?),
        };
        let decoded = decoder.decode(unit)?;
        self.step.observe(arrived.elapsed());
        let Some(decoded) = decoded else { return Ok(None) };
        self.unsupported = false;
        self.step.done();
        let due = self.pace.takes(decoded.time());
        Ok(due.then(|| Look { frame: decoded.into_frame(&self.pool), arrived }))
    }
}
