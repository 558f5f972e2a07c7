//! What every step of the path counts and times about itself.
//!
//! | metric | |
//! |---|---|
//! | `omma_step_duration_seconds{step}` | histogram: time of one unit of the step's work |
//! | `omma_step_done_total{step}` | units of work done |
//! | `omma_step_dropped_total{step,reason}` | units of work thrown away, and why |

use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

pub(crate) const DURATION: &str = "omma_step_duration_seconds";
pub(crate) const DONE: &str = "omma_step_done_total";
pub(crate) const DROPPED: &str = "omma_step_dropped_total";

/// One step's meters. Make it once, after [`metrics::install`](crate::metrics::install), and keep it: what is made
/// before measures nothing.
#[derive(Clone)]
pub struct Step {
    name: &'static str,
    duration: Histogram,
    done: Counter,
    span: tracing::Span,
}

impl Step {
    /// `name` is the step's word on the path: `decode`, `uplink`, …
    pub fn new(name: &'static str) -> Self {
        let span = tracing::info_span!("step", step = name);
        Self { name, duration: histogram!(DURATION, "step" => name), done: counter!(DONE, "step" => name), span }
    }

    /// The step's word.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The span that the step's work runs in: its log lines then carry `step`.
    pub fn span(&self) -> tracing::Span {
        self.span.clone()
    }

    /// One unit of work took this long. Does not count it as done: a failed one takes time too.
    pub fn observe(&self, took: Duration) {
        self.duration.record(took);
    }

    /// One unit of work is done.
    pub fn done(&self) {
        self.done.increment(1);
    }

    /// One unit of work was thrown away. `reason` is one of a handful of fixed words: each makes a time series.
    pub fn dropped(&self, reason: &'static str) {
        self.dropped_many(reason, 1);
    }

    /// Many were thrown away at once.
    pub fn dropped_many(&self, reason: &'static str, count: u64) {
        counter!(DROPPED, "step" => self.name, "reason" => reason).increment(count);
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Step").field(&self.name).finish()
    }
}
