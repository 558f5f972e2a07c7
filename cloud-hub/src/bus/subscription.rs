//! A reader's end of the bus.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use omma_protocol::track::FrameResult;
use omma_protocol::unit::AccessUnit;

use super::queue::Queue;
use super::stream::Stream;
use super::{Item, Want};

/// Reads one stream. While it lives, the stream is wanted.
#[derive(Debug)]
pub struct Subscription {
    stream: Arc<Stream>,
    reader: Arc<Reader>,
}

impl Subscription {
    pub(super) fn new(stream: Arc<Stream>, reader: Arc<Reader>) -> Self {
        Self { stream, reader }
    }

    /// The next unit or result; `None` when the stream was removed from the bus. Cancelling loses nothing.
    pub async fn next(&mut self) -> Option<Item> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// [`Subscription::next`] for one task that reads many streams.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        self.reader.poll(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.stream.unsubscribe(&self.reader);
    }
}

#[derive(Debug)]
pub(super) struct Reader {
    want: Want,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: Queue,
    waker: Option<Waker>,
    ended: bool,
}

impl Reader {
    pub(super) fn new(want: Want, replay: Vec<AccessUnit>) -> Self {
        let queue = Queue::new(replay, Instant::now());
        Self { want, state: Mutex::new(State { queue, waker: None, ended: false }) }
    }

    pub(super) fn want(&self) -> Want {
        self.want
    }

    /// Returns how many units were dropped.
    pub(super) fn push_unit(&self, unit: &AccessUnit, arrived: Instant) -> usize {
        let mut state = self.lock();
        let dropped = state.queue.push_unit(unit.clone(), arrived);
        state.wake();
        dropped
    }

    /// Returns how many results were dropped.
    pub(super) fn push_result(&self, result: &Arc<FrameResult>) -> usize {
        let mut state = self.lock();
        let dropped = state.queue.push_result(result.clone());
        state.wake();
        dropped
    }

    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        state.wake();
    }

    fn poll(&self, cx: &mut Context<'_>) -> Poll<Option<Item>> {
        let mut state = self.lock();
        if let Some(item) = state.queue.pop() {
            return Poll::Ready(Some(item));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        if state.waker.as_ref().is_none_or(|waker| !waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}
