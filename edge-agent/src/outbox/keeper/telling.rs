//! What is told of the outbox: its state, its metrics, and what befell it.

use std::time::{Duration, Instant};

use edge_core::outbox::stand_in::Served;
use omma_protocol::event::Lasting;
use omma_protocol::id::IncidentId;
use omma_protocol::incident::{Incident, IncidentKind};
use uuid::Uuid;

use super::Keeper;
use crate::clock;
use crate::outbox::store::StoreError;
use crate::state::OutboxState;

/// How often it is said that things are given up.
const TELL_AGAIN: Duration = Duration::from_secs(300);
/// How often something is told as an incident while it goes on.
const TELL_AS_INCIDENT: Duration = Duration::from_secs(6 * 3600);
/// How long the disk must have taken nothing for that to be told as an incident.
const TELL_AFTER: Duration = Duration::from_secs(60);

impl Keeper {
    /// Counts it, and says so where it is time for that.
    pub(super) fn gave_up(&mut self, count: usize, of: Share) {
        if count == 0 {
            return;
        }
        self.given_up += count as u64;
        let (reason, used_up) = match of {
            Share::Disk => ("disk budget", "outbox.budget_mb"),
            Share::Memory => ("memory", "the memory that stands in for the outbox's disk"),
        };
        self.step.dropped_many(reason, count as u64);
        let said = format!("{used_up} is used up: the oldest pictures and closed events are given up");
        // Over the budget this happens with every picture; an operator needs to be told, not flooded.
        if self.told_given_up.is_none_or(|told| told.elapsed() >= TELL_AGAIN) {
            self.told_given_up = Some(Instant::now());
            tracing::warn!(given_up = self.given_up, "{said}");
        }
        if is_due(&mut self.incident_given_up) {
            self.befell(IncidentKind::OutboxGaveUp, &format!("{said}, {} since the start", self.given_up));
        }
    }

    /// Damaged records of the disk were met.
    pub(super) fn are_damaged(&self, records: &[u64]) {
        for sequence in self.untold(records) {
            tracing::error!(sequence, "an event is lost: its record in the outbox is damaged");
            metrics::counter!("omma_outbox_damaged_records_total").increment(1);
        }
    }

    /// Those of them that are not known to be damaged: on a disk that takes nothing they stay, and are met again.
    pub(super) fn untold(&self, records: &[u64]) -> Vec<u64> {
        records.iter().copied().filter(|sequence| !self.stand_in.is_deleted(*sequence)).collect()
    }

    /// Where the disk has taken nothing for a while.
    pub(super) fn tell_as_incident(&mut self, e: &StoreError) {
        if self.failing.is_some_and(|since| since.elapsed() >= TELL_AFTER) && is_due(&mut self.incident_in_memory) {
            let said =
                format!("the outbox's disk takes nothing ({e}): events wait in memory, where a power cut loses them");
            self.befell(IncidentKind::OutboxInMemory, &said);
        }
    }

    fn befell(&mut self, kind: IncidentKind, said: &str) {
        let id = IncidentId(Uuid::new_v4());
        // What is given up for it is counted, and is no new incident.
        self.put(vec![Lasting::Incident(Incident::new(id, clock::system_date(), kind, said))]);
    }

    /// What it holds, to whoever watches, and which outbox is sent from.
    pub(super) fn tell(&self) {
        let view = self.database.view();
        let in_memory = self.stand_in.count_unsaved();
        let on_disk = view.map(|view| view.state).unwrap_or(*self.state.borrow());
        let waiting = match view {
            Some(view) => view.state.waiting.saturating_sub(self.stand_in.count_deleted()) + in_memory,
            // What lies on a disk that can't be read is not known any more.
            None => self.stand_in.memory().map_or(0, |memory| memory.len() as u64),
        };
        let memory = self.stand_in.memory().filter(|_| self.served() == Served::Memory);
        let bytes = view.map_or(0, |view| view.state.bytes) + self.stand_in.memory().map_or(0, |memory| memory.bytes());
        let newest = memory.map_or(on_disk.newest, |memory| memory.newest());
        let state = OutboxState { waiting, bytes, newest, in_memory, given_up: self.given_up, ..on_disk };
        metrics::gauge!("omma_outbox_waiting").set(state.waiting as f64);
        metrics::gauge!("omma_outbox_bytes").set(state.bytes as f64);
        metrics::gauge!("omma_outbox_in_memory").set(state.in_memory as f64);
        metrics::gauge!("omma_outbox_newest").set(state.newest as f64);
        metrics::gauge!("omma_outbox_set_aside").set(state.set_aside as f64);
        // The state first: whoever sees the new id must not see the old one's newest number with it.
        self.state.send_if_modified(|told| std::mem::replace(told, state) != state);
        let id = memory.map(|memory| memory.id()).or(view.map(|view| view.id));
        if let Some(id) = id {
            self.id.send_if_modified(|told| std::mem::replace(told, id) != id);
        }
    }
}

/// What was used up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Share {
    Disk,
    Memory,
}

/// Whether it is time to tell of it, which it then counts as.
fn is_due(told: &mut Option<Instant>) -> bool {
    let due = told.is_none_or(|told| told.elapsed() >= TELL_AS_INCIDENT);
    if due {
        *told = Some(Instant::now());
    }
    due
}
