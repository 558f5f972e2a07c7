//! One stream that is being watched: read from the bus once, for all its viewers. Owned by the driver.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use hub_core::delay::Delay;
use omma_media::bitstream::Watch;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::{AccessUnit, Codec};

use super::SessionId;
use super::group::Group;
use super::packetize::Packets;
use crate::bus::Subscription;

/// Pictures whose result may still come: some eight seconds.
const REMEMBERED: usize = 256;

/// Why a stream can't be sent to browsers.
pub(super) const REORDERS: &str = "the camera sends B-frames, which WebRTC can't carry: switch them off in the camera's \
                                   encoder settings (or take its baseline or main profile without B-frames)";
pub(super) const NOT_H264: &str =
    "the camera sends H.265, which browsers take over WebRTC only in part: switch its encoder to H.264";

#[derive(Debug)]
pub(super) struct Source {
    pub(super) subscription: Subscription,
    pub(super) viewers: BTreeSet<SessionId>,
    pub(super) group: Group,
    watch: Watch,
    delay: Delay,
    began: Option<Instant>,
    passed: VecDeque<(CaptureTime, Instant)>,
}

impl Source {
    pub(super) fn new(subscription: Subscription) -> Self {
        Self {
            subscription,
            viewers: BTreeSet::new(),
            group: Group::default(),
            watch: Watch::default(),
            delay: Delay::default(),
            began: None,
            passed: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// Takes the stream's next picture. Fails with the reason where browsers can't be sent this stream.
    pub(super) fn picture(&mut self, unit: &AccessUnit, now: Instant) -> Result<(), &'static str> {
        if unit.codec != Codec::H264 {
            return Err(NOT_H264);
        }
        self.watch.see(unit);
        if self.watch.info().is_some_and(|info| info.reorders) {
            return Err(REORDERS);
        }
        if unit.key {
            self.began = Some(now);
        }
        if self.passed.len() == REMEMBERED {
            self.passed.pop_front();
        }
        self.passed.push_back((unit.time, now));
        self.group.push(Packets::new(unit));
        Ok(())
    }

    /// Takes a result's lateness: how long after its picture it came.
    pub(super) fn result(&mut self, result: &FrameResult, now: Instant) {
        if let Ok(at) = self.passed.binary_search_by_key(&result.time, |&(time, _)| time) {
            self.delay.sample(now.saturating_duration_since(self.passed[at].1));
        }
    }

    /// How long a viewer in exact mode holds pictures back.
    pub(super) fn delay(&self) -> Duration {
        self.delay.current()
    }

    /// Decides anew, once a second. Returns the delay if it has changed.
    pub(super) fn update_delay(&mut self) -> Option<Duration> {
        self.delay.update()
    }

    /// How long ago the cached group began, where a viewer could begin with it.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.began.filter(|_| self.group.begins_with_key()).map(|began| now.saturating_duration_since(began))
    }
}
