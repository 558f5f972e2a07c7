//! One edge as the interface shows it.

use std::time::{Duration, SystemTime};

use omma_protocol::id::EdgeId;
use omma_protocol::wire::mqtt::{ReportedMessage, ReportedState};
use omma_protocol::wire::quic::values::HEALTH_EVERY;
use serde::Serialize;
use utoipa::ToSchema;

use crate::desired::Wish;
use crate::registry::{self, Told};

/// An edge that has said nothing for this long has lost its stream, whatever its connection says.
const STALE: Duration = HEALTH_EVERY.saturating_mul(3);

/// One edge.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Edge {
    /// Its name.
    #[schema(example = "site-1")]
    edge: String,
    /// Whether it is connected, by any way.
    online: bool,
    /// Program and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
    /// Its clock minus the hub's, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_ms: Option<f64>,
    /// How it itself was when it last said so; absent where it has not since the hub started.
    #[serde(skip_serializing_if = "Option::is_none")]
    health: Option<Health>,
    /// Which cameras it shall have, and what became of that.
    configuration: Configuration,
}

/// How an edge itself was. What its machine does not tell is absent.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Health {
    /// When it said so, µs since the epoch, on the hub's clock.
    heard_us: i64,
    /// Whether that is no word of now: the edge is not connected, or has said nothing for three minutes.
    stale: bool,
    /// Since the program's start, s.
    uptime_s: u64,
    /// The hottest of the machine's thermal zones, °C.
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature_c: Option<f64>,
    /// Free on the disk of its data folder, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_free_mb: Option<u64>,
    /// Size of that disk, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_total_mb: Option<u64>,
    /// Memory that programs can still have, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_available_mb: Option<u64>,
    /// Resident memory of the program, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    resident_mb: Option<u64>,
    /// What it may take at the most, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    memory_max_mb: Option<u64>,
    /// Processes that ran or waited for the disk, on average of a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    load: Option<f64>,
    /// False while its clock is earlier than its program: its dates are wrong until it is set.
    clock_plausible: bool,
    /// Records in its outbox that the hub does not have yet.
    outbox_waiting: u64,
    /// Records given up because its disk's share was used, since its start.
    outbox_given_up: u64,
    /// Damaged outboxes that were set aside and still lie there.
    outbox_set_aside: u64,
    /// How the run before ended: `ended`, `killed`, `machine_restarted`, `unknown`; later edges may know more.
    last_run: String,
    /// How many runs did not end as they should.
    unclean_ends: u64,
    /// Crash reports that are kept, five at the most.
    crash_reports: u64,
}

/// Which cameras an edge shall have, and what became of that.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct Configuration {
    /// What this hub desires; absent where nothing was ever desired of this edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    desired: Option<DesiredText>,
    /// What became of it; without a desire of this hub, what the edge runs. Absent where nothing is desired and the edge has
    /// not said anything since the hub started.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<StateName>,
    /// SHA-256 of the text that runs, in hexadecimal; absent where the cameras are those of the edge's own file, or it is not
    /// known.
    #[serde(skip_serializing_if = "Option::is_none")]
    running: Option<String>,
    /// Why what is desired is not in force, and how to mend it: one line for each fault.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
    /// When the edge said so, µs since the epoch, on the hub's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard_us: Option<i64>,
}

/// What is desired. The text is not shown: it holds passwords.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Desired)]
pub(crate) struct DesiredText {
    /// SHA-256 of the text, in hexadecimal; absent for the edge's own file.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    /// Since when, µs since the epoch, on the hub's clock.
    since_us: u64,
}

/// What became of what is desired.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ConfigurationState)]
pub(crate) enum StateName {
    /// The edge has not answered to it yet: it is away, or about to.
    Pending,
    /// The cameras of the edge's own file run.
    File,
    /// It runs, and is taken back where the edge loses this hub.
    Trial,
    /// It runs, also after a restart.
    Applied,
    /// It has faults: what ran before runs.
    Refused,
    /// It cut the edge off: what ran before runs.
    RolledBack,
}

impl Edge {
    pub(super) fn new(name: &EdgeId, edge: &registry::Edge, wish: Option<Wish>, now_us: i64) -> Self {
        Self {
            edge: name.to_string(),
            online: edge.online(),
            agent: edge.agent.clone(),
            clock_offset_ms: edge.clock_offset_us.map(|us| us as f64 / 1000.0),
            health: health(edge, now_us),
            configuration: configuration(edge, wish),
        }
    }
}

fn health(edge: &registry::Edge, now_us: i64) -> Option<Health> {
    let Told { at_us, what } = edge.health.as_ref()?;
    let age = Duration::from_micros(now_us.saturating_sub(*at_us).try_into().unwrap_or_default());
    Some(Health {
        heard_us: *at_us,
        stale: !edge.connected || age > STALE,
        uptime_s: what.uptime_s,
        temperature_c: what.temperature_c,
        disk_free_mb: what.disk_free_mb,
        disk_total_mb: what.disk_total_mb,
        memory_available_mb: what.memory_available_mb,
        resident_mb: what.resident_mb,
        memory_max_mb: what.memory_max_mb,
        load: what.load,
        clock_plausible: what.clock_plausible,
        outbox_waiting: what.outbox.waiting,
        outbox_given_up: what.outbox.given_up,
        outbox_set_aside: what.outbox.set_aside,
        last_run: what.last_run.clone(),
        unclean_ends: what.unclean_ends,
        crash_reports: what.crash_reports,
    })
}

/// An edge's word is of what is desired now only where it names its revision; or none, where its broker desires because the
/// hub does not.
fn configuration(edge: &registry::Edge, wish: Option<Wish>) -> Configuration {
    let said = edge.reported.as_ref();
    let answered = |said: &ReportedMessage| match (&wish, said.revision) {
        (None, _) => true,
        (Some(wish), None) => wish.digest.is_none(),
        (Some(wish), Some(revision)) => wish.revision == revision,
    };
    let (state, reasons) = match said.map(|told| &told.what) {
        Some(said) if answered(said) => (Some(said.state.into()), said.reasons.clone()),
        None if edge.connected && wish.is_some() => {
            let reason = "the edge has not said which cameras it has, or not in words of this hub's version: one of an older \
                          version takes none from its hub, one of a later version may have taken them";
            (Some(StateName::Pending), vec![reason.to_owned()])
        }
        _ => (wish.is_some().then_some(StateName::Pending), vec![]),
    };
    Configuration {
        desired: wish.map(|wish| DesiredText { sha256: wish.digest, since_us: wish.revision }),
        state,
        running: said.and_then(|told| told.what.running.clone()),
        reasons,
        heard_us: said.map(|told| told.at_us),
    }
}

impl From<ReportedState> for StateName {
    fn from(state: ReportedState) -> Self {
        match state {
            ReportedState::File => StateName::File,
            ReportedState::Trial => StateName::Trial,
            ReportedState::Applied => StateName::Applied,
            ReportedState::Refused => StateName::Refused,
            ReportedState::RolledBack => StateName::RolledBack,
        }
    }
}

/// The hub's clock, µs since the epoch.
pub(super) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use omma_protocol::secret::Secret;
    use omma_protocol::wire::mqtt::HealthMessage;

    use super::*;

    const SECOND: i64 = 1_000_000;

    fn wish(revision: u64) -> Option<Wish> {
        let text = Arc::new(Secret::new("pw-secret".to_owned()));
        Some(Wish { revision, text, digest: Some("aa".to_owned()) })
    }

    fn said(state: ReportedState, revision: Option<u64>) -> registry::Edge {
        let reasons = vec!["why".to_owned()];
        let (desired, running) = (Some("bb".to_owned()), Some("cc".to_owned()));
        let what = ReportedMessage { version: 1, state, desired, running, revision, reasons };
        registry::Edge { connected: true, reported: Some(Told { at_us: 5, what }), ..Default::default() }
    }

    #[test]
    fn an_answer_to_an_earlier_desire_is_none_to_this_one() {
        let state = |edge: &registry::Edge, wish| configuration(edge, wish).state;
        let refused = said(ReportedState::Refused, Some(7));
        assert_eq!(state(&refused, wish(7)), Some(StateName::Refused));
        assert_eq!(configuration(&refused, wish(7)).reasons, ["why"]);
        let pending = configuration(&refused, wish(8));
        assert_eq!((pending.state, pending.reasons), (Some(StateName::Pending), vec![]));
        assert_eq!(pending.running.as_deref(), Some("cc"));
        // By its own broker, before this hub desired anything.
        assert_eq!(state(&said(ReportedState::Applied, None), wish(8)), Some(StateName::Pending));
        assert_eq!(state(&said(ReportedState::Applied, None), None), Some(StateName::Applied));
        // And after it has taken back what it desired.
        let nothing = |revision| wish(revision).map(|wish| Wish { digest: None, ..wish });
        assert_eq!(state(&said(ReportedState::Applied, None), nothing(9)), Some(StateName::Applied));
        assert_eq!(state(&said(ReportedState::Applied, Some(8)), nothing(9)), Some(StateName::Pending));
        assert_eq!(state(&registry::Edge::default(), None), None);
        let silent = configuration(&registry::Edge { connected: true, ..Default::default() }, wish(8));
        assert!(silent.state == Some(StateName::Pending) && silent.reasons[0].contains("older version"));
        let json = serde_json::to_string(&configuration(&refused, wish(7))).unwrap();
        assert!(json.contains(r#""state":"refused""#) && !json.contains("pw-secret"), "{json}");
    }

    #[test]
    fn what_was_said_three_minutes_ago_or_by_an_edge_that_is_gone_is_stale() {
        let told = Told { at_us: 1000 * SECOND, what: HealthMessage { uptime_s: 9, ..Default::default() } };
        let mut edge = registry::Edge { connected: true, health: Some(told), ..Default::default() };
        let stale = |edge: &registry::Edge, now| health(edge, now * SECOND).map(|health| health.stale);
        // The hub's clock may be set back.
        assert_eq!([900, 1000, 1180, 1181].map(|now| stale(&edge, now)), [false, false, false, true].map(Some));
        edge.connected = false;
        assert_eq!(stale(&edge, 1000), Some(true));
        assert_eq!(stale(&registry::Edge::default(), 1000), None);
    }
}
