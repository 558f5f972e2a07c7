//! One stream: access units from the bus → its newest frame for the engine. A thread of its own, because decoding
//! computes for milliseconds at a time.
//!
//! Every unit is decoded, since each needs those before it; only a frame that is due is copied and handed on.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hub_core::unseen::Cause;
use omma_media::decode::{DecodeError, Decoder, DecoderChoice};
use omma_media::frame::FramePool;
use omma_protocol::id::StreamId;
use omma_protocol::time::CaptureTime;
use omma_protocol::unit::{AccessUnit, REORDERED};
use omma_runtime::step::Step;
use omma_vision::failing::Failing;
use omma_vision::pace::Pace;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::turns::{Look, Turns};
use super::unseen::Unseen;
use crate::bus::{Bus, Item, Subscription, Want};
use crate::step;

/// A stream that is silent for this long has its open events closed: whoever stood there may be gone by the time it
/// comes back.
const SILENT: Duration = Duration::from_secs(10);
/// Or for twice as long as between its last two units, since a camera may give a picture every ten seconds; but no longer than this.
const LONGEST_SILENT: Duration = Duration::from_secs(25);
/// Frames of one stream in flight: in its slot, under the detector, being decoded into.
const FRAMES: usize = 4;

/// Starts the thread. It ends when `token` is cancelled or the stream is removed from the bus. Must be called in a
/// runtime.
pub(super) fn spawn(
    stream: &StreamId,
    bus: &Bus,
    turns: Arc<Turns>,
    unseen: Unseen,
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
        latest: None,
        step: Step::new(step::DECODE),
        infer: Step::new(step::INFER),
        unseen,
        began: Instant::now(),
        failing: Failing::default(),
        blind: false,
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
    /// The latest unit's.
    latest: Option<CaptureTime>,
    step: Step,
    infer: Step,
    unseen: Unseen,
    began: Instant,
    /// Pictures that could not be decoded one after the other.
    failing: Failing,
    /// Whether it is told that none can be.
    blind: bool,
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
        let (mut silent, mut heard, mut patience) = (false, None::<Instant>, SILENT);
        loop {
            match runtime.block_on(self.hear(patience, token)) {
                Heard::Unit(unit) => {
                    let now = Instant::now();
                    silent = false;
                    patience = heard.replace(now).map_or(SILENT, |before| patience_after(now - before));
                    self.decode(&unit, now);
                }
                Heard::Nothing => {}
                Heard::Silence => {
                    if !silent {
                        self.end();
                        self.sees();
                    }
                    silent = true;
                }
                Heard::End => break,
            }
        }
        self.end();
        self.sees();
    }

    /// The stream gives no frames for a while, or ever.
    fn end(&self) {
        if self.turns.end(&self.stream) {
            self.infer.dropped("stream ended");
        }
    }

    async fn hear(&mut self, patience: Duration, token: &CancellationToken) -> Heard {
        tokio::select! {
            biased;
            () = token.cancelled() => Heard::End,
            item = tokio::time::timeout(patience, self.subscription.next()) => match item {
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
                    self.infer.dropped("newer frame");
                }
            }
            Ok(None) => {}
            Err(error @ DecodeError::Broken { .. }) => {
                self.step.dropped("broken");
                tracing::debug!(stream = %self.stream, %error, "goes on at the next key picture");
                if self.failing.failed(arrived.saturating_duration_since(self.began)) {
                    self.goes_blind(&error);
                }
            }
            // It comes with each key picture.
            Err(error) => {
                self.step.dropped("unsupported");
                self.goes_blind(&error);
            }
        }
    }

    /// None of its pictures can be decoded: told, and when it begins what was seen before is over.
    fn goes_blind(&mut self, error: &DecodeError) {
        self.unseen.blind(&self.stream, Cause::Undecoded, error.to_string());
        if !std::mem::replace(&mut self.blind, true) {
            self.end();
        }
    }

    /// One could be, or none comes.
    fn sees(&mut self) {
        self.failing.worked();
        if std::mem::take(&mut self.blind) {
            self.unseen.sees(&self.stream, Cause::Undecoded);
        }
    }

    fn look(&mut self, unit: &AccessUnit, arrived: Instant) -> Result<Option<Look>, DecodeError> {
        let decoder = match &mut self.decoder {
            Some(decoder) => decoder,
            none => none.insert(Decoder::new(unit.codec, DecoderChoice::Auto)?),
        };
        if unit.key && self.latest.is_some_and(|latest| latest.since(unit.time) > REORDERED) {
            // An edge whose clock was set back: beside the times of before, all that comes would be late.
            decoder.begin_again();
            self.latest = None;
        }
        self.latest = self.latest.max(Some(unit.time));
        let late = decoder.counts().late;
        let decoded = decoder.decode(unit)?;
        self.step.observe(arrived.elapsed());
        let Some(decoded) = decoded else {
            self.step.dropped_many("late", decoder.counts().late - late);
            return Ok(None);
        };
        self.step.done();
        let due = self.pace.takes(decoded.time());
        let look = due.then(|| Look { frame: decoded.into_frame(&self.pool), arrived });
        self.sees();
        Ok(look)
    }
}

/// How long the next unit may take after two that came `gap` apart.
fn patience_after(gap: Duration) -> Duration {
    gap.saturating_mul(2).clamp(SILENT, LONGEST_SILENT)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use omma_media::bitstream::access_unit::split_access_units;
    use omma_media::bitstream::is_key;
    use omma_protocol::unit::Codec;

    use super::*;

    /// Real footage, ten pictures a second.
    fn units(begin: CaptureTime) -> Vec<AccessUnit> {
        let folder = PathBuf::from(std::env::var_os("OMMA_FOOTAGE").expect("OMMA_FOOTAGE: run tests by `make test`"));
        let stream = std::fs::read(folder.join("vtest.h264")).unwrap();
        let unit = |(n, data): (usize, &[u8])| AccessUnit {
            time: CaptureTime(begin.0 + n as i64 * 100_000),
            key: is_key(Codec::H264, data),
            codec: Codec::H264,
            data: data.to_vec().into(),
        };
        split_access_units(&stream).into_iter().take(30).enumerate().map(unit).collect()
    }

    #[test]
    fn a_snapshot_every_ten_seconds_is_no_silence() {
        let ms = Duration::from_millis;
        assert!(patience_after(ms(10_300)) > ms(20_000));
        assert_eq!(patience_after(ms(40)), SILENT);
        assert_eq!(patience_after(ms(3_600_000)), LONGEST_SILENT, "it was away");
    }

    #[test]
    fn an_edge_whose_clock_is_set_back_by_an_hour_is_looked_at_all_the_same() {
        let stream: StreamId = "site.door".parse().unwrap();
        let mut reader = Reader {
            subscription: Bus::new().subscribe(&stream, Want::UNITS),
            stream,
            turns: Arc::default(),
            pace: Pace::new(10.0),
            pool: FramePool::new(FRAMES),
            decoder: None,
            latest: None,
            step: Step::new(step::DECODE),
            infer: Step::new(step::INFER),
            unseen: Unseen::default(),
            began: Instant::now(),
            failing: Failing::default(),
            blind: false,
        };
        let noon = 1_780_000_000_000_000;
        for begin in [noon, noon - 3_600_000_000] {
            let units = units(CaptureTime(begin));
            let looks = units.iter().filter_map(|unit| reader.look(unit, Instant::now()).unwrap());
            let times: Vec<_> = looks.map(|look| look.frame.time).collect();
            assert!(times.len() + 2 >= units.len(), "{} of {}", times.len(), units.len());
            assert!(times.iter().all(|time| time.0 >= begin && time.0 < begin + 3_600_000_000));
        }
    }
}
