//! How an edge itself is now, and what befell it.

use serde::{Deserialize, Serialize};

use crate::event::Stamp;
use crate::id::{IncidentId, OutboxId};
use crate::incident::Incident;

/// How the edge itself is, as JSON. What its machine does not tell is absent. Unknown keys are ignored, so that later
/// versions may add some.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HealthMessage {
    /// Since the program's start, s.
    pub uptime_s: u64,
    /// The hottest of the machine's thermal zones, °C.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_c: Option<f64>,
    /// Free on the disk of `edge.data`, 10⁶ bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_free_mb: Option<u64>,
    /// Size of that disk, 10⁶ bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk_total_mb: Option<u64>,
    /// Memory that programs can still have, 10⁶ bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_available_mb: Option<u64>,
    /// Resident memory of the program, 10⁶ bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_mb: Option<u64>,
    /// What it may take at the most, 10⁶ bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max_mb: Option<u64>,
    /// Processes that ran or waited for the disk, on average of the last minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// False while the system's clock is earlier than the program: dates are wrong until it is set.
    pub clock_plausible: bool,
    /// The outbox.
    pub outbox: OutboxHealth,
    /// How the run before ended: `ended`, `killed`, `machine_restarted`, `unknown`.
    pub last_run: String,
    /// How many runs did not end as they should, since `edge.data` was made.
    pub unclean_ends: u64,
    /// Reports of panics and stuck steps that are kept, five at the most.
    pub crash_reports: u64,
}

/// What waits on the edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutboxHealth {
    /// Records that the hub, or without one the broker, does not have yet.
    pub waiting: u64,
    /// How many of them are in memory alone, because the disk takes nothing.
    #[serde(default)]
    pub in_memory: u64,
    /// Given up because the disk's share, or that of memory, was used, since the program's start.
    pub given_up: u64,
    /// Damaged databases that were set aside and still lie there.
    pub set_aside: u64,
}

/// What befell an edge, as JSON, once. Unknown keys are ignored, so that later versions may add some.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IncidentMessage {
    /// The edge's outbox.
    pub outbox: OutboxId,
    /// The number in it.
    pub sequence: u64,
    /// Which incident: what is told of twice has one id.
    pub id: IncidentId,
    /// When it happened, or was found, µs since the epoch by the edge's clock.
    pub time_us: i64,
    /// `panic`, `watchdog`, `unclean_end`, `over_memory`, `clock_set_back`, `outbox_set_aside`, `outbox_gave_up`,
    /// `outbox_in_memory`, or a later version's.
    pub kind: String,
    /// For people: one line.
    pub message: String,
}

impl IncidentMessage {
    /// Of an incident at its place in the outbox.
    pub fn new(incident: &Incident, stamp: Stamp) -> Self {
        Self {
            outbox: stamp.outbox,
            sequence: stamp.sequence,
            id: incident.id,
            time_us: incident.time.0,
            kind: incident.kind.name().to_owned(),
            message: incident.message.clone(),
        }
    }

    /// The place in the edge's outbox.
    pub fn stamp(&self) -> Stamp {
        Stamp { outbox: self.outbox, sequence: self.sequence }
    }
}
