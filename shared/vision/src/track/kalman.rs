//! Where a box will be: a Kalman filter of constant velocity.
//!
//! The filter of SORT and ByteTrack has eight states, but its transition, its noises and its first covariance never
//! couple one coordinate with another, so that it is exactly four filters of two states, one each for the centre's x
//! and y, the width and the height. Time is in seconds, not frames, because frames are skipped.

use omma_protocol::geometry::Rect;

/// Standard deviation of a measured coordinate, in sizes of the thing. From ByteTrack.
const MEASURED: f32 = 1.0 / 20.0;
/// Variance that a coordinate gains a second by itself, in sizes²: 1/40 a frame at 30 frames a second. Half of ByteTrack's
/// deviation, as is the next, since people swap less often so where boxes tremble.
const WANDER: f32 = 30.0 / (40.0 * 40.0);
/// Variance that a velocity gains a second, in (sizes/s)²: 1/320 a frame at 30 frames a second.
const SWERVE: f32 = 30.0 * 30.0 * 30.0 / (320.0 * 320.0);
/// Standard deviation of the velocity of a new thing, in sizes a second: a walker passes its own height in a second.
const UNKNOWN_VELOCITY: f32 = 1.0;
/// Width over height of most cameras' pictures; makes x comparable to y, which are both in units of the picture.
const PICTURE: f32 = 16.0 / 9.0;

/// The predicted motion of one box.
#[derive(Debug, Clone)]
pub(super) struct Motion {
    x: Coordinate,
    y: Coordinate,
    w: Coordinate,
    h: Coordinate,
}

impl Motion {
    pub(super) fn new(rect: Rect) -> Self {
        let (x, y) = rect.centre();
        let (across, down) = scales(rect);
        Self {
            x: Coordinate::new(x, across),
            y: Coordinate::new(y, down),
            w: Coordinate::new(rect.w, across),
            h: Coordinate::new(rect.h, down),
        }
    }

    /// Moves on by `dt` seconds.
    pub(super) fn predict(&mut self, dt: f32) {
        let (across, down) = scales(self.rect());
        self.x.predict(dt, across);
        self.y.predict(dt, down);
        self.w.predict(dt, across);
        self.h.predict(dt, down);
    }

    /// Takes in where the box was found.
    pub(super) fn correct(&mut self, rect: Rect) {
        let (x, y) = rect.centre();
        let (across, down) = scales(rect);
        self.x.correct(x, across);
        self.y.correct(y, down);
        self.w.correct(rect.w, across);
        self.h.correct(rect.h, down);
    }

    /// Standard deviation of where the centre is thought to be, in sizes of the thing: of x or y, whichever is larger.
    pub(super) fn unsure(&self) -> f32 {
        let (across, down) = scales(self.rect());
        (self.x.vv.max(0.0).sqrt() / across).max(self.y.vv.max(0.0).sqrt() / down)
    }

    /// Where the box is thought to be.
    pub(super) fn rect(&self) -> Rect {
        // A thing that shrinks may be predicted to vanish; its box must not turn inside out.
        let (w, h) = (self.w.value.max(1e-4), self.h.value.max(1e-4));
        Rect { x: self.x.value - w / 2.0, y: self.y.value - h / 2.0, w, h }
    }
}

/// The thing's size across and down, in units of the picture. A narrow thing moves as fast as a wide one of the same
/// height, so that the larger side counts for both.
fn scales(rect: Rect) -> (f32, f32) {
    (rect.w.max(rect.h / PICTURE).max(1e-4), rect.h.max(rect.w * PICTURE).max(1e-4))
}

/// Value and velocity of one coordinate, and their covariance `[[vv, vd], [vd, dd]]`.
#[derive(Debug, Clone)]
struct Coordinate {
    value: f32,
    velocity: f32,
    vv: f32,
    vd: f32,
    dd: f32,
}

impl Coordinate {
    fn new(value: f32, scale: f32) -> Self {
        let (value_sd, velocity_sd) = (2.0 * MEASURED * scale, UNKNOWN_VELOCITY * scale);
        Self { value, velocity: 0.0, vv: value_sd * value_sd, vd: 0.0, dd: velocity_sd * velocity_sd }
    }

    fn predict(&mut self, dt: f32, scale: f32) {
        let (wander, swerve) = (WANDER * scale * scale, SWERVE * scale * scale);
        self.value += self.velocity * dt;
        // White noise of acceleration, integrated over dt.
        self.vv += dt * (2.0 * self.vd + dt * self.dd) + wander * dt + swerve * dt * dt * dt / 3.0;
        self.vd += dt * self.dd + swerve * dt * dt / 2.0;
        self.dd += swerve * dt;
    }

    fn correct(&mut self, measured: f32, scale: f32) {
        let noise = MEASURED * scale;
        let innovation = self.vv + noise * noise;
        let (gain_value, gain_velocity) = (self.vv / innovation, self.vd / innovation);
        let error = measured - self.value;
        self.value += gain_value * error;
        self.velocity += gain_velocity * error;
        self.dd -= gain_velocity * self.vd;
        self.vd -= gain_value * self.vd;
        self.vv -= gain_value * self.vv;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn walker(t: f32) -> Rect {
        Rect { x: 0.1 + 0.05 * t, y: 0.4, w: 0.04, h: 0.2 }
    }

    #[test]
    fn learns_a_velocity_whatever_the_frame_rate() {
        for steps in [&[0.2f32; 10][..], &[1.0 / 30.0; 60], &[0.1, 0.4, 0.1, 0.3, 0.2, 0.5, 0.1, 0.3]] {
            let (mut motion, mut t) = (Motion::new(walker(0.0)), 0.0);
            for dt in steps {
                t += dt;
                motion.predict(*dt);
                motion.correct(walker(t));
            }
            motion.predict(1.0);
            let overlap = motion.rect().iou(walker(t + 1.0));
            assert!(overlap > 0.75, "{overlap} after {} steps", steps.len());
        }
    }

    proptest! {
        #[test]
        fn stays_finite_and_the_right_way_round(
            steps in prop::collection::vec((0.0f32..10.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0, 0.0f32..1.0), 1..50),
        ) {
            let mut motion = Motion::new(Rect { x: 0.0, y: 0.0, w: 0.0, h: 0.0 });
            for (dt, x, y, w, h) in steps {
                motion.predict(dt);
                motion.correct(Rect { x, y, w, h });
                let rect = motion.rect();
                prop_assert!(rect.x.is_finite() && rect.y.is_finite() && rect.w > 0.0 && rect.h > 0.0, "{rect:?}");
                prop_assert!(motion.x.vv >= 0.0 && motion.x.dd >= 0.0, "{:?}", motion.x);
            }
        }
    }
}
