//! The rules of one camera, as checked. As they are written: [`super::written`].

use std::sync::Arc;
use std::time::Duration;

use omma_protocol::detection::Label;

use super::geometry::{Polygon, Segment};
use super::schedule::Schedule;

/// The rules of one camera. Indices are into its own lists; one that leads nowhere makes a rule that never fires.
#[derive(Debug, Clone, PartialEq)]
pub struct RulesConfig {
    /// Areas that rules speak of.
    pub zones: Vec<Zone>,
    /// Lines that rules speak of.
    pub lines: Vec<Line>,
    /// Where nothing is looked for.
    pub masks: Vec<Mask>,
    /// In the order of their evaluation.
    pub rules: Vec<Rule>,
    /// When a thing is parked, and how long it is known again.
    pub parked: Parked,
}

/// The rule of a camera that has none: every confirmed thing makes an event.
pub const DEFAULT_RULE: &str = "default";

impl Default for RulesConfig {
    fn default() -> Self {
        let rule =
            Rule { name: DEFAULT_RULE.into(), trigger: Trigger::Seen, limits: Limits::default(), schedule: None };
        Self { zones: vec![], lines: vec![], masks: vec![], rules: vec![rule], parked: Parked::default() }
    }
}

/// An area.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// What reasons call it.
    pub name: Arc<str>,
    /// In units of the picture.
    pub shape: Polygon,
    /// Which point of a thing is in it or not.
    pub anchor: Anchor,
}

/// A line with two sides.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// What reasons call it.
    pub name: Arc<str>,
    /// In units of the picture.
    pub shape: Segment,
    /// Which point of a thing crosses it.
    pub anchor: Anchor,
    /// What it is called to cross to its right, as seen walking from its beginning to its end.
    pub to_right: Arc<str>,
    /// The same to its left.
    pub to_left: Arc<str>,
}

/// An area in which detections are ignored: they are not even followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Mask {
    /// In units of the picture.
    pub shape: Polygon,
    /// Which point of a detection is in it or not.
    pub anchor: Anchor,
    /// Only these classes; all where empty.
    pub labels: Vec<Label>,
}

/// Which point of a box says where the thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Anchor {
    /// The middle of its lower side: where it stands on the ground, which is what zones are drawn on.
    #[default]
    Foot,
    /// Its centre: for a camera that looks straight down, and for what hangs or flies.
    Centre,
}

/// What makes an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// What its events carry.
    pub name: Arc<str>,
    /// What must happen.
    pub trigger: Trigger,
    /// To what it must happen.
    pub limits: Limits,
    /// When; `None` for always.
    pub schedule: Option<Schedule>,
}

/// What must happen for an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// A thing is there.
    Seen,
    /// A thing is in a zone.
    Inside {
        /// Which of the zones.
        zone: usize,
    },
    /// A thing stays.
    Stays {
        /// In which of the zones; `None` for anywhere in the picture.
        zone: Option<usize>,
        /// How long.
        dwell: Duration,
    },
    /// A thing crosses a line.
    Crosses {
        /// Which of the lines.
        line: usize,
        /// Where to; `None` for either, each of which makes an event of its own.
        direction: Option<Direction>,
    },
    /// There are too many things, or too few.
    Count {
        /// In which of the zones; `None` for anywhere in the picture.
        zone: Option<usize>,
        /// How many are too many or too few.
        bound: Bound,
        /// For how long it must be so.
        held: Duration,
    },
}

/// Over a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the right of who walks along it.
    ToRight,
    /// To the left.
    ToLeft,
}

/// How many are too many or too few.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// More than this.
    Over(u32),
    /// Fewer than this.
    Under(u32),
}

/// What a thing must be for a rule to care. The default lets everything through.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Only these classes; all where empty.
    pub labels: Vec<Label>,
    /// Least mean of its last scores ([`Life::mean_score`](crate::track::Life::mean_score)).
    pub min_score: f32,
    /// Least best score.
    pub min_best_score: f32,
    /// Least longer side of its box, in heights of the picture.
    pub min_size: f32,
    /// Greatest longer side of its box, in heights of the picture.
    pub max_size: f32,
    /// In how many frames it must have been found.
    pub min_frames: u32,
    /// Least way that it has gone, in heights of the picture.
    pub min_path: f32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            labels: vec![],
            min_score: 0.0,
            min_best_score: 0.0,
            min_size: 0.0,
            max_size: f32::INFINITY,
            min_frames: 0,
            min_path: 0.0,
        }
    }
}

/// When a thing is parked, and how long it is known again: for as long as it stood there. Who sat on a bench for two
/// minutes does not hide who sits there an hour later; a car that stood there all evening is the same in the morning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parked {
    /// How long it must have stood in its place.
    pub after: Duration,
    /// The longest time after it was last seen for which a thing of its class in its place is the same thing.
    pub known_for: Duration,
}

impl Default for Parked {
    /// A minute is longer than someone stands at a door; in half a day a night passes.
    fn default() -> Self {
        Self { after: Duration::from_secs(60), known_for: Duration::from_secs(12 * 3600) }
    }
}
