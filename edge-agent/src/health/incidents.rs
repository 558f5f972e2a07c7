//! Tells the hub what befell this edge: puts it into the outbox, once.
//!
//! ```text
//! crash reports, unclean ends ([`omma_runtime::crash`]) ──untold──▶ outbox ──sync──▶ marked as told
//! leaving for memory or for the clock ─────────────────────────────▶ outbox
//! ```
//!
//! What happens to the outbox itself is told by the outbox. Killed between the outbox and the mark, the next start tells it
//! again, under the same id ([`edge_core::incident`]).

use std::time::Duration;

use edge_core::incident::{self, Crash, UncleanEnd};
use omma_protocol::event::Lasting;
use omma_protocol::id::{EdgeId, IncidentId};
use omma_protocol::incident::{Incident, IncidentKind};
use omma_runtime::crash::{Record, Untold};
use tokio::task::{JoinError, spawn_blocking};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{HealthState, Why};
use crate::clock::{self, EdgeClock};
use crate::outbox::{Ended, Outbox};

/// How often it is looked for: also a thread's panic that the program outlives is told.
const EVERY: Duration = Duration::from_secs(60);

/// How long the end of an earlier run waits for a date, from this one's start: a board without a battery begins in 1970.
const UNDATED: Duration = Duration::from_secs(300);

/// Why nothing could be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// The outbox.
    #[error(transparent)]
    Outbox(#[from] Ended),
    /// A thread that read or wrote files.
    #[error(transparent)]
    Thread(#[from] JoinError),
}

/// Tells what is left to tell. One task owns it.
#[derive(Debug)]
pub struct Incidents {
    edge: EdgeId,
    record: Record,
    outbox: Outbox,
    clock: EdgeClock,
}

impl Incidents {
    /// Of this edge.
    pub fn new(edge: EdgeId, record: Record, outbox: Outbox, clock: EdgeClock) -> Self {
        Self { edge, record, outbox, clock }
    }

    /// Looks until `token` is cancelled. Where it ends sooner the outbox has, and the program with it.
    pub async fn run(self, token: CancellationToken) {
        keep_telling(|| self.tell(), EVERY, &token).await;
    }

    async fn tell(&self) -> Result<(), TellError> {
        let record = self.record.clone();
        let untold = spawn_blocking(move || record.untold()).await?;
        let untold = dated(untold, self.clock.state().plausible, self.clock.now());
        if untold.is_empty() {
            return Ok(());
        }
        put(&self.outbox, of(&self.edge, &untold)).await?;
        self.outbox.sync().await?;
        let record = self.record.clone();
        Ok(spawn_blocking(move || record.told(&untold)).await?)
    }
}

/// What can be told now: an end is dated by when it is found, a crash by its own report.
fn dated(untold: Untold, plausible: bool, running: Duration) -> Untold {
    if plausible || running >= UNDATED { untold } else { Untold { ends: vec![], ..untold } }
}

async fn keep_telling<F>(tell: impl Fn() -> F, every: Duration, token: &CancellationToken)
where
    F: Future<Output = Result<(), TellError>>,
{
    loop {
        match token.run_until_cancelled(tell()).await {
            Some(Ok(())) => {}
            // One record that a thread dies of must not silence the others for the rest of the run.
            Some(Err(e @ TellError::Thread(_))) => {
                tracing::warn!(error = %e, "what befell this edge can't be told now: it is tried again");
            }
            Some(Err(e @ TellError::Outbox(_))) => {
                tracing::debug!(error = %e, "tell of incidents");
                return token.cancelled().await;
            }
            None => return,
        }
        if token.run_until_cancelled(tokio::time::sleep(every)).await.is_none() {
            return;
        }
    }
}

/// The program leaves though nobody asked for it: puts that into the outbox, behind what the cameras' end brought.
///
/// # Errors
/// When the outbox has ended.
pub async fn tell_leaving(outbox: &Outbox, why: Why, health: &HealthState) -> Result<(), TellError> {
    let (kind, said) = match why {
        Why::OverMemory => {
            let mb = |mb: Option<u64>| mb.map_or_else(|| "an unknown number of".to_owned(), |mb| mb.to_string());
            let (resident, max) = (mb(health.machine.resident_mb), mb(health.memory_max_mb));
            let said = format!("it took {resident} MB of memory, may take {max} MB, and began anew in good order");
            (IncidentKind::OverMemory, said)
        }
        Why::ClockSetBack => {
            let seconds = -health.clock.system_ahead_s;
            let said =
                format!("the system's clock was set back by {seconds:.0} s: it began anew, so that dates are right");
            (IncidentKind::ClockSetBack, said)
        }
    };
    put(outbox, vec![Incident::new(IncidentId(Uuid::new_v4()), clock::system_date(), kind, &said)]).await
}

fn of(edge: &EdgeId, untold: &Untold) -> Vec<Incident> {
    let ends = untold.ends.iter().map(|end| {
        let (number, began_us, agent) = (end.number, end.began_us, end.agent.as_str());
        let (machine_restarted, before) = (end.machine_restarted, end.before);
        let end = UncleanEnd { number, began_us, agent, machine_restarted, before };
        incident::of_unclean_end(edge, &end, clock::system_date())
    });
    let crashes = untold.reports.iter().map(|(_, report)| {
        let (kind, message, place) = (report.kind.as_str(), report.message.as_str(), report.place.as_str());
        let (time_us, thread, agent) = (report.time_us, report.thread.as_str(), report.agent.as_str());
        incident::of_crash(edge, &Crash { time_us, kind, message, place, thread, agent })
    });
    // The report of what ended a run before that it ended.
    crashes.chain(ends).collect()
}

async fn put(outbox: &Outbox, incidents: Vec<Incident>) -> Result<(), TellError> {
    let outbox = outbox.clone();
    let lasting = incidents.into_iter().map(Lasting::Incident).collect();
    Ok(spawn_blocking(move || outbox.put_blocking(lasting)).await??)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use omma_runtime::health::Health;

    use super::*;
    use crate::outbox::{self, Which};

    const WITHIN: Duration = Duration::from_secs(20);

    async fn waits(outbox: &Outbox, records: u64) {
        let mut state = outbox.state();
        let seen = state.wait_for(|state| state.waiting == records);
        tokio::time::timeout(WITHIN, seen).await.expect("it is not told").unwrap();
    }

    async fn message(outbox: &Outbox, sequence: u64) -> (IncidentKind, String) {
        match outbox.read(Which::Exactly(sequence)).await.unwrap().unwrap().what {
            Lasting::Incident(incident) => (incident.kind, incident.message),
            other => panic!("{other:?}"),
        }
    }

    async fn tell(folder: &Path, outbox: &Outbox) -> Record {
        let (record, _) = Record::begin(folder, "edge-agent 0");
        let told = Incidents::new("site".parse().unwrap(), record.clone(), outbox.clone(), EdgeClock::start());
        told.tell().await.unwrap();
        outbox.sync().await.unwrap();
        record
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crash_and_a_kill_are_told_once_however_often_it_starts() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox::open(folder.path(), 1 << 30, Health::new().part("outbox")).unwrap();
        let record = tell(folder.path(), &outbox).await;
        assert_eq!(outbox.state().borrow().waiting, 0, "the first start has nothing to tell");
        record.report("watchdog", "stuck: outbox (300 s)", String::new());
        tell(folder.path(), &outbox).await.end();
        waits(&outbox, 2).await;
        let (kind, said) = message(&outbox, 1).await;
        assert!(kind == IncidentKind::Watchdog && said.contains("stuck: outbox (300 s)"), "{said}");
        let (kind, said) = message(&outbox, 2).await;
        assert!(kind == IncidentKind::UncleanEnd && said.contains("killed"), "{said}");
        for _ in 0..3 {
            tell(folder.path(), &outbox).await.end();
        }
        assert_eq!(outbox.state().borrow().waiting, 2);
    }

    #[test]
    fn after_a_power_cut_an_end_waits_for_the_clock_but_not_for_ever() {
        let end = omma_runtime::crash::UncleanEnd {
            number: 1,
            began_us: 5,
            agent: "a".into(),
            machine_restarted: true,
            before: 0,
        };
        let untold = Untold { ends: vec![end], reports: vec![] };
        for (plausible, seconds, told) in [(false, 0, 0), (false, 299, 0), (false, 300, 1), (true, 0, 1)] {
            let now = dated(untold.clone(), plausible, Duration::from_secs(seconds));
            assert_eq!(now.ends.len(), told, "{plausible} {seconds}");
        }
    }

    #[tokio::test]
    async fn a_thread_that_dies_of_a_record_does_not_end_the_telling() {
        let (token, tries) = (CancellationToken::new(), std::cell::Cell::new(0));
        let tell = || async {
            tries.set(tries.get() + 1);
            if tries.get() == 3 {
                token.cancel();
            }
            tokio::spawn(async { panic!("on purpose") }).await?;
            Ok(())
        };
        keep_telling(tell, Duration::from_millis(1), &token).await;
        assert_eq!(tries.get(), 3);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn leaving_says_why() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = outbox::open(folder.path(), 1 << 30, Health::new().part("outbox")).unwrap();
        let mut health = HealthState { memory_max_mb: Some(300), ..HealthState::default() };
        health.machine.resident_mb = Some(412);
        health.clock.system_ahead_s = -7200.0;
        for why in [Why::OverMemory, Why::ClockSetBack] {
            tell_leaving(&outbox, why, &health).await.unwrap();
        }
        waits(&outbox, 2).await;
        let (kind, said) = message(&outbox, 1).await;
        assert!(kind == IncidentKind::OverMemory && said.contains("412 MB") && said.contains("300 MB"), "{said}");
        let (kind, said) = message(&outbox, 2).await;
        assert!(kind == IncidentKind::ClockSetBack && said.contains("by 7200 s"), "{said}");
    }
}
