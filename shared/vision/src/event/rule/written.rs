//! The rules of one camera as they are written; what they mean is told in `docs/operate/rules.md`. Second stage:
//! [`check`](super::check).
//!
//! Units: points are `[x, y]`, 0 to 1 from left to right and from top to bottom of the picture; sizes and ways are in
//! heights of the picture; times are seconds; scores 0 to 1.

use serde::Deserialize;

use super::config::Anchor;

/// All of one camera.
#[derive(Debug, Clone, Default)]
pub struct RulesWritten {
    /// `[[camera.zone]]`
    pub zone: Vec<ZoneSection>,
    /// `[[camera.line]]`
    pub line: Vec<LineSection>,
    /// `[[camera.mask]]`
    pub mask: Vec<MaskSection>,
    /// `[[camera.rule]]`
    pub rule: Vec<RuleSection>,
}

/// `[[camera.zone]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneSection {
    /// What rules and events call it.
    pub name: String,
    /// At least three, in their order around.
    pub points: Vec<Vec<f32>>,
    /// `foot` or `centre`.
    #[serde(default)]
    pub anchor: Anchor,
}

/// `[[camera.line]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineSection {
    /// What rules and events call it.
    pub name: String,
    /// Two: beginning and end.
    pub points: Vec<Vec<f32>>,
    /// What it is called to cross to the right hand of who walks from the beginning to the end; `right` where absent.
    pub to_right: Option<String>,
    /// The same to the left hand; `left` where absent.
    pub to_left: Option<String>,
    /// `foot` or `centre`.
    #[serde(default)]
    pub anchor: Anchor,
}

/// `[[camera.mask]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskSection {
    /// At least three, in their order around.
    pub points: Vec<Vec<f32>>,
    /// Only these classes; all where absent.
    #[serde(default)]
    pub labels: Vec<String>,
    /// `foot` or `centre`.
    #[serde(default)]
    pub anchor: Anchor,
}

/// `[[camera.rule]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSection {
    /// What its events carry.
    pub name: String,
    /// In this zone; anywhere where absent.
    pub zone: Option<String>,
    /// Over this line.
    pub line: Option<String>,
    /// Only in this direction, as the line calls it.
    pub direction: Option<String>,
    /// Staying for so long.
    pub dwell: Option<f32>,
    /// More than so many at once.
    pub count_over: Option<u32>,
    /// Fewer than so many at once.
    pub count_under: Option<u32>,
    /// For so long; 2 where absent.
    pub count_for: Option<f32>,
    /// Only these classes; all where absent.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Least mean of the last scores.
    pub min_score: Option<f32>,
    /// Least best score.
    pub min_best_score: Option<f32>,
    /// Least longer side of the box.
    pub min_size: Option<f32>,
    /// Greatest longer side of the box.
    pub max_size: Option<f32>,
    /// Found in at least so many frames.
    pub min_frames: Option<u32>,
    /// Least way that it has gone.
    pub min_path: Option<f32>,
    /// In force then: `"mon-fri 22:00-06:00"`; always where absent.
    #[serde(default)]
    pub schedule: Vec<String>,
}
