//! What is parked, as it outlives the program: so that a restart makes no event of each car that stands where it stood.

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::Label;
use omma_protocol::geometry::Rect;
use omma_protocol::time::CaptureTime;

use super::rule::config::Direction;
use crate::gate::Thumbnail;

/// One thing that is parked.
#[derive(Debug, Clone, PartialEq)]
pub struct ParkedThing {
    /// Its class.
    pub label: Label,
    /// Its box in the last frame that it was seen in, `0.0..=1.0` of the picture.
    pub rect: Rect,
    /// The detector's score in that frame, `0.0..=1.0`.
    pub score: f32,
    /// The box in which it came to rest.
    pub place: Rect,
    /// Since when it has stood there.
    pub since: CaptureTime,
    /// The last frame that it was seen in.
    pub seen: CaptureTime,
    /// The rules that have made an event of it, by name, and of a line in which direction.
    pub told: Vec<(Arc<str>, Option<Direction>)>,
}

impl ParkedThing {
    /// How long it has stood in its place: for as long it is known again.
    pub fn stood(&self) -> Duration {
        self.seen.since(self.since)
    }
}

/// What is parked before one camera, and what the camera showed then.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Parked {
    /// The picture that was looked at last.
    pub view: Thumbnail,
    /// At most as many as there are [things](super::rule).
    pub things: Vec<ParkedThing>,
}

impl Parked {
    /// Whether `self` says what `kept` does not: other things, other events of them, or that one has stood there for half
    /// as long again. So what stands for hours is written seldom, and is still known after a kill at any moment.
    pub fn is_news(&self, kept: &Self) -> bool {
        let same = |a: &ParkedThing, b: &ParkedThing| {
            (&a.label, a.place, a.since, &a.told) == (&b.label, b.place, b.since, &b.told)
                && a.seen.since(b.seen) < b.stood() / 2
        };
        self.things.len() != kept.things.len() || !self.things.iter().zip(&kept.things).all(|(a, b)| same(a, b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_news_when_one_comes_goes_is_told_of_or_has_stood_for_half_as_long_again() {
        let rect = Rect { x: 0.1, y: 0.1, w: 0.2, h: 0.2 };
        let (since, seen) = (CaptureTime(0), CaptureTime(60_000_000));
        let thing = ParkedThing { label: "car".into(), rect, score: 0.5, place: rect, since, seen, told: vec![] };
        let of =
            |things: &[&ParkedThing]| Parked { things: things.iter().copied().cloned().collect(), ..Parked::default() };
        let later = |s: i64| ParkedThing { seen: CaptureTime(s * 1_000_000), ..thing.clone() };
        let told = ParkedThing { told: vec![("r".into(), None)], ..thing.clone() };
        for (now, kept, news) in [
            (of(&[]), of(&[]), false),
            (of(&[&thing]), of(&[]), true),
            (of(&[]), of(&[&thing]), true),
            (of(&[&later(89)]), of(&[&thing]), false),
            (of(&[&later(90)]), of(&[&thing]), true),
            (of(&[&told]), of(&[&thing]), true),
            (of(&[&later(7200)]), of(&[&later(7000)]), false),
        ] {
            assert_eq!(now.is_news(&kept), news, "{now:?} {kept:?}");
        }
    }
}
