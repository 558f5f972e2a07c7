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
    ///
    /// 1 to `MAX_NAME` characters in one line; unique on this camera
    pub name: String,
    /// In their order around, 0 to 1 from left to right and from top to bottom of the picture.
    ///
    /// 3 to `MAX_POINTS`; sides must not cross
    pub points: Vec<Vec<f32>>,
    /// Which point of a box says where the thing is.
    #[serde(default)]
    pub anchor: Anchor,
}

/// `[[camera.line]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineSection {
    /// What rules and events call it.
    ///
    /// 1 to `MAX_NAME` characters in one line; unique on this camera
    pub name: String,
    /// Beginning and end, 0 to 1 from left to right and from top to bottom of the picture.
    ///
    /// two, at least `MIN_LINE` apart
    pub points: Vec<Vec<f32>>,
    /// What it is called to cross to the right hand of who walks from the beginning to the end; `right` where absent.
    ///
    /// 1 to `MAX_NAME` characters in one line
    pub to_right: Option<String>,
    /// The same to the left hand; `left` where absent.
    ///
    /// 1 to `MAX_NAME` characters in one line; not as `to_right`
    pub to_left: Option<String>,
    /// Which point of a box says where the thing is.
    #[serde(default)]
    pub anchor: Anchor,
}

/// `[[camera.mask]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskSection {
    /// In their order around, 0 to 1 from left to right and from top to bottom of the picture.
    ///
    /// 3 to `MAX_POINTS`; sides must not cross
    pub points: Vec<Vec<f32>>,
    /// Only these classes; all where absent.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Which point of a box says where the thing is.
    #[serde(default)]
    pub anchor: Anchor,
}

/// `[[camera.rule]]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleSection {
    /// What its events carry.
    ///
    /// 1 to `MAX_NAME` characters in one line; unique on this camera
    pub name: String,
    /// In this zone; anywhere where absent.
    ///
    /// not with `line`
    pub zone: Option<String>,
    /// Over this line.
    ///
    /// one of `line`, `dwell`, `count_over` and `count_under`
    pub line: Option<String>,
    /// Only in this direction, as the line calls it.
    ///
    /// with `line`
    pub direction: Option<String>,
    /// Staying for so many seconds.
    ///
    /// more than 0, at most `MAX_TIME`
    pub dwell: Option<f32>,
    /// More than so many at once.
    pub count_over: Option<u32>,
    /// Fewer than so many at once.
    ///
    /// at least 1
    pub count_under: Option<u32>,
    /// For so many seconds; `COUNT_FOR` where absent.
    ///
    /// more than 0, at most `MAX_TIME`; with `count_over` or `count_under`
    pub count_for: Option<f32>,
    /// Only these classes; all where absent.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Least mean of the last scores.
    ///
    /// 0 to 1
    pub min_score: Option<f32>,
    /// Least best score.
    ///
    /// 0 to 1
    pub min_best_score: Option<f32>,
    /// Least longer side of the box, in heights of the picture.
    ///
    /// 0 to 10
    pub min_size: Option<f32>,
    /// Greatest longer side of the box, in heights of the picture.
    ///
    /// 0 to 10; not less than `min_size`
    pub max_size: Option<f32>,
    /// Found in at least so many frames.
    pub min_frames: Option<u32>,
    /// Least way that it has gone, in heights of the picture.
    ///
    /// 0 to 10
    pub min_path: Option<f32>,
    /// In force then: `"mon-fri 22:00-06:00"`; always where absent.
    ///
    /// with `edge.time_zone`
    #[serde(default)]
    pub schedule: Vec<String>,
}
