//! The ends of sessions that are on their way. A camera of few sessions lets the next one in when the last one has ended.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use omma_runtime::crash;
use retina::client::SessionGroup;
use tokio_util::task::TaskTracker;

/// TEARDOWN requests on their way: retina's, and those of interpreters.
#[derive(Clone, Default)]
pub struct Farewells {
    group: Arc<Mutex<Arc<SessionGroup>>>,
    interpreters: TaskTracker,
    /// Whether a session may have begun since it was asked last whether the end of one is unanswered.
    begun: Arc<AtomicBool>,
}

impl fmt::Debug for Farewells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Farewells").finish_non_exhaustive()
    }
}

impl Farewells {
    pub(super) fn group(&self) -> Arc<SessionGroup> {
        Arc::clone(&self.group.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn interpreters(&self) -> &TaskTracker {
        &self.interpreters
    }

    /// A session may begin from here on.
    pub(super) fn begins(&self) {
        self.begun.store(true, Ordering::Relaxed);
    }

    /// As [`Farewells::said`]; gives whether a session's end is not answered, once for each: a camera that is away is asked for as
    /// long as retina remembers the session, over many attempts to connect anew.
    pub(super) async fn unanswered(&self, patience: Duration) -> bool {
        let answered = self.said(patience).await;
        self.begun.swap(false, Ordering::Relaxed) && !answered
    }

    /// Waits until they are answered or given up, at most for `patience`, and gives whether they are. The streams must be
    /// dropped.
    pub async fn said(&self, patience: Duration) -> bool {
        let both = async {
            // Others may still begin.
            self.interpreters.close();
            self.interpreters.wait().await;
            crash::contained_future(self.group().await_teardown()).await
        };
        let done = tokio::time::timeout(patience, both).await;
        if let Ok(Err(said)) = &done {
            // It holds a session whose task has panicked, and would say so for ever.
            tracing::debug!(said, "saying goodbye ended in a fault");
            *self.group.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
        }
        let answered = matches!(done, Ok(Ok(Ok(()))));
        if !answered {
            // The camera ends what it does not hear of any more; nobody needs to act.
            tracing::debug!("a TEARDOWN was not answered");
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A UDP camera that lost its power counted some twenty, one for each attempt to connect anew.
    #[tokio::test(start_paused = true)]
    async fn a_camera_that_is_away_has_one_session_unanswered_however_often_it_is_tried_again() {
        let (farewells, patience) = (Farewells::default(), Duration::from_millis(500));
        farewells.interpreters().spawn(std::future::pending::<()>());
        farewells.begins();
        let mut unanswered = 0;
        for _ in 0..20 {
            unanswered += u32::from(farewells.unanswered(patience).await);
        }
        assert_eq!(unanswered, 1);
        farewells.begins();
        assert!(farewells.unanswered(patience).await, "another one");
    }
}
