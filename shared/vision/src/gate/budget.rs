//! A bound on what looking in vain may cost: a token bucket.

use std::time::Duration;

/// Probes in vain that may come in one go: a storm's beginning, or somebody who is hardly to be seen for some seconds.
const BURST: f32 = 16.0;
/// Probes in vain a second in the long run. With a detector of 12.5 ms that is 2.5 ms a second, 4 % of five
/// detections a second.
const PER_SECOND: f32 = 0.2;
/// How far thresholds grow while everything is in vain.
const MAX_DOUBT: f32 = 2.0;
/// What opening a look costs in probes: about 0.6 s of decoding a sub-stream.
const LOOK: f32 = 0.5;

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

    /// Whether a look may begin; if so, it is paid.
    pub(super) fn look(&mut self) -> bool {
        self.take(LOOK)
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
