//! Tells when the hub's certificate ends, while there is time to do something about it.

use std::time::{Duration, SystemTime};

use metrics::{describe_gauge, gauge};
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A hub that runs for longer than a year has a leaf with so little left.
const SAY_BEFORE: Duration = Duration::from_secs(60 * 24 * 3600);

/// Looks each day, until `token` is cancelled. The leaf is made again at a start only: edges and the hub's own client are
/// refused once it has ended.
pub async fn tell(expires: SystemTime, token: CancellationToken) {
    let at = expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    gauge!("omma_ingest_certificate_expiry_timestamp_seconds").set(at.as_secs_f64());
    loop {
        if let Some(days) = due(expires, SystemTime::now()) {
            tracing::warn!(days, "the hub's certificate ends: start the hub again, which makes a new one");
        }
        if token.run_until_cancelled(tokio::time::sleep(DAY)).await.is_none() {
            return;
        }
    }
}

/// How many whole days are left, where that must be said.
fn due(expires: SystemTime, now: SystemTime) -> Option<u64> {
    let left = expires.duration_since(now).unwrap_or_default();
    (left < SAY_BEFORE).then(|| left.as_secs() / DAY.as_secs())
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_gauge!(
        "omma_ingest_certificate_expiry_timestamp_seconds",
        "When the certificate ends that the hub shows on QUIC and MQTT, in seconds since 1970. A start of the hub makes a new one where less than 400 days are left."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hub_that_runs_for_two_years_says_that_its_certificate_ends_before_it_does() {
        let expires = SystemTime::UNIX_EPOCH + 20_000 * DAY;
        for (now, said) in [
            (expires - 400 * DAY, None),
            (expires - 60 * DAY, None),
            (expires - 60 * DAY + Duration::from_secs(1), Some(59)),
            (expires - DAY, Some(1)),
            (expires, Some(0)),
            (expires + DAY, Some(0)),
        ] {
            assert_eq!(due(expires, now), said);
        }
    }
}
