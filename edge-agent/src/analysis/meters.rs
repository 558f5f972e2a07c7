//! What the gate of one camera does, for `/metrics`.

use std::time::Duration;

use metrics::{
    Counter, Gauge, Histogram, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
};
use omma_protocol::id::CameraId;
use omma_runtime::step::Step;
use omma_vision::gate::{Counts, Report, Tier, Why};

use crate::step;

/// Why a frame is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// For the gate alone.
    Probe,
    /// It was the newest.
    Live,
    /// It is of the past, in which something had begun.
    Back,
}

pub(super) struct Meters {
    watched: Counter,
    open: Counter,
    received: Counter,
    decoded: Counter,
    glances: Counter,
    over_budget: Counter,
    gate: Step,
    /// What the series have of this gate. It counts from nothing when its camera begins anew, and they go on.
    shown: Counts,
    probe: Counter,
    live: Counter,
    back: Counter,
    live_delay: Histogram,
    back_delay: Histogram,
    seats: Gauge,
    camera: String,
    promise: Gauge,
    /// What the gate goes by, as the series have it.
    tier: Option<(Tier, Why)>,
}

impl Meters {
    pub(super) fn new(camera: &CameraId) -> Self {
        let camera = camera.to_string();
        let delay = |kind: &'static str| histogram!("omma_gate_look_delay_seconds", "kind" => kind);
        let looks = |kind: &'static str| counter!("omma_gate_looks_total", "camera" => camera.clone(), "kind" => kind);
        Self {
            watched: counter!("omma_gate_watched_seconds_total", "camera" => camera.clone()),
            open: counter!("omma_gate_open_seconds_total", "camera" => camera.clone()),
            received: counter!("omma_gate_units_received_total", "camera" => camera.clone()),
            decoded: counter!("omma_gate_units_decoded_total", "camera" => camera.clone()),
            glances: counter!("omma_gate_glances_total", "camera" => camera.clone()),
            over_budget: counter!("omma_gate_over_budget_total", "camera" => camera.clone()),
            gate: Step::new(step::GATE),
            shown: Counts::default(),
            probe: looks("probe"),
            live: looks("live"),
            back: looks("back"),
            live_delay: delay("live"),
            back_delay: delay("back"),
            seats: gauge!("omma_decode_seats"),
            promise: gauge!("omma_gate_promise_seconds", "camera" => camera.clone()),
            camera,
            tier: None,
        }
    }

    /// Of all cameras.
    pub(super) fn seats(&self, limit: Option<usize>) {
        self.seats.set(limit.map_or(f64::INFINITY, |limit| limit as f64));
    }

    pub(super) fn looked(&self, kind: Kind) {
        match kind {
            Kind::Probe => self.probe.increment(1),
            Kind::Live => self.live.increment(1),
            Kind::Back => self.back.increment(1),
        }
    }

    /// Of a look at a frame whose unit came `took` ago.
    pub(super) fn took(&self, kind: Kind, took: Duration) {
        match kind {
            Kind::Live => self.live_delay.record(took),
            Kind::Back => self.back_delay.record(took),
            Kind::Probe => {}
        }
    }

    /// Or nobody can: the gate goes by nothing, and promises nothing.
    pub(super) fn nobody_looks(&mut self) {
        self.tell_tier(0.0);
        self.tier = None;
        self.promise.set(f64::NAN);
    }

    /// What the gate does, where somebody can look.
    pub(super) fn show(&mut self, report: &Report) {
        self.promise.set(report.promise.as_secs_f64());
        let tier = Some((report.tier, report.why));
        if self.tier != tier {
            self.tell_tier(0.0);
            self.tier = tier;
            self.tell_tier(1.0);
        }
    }

    fn tell_tier(&self, value: f64) {
        let Some((tier, why)) = self.tier else { return };
        gauge!("omma_gate_tier", "camera" => self.camera.clone(), "tier" => tier.name(), "why" => why.name())
            .set(value);
    }

    pub(super) fn count(&mut self, now: Counts) {
        let before = std::mem::replace(&mut self.shown, now);
        self.gate.dropped_many("over budget", now.over_budget.saturating_sub(before.over_budget));
        for (counter, before, now) in [
            (&self.watched, before.watched.as_secs(), now.watched.as_secs()),
            (&self.open, before.open.as_secs(), now.open.as_secs()),
            (&self.received, before.received, now.received),
            (&self.decoded, before.decoded, now.decoded),
            (&self.glances, before.glances, now.glances),
            (&self.over_budget, before.over_budget, now.over_budget),
        ] {
            counter.increment(now.saturating_sub(before));
        }
    }
}

impl Drop for Meters {
    fn drop(&mut self) {
        self.nobody_looks();
    }
}

/// What its metrics mean.
pub(crate) fn describe() {
    describe_counter!(
        "omma_gate_watched_seconds_total",
        "How long the stream was watched, by capture time, whole seconds."
    );
    describe_counter!("omma_gate_open_seconds_total", "How long of that everything was decoded and looked at.");
    describe_counter!("omma_gate_units_received_total", "Access units that came.");
    describe_counter!(
        "omma_gate_units_decoded_total",
        "Pictures that came out of the decoder; looking back counts them again."
    );
    describe_gauge!(
        "omma_gate_tier",
        "1 of what the gate goes by while nothing happens, and why: sizes, key pictures, every picture, always."
    );
    describe_gauge!(
        "omma_gate_promise_seconds",
        "How soon after it can be seen a thing is found; NaN while nobody looks."
    );
    describe_counter!("omma_gate_looks_total", "Looks of the detector: probe, live, back.");
    describe_gauge!(
        "omma_decode_seats",
        "How many cameras may be decoded whole at once; infinite while there is time for all."
    );
    describe_histogram!("omma_gate_look_delay_seconds", "From a unit's arrival to what was seen in it: live, back.");
    describe_counter!("omma_gate_glances_total", "Times that coded sizes had the stream decoded to see.");
    describe_counter!(
        "omma_gate_over_budget_total",
        "Probes and glances left out because too many before were in vain."
    );
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Arc, Mutex};

    use metrics::{Key, KeyName, Metadata, Recorder, SharedString, Unit};

    use super::*;

    /// Counters by name, as an exporter keeps them.
    #[derive(Default)]
    struct Series(Mutex<BTreeMap<String, Arc<AtomicU64>>>);

    impl Series {
        fn value(&self, name: &str) -> u64 {
            self.0.lock().unwrap()[name].load(Ordering::Relaxed)
        }
    }

    impl Recorder for Series {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            Counter::from_arc(Arc::clone(self.0.lock().unwrap().entry(key.name().to_owned()).or_default()))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn the_gates_counters_go_on_after_a_camera_is_restarted() {
        let (series, camera) = (Series::default(), "door".parse().unwrap());
        let counts = |received, ms| Counts { received, watched: Duration::from_millis(ms), ..Counts::default() };
        metrics::with_local_recorder(&series, || {
            for run in 0..3 {
                let mut meters = Meters::new(&camera);
                for (received, ms) in [(1, 40), (1000, 40_900), (1010, 41_100)] {
                    meters.count(counts(received, ms));
                }
                assert_eq!(series.value("omma_gate_units_received_total"), 1010 * (run + 1));
                assert_eq!(series.value("omma_gate_watched_seconds_total"), 41 * (run + 1));
            }
        });
    }
}
