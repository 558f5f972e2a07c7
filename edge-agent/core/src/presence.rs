//! What a camera sees now, calm enough for people and home automations: how many of each class, and whether anything
//! moves.
//!
//! Tracks are missed in single frames, and a count that flickers sets off alarms. So a number rises at once and falls
//! after it has been lower for [`HOLD`], to the highest seen meanwhile.
//!
//! While a gate sees nothing change, nobody looks, and the last word stands. Where nobody can look it stands for [`AWAY`], then
//! all are 0; and it stands again for who can look again, unless what was seen is followed no longer ([`Presence::nobody_looks`]).

use std::collections::BTreeMap;
use std::time::Duration;

use omma_protocol::detection::Label;
use omma_protocol::id::LabelName;

use crate::Moment;

/// How long a number must have been lower before it falls.
pub const HOLD: Duration = Duration::from_secs(2);
/// How long the last word stands where nobody can look: whoever is told must be told why before (the camera's state goes out every two
/// seconds), or takes the zero for "nobody is there".
pub const AWAY: Duration = Duration::from_secs(5);
/// Most classes that are counted; further ones are not.
const CLASSES: usize = 128;

/// One camera's.
#[derive(Debug, Default)]
pub struct Presence {
    counts: BTreeMap<LabelName, Calm>,
    motion: Calm,
    /// Since when nobody can look.
    away: Option<Moment>,
}

/// A number that rises at once and falls late.
#[derive(Debug, Default, Clone, Copy)]
struct Calm {
    shown: u32,
    latest: u32,
    /// Since when it has been lower, and the highest since.
    lower: Option<(Moment, u32)>,
}

impl Presence {
    /// Classes that are shown from the beginning, as 0.
    pub fn new<'a>(labels: impl IntoIterator<Item = &'a str>) -> Self {
        let names = labels.into_iter().take(CLASSES).map(LabelName::of);
        Self { counts: names.map(|name| (name, Calm::default())).collect(), ..Self::default() }
    }

    /// The tracks of the newest frame that was looked at.
    pub fn see<'a>(&mut self, now: Moment, labels: impl IntoIterator<Item = &'a Label>) {
        let mut seen: BTreeMap<LabelName, u32> = BTreeMap::new();
        for label in labels {
            let count = seen.entry(LabelName::of(label)).or_default();
            *count = count.saturating_add(1);
        }
        for (name, calm) in &mut self.counts {
            calm.is(seen.remove(name).unwrap_or(0), now);
        }
        for (name, count) in seen {
            if self.counts.len() < CLASSES {
                self.counts.entry(name).or_default().is(count, now);
            }
        }
    }

    /// Whether the camera's gate says that something moves: what is parked is counted and does not.
    pub fn gate(&mut self, now: Moment, moves: bool) {
        self.away = None;
        self.motion.is(u32::from(moves), now);
    }

    /// Nobody can look: the camera is away, or what comes of it can't be looked at.
    pub fn nobody_can_look(&mut self, now: Moment) {
        self.away.get_or_insert(now);
    }

    /// What was seen is followed no longer: its stream ended, detection was switched off, or is another's now.
    pub fn nobody_looks(&mut self) {
        self.counts.values_mut().for_each(|calm| *calm = Calm::default());
        (self.motion, self.away) = (Calm::default(), None);
    }

    /// How many of each class, classes that were seen before included.
    pub fn counts(&mut self, now: Moment) -> impl Iterator<Item = (&LabelName, u32)> {
        let away = self.is_away(now);
        self.counts.iter_mut().map(move |(name, calm)| (name, if away { 0 } else { calm.shown(now) }))
    }

    /// Whether anything moves.
    pub fn motion(&mut self, now: Moment) -> bool {
        !self.is_away(now) && self.motion.shown(now) > 0
    }

    fn is_away(&self, now: Moment) -> bool {
        self.away.is_some_and(|since| now.saturating_sub(since) >= AWAY)
    }
}

impl Calm {
    fn is(&mut self, count: u32, now: Moment) {
        self.shown(now);
        self.latest = count;
        if count >= self.shown {
            (self.shown, self.lower) = (count, None);
        } else {
            let (since, highest) = self.lower.unwrap_or((now, count));
            self.lower = Some((since, highest.max(count)));
        }
    }

    fn shown(&mut self, now: Moment) -> u32 {
        if let Some((since, highest)) = self.lower
            && now.saturating_sub(since) >= HOLD
        {
            self.shown = highest;
            self.lower = (self.latest < highest).then_some((now, self.latest));
        }
        self.shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn counts(presence: &mut Presence, now: Moment) -> Vec<(String, u32)> {
        presence.counts(now).map(|(name, count)| (name.to_string(), count)).collect()
    }

    fn labels(text: &str) -> Vec<Label> {
        text.split_whitespace().map(Label::from).collect()
    }

    #[test]
    fn a_count_rises_at_once_and_falls_late() {
        let mut presence = Presence::new(["person"]);
        for (ms, seen, expected) in [
            (0, "", 0),
            (100, "person person", 2),
            (300, "person", 2),
            (500, "person person", 2),
            (700, "person", 2),
            (900, "", 2),
            (2600, "person", 2),
            // Lower for two seconds, and one was the most since.
            (2700, "person", 1),
            (2800, "", 1),
            (4900, "", 0),
        ] {
            presence.see(MS * ms, &labels(seen));
            assert_eq!(counts(&mut presence, MS * ms), [("person".to_owned(), expected)], "at {ms} ms");
        }
    }

    #[test]
    fn a_last_word_of_nothing_takes_effect_though_nobody_looks_again() {
        let mut presence = Presence::default();
        presence.see(MS, &labels("car person"));
        presence.see(2 * MS, &labels("car"));
        assert_eq!(counts(&mut presence, HOLD * 9), [("car".to_owned(), 1), ("person".to_owned(), 0)]);
        presence.nobody_looks();
        assert_eq!(counts(&mut presence, HOLD * 9), [("car".to_owned(), 0), ("person".to_owned(), 0)]);
    }

    #[test]
    fn where_nobody_can_look_nobody_is_told_to_be_gone_before_it_is_told_why() {
        let mut presence = Presence::default();
        presence.see(MS, &labels("person"));
        presence.nobody_can_look(2 * MS);
        presence.nobody_can_look(AWAY);
        assert_eq!(counts(&mut presence, AWAY), [("person".to_owned(), 1)]);
        presence.gate(AWAY, true);
        assert_eq!(
            counts(&mut presence, AWAY),
            [("person".to_owned(), 1)],
            "a camera that is back soon counts what it counted"
        );
        assert!(presence.motion(AWAY));
        presence.nobody_can_look(2 * AWAY);
        presence.nobody_can_look(3 * AWAY);
        assert_eq!(counts(&mut presence, 3 * AWAY), [("person".to_owned(), 0)]);
        assert!(!presence.motion(3 * AWAY));
    }

    /// Whoever rested before an idle gate was counted again only when something moved.
    #[test]
    fn who_was_there_before_the_camera_was_away_for_seven_seconds_is_counted_when_it_is_back() {
        let mut presence = Presence::default();
        presence.see(MS, &labels("person"));
        presence.nobody_can_look(2 * MS);
        presence.nobody_can_look(AWAY + 2 * MS);
        assert_eq!(counts(&mut presence, AWAY + 2 * MS), [("person".to_owned(), 0)]);
        presence.gate(AWAY + AWAY / 2, false);
        assert_eq!(counts(&mut presence, AWAY + AWAY / 2), [("person".to_owned(), 1)]);
    }

    /// A driveway with a car in it was said to move all night.
    #[test]
    fn what_is_parked_is_counted_and_is_no_motion() {
        let mut presence = Presence::default();
        presence.see(MS, &labels("car"));
        assert!(!presence.motion(MS));
        presence.gate(MS, true);
        assert!(presence.motion(MS));
        presence.gate(2 * MS, false);
        assert!(presence.motion(HOLD) && !presence.motion(HOLD + 2 * MS));
    }
}
