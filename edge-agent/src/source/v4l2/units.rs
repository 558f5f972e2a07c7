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

pub(super) struct Units<'a> {
    device: &'a Device,
    sets: ParameterSets,
    began: Instant,
    /// When a key picture is asked for; `None` where the device does not hear of it.
    due: Option<Instant>,
}

impl<'a> Units<'a> {
    /// The first picture should be a key picture.
    pub(super) fn new(device: &'a Device, now: Instant) -> Self {
        Self { device, sets: ParameterSets::default(), began: now, due: Some(now) }
    }

    /// The unit in a buffer, where there is a picture in it.
    pub(super) fn next(&mut self, data: &[u8], taken: Instant) -> Option<Coded> {
        let (data, key) = self.sets.complete(data)?;
        if key {
            self.due = self.due.map(|_| taken + KEY_EVERY);
        } else if self.due.is_some_and(|due| taken >= due) {
            self.due = self.ask().then(|| taken + ASK_AGAIN);
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

    /// Whether the device has the control.
    fn ask(&self) -> bool {
        let asked = self.device.set_control(Control { id: FORCE_KEY_FRAME, value: Value::None });
        if let Err(error) = &asked {
            tracing::debug!(%error, "the device takes no request for a key picture");
        }
        asked.is_ok()
    }
}
