//! Who rested and left while the gate was closed: nobody looks, but probes do.

use omma_protocol::detection::Detection;
use omma_protocol::event::Phase;
use omma_protocol::track::Track;
use proptest::prelude::*;

use super::site::{Site, at, person, reasons};
use crate::event::Change;

const ZONE: &str = "[[zone]]\nname = \"door\"\npoints = [[0, 0], [1, 0], [1, 1], [0, 1]]";
const RULES: &str = "[[rule]]\nname = \"seen\"\n[[rule]]\nname = \"waits\"\nzone = \"door\"\ndwell = 300";
/// When the gate closes, ms.
const CLOSED: i64 = 40_000;
const MINUTE: i64 = 60_000;

/// Changes, each with when it was told, ms.
type Told = Vec<(i64, Change)>;

/// Persons who have stood there until the gate closed.
fn resting(there: Vec<Track>) -> (Site, Told) {
    let mut site = Site::new(ZONE, RULES);
    let changes = site.run(0..CLOSED, |_| Some(there.clone()));
    (site, changes)
}

fn found(there: &[Track]) -> Vec<Detection> {
    there.iter().map(|t| Detection { label: t.label.clone(), score: 0.4, rect: t.rect }).collect()
}

impl Site {
    /// The gate is closed: each two seconds nothing has changed, and at some of these a probe finds so much.
    fn rest(
        &mut self,
        ms: std::ops::Range<i64>,
        probe: impl Fn(i64) -> Option<Vec<Track>>,
    ) -> (Told, Vec<(i64, Vec<u64>)>) {
        let (mut changes, mut left) = (vec![], vec![]);
        for ms in ms.step_by(2000) {
            if let Some(there) = probe(ms) {
                let tracks = self.events.probed(at(ms), &found(&there));
                left.extend(tracks.map(|tracks| (ms, tracks.iter().map(|track| track.id.0).collect())));
            } else {
                changes.extend(self.events.unchanged(at(ms)).into_iter().map(|change| (ms, change)));
            }
        }
        (changes, left)
    }
}

fn closed(changes: &[(i64, Change)]) -> Vec<(i64, i64)> {
    let closed = changes.iter().filter(|(_, change)| change.event.phase == Phase::Closed);
    closed.map(|(ms, change)| (*ms, change.event.closed.unwrap().0 - at(0).0)).collect()
}

#[test]
fn who_rested_and_left_while_the_gate_was_closed_is_gone_since_the_first_probe_that_missed_him() {
    let (mut site, before) = resting(vec![person(1, 0.4)]);
    assert_eq!(reasons(&before).len(), 1);
    let left_at = 2 * MINUTE;
    // At his leaving, and then one a minute.
    let probe = |ms: i64| (ms >= left_at && ms % MINUTE == 0).then(Vec::new);
    let (changes, left) = site.rest(CLOSED..60 * MINUTE, probe);
    assert_eq!(left, [(7 * MINUTE, vec![])], "the sixth");
    assert_eq!(reasons(&changes), [], "he has not waited for five minutes");
    assert_eq!(closed(&changes), [(7 * MINUTE + 2000, (left_at - 2000) * 1000)]);
    assert_eq!(site.events.open(), 0);
}

#[test]
fn who_was_called_gone_wrongly_and_is_looked_at_again_is_there_and_has_an_event() {
    let there = person(1, 0.4);
    let (mut site, _) = resting(vec![there.clone()]);
    // Missed from the gate's closing on, so that he has not stood for long enough to be parked.
    let (_, left) = site.rest(CLOSED..7 * MINUTE, |ms| (ms % 10_000 == 0).then(Vec::new));
    assert_eq!((left.len(), site.events.open()), (1, 0));
    assert_eq!(site.events.probed(at(7 * MINUTE), &found(&[there])), None);
    let changes = site.run(7 * MINUTE..7 * MINUTE + 5000, |_| Some(vec![person(2, 0.4)]));
    assert_eq!(reasons(&changes), [("seen".to_owned(), String::new())]);
    assert_eq!(site.events.open(), 1);
}

#[test]
fn of_two_who_rested_the_one_who_did_not_leave_stays() {
    let (stays, leaves) = (person(1, 0.2), person(2, 0.7));
    let (mut site, _) = resting(vec![stays.clone(), leaves]);
    let (changes, left) = site.rest(CLOSED..60 * MINUTE, |ms| (ms % MINUTE == 0).then(|| vec![stays.clone()]));
    assert_eq!(left, [(6 * MINUTE, vec![1])]);
    assert_eq!(reasons(&changes).len(), 1, "he waits: {changes:?}");
    assert_eq!((closed(&changes).len(), site.events.open()), (1, 2));
}

#[test]
fn whom_something_hides_for_a_moment_has_not_left() {
    let there = person(1, 0.4);
    let (mut site, _) = resting(vec![there.clone()]);
    for ms in (CLOSED..CLOSED + 50_000).step_by(200) {
        assert_eq!(site.events.probed(at(ms), &[]), None, "{ms}");
    }
    let (changes, left) = site.rest(CLOSED + 50_000..10 * MINUTE, |ms| (ms % MINUTE == 0).then(|| vec![there.clone()]));
    assert_eq!((left.len(), closed(&changes).len(), site.events.open()), (0, 0, 2));
}

#[test]
fn who_is_doubted_when_the_gate_opens_closes_no_sooner_than_looks_say() {
    let (mut site, _) = resting(vec![person(1, 0.4)]);
    site.rest(CLOSED..5 * MINUTE, |ms| (ms % MINUTE == 0).then(Vec::new));
    let from = 5 * MINUTE;
    let changes = site.run(from..from + 20_000, |_| None);
    let [(told, closed)] = closed(&changes)[..] else { panic!("{changes:?}") };
    assert!((from + 13_000..from + 16_000).contains(&told), "{told}");
    assert!(closed / 1000 >= from - 4000, "{closed}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever probes miss, as long as it is less than six in a row, changes nothing in the end.
    #[test]
    fn whom_the_detector_misses_now_and_then_stays_as_long_as_with_looks(
        misses in prop::collection::vec(0usize..6, 1..30),
    ) {
        let there = person(1, 0.4);
        let (mut site, before) = resting(vec![there.clone()]);
        let probes: Vec<bool> = misses.iter().flat_map(|n| (0..=*n).map(|m| m == *n)).collect();
        let end = (probes.len() as i64 + 1).max(7) * MINUTE;
        let probe = |ms: i64| {
            let found = probes.get((ms / MINUTE - 1) as usize).copied().unwrap_or(true);
            (ms % MINUTE == 0).then(|| if found { vec![there.clone()] } else { vec![] })
        };
        let (changes, left) = site.rest(CLOSED..end, probe);
        prop_assert!(left.is_empty() && closed(&changes).is_empty(), "{:?}", changes);
        prop_assert_eq!(reasons(&before).len() + reasons(&changes).len(), 2);
        prop_assert_eq!(site.events.open(), 2);
    }
}
