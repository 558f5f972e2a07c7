//! How the agent itself is, so that it can be left alone: every ten seconds, off the path of pictures.
//!
//! 1. [`machine`] is looked at: temperature, disk, memory, load.
//! 2. Memory above its limit for a minute ends the program in good order with [`OVER_MEMORY`], as a rule no sooner than ten
//!    minutes after its start ([`edge_core::memory`]), so that a leak costs seconds and no event.
//! 3. What the clock did is taken over from [`EdgeClock`].
//! 4. All of it goes to `/state`, to the metrics under `omma_health_`, and as one line to systemd.
//!
//! Beside that, [`watchdog`] sees that every step gets on with its work, [`omma_runtime::crash`] keeps what a run
//! leaves behind for the next, and [`incidents`] tells the hub of it.

pub mod watchdog;

pub mod machine;

pub mod incidents;

use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_core::Moment;
use edge_core::memory::{self, MemoryGuard, Verdict};
use metrics::{counter, describe_counter, describe_gauge, gauge};
use omma_protocol::camera::CameraState;
use omma_protocol::wire::mqtt::{HealthMessage, OutboxHealth};
use omma_runtime::crash::Past;
use omma_runtime::heap;
use omma_runtime::notify::Notifier;
use serde::Serialize;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::clock::{ClockState, EdgeClock};
use crate::state::{OutboxState, Reports};
use machine::Machine;

/// Exit status of a program that ended because it took too much memory: try again, as sysexits(3) has it.
pub const OVER_MEMORY: u8 = 75;

/// How often it looks.
const LOOK: Duration = Duration::from_secs(10);
/// What decoders that came and went leave free between what is held would count as taken, and grow for hours.
const GIVE_BACK: Duration = Duration::from_secs(60);
/// Of a control group's limit: what is above it is left for the kernel's own, which counts there too.
const OF_GROUP_PERCENT: u64 = 90;

/// Why the program ends though nobody asked for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It took more memory than it may: [`OVER_MEMORY`].
    OverMemory,
    /// The system's clock was set back: it begins anew with right dates.
    ClockSetBack,
}

/// Ends the program in good order though nobody asked for it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Leave(watch::Sender<Option<Why>>);

impl Leave {
    /// Ends it. The first reason stays.
    pub fn now(&self, why: Why) {
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            *first = first.or(Some(why));
            is_first
        });
    }

    /// Waits until it is to end.
    pub async fn asked(&self) {
        // It can't be closed: its sender is here.
        self.0.subscribe().wait_for(Option::is_some).await.map(drop).unwrap_or_default();
    }

    /// Why it is to end. `None` where it is not.
    pub fn why(&self) -> Option<Why> {
        *self.0.borrow()
    }
}

/// What `/state` shows of the agent itself.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HealthState {
    /// Since the program's start, s.
    pub uptime_s: u64,
    /// What this process may take at the most, 10⁶ bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max_mb: Option<u64>,
    /// For how long it has taken more, s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub over_memory_s: Option<u64>,
    /// The machine.
    #[serde(flatten)]
    pub machine: Machine,
    /// The system's clock.
    pub clock: ClockState,
    /// What earlier runs left.
    #[serde(flatten)]
    pub past: Past,
    /// Whether the machine was looked at yet.
    #[serde(skip)]
    pub looked: bool,
}

impl HealthState {
    /// As it is told over MQTT, with how the outbox is.
    pub fn message(&self, outbox: &OutboxState) -> HealthMessage {
        let Machine { temperature_c, disk_free_mb, disk_total_mb, memory_available_mb, resident_mb, load, .. } =
            self.machine;
        let OutboxState { waiting, in_memory, given_up, set_aside, .. } = *outbox;
        HealthMessage {
            uptime_s: self.uptime_s,
            temperature_c,
            disk_free_mb,
            disk_total_mb,
            memory_available_mb,
            resident_mb,
            memory_max_mb: self.memory_max_mb,
            load,
            clock_plausible: self.clock.plausible,
            outbox: OutboxHealth { waiting, in_memory, given_up, set_aside },
            last_run: self.past.last_run.name().to_owned(),
            unclean_ends: self.past.unclean_ends,
            crash_reports: self.past.crashes.len() as u64,
        }
    }
}

/// Looks every ten seconds. One task owns it.
#[derive(Debug)]
pub struct HealthWatch {
    data: PathBuf,
    clock: EdgeClock,
    reports: Reports,
    notifier: Notifier,
    leave: Leave,
    guard: MemoryGuard,
    /// Bytes.
    memory_max: Option<u64>,
    shown: watch::Sender<HealthState>,
}

impl HealthWatch {
    /// `memory` is what the operator allows; without a limit that of the control group counts. `past` is what earlier runs
    /// left.
    pub fn new(
        data: PathBuf,
        memory: memory::Limits,
        clock: EdgeClock,
        reports: Reports,
        notifier: Notifier,
        leave: Leave,
        past: Past,
    ) -> Self {
        let group = || Some(machine::memory_max(Path::new("/"))?.saturating_mul(OF_GROUP_PERCENT) / 100);
        let memory_max = memory.max.or_else(group);
        gauge!("omma_health_crash_reports").set(past.crashes.len() as f64);
        gauge!("omma_health_unclean_ends").set(past.unclean_ends as f64);
        if let Some(max) = memory_max {
            gauge!("omma_health_memory_max_bytes").set(max as f64);
        }
        let (memory_max_mb, clock_state) = (memory_max.map(|max| max / 1_000_000), clock.state());
        if !clock_state.plausible {
            tracing::info!("the system's clock is earlier than this program: dates are wrong until it is set");
        }
        let shown =
            watch::Sender::new(HealthState { memory_max_mb, past, clock: clock_state, ..HealthState::default() });
        Self { data, clock, reports, notifier, leave, guard: MemoryGuard::new(memory.stays), memory_max, shown }
    }

    /// For `/state`.
    pub fn state(&self) -> watch::Receiver<HealthState> {
        self.shown.subscribe()
    }

    /// Looks until `token` is cancelled.
    pub async fn run(mut self, token: CancellationToken) {
        let (mut looking, mut given_back) = (None, Moment::ZERO);
        loop {
            let data = self.data.clone();
            let look = || {
                let gives_back = self.clock.now() >= given_back + GIVE_BACK;
                if gives_back {
                    given_back = self.clock.now();
                }
                tokio::task::spawn_blocking(move || {
                    if gives_back {
                        heap::give_back();
                    }
                    Machine::look(Path::new("/"), &data)
                })
            };
            // A disk that hangs must not hide how the rest is; it is not asked again before it has answered.
            let look = tokio::time::timeout(LOOK, looking.get_or_insert_with(look));
            let Some(looked) = token.run_until_cancelled(look).await else { return };
            let machine = looked.map(|machine| {
                looking = None;
                machine.unwrap_or_default()
            });
            self.looked(machine.unwrap_or_default());
            if token.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_none() {
                return;
            }
        }
    }

    fn looked(&mut self, machine: Machine) {
        let over = self.guard_memory();
        if let Some(why) = self.clock.follow() {
            self.leave.now(why);
        }
        let clock = self.clock.state();
        show_metrics(&machine, &clock);
        self.notifier.status(&self.status_line());
        self.shown.send_modify(|shown| {
            shown.uptime_s = self.clock.now().as_secs();
            shown.looked = true;
            shown.over_memory_s = over.map(|over| over.as_secs());
            (shown.machine, shown.clock) = (machine, clock);
        });
    }

    /// For how long too much memory has been taken.
    fn guard_memory(&mut self) -> Option<Duration> {
        let (max, resident) = (self.memory_max?, machine::resident()?);
        let verdict = self.guard.see(self.clock.now(), resident, max);
        let (resident_mb, max_mb) = (resident / 1_000_000, max / 1_000_000);
        match verdict {
            Verdict::Within => None,
            Verdict::Over(time) => {
                if time.is_zero() {
                    tracing::warn!(
                        resident_mb,
                        max_mb,
                        "more memory than health.memory_max_mb, or the group's, allows"
                    );
                }
                Some(time)
            }
            Verdict::Leave => {
                tracing::error!(
                    resident_mb,
                    max_mb,
                    status = OVER_MEMORY,
                    "too much memory for too long: the program ends in good order, for its supervisor to start it again"
                );
                counter!("omma_health_over_memory_total").increment(1);
                self.leave.now(Why::OverMemory);
                Some(memory::PATIENCE)
            }
        }
    }

    /// For `systemctl status`.
    fn status_line(&self) -> String {
        let reports = self.reports.watch();
        let reports = reports.borrow();
        let live = reports.iter().filter(|report| report.state == CameraState::Live).count();
        format!("{live} of {} cameras live", reports.len())
    }
}

fn show_metrics(machine: &Machine, clock: &ClockState) {
    let megabytes = |mb: Option<u64>| mb.map(|mb| mb as f64 * 1e6);
    for (name, value) in [
        ("omma_health_temperature_celsius", machine.temperature_c),
        ("omma_health_disk_free_bytes", megabytes(machine.disk_free_mb)),
        ("omma_health_memory_available_bytes", megabytes(machine.memory_available_mb)),
        ("omma_health_load1", machine.load),
        ("omma_health_clock_plausible", Some(f64::from(u8::from(clock.plausible)))),
        ("omma_health_clock_ahead_seconds", Some(clock.system_ahead_s)),
    ] {
        if let Some(value) = value {
            gauge!(name).set(value);
        }
    }
    counter!("omma_health_clock_steps_total").absolute(clock.steps);
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_gauge!("omma_health_crash_reports", "Crash reports of earlier runs that are kept.");
    describe_gauge!("omma_health_unclean_ends", "Earlier runs that did not end as they should.");
    describe_gauge!(
        "omma_health_memory_max_bytes",
        "Resident memory above which the program ends, to be started again."
    );
    describe_counter!("omma_health_over_memory_total", "Times the program left for its memory.");
    describe_counter!("omma_health_stuck_total", "Times a step was found stuck.");
    describe_gauge!("omma_health_temperature_celsius", "The hottest thermal zone of this machine.");
    describe_gauge!("omma_health_disk_free_bytes", "Free room on the disk of the outbox.");
    describe_gauge!("omma_health_memory_available_bytes", "Memory that programs may still take on this machine.");
    describe_gauge!("omma_health_load1", "Processes that ran or waited for the disk, on average of the last minute.");
    describe_gauge!(
        "omma_health_clock_plausible",
        "1 where the system's clock is later than when this program was made, else 0."
    );
    describe_gauge!("omma_health_clock_ahead_seconds", "How far the system's clock is ahead of the edge's own dates.");
    describe_counter!("omma_health_clock_steps_total", "Times the system's clock was set since the start.");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(max: Option<u64>, leave: &Leave) -> HealthWatch {
        let memory = memory::Limits { max, stays: memory::STAYS };
        let (clock, reports) = (EdgeClock::start(), Reports::new([]));
        HealthWatch::new(".".into(), memory, clock, reports, Notifier::default(), leave.clone(), Past::default())
    }

    #[tokio::test]
    async fn a_new_agent_over_its_limit_says_so_and_stays() {
        let leave = Leave::default();
        let mut watch = watch(Some(1_000_000), &leave);
        let state = watch.state();
        watch.looked(Machine::look(Path::new("/"), Path::new(".")));
        let shown = serde_json::to_value(&*state.borrow()).unwrap();
        assert_eq!((&shown["memory_max_mb"], &shown["over_memory_s"]), (&1.into(), &0.into()), "{shown}");
        assert_eq!((&shown["clock"]["plausible"], &shown["last_run"]), (&true.into(), &"unknown".into()), "{shown}");
        assert!(shown["resident_mb"].is_u64() && shown["disk_free_mb"].is_u64(), "{shown}");
        assert_eq!(leave.why(), None);
        let told = serde_json::to_value(state.borrow().message(&OutboxState { waiting: 3, ..OutboxState::default() }));
        let told = told.unwrap();
        for key in ["disk_free_mb", "resident_mb", "memory_max_mb", "unclean_ends", "last_run"] {
            assert_eq!(told[key], shown[key], "{told}");
        }
        assert_eq!((&told["clock_plausible"], &told["outbox"]["waiting"]), (&true.into(), &3.into()));
        let absent = state.borrow().machine.temperature_c.is_none();
        assert_eq!(told.get("temperature_c").is_none(), absent, "{told}");
    }

    #[tokio::test]
    async fn the_first_reason_to_leave_is_the_one_that_is_told() {
        let leave = Leave::default();
        let waiting = leave.clone();
        let waiting = tokio::spawn(async move { waiting.asked().await });
        leave.now(Why::OverMemory);
        leave.now(Why::ClockSetBack);
        waiting.await.unwrap();
        assert_eq!(leave.why(), Some(Why::OverMemory));
    }
}
