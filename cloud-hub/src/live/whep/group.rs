//! The stream's pictures since the last key picture, and how far along them a viewer is. Pure.
//!
//! ```text
//!            key picture at or behind `from`
//!   Seeking ───────────────────────────────▶ At ──┐ next picture
//!      ▲                                     │ ▲──┘
//!      └─────────────────────────────────────┘
//!       its place is gone, or the viewer asked for a key picture
//! ```
//!
//! A viewer is a cursor. One who joins begins at the front, at the key picture; one who keeps up is at the end; one
//! whose network can't keep up falls behind, and when a new group begins, its place is gone and it goes on with that
//! key picture. So nothing is queued for a viewer, and a slow one costs nobody anything.

use std::collections::VecDeque;
use std::sync::Arc;

use super::packetize::Packets;

/// Most bytes kept. A longer group loses its beginning: those who keep up go on, those who join wait.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most pictures kept.
const MAX_PICTURES: usize = 600;

/// The pictures of one group, numbered from the stream's first on.
#[derive(Debug, Default)]
pub(super) struct Group {
    pictures: VecDeque<Arc<Packets>>,
    /// Number of the first picture kept.
    first: u64,
    bytes: usize,
}

/// How far a viewer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cursor {
    /// Needs a key picture of at least this number.
    Seeking {
        /// Lowest number that will do.
        from: u64,
    },
    /// Gets the picture of this number next.
    At(u64),
}

/// What a viewer gets next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This picture.
    Send(Arc<Packets>),
    /// The pictures from here to the next key picture are lost to this viewer.
    Skipped,
    /// Nothing yet.
    Wait,
}

impl Cursor {
    /// At the beginning: the cached key picture will do.
    pub(super) const START: Cursor = Cursor::Seeking { from: 0 };
}

impl Group {
    /// Takes the stream's next picture. One that can't be decoded because no key picture came yet is dropped.
    pub(super) fn push(&mut self, picture: Packets) {
        if picture.key {
            self.first += self.pictures.len() as u64;
            self.pictures.clear();
            self.bytes = 0;
        } else if self.pictures.is_empty() {
            return;
        }
        self.bytes += picture.bytes;
        self.pictures.push_back(Arc::new(picture));
        while self.pictures.len() > MAX_PICTURES || (self.bytes > MAX_BYTES && self.pictures.len() > 1) {
            if let Some(oldest) = self.pictures.pop_front() {
                self.bytes -= oldest.bytes;
                self.first += 1;
            }
        }
    }

    /// The number that the next picture will have.
    pub(super) fn end(&self) -> u64 {
        self.first + self.pictures.len() as u64
    }

    /// Whether a viewer who joins now gets a picture at once.
    pub(super) fn begins_with_key(&self) -> bool {
        self.pictures.front().is_some_and(|picture| picture.key)
    }

    /// Whether there is something for this cursor.
    pub(super) fn has(&self, cursor: Cursor) -> bool {
        match cursor {
            Cursor::Seeking { from } => self.begins_with_key() && self.first >= from,
            Cursor::At(number) => number < self.end(),
        }
    }

    /// Moves a viewer on by one step.
    pub(super) fn step(&self, cursor: &mut Cursor) -> Step {
        match *cursor {
            Cursor::Seeking { .. } if self.has(*cursor) => *cursor = Cursor::At(self.first),
            Cursor::Seeking { .. } => return Step::Wait,
            Cursor::At(number) if number < self.first => {
                *cursor = Cursor::Seeking { from: number };
                return Step::Skipped;
            }
            Cursor::At(_) => {}
        }
        let Cursor::At(number) = *cursor else { return Step::Wait };
        let Some(picture) = self.pictures.get((number - self.first) as usize) else { return Step::Wait };
        *cursor = Cursor::At(number + 1);
        Step::Send(picture.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_protocol::time::CaptureTime;
    use proptest::prelude::*;

    fn picture(n: i64, key: bool, bytes: usize) -> Packets {
        let taken = std::time::Instant::now();
        Packets { time: CaptureTime(n), taken, key, profile: None, payloads: vec![], bytes }
    }

    fn read(group: &Group, cursor: &mut Cursor) -> Vec<i64> {
        let mut got = vec![];
        loop {
            match group.step(cursor) {
                Step::Send(p) => got.push(p.time.0),
                Step::Skipped => got.push(-1),
                Step::Wait => return got,
            }
        }
    }

    #[test]
    fn a_viewer_begins_at_the_key_picture_and_follows() {
        let mut group = Group::default();
        let mut early = Cursor::START;
        group.push(picture(1, false, 1));
        assert!(read(&group, &mut early).is_empty());
        group.push(picture(2, true, 1));
        group.push(picture(3, false, 1));
        let mut late = Cursor::START;
        assert_eq!(read(&group, &mut early), [2, 3]);
        assert_eq!(read(&group, &mut late), [2, 3]);
        group.push(picture(4, true, 1));
        assert_eq!(read(&group, &mut early), [4]);
    }

    #[test]
    fn a_slow_viewer_skips_to_the_key_picture() {
        let mut group = Group::default();
        let mut cursor = Cursor::START;
        group.push(picture(1, true, 1));
        assert_eq!(read(&group, &mut cursor), [1]);
        group.push(picture(2, false, 1));
        group.push(picture(3, true, 1));
        assert_eq!(read(&group, &mut cursor), [-1, 3]);
    }

    #[test]
    fn whoever_asks_for_a_key_picture_gets_the_next_one() {
        let mut group = Group::default();
        group.push(picture(1, true, 1));
        let mut cursor = Cursor::Seeking { from: group.end() };
        assert!(read(&group, &mut cursor).is_empty());
        group.push(picture(2, false, 1));
        assert!(read(&group, &mut cursor).is_empty());
        group.push(picture(3, true, 1));
        assert_eq!(read(&group, &mut cursor), [3]);
    }

    #[test]
    fn an_endless_group_is_bounded_and_followers_go_on() {
        let mut group = Group::default();
        let mut cursor = Cursor::START;
        group.push(picture(0, true, 1));
        for n in 1..3 * MAX_PICTURES as i64 {
            group.push(picture(n, false, 1 << 20));
            let got = read(&group, &mut cursor);
            assert_eq!(got.last(), Some(&n));
            assert!(group.bytes <= MAX_BYTES + (1 << 20) && group.pictures.len() <= MAX_PICTURES);
        }
        assert!(read(&group, &mut Cursor::START.clone()).is_empty());
    }

    proptest! {
        #[test]
        fn no_viewer_is_sent_what_it_cannot_decode(
            steps in prop::collection::vec((any::<bool>(), 0u32..5), 1..80),
        ) {
            let mut group = Group::default();
            let mut cursor = Cursor::START;
            let mut last: Option<i64> = None;
            for (n, (key, reads)) in steps.into_iter().enumerate() {
                group.push(picture(n as i64, key, 1));
                for _ in 0..reads {
                    if let Step::Send(p) = group.step(&mut cursor) {
                        prop_assert!(p.key || last == Some(p.time.0 - 1));
                        last = Some(p.time.0);
                    }
                }
            }
        }
    }
}
