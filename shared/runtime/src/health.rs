//! Whether a program is ready, part by part.
//!
//! Alive is not ready: `/healthz` answers while the process runs, `/readyz` only when every part is up. A restart
//! mends a dead process, but not a hub that is away; so nothing outside the process belongs into liveness.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// The readiness of a program. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, Option<String>>>>,
}

/// One part's own switch. The part counts as long as the program runs, also after this was dropped.
#[derive(Debug, Clone)]
pub struct Part {
    name: &'static str,
    health: Health,
}

/// What `/readyz` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// Whether every part is.
    pub ready: bool,
    /// By name.
    pub parts: Vec<PartReadiness>,
}

/// One part of [`Readiness`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartReadiness {
    /// The part.
    pub name: &'static str,
    /// Whether it is up.
    pub ready: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Health {
    /// With no parts yet: ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part, not ready because it is "starting". Add all parts before the first is waited for, or `/readyz`
    /// says yes too early.
    pub fn part(&self, name: &'static str) -> Part {
        let part = Part { name, health: self.clone() };
        part.not_ready("starting");
        part
    }

    /// How all parts are.
    pub fn readiness(&self) -> Readiness {
        let parts: Vec<_> = self
            .lock()
            .iter()
            .map(|(&name, reason)| PartReadiness { name, ready: reason.is_none(), reason: reason.clone() })
            .collect();
        Readiness { ready: parts.iter().all(|part| part.ready), parts }
    }

    /// A panic elsewhere cannot leave the map half written, so a poisoned lock is used on.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Option<String>>> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Part {
    /// The part is up.
    pub fn ready(&self) {
        self.health.lock().insert(self.name, None);
    }

    /// The part is down, and why: for people, without secrets.
    pub fn not_ready(&self, reason: impl Into<String>) {
        self.health.lock().insert(self.name, Some(reason.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_means_every_part() {
        let health = Health::new();
        assert!(health.readiness().ready);
        let (store, broker) = (health.part("store"), health.part("broker"));
        store.ready();
        assert!(!health.readiness().ready);
        broker.ready();
        assert!(health.readiness().ready);
        store.not_ready("disk is full");
        let json = serde_json::to_string(&health.readiness()).unwrap();
        let expected = r#"{"ready":false,"parts":[{"name":"broker","ready":true},"#.to_owned()
            + r#"{"name":"store","ready":false,"reason":"disk is full"}]}"#;
        assert_eq!(json, expected);
    }
}
