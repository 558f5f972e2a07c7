//! One rule: what it asks for, of what, and when.

use std::time::Duration;

use super::super::config::{Bound, Direction, Limits, Rule, Trigger};
use super::super::schedule::Schedule;
use super::super::written::{RuleSection, RulesWritten};
use super::Check;
use super::shapes::directions;

/// A day, in seconds.
const MAX_TIME: f32 = 86_400.0;
/// How long there must be too many or too few where it is not said.
const COUNT_FOR: f32 = 2.0;

impl Check<'_> {
    pub(super) fn rule(&mut self, n: usize, rule: &RuleSection) -> Option<Rule> {
        let key = format!("rule[{n}]");
        let limits = self.limits(&key, rule);
        let schedule = self.schedule(&key, &rule.schedule);
        let trigger = self.trigger(&key, rule)?;
        Some(Rule { name: rule.name.as_str().into(), trigger, limits, schedule })
    }

    /// What a rule asks for follows from its keys; those that ask for different things are refused together.
    fn trigger(&mut self, key: &str, rule: &RuleSection) -> Option<Trigger> {
        let before = self.faults.len();
        let counts = rule.count_over.is_some() || rule.count_under.is_some();
        let asks =
            [(rule.line.is_some(), "line"), (rule.dwell.is_some(), "dwell"), (counts, "count_over or count_under")];
        let asked: Vec<&str> = asks.iter().filter(|(asked, _)| *asked).map(|(_, what)| *what).collect();
        if asked.len() > 1 {
            self.fault(
                key,
                format!("it asks for {} at once: expected one of them, or a rule for each", asked.join(" and ")),
            );
        }
        if rule.line.is_some() && rule.zone.is_some() {
            self.fault(format!("{key}.zone"), "there is `line` too: expected one of the two");
        }
        if rule.direction.is_some() && rule.line.is_none() {
            self.fault(format!("{key}.direction"), "expected `line` with it");
        }
        if rule.count_for.is_some() && !counts {
            self.fault(format!("{key}.count_for"), "expected `count_over` or `count_under` with it");
        }
        let RulesWritten { zone: zones, line: lines, .. } = self.written;
        let zone_names: Vec<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
        let line_names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        let zone =
            rule.zone.as_deref().and_then(|zone| self.known(&format!("{key}.zone"), "is no zone", zone, &zone_names));
        let line =
            rule.line.as_deref().and_then(|line| self.known(&format!("{key}.line"), "is no line", line, &line_names));
        let direction = line.zip(rule.direction.as_deref()).and_then(|(line, direction)| {
            let (to_right, to_left) = directions(&lines[line]);
            let known =
                self.known(&format!("{key}.direction"), "is no direction of it", direction, &[to_right, to_left])?;
            Some(if known == 0 { Direction::ToRight } else { Direction::ToLeft })
        });
        let dwell = self.seconds(&format!("{key}.dwell"), rule.dwell);
        let held = self.seconds(&format!("{key}.count_for"), rule.count_for.or(Some(COUNT_FOR)));
        let bound = self.bound(key, rule);
        if self.faults.len() > before {
            return None;
        }
        Some(match (line, dwell, bound, zone) {
            (Some(line), ..) => Trigger::Crosses { line, direction },
            (_, Some(dwell), ..) => Trigger::Stays { zone, dwell },
            (_, _, Some(bound), _) => Trigger::Count { zone, bound, held: held.unwrap_or_default() },
            (_, _, _, Some(zone)) => Trigger::Inside { zone },
            _ => Trigger::Seen,
        })
    }

    fn bound(&mut self, key: &str, rule: &RuleSection) -> Option<Bound> {
        match (rule.count_over, rule.count_under) {
            (Some(_), Some(_)) => {
                self.fault(format!("{key}.count_under"), "there is `count_over` too: expected a rule for each");
                None
            }
            (_, Some(0)) => {
                self.fault(format!("{key}.count_under"), "nothing is fewer than 0: expected at least 1");
                None
            }
            (Some(over), _) => Some(Bound::Over(over)),
            (_, under) => under.map(Bound::Under),
        }
    }

    fn limits(&mut self, key: &str, rule: &RuleSection) -> Limits {
        for (name, score) in [("min_score", rule.min_score), ("min_best_score", rule.min_best_score)] {
            if score.is_some_and(|score| !(0.0..=1.0).contains(&score)) {
                self.fault(format!("{key}.{name}"), "expected 0.0 to 1.0");
            }
        }
        for (name, length) in [("min_size", rule.min_size), ("max_size", rule.max_size), ("min_path", rule.min_path)] {
            if length.is_some_and(|length| !(0.0..=10.0).contains(&length)) {
                self.fault(format!("{key}.{name}"), "expected 0.0 to 10.0, in heights of the picture");
            }
        }
        let all = Limits::default();
        let limits = Limits {
            labels: self.labels(key, &rule.labels),
            min_score: rule.min_score.unwrap_or(all.min_score),
            min_best_score: rule.min_best_score.unwrap_or(all.min_best_score),
            min_size: rule.min_size.unwrap_or(all.min_size),
            max_size: rule.max_size.unwrap_or(all.max_size),
            min_frames: rule.min_frames.unwrap_or(all.min_frames),
            min_path: rule.min_path.unwrap_or(all.min_path),
        };
        if limits.min_size > limits.max_size {
            self.fault(format!("{key}.max_size"), "it is less than `min_size`: nothing is both");
        }
        limits
    }

    fn schedule(&mut self, key: &str, written: &[String]) -> Option<Schedule> {
        let mut spans = vec![];
        for (n, span) in written.iter().enumerate() {
            match span.parse() {
                Ok(span) => spans.push(span),
                Err(e) => self.fault(format!("{key}.schedule[{n}]"), format!("{e}")),
            }
        }
        if written.is_empty() {
            return None;
        }
        let Some(local) = self.site.local else {
            self.fault(format!("{key}.schedule"), "expected `edge.time_zone` with it, such as \"Europe/Berlin\"");
            return None;
        };
        Some(Schedule { spans, local: local.clone() })
    }

    fn seconds(&mut self, key: &str, written: Option<f32>) -> Option<Duration> {
        let seconds = written?;
        if seconds > 0.0 && seconds <= MAX_TIME {
            return Some(Duration::from_secs_f32(seconds));
        }
        self.fault(key, format!("expected more than 0 and at most {MAX_TIME} seconds"));
        None
    }
}
