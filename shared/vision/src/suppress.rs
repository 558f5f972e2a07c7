//! Non-maximum suppression: of several boxes that say the same, the surest stays.

use crate::head::Candidate;

/// Most boxes that are compared with each other. A network that finds more than this in one picture is talking
/// nonsense; the surest are kept and the time spent stays bounded.
pub const MOST: usize = 1000;

/// Keeps, of boxes of one class whose intersection over union exceeds `threshold`, the one with the highest score.
/// What remains is sorted, the surest first.
pub fn suppress(found: &mut Vec<Candidate>, threshold: f32) {
    sort(found);
    let mut kept = 0;
    for index in 0..found.len() {
        let candidate = found[index];
        if found[..kept].iter().all(|k| k.class != candidate.class || iou(k, &candidate) <= threshold) {
            found[kept] = candidate;
            kept += 1;
        }
    }
    found.truncate(kept);
}

/// Sorts boxes of which none says the same as another, the surest first, and keeps the [`MOST`] surest.
pub fn sort(found: &mut Vec<Candidate>) {
    found.sort_unstable_by(order);
    found.truncate(MOST);
}

/// Highest score first; the rest only so that the same boxes always come out in the same order.
fn order(a: &Candidate, b: &Candidate) -> std::cmp::Ordering {
    let place = |c: &Candidate| (c.class, c.top, c.left);
    let ((a_class, a_top, a_left), (b_class, b_top, b_left)) = (place(a), place(b));
    b.score
        .total_cmp(&a.score)
        .then(a_class.cmp(&b_class))
        .then(a_top.total_cmp(&b_top))
        .then(a_left.total_cmp(&b_left))
}

fn iou(a: &Candidate, b: &Candidate) -> f32 {
    let area = |c: &Candidate| (c.right - c.left).max(0.0) * (c.bottom - c.top).max(0.0);
    let width = a.right.min(b.right) - a.left.max(b.left);
    let height = a.bottom.min(b.bottom) - a.top.max(b.top);
    let both = width.max(0.0) * height.max(0.0);
    both / (area(a) + area(b) - both).max(f32::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn candidate(class: usize, score: f32, left: f32) -> Candidate {
        Candidate { class, score, left, top: 0.0, right: left + 10.0, bottom: 10.0 }
    }

    #[test]
    fn surest_of_one_class_stays_and_other_classes_are_left_alone() {
        // 8 of 12 pixels shared: IoU 2/3.
        let mut found = vec![candidate(0, 0.5, 2.0), candidate(0, 0.9, 0.0), candidate(1, 0.4, 0.0)];
        suppress(&mut found, 0.6);
        assert_eq!(found, [candidate(0, 0.9, 0.0), candidate(1, 0.4, 0.0)]);
        let mut found = vec![candidate(0, 0.5, 2.0), candidate(0, 0.9, 0.0)];
        suppress(&mut found, 0.7);
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn a_suppressed_box_suppresses_nothing() {
        // B overlaps A and C overlaps B, but C does not overlap A by enough.
        let mut found = vec![candidate(0, 0.9, 0.0), candidate(0, 0.8, 3.0), candidate(0, 0.7, 6.0)];
        suppress(&mut found, 0.5);
        assert_eq!(found, [candidate(0, 0.9, 0.0), candidate(0, 0.7, 6.0)]);
    }

    proptest! {
        #[test]
        fn what_stays_is_apart_and_what_goes_lay_under_something_surer(
            boxes in proptest::collection::vec((0..3usize, 0.0..1.0f32, 0.0..50.0f32, 0.0..50.0f32, 1.0..30.0f32, 1.0..30.0f32), 0..60),
            threshold in 0.1..0.9f32,
        ) {
            let boxes: Vec<_> = boxes.into_iter().map(|(class, score, left, top, width, height)| {
                Candidate { class, score, left, top, right: left + width, bottom: top + height }
            }).collect();
            let mut kept = boxes.clone();
            suppress(&mut kept, threshold);
            for (i, a) in kept.iter().enumerate() {
                prop_assert!(boxes.contains(a));
                prop_assert!(kept[..i].iter().all(|b| b.score >= a.score && (b.class != a.class || iou(a, b) <= threshold)));
            }
            for gone in boxes.iter().filter(|b| !kept.contains(b)) {
                prop_assert!(kept.iter().any(|k| k.class == gone.class && k.score >= gone.score && iou(k, gone) > threshold));
            }
        }
    }
}
