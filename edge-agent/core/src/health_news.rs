//! When how the edge itself is is worth telling its broker again.
//!
//! At most once in [`EVERY`], and then for a reason: what an operator acts on has changed at all (an end, a crash, what was
//! given up or set aside, the clock, whether anything waits), or a figure has moved by as much as somebody would notice.
//! Figures that flicker cost nothing. After [`ANYWAY`] it is told whatever it says, so that a newcomer sees it is no relic.

use std::time::Duration;

use omma_protocol::wire::mqtt::HealthMessage;

use crate::Moment;

/// The shortest time between two.
pub const EVERY: Duration = Duration::from_secs(60);
/// The longest.
pub const ANYWAY: Duration = Duration::from_secs(3600);

/// °C.
const TEMPERATURE: f64 = 2.0;
/// Of what was told.
const SHARE: f64 = 0.1;
/// 10⁶ bytes: a tenth of little is nothing.
const LEAST_MB: f64 = 16.0;
/// Processes.
const LOAD: f64 = 0.5;

/// What was told last. One task owns it.
#[derive(Debug, Clone, Default)]
pub struct HealthNews(Option<(Moment, HealthMessage)>);

impl HealthNews {
    /// Whether `message` is to be told now; it then counts as told.
    pub fn see(&mut self, now: Moment, message: &HealthMessage) -> bool {
        let news = match &self.0 {
            None => true,
            Some((at, told)) => match now.saturating_sub(*at) {
                since if since < EVERY => false,
                since => since >= ANYWAY || matters(told, message),
            },
        };
        if news {
            self.0 = Some((now, message.clone()));
        }
        news
    }
}

fn matters(told: &HealthMessage, now: &HealthMessage) -> bool {
    let facts = |message: &HealthMessage| {
        let outbox = message.outbox;
        let waits = (outbox.waiting > 0, outbox.in_memory > 0);
        (message.clock_plausible, message.unclean_ends, message.crash_reports, waits, outbox.given_up, outbox.set_aside)
    };
    facts(told) != facts(now)
        || told.disk_total_mb != now.disk_total_mb
        || told.memory_max_mb != now.memory_max_mb
        || moved(told.temperature_c, now.temperature_c, |_| TEMPERATURE)
        || moved(told.load, now.load, |told| told.max(1.0) * LOAD)
        || megabytes(told.disk_free_mb, now.disk_free_mb)
        || megabytes(told.memory_available_mb, now.memory_available_mb)
        || megabytes(told.resident_mb, now.resident_mb)
        || moved(Some(told.outbox.waiting as f64), Some(now.outbox.waiting as f64), |told| told)
}

fn megabytes(told: Option<u64>, now: Option<u64>) -> bool {
    let float = |mb: Option<u64>| mb.map(|mb| mb as f64);
    moved(float(told), float(now), |told| (told * SHARE).max(LEAST_MB))
}

/// Whether a figure came, went, or moved by what counts for it.
fn moved(told: Option<f64>, now: Option<f64>, counts: impl Fn(f64) -> f64) -> bool {
    match (told, now) {
        (Some(told), Some(now)) => now != told && (now - told).abs() >= counts(told),
        (told, now) => told.is_some() != now.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn message() -> HealthMessage {
        HealthMessage {
            uptime_s: 1,
            temperature_c: Some(50.0),
            disk_free_mb: Some(10_000),
            disk_total_mb: Some(30_000),
            memory_available_mb: Some(500),
            resident_mb: Some(90),
            load: Some(0.5),
            clock_plausible: true,
            last_run: "ended".to_owned(),
            ..HealthMessage::default()
        }
    }

    #[test]
    fn the_first_is_told_at_once_and_then_at_most_one_a_minute() {
        let mut news = HealthNews::default();
        let (mut told, mut message) = (vec![], message());
        for second in 0..200 {
            message.temperature_c = Some(f64::from(second) * 10.0);
            if news.see(S * second, &message) {
                told.push(second);
            }
        }
        assert_eq!(told, [0, 60, 120, 180]);
    }

    #[test]
    fn what_somebody_would_notice_is_told_and_what_flickers_is_not() {
        type Change = fn(&mut HealthMessage);
        let rows: [(Change, bool); 21] = [
            (|_| (), false),
            (|m| m.uptime_s = 70, false),
            (|m| m.temperature_c = Some(51.9), false),
            (|m| m.temperature_c = Some(48.0), true),
            (|m| m.temperature_c = None, true),
            (|m| m.disk_free_mb = Some(9_500), false),
            (|m| m.disk_free_mb = Some(9_000), true),
            (|m| m.memory_available_mb = Some(460), false),
            (|m| m.memory_available_mb = Some(440), true),
            (|m| m.resident_mb = Some(100), false),
            (|m| m.resident_mb = Some(106), true),
            (|m| m.load = Some(0.9), false),
            (|m| m.load = Some(1.0), true),
            (|m| m.clock_plausible = false, true),
            (|m| m.outbox.waiting = 1, true),
            (|m| m.outbox.in_memory = 1, true),
            (|m| m.outbox.given_up = 1, true),
            (|m| m.outbox.set_aside = 1, true),
            (|m| m.unclean_ends = 1, true),
            (|m| m.crash_reports = 1, true),
            (|m| m.memory_max_mb = Some(400), true),
        ];
        for (row, (change, expected)) in rows.into_iter().enumerate() {
            let mut news = HealthNews::default();
            assert!(news.see(S, &message()));
            let mut changed = message();
            change(&mut changed);
            assert_eq!(news.see(S * 70, &changed), expected, "row {row}: {changed:?}");
        }
    }

    #[test]
    fn a_backlog_is_told_when_it_doubles_and_not_with_each_record() {
        let mut news = HealthNews::default();
        let told = (0..1000u64).filter(|minute| {
            let mut message = message();
            message.outbox.waiting = minute + 1;
            news.see(EVERY * u32::try_from(*minute).unwrap(), &message)
        });
        let told = told.count();
        assert!((10..30).contains(&told), "{told}");
    }

    #[test]
    fn a_figure_that_creeps_is_compared_with_what_was_told() {
        let mut news = HealthNews::default();
        let told = (0..50u32).filter(|minute| {
            let free = 10_000 - u64::from(*minute) * 100;
            news.see(EVERY * *minute, &HealthMessage { disk_free_mb: Some(free), ..message() })
        });
        assert_eq!(told.collect::<Vec<_>>(), [0, 10, 19, 28, 36, 43, 49]);
    }

    #[test]
    fn nobody_takes_it_for_a_relic() {
        let mut news = HealthNews::default();
        let told = (0..150u32).filter(|minute| news.see(EVERY * *minute, &message()));
        assert_eq!(told.collect::<Vec<_>>(), [0, 60, 120]);
    }
}
