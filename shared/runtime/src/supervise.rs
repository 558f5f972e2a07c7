//! Keeps a task going.
//!
//! ```text
//!              Ok(()), or cancelled
//! running ───────────────────────────▶ ended
//!   ▲  │ Err, or a panic
//!   │  ▼
//! waiting (back-off with jitter; cancelled ──▶ ended)
//! ```

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use metrics::counter;
use omma_protocol::backoff::Backoff;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use crate::backoff::random_seed;

pub(crate) const RESTARTS: &str = "omma_task_restarts_total";

const FIRST: Duration = Duration::from_millis(250);
const MAX: Duration = Duration::from_secs(30);

/// A task that ran this long before it failed starts again as after a first failure.
const STEADY: Duration = Duration::from_secs(60);

/// In the span that it is called in: runs the future that `make` gives, and makes it anew whenever it fails or panics, until it says that it is done,
/// or `token` is cancelled, which drops it. Each restart is a WARN line and counts in
/// `omma_task_restarts_total{task}`.
pub fn spawn<M, F, E>(name: &'static str, token: CancellationToken, make: M) -> JoinHandle<()>
where
    M: FnMut() -> F + Send + 'static,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    let backoff = Backoff::new(FIRST, MAX, random_seed());
    let supervised = async move {
        // Nothing is left to do when the token is cancelled: dropping the run aborts the task.
        token.run_until_cancelled(run(name, make, backoff)).await.unwrap_or_default();
    };
    tokio::spawn(supervised.in_current_span())
}

async fn run<M, F, E>(name: &'static str, mut make: M, mut backoff: Backoff)
where
    M: FnMut() -> F,
    F: Future<Output = Result<(), E>> + Send + 'static,
    E: Display + Send + 'static,
{
    loop {
        let started = Instant::now();
        let failure = match AbortOnDrop(tokio::spawn(make().in_current_span())).await {
            Ok(Ok(())) => return,
            Ok(Err(e)) => e.to_string(),
            Err(e) if e.is_panic() => "it panicked".to_owned(),
            // Only the runtime's own end aborts a task that nobody else holds.
            Err(_) => return,
        };
        if started.elapsed() >= STEADY {
            backoff.succeeded();
        }
        let wait = backoff.next_delay();
        counter!(RESTARTS, "task" => name).increment(1);
        tracing::warn!(task = name, error = failure, wait_ms = wait.as_millis() as u64, "task failed: starting again");
        tokio::time::sleep(wait).await;
    }
}

/// Owes the task its end.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Future for AbortOnDrop<T> {
    type Output = Result<T, tokio::task::JoinError>;

    fn poll(mut self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        std::pin::Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn errors_and_panics_are_tried_again_until_it_is_done() {
        let runs = Arc::new(AtomicU32::new(0));
        let counted = runs.clone();
        let task = spawn("test", CancellationToken::new(), move || {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            async move {
                match n {
                    0 => Err("first"),
                    1 => panic!("second"),
                    _ => Ok(()),
                }
            }
        });
        task.await.unwrap();
        assert_eq!(runs.load(Ordering::SeqCst), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn cancelling_ends_the_task_and_the_wait() {
        let token = CancellationToken::new();
        let hanging = spawn("hanging", token.clone(), std::future::pending::<Result<(), &str>>);
        let failing = spawn("failing", token.clone(), || async { Err::<(), _>("always") });
        tokio::time::sleep(Duration::from_secs(100)).await;
        token.cancel();
        hanging.await.unwrap();
        failing.await.unwrap();
    }
}
