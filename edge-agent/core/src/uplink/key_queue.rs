//! Whose key picture goes first over an uplink that does not hold the video of all cameras.
//!
//! ```text
//!            a group of it is lost              nobody is first
//!  Sharing ─────────────────────────▶ Waiting ──────────────────▶ First ◀─┐ its next group begins, and it
//!     ▲                                ▲   ▲                     │ │ │ └──┘ was not first from this one's beginning on
//!     │                                │   └ its next begins, and│ │ │
//!     │                                │     one of it was lost ─┘ │ │
//!     │                                └─── it did not ask ────────┘ │
//!     └───────────── as much was sent as its key picture is ─────────┘
//! ```
//!
//! Equal shares are of use to nobody there: of each key picture a part is across when the next group takes its place, and
//! which camera the hub sees at all is luck. So who lost a group waits, and one after another has the uplink for the time that
//! its key picture takes. While no group is lost all share, since a key picture that goes first holds up the others' video.
//!
//! What of a stream is across is not known, but how much was sent in all: who is first has sent all of it, or had nothing to send.

use std::collections::VecDeque;

use omma_protocol::id::CameraId;

/// More is sent than the key picture: headers, what is sent again, records, and what others send until they know who is first.
fn turn_of(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 4)
}

/// For how many of its turns who was passed by keeps its place.
const GONE: u64 = 20;

/// Who waits. At most one place for each camera.
#[derive(Debug, Default)]
pub struct KeyQueue {
    first: Option<First>,
    waiting: VecDeque<Waiting>,
}

#[derive(Debug)]
struct First {
    camera: CameraId,
    /// Of its key picture.
    bytes: u64,
    /// Of what is sent in all.
    until: u64,
    /// It knows.
    knows: bool,
    /// From the beginning of its group on.
    from_key: bool,
    /// A group of it was lost since.
    lost: bool,
}

impl First {
    fn waits_anew(self) -> Waiting {
        Waiting { camera: self.camera, bytes: self.bytes, passed_by: None }
    }
}

#[derive(Debug)]
struct Waiting {
    camera: CameraId,
    /// Of the key picture that its newest group began with.
    bytes: u64,
    /// It had its turn when so many bytes were sent in all, and nothing came from it.
    passed_by: Option<u64>,
}

impl Waiting {
    /// It sends so seldom that its turn is of no use, or not at all.
    fn has_left(&self, sent: u64) -> bool {
        self.passed_by.is_some_and(|at| sent.saturating_sub(at) > turn_of(self.bytes).saturating_mul(GONE))
    }
}

/// Who is first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Who asks, from now on.
    Begins,
    /// Who asks.
    Own,
    /// Another camera.
    Another,
}

impl KeyQueue {
    /// A group of the camera is lost. The one that it sends now, or sent last, began with so many bytes.
    pub fn lost(&mut self, camera: &CameraId, bytes: u64) {
        if let Some(first) = self.first.as_mut().filter(|first| first.camera == *camera) {
            first.lost = true;
        } else if !self.waiting.iter().any(|waiting| waiting.camera == *camera) {
            self.waiting.push_back(Waiting { camera: camera.clone(), bytes, passed_by: None });
        }
    }

    /// The camera's next group begins, with so many bytes, when so many were sent in all. Who is first goes on with it; but
    /// a key picture that takes longer than a group would keep everybody else waiting, and waits anew.
    pub fn begun(&mut self, camera: &CameraId, bytes: u64, sent: u64) {
        if let Some(first) = self.first.as_mut().filter(|first| first.camera == *camera && !first.from_key) {
            (first.bytes, first.until) = (bytes, sent.saturating_add(turn_of(bytes)));
            (first.from_key, first.lost) = (true, false);
        } else if let Some(mut first) = self.first.take_if(|first| first.camera == *camera) {
            if first.lost {
                first.bytes = bytes;
                self.waiting.push_back(first.waits_anew());
            }
        } else if let Some(waiting) = self.waiting.iter_mut().find(|waiting| waiting.camera == *camera) {
            waiting.bytes = bytes;
        }
    }

    /// The camera sends no more.
    pub fn left(&mut self, camera: &CameraId) {
        self.first.take_if(|first| first.camera == *camera);
        self.waiting.retain(|waiting| waiting.camera != *camera);
    }

    /// Asked by a camera when so many bytes were sent in all: whether it is first itself, where one is, and whether its turn
    /// begins. Who is first and does not ask, since nothing comes from it, keeps others waiting for twice its turn, and goes
    /// before them when it does ask: a camera of a picture a second would be passed by each time.
    pub fn ask(&mut self, camera: &CameraId, sent: u64) -> Option<Turn> {
        if let Some(over) = self.first.take_if(|first| first.until <= sent)
            && (over.lost || !over.knows)
        {
            self.waiting.push_back(Waiting { passed_by: (!over.knows).then_some(sent), ..over.waits_anew() });
        }
        self.waiting.retain(|waiting| !waiting.has_left(sent));
        if let Some(late) =
            self.waiting.iter().position(|waiting| waiting.passed_by.is_some() && waiting.camera == *camera)
        {
            let interrupted = self.first.take().map(First::waits_anew);
            self.begin(late, sent);
            interrupted.into_iter().for_each(|interrupted| self.waiting.push_front(interrupted));
        }
        if self.first.is_none() {
            let next = self.waiting.iter().position(|waiting| waiting.passed_by.is_none())?;
            self.begin(next, sent);
        }
        let Some(first) = self.first.as_mut().filter(|first| first.camera == *camera) else {
            return Some(Turn::Another);
        };
        if std::mem::replace(&mut first.knows, true) {
            return Some(Turn::Own);
        }
        // What it lost before says nothing of this turn.
        (first.until, first.lost) = (sent.saturating_add(turn_of(first.bytes)), false);
        Some(Turn::Begins)
    }

    fn begin(&mut self, at: usize, sent: u64) {
        self.first = self.waiting.remove(at).map(|Waiting { camera, bytes, .. }| {
            let until = sent.saturating_add(turn_of(bytes).saturating_mul(2));
            First { camera, bytes, until, knows: false, from_key: false, lost: false }
        });
    }

    /// Whether all share.
    pub fn is_empty(&self) -> bool {
        self.first.is_none() && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 3] = ["a", "b", "c"];

    fn camera(name: &str) -> CameraId {
        name.parse().unwrap()
    }

    /// Who is first when all have asked.
    fn first(queue: &mut KeyQueue, sent: u64) -> Option<&'static str> {
        let is_first = |name: &&&str| matches!(queue.ask(&camera(name), sent), Some(Turn::Begins | Turn::Own));
        NAMES.iter().rfind(is_first).copied()
    }

    fn all_lost(bytes: u64) -> KeyQueue {
        let mut queue = KeyQueue::default();
        NAMES.iter().for_each(|name| queue.lost(&camera(name), bytes));
        queue
    }

    #[test]
    fn all_share_while_no_group_is_lost() {
        let mut queue = KeyQueue::default();
        queue.begun(&camera("a"), 1000, 0);
        assert_eq!(queue.ask(&camera("a"), 0), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn who_lost_a_group_is_first_for_as_long_as_its_key_picture_takes_and_one_after_another() {
        let mut queue = all_lost(1000);
        queue.lost(&camera("a"), 1000);
        let turns: Vec<_> = (0..9).map(|n| first(&mut queue, 500 * n)).collect();
        let (a, b, c) = (Some("a"), Some("b"), Some("c"));
        assert_eq!(turns, [a, a, a, b, b, b, c, c, c]);
        assert_eq!(first(&mut queue, 4250), None, "nobody waits");
        assert!(queue.is_empty());
    }

    #[test]
    fn a_turn_lasts_from_when_the_camera_knows_and_not_for_ever_where_it_sends_nothing() {
        let mut queue = all_lost(1000);
        assert_eq!(queue.ask(&camera("b"), 0), Some(Turn::Another));
        assert_eq!(queue.ask(&camera("a"), 600), Some(Turn::Begins));
        assert_eq!(queue.ask(&camera("a"), 1849), Some(Turn::Own));
        assert_eq!(queue.ask(&camera("a"), 1850), Some(Turn::Another));
        assert_eq!(queue.ask(&camera("c"), 4349), Some(Turn::Another));
        assert_eq!(queue.ask(&camera("c"), 4350), Some(Turn::Begins), "nothing comes from b");
    }

    #[test]
    fn a_camera_of_a_picture_a_second_is_not_passed_by_for_ever() {
        let mut queue = all_lost(1000);
        assert_eq!(queue.ask(&camera("c"), 0), Some(Turn::Another), "nothing comes from a");
        assert_eq!(queue.ask(&camera("b"), 2500), Some(Turn::Begins));
        assert_eq!(queue.ask(&camera("a"), 3000), Some(Turn::Begins), "before b");
        assert_eq!(queue.ask(&camera("b"), 4249), Some(Turn::Another));
        assert_eq!(queue.ask(&camera("b"), 4250), Some(Turn::Begins), "whose turn it was");
        assert_eq!(first(&mut queue, 5500), Some("c"));
        assert_eq!(first(&mut queue, 6750), None);
        assert!(queue.is_empty());
    }

    #[test]
    fn nobody_waits_for_a_camera_that_sends_nothing_any_more() {
        let mut queue = KeyQueue::default();
        queue.lost(&camera("a"), 1000);
        assert_eq!(queue.ask(&camera("b"), 0), Some(Turn::Another));
        assert_eq!(queue.ask(&camera("b"), 2500), None);
        assert_eq!(queue.ask(&camera("b"), 27_500), None);
        assert!(!queue.is_empty(), "it may come back");
        assert_eq!(queue.ask(&camera("b"), 27_501), None);
        assert!(queue.is_empty(), "and has not");
    }

    #[test]
    fn a_turn_goes_on_with_the_next_group_once_and_a_key_picture_that_takes_longer_waits_anew() {
        let mut queue = all_lost(1000);
        assert_eq!(queue.ask(&camera("a"), 0), Some(Turn::Begins));
        queue.begun(&camera("a"), 2000, 500);
        assert_eq!(queue.ask(&camera("a"), 2999), Some(Turn::Own));
        queue.lost(&camera("a"), 2000);
        queue.begun(&camera("a"), 2000, 2999);
        assert_eq!(first(&mut queue, 2999), Some("b"));
        queue.left(&camera("b"));
        assert_eq!(first(&mut queue, 2999), Some("c"));
        assert_eq!(first(&mut queue, 4249), Some("a"));
    }

    /// A still scene, or one of all key pictures, in which less than a turn is sent in a group's time.
    #[test]
    fn who_loses_nothing_any_more_does_not_go_on_taking_turns() {
        let mut queue = KeyQueue::default();
        queue.lost(&camera("a"), 1000);
        assert_eq!(queue.ask(&camera("b"), 0), Some(Turn::Another));
        queue.lost(&camera("a"), 1000);
        assert_eq!(queue.ask(&camera("a"), 0), Some(Turn::Begins));
        queue.begun(&camera("a"), 1000, 1000);
        assert_eq!(queue.ask(&camera("a"), 1000), Some(Turn::Own));
        queue.begun(&camera("a"), 1000, 2000);
        assert!(queue.is_empty());
    }

    #[test]
    fn who_waits_goes_with_its_newest_key_picture_and_who_leaves_keeps_nobody_waiting() {
        let mut queue = all_lost(1000);
        queue.begun(&camera("b"), 40, 0);
        assert_eq!(first(&mut queue, 0), Some("a"));
        queue.left(&camera("a"));
        assert_eq!(first(&mut queue, 0), Some("b"));
        assert_eq!(first(&mut queue, 50), Some("c"));
        queue.left(&camera("c"));
        assert!(queue.is_empty());
    }
}
