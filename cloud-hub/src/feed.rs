//! What is new in the store, told to every browser: one sender, many readers.
//!
//! Bounded at [`DEPTH`] messages. A reader that falls behind skips what it missed, which is counted, and is told so
//! ([`HubToBrowser::Resync`]): its browser asks the REST interface again, as it does whenever it reconnects, so that
//! nothing is lost but time.

use std::sync::Arc;

use omma_protocol::wire::browser::HubToBrowser;
use tokio::sync::broadcast::{self, error::RecvError};

/// Messages kept for the slowest reader.
pub const DEPTH: usize = 256;

/// The sending side. Clones send into the same feed.
#[derive(Debug, Clone)]
pub struct Feed(broadcast::Sender<Arc<HubToBrowser>>);

impl Default for Feed {
    fn default() -> Self {
        Self(broadcast::channel(DEPTH).0)
    }
}

impl Feed {
    /// Tells every reader. With none there is nobody to tell.
    pub fn publish(&self, message: HubToBrowser) {
        if self.0.send(Arc::new(message)).is_err() {
            tracing::trace!("no browser listens to the feed");
        }
    }

    /// Everything published from now on.
    pub fn subscribe(&self) -> FeedReader {
        FeedReader(self.0.subscribe())
    }
}

/// The receiving side of one browser.
#[derive(Debug)]
pub struct FeedReader(broadcast::Receiver<Arc<HubToBrowser>>);

impl FeedReader {
    /// The next message, [`HubToBrowser::Resync`] in place of those that were missed; `None` once the feed has ended.
    /// Safe to drop and call again (in a `select!`).
    pub async fn next(&mut self) -> Option<Arc<HubToBrowser>> {
        match self.0.recv().await {
            Ok(message) => Some(message),
            Err(RecvError::Lagged(missed)) => {
                metrics::counter!("omma_live_feed_skipped_total").increment(missed);
                Some(Arc::new(HubToBrowser::Resync))
            }
            Err(RecvError::Closed) => None,
        }
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!(
        "omma_live_feed_skipped_total",
        "Messages that pages missed; they ask for everything anew."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(id: u32) -> HubToBrowser {
        HubToBrowser::Clock { id, stream_us: 0 }
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_that_it_missed_some_and_goes_on() {
        let feed = Feed::default();
        let mut reader = feed.subscribe();
        let extra = 10;
        for id in 0..(DEPTH as u32 + extra) {
            feed.publish(clock(id));
        }
        assert_eq!(*reader.next().await.unwrap(), HubToBrowser::Resync);
        assert_eq!(*reader.next().await.unwrap(), clock(extra));
        drop(feed);
        let mut last = clock(extra);
        while let Some(message) = reader.next().await {
            last = (*message).clone();
        }
        assert_eq!(last, clock(DEPTH as u32 + extra - 1));
    }
}
