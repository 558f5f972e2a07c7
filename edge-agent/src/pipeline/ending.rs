//! How everything ends, asked and unasked.

use std::time::Duration;

use anyhow::anyhow;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::outbox::Outbox;
use crate::state::link::{Link, LinkState};

/// How long the last events may take to the hub.
const FAREWELL: Duration = Duration::from_secs(1);

/// No part ends unasked. One that does has panicked, which its own line in the log tells: the program then ends as a
/// whole, so that whoever started it starts it again. Those that end because `token` is cancelled are not told of: this
/// may see one's end before whoever waits for both has seen the token's.
pub(super) async fn one_ends(tasks: &mut Vec<JoinHandle<()>>, token: &CancellationToken) -> anyhow::Error {
    let (ended, at, _) = futures::future::select_all(tasks.iter_mut()).await;
    // A handle that has given its answer must not be asked again.
    drop(tasks.swap_remove(at));
    match ended {
        Ok(()) if token.is_cancelled() => std::future::pending().await,
        Ok(()) => anyhow!("a part of the program ended unasked: see the lines above"),
        Err(e) => anyhow!("a part of the program ended unasked: {e}"),
    }
}

/// What the cameras' end brought, above all that events are over, still reaches a hub or broker that is there.
pub(super) async fn send_the_last(outbox: &Outbox, link: &LinkState) {
    if link.now() != Link::Up {
        return;
    }
    let all = async {
        // Where the disk takes nothing this never ends, and what is in memory is sent meanwhile.
        outbox.sync().await.unwrap_or_default();
        outbox.state().wait_for(|state| state.waiting == 0).await.map(drop).unwrap_or_default();
    };
    if tokio::time::timeout(FAREWELL, all).await.is_err() {
        tracing::debug!("the last events wait for the next start");
    }
}

/// Waits for all of them.
pub(super) async fn join_all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        if let Err(e) = task.await {
            tracing::error!(error = %e, "a task panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// The signal came while the main loop was between its look at the token and its look at the parts: the edge ended
    /// with 1, as if the server had died.
    #[tokio::test]
    async fn a_server_that_ends_as_asked_is_no_part_that_ended_unasked() {
        for asked in [true, false] {
            let token = CancellationToken::new();
            let mut parts = vec![tokio::spawn(std::future::ready(())), tokio::spawn(std::future::pending())];
            while !parts[0].is_finished() {
                tokio::task::yield_now().await;
            }
            if asked {
                token.cancel();
            }
            assert_eq!(one_ends(&mut parts, &token).now_or_never().is_none(), asked);
            assert_eq!(parts.len(), 1);
        }
    }

    #[tokio::test]
    async fn a_part_that_panics_as_all_ends_is_told_of() {
        let token = CancellationToken::new();
        token.cancel();
        let mut parts = vec![tokio::spawn(async { panic!("as a fault of the program does") })];
        assert!(one_ends(&mut parts, &token).await.to_string().contains("panic"));
    }
}
