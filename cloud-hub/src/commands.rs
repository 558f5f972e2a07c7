//! What people ask of an edge that is here, and its answers. Nothing is kept: a command to an edge that is away is refused, and one
//! that the edge has not begun with by the time that nobody waits is passed over. What was begun is done, whoever waits.
//!
//! ```text
//! interface ── ask ──▶ the edge's seat ── [`crate::ingest::quic`] ──▶ edge
//!     ▲                                                                │
//!     ╰─────────────── answer, within [`ANSWER_WITHIN`] ───────────────╯
//! ```
//!
//! | bound | when it is reached |
//! |---|---|
//! | [`WAITING`] commands that an edge's connection has not taken | the next one is refused |
//! | [`UNDER_WAY`] that it has and are not answered | those behind wait |

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{ResponseMessage, Topic};
use omma_protocol::wire::quic::values::ANSWER_WITHIN;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// Commands of one edge that its connection has not taken yet.
pub const WAITING: usize = 16;
/// Commands that an edge was told and has not answered.
pub const UNDER_WAY: usize = 16;

/// A command for an edge.
#[derive(Debug)]
pub struct Asked {
    /// Which, of which camera.
    pub topic: Topic,
    /// What more.
    pub payload: Bytes,
    /// Who waits.
    pub answer: oneshot::Sender<ResponseMessage>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    /// It has no connection here.
    #[error("the edge is not connected: ask again when it is")]
    Away,
    /// It has too many questions before this one.
    #[error("the edge has too many commands before this one: ask again in a while")]
    Busy,
    /// The connection that it was told over has ended.
    #[error("the connection to the edge was lost before it answered: it may have been done")]
    Lost,
    /// It said nothing.
    #[error(
        "the edge has not answered within {ANSWER_WITHIN:?}: it may be done yet, where it was begun; an edge of an older version \
         knows no commands from its hub"
    )]
    Silent,
}

/// The seats of the edges that are here. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Commands(Arc<Mutex<BTreeMap<EdgeId, mpsc::Sender<Asked>>>>);

impl Commands {
    /// For a connection of the edge; one that it had before hears no more.
    pub fn seat(&self, edge: &EdgeId) -> mpsc::Receiver<Asked> {
        let (seat, asked) = mpsc::channel(WAITING);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(edge.clone(), seat);
        asked
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// Where there is none.
    pub async fn ask(&self, topic: Topic, payload: Bytes) -> Result<ResponseMessage, AskError> {
        let seat = topic
            .edge()
            .and_then(|edge| self.0.lock().unwrap_or_else(PoisonError::into_inner).get(edge).cloned())
            .ok_or(AskError::Away)?;
        let (answer, answered) = oneshot::channel();
        seat.try_send(Asked { topic, payload, answer }).map_err(|e| match e {
            TrySendError::Full(_) => AskError::Busy,
            TrySendError::Closed(_) => AskError::Away,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(answered) => answered.map_err(|_| AskError::Lost),
            Err(_) => Err(AskError::Silent),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use omma_protocol::wire::mqtt::Command;

    use super::*;

    fn restart() -> Topic {
        Topic::CameraCommand("site".parse().unwrap(), "door".parse().unwrap(), Command::RestartCamera)
    }

    #[tokio::test(start_paused = true)]
    async fn who_asks_is_answered_or_told_why_not() {
        let commands = Commands::default();
        let site = "site".parse().unwrap();
        let ask = || commands.ask(restart(), Bytes::new());
        assert_eq!(ask().await, Err(AskError::Away));

        let mut seat = commands.seat(&site);
        let edge = async {
            let asked = seat.recv().await.unwrap();
            assert_eq!(asked.topic, restart());
            asked.answer.send(ResponseMessage::of(Ok(()))).unwrap();
        };
        assert_eq!(tokio::join!(ask(), edge).0, Ok(ResponseMessage::of(Ok(()))));
        assert_eq!(ask().await, Err(AskError::Silent));
        for _ in 1..WAITING {
            assert!(tokio::time::timeout(Duration::from_secs(1), ask()).await.is_err());
        }
        assert_eq!(ask().await, Err(AskError::Busy));
        // What nobody waits for any more is there to be passed over.
        assert!(seat.recv().await.unwrap().answer.is_closed());

        drop(seat);
        assert_eq!(ask().await, Err(AskError::Away));
        let (first, mut second) = (commands.seat(&site), commands.seat(&site));
        let lost = async {
            drop(second.recv().await.unwrap());
        };
        assert_eq!(tokio::join!(ask(), lost).0, Err(AskError::Lost), "its connection ended meanwhile");
        drop(first);
    }
}
