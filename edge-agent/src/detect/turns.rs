//! Whose turn it is at what all cameras share ([`omma_vision::fair`]).
//!
//! ```text
//! camera ──ask──▶ waits ──one is free and it is the camera's turn──▶ Turn ──dropped──▶ the next camera's, or idle
//! ```
//!
//! Each camera has at most one request: asking anew takes the place of the one before. A request may have an end, after which
//! it is of no use and closed, and the camera goes before others the next time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use omma_protocol::id::CameraId;
use omma_vision::fair::{Fair, Rank};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// Some things that more cameras want. Clones share them. The lock is held for no longer than choosing whose turn it is.
pub(super) struct Turns<T> {
    state: Arc<Mutex<State<T>>>,
}

struct State<T> {
    waiting: Fair<CameraId, Request<T>>,
    /// What nobody has. While there is something, nobody waits.
    idle: Vec<T>,
}

struct Request<T> {
    grant: oneshot::Sender<Turn<T>>,
    /// After that it is of no use.
    until: Option<Instant>,
}

/// A turn that was asked for. Dropping it gives it up; closed where the camera has asked again, or it came too late.
pub(crate) type Asked<T> = oneshot::Receiver<Turn<T>>;

impl<T> Turns<T> {
    pub(super) fn of(things: Vec<T>) -> Self {
        Self { state: Arc::new(Mutex::new(State { waiting: Fair::default(), idle: things })) }
    }

    pub(super) fn ask(&self, camera: &CameraId, rank: Rank, until: Option<Instant>) -> Asked<T> {
        let (grant, asked) = oneshot::channel();
        let mut state = self.lock();
        let Some(thing) = state.idle.pop() else {
            let replaced = state.waiting.put(camera, rank, Request { grant, until });
            drop(state);
            drop(replaced);
            return asked;
        };
        drop(state);
        // Where it was given up already, it hands itself on.
        drop(grant.send(Turn { thing: Some(thing), turns: self.clone() }));
        asked
    }

    /// Waits for a turn. `None` where `end` comes first, or the camera has asked again.
    pub(super) async fn wait(&self, camera: &CameraId, rank: Rank, end: &CancellationToken) -> Option<Turn<T>> {
        end.run_until_cancelled(self.ask(camera, rank, None)).await?.ok()
    }

    /// A turn where nobody has or waits for what it is, nor waits for what is used `beside` it; nothing is asked for otherwise.
    pub(super) fn take_idle<U>(&self, beside: &Turns<U>) -> Option<Turn<T>> {
        if beside.waiting() > 0 {
            return None;
        }
        let thing = self.lock().idle.pop()?;
        Some(Turn { thing: Some(thing), turns: self.clone() })
    }

    /// The camera is no more.
    pub(super) fn forget(&self, camera: &CameraId) {
        // Outside of the lock, which a request that is dropped may want.
        let gone = self.lock().waiting.remove(camera);
        drop(gone);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.lock().waiting.waiting()
    }

    /// Gives what is free to whose turn it is.
    fn hand_on(&self, mut thing: T) {
        let now = Instant::now();
        let too_late = self.lock().waiting.let_go(|request| request.until.is_some_and(|until| until < now));
        // Outside of the lock.
        drop(too_late);
        loop {
            let mut state = self.lock();
            let Some((_, Request { grant, .. })) = state.waiting.take() else {
                state.idle.push(thing);
                return;
            };
            drop(state);
            let Err(mut given_up) = grant.send(Turn { thing: Some(thing), turns: self.clone() }) else { return };
            // Taken out, so that the turn does not hand it on by itself.
            let Some(back) = given_up.thing.take() else { return };
            thing = back;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Turns<T> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state) }
    }
}

impl<T> std::fmt::Debug for Turns<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").field("waiting", &self.lock().waiting.waiting()).finish_non_exhaustive()
    }
}

/// One of the things, until this is dropped: then it is the next camera's.
pub(crate) struct Turn<T> {
    /// There until it is dropped.
    thing: Option<T>,
    turns: Turns<T>,
}

impl<T> Turn<T> {
    /// Uses it. `None` without the thing, which can't be.
    pub(super) fn with<R>(&mut self, used: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.thing.as_mut().map(used)
    }

    /// From now on it is another.
    pub(super) fn replace(&mut self, thing: T) {
        self.thing = Some(thing);
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.turns.hand_on(thing);
        }
    }
}

impl<T> std::fmt::Debug for Turn<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn camera(name: &str) -> CameraId {
        name.parse().unwrap()
    }

    fn granted(asked: &mut Asked<&'static str>) -> Option<Turn<&'static str>> {
        asked.try_recv().ok()
    }

    #[test]
    fn one_has_it_and_the_next_gets_it_in_turn() {
        let turns = Turns::of(vec!["detector"]);
        let first = granted(&mut turns.ask(&camera("a"), Rank::Usual, None)).expect("it is idle");
        let (mut b, mut c) = (turns.ask(&camera("b"), Rank::Usual, None), turns.ask(&camera("c"), Rank::First, None));
        assert!(granted(&mut b).is_none() && granted(&mut c).is_none());
        drop(first);
        let tracked = granted(&mut c).expect("the first rank goes first");
        assert!(granted(&mut b).is_none());
        drop(tracked);
        assert!(granted(&mut b).is_some());
    }

    #[test]
    fn what_is_not_urgent_takes_only_what_nobody_has_and_takes_nobodys_place() {
        let (turns, cores) = (Turns::of(vec!["detector"]), Turns::of(vec!["core"]));
        let spare = turns.take_idle(&cores).unwrap();
        assert!(turns.take_idle(&cores).is_none());
        let mut a = turns.ask(&camera("a"), Rank::Usual, None);
        assert_eq!(turns.waiting(), 1);
        drop(spare);
        let held = granted(&mut a).expect("whoever waits is next");
        assert!(turns.take_idle(&cores).is_none());
        drop(held);
        assert!(turns.take_idle(&cores).is_some());
    }

    #[test]
    fn an_idle_detector_is_not_taken_while_somebody_waits_for_a_core() {
        let (turns, cores) = (Turns::of(vec!["detector"]), Turns::of(vec!["core"]));
        let decodes = granted(&mut cores.ask(&camera("a"), Rank::Usual, None)).unwrap();
        assert!(turns.take_idle(&cores).is_some(), "it is enough that one is used");
        let mut waits = cores.ask(&camera("b"), Rank::Usual, None);
        assert!(turns.take_idle(&cores).is_none());
        drop(decodes);
        let _decodes = granted(&mut waits).unwrap();
        assert!(turns.take_idle(&cores).is_some());
    }

    #[test]
    fn as_many_have_one_as_there_are() {
        let turns = Turns::of(vec!["core 0", "core 1"]);
        let ask = |name| turns.ask(&camera(name), Rank::Usual, None);
        let (mut a, mut b, mut c) = (ask("a"), ask("b"), ask("c"));
        let (first, _second) = (granted(&mut a).unwrap(), granted(&mut b).unwrap());
        assert!(granted(&mut c).is_none());
        drop(first);
        assert!(granted(&mut c).is_some());
    }

    #[test]
    fn who_gives_up_and_who_asks_again_lose_it_for_nobody() {
        let turns = Turns::of(vec!["detector"]);
        let held = granted(&mut turns.ask(&camera("a"), Rank::Usual, None)).unwrap();
        let mut before = turns.ask(&camera("b"), Rank::Usual, None);
        let mut again = turns.ask(&camera("b"), Rank::Usual, None);
        drop(turns.ask(&camera("c"), Rank::First, None));
        assert_eq!(before.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        drop(held);
        // Granted, and then given up before it was looked at.
        drop(again.try_recv().unwrap());
        let unseen = turns.ask(&camera("d"), Rank::Usual, None);
        drop(unseen);
        assert!(granted(&mut turns.ask(&camera("e"), Rank::Usual, None)).is_some());
    }

    #[test]
    fn who_waited_in_vain_is_told_so_and_goes_first_the_next_time() {
        let turns = Turns::of(vec!["core"]);
        let first = granted(&mut turns.ask(&camera("a"), Rank::Usual, None)).unwrap();
        let mut late = turns.ask(&camera("b"), Rank::Usual, Some(Instant::now()));
        let mut patient = turns.ask(&camera("c"), Rank::Usual, None);
        std::thread::sleep(std::time::Duration::from_millis(2));
        drop(first);
        assert_eq!(late.try_recv().unwrap_err(), oneshot::error::TryRecvError::Closed);
        let held = granted(&mut patient).unwrap();
        let (mut again, mut served) =
            (turns.ask(&camera("b"), Rank::Usual, None), turns.ask(&camera("c"), Rank::Usual, None));
        drop(held);
        assert!(granted(&mut served).is_none() && granted(&mut again).is_some());
    }

    /// With a slow detector and many cameras before it, it took longer than a camera may take to end, and ended the agent.
    #[tokio::test]
    async fn a_camera_that_is_to_end_does_not_wait_for_the_looks_of_others() {
        let (turns, end) = (Turns::of(vec!["detector"]), CancellationToken::new());
        let held = granted(&mut turns.ask(&camera("a"), Rank::Usual, None)).unwrap();
        end.cancel();
        assert!(turns.wait(&camera("b"), Rank::First, &end).await.is_none());
        let mut next = turns.ask(&camera("c"), Rank::Usual, None);
        drop(held);
        drop(granted(&mut next).expect("nobody waits before it"));
        assert!(turns.wait(&camera("c"), Rank::First, &CancellationToken::new()).await.is_some());
    }

    #[test]
    fn threads_never_have_it_at_once_and_all_get_through() {
        let (turns, inside) = (Turns::of(vec!["detector"]), Arc::new(AtomicUsize::new(0)));
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let (turns, inside) = (turns.clone(), Arc::clone(&inside));
                std::thread::spawn(move || {
                    for _ in 0..200 {
                        let turn = turns.ask(&camera(&format!("c{n}")), Rank::Usual, None).blocking_recv().unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(turns.lock().idle, ["detector"]);
    }
}
