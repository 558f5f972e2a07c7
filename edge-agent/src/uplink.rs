//! The ways to the hub: what lasts over MQTT, what is perishable over QUIC. Each goes on without the other. Without a
//! hub there is MQTT alone, and with one that has no broker QUIC alone.

pub mod tls;

mod records;

pub mod mqtt;

pub mod quic;

use std::time::Duration;

use omma_protocol::backoff::Backoff;

/// A connection that lasted this long was a success, after which retries are quick again.
const STEADY: Duration = Duration::from_secs(5);

/// Retries of a hub that is away: at most half a second before the first, five before any.
fn retry(seed: u64) -> Backoff {
    Backoff::new(Duration::from_millis(500), Duration::from_secs(5), seed)
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!("omma_uplink_resent_total", "Records sent again because no acknowledgement came.");
    metrics::describe_gauge!("omma_uplink_in_flight", "Records sent and not acknowledged.");
    metrics::describe_counter!("omma_uplink_bad_acks_total", "Acknowledgements that could not be read.");
    metrics::describe_counter!(
        "omma_uplink_record_turns_total",
        "How often records took another place beside live video over QUIC: in turn with it, or behind it again."
    );
    metrics::describe_counter!(
        "omma_uplink_key_turns_total",
        "How often a camera's next key picture went before the other cameras' video over QUIC, after a group of it was lost."
    );
}
