use proptest::prelude::*;

use super::*;

fn p(x: f32, y: f32) -> Point {
    Point { x, y }
}

fn polygon(points: &[(f32, f32)]) -> Polygon {
    Polygon(points.iter().map(|&(x, y)| p(x, y)).collect())
}

#[test]
fn a_polygon_holds_what_is_in_it_and_on_its_sides() {
    let ell = polygon(&[(0.1, 0.1), (0.9, 0.1), (0.9, 0.5), (0.5, 0.5), (0.5, 1.0), (0.1, 1.0)]);
    for (x, y, inside) in [
        (0.2, 0.2, true),
        (0.8, 0.3, true),
        (0.3, 0.9, true),
        (0.7, 0.7, false),
        (0.0, 0.5, false),
        (0.3, 1.0, true),
        (0.1, 0.1, true),
        (0.5, 0.7, true),
        (f32::NAN, 0.2, false),
        (0.2, f32::NAN, false),
        (f32::INFINITY, 0.2, false),
    ] {
        assert_eq!(ell.contains(p(x, y)), inside, "{x} {y}");
    }
    assert!((ell.area() - 0.52).abs() < 1e-5 && (ell.distance(p(0.7, 0.7)) - 0.2).abs() < 1e-5);
    assert_eq!(ell.bounds(), Rect::from_corners(0.1, 0.1, 0.9, 1.0));
    assert!(!polygon(&[]).contains(p(0.0, 0.0)) && !ell.crosses_itself());
    assert!(polygon(&[(0.0, 0.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]).crosses_itself());
}

#[test]
fn the_right_of_a_line_is_on_the_right_hand_of_who_walks_along_it() {
    // From left to right of the picture: what is below is on the right hand.
    let line = Segment { from: p(0.2, 0.5), to: p(0.8, 0.5) };
    assert!((line.side(p(0.4, 0.7)) - 0.2).abs() < 1e-6 && (line.side(p(0.4, 0.2)) + 0.3).abs() < 1e-6);
    // Upwards: what is further right is on the right hand.
    let up = Segment { from: p(0.5, 0.9), to: p(0.5, 0.1) };
    assert!(up.side(p(0.6, 0.5)) > 0.0);
    // In heights of a picture twice as wide, the same tenth of its width is twice as far.
    assert!((up.in_heights(2.0).side(p(0.6, 0.5).in_heights(2.0)) - 0.2).abs() < 1e-6);
}

#[test]
fn a_line_is_crossed_between_its_ends_only() {
    let line = Segment { from: p(0.2, 0.5), to: p(0.8, 0.5) };
    assert!(line.is_crossed(p(0.5, 0.4), p(0.5, 0.6)));
    assert!(!line.is_crossed(p(0.1, 0.4), p(0.1, 0.6)), "around its end");
    assert!(!line.is_crossed(p(0.3, 0.4), p(0.7, 0.4)), "beside it");
    assert!(
        line.is_crossed(p(0.5, 0.4), p(0.5, 0.5)) && !line.is_crossed(p(0.5, 0.5), p(0.5, 0.6)),
        "once in two steps"
    );
    assert!(!line.is_crossed(p(f32::NAN, 0.4), p(0.5, 0.6)));
    let none = Segment { from: p(0.5, 0.5), to: p(0.5, 0.5) };
    assert!(!none.is_crossed(p(0.0, 0.0), p(1.0, 1.0)) && none.side(p(0.1, 0.2)) == 0.0);
}

fn point() -> impl Strategy<Value = Point> {
    (0.0f32..1.0, 0.0f32..1.0).prop_map(|(x, y)| p(x, y))
}

fn any_point() -> impl Strategy<Value = Point> {
    (any::<f32>(), any::<f32>()).prop_map(|(x, y)| p(x, y))
}

proptest! {
    #[test]
    fn a_polygon_that_is_moved_holds_what_moved_with_it(
        points in prop::collection::vec(point(), 3..12), at in point(), dx in -2.0f32..2.0, dy in -2.0f32..2.0,
    ) {
        let moved = |q: &Point| p(q.x + dx, q.y + dy);
        let polygon = Polygon(points);
        prop_assume!(polygon.distance(at) > 1e-3);
        let other = Polygon(polygon.0.iter().map(moved).collect());
        prop_assert_eq!(polygon.contains(at), other.contains(moved(&at)));
        prop_assert!((polygon.distance(at) - other.distance(moved(&at))).abs() < 1e-4);
        prop_assert!((polygon.area() - other.area()).abs() < 1e-3);
    }

    #[test]
    fn where_a_polygon_begins_and_which_way_round_it_goes_changes_nothing(
        points in prop::collection::vec(point(), 3..12), at in point(), first in 0usize..12,
    ) {
        let polygon = Polygon(points.clone());
        prop_assume!(polygon.distance(at) > 1e-4);
        let mut other = points;
        let first = first % other.len();
        other.rotate_left(first);
        prop_assert_eq!(polygon.contains(at), Polygon(other.clone()).contains(at));
        other.reverse();
        prop_assert_eq!(polygon.contains(at), Polygon(other).contains(at));
    }

    #[test]
    fn a_walk_back_crosses_where_the_walk_crossed(line in (point(), point()), a in point(), b in point()) {
        let line = Segment { from: line.0, to: line.1 };
        prop_assert_eq!(line.is_crossed(a, b), line.is_crossed(b, a));
        let turned = Segment { from: line.to, to: line.from };
        prop_assert!((line.side(a) + turned.side(a)).abs() < 1e-4);
    }

    #[test]
    fn no_numbers_make_it_panic(points in prop::collection::vec(any_point(), 0..8), a in any_point(), b in any_point()) {
        let polygon = Polygon(points);
        let _ = (polygon.contains(a), polygon.distance(a), polygon.area(), polygon.bounds(), polygon.crosses_itself());
        let line = Segment { from: a, to: b };
        let _ = (line.side(a), line.distance(b), line.is_crossed(b, a), line.in_heights(a.x).length());
    }
}
