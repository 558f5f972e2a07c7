//! The ends of sessions that are on their way. A camera of few sessions lets the next one in when the last one has ended.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use retina::client::SessionGroup;
use tokio_util::task::TaskTracker;

/// TEARDOWN requests on their way: retina's, and those of interpreters.
#[derive(Clone, Default)]
pub struct Farewells {
    group: Arc<SessionGroup>,
    interpreters: TaskTracker,
}

impl fmt::Debug for Farewells {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Farewells").finish_non_exhaustive()
    }
}

impl Farewells {
    pub(super) fn group(&self) -> Arc<SessionGroup> {
        Arc::clone(&self.group)
    }

    pub(super) fn interpreters(&self) -> &TaskTracker {
        &self.interpreters
    }

    /// Waits until they are answered or given up, at most for `patience`, and gives whether they are. The streams must be
    /// dropped.
    pub async fn said(&self, patience: Duration) -> bool {
        let both = async {
            // Others may still begin.
            self.interpreters.close();
            self.interpreters.wait().await;
            self.group.await_teardown().await
        };
        let answered = matches!(tokio::time::timeout(patience, both).await, Ok(Ok(())));
        if !answered {
            // The camera ends what it does not hear of any more; nobody needs to act.
            tracing::debug!("a TEARDOWN was not answered");
        }
        answered
    }
}
