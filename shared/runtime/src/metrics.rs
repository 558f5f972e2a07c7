//! Metrics in Prometheus' text format (version 0.0.4).

use std::fmt::Write;
use std::time::Duration;

use metrics::{Unit, describe_counter, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use crate::step::Kind;
use crate::{heap, http, step, supervise};

/// Upper bounds of histogram buckets whose metric counts seconds: dense where the 100 ms budget of live pictures is
/// spent, ending at what any step takes when something is badly wrong.
pub const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// How often samples are moved from the lock-free queues of histograms into their buckets; until then they take
/// memory. At 1,000 samples a second this holds some 40 KB.
pub(crate) const UPKEEP: Duration = Duration::from_secs(5);

/// What was measured so far. Clones share it.
#[derive(Debug, Clone)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// The recorder could not be installed: there is one already, which is a fault of the program.
#[derive(Debug, thiserror::Error)]
#[error("install metrics: {0}")]
pub struct MetricsError(String);

impl From<BuildError> for MetricsError {
    fn from(e: BuildError) -> Self {
        Self(e.to_string())
    }
}

/// Installs the process's recorder, and begins the drop counters of the program's `steps` at 0: a rate has to see the first
/// drop too. Call it before any meter is made.
///
/// # Errors
/// When there is one already.
pub fn install(steps: &[Kind]) -> Result<Metrics, MetricsError> {
    let handle = builder()?.install_recorder()?;
    describe_histogram!(step::DURATION, Unit::Seconds, "Time of one unit of a step's work.");
    describe_counter!(step::DONE, "Units of work that a step has done.");
    describe_counter!(step::DROPPED, "Units of work that a step threw away, by reason.");
    describe_counter!(supervise::RESTARTS, "Restarts of tasks that failed.");
    http::describe();
    steps.iter().for_each(|kind| kind.drop_counters().for_each(drop));
    Ok(Metrics { handle })
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new().set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
}

impl Metrics {
    /// The text that `/metrics` answers with, the process's own figures included.
    pub fn render(&self) -> String {
        let mut text = self.handle.render();
        process(&mut text);
        text
    }

    /// Of a recorder that nothing reports to.
    #[cfg(test)]
    pub(crate) fn detached() -> Self {
        Self { handle: PrometheusBuilder::new().build_recorder().handle() }
    }

    /// Moves samples into their buckets; [`http::serve`] calls it every few seconds.
    pub fn run_upkeep(&self) {
        self.handle.run_upkeep();
    }
}

/// Appends memory and CPU of this process, under the names that Prometheus' own clients use. Figures that this system
/// does not give are left out.
fn process(text: &mut String) {
    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            // Writing to a string can't fail.
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}").unwrap_or_default();
        }
    };
    let stat = std::fs::read_to_string("/proc/self/stat").ok();
    add("process_resident_memory_bytes", "gauge", "Resident memory in bytes.", resident_memory());
    let heap = heap::in_use();
    add("process_heap_bytes", "gauge", "Bytes asked of the C library's allocator and not given back.", heap);
    let cpu = stat.as_deref().and_then(cpu_seconds);
    add("process_cpu_seconds_total", "counter", "User and system CPU time in seconds.", cpu);
}

/// Resident memory of this process, bytes. `None` where this system does not give it.
pub fn resident_memory() -> Option<f64> {
    resident_bytes(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// `VmRSS` of `/proc/self/status`, proc(5).
fn resident_bytes(status: &str) -> Option<f64> {
    let kilobytes: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024.0)
}

/// `utime` and `stime` of `/proc/self/stat`, fields 14 and 15 in proc(5), in ticks. The kernel gives them to programs
/// at 100 a second on every architecture that Omma is built for, whatever its own clock.
fn cpu_seconds(stat: &str) -> Option<f64> {
    const TICKS_PER_SECOND: f64 = 100.0;
    // The program's name, field 2, is in parentheses and may hold anything, spaces and parentheses included.
    let mut after_name = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let utime: f64 = after_name.next()?.parse().ok()?;
    let stime: f64 = after_name.next()?.parse().ok()?;
    Some((utime + stime) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::Step;

    #[test]
    fn a_step_is_counted_timed_and_its_drops_are_told_apart() {
        let recorder = builder().unwrap().build_recorder();
        let metrics = Metrics { handle: recorder.handle() };
        ::metrics::with_local_recorder(&recorder, || {
            let step = Step::new(Kind::new("decode", &["broken", "late", "unsupported"]));
            step.observe(Duration::from_millis(3));
            step.done();
            step.dropped("broken");
            step.dropped_many("late", 2);
        });
        let text = metrics.render();
        for line in [
            r#"omma_step_duration_seconds_bucket{step="decode",le="0.0025"} 0"#,
            r#"omma_step_duration_seconds_bucket{step="decode",le="0.005"} 1"#,
            r#"omma_step_duration_seconds_count{step="decode"} 1"#,
            r#"omma_step_done_total{step="decode"} 1"#,
            r#"omma_step_dropped_total{step="decode",reason="broken"} 1"#,
            r#"omma_step_dropped_total{step="decode",reason="late"} 2"#,
            r#"omma_step_dropped_total{step="decode",reason="unsupported"} 0"#,
        ] {
            assert!(text.lines().any(|l| l == line), "no line {line} in\n{text}");
        }
    }

    #[test]
    #[should_panic(expected = "`decode` drops for a reason that its kind does not name: late")]
    fn a_drop_for_a_reason_that_nobody_declared_fails_tests() {
        Step::new(Kind::new("decode", &["broken"])).dropped("late");
    }

    #[test]
    fn the_process_shows_its_memory_and_cpu() {
        let mut text = String::new();
        process(&mut text);
        let value = |name: &str| -> f64 {
            text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')).unwrap().parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 100_000.0, "{text}");
        assert!(value("process_heap_bytes") > 10_000.0, "{text}");
        assert!(value("process_cpu_seconds_total") >= 0.0, "{text}");
    }

    #[test]
    fn proc_is_read_as_its_manual_says() {
        assert_eq!(resident_bytes("VmHWM:\t  9 kB\nVmRSS:\t   1024 kB\n"), Some(1_048_576.0));
        assert_eq!(resident_bytes("VmRSS: many"), None);
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 1 0 9 9 9";
        assert_eq!(cpu_seconds(stat), Some(3.0));
        assert_eq!(cpu_seconds("7 (x) S"), None);
    }
}
