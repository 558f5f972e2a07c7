//! Between the decoding threads and the engine's: one slot for each stream, taken in turn ([`omma_vision::fair`]).

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use omma_media::frame::Frame;
use omma_protocol::id::StreamId;
use omma_vision::fair::{Fair, Rank};

/// A frame to be looked at.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) frame: Arc<Frame>,
    /// When its unit arrived.
    pub(super) arrived: Instant,
}

/// What the engine does next.
#[derive(Debug)]
pub(super) enum Turn {
    /// Look at this stream's newest frame.
    Look(StreamId, Look),
    /// The stream has ended or fallen silent: close its events.
    Ended(StreamId),
}

/// The slots. Shared between threads; no lock is held while anything is decoded or detected.
#[derive(Debug, Default)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    slots: Fair<StreamId, Look>,
    /// At most one for each stream: a stream that has ended puts nothing more in.
    ended: VecDeque<StreamId>,
    closed: bool,
}

impl Turns {
    /// Puts a frame into the stream's slot. Returns whether it replaced one that nobody had looked at.
    pub(super) fn put(&self, stream: &StreamId, look: Look) -> bool {
        let replaced = self.lock().slots.put(stream, Rank::Usual, look).is_some();
        self.changed.notify_one();
        replaced
    }

    /// The stream gives no frames any more, or not for a while. Returns whether a frame that waited was let go.
    pub(super) fn end(&self, stream: &StreamId) -> bool {
        let mut state = self.lock();
        let let_go = state.slots.remove(stream).is_some();
        if !state.ended.contains(stream) {
            state.ended.push_back(stream.clone());
        }
        drop(state);
        self.changed.notify_one();
        let_go
    }

    /// Ends everything. What waits is let go.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Waits for the next turn; `None` once closed.
    pub(super) fn take(&self) -> Option<Turn> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            if let Some(stream) = state.ended.pop_front() {
                return Some(Turn::Ended(stream));
            }
            if let Some((stream, look)) = state.slots.take() {
                return Some(Turn::Look(stream, look));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits as long as that, or until closed: whether it is.
    pub(super) fn closed_within(&self, limit: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use omma_media::frame::{Colour, FramePool, Planes};
    use omma_protocol::time::CaptureTime;

    fn look(time: i64) -> Look {
        let samples = [0; 4];
        let planes = Planes {
            width: 2,
            height: 2,
            y: &samples,
            u: &samples[..1],
            v: &samples[..1],
            y_stride: 2,
            uv_stride: 1,
            colour: Colour::default(),
        };
        Look { frame: FramePool::new(1).copy(planes, CaptureTime(time)), arrived: Instant::now() }
    }

    fn stream(name: &str) -> StreamId {
        format!("site.{name}").parse().unwrap()
    }

    #[test]
    fn the_engine_gets_the_newest_frame_of_each_stream_in_turn() {
        let turns = Turns::default();
        assert!(!turns.put(&stream("a"), look(1)));
        assert!(turns.put(&stream("a"), look(2)));
        assert!(!turns.put(&stream("b"), look(3)));
        let taken: Vec<_> = (0..2)
            .map(|_| match turns.take() {
                Some(Turn::Look(stream, look)) => (stream.camera.to_string(), look.frame.time.0),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(taken, [("a".to_owned(), 2), ("b".to_owned(), 3)]);
    }

    #[test]
    fn a_stream_that_ended_is_told_once_and_its_frame_let_go() {
        let turns = Turns::default();
        turns.put(&stream("a"), look(1));
        assert_eq!([turns.end(&stream("a")), turns.end(&stream("a"))], [true, false], "counted once");
        assert!(matches!(turns.take(), Some(Turn::Ended(s)) if s == stream("a")));
        turns.close();
        assert!(turns.take().is_none());
    }

    #[test]
    fn closing_wakes_a_waiting_engine() {
        let turns = Arc::new(Turns::default());
        let engine = turns.clone();
        let waiting = std::thread::spawn(move || engine.take().is_none());
        turns.close();
        assert!(waiting.join().unwrap());
    }
}
