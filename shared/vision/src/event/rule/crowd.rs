//! How many there are: rules that count.
//!
//! ```text
//! as allowed ──other than allowed──▶ held ──for `held`──▶ due: an event opens, and goes on while it is so
//!     ▲                               │                                 │
//!     └───────────────────────────────┴───────────as allowed again──────┘
//! ```
//!
//! A thing that the detector misses for a moment still counts. The event is about no one thing: its box is the zone's,
//! its track none.

use std::time::Duration;

use omma_protocol::detection::Label;
use omma_protocol::event::Why;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::TrackId;

use super::Rules;
use super::config::{Bound, Rule, Trigger};
use super::geometry::Polygon;
use super::thing::Thing;
use super::things::Things;
use crate::event::EventsConfig;
use crate::event::open::Sight;

/// What an event of nothing is about, where its rule names no class.
const NOTHING: &str = "thing";

/// The state of one rule that counts.
#[derive(Debug)]
pub(in crate::event) struct Crowd {
    rule: usize,
    /// Since when there are other than allowed.
    since: Option<CaptureTime>,
}

/// There are too many or too few in this frame.
#[derive(Debug)]
pub(in crate::event) struct Gathering {
    pub(in crate::event) since: CaptureTime,
    /// Whether it has been so for long enough.
    pub(in crate::event) due: bool,
    pub(in crate::event) sight: Sight,
    pub(in crate::event) why: Why,
}

impl Crowd {
    pub(super) fn new(rule: usize) -> Self {
        Self { rule, since: None }
    }

    pub(in crate::event) fn rule(&self) -> usize {
        self.rule
    }

    /// Counts. `None` where there are as many as allowed.
    pub(in crate::event) fn see(
        &mut self,
        time: CaptureTime,
        rules: &Rules,
        things: &Things,
        config: &EventsConfig,
    ) -> Option<Gathering> {
        let seen = rules.config.rules.get(self.rule).and_then(|rule| count(time, rules, rule, things, config));
        let Some((held, sight, why)) = seen else {
            self.since = None;
            return None;
        };
        let since = *self.since.get_or_insert(time);
        Some(Gathering { since, due: time.since(since) >= held, sight, why })
    }

    /// The stream has ended: what was so need not be so when it begins again.
    pub(in crate::event) fn end(&mut self) {
        self.since = None;
    }
}

fn count(
    time: CaptureTime,
    rules: &Rules,
    rule: &Rule,
    things: &Things,
    config: &EventsConfig,
) -> Option<(Duration, Sight, Why)> {
    let Trigger::Count { zone, bound, held } = rule.trigger else { return None };
    if rule.schedule.as_ref().is_some_and(|schedule| !schedule.holds(time)) {
        return None;
    }
    let there = |thing: &&Thing| zone.is_none_or(|zone| thing.inside_since(zone).is_some());
    let present = things.present(time, config).filter(there);
    let counted: Vec<&Thing> = present.filter(|thing| rules.is_within(thing, &rule.limits)).collect();
    let count = u32::try_from(counted.len()).unwrap_or(u32::MAX);
    let zone_name = rules.zone(zone);
    let (why, quality) = match bound {
        Bound::Over(limit) if count > limit => (Why::Over { zone: zone_name, count, limit }, count as f32),
        Bound::Under(limit) if count < limit => {
            (Why::Under { zone: zone_name, count, limit }, 1.0 / (1.0 + count as f32))
        }
        Bound::Over(_) | Bound::Under(_) => return None,
    };
    let shape = zone.and_then(|zone| rules.config.zones.get(zone)).map(|zone| zone.shape.bounds());
    let sight = Sight {
        track: TrackId::NONE,
        label: label(&counted, rule),
        score: counted.iter().map(|thing| thing.track.score).fold(0.0, f32::max),
        rect: shape.unwrap_or_else(|| Polygon::picture().bounds()),
        quality,
    };
    Some((held, sight, why))
}

/// What most of them are; where there is nothing, what the rule looks for.
fn label(counted: &[&Thing], rule: &Rule) -> Label {
    let number = |label: &Label| counted.iter().filter(|thing| thing.track.label == *label).count();
    // Of as many, the one that came first: `max_by_key` would take the last.
    let most = counted.iter().rev().map(|thing| &thing.track.label).max_by_key(|label| number(label));
    most.or(rule.limits.labels.first()).cloned().unwrap_or_else(|| NOTHING.into())
}
