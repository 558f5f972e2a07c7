//! When a camera is connected to, given up, and tried again.
//!
//! ```text
//!             wait over               first unit
//!  Waiting ──────────────▶ Connecting ──────────▶ Live
//!     ▲                        │ refused, failed,   │ failed, closed,
//!     └────────────────────────┴─ no unit in time ──┴─ silent
//! ```
//!
//! 1. [`Session::poll`] at [`Session::wake`] says [`Act::Connect`]; the caller connects.
//! 2. Each unit is told by [`Session::unit`], each failure by [`Session::failed`].
//! 3. [`Session::poll`] says [`Act::Abandon`] when nothing came for too long; the caller drops the connection.
//!
//! A camera that is back is live again within 5 s: the first retry comes after at most 0.5 s and none after more than
//! 3 s, because a camera is one hop away and one connection attempt costs nothing. Only a camera that refuses the
//! password is left alone for longer: many lock the account after a few wrong ones.

use std::time::Duration;

use crate::Moment;
use omma_protocol::backoff::Backoff;

/// From the start of an attempt to the first unit.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(8);
/// A live camera that sends nothing for this long is taken for dead: some fall silent without closing.
pub const SILENCE: Duration = Duration::from_secs(5);
/// Longest wait before the first retry.
pub const FIRST_RETRY: Duration = Duration::from_millis(500);
/// Longest wait before any retry.
pub const LAST_RETRY: Duration = Duration::from_secs(3);
/// Longest wait after the camera refused the password.
pub const REFUSED_RETRY: Duration = Duration::from_secs(30);
/// A session that lived this long was a success; a shorter one counts as one more failed attempt.
const STEADY: Duration = Duration::from_secs(5);

/// Why an attempt or a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The camera does not accept user name and password.
    Refused,
    /// Anything else.
    Failed,
    /// The next attempt is made in another way, which mends what ended this one: at once.
    Mended,
}

/// What the caller does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing before [`Session::wake`].
    Wait,
    /// Connect.
    Connect,
    /// Drop the connection: nothing came for this long.
    Abandon(Duration),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Waiting { until: Moment },
    Connecting { since: Moment },
    Live { since: Moment, heard: Moment },
}

/// One camera's session. Owned by the task that holds the connection.
#[derive(Debug)]
pub struct Session {
    state: State,
    silence: Duration,
    retry: Backoff,
    refused: Backoff,
}

impl Session {
    /// Connects at the first [`Session::poll`].
    pub fn new(now: Moment, seed: u64) -> Self {
        Self {
            state: State::Waiting { until: now },
            silence: SILENCE,
            retry: Backoff::new(FIRST_RETRY, LAST_RETRY, seed),
            refused: Backoff::new(LAST_RETRY, REFUSED_RETRY, !seed),
        }
    }

    /// How long a live camera may keep silent from here on: [`SILENCE`] where nothing else is said, longer where it is
    /// asked for a picture only now and then.
    pub fn allow_silence(&mut self, silence: Duration) {
        self.silence = silence;
    }

    /// When [`Session::poll`] is due.
    pub fn wake(&self) -> Moment {
        match self.state {
            State::Waiting { until } => until,
            State::Connecting { since } => since + CONNECT_TIMEOUT,
            State::Live { heard, .. } => heard + self.silence,
        }
    }

    /// What is to be done now.
    pub fn poll(&mut self, now: Moment) -> Act {
        if now < self.wake() {
            return Act::Wait;
        }
        match self.state {
            State::Waiting { .. } => {
                self.state = State::Connecting { since: now };
                Act::Connect
            }
            State::Connecting { since } => {
                self.failed(now, Failure::Failed);
                Act::Abandon(now.saturating_sub(since))
            }
            State::Live { heard, .. } => {
                self.failed(now, Failure::Failed);
                Act::Abandon(now.saturating_sub(heard))
            }
        }
    }

    /// A unit came. Returns whether it made the session live.
    pub fn unit(&mut self, now: Moment) -> bool {
        match &mut self.state {
            State::Live { heard, .. } => {
                *heard = now;
                false
            }
            State::Connecting { .. } => {
                self.state = State::Live { since: now, heard: now };
                true
            }
            // A late unit of a connection that was given up.
            State::Waiting { .. } => false,
        }
    }

    /// The attempt or the session ended, or the attempt that was due could not be begun; the next attempt is set.
    pub fn failed(&mut self, now: Moment, failure: Failure) {
        match self.state {
            // It was given up, and the wait is set.
            State::Waiting { until } if now < until => return,
            State::Live { since, .. } if now.saturating_sub(since) >= STEADY => {
                self.retry.succeeded();
                self.refused.succeeded();
            }
            State::Waiting { .. } | State::Connecting { .. } | State::Live { .. } => {}
        }
        let delay = match failure {
            Failure::Failed => self.retry.next_delay(),
            Failure::Refused => self.refused.next_delay(),
            Failure::Mended => Duration::ZERO,
        };
        self.state = State::Waiting { until: now + delay };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: Duration = Duration::from_secs(1);

    fn live(now: Moment) -> Session {
        let mut session = Session::new(now, 7);
        assert_eq!(session.poll(now), Act::Connect);
        assert!(session.unit(now));
        session
    }

    #[test]
    fn the_first_retry_after_a_steady_session_is_quick() {
        let mut session = live(S);
        for t in 1..=20 {
            assert!(!session.unit(S * t));
        }
        session.failed(S * 20, Failure::Failed);
        assert!(session.wake() <= S * 20 + FIRST_RETRY);
    }

    #[test]
    fn a_stream_silent_without_closing_is_abandoned() {
        let mut session = live(S);
        assert_eq!(session.poll(S * 5), Act::Wait);
        assert_eq!(session.poll(S * 6), Act::Abandon(SILENCE));
        assert!(!session.unit(S * 6), "a late unit does not revive it");
        assert_eq!(session.poll(session.wake()), Act::Connect);
    }

    #[test]
    fn a_camera_that_is_asked_now_and_then_may_be_silent_in_between() {
        let mut session = live(S);
        session.allow_silence(S * 9);
        assert_eq!(session.poll(S * 9), Act::Wait);
        assert_eq!(session.poll(S * 10), Act::Abandon(S * 9));
    }

    #[test]
    fn an_attempt_without_a_unit_is_abandoned() {
        let mut session = Session::new(S, 7);
        assert_eq!(session.poll(S), Act::Connect);
        assert_eq!(session.wake(), S + CONNECT_TIMEOUT);
        assert_eq!(session.poll(S + CONNECT_TIMEOUT), Act::Abandon(CONNECT_TIMEOUT));
    }

    #[test]
    fn what_is_mended_is_tried_at_once_and_costs_no_patience() {
        let mut session = Session::new(S, 7);
        assert_eq!(session.poll(S), Act::Connect);
        session.failed(S, Failure::Mended);
        assert_eq!(session.poll(S), Act::Connect);
        session.failed(S, Failure::Failed);
        assert!(session.wake() <= S + FIRST_RETRY);
    }

    /// What fails while the next attempt is due, and not yet begun, came again at once and without end.
    #[test]
    fn an_attempt_that_cannot_be_begun_is_no_loop_without_a_pause() {
        let (mut session, mut now) = (Session::new(S, 7), S);
        for _ in 0..8 {
            session.failed(now, Failure::Failed);
            assert!(session.wake() >= now + FIRST_RETRY / 2);
            now = session.wake();
        }
        session.failed(now - FIRST_RETRY / 2, Failure::Failed);
        assert_eq!(session.wake(), now, "a wait that goes on is not made longer");
    }

    #[test]
    fn a_refused_password_is_not_tried_fast() {
        let mut session = Session::new(S, 7);
        let mut now = S;
        for _ in 0..8 {
            now = session.wake();
            assert_eq!(session.poll(now), Act::Connect);
            session.failed(now, Failure::Refused);
        }
        assert!(session.wake() >= now + REFUSED_RETRY / 2 && session.wake() <= now + REFUSED_RETRY);
    }

    proptest! {
        /// Whatever happens, the next attempt is never further than the longest wait, and time only goes on.
        #[test]
        fn never_stuck(seed: u64, history in prop::collection::vec((0u64..12_000, 0u8..4), 1..200)) {
            let mut session = Session::new(Moment::ZERO, seed);
            let mut now = Moment::ZERO;
            for (ms, what) in history {
                now += Duration::from_millis(ms);
                match what {
                    0 => { session.poll(now); }
                    1 => { session.unit(now); }
                    2 => session.failed(now, Failure::Failed),
                    _ => session.failed(now, Failure::Refused),
                }
                prop_assert!(session.wake() <= now + REFUSED_RETRY);
                let wake = session.wake().max(now);
                let (retry, refused) = (session.retry.clone(), session.refused.clone());
                let mut probe = Session { state: session.state, silence: session.silence, retry, refused };
                prop_assert_ne!(probe.poll(wake), Act::Wait);
            }
        }
    }
}
