//! Points, polygons and lines in a picture.
//!
//! Configured in units of the picture, `0.0..=1.0` from left to right and from top to bottom. Distances would be
//! longer across than down there, so that what is measured is first brought into *heights*: both axes in heights of
//! the picture ([`Point::in_heights`]). Nothing here panics, whatever the numbers: what is not a number is in no
//! polygon and on no side of a line.

use omma_protocol::geometry::Rect;

/// How near to its side a point is still in a polygon. Boxes are cut to the picture, so that feet stand exactly on
/// the lower side of many a zone.
const EDGE: f32 = 1e-5;

/// A point.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Point {
    /// From the left.
    pub x: f32,
    /// From the top.
    pub y: f32,
}

impl Point {
    /// From units of the picture to heights of it. `aspect` is its width over its height.
    pub fn in_heights(self, aspect: f32) -> Self {
        Self { x: self.x * aspect, y: self.y }
    }

    /// How far it is to another.
    pub fn distance(self, other: Self) -> f32 {
        (self.x - other.x).hypot(self.y - other.y)
    }
}

/// A polygon, closed from its last point to its first. What it overlaps twice is outside (even-odd).
#[derive(Debug, Clone, PartialEq)]
pub struct Polygon(pub Vec<Point>);

impl Polygon {
    /// The whole picture, in units of it.
    pub fn picture() -> Self {
        Self([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)].map(|(x, y)| Point { x, y }).into())
    }

    /// As [`Point::in_heights`].
    pub fn in_heights(&self, aspect: f32) -> Self {
        Self(self.0.iter().map(|point| point.in_heights(aspect)).collect())
    }

    /// Whether a point is inside or on a side.
    pub fn contains(&self, p: Point) -> bool {
        let crossed = self.sides().filter(|side| {
            let (a, b) = (side.from, side.to);
            (a.y > p.y) != (b.y > p.y) && p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x)
        });
        crossed.count() % 2 == 1 || self.distance(p) <= EDGE
    }

    /// How far a point is from the nearest side.
    pub fn distance(&self, p: Point) -> f32 {
        self.sides().map(|side| side.distance(p)).fold(f32::INFINITY, f32::min)
    }

    /// The smallest rectangle around it.
    pub fn bounds(&self) -> Rect {
        let (mut left, mut top, mut right, mut bottom) = (1.0f32, 1.0f32, 0.0f32, 0.0f32);
        for p in &self.0 {
            (left, top, right, bottom) = (left.min(p.x), top.min(p.y), right.max(p.x), bottom.max(p.y));
        }
        Rect::from_corners(left, top, right.max(left), bottom.max(top))
    }

    /// Its area, whichever way round its points go.
    pub fn area(&self) -> f32 {
        self.sides().map(|s| s.from.x * s.to.y - s.to.x * s.from.y).sum::<f32>().abs() / 2.0
    }

    /// Whether two of its sides cross: its points were not listed in their order around.
    pub fn crosses_itself(&self) -> bool {
        let sides: Vec<Segment> = self.sides().collect();
        let neighbours = |i: usize, j: usize| j == i + 1 || (i == 0 && j + 1 == sides.len());
        (0..sides.len())
            .flat_map(|i| (i + 1..sides.len()).map(move |j| (i, j)))
            .any(|(i, j)| !neighbours(i, j) && sides[i].meets(sides[j]))
    }

    fn sides(&self) -> impl Iterator<Item = Segment> {
        let next = self.0.iter().cycle().skip(1);
        self.0.iter().zip(next).map(|(&from, &to)| Segment { from, to })
    }
}

/// A straight line from one point to another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Its beginning.
    pub from: Point,
    /// Its end.
    pub to: Point,
}

impl Segment {
    /// As [`Point::in_heights`].
    pub fn in_heights(self, aspect: f32) -> Self {
        Self { from: self.from.in_heights(aspect), to: self.to.in_heights(aspect) }
    }

    /// How long it is.
    pub fn length(self) -> f32 {
        self.from.distance(self.to)
    }

    /// How far a point is to the right of who walks along it, from its beginning to its end and beyond; negative to
    /// the left. Zero for a line without length.
    pub fn side(self, p: Point) -> f32 {
        self.cross(p) / self.length().max(f32::MIN_POSITIVE)
    }

    /// Whether who walks straight from `a` to `b` steps over it. A point on the line counts as right of it, so that a
    /// walk over it in several steps crosses once, and the same walk back crosses the same places.
    pub fn is_crossed(self, a: Point, b: Point) -> bool {
        let (left, right) = match (self.cross(a) >= 0.0, self.cross(b) >= 0.0) {
            (false, true) => (a, b),
            (true, false) => (b, a),
            _ => return false,
        };
        let (before, behind) = (self.cross(left), self.cross(right));
        let share = before / (before - behind);
        let at = Point { x: left.x + share * (right.x - left.x), y: left.y + share * (right.y - left.y) };
        (0.0..=1.0).contains(&self.along(at))
    }

    /// How far a point is from it.
    pub fn distance(self, p: Point) -> f32 {
        let share = self.along(p).clamp(0.0, 1.0);
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        p.distance(Point { x: self.from.x + share * dx, y: self.from.y + share * dy })
    }

    /// Whether it and another have a point in common, but for where they merely lie in one line.
    fn meets(self, other: Self) -> bool {
        let apart = |of: Self, a: Point, b: Point| of.cross(a) * of.cross(b) <= 0.0;
        let parallel = self.cross(other.from) == 0.0 && self.cross(other.to) == 0.0;
        !parallel && apart(self, other.from, other.to) && apart(other, self.from, self.to)
    }

    /// Where along it a point is, `0.0..=1.0` between its ends. Zero for a line without length.
    fn along(self, p: Point) -> f32 {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        ((p.x - self.from.x) * dx + (p.y - self.from.y) * dy) / (dx * dx + dy * dy).max(f32::MIN_POSITIVE)
    }

    fn cross(self, p: Point) -> f32 {
        let (dx, dy) = (self.to.x - self.from.x, self.to.y - self.from.y);
        // The picture's y points down: what is positive here is on the right hand.
        dx * (p.y - self.from.y) - dy * (p.x - self.from.x)
    }
}

#[cfg(test)]
mod tests;
