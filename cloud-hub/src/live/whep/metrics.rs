//! What the WHEP driver counts.

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use omma_runtime::step::Step;

use crate::step;

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
    /// Described where the WebSocket is, which has the same.
    pub(super) messages_refused: Counter,
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
            step: Step::new(step::LIVE),
            sessions: gauge!("omma_live_sessions"),
            pictures: counter!("omma_live_pictures_total"),
            packets: counter!("omma_live_packets_total"),
            skips: counter!("omma_live_skips_total"),
            key_requests: ["replayed", "waits", "ignored"].map(key_request),
            boxes: counter!("omma_live_boxes_total"),
            boxes_dropped: counter!("omma_live_boxes_dropped_total"),
            messages_refused: counter!("omma_live_messages_refused_total", "channel" => "data_channel"),
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

/// What its metrics mean.
pub(crate) fn describe() {
    describe_gauge!("omma_live_sessions", "WebRTC sessions.");
    describe_counter!("omma_live_pictures_total", "Pictures sent, over all viewers.");
    describe_counter!("omma_live_packets_total", "RTP packets sent, over all viewers, without retransmissions.");
    describe_counter!("omma_live_skips_total", "Times a viewer fell behind and went on at the next key picture.");
    describe_counter!("omma_live_key_requests_total", "Viewers' requests for a key picture, by what became of them.");
    describe_counter!("omma_live_boxes_total", "Results sent over data channels.");
    describe_counter!("omma_live_boxes_dropped_total", "Results dropped because a data channel was full.");
    describe_counter!("omma_live_datagrams_ignored_total", "Received datagrams that belong to no session.");
    describe_counter!("omma_live_datagrams_dropped_total", "Datagrams that the network did not take.");
    describe_counter!("omma_live_receive_failures_total", "Times the socket failed to receive.");
    describe_histogram!("omma_live_join_seconds", "From the offer's arrival to the first picture sent.");
}
