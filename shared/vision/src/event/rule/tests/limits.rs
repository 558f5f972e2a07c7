//! Each limit of a rule decides by itself.

use omma_protocol::geometry::Rect;
use omma_protocol::track::Track;

use super::site::{Site, person, reasons};

/// Somebody who stands, in a box of that width and height, found with these scores over and over.
fn makes_an_event(limits: &str, (w, h): (f32, f32), scores: &[f32]) -> bool {
    let mut site = Site::new("", &format!("[[rule]]\nname = \"any\"\n{limits}"));
    let stands = |ms: i64| {
        let (score, rect) = (scores[ms as usize / 100 % scores.len()], Rect { x: 0.2, y: 0.2, w, h });
        Some(vec![Track { score, rect, ..person(1, 0.2) }])
    };
    !reasons(&site.run(0..5000, stands)).is_empty()
}

/// A detector that loses a guard for two seconds begins another track of him.
#[test]
fn how_often_and_how_surely_a_thing_was_found_counts_under_all_of_its_tracks() {
    for (limit, score) in [("min_frames = 30", 0.8), ("min_best_score = 0.75", 0.7)] {
        let rule = format!("[[rule]]\nname = \"post\"\ncount_under = 1\nlabels = [\"person\"]\n{limit}");
        let mut site = Site::new("", &rule);
        site.run(0..10_000, |_| Some(vec![person(1, 0.3)]));
        site.run(10_000..12_000, |_| None);
        let again = site.run(12_000..20_000, |_| Some(vec![Track { score, ..person(2, 0.3) }]));
        assert_eq!(reasons(&again), [], "{limit}");
    }
}

#[test]
fn a_thing_that_is_too_small_too_large_or_never_surely_found_makes_no_event() {
    // Of a picture of 16:9, so that 0.1 of its width are 0.178 of its height.
    let (tall, wide, half) = ((0.1, 0.3), (0.3, 0.1), (0.1, 0.5));
    let (surely, once) = (&[0.8][..], &[0.9, 0.6, 0.6, 0.6, 0.6][..]);
    for (limits, thing, scores, expected) in [
        ("", tall, surely, true),
        ("min_size = 0.29", tall, surely, true),
        ("min_size = 0.31", tall, surely, false),
        ("min_size = 0.53", wide, surely, true),
        ("min_size = 0.54", wide, surely, false),
        ("min_size = 0.5", half, surely, true),
        ("max_size = 0.31", tall, surely, true),
        ("max_size = 0.29", tall, surely, false),
        ("max_size = 0.54", wide, surely, true),
        ("max_size = 0.53", wide, surely, false),
        ("max_size = 0.5", half, surely, true),
        ("min_size = 0.2\nmax_size = 0.4", tall, surely, true),
        ("min_size = 0.2\nmax_size = 0.4", half, surely, false),
        ("min_best_score = 0.79", tall, surely, true),
        ("min_best_score = 0.81", tall, surely, false),
        // The best is what counts, however seldom: of the mean another limit says.
        ("min_best_score = 0.85", tall, once, true),
        ("min_best_score = 0.91", tall, once, false),
        ("min_score = 0.85", tall, once, false),
    ] {
        assert_eq!(makes_an_event(limits, thing, scores), expected, "{limits} of {thing:?}, found with {scores:?}");
    }
}
