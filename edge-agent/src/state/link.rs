//! Whether a way to the hub, or to the broker where there is no hub, is open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::watch;

/// How often the same failure of an uplink is told.
const TELL_AGAIN: Duration = Duration::from_secs(60);

/// How a way out of the edge fares.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum Link {
    /// Being connected to, for the first time.
    Connecting,
    /// Up.
    Up,
    /// Up, but what is sent is refused.
    Refused {
        /// By what, and how to mend it.
        reason: String,
    },
    /// Down, being tried again.
    Down {
        /// Why. Never holds a secret.
        reason: String,
    },
}

/// One uplink's state. Clones share it.
#[derive(Debug, Clone)]
pub struct LinkState {
    name: &'static str,
    whom: &'static str,
    link: watch::Sender<Link>,
    /// The reasons that were told a short while ago, and when.
    told: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl LinkState {
    /// Connecting. `name` is a metric label: `quic`, `mqtt`.
    pub fn new(name: &'static str) -> Self {
        Self::to(name, "the hub")
    }

    /// As [`LinkState::new`], with a word for the other end.
    pub fn to(name: &'static str, whom: &'static str) -> Self {
        let state = Self { name, whom, link: watch::Sender::new(Link::Connecting), told: Arc::default() };
        state.gauge(false);
        state
    }

    /// It is up.
    pub fn up(&self) {
        self.link.send_replace(Link::Up);
        self.gauge(true);
        tracing::info!(uplink = self.name, "connected");
    }

    /// It is down.
    pub fn down(&self, reason: String) {
        self.gauge(false);
        metrics::counter!("omma_uplink_failures_total", "uplink" => self.name).increment(1);
        if self.is_news(&reason) {
            tracing::warn!(uplink = self.name, reason, "{} can't be reached: trying again", self.whom);
        }
        self.link.send_replace(Link::Down { reason });
    }

    /// It is up and takes nothing, or gives nothing.
    pub fn refused(&self, reason: String) {
        metrics::counter!("omma_uplink_refused_total", "uplink" => self.name).increment(1);
        if self.is_news(&reason) {
            tracing::warn!(uplink = self.name, reason, "the uplink is refused: events wait on this disk");
        }
        self.link.send_replace(Link::Refused { reason });
    }

    /// Events go out, but something beside them does not, or is not heard.
    pub fn hindered(&self, reason: String) {
        metrics::counter!("omma_uplink_refused_total", "uplink" => self.name).increment(1);
        if self.is_news(&reason) {
            tracing::warn!(uplink = self.name, reason, "something beside events is refused");
        }
    }

    /// What was refused is taken again.
    pub fn accepted(&self) {
        self.link.send_if_modified(|link| {
            let refused = matches!(link, Link::Refused { .. });
            if refused {
                *link = Link::Up;
            }
            refused
        });
    }

    /// A hub that is away fails each attempt, and one that flaps fails often, for the same reason: it is told once in
    /// a while.
    fn is_news(&self, reason: &str) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| at.elapsed() < TELL_AGAIN);
        let news = !told.contains_key(reason);
        if news {
            told.insert(reason.to_owned(), Instant::now());
        }
        news
    }

    /// For who acts on it.
    pub fn watch(&self) -> watch::Receiver<Link> {
        self.link.subscribe()
    }

    /// As it is now.
    pub fn now(&self) -> Link {
        self.link.borrow().clone()
    }

    fn gauge(&self, up: bool) {
        metrics::gauge!("omma_uplink_up", "uplink" => self.name).set(f64::from(u8::from(up)));
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    metrics::describe_gauge!("omma_uplink_up", "1 while connected, else 0.");
    metrics::describe_counter!("omma_uplink_failures_total", "Connections that failed or ended.");
    metrics::describe_counter!(
        "omma_uplink_refused_total",
        "Publications and subscriptions that the other side refused."
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_refused_can_be_accepted_again() {
        let state = LinkState::new("mqtt");
        state.accepted();
        assert_eq!(state.now(), Link::Connecting);
        state.refused("rules".to_owned());
        state.accepted();
        assert_eq!(state.now(), Link::Up);
        state.down("away".to_owned());
        state.accepted();
        assert!(matches!(state.now(), Link::Down { .. }));
    }
}
