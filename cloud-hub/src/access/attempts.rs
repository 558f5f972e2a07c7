//! Slows down whoever shows wrong tokens, on every port alike.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Failures of all addresses. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<hub_core::attempts::Attempts>>);

impl Attempts {
    /// How long `address` has to wait before it may try again; `None` where it need not.
    pub fn wait(&self, address: IpAddr) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).wait(address, Instant::now())
    }

    /// A wrong token was shown on `port` (`http`, `mqtt`, `quic`).
    pub fn failed(&self, address: IpAddr, port: &'static str) {
        metrics::counter!("omma_access_refused_total", "port" => port).increment(1);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failed(address, Instant::now());
    }
}
