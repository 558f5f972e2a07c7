//! What each of the hub's metrics means: the HELP lines of `/metrics`, and `docs/reference/metrics.md`.

use metrics::{describe_counter, describe_gauge, describe_histogram};

/// Describes them. Call it once, after the recorder was installed.
pub fn describe() {
    doors();
    ingest();
    bus();
    store();
    live();
    describe_histogram!("omma_http_duration_seconds", "Time of an answer over HTTP, by route and status.");
}

fn doors() {
    describe_counter!("omma_access_refused_total", "Wrong tokens shown, by port: http, websocket, mqtt, quic.");
    describe_counter!("omma_broker_refused_total", "What the embedded broker's access rules refused, by packet.");
    describe_counter!(
        "omma_broker_retained_refused_total",
        "Retained messages that the embedded broker did not keep because it holds too many."
    );
}

fn ingest() {
    describe_histogram!(
        "omma_ingest_delay_seconds",
        "From a picture's capture to its arrival, where clocks are known."
    );
    describe_counter!(
        "omma_ingest_handshakes_refused_total",
        "QUIC connections refused because too many began at once."
    );
    describe_counter!("omma_ingest_refused_total", "Edges that were not let in over QUIC, by reason.");
    describe_counter!("omma_ingest_broker_failures_total", "Connections to the broker that failed or ended.");
    describe_counter!("omma_ingest_subscriptions_refused_total", "Times the broker refused the hub's subscriptions.");
    describe_counter!(
        "omma_ingest_reconnects_forced_total",
        "Connections to the broker begun anew because more came than the store takes."
    );
    describe_counter!(
        "omma_ingest_pubacks_stale_total",
        "Messages stored after the connection that brought them had ended; the broker sends them again."
    );
}

fn bus() {
    describe_counter!("omma_bus_units_total", "Access units that came, by stream.");
    describe_counter!("omma_bus_results_total", "Results of analysis that came, by stream.");
    describe_counter!("omma_bus_dropped_units_total", "Access units dropped for readers that were too slow.");
    describe_counter!("omma_bus_dropped_results_total", "Results dropped for readers that were too slow.");
    describe_counter!("omma_bus_skips_total", "Times a reader fell behind and went on at the next key picture.");
    describe_gauge!("omma_bus_readers", "Readers of a stream.");
}

fn store() {
    describe_counter!(
        "omma_store_out_of_order_total",
        "States of events that were first stored after a later record of their outbox."
    );
    describe_counter!(
        "omma_store_announcements_dropped_total",
        "Stored states that were not announced because too many waited."
    );
    describe_counter!("omma_store_pictures_left_total", "Replaced pictures that could not be removed.");
}

fn live() {
    describe_gauge!("omma_live_pages", "Pages connected over WebSocket.");
    describe_counter!("omma_live_pages_refused_total", "Pages that showed a wrong token.");
    describe_counter!("omma_live_pages_too_slow_total", "Pages cut off because they did not read.");
    describe_counter!("omma_live_feed_skipped_total", "Messages that pages missed; they ask for everything anew.");
    webrtc();
}

fn webrtc() {
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
