//! Which things make events: zones, lines, time spent, numbers, by the rules of the camera's configuration.
//!
//! ```text
//! [[camera.rule]] … ─▶ written ─▶ config
//!                                   │
//! detection ─▶ masks ─▶ tracker ─▶ things ─▶ limits, schedule, trigger ─▶ an event is wanted, and why
//! ```
//!
//! 1. [`mask`]: what a mask hides is not followed at all.
//! 2. `things`: a track becomes a thing, or goes on with one that was lost from sight in its place. Each remembers its
//!    way, the zones it is in and the lines it crossed.
//! 3. Each rule is asked of each thing of the frame, and of their number. What it wants it goes on wanting until its
//!    event is open; of one thing a rule makes one event, or one in each direction over a line.
//!
//! - **What trembles fires once.** A thing is out of a zone, or over a line, only when it is so by a tenth of its size;
//!   steps shorter than that are no way.
//! - **What stands does not fire again.** A thing that has stood in its place for a minute is parked, and what is found
//!   there later, after no longer than it had stood, is still that thing. A rule that asks only whether something is there does not fire for what is parked
//!   already when it comes into force.
//! - **What is out of force is not made up for.** A schedule is asked at the time of a crossing, and as long as a thing
//!   is there for all else.
//!
//! Nothing here reads a clock, and nothing is kept but for the things in sight and those that are parked, of which
//! there are at most 512.

pub mod config;

pub mod written;

pub mod check;

pub mod mask;

pub mod geometry;

pub mod schedule;

mod ground;

mod things;

mod thing;

mod crowd;

use std::sync::Arc;

use omma_protocol::event::Why;
use omma_protocol::time::CaptureTime;
use omma_protocol::track::Track;

use super::EventsConfig;
use super::parked::ParkedThing;
use crate::track::Life;
use config::{Direction, Limits, Rule, RulesConfig, Trigger};
use ground::Ground;

pub(super) use crowd::{Crowd, Gathering};
pub(super) use thing::Thing;
pub(super) use things::Things;

/// The rules of one camera at work.
#[derive(Debug)]
pub(super) struct Rules {
    config: RulesConfig,
    ground: Ground,
}

/// A rule wants an event of a thing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Want {
    pub(super) rule: usize,
    pub(super) direction: Option<Direction>,
    pub(super) why: Why,
    /// When what is told began.
    pub(super) since: CaptureTime,
}

impl Rules {
    pub(super) fn new(config: RulesConfig) -> Self {
        Self { ground: Ground::new(&config, 1.0), config }
    }

    /// Takes the confirmed tracks of one frame of a picture whose width over height is `aspect`.
    pub(super) fn see(
        &mut self,
        things: &mut Things,
        time: CaptureTime,
        aspect: f32,
        tracks: &[(Track, Life)],
        config: &EventsConfig,
    ) {
        self.lie_in(aspect);
        things.forget(time, config, self.config.parked);
        things.see(time, tracks, &self.ground, config, self.config.parked);
    }

    /// Zones and lines as they lie in a picture of that shape.
    fn lie_in(&mut self, aspect: f32) {
        if !self.ground.is_of(aspect) {
            self.ground = Ground::new(&self.config, aspect);
        }
    }

    /// What is parked, with the names of the rules that have made events of it.
    pub(super) fn parked(&self, things: &Things) -> Vec<ParkedThing> {
        things.parked(self.config.parked).map(|thing| thing.to_parked(|rule| self.name(rule))).collect()
    }

    /// What an earlier run had parked. What was seen after `now` is of a clock that was wrong.
    pub(super) fn know(&mut self, things: &mut Things, parked: &[ParkedThing], now: CaptureTime, aspect: f32) {
        self.lie_in(aspect);
        let rule = |name: &str| self.config.rules.iter().position(|rule| &*rule.name == name);
        for parked in parked.iter().filter(|parked| parked.seen < now) {
            let told = parked.told.iter().filter_map(|(name, direction)| Some((rule(name)?, *direction)));
            things.know(parked, told.collect(), &self.ground);
        }
    }

    /// Nothing has changed from `before`, the last time told of, to `time`.
    pub(super) fn stay(&self, things: &mut Things, before: CaptureTime, time: CaptureTime, config: &EventsConfig) {
        things.stay(before, time, config);
        things.forget(time, config, self.config.parked);
    }

    /// What the rules want of a thing of the frame of `time` and have not had.
    pub(super) fn wants(&self, time: CaptureTime, thing: &Thing, config: &EventsConfig) -> Vec<Want> {
        if time.since(thing.first_seen) < config.min_duration {
            return vec![];
        }
        let rules = self.config.rules.iter().enumerate();
        let met = rules.filter(|(_, rule)| self.is_within(thing, &rule.limits));
        met.flat_map(|(index, rule)| self.met(time, thing, index, rule)).collect()
    }

    /// What has become of the reason of an event that is open: how long the thing has stayed by now.
    pub(super) fn why_now(&self, time: CaptureTime, thing: &Thing, rule: usize) -> Option<Why> {
        let Trigger::Stays { zone, .. } = self.config.rules.get(rule)?.trigger else { return None };
        Some(self.stayed(zone, time, self.there_since(thing, zone)?))
    }

    /// Name of a rule.
    pub(super) fn name(&self, rule: usize) -> Arc<str> {
        self.config.rules.get(rule).map_or_else(|| "".into(), |rule| rule.name.clone())
    }

    /// One for each rule that counts.
    pub(super) fn crowds(&self) -> Vec<Crowd> {
        let counting = |rule: &Rule| matches!(rule.trigger, Trigger::Count { .. });
        let rules = self.config.rules.iter().enumerate();
        rules.filter(|(_, rule)| counting(rule)).map(|(index, _)| Crowd::new(index)).collect()
    }

    /// The stream has ended.
    pub(super) fn end(&self, things: &mut Things) {
        things.end(self.config.parked);
    }

    fn met(&self, time: CaptureTime, thing: &Thing, index: usize, rule: &Rule) -> Vec<Want> {
        let want = |direction, why, since| Want { rule: index, direction, why, since };
        let in_force = |time| rule.schedule.as_ref().is_none_or(|schedule| schedule.holds(time));
        let untold = |direction| !thing.is_told(index, direction);
        let arrives = || !thing.is_parked(self.config.parked) && in_force(time);
        match rule.trigger {
            Trigger::Seen if arrives() => {
                let since = if untold(None) { Some(thing.first_seen) } else { thing.away_since(index) };
                since.map(|since| want(None, Why::Seen, since)).into_iter().collect()
            }
            Trigger::Inside { zone } if untold(None) => {
                let since = thing.inside_since(zone).filter(|_| arrives());
                let why = self.zone(Some(zone)).map(|zone| Why::Inside { zone });
                since.zip(why).map(|(since, why)| want(None, why, since)).into_iter().collect()
            }
            Trigger::Stays { zone, dwell } if untold(None) => {
                let since = self.there_since(thing, zone);
                let since = since.filter(|since| time.since(*since) >= dwell && in_force(time));
                since.map(|since| want(None, self.stayed(zone, time, since), since)).into_iter().collect()
            }
            Trigger::Crosses { line, direction } => {
                let directions = [Direction::ToRight, Direction::ToLeft].into_iter();
                let wanted = directions.filter(|d| direction.is_none_or(|only| only == *d) && untold(Some(*d)));
                let crossed = wanted.filter_map(|d| {
                    let at = thing.crossed(line, d).filter(|at| in_force(*at))?;
                    Some(want(Some(d), self.crossed(line, d)?, at))
                });
                crossed.collect()
            }
            Trigger::Seen | Trigger::Inside { .. } | Trigger::Stays { .. } | Trigger::Count { .. } => vec![],
        }
    }

    fn is_within(&self, thing: &Thing, limits: &Limits) -> bool {
        let size = self.ground.size(thing.track.rect);
        (limits.labels.is_empty() || limits.labels.contains(&thing.track.label))
            && thing.life.mean_score() >= limits.min_score
            && thing.best_score() >= limits.min_best_score
            && (limits.min_size..=limits.max_size).contains(&size)
            && thing.frames() >= limits.min_frames
            && thing.path() >= limits.min_path
    }

    fn there_since(&self, thing: &Thing, zone: Option<usize>) -> Option<CaptureTime> {
        match zone {
            Some(zone) => thing.inside_since(zone),
            None => Some(thing.first_seen),
        }
    }

    fn stayed(&self, zone: Option<usize>, time: CaptureTime, since: CaptureTime) -> Why {
        // A tenth of a second is as exact as looks a few times a second are.
        let seconds = (time.since(since).as_secs_f32() * 10.0).round() / 10.0;
        Why::Stayed { zone: self.zone(zone), seconds }
    }

    fn crossed(&self, line: usize, direction: Direction) -> Option<Why> {
        let line = self.config.lines.get(line)?;
        let name = match direction {
            Direction::ToRight => &line.to_right,
            Direction::ToLeft => &line.to_left,
        };
        Some(Why::Crossed { line: line.name.clone(), direction: name.clone() })
    }

    fn zone(&self, zone: Option<usize>) -> Option<Arc<str>> {
        self.config.zones.get(zone?).map(|zone| zone.name.clone())
    }
}

#[cfg(test)]
mod tests;
