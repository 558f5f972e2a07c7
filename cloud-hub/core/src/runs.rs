//! Which numbers of an outbox have arrived, as runs.
//!
//! An outbox numbers without gaps, so that a run stands for all that it had sent by then: the list grows with what is missing
//! and not with time, and no number is ever forgotten. What an edge gave up is a gap for good.

/// Numbers that have all arrived, and all of which were kept or all refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
    /// Whether they were refused.
    pub refused: bool,
}

/// Where a number goes among the runs that are there: `before` is the last that begins at it or before it, `after` the next one.
/// `None` where it has arrived before; else the run that it is in now, in place of those of the two that lie within it.
pub fn note(number: i64, refused: bool, before: Option<Run>, after: Option<Run>) -> Option<Run> {
    let alike = |run: &Run| run.refused == refused;
    if before.is_some_and(|run| number <= run.last) {
        return None;
    }
    let first = before.filter(alike).filter(|run| run.last + 1 == number).map_or(number, |run| run.first);
    let last = after.filter(alike).filter(|run| run.first - 1 == number).map_or(number, |run| run.last);
    Some(Run { first, last, refused })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn each_number_is_new_once_and_runs_stand_for_exactly_what_has_arrived(
            arrivals in prop::collection::vec((1i64..40, prop::bool::weighted(0.1)), 1..200),
        ) {
            let (mut runs, mut model) = (BTreeMap::<i64, Run>::new(), BTreeMap::new());
            for (number, refused) in arrivals {
                let before = runs.range(..=number).next_back().map(|(_, run)| *run);
                let after = runs.range(number + 1..).next().map(|(_, run)| *run);
                let noted = note(number, refused, before, after);
                prop_assert_eq!(noted.is_some(), !model.contains_key(&number));
                if let Some(run) = noted {
                    model.insert(number, refused);
                    runs.retain(|first, _| !(run.first..=run.last).contains(first));
                    runs.insert(run.first, run);
                }
            }
            let all: Vec<_> = runs.values().flat_map(|run| (run.first..=run.last).map(|n| (n, run.refused))).collect();
            prop_assert_eq!(&all, &model.into_iter().collect::<Vec<_>>());
            let runs: Vec<_> = runs.into_values().collect();
            for pair in runs.windows(2) {
                let touch = pair[0].last + 1 == pair[1].first && pair[0].refused == pair[1].refused;
                prop_assert!(!touch, "{:?} are one run", pair);
            }
        }
    }

    #[test]
    fn what_came_without_a_gap_is_one_run_however_much_it_is() {
        let mut run = None;
        for number in 1..=10_000 {
            run = note(number, false, run, None);
        }
        assert_eq!(run, Some(Run { first: 1, last: 10_000, refused: false }));
        assert_eq!(note(5_000, false, run, None), None);
        assert_eq!(note(i64::MAX, false, run, None).map(|run| run.first), Some(i64::MAX));
    }
}
