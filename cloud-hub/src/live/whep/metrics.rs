//! What the WHEP driver counts.

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use omma_runtime::step::Step;

/// Meters. Made once, after the process's recorder was installed.
pub(super) struct Metrics {
    /// One unit of its work is a picture: from its arrival at the bus until every viewer who keeps up has it.
    pub(super) step: Step,
    pub(super) sessions: Gauge,
    pub(super) pictures: Counter,
    pub(super) packets: Counter,
    pub(super) skips: Counter,
    pub(super) key_requests: [Counter; 3],
    pub(super) boxes: Counter,
    pub(super) boxes_dropped: Counter,
    pub(super) datagrams_ignored: Counter,
    pub(super) datagrams_dropped: Counter,
    pub(super) receive_failures: Counter,
    pub(super) join: Histogram,
}

/// What became of a viewer's request for a key picture. Indexes [`Metrics::key_requests`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyRequest {
    /// The cached group was sent again.
    Replayed,
    /// The next key picture will do.
    Waits,
    /// One was sent just now.
    Ignored,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let key_request = |answer| counter!("omma_live_key_requests_total", "answer" => answer);
        Self {
            step: Step::new("live"),
            sessions: gauge!("omma_live_sessions"),
            pictures: counter!("omma_live_pictures_total"),
            packets: counter!("omma_live_packets_total"),
            skips: counter!("omma_live_skips_total"),
            key_requests: ["replayed", "waits", "ignored"].map(key_request),
            boxes: counter!("omma_live_boxes_total"),
            boxes_dropped: counter!("omma_live_boxes_dropped_total"),
            datagrams_ignored: counter!("omma_live_datagrams_ignored_total"),
            datagrams_dropped: counter!("omma_live_datagrams_dropped_total"),
            receive_failures: counter!("omma_live_receive_failures_total"),
            join: histogram!("omma_live_join_seconds"),
        }
    }

    pub(super) fn key_request(&self, answer: KeyRequest) {
        self.key_requests[answer as usize].increment(1);
    }
}
