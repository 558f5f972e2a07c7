//! How a program ends: a signal cancels one token, everything that runs watches it, and a deadline bounds the wait.

use std::future::Future;
use std::io;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// How long a program may take to end after it was asked to: of the 5 s that are promised, what its last lines and the
/// system need is left.
pub const GRACE: Duration = Duration::from_millis(4800);

/// Exit status of a program that a second signal ended before it was done: 128 + SIGINT, as shells write it.
const IMPATIENT: i32 = 130;

/// A token that is cancelled by SIGINT or SIGTERM. A second signal ends the process at once, for an operator who will
/// not wait. Must be called within a tokio runtime.
///
/// # Errors
/// When the signal handlers can't be installed.
pub fn token() -> io::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let name = either(&mut interrupt, &mut terminate).await;
        tracing::info!(signal = name, "ending");
        cancel.cancel();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(IMPATIENT);
    });
    Ok(token)
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
    }
}

/// A future did not end in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not done within {0:?}")]
pub struct DeadlineExceeded(pub Duration);

/// Waits for `work`, but no longer than `limit`; what is not done then is dropped.
///
/// # Errors
/// When the limit was reached.
pub async fn deadline<F: Future>(limit: Duration, work: F) -> Result<F::Output, DeadlineExceeded> {
    tokio::time::timeout(limit, work).await.map_err(|_| DeadlineExceeded(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deadline_passes_results_and_cuts_what_hangs() {
        assert_eq!(deadline(GRACE, async { 7 }).await, Ok(7));
        let short = Duration::from_millis(10);
        assert_eq!(deadline(short, std::future::pending::<()>()).await, Err(DeadlineExceeded(short)));
    }
}
