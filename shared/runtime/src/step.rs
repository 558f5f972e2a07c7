//! What every step of the path counts and times about itself.
//!
//! | metric | |
//! |---|---|
//! | `omma_step_duration_seconds{step}` | histogram: time of one unit of the step's work |
//! | `omma_step_done_total{step}` | units of work done |
//! | `omma_step_dropped_total{step,reason}` | units of work thrown away, and why |

use std::sync::Arc;
use std::time::Duration;

use metrics::{Counter, Histogram, counter, histogram};

pub(crate) const DURATION: &str = "omma_step_duration_seconds";
pub(crate) const DONE: &str = "omma_step_done_total";
pub(crate) const DROPPED: &str = "omma_step_dropped_total";

/// What a step is called, and why it may throw work away: each word makes a time series, and each begins at 0. A program's
/// stand together in its module `step`.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    name: &'static str,
    drops: &'static [&'static str],
}

impl Kind {
    /// `name` is the step's word on the path: `decode`, `uplink`, …
    pub const fn new(name: &'static str, drops: &'static [&'static str]) -> Self {
        Self { name, drops }
    }

    /// See [`span`].
    pub fn span(self) -> tracing::Span {
        span(self.name)
    }

    /// The counter of each reason, which is there from now on.
    pub(crate) fn drop_counters(self) -> impl Iterator<Item = (&'static str, Counter)> {
        self.drops.iter().map(move |reason| (*reason, drop_counter(self.name, reason)))
    }
}

/// The span of work of the step of this word: its log lines then carry `step`. As grave as can be, so that no filter of levels
/// takes it from lines that are logged ([`telemetry`](crate::telemetry) sees to those of targets). Threads and tasks that are
/// spawned begin without one.
pub fn span(word: &'static str) -> tracing::Span {
    tracing::error_span!("step", step = word)
}

fn drop_counter(step: &'static str, reason: &'static str) -> Counter {
    counter!(DROPPED, "step" => step, "reason" => reason)
}

/// One step's meters. Make it once, after [`metrics::install`](crate::metrics::install), and keep it: what is made
/// before measures nothing.
#[derive(Clone)]
pub struct Step {
    name: &'static str,
    duration: Histogram,
    done: Counter,
    dropped: Arc<[(&'static str, Counter)]>,
    span: tracing::Span,
}

impl Step {
    /// The meters of a step of this kind. Those of one kind count together.
    pub fn new(kind: Kind) -> Self {
        let name = kind.name;
        Self {
            name,
            duration: histogram!(DURATION, "step" => name),
            done: counter!(DONE, "step" => name),
            dropped: kind.drop_counters().collect(),
            span: kind.span(),
        }
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

    /// One unit of work was thrown away. `reason` is one of the step's [`Kind`].
    pub fn dropped(&self, reason: &'static str) {
        self.dropped_many(reason, 1);
    }

    /// Many were thrown away at once.
    pub fn dropped_many(&self, reason: &'static str, count: u64) {
        match self.dropped.iter().find(|(known, _)| *known == reason) {
            Some((_, counter)) => counter.increment(count),
            None => {
                debug_assert!(false, "`{}` drops for a reason that its kind does not name: {reason}", self.name);
                drop_counter(self.name, reason).increment(count);
            }
        }
    }
}

impl std::fmt::Debug for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Step").field(&self.name).finish()
    }
}
