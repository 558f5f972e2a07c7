//! Waiting for a condition instead of for a time: tests pass on slow machines and do not dawdle on fast ones.

use std::fmt::Display;
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything on a machine that also compiles.
pub const LONG: Duration = Duration::from_secs(90);

const POLL: Duration = Duration::from_millis(50);

/// Asks `probe` until it gives something; `Err` says what is still wrong.
///
/// # Panics
/// After `limit`, with what was waited for and what was wrong last.
#[track_caller]
pub fn until<T, E: Display>(what: &str, limit: Duration, mut probe: impl FnMut() -> Result<T, E>) -> T {
    let started = Instant::now();
    loop {
        match probe() {
            Ok(found) => return found,
            Err(wrong) => assert!(started.elapsed() < limit, "waited {limit:?} for {what}: {wrong}"),
        }
        thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_until_the_condition_holds() {
        let mut calls = 0;
        let found = until("the third call", LONG, || {
            calls += 1;
            if calls == 3 { Ok(calls) } else { Err(format!("call {calls}")) }
        });
        assert_eq!(found, 3);
    }

    #[test]
    #[should_panic(expected = "for a miracle: none yet")]
    fn it_says_what_it_waited_for() {
        until("a miracle", Duration::ZERO, || Err::<(), _>("none yet"));
    }
}
