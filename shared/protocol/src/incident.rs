//! Incidents: what befell an edge itself, worth telling once to whoever looks after it.

use crate::id::IncidentId;
use crate::time::CaptureTime;

/// Longest message, in characters.
const LONGEST: usize = 500;

/// What befell it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IncidentKind {
    /// A thread of the program panicked.
    Panic,
    /// A step was stuck.
    Watchdog,
    /// A run did not end as it should.
    UncleanEnd,
    /// The program began anew because it took too much memory.
    OverMemory,
    /// The program began anew because the system's clock was set back.
    ClockSetBack,
    /// The outbox's database was damaged, and set aside for a fresh one.
    OutboxSetAside,
    /// Pictures or events were given up because the disk's share was used.
    OutboxGaveUp,
    /// The outbox's disk takes nothing, and what is put waits in memory.
    OutboxInMemory,
}

impl IncidentKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Panic,
        Self::Watchdog,
        Self::UncleanEnd,
        Self::OverMemory,
        Self::ClockSetBack,
        Self::OutboxSetAside,
        Self::OutboxGaveUp,
        Self::OutboxInMemory,
    ];

    /// The word for it, as it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Watchdog => "watchdog",
            Self::UncleanEnd => "unclean_end",
            Self::OverMemory => "over_memory",
            Self::ClockSetBack => "clock_set_back",
            Self::OutboxSetAside => "outbox_set_aside",
            Self::OutboxGaveUp => "outbox_gave_up",
            Self::OutboxInMemory => "outbox_in_memory",
        }
    }
}

/// One incident. It has no camera and no later state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Which. What is told of twice has one id.
    pub id: IncidentId,
    /// When it happened, or when it was found where nobody can know that; by the system's clock of the edge.
    pub time: CaptureTime,
    /// What befell the edge.
    pub kind: IncidentKind,
    /// For people: one line, without secrets and without anything of what was worked on.
    pub message: String,
}

impl Incident {
    /// Makes the message one line of bearable length.
    pub fn new(id: IncidentId, time: CaptureTime, kind: IncidentKind, message: &str) -> Self {
        let line = message.trim().chars().map(|c| if c.is_control() { ' ' } else { c });
        Self { id, time, kind, message: line.take(LONGEST).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_of_bearable_length() {
        let of = |message: &str| {
            Incident::new(IncidentId(uuid::Uuid::nil()), CaptureTime(1), IncidentKind::Panic, message).message
        };
        assert_eq!(of(" left: 1\n right: 2\n"), "left: 1  right: 2");
        assert_eq!(of(&"ä".repeat(9999)).chars().count(), LONGEST);
    }

    #[test]
    fn each_kind_has_a_word_of_its_own() {
        let words: std::collections::BTreeSet<_> = IncidentKind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(words.len(), IncidentKind::ALL.len());
    }
}
