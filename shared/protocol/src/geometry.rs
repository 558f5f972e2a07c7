//! Rectangles in a picture.

/// An upright rectangle in units of the picture: `0.0..=1.0` from left to right and from top to bottom.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rect {
    /// Left edge.
    pub x: f32,
    /// Top edge.
    pub y: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

impl Rect {
    /// From left, top, right and bottom.
    pub fn from_corners(left: f32, top: f32, right: f32, bottom: f32) -> Self {
        Self { x: left, y: top, w: right - left, h: bottom - top }
    }

    /// Right edge.
    pub fn right(self) -> f32 {
        self.x + self.w
    }

    /// Bottom edge.
    pub fn bottom(self) -> f32 {
        self.y + self.h
    }

    /// Width times height; zero for a rectangle turned inside out.
    pub fn area(self) -> f32 {
        self.w.max(0.0) * self.h.max(0.0)
    }

    /// Centre, `(x, y)`.
    pub fn centre(self) -> (f32, f32) {
        (self.x + self.w / 2.0, self.y + self.h / 2.0)
    }

    /// Cut to the picture. What lies outside altogether becomes empty, and so does what is not a number.
    #[expect(clippy::manual_clamp, reason = "`clamp` keeps a NaN, and panics where a bound is one")]
    pub fn clamped(self) -> Self {
        let (left, top) = (self.x.max(0.0).min(1.0), self.y.max(0.0).min(1.0));
        Self::from_corners(left, top, self.right().max(left).min(1.0), self.bottom().max(top).min(1.0))
    }

    /// Intersection over union, `0.0..=1.0`.
    pub fn iou(self, other: Self) -> f32 {
        let w = self.right().min(other.right()) - self.x.max(other.x);
        let h = self.bottom().min(other.bottom()) - self.y.max(other.y);
        if w <= 0.0 || h <= 0.0 {
            return 0.0;
        }
        let both = w * h;
        both / (self.area() + other.area() - both).max(f32::MIN_POSITIVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iou_of_halves() {
        let a = Rect { x: 0.0, y: 0.0, w: 1.0, h: 1.0 };
        let b = Rect { x: 0.5, y: 0.0, w: 1.0, h: 1.0 };
        assert!((a.iou(b) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!(a.iou(Rect { x: 2.0, ..a }), 0.0);
        assert_eq!(Rect::default().iou(Rect::default()), 0.0);
    }

    #[test]
    fn clamped_stays_in_the_picture() {
        let r = Rect { x: -0.5, y: 0.9, w: 0.7, h: 0.4 }.clamped();
        assert!(r.x == 0.0 && (r.w - 0.2).abs() < 1e-6 && (r.bottom() - 1.0).abs() < 1e-6);
        assert_eq!(Rect { x: 2.0, y: 2.0, w: 1.0, h: 1.0 }.clamped().area(), 0.0);
        for nan in [Rect { x: f32::NAN, ..r }, Rect { w: f32::NAN, ..r }, Rect { y: f32::NAN, h: f32::INFINITY, ..r }] {
            let cut = nan.clamped();
            assert!(cut.x >= 0.0 && cut.right() <= 1.0 && cut.y >= 0.0 && cut.bottom() <= 1.0, "{cut:?}");
        }
    }
}
