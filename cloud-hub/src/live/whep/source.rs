//! One stream that is being watched: read from the bus once, for all its viewers. Owned by the driver.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use hub_core::delay::{Delay, LookBack};
use omma_media::bitstream::Watch;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::{AccessUnit, Codec};

use super::SessionId;
use super::group::{Cursor, Group};
use super::packetize::Packets;
use crate::bus::Subscription;
use crate::bus::stream::has_stopped;

/// Pictures whose result may still come: some eight seconds.
const REMEMBERED: usize = 256;

/// The first part of a wait, which the page holds by itself: exactly, and as soon as it is told. A browser's own buffer
/// comes near a time that it is asked for only after ten seconds and more, and where it was busy stays beyond it; so that is
/// asked only for what copies of frames have no room for (eight frames of 3840×2160, 270 ms at 30 frames/s).
const PAGE_HOLDS: Duration = Duration::from_millis(200);

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
    /// How late results are behind their picture's arrival.
    delay: Delay,
    /// How late results are behind their picture's capture.
    hold: Delay,
    look_back: LookBack,
    /// When the cached group began.
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
            hold: Delay::default(),
            look_back: LookBack::default(),
            began: None,
            passed: VecDeque::with_capacity(REMEMBERED),
        }
    }

    /// Takes the stream's next picture, which was taken at `taken` and came at `now`. Fails with the reason where
    /// browsers can't be sent this stream.
    pub(super) fn picture(&mut self, unit: &AccessUnit, taken: Instant, now: Instant) -> Result<(), &'static str> {
        if unit.codec != Codec::H264 {
            return Err(NOT_H264);
        }
        self.watch.see(unit);
        if self.watch.info().is_some_and(|info| info.reorders) {
            return Err(REORDERS);
        }
        if self.passed.len() == REMEMBERED {
            self.passed.pop_front();
        }
        self.passed.push_back((unit.time, now));
        if unit.key {
            self.began = Some(now);
        }
        self.group.push(Packets::new(unit, taken));
        Ok(())
    }

    /// Takes a result's lateness: how long after its picture it came, and how long after its capture. `clock` is the
    /// stream's, now. A picture that the edge has looked at long after it came is not waited for.
    pub(super) fn result(&mut self, result: &FrameResult, clock: CaptureTime, now: Instant) {
        let late = clock.since(result.time);
        if self.look_back.is_past(result.time, late) {
            return;
        }
        if let Ok(at) = self.passed.binary_search_by_key(&result.time, |&(time, _)| time) {
            self.delay.sample(now.saturating_duration_since(self.passed[at].1));
        }
        self.hold.sample(late);
    }

    /// How long a viewer's browser in exact mode holds pictures back after they came (`playout-delay`).
    pub(super) fn delay(&self) -> Duration {
        self.delay.current().saturating_sub(PAGE_HOLDS)
    }

    /// Where a viewer who joins now begins: with the cached group, unless the stream has stopped. That group is of when it
    /// did, and would be taken for the present; then with the next key picture. The bus does so for whoever joins first.
    pub(super) fn start(&self, now: Instant) -> Cursor {
        let mut newest = self.passed.iter().rev();
        let stopped = newest.next().is_some_and(|&(time, came)| {
            let gap = newest.next().map(|&(before, _)| time.since(before));
            has_stopped(gap, now.saturating_duration_since(came))
        });
        if stopped { Cursor::Seeking { from: self.group.end() } } else { Cursor::START }
    }

    /// How long ago the cached group began, where a viewer could begin with it.
    pub(super) fn age(&self, now: Instant) -> Option<Duration> {
        self.began.filter(|_| self.group.begins_with_key()).map(|began| now.saturating_duration_since(began))
    }

    /// How long after its capture a picture's boxes are there: what the page holds it for.
    pub(super) fn hold(&self) -> Duration {
        self.hold.current()
    }

    /// Decides both anew, once a second. Returns whether one has changed.
    pub(super) fn update(&mut self) -> bool {
        let (delay, hold) = (self.delay.update(), self.hold.update());
        delay.is_some() || hold.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use omma_protocol::detection::{Analyst, Place};

    use super::*;
    use crate::bus::{Bus, Want};
    use crate::live::whep::group::Step;

    #[test]
    fn who_joins_a_stopped_stream_is_not_shown_the_past_as_live() {
        let bus = Bus::new();
        let mut source = Source::new(bus.subscribe(&"site.door".parse().unwrap(), Want::BOTH));
        let begin = Instant::now();
        let push = |source: &mut Source, n: u64, key: bool| {
            let (time, came) =
                (CaptureTime(1_790_000_000_000_000) + Duration::from_secs(n), begin + Duration::from_secs(n));
            source
                .picture(&AccessUnit { time, key, codec: Codec::H264, data: Default::default() }, came, came)
                .unwrap();
            came
        };
        let first = |source: &Source, mut cursor: Cursor| match source.group.step(&mut cursor) {
            Step::Send(picture) => Some((picture.taken - begin).as_secs()),
            _ => None,
        };
        assert_eq!(source.start(begin), Cursor::START, "of the group that the bus replays nothing was read yet");
        push(&mut source, 0, true);
        let last = push(&mut source, 1, false);
        let before = source.start(last + Duration::from_millis(2999));
        assert_eq!(first(&source, before), Some(0), "pictures are under way: the group is shown at once");
        let stopped = source.start(last + Duration::from_secs(3));
        assert_eq!(first(&source, stopped), None);
        push(&mut source, 14_400, false);
        assert_eq!(first(&source, stopped), None, "what can't be decoded without the past is not sent either");
        let again = push(&mut source, 14_401, true);
        assert_eq!(first(&source, stopped), Some(14_401), "the camera is back");
        assert_eq!(first(&source, source.start(again)), Some(14_401));
    }

    /// A second page waited up to ten seconds for its first picture, though the newest was the present one.
    #[test]
    fn who_joins_a_camera_of_a_picture_every_ten_seconds_has_the_newest_at_once() {
        let bus = Bus::new();
        let mut source = Source::new(bus.subscribe(&"site.door".parse().unwrap(), Want::BOTH));
        let (begin, s) = (Instant::now(), Duration::from_secs);
        for n in [0, 10] {
            let time = CaptureTime(1_790_000_000_000_000) + s(n);
            let unit = AccessUnit { time, key: true, codec: Codec::H264, data: Default::default() };
            source.picture(&unit, begin + s(n), begin + s(n)).unwrap();
        }
        assert_eq!(source.start(begin + s(19)), Cursor::START);
        assert_ne!(source.start(begin + s(30)), Cursor::START, "one is missing: it has stopped");
    }

    /// A second page waited for the next picture where the first had come only in time for the one before.
    #[test]
    fn who_joins_before_the_second_picture_of_such_a_camera_has_the_first_at_once() {
        let bus = Bus::new();
        let mut source = Source::new(bus.subscribe(&"site.door".parse().unwrap(), Want::BOTH));
        let (came, s) = (Instant::now(), Duration::from_secs);
        let time = CaptureTime(1_790_000_000_000_000);
        source
            .picture(&AccessUnit { time, key: true, codec: Codec::H264, data: Default::default() }, came, came)
            .unwrap();
        assert_eq!(source.start(came + s(4)), Cursor::START);
        assert_ne!(source.start(came + s(25)), Cursor::START, "no camera gives pictures as seldom");
    }

    #[test]
    fn on_a_slow_uplink_a_page_holds_longer_than_pictures_wait_here() {
        let bus = Bus::new();
        let mut source = Source::new(bus.subscribe(&"site.door".parse().unwrap(), Want::BOTH));
        let ms = Duration::from_millis;
        let (came, time) = (Instant::now(), CaptureTime(1_790_000_000_000_000));
        let unit = AccessUnit { time, key: true, codec: Codec::H264, data: Default::default() };
        source.picture(&unit, came, came).unwrap();
        let analyst = Arc::new(Analyst { place: Place::Edge, engine: "tract".into(), model: "m".into() });
        let result = FrameResult { time, tracks: vec![], analyst, took: Duration::ZERO };
        // 400 ms on its way, and 150 ms until its boxes were there.
        source.result(&result, time + ms(550), came + ms(150));
        assert!(source.update());
        assert_eq!((source.delay(), source.hold()), (ms(0), ms(560)));
        assert!(!source.update());
        source.result(&result, time + ms(850), came + ms(450));
        assert!(source.update());
        assert_eq!((source.delay(), source.hold()), (ms(260), ms(860)));
    }
}
