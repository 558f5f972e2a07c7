//! Which part of a frame an event's crop shows: the thing, with so much around it that one sees what it is about.
//!
//! A square, since things lie and stand, and lists have one place for all. It never leaves the frame: near an edge it is
//! moved, so that the thing is not in its middle, and where the thing is about as large as the frame there is less around it.

use omma_media::part::Part;
use omma_protocol::geometry::Rect;

/// Side of the square for each length of the thing's longer side.
const MARGIN: f32 = 1.5;
/// Shortest side, samples: a thing far away is a few pixels that tell nobody anything without what is around them.
const LEAST: f32 = 160.0;

/// The part around a thing, of a frame of `width` × `height` samples. A box that lies outside of the frame has the part at
/// that edge. Square, unless the thing is longer than the frame's shorter side.
pub fn around(rect: Rect, width: u32, height: u32) -> Part {
    let rect = rect.clamped();
    let longer = (rect.w * width as f32).max(rect.h * height as f32);
    let most = longer.max(width.min(height) as f32);
    let side = (longer * MARGIN).max(LEAST).min(most);
    let (x, y) = rect.centre();
    let (left, width) = span(x, side, width);
    let (top, height) = span(y, side, height);
    Part { left, top, width, height }
}

/// Begin and length of a side around `centre`, of `size` samples.
fn span(centre: f32, side: f32, size: u32) -> (u32, u32) {
    let length = (side.round() as u32).next_multiple_of(2).min(size);
    let begin = (centre * size as f32 - length as f32 / 2.0).round() as u32;
    (begin.min(size - length) & !1, length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(rect: [f32; 4], (width, height): (u32, u32), part: [u32; 4]) {
        let ([x, y, w, h], [left, top, cut_width, cut_height]) = (rect, part);
        let wanted = Part { left, top, width: cut_width, height: cut_height };
        assert_eq!(around(Rect { x, y, w, h }, width, height), wanted, "{rect:?} of {width}x{height}");
    }

    #[test]
    fn a_thing_is_in_the_middle_of_a_square_with_some_of_what_is_around_it() {
        check([0.5, 0.5, 0.1, 0.25], (1920, 1080), [852, 472, 406, 406]);
        check([0.25, 0.5, 0.25, 0.125], (1000, 1000), [186, 374, 376, 376]);
        check([0.5, 0.5, 0.01, 0.02], (3840, 2160), [1858, 1022, 160, 160]);
    }

    #[test]
    fn at_an_edge_it_is_moved_and_not_cut() {
        check([0.0, 0.0, 0.1, 0.25], (1920, 1080), [0, 0, 406, 406]);
        check([0.95, 0.75, 0.1, 0.25], (1920, 1080), [1514, 674, 406, 406]);
        check([-0.2, 0.9, 0.2, 0.5], (1920, 1080), [0, 918, 162, 162]);
        for outside in [[2.0, 2.0, 0.1, 0.1], [1.0, 1.0, 0.0, 0.0]] {
            check(outside, (1920, 1080), [1760, 920, 160, 160]);
        }
        check([f32::NAN; 4], (1920, 1080), [0, 0, 160, 160]);
    }

    #[test]
    fn of_a_thing_as_large_as_the_frame_it_shows_all_with_less_around_it() {
        check([0.4, 0.05, 0.2, 0.9], (1920, 1080), [420, 0, 1080, 1080]);
        check([0.1, 0.4, 0.75, 0.2], (1920, 1080), [192, 0, 1440, 1080]);
        check([0.0, 0.0, 1.0, 1.0], (1920, 1080), [0, 0, 1920, 1080]);
        check([0.0, 0.1, 1.0, 0.1], (161, 1001), [0, 68, 161, 162]);
    }

    #[test]
    fn a_frame_smaller_than_the_least_is_shown_whole() {
        check([0.5, 0.5, 0.1, 0.1], (64, 48), [10, 0, 48, 48]);
        check([0.9, 0.9, 0.1, 0.1], (65, 49), [14, 0, 50, 49]);
        check([0.5, 0.5, 0.1, 0.1], (1, 1), [0, 0, 1, 1]);
    }

    proptest! {
        #[test]
        fn it_lies_in_the_frame_and_holds_the_thing(
            (width, height) in (1u32..5000, 1u32..5000),
            (x, y, w, h) in (-0.5f32..1.5, -0.5f32..1.5, 0.0f32..2.0, 0.0f32..2.0),
        ) {
            let rect = Rect { x, y, w, h };
            let part = around(rect, width, height);
            prop_assert!(part.is_within(width, height), "{part:?}");
            let (seen, inside) = (rect.clamped(), |from: f32, to: f32, size: u32, (begin, length): (u32, u32)| {
                // It begins at an even sample, so that up to two may be missing where there is nothing around it.
                from * size as f32 >= begin as f32 - 1.0 && to * size as f32 <= (begin + length) as f32 + 2.0
            });
            prop_assert!(inside(seen.x, seen.right(), width, (part.left, part.width)), "{part:?} of {seen:?}");
            prop_assert!(inside(seen.y, seen.bottom(), height, (part.top, part.height)), "{part:?} of {seen:?}");
            let least = part.width.min(part.height);
            prop_assert!(least >= 160.min(width.min(height)), "{part:?}");
        }
    }
}
