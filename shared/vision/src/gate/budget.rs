//! A bound on what probing in vain may cost: a token bucket.

use std::time::Duration;

/// Probes in vain that may come in one go: somebody who is hardly to be seen for some seconds. With 24 weather cost a
/// fifth more and nobody more was found.
const BURST: f32 = 10.0;
/// Probes in vain a second in the long run. With a detector of 12.5 ms that is 2.5 ms a second, 4 % of five
/// detections a second.
const PER_SECOND: f32 = 0.2;
/// How far thresholds grow while everything is in vain.
const MAX_DOUBT: f32 = 2.0;
/// What a glance costs in probes: at least 0.6 s of decoding.
const GLANCE: f32 = 0.5;

#[derive(Debug)]
pub(super) struct Budget {
    tokens: f32,
}

impl Budget {
    pub(super) fn new() -> Self {
        Self { tokens: BURST }
    }

    pub(super) fn elapsed(&mut self, time: Duration) {
        self.tokens = (self.tokens + PER_SECOND * time.as_secs_f32()).min(BURST);
    }

    /// Whether a probe may be made; if so, it is paid.
    pub(super) fn probe(&mut self) -> bool {
        self.take(1.0)
    }

    /// Whether a glance may begin; if so, it is paid.
    pub(super) fn glance(&mut self) -> bool {
        self.take(GLANCE)
    }

    /// A probe found something: it was not in vain, and who was found shall not be missed for what came before.
    pub(super) fn found(&mut self) {
        self.tokens = (self.tokens + BURST / 2.0).min(BURST);
    }

    /// How much more than usual a sign must be: 1 with the bucket full, [`MAX_DOUBT`] with it empty.
    pub(super) fn doubt(&self) -> f32 {
        1.0 + (MAX_DOUBT - 1.0) * (1.0 - self.tokens / BURST)
    }

    fn take(&mut self, tokens: f32) -> bool {
        let enough = self.tokens >= tokens;
        if enough {
            self.tokens -= tokens;
        }
        enough
    }
}
