//! Zones, masks and lines.

use super::super::config::{Line, Mask, Zone};
use super::super::geometry::{Point, Polygon, Segment};
use super::super::written::{LineSection, MaskSection, ZoneSection};
use super::Check;

/// Most points of a polygon.
const MAX_POINTS: usize = 64;
/// Smallest zone, in areas of the picture: smaller ones come of points in one line.
const MIN_AREA: f32 = 1e-4;
/// Shortest line, in units of the picture.
const MIN_LINE: f32 = 0.01;

impl Check<'_> {
    fn points(&mut self, key: &str, written: &[Vec<f32>]) -> Option<Vec<Point>> {
        let before = self.faults.len();
        let mut points = vec![];
        for (n, point) in written.iter().enumerate() {
            match point.as_slice() {
                [x, y] if (0.0..=1.0).contains(x) && (0.0..=1.0).contains(y) => points.push(Point { x: *x, y: *y }),
                _ => self.fault(
                    format!("{key}.points[{n}]"),
                    "expected [x, y], each 0.0 to 1.0: shares of the picture's width and height",
                ),
            }
        }
        (self.faults.len() == before).then_some(points)
    }

    pub(super) fn polygon(&mut self, key: &str, written: &[Vec<f32>]) -> Option<Polygon> {
        let polygon = Polygon(self.points(key, written)?);
        let wrong = match polygon.0.len() {
            n if !(3..=MAX_POINTS).contains(&n) => format!("there are {n} points: expected 3 to {MAX_POINTS}"),
            _ if polygon.crosses_itself() => "its sides cross: expected the points in their order around".to_owned(),
            _ if polygon.area() < MIN_AREA => {
                "it has hardly any area: expected points that are not in a line".to_owned()
            }
            _ => return Some(polygon),
        };
        self.fault(format!("{key}.points"), wrong);
        None
    }

    pub(super) fn zone(&mut self, n: usize, zone: &ZoneSection) -> Option<Zone> {
        let shape = self.polygon(&format!("zone[{n}]"), &zone.points)?;
        Some(Zone { name: zone.name.as_str().into(), shape, anchor: zone.anchor })
    }

    pub(super) fn mask(&mut self, n: usize, mask: &MaskSection) -> Option<Mask> {
        let key = format!("mask[{n}]");
        let labels = self.labels(&key, &mask.labels);
        let shape = self.polygon(&key, &mask.points)?;
        Some(Mask { shape, anchor: mask.anchor, labels })
    }

    pub(super) fn line(&mut self, n: usize, line: &LineSection) -> Option<Line> {
        let key = format!("line[{n}]");
        let (to_right, to_left) = directions(line);
        self.name(&format!("{key}.to_right"), to_right);
        self.name(&format!("{key}.to_left"), to_left);
        if to_right == to_left {
            self.fault(format!("{key}.to_left"), "it is called as `to_right` is: expected another name");
        }
        let points = self.points(&key, &line.points)?;
        match points.as_slice() {
            [from, to] if from.distance(*to) >= MIN_LINE => Some(Line {
                name: line.name.as_str().into(),
                shape: Segment { from: *from, to: *to },
                anchor: line.anchor,
                to_right: to_right.into(),
                to_left: to_left.into(),
            }),
            points => {
                let wrong = format!("there are {}: expected two points, at least {MIN_LINE} apart", points.len());
                self.fault(format!("{key}.points"), wrong);
                None
            }
        }
    }
}

/// What a line's directions are called: to its right, to its left.
pub(super) fn directions(line: &LineSection) -> (&str, &str) {
    (line.to_right.as_deref().unwrap_or("right"), line.to_left.as_deref().unwrap_or("left"))
}
