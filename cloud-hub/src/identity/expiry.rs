//! Makes the hub's leaf anew while it runs, before it ends, and tells when that can't be done.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hub_core::retention::Steady;
use metrics::{describe_gauge, gauge};
use omma_runtime::made::made;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::shown::Shown;
use super::{DAY, Identity, IdentityError};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(3600);
/// A leaf with less than this left is made anew: a hub that runs for nearly two years has such a one.
const RENEW_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the task needs.
#[derive(Debug)]
pub struct Renewal {
    data: PathBuf,
    hosts: Vec<String>,
    begins: SystemTime,
    expires: SystemTime,
    fingerprint: [u8; 32],
    shown: Arc<Shown>,
}

impl Renewal {
    /// Of that identity, which was opened with these.
    pub fn of(identity: &Identity, data: PathBuf, hosts: Vec<String>) -> Self {
        let Identity { begins, expires, fingerprint, shown, .. } = identity;
        Self { data, hosts, begins: *begins, expires: *expires, fingerprint: *fingerprint, shown: Arc::clone(shown) }
    }

    /// Looks each hour, until `token` is cancelled; `clock` is this machine's. One that has just leapt makes no leaf: whoever
    /// connects has the right time.
    pub async fn keep(mut self, clock: impl Fn() -> SystemTime, token: CancellationToken) {
        self.tell();
        let (begin, mut steady, mut said) = (Instant::now(), Steady::default(), None::<Instant>);
        let mut often = tokio::time::interval(LOOK);
        while token.run_until_cancelled(often.tick()).await.is_some() {
            let now = clock();
            let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let steady = steady.look(begin.elapsed(), i64::try_from(since.as_micros()).unwrap_or(i64::MAX));
            if !steady || !self.is_due(now) {
                continue;
            }
            match self.renew(now).await {
                Ok(()) => said = None,
                Err(error) if said.is_none_or(|said| said.elapsed() >= DAY) => {
                    said = Some(Instant::now());
                    let days = self.expires.duration_since(now).unwrap_or_default().as_secs() / DAY.as_secs();
                    tracing::warn!(
                        %error, days,
                        "the hub's certificate ends in so many days and can't be made anew: then edges are refused. Trying on"
                    );
                }
                Err(_) => {}
            }
        }
    }

    async fn renew(&mut self, now: SystemTime) -> Result<(), RenewalError> {
        let (data, hosts, fingerprint) = (self.data.clone(), self.hosts.clone(), self.fingerprint);
        let made = tokio::task::spawn_blocking(move || Identity::again(&data, &hosts, now, fingerprint)).await??;
        self.shown.become_as(&made.shown);
        (self.begins, self.expires) = (made.begins, made.expires);
        self.tell();
        tracing::info!("the hub's certificate was made anew: who connects from now on is shown it");
        Ok(())
    }

    /// Also where it has not begun, made by a clock that was ahead. One that is not set says nothing of that.
    fn is_due(&self, now: SystemTime) -> bool {
        let set = now >= SystemTime::UNIX_EPOCH + made();
        (set && now < self.begins) || self.expires.duration_since(now).unwrap_or_default() < RENEW_BEFORE
    }

    fn tell(&self) {
        let at = self.expires.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        gauge!("omma_ingest_certificate_expiry_timestamp_seconds").set(at.as_secs_f64());
    }
}

/// Why there is no new leaf.
#[derive(Debug, thiserror::Error)]
enum RenewalError {
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("make the hub's certificates: {0}")]
    Ended(#[from] tokio::task::JoinError),
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_gauge!(
        "omma_ingest_certificate_expiry_timestamp_seconds",
        "When the certificate ends that the hub shows on QUIC and MQTT, in seconds since 1970. A new one is made where less than 30 days are left, at a start where less than 400 are."
    );
}
