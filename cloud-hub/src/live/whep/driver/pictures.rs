//! What viewers are sent: pictures and boxes, and again where one asks for a key picture.

use std::time::{Duration, Instant};

use omma_protocol::id::StreamId;
use omma_protocol::track::FrameResult;
use omma_protocol::unit::AccessUnit;
use omma_protocol::wire::browser::{BoxesMessage, HubToBrowser, Mode};

use super::Driver;
use super::talk::to_json;
use crate::bus::hub_clock;
use crate::live::whep::SessionId;
use crate::live::whep::group::{Cursor, Step};
use crate::live::whep::metrics::KeyRequest;
use crate::live::whep::session::Input;

/// A viewer who catches up is sent this much at once, then again after [`PACE`]: 200 Mbit/s, so that a long group does
/// not overflow the buffers on its way.
const BURST_BYTES: usize = 128 * 1024;
const PACE: Duration = Duration::from_millis(5);
/// A group younger than this is sent again to a viewer who asks for a key picture. An older one would take the viewer
/// back in time for too long: its timestamps were all shown before.
const REPLAY_WITHIN: Duration = Duration::from_secs(1);
/// Requests for a key picture within this time after one was granted are the same request.
const KEY_REQUEST_EVERY: Duration = Duration::from_millis(500);

impl Driver {
    pub(super) fn picture(&mut self, stream: &StreamId, unit: &AccessUnit, arrived: Instant) {
        let Some(source) = self.sources.get_mut(stream) else { return };
        let now = Instant::now();
        let age = self.bus.stream_clock(stream, hub_clock()).since(unit.time);
        if let Err(reason) = source.picture(unit, now.checked_sub(age).unwrap_or(now), now) {
            self.end_stream(stream, reason);
            return;
        }
        let mut viewers = std::mem::take(&mut self.turn);
        viewers.extend(&source.viewers);
        let mut sent = false;
        for id in viewers.drain(..) {
            sent |= self.feed(id);
        }
        self.turn = viewers;
        if sent {
            self.metrics.step.observe(arrived.elapsed());
            self.metrics.step.done();
        }
    }

    pub(super) fn result(&mut self, stream: &StreamId, result: &FrameResult) {
        let Some(source) = self.sources.get_mut(stream) else { return };
        let clock = self.bus.stream_clock(stream, hub_clock());
        source.result(result, clock, Instant::now());
        let late_us = clock.0.saturating_sub(result.time.0);
        let boxes = BoxesMessage::new(stream, result, late_us as f32 / 1e3);
        let Some(text) = to_json(&HubToBrowser::Boxes(boxes)) else { return };
        let mut viewers = std::mem::take(&mut self.turn);
        viewers.extend(&source.viewers);
        for id in viewers.drain(..) {
            if self.viewers.get(&id).is_some_and(|viewer| viewer.channel) {
                self.metrics.boxes.increment(1);
                self.apply(id, Input::Message(&text));
            }
        }
        self.turn = viewers;
    }

    pub(super) fn feed_all(&mut self) {
        self.flush();
        let mut ids: Vec<_> = self.viewers.keys().copied().collect();
        // Each time from another on: where the socket is full, the last get nothing.
        self.first_fed = self.first_fed.wrapping_add(1);
        let first = self.first_fed.checked_rem(ids.len()).unwrap_or_default();
        ids.rotate_left(first);
        for id in ids {
            self.feed(id);
        }
    }

    /// Sends a viewer what it has not got yet. Returns whether that was anything.
    pub(super) fn feed(&mut self, id: SessionId) -> bool {
        let (mut any, mut sent) = (false, 0);
        while !self.egress.congested() {
            let now = Instant::now();
            let Some(viewer) = self.viewers.get_mut(&id).filter(|v| v.session.connected()) else { return any };
            let Some(source) = self.sources.get(&viewer.stream) else { return any };
            if sent >= BURST_BYTES {
                if source.group.has(viewer.cursor) {
                    self.deadlines.set(id, now + PACE);
                }
                return any;
            }
            let packets = match source.group.step(&mut viewer.cursor) {
                Step::Send(packets) => packets,
                Step::Skipped => {
                    self.metrics.skips.increment(1);
                    self.metrics.step.dropped("slow");
                    continue;
                }
                Step::Wait => return any,
            };
            if viewer.shown.is_none() {
                viewer.shown = Some(now);
                self.metrics.join.record(now.saturating_duration_since(viewer.joined));
            }
            let playout = if viewer.mode == Mode::Exact { source.delay() } else { Duration::ZERO };
            sent += packets.bytes;
            any = true;
            self.metrics.pictures.increment(1);
            self.metrics.packets.increment(packets.payloads.len() as u64);
            self.apply(id, Input::Picture { packets: &packets, playout });
            self.flush();
        }
        any
    }

    pub(super) fn key_picture_wanted(&mut self, id: SessionId) {
        let now = Instant::now();
        let Some(viewer) = self.viewers.get_mut(&id) else { return };
        let Some(source) = self.sources.get(&viewer.stream) else { return };
        let recent = |at: Option<Instant>| at.is_some_and(|at| now.saturating_duration_since(at) < KEY_REQUEST_EVERY);
        if viewer.shown.is_none() || recent(viewer.shown) || recent(viewer.key_granted) {
            self.metrics.key_request(KeyRequest::Ignored);
        } else if source.age(now).is_some_and(|age| age < REPLAY_WITHIN) {
            (viewer.cursor, viewer.key_granted) = (Cursor::START, Some(now));
            self.metrics.key_request(KeyRequest::Replayed);
            self.feed(id);
        } else {
            (viewer.cursor, viewer.key_granted) = (Cursor::Seeking { from: source.group.end() }, Some(now));
            self.metrics.key_request(KeyRequest::Waits);
        }
    }
}
