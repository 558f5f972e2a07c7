//! When a picture was taken, from what its RTP packets say and when they came.
//!
//! RTP timestamps (RFC 3550 §5.1) are even but begin anywhere, wrap every 13 hours and follow the camera's crystal;
//! arrival times are dates but jitter. The clock takes the camera's evenness and the edge's date:
//!
//! ```text
//! capture = rtp + offset − lag        offset = least (arrival − rtp) of the last 10 s
//! ```
//!
//! The least of a window, because the network only ever delays. The offset follows the window slowly
//! ([`SLEW_PER_MILLE`]), so that stamps stay linear with the RTP clock; in the first [`SETTLE_US`] it follows at once,
//! because a camera that begins with a burst of old pictures is late in all of them.
//!
//! What can't be true starts the relation anew, and says so: RTP stamps that run more than a second ahead of arrival
//! or go back more than a second (a camera that restarted), a key picture's that goes back at all where pictures are
//! reordered (what is sent before it is shown before it: H.264 §8.2.1, H.265 §7.4.2.2), and stamps that fall behind
//! arrival by more than a second for the whole window (a frozen or slow RTP clock).
//!
//! What the least delay still is, encoder and network, a camera with the right time tells: its sender reports (RFC 3550
//! §6.4.1) say which date an RTP stamp has. They are followed, as slowly, while they are sane ([`lag`]).
//!
//! Where pictures are sent in another order than they were taken (B-frames), each keeps its own time: as much before the
//! picture that was taken after it as its stamp is ([`order`]).
//!
//! Invariants: no two stamps of one clock are of one tick of 90 kHz, whatever comes in. Of a stream in order they strictly
//! increase; of another one they are never more than [`REORDERED`](omma_protocol::unit::REORDERED) before the latest.

mod lag;

mod order;

use std::collections::VecDeque;

use lag::Lag;
use omma_protocol::time::CaptureTime;
use order::Order;

/// Beyond this RTP time and arrival time contradict each other.
pub const JUMP_US: i64 = 1_000_000;
/// How fast the offset follows its window: 5 ms a second, many times the drift of any crystal.
pub const SLEW_PER_MILLE: i64 = 5;
/// How long the offset follows its window at once.
pub const SETTLE_US: i64 = 2_000_000;
const BUCKET_US: i64 = 1_000_000;
const BUCKETS: usize = 10;
/// The end of the year 9999: leaves room above for arithmetic.
const LATEST_US: i64 = 253_402_300_799_000_000;

/// A capture time, and whether the relation of RTP time to date had to be started anew for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamped {
    /// The capture time.
    pub time: CaptureTime,
    /// What contradicted the relation so far.
    pub jump: Option<Jump>,
}

/// What could not be true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// From the last unit to this one by RTP, µs.
    pub rtp_us: i64,
    /// How far arrival was from what RTP made expect, µs; negative where RTP ran ahead.
    pub late_us: i64,
}

/// Stamps one stream's units. Owned by the task that receives them.
#[derive(Debug, Default)]
pub struct CaptureClock {
    relation: Option<Relation>,
    /// A camera's encoder is as slow in its next session.
    lag: Lag,
    order: Order,
}

impl CaptureClock {
    /// Stamps a unit with RTP timestamp `rtp` (90 kHz) whose first packet came at `arrival`. `key`: whether it is a key
    /// picture. `reorders`: whether pictures of the stream may be sent in another order than they were taken.
    pub fn stamp(&mut self, rtp: u32, arrival: CaptureTime, key: bool, reorders: bool) -> Stamped {
        let arrival = arrival.0.clamp(0, LATEST_US);
        let (time, jump) = match &mut self.relation {
            None => (self.relate(rtp, arrival), None),
            Some(relation) => match relation.advance(rtp, arrival, &mut self.lag) {
                Ok(time) if key && reorders && self.order.back(relation.ticks) > 0 => {
                    let jump = Jump { rtp_us: -micros(self.order.back(relation.ticks)), late_us: arrival - time };
                    (self.relate(rtp, arrival), Some(jump))
                }
                Ok(time) => (time, None),
                Err(jump) => (self.relate(rtp, arrival), Some(jump)),
            },
        };
        let time = CaptureTime(time.clamp(0, 2 * LATEST_US));
        let ticks = self.relation.as_ref().map_or(0, |relation| relation.ticks);
        Stamped { time: self.order.place(ticks, time, reorders), jump }
    }

    /// The camera dates RTP timestamp `rtp` with `camera`, by its own clock.
    pub fn report(&mut self, rtp: u32, camera: CaptureTime) {
        if let Some(relation) = &self.relation {
            self.lag.report(relation.by_arrival(rtp).saturating_sub(camera.0));
        }
    }

    /// A new RTP session: its timestamps have nothing to do with the old ones.
    pub fn restart(&mut self) {
        self.relation = None;
        self.lag.anew();
    }

    fn relate(&mut self, rtp: u32, arrival: i64) -> i64 {
        self.relation = Some(Relation::new(rtp, arrival));
        self.order.anew();
        self.lag.anew();
        arrival - self.lag.now()
    }
}

#[derive(Debug)]
struct Relation {
    rtp: u32,
    /// RTP ticks since the relation began, unwrapped.
    ticks: i64,
    began: i64,
    arrived: i64,
    offset: i64,
    window: LeastOfWindow,
}

impl Relation {
    fn new(rtp: u32, arrival: i64) -> Self {
        let mut window = LeastOfWindow::default();
        window.push(arrival, arrival);
        Self { rtp, ticks: 0, began: arrival, arrived: arrival, offset: arrival, window }
    }

    fn advance(&mut self, rtp: u32, arrival: i64, lag: &mut Lag) -> Result<i64, Jump> {
        let step = i64::from(rtp.wrapping_sub(self.rtp).cast_signed());
        let ticks = self.ticks.saturating_add(step);
        let rtp_us = micros(ticks);
        let seen = arrival - rtp_us;
        let late_us = seen - self.offset;
        self.window.push(arrival, seen);
        let behind = self.window.least() - self.offset;
        if micros(step) < -JUMP_US || late_us < -JUMP_US || behind > JUMP_US {
            return Err(Jump { rtp_us: micros(step), late_us });
        }
        if arrival - self.began < SETTLE_US {
            self.offset = self.offset.min(seen);
        } else {
            let most = slew(arrival - self.arrived);
            self.offset += behind.clamp(-most, most);
        }
        lag.advance(slew(arrival - self.arrived));
        (self.rtp, self.ticks, self.arrived) = (rtp, ticks, arrival);
        Ok(rtp_us.saturating_add(self.offset) - lag.now())
    }

    /// The date of an RTP timestamp near the newest one.
    fn by_arrival(&self, rtp: u32) -> i64 {
        let ahead = i64::from(rtp.wrapping_sub(self.rtp).cast_signed());
        micros(self.ticks.saturating_add(ahead)).saturating_add(self.offset)
    }
}

/// How far anything may be moved in `elapsed`, both µs.
fn slew(elapsed: i64) -> i64 {
    elapsed.clamp(0, 1_000_000) * SLEW_PER_MILLE / 1000
}

fn micros(ticks: i64) -> i64 {
    // i128, because garbage may have driven the ticks to the end of their range.
    (i128::from(ticks) * 100 / 9).clamp(i128::from(-LATEST_US), i128::from(LATEST_US)) as i64
}

/// The least value of the last [`BUCKETS`] seconds, kept by the second.
#[derive(Debug, Default)]
struct LeastOfWindow(VecDeque<(i64, i64)>);

impl LeastOfWindow {
    fn push(&mut self, at: i64, value: i64) {
        let bucket = at / BUCKET_US;
        match self.0.back_mut() {
            // Arrival that goes back (the edge's clock was set) counts into the newest second.
            Some((newest, least)) if *newest >= bucket => *least = value.min(*least),
            _ => self.0.push_back((bucket, value)),
        }
        while self.0.len() > BUCKETS || self.0.front().is_some_and(|(b, _)| b + BUCKETS as i64 <= bucket) {
            self.0.pop_front();
        }
    }

    fn least(&self) -> i64 {
        self.0.iter().map(|&(_, least)| least).min().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
