//! Edges that never come back: what they have left open is closed by the hub once nothing was heard of them for [`GIVE_UP`].
//!
//! Only time in which the hub was there counts, by a clock that never steps: a hub that was off for a month has not heard of
//! anybody, and no edge is to blame. It is kept over the hub's restarts, which else would begin it anew each time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use omma_protocol::id::EdgeId;

/// A week: longer than a holiday's power cut, an uplink's repair or a device's way to the workshop mostly take, after which
/// the edge tells the end itself.
pub const GIVE_UP: Duration = Duration::from_secs(7 * 24 * 3600);
/// Why an event was closed so, for people.
pub const REASON: &str = "nothing was heard of its edge for 7 days";

/// How long nothing was heard of edges that have left something open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Silences(BTreeMap<EdgeId, Duration>);

impl Silences {
    /// As they were when the hub ended.
    pub fn new(of: impl IntoIterator<Item = (EdgeId, Duration)>) -> Self {
        Self(of.into_iter().collect())
    }

    /// So much time has `passed` since the last look, in which these were `heard`; these have something `open`. Gives those
    /// whose events are to be closed.
    pub fn look(&mut self, passed: Duration, open: BTreeSet<EdgeId>, heard: &BTreeSet<EdgeId>) -> Vec<EdgeId> {
        self.0.retain(|edge, _| open.contains(edge));
        for edge in open {
            let silence = self.0.entry(edge.clone()).or_default();
            *silence = if heard.contains(&edge) { Duration::ZERO } else { silence.saturating_add(passed) };
        }
        self.0.iter().filter(|(_, silence)| **silence >= GIVE_UP).map(|(edge, _)| edge.clone()).collect()
    }

    /// Each with its time.
    pub fn iter(&self) -> impl Iterator<Item = (&EdgeId, Duration)> {
        self.0.iter().map(|(edge, silence)| (edge, *silence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn edges(names: &[&str]) -> BTreeSet<EdgeId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    /// Hours, each with a look, until the first is given up; the hub is started anew every `restart` hours.
    fn given_up(restart: u32, hours: u32, heard: impl Fn(u32) -> bool) -> Option<(u32, Vec<String>)> {
        let mut silences = Silences::default();
        (1..=hours).find_map(|hour| {
            if hour % restart == 0 {
                silences = Silences::new(silences.iter().map(|(edge, silence)| (edge.clone(), silence)));
            }
            let heard = edges(if heard(hour) { &["site", "other"] } else { &["other"] });
            let gone = silences.look(HOUR, edges(&["site", "other"]), &heard);
            (!gone.is_empty()).then(|| (hour, gone.iter().map(ToString::to_string).collect()))
        })
    }

    #[test]
    fn an_edge_that_never_comes_back_is_given_up_after_a_week_however_often_the_hub_is_started_anew() {
        for restart in [1, 24, 10_000] {
            assert_eq!(given_up(restart, 1000, |_| false), Some((7 * 24, vec!["site".to_owned()])));
        }
    }

    #[test]
    fn an_edge_that_is_heard_of_now_and_then_is_not() {
        assert_eq!(given_up(100, 5000, |hour| hour % 167 == 0), None);
        assert_eq!(given_up(100, 5000, |hour| hour == 100), Some((100 + 7 * 24, vec!["site".to_owned()])));
    }

    #[test]
    fn one_that_has_nothing_open_is_forgotten() {
        let mut silences = Silences::default();
        assert_eq!(silences.look(GIVE_UP, edges(&["site"]), &edges(&[])), [edges(&["site"]).pop_first().unwrap()]);
        assert!(silences.look(HOUR, edges(&[]), &edges(&[])).is_empty() && silences == Silences::default());
        assert!(silences.look(HOUR, edges(&["site"]), &edges(&[])).is_empty());
    }
}
