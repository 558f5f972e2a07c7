//! Access units of a device that codes its pictures itself.

use std::time::{Duration, Instant};

use omma_protocol::unit::Codec;
use v4l::control::{Control, Value};
use v4l::device::Device;

use super::parameter_sets::ParameterSets;
use crate::source::encoded::ticks;
use crate::source::rtsp::Coded;

/// Longest time from one key picture to the next before one is asked for.
const KEY_EVERY: Duration = Duration::from_secs(4);
/// How long after that it is asked for again.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// `V4L2_CID_MPEG_VIDEO_FORCE_KEY_FRAME` of the kernel's `v4l2-controls.h`: a button.
const FORCE_KEY_FRAME: u32 = 0x0099_09e5;

pub(super) struct Units<A> {
    ask: A,
    sets: ParameterSets,
    began: Instant,
    /// When a key picture is asked for; `None` where the device does not hear of it.
    due: Option<Instant>,
}

impl<A: FnMut() -> bool> Units<A> {
    /// The first picture should be a key picture. `ask` asks for one, and gives whether the device hears of it.
    pub(super) fn new(ask: A, now: Instant) -> Self {
        Self { ask, sets: ParameterSets::default(), began: now, due: Some(now) }
    }

    /// The unit in a buffer, where there is a picture in it.
    pub(super) fn next(&mut self, data: &[u8], taken: Instant) -> Option<Coded> {
        let (data, key) = self.sets.complete(data)?;
        if key {
            self.due = self.due.map(|_| taken + KEY_EVERY);
        } else if self.due.is_some_and(|due| taken >= due) {
            self.due = (self.ask)().then(|| taken + ASK_AGAIN);
        }
        Some(Coded {
            rtp: ticks(taken.saturating_duration_since(self.began)),
            first_packet: taken,
            lost_packets: 0,
            unusable_packets: 0,
            new_parameter_sets: false,
            key,
            codec: Codec::H264,
            data,
        })
    }
}

/// Asks for a key picture. Gives whether the device has that control.
pub(super) fn force_key_picture(device: &Device) -> bool {
    let asked = device.set_control(Control { id: FORCE_KEY_FRAME, value: Value::None });
    if let Err(error) = &asked {
        tracing::debug!(%error, "the device takes no request for a key picture");
    }
    asked.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = &[0, 0, 0, 1, 0x67, 66, 1, 0, 0, 0, 1, 0x68, 7, 0, 0, 0, 1, 0x65, 1];
    const OTHER: &[u8] = &[0, 0, 0, 1, 0x41, 2];

    /// At which of these tenths of a second a key picture was asked for. Pictures are key pictures at those of `keys`.
    fn asked(hears: bool, tenths: u64, keys: &[u64]) -> Vec<u64> {
        let (began, tenth) = (Instant::now(), std::cell::Cell::new(0));
        let mut asked = vec![];
        let ask = || {
            asked.push(tenth.get());
            hears
        };
        let mut units = Units::new(ask, began);
        for n in 0..tenths {
            tenth.set(n);
            let key = keys.contains(&n);
            let taken = began + Duration::from_millis(100 * n);
            let unit = units.next(if key { KEY } else { OTHER }, taken).expect("there is a picture in it");
            assert_eq!((unit.key, unit.rtp, unit.first_packet), (key, ticks(taken - began), taken));
        }
        assert!(units.next(b"no stream", began).is_none());
        asked
    }

    #[test]
    fn a_key_picture_is_asked_for_where_none_comes_and_not_sooner() {
        assert_eq!(asked(true, 35, &[]), [0, 10, 20, 30], "from the first picture on, once a second");
        assert_eq!(asked(true, 130, &[0, 39, 78]), [118, 128], "four seconds after the last one");
        assert_eq!(asked(false, 100, &[5]), [0], "a device that hears of none is not asked again");
    }
}
