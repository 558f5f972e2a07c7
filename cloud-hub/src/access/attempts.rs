//! Slows down whoever shows wrong tokens, on every port alike.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::ConnectInfo;
use axum::http::Extensions;

/// Failures of all addresses. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Attempts(Arc<Mutex<hub_core::attempts::Attempts>>);

impl Attempts {
    /// A wrong token was shown on `port` (`http`, `websocket`, `mqtt`, `quic`). Says how long `address` has to wait
    /// where it has shown too many; `None` where this one was only noted.
    ///
    /// Ask only once a token has turned out to be wrong. Behind a proxy or a NAT many have one address, and a stranger
    /// among them must not lock out those who have the right one.
    pub fn wrong(&self, address: IpAddr, port: &'static str) -> Option<Duration> {
        metrics::counter!("omma_access_refused_total", "port" => port).increment(1);
        let now = Instant::now();
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = attempts.wait(address, now);
        if wait.is_none() {
            attempts.failed(address, now);
        }
        wait
    }
}

/// Whose attempts a request over HTTP counts among. Where the server does not say who asks, all share one allowance.
pub fn address_of(request: &Extensions) -> IpAddr {
    let peer = request.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_counter!(
        "omma_access_refused_total",
        "Wrong tokens shown, by port: http, websocket, mqtt, quic."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_wrong_tokens_have_to_wait_and_other_addresses_do_not() {
        let attempts = Attempts::default();
        let [here, there] = [1, 2].map(|last| IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)));
        let noted = (0..hub_core::attempts::BURST).filter(|_| attempts.wrong(here, "http").is_none()).count();
        assert_eq!(noted, hub_core::attempts::BURST as usize);
        assert!(attempts.wrong(here, "mqtt").is_some());
        assert!(attempts.wrong(there, "mqtt").is_none());
    }
}
