//! The running steps, watched.
//!
//! None ends by itself while the hub runs. One that does, by a panic too, takes the hub with it: a hub that goes on
//! without one looks well and does only half of its work, while one that ends is started again by systemd or k3s.

use std::collections::HashMap;

use anyhow::anyhow;
use tokio::task::{Id, JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

/// The steps by name. Dropping it cuts off those that still run.
pub(super) struct Steps {
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    token: CancellationToken,
}

impl Steps {
    /// Steps may end once `token` is cancelled.
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { tasks: JoinSet::new(), names: HashMap::new(), token }
    }

    /// Starts a part of the step `word`, whose log lines carry that. Must be called in a runtime.
    pub(super) fn spawn(
        &mut self,
        word: &'static str,
        name: &'static str,
        part: impl Future<Output = ()> + Send + 'static,
    ) {
        let id = self.tasks.spawn(part.instrument(omma_runtime::step::span(word))).id();
        self.names.insert(id, name);
    }

    /// Is done when a step has ended that was not asked to, with what is to be said of it. Safe to drop and call again.
    pub(super) async fn failure(&mut self) -> anyhow::Error {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            let (id, how) = match ended {
                Ok((id, ())) => (id, "ended"),
                Err(e) => (e.id(), "panicked"),
            };
            let name = self.names.get(&id).copied().unwrap_or("a step");
            if !self.token.is_cancelled() {
                return anyhow!("`{name}` {how} unexpectedly: the hub ends, so that it is started again whole");
            }
            tracing::debug!(step = name, how, "a step is over");
        }
        std::future::pending().await
    }

    /// Waits until all have ended.
    pub(super) async fn end(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const SOON: Duration = Duration::from_millis(50);

    #[tokio::test]
    async fn a_step_that_ends_or_panics_unasked_is_named() {
        for (panics, how) in [(false, "`bad` ended"), (true, "`bad` panicked")] {
            let mut steps = Steps::new(CancellationToken::new());
            steps.spawn("infer", "good", std::future::pending());
            steps.spawn("infer", "bad", async move { assert!(!panics, "as a fault of the program does") });
            let failure = steps.failure().await.to_string();
            assert!(failure.contains(how), "{failure}");
        }
    }

    #[tokio::test]
    async fn steps_that_were_asked_to_end_are_no_failure() {
        let token = CancellationToken::new();
        let mut steps = Steps::new(token.clone());
        for name in ["one", "two"] {
            let token = token.clone();
            steps.spawn("store", name, async move { token.cancelled().await });
        }
        assert!(timeout(SOON, steps.failure()).await.is_err());
        token.cancel();
        assert!(timeout(SOON, steps.failure()).await.is_err());
        steps.end().await;
    }
}
