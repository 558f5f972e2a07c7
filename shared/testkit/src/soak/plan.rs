//! What goes wrong when: a pure function of a seed, so that a run can be had again.
//!
//! ```text
//! 0 s    5 s                  5 min                          calm                 end
//! ├──────┼────────────────────────┼─────────────────────────────┼────────────────────┤
//!  rest   every misfortune         all but kills of edge and hub  nothing
//!                                           ▔  ▔  ▔  ▔ lulls
//! ```
//!
//! Edge and hub are killed in the first five minutes only (a third of a short run, a sixth of one over half an hour): what
//! their memory does can be said of a process that lives long, and the misfortunes that go on are what might make it grow. In
//! a lull all cameras are away and nothing else goes wrong, so that edge and hub hold what they always hold, and nothing of
//! what they are at: lulls are alike.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use super::memory::WARM_UP;

/// Nothing goes wrong before.
const FIRST: Duration = Duration::from_secs(5);
/// From one misfortune's beginning to the next one's, on the average.
const EVERY: Duration = Duration::from_secs(12);
/// How long who was struck is left alone.
const APART: Duration = Duration::from_secs(3);
/// The calm at the end is a third of a short run, but within these bounds.
const CALM: RangeInclusive<Duration> = Duration::from_secs(40)..=Duration::from_secs(120);
/// In a short run one misfortune lasts for no more than this share of the time in which they may happen.
const LONGEST_SHARE: u32 = 5;
/// Edge and hub are killed for no longer, but where that were less than a sixth of the run.
const EARLY: Duration = Duration::from_secs(300);
/// From one lull's beginning to the next one's.
const LULL_EVERY: Duration = Duration::from_secs(75);
/// How often a place is looked for. In a crowded plan there may be none for one more.
const TRIES: usize = 1000;

/// How long a lull is. The edge takes what it saw for gone 10 s after the last picture.
pub const LULL: Duration = Duration::from_secs(20);

/// The shortest run that every misfortune fits into.
pub const SHORTEST: Duration = Duration::from_secs(90);

/// Kinds of misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// All connections of a camera are closed without a word.
    CameraCut,
    /// A camera stands still: its connections stay, and nothing comes.
    CameraStalled,
    /// A camera ends in good order and comes back.
    CameraRestarted,
    /// A camera is killed.
    CameraKilled,
    /// A camera comes back with a clock that steps in mid-stream.
    CameraClockStepped,
    /// Garbage on the edge's port.
    EdgeGarbage,
    /// Garbage on the hub's ports.
    HubGarbage,
    /// The clock of the edge's machine is set forward, and back again.
    EdgeClockStepped,
    /// The edge is killed.
    EdgeKilled,
    /// The hub is killed.
    HubKilled,
    /// The broker is killed.
    BrokerKilled,
    /// The edge's uplinks are thin, slow and lossy.
    UplinkThin,
    /// Nothing passes over the edge's uplinks, and nobody is told.
    UplinkSilent,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::CameraCut,
        Self::CameraStalled,
        Self::CameraRestarted,
        Self::CameraKilled,
        Self::CameraClockStepped,
        Self::EdgeGarbage,
        Self::HubGarbage,
        Self::EdgeClockStepped,
        Self::EdgeKilled,
        Self::HubKilled,
        Self::BrokerKilled,
        Self::UplinkThin,
        Self::UplinkSilent,
    ];

    /// What it is called in logs and verdicts.
    pub fn name(self) -> &'static str {
        match self {
            Self::CameraCut => "camera cut",
            Self::CameraStalled => "camera stalled",
            Self::CameraRestarted => "camera restarted",
            Self::CameraKilled => "camera killed",
            Self::CameraClockStepped => "camera's clock stepped",
            Self::EdgeGarbage => "garbage at the edge",
            Self::HubGarbage => "garbage at the hub",
            Self::EdgeClockStepped => "edge's clock stepped",
            Self::EdgeKilled => "edge killed",
            Self::HubKilled => "hub killed",
            Self::BrokerKilled => "broker killed",
            Self::UplinkThin => "uplink thin and lossy",
            Self::UplinkSilent => "uplink silent",
        }
    }

    /// For how long, ms. A stall shorter than 5 s is no misfortune: the edge waits that long for a unit.
    fn lasting_ms(self) -> RangeInclusive<u64> {
        match self {
            Self::CameraCut | Self::EdgeGarbage | Self::HubGarbage => 0..=0,
            Self::CameraStalled | Self::UplinkThin => 6_000..=20_000,
            Self::UplinkSilent => 1_000..=20_000,
            Self::CameraRestarted => 500..=5_000,
            Self::CameraClockStepped => 5_000..=20_000,
            // The edge compares clocks every 10 s.
            Self::EdgeClockStepped => 11_000..=20_000,
            Self::CameraKilled | Self::EdgeKilled | Self::HubKilled | Self::BrokerKilled => 200..=10_000,
        }
    }

    fn is_early(self) -> bool {
        matches!(self, Self::EdgeKilled | Self::HubKilled)
    }
}

/// Whom it strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The simulator of the camera with this number, from 0.
    Camera(usize),
    /// The edge.
    Edge,
    /// The hub.
    Hub,
    /// The broker.
    Broker,
    /// What is between the edge and both.
    Uplink,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Camera(n) => write!(f, "camera {n}"),
            Self::Edge => f.write_str("the edge"),
            Self::Hub => f.write_str("the hub"),
            Self::Broker => f.write_str("the broker"),
            Self::Uplink => f.write_str("the uplink"),
        }
    }
}

/// One misfortune.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfortune {
    /// When it begins, from the start of the run.
    pub at: Duration,
    /// For how long; zero where it is over at once.
    pub lasting: Duration,
    /// What.
    pub kind: Kind,
    /// To whom.
    pub target: Target,
    /// What else is random about it: which garbage, which step of the clock.
    pub seed: u64,
}

impl Misfortune {
    fn end(&self) -> Duration {
        self.at + self.lasting
    }

    fn is_near(&self, other: &Self) -> bool {
        self.target == other.target && self.at < other.end() + APART && other.at < self.end() + APART
    }
}

/// One step of carrying out a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A misfortune begins.
    Begin(Misfortune),
    /// One that lasts ends.
    End(Misfortune),
    /// All cameras go away.
    LullBegins,
    /// They come back.
    LullEnds,
}

/// The misfortunes of a run with so many cameras, ascending by when they begin. Of every kind there is one, and about as
/// many as of the others as far as they find room; nobody is struck twice at a time.
pub fn plan(seed: u64, time: Duration, cameras: usize) -> Vec<Misfortune> {
    let mut dice = StdRng::seed_from_u64(seed);
    let calm = calm_from(time);
    let wanted = (calm.saturating_sub(FIRST).as_secs() / EVERY.as_secs()) as usize;
    // One of each first, those that last longest before the others: they need the most room.
    let mut kinds = Kind::ALL.to_vec();
    kinds.sort_by_key(|kind| std::cmp::Reverse(*kind.lasting_ms().end()));
    let mut rest: Vec<_> = Kind::ALL.into_iter().cycle().take(wanted.saturating_sub(kinds.len())).collect();
    rest.shuffle(&mut dice);
    kinds.extend(rest);

    let lulls = lulls(time);
    let mut misfortunes: Vec<Misfortune> = vec![];
    for kind in kinds {
        let place = (0..TRIES)
            .map(|_| draw(kind, time, cameras, &mut dice))
            .filter(|drawn| lulls.iter().all(|lull| drawn.end() + APART <= *lull || drawn.at >= *lull + LULL + APART))
            .find(|drawn| misfortunes.iter().all(|other| !drawn.is_near(other)));
        misfortunes.extend(place);
    }
    misfortunes.sort_by_key(|misfortune| misfortune.at);
    misfortunes
}

/// Until when edge and hub are killed.
fn early_until(time: Duration) -> Duration {
    (time / 3).min(EARLY.max(time / 6))
}

/// From when on nothing goes wrong.
pub fn calm_from(time: Duration) -> Duration {
    time.saturating_sub((time / 3).clamp(*CALM.start(), *CALM.end()))
}

/// When lulls begin: from when the last life of edge and hub is warm, until the calm.
pub fn lulls(time: Duration) -> Vec<Duration> {
    let first = early_until(time) + WARM_UP;
    let each = (0..).map(|n| first + LULL_EVERY * n);
    each.take_while(|begin| *begin + LULL <= calm_from(time)).collect()
}

/// Beginnings and ends of misfortunes and lulls in order.
pub fn steps(plan: &[Misfortune], lulls: &[Duration]) -> Vec<(Duration, Step)> {
    let begins = plan.iter().map(|misfortune| (misfortune.at, Step::Begin(*misfortune)));
    let lasting = plan.iter().filter(|misfortune| !misfortune.lasting.is_zero());
    let ends = lasting.map(|misfortune| (misfortune.end(), Step::End(*misfortune)));
    let lulls = lulls.iter().flat_map(|begin| [(*begin, Step::LullBegins), (*begin + LULL, Step::LullEnds)]);
    let mut steps: Vec<_> = begins.chain(ends).chain(lulls).collect();
    steps.sort_by_key(|(at, _)| *at);
    steps
}

fn draw(kind: Kind, time: Duration, cameras: usize, dice: &mut StdRng) -> Misfortune {
    let calm = calm_from(time);
    let longest = calm.saturating_sub(FIRST) / LONGEST_SHARE;
    let shortest = Duration::from_millis(*kind.lasting_ms().start());
    let lasting = Duration::from_millis(dice.random_range(kind.lasting_ms())).min(longest.max(shortest));
    let latest = if kind.is_early() { early_until(time) } else { calm }.saturating_sub(lasting).max(FIRST);
    let at = Duration::from_millis(dice.random_range(FIRST.as_millis() as u64..=latest.as_millis() as u64));
    let target = match kind {
        Kind::CameraCut
        | Kind::CameraStalled
        | Kind::CameraRestarted
        | Kind::CameraKilled
        | Kind::CameraClockStepped => Target::Camera(dice.random_range(0..cameras.max(1))),
        Kind::EdgeGarbage | Kind::EdgeClockStepped | Kind::EdgeKilled => Target::Edge,
        Kind::HubGarbage | Kind::HubKilled => Target::Hub,
        Kind::BrokerKilled => Target::Broker,
        Kind::UplinkThin | Kind::UplinkSilent => Target::Uplink,
    };
    Misfortune { at, lasting, kind, target, seed: dice.random() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const LONG: Duration = Duration::from_secs(1800);

    /// Runs of all lengths, with few cameras and with many.
    fn plans() -> impl Iterator<Item = (Duration, usize, Vec<Misfortune>)> {
        let runs = [(SHORTEST, 2), (SHORTEST, 3), (Duration::from_secs(600), 1), (LONG, 8)];
        runs.into_iter()
            .flat_map(|(time, cameras)| (0..100).map(move |seed| (time, cameras, plan(seed, time, cameras))))
    }

    #[test]
    fn one_seed_is_one_plan() {
        assert_eq!(plan(7, LONG, 8), plan(7, LONG, 8));
        assert_ne!(plan(7, LONG, 8), plan(8, LONG, 8));
    }

    #[test]
    fn every_kind_occurs() {
        for (time, cameras, plan) in plans() {
            for kind in Kind::ALL {
                assert!(plan.iter().any(|misfortune| misfortune.kind == kind), "{kind:?} in {time:?} of {cameras}");
            }
        }
    }

    #[test]
    fn a_long_run_has_many_of_each_and_strikes_every_camera() {
        let plan = plan(1, LONG, 8);
        assert!(plan.len() > 100, "only {}", plan.len());
        let mut counts = BTreeMap::new();
        plan.iter().for_each(|misfortune| *counts.entry(misfortune.kind).or_insert(0) += 1);
        assert!(counts.values().all(|&count| count >= 8), "{counts:?}");
        for n in 0..8 {
            assert!(plan.iter().any(|misfortune| misfortune.target == Target::Camera(n)), "camera {n}");
        }
    }

    #[test]
    fn it_begins_and_ends_in_peace_and_spares_edge_and_hub_early() {
        for (time, _, plan) in plans() {
            for misfortune in plan {
                assert!(misfortune.at >= FIRST && misfortune.end() <= calm_from(time), "{misfortune:?} in {time:?}");
                assert!(
                    !misfortune.kind.is_early() || misfortune.end() <= early_until(time),
                    "{misfortune:?} in {time:?}"
                );
            }
        }
        assert_eq!(LONG - calm_from(LONG), Duration::from_secs(120));
        assert_eq!(SHORTEST - calm_from(SHORTEST), Duration::from_secs(40));
    }

    #[test]
    fn nobody_is_struck_twice_at_a_time() {
        for (_, _, plan) in plans() {
            for (n, one) in plan.iter().enumerate() {
                let near = plan[n + 1..].iter().find(|other| one.is_near(other));
                assert_eq!(near, None, "near {one:?}");
            }
        }
    }

    #[test]
    fn in_a_lull_nothing_else_goes_wrong() {
        for (time, _, plan) in plans() {
            let mut lull = false;
            let mut struck = 0;
            for (_, step) in steps(&plan, &lulls(time)) {
                match step {
                    Step::LullBegins => lull = true,
                    Step::LullEnds => lull = false,
                    Step::Begin(misfortune) if !misfortune.lasting.is_zero() => struck += 1,
                    Step::Begin(_) => {}
                    Step::End(_) => struck -= 1,
                }
                assert!(!lull || matches!(step, Step::LullBegins), "{step:?} in a lull of {time:?}");
                assert!(!lull || struck == 0, "a lull begins within a misfortune of {time:?}");
            }
        }
        assert!(lulls(SHORTEST).is_empty());
        assert_eq!(lulls(LONG).len(), 15);
    }

    #[test]
    fn what_lasts_ends_after_it_began() {
        let plan = plan(3, LONG, 8);
        let steps = steps(&plan, &lulls(LONG));
        assert!(steps.is_sorted_by_key(|(at, _)| *at));
        for misfortune in plan {
            let of = |step| steps.iter().position(|(_, other)| *other == step);
            let (begin, end) = (of(Step::Begin(misfortune)), of(Step::End(misfortune)));
            assert!(begin.is_some());
            assert!(if misfortune.lasting.is_zero() { end.is_none() } else { end > begin }, "{misfortune:?}");
        }
    }
}
