//! Settings of a gate.

use std::time::Duration;

use serde::Deserialize;

use super::thumbnail::Mask;

/// Whether there is a gate at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Every unit is decoded, and looked at as often as the camera's rate says.
    Always,
    /// An idle camera is hardly decoded.
    #[default]
    Gated,
}

/// How one camera is gated.
#[derive(Debug, Clone, PartialEq)]
pub struct GateConfig {
    /// Whether at all.
    pub mode: Mode,
    /// Looks a second while something is there.
    pub rate: f32,
    /// Where motion counts for nothing.
    pub mask: Mask,
    /// Where sizes do not tell, decode every picture for its thumbnail rather than wait for the next key picture: found
    /// within 300 ms, for two to seven times the work of an idle camera. Meant for sub-streams.
    pub prompt: bool,
    /// How long the gate stays open after the last moving track, at least: for four looks where these are further apart. Over the
    /// tracker's `max_lost`, so that a track ends because its thing is gone and not because nobody looked.
    pub hold: Duration,
    /// A probe's detection from this score on is of interest, `0.0..=1.0`. Below the tracker's `high_score`: who comes
    /// into view scores little at first.
    pub min_score: f32,
}

impl Default for GateConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Gated,
            rate: 5.0,
            mask: Mask::default(),
            prompt: false,
            hold: Duration::from_secs(3),
            min_score: 0.35,
        }
    }
}
